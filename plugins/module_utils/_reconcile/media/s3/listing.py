# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lists the objects below a prefix in byte order, whatever the order of the service, several folders at once.

All keys below a folder stand together in byte order. So each folder is listed by a thread of its own and
sorted by itself, on disk where it is large; what a service lists in order is only looked through.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Event
from typing import Iterator, NamedTuple, Union

from ...spool import ExternalSort
from ...text import reason_of
from .client import Bucket, Page
from .failures import BucketError
from .listed import lines_of

# Folders that are listed at the same time, and those whose objects may wait beyond that.
AT_ONCE = 8
# Objects of a folder that memory holds.
OBJECTS_IN_MEMORY = 10_000
# A listing is split at its folders until it has so many, by as many requests at most.
_FOLDERS, _SPLITS = 32, 64


class _Folder(NamedTuple):
    """What is listed by itself: all keys that begin with this prefix."""

    prefix: str


class Unlisted(NamedTuple):
    """A prefix below which not all objects are known, and why."""

    prefix: str
    reason: str


# A folder, or the line of an object.
_Part = Union[_Folder, bytes]


def objects_below(bucket: Bucket, prefix: str) -> Iterator[list[bytes] | Unlisted]:
    """Yield the objects whose keys begin with a prefix, and what could not be listed.

    Objects are lines (see ``listed``), in lists in byte order.
    """
    parts = _split(bucket, prefix)
    stop = Event()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        waiting: deque[list[bytes] | tuple[str, Future[ExternalSort]]] = deque()
        try:
            for part in _grouped(parts):
                if isinstance(part, _Folder):
                    waiting.append((part.prefix, threads.submit(_listed, bucket, part.prefix, stop)))
                else:
                    waiting.append(part)
                if len(waiting) > AT_ONCE:
                    yield from _done(waiting.popleft())
            while waiting:
                yield from _done(waiting.popleft())
        finally:
            # Who reads may have had enough.
            stop.set()


def objects_by_page(bucket: Bucket, prefix: str) -> Iterator[list[bytes] | Unlisted]:
    """The same in any order, and no page before it is asked for."""
    try:
        for page in bucket.pages(prefix):
            _require_below(prefix, page)
            yield lines_of(page.entries)
    except OSError as error:
        yield _unlisted(prefix, error)


def _done(part: list[bytes] | tuple[str, Future[ExternalSort]]) -> Iterator[list[bytes] | Unlisted]:
    if isinstance(part, list):
        yield part
        return
    prefix, listed = part
    try:
        lines = listed.result()
    except OSError as error:
        yield _unlisted(prefix, error)
        return
    yield from lines.lists()


def _unlisted(prefix: str, error: OSError) -> Unlisted:
    return Unlisted(prefix, reason_of(error))


def _listed(bucket: Bucket, prefix: str, stop: Event) -> ExternalSort:
    lines = ExternalSort(OBJECTS_IN_MEMORY)
    for page in bucket.pages(prefix):
        if stop.is_set():
            break
        _require_below(prefix, page)
        lines.extend(lines_of(page.entries))
    return lines


def _require_below(prefix: str, page: Page) -> None:
    """Raises BucketError where a service lists something else than was asked for."""
    if not all(entry.key.startswith(prefix) for entry in page.entries):
        raise BucketError("the service lists keys that do not begin with what was asked for")


def _split(bucket: Bucket, prefix: str) -> list[_Part]:
    """The objects and folders in a folder, and in the folders in there, in byte order."""
    parts: list[_Part] = [_Folder(prefix)]
    open_folders = deque([prefix])
    splits = 0
    while 0 < len(open_folders) < _FOLDERS and splits < _SPLITS:
        splits += 1
        folder = open_folders.popleft()
        inner: list[_Part] | None = None
        # Who lists it whole meets the error again, and reports it.
        with suppress(OSError):
            inner = _inside(bucket, folder)
        if inner is not None:
            at = parts.index(_Folder(folder))
            parts[at : at + 1] = inner
            open_folders.extend(part.prefix for part in inner if isinstance(part, _Folder))
    return parts


def _inside(bucket: Bucket, folder: str) -> list[_Part] | None:
    """What is in a folder, in byte order; None where that is more than a page."""
    page = next(bucket.pages(folder, "/"))
    if page.has_more:
        return None
    if not all(part.startswith(folder) and part != folder for part in page.prefixes):
        raise BucketError("the service lists folders that are not in the one that was asked for")
    _require_below(folder, page)
    named: dict[str, _Part] = {prefix: _Folder(prefix) for prefix in page.prefixes}
    objects = [entry for entry in page.entries if entry.key not in named]
    named.update(zip([entry.key for entry in objects], lines_of(objects)))
    # The order of code points is that of UTF-8.
    return [named[name] for name in sorted(named)]


def _grouped(parts: list[_Part]) -> Iterator[_Folder | list[bytes]]:
    """The same with the objects between two folders together."""
    lines: list[bytes] = []
    for part in parts:
        if isinstance(part, bytes):
            lines.append(part)
            continue
        if lines:
            yield lines
            lines = []
        yield part
    if lines:
        yield lines
