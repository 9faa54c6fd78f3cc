# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Folders in which nothing is referenced: where all files of a folder would go, a column is often forgotten.

Files come in byte order, so the files of a folder come together, and one pass decides in bounded memory:
the next referenced file before a file and the one after it tell which of its folders hold any.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import groupby
from operator import itemgetter
from typing import AbstractSet, Callable, Iterable, Iterator, NamedTuple, Sequence

from ...media.paths import is_below
from ...media.store import FileState
from ...spool import Spool

# A few files say nothing about their folder.
FEW_FILES = 10


class Seen(NamedTuple):
    """A file that the comparison met; of the referenced ones those that have an unreferenced one beside them.

    ``state`` is None for what is no candidate: it is referenced, or young.
    """

    path: bytes
    state: FileState | None
    is_referenced: bool
    is_hard_linked: bool = False


def seen_files(chunk: int | None = None) -> Spool[Seen]:
    """An empty list of such files, of which memory holds so many."""
    return Spool(
        lambda seen: (seen.path, seen.state and tuple(seen.state), *seen[2:]),
        lambda path, state, *more: Seen(path, state and FileState(*state), *more),
        chunk,
    )


class Neighbours:
    """Finds the referenced files next to unreferenced ones. Files come in byte order, list by list."""

    def __init__(self) -> None:
        self._last: bytes | None = None
        self._follows_unreferenced = False

    def of(self, paths: Sequence[bytes], unreferenced: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
        """Yield the unreferenced ones of some paths and the referenced ones beside them: is it referenced?"""
        start = 0
        for path in unreferenced:
            at = bisect_left(paths, path, start)
            yield from self._between(paths, start, at)
            if self._last is not None:
                yield self._last, True
            yield path, False
            self._last, self._follows_unreferenced = None, True
            start = at + 1
        yield from self._between(paths, start, len(paths))

    def _between(self, paths: Sequence[bytes], start: int, end: int) -> Iterator[tuple[bytes, bool]]:
        """Pass over referenced files; the first one is yielded if an unreferenced one came before it."""
        if start == end:
            return
        if self._follows_unreferenced:
            yield paths[start], True
            self._follows_unreferenced = False
            if start + 1 == end:
                # It need not come once more before the next unreferenced one.
                return
        self._last = paths[end - 1]


def by_unreferenced_folder(seen: Iterable[Seen]) -> Iterator[tuple[bytes | None, Seen]]:
    """Each of some files in byte order, after the outermost of its folders in which nothing is referenced."""
    before: bytes | None = None
    together = seen_files()
    for file in seen:
        if not file.is_referenced:
            together.append(file)
            continue
        if len(together):
            yield from _with_folders(together, before, file.path)
            together = seen_files()
        yield None, file
        before = file.path
    yield from _with_folders(together, before, None)


def _with_folders(
    together: Iterable[Seen], before: bytes | None, after: bytes | None
) -> Iterator[tuple[bytes | None, Seen]]:
    """All files between two referenced ones, each after the outermost of its folders without a reference."""
    last, outermost = None, None
    for file in together:
        directory = file.path[: file.path.rfind(b"/") + 1]
        if directory != last:
            last, outermost = directory, _outermost(file.path, before, after)
        yield outermost, file


class UnreferencedFolders:
    """Keeps the candidates in folders of ``FEW_FILES`` files or more in which nothing is referenced.

    That is the outermost such folder. ``listed`` directories are named by the user, and ``accepted`` folders
    with all that is below them. Files that ``is_derived`` tells are generated; they do not count.
    ``keep`` hears of each folder that is kept, and how many files are in it.
    """

    def __init__(
        self,
        listed: Sequence[bytes],
        accepted: AbstractSet[bytes],
        is_derived: Callable[[bytes], bool],
        keep: Callable[[bytes, int], None],
    ) -> None:
        self._listed = frozenset(listed)
        self._accepted = accepted
        self._is_derived = is_derived
        self._keep = keep

    def left(self, seen: Iterable[Seen]) -> Iterator[Seen]:
        """Those candidates that are not kept, of files in byte order."""
        for folder, pairs in groupby(by_unreferenced_folder(seen), itemgetter(0)):
            files = (file for _folder, file in pairs)
            if folder is None or self._is_listed(folder):
                yield from _candidates(files)
            else:
                yield from self._left_of(folder, files)

    def _left_of(self, folder: bytes, files: Iterable[Seen]) -> Iterator[Seen]:
        """The candidates that are left of all files of a folder in which nothing is referenced."""
        some = seen_files()
        some.extend(files)
        count = self._counted(folder, some)
        if count < FEW_FILES:
            yield from _candidates(some)
            return
        if any(file.state and not self._is_accepted(file.path) for file in some):
            self._keep(folder, count)
        yield from _candidates(file for file in some if self._is_accepted(file.path))

    def _counted(self, _folder: bytes, some: Spool[Seen]) -> int:
        """How many files of a folder count, of which these are all; 0 will do for a few."""
        return sum(self._counts(file.path) for file in some) if len(some) >= FEW_FILES else 0

    def _counts(self, path: bytes) -> bool:
        return not self._is_accepted(path) and not self._is_derived(path)

    def _is_listed(self, folder: bytes) -> bool:
        """Whether that is a listed directory or one above it: nothing is referenced in all that is listed."""
        return folder in self._listed or any(is_below(directory, folder) for directory in self._listed)

    def _is_accepted(self, path: bytes) -> bool:
        if not self._accepted:
            return False
        parts = path.split(b"/")
        return any(b"/".join(parts[:depth]) in self._accepted for depth in range(1, len(parts)))


def _candidates(files: Iterable[Seen]) -> Iterator[Seen]:
    return (file for file in files if file.state)


def _outermost(path: bytes, before: bytes | None, after: bytes | None) -> bytes | None:
    """The outermost folder of a file in which nothing is referenced; None if each of them holds a reference.

    That is one below the innermost folder that it shares with one of the referenced files next to it.
    """
    prefix = path[: path.rfind(b"/") + 1]
    # So it is nearly always: a referenced file lies beside it, or below its folder.
    if (before and before.startswith(prefix)) or (after and after.startswith(prefix)):
        return None
    folders = path.split(b"/")[:-1]
    shared = max(_shared(folders, other) for other in (before, after))
    return b"/".join(folders[: shared + 1])


def _shared(folders: Sequence[bytes], other: bytes | None) -> int:
    """How many folders, from the media root on, a file shares with another one; -1 if there is none."""
    if other is None:
        return -1
    shared = 0
    for folder, theirs in zip(folders, other.split(b"/")[:-1]):
        if folder != theirs:
            break
        shared += 1
    return shared
