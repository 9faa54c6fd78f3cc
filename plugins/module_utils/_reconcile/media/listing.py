# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""All paths below some directories, in byte order; listed by another process while this one does other work.

A disk is listed by one processor while the other one reads the database. Threads would wait for each other.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Callable, Iterator, Pattern, Sequence

from .. import spool
from ..errors import CleanupError
from ..spool import Paths, temporary_file, working_on_disk
from ..system.forked import Send, forked, is_single_thread
from .disk.entered import Entered

if TYPE_CHECKING:
    from .store import MediaStore

# The paths of one directory, in lists of a bounded length.
Lists = Iterator["list[bytes]"]
# Called with the number of files that were listed so far.
Progress = Callable[[int], None]

# What the process that lists says: paths are in the file; these are links, and directories that it has
# entered; a directory is at its end.
_PATHS, _LINKS, _ENTERED, _END = range(4)


def listed_here(
    store: MediaStore, directories: Sequence[bytes], exclude: Pattern[bytes] | None, progress: Progress
) -> Iterator[Lists]:
    """Yield the paths of each directory. All are listed when the first is asked for."""
    listed = 0
    found = []
    for directory in directories:
        paths = Paths()
        for run in store.walk(directory, exclude):
            paths.add(run.prefix, run.names)
            listed += len(run.names)
            progress(listed)
        found.append(paths)
    for paths in found:
        yield paths.lists()


@contextmanager
def listed_apart(
    store: MediaStore, directories: Sequence[bytes], exclude: Pattern[bytes] | None, progress: Progress
) -> Iterator[Iterator[Lists]]:
    """Lend the same, listed by a process of its own from now on; by this one where there can be none.

    What is noted while listing is in the notes of the store once a directory was read to its end.
    """
    with ExitStack() as stack:
        file = stack.enter_context(temporary_file())
        work = partial(_list, store, directories, exclude, file)
        try:
            sent = stack.enter_context(forked(work, "listing the files")) if is_single_thread() else None
        except OSError:
            # No more processes, or no memory for one.
            sent = None
        if sent is None:
            yield listed_here(store, directories, exclude, progress)
        else:
            yield _Reader(store, file, sent, progress).each(len(directories))


def _list(
    store: MediaStore,
    directories: Sequence[bytes],
    exclude: Pattern[bytes] | None,
    file: IO[bytes],
    send: Send,
) -> None:
    """List in the new process. The paths go to a file: a pipe would make it wait for the database."""
    for directory in directories:
        store.drop_notes()
        writer = _Writer(file, send)
        for run in store.walk(directory, exclude):
            writer.add(run.prefix, run.names)
        writer.hand_over()
        for links in store.links.chunks():
            send((_LINKS, links))
        for entered in store.entered.chunks():
            send((_ENTERED, [tuple(directory) for directory in entered]))
        send((_END, *((noted.items, noted.total) for noted in (store.unreadable, store.not_entered))))


class _Writer:
    """Writes paths block by block, and says of each block that it is there."""

    def __init__(self, file: IO[bytes], send: Send) -> None:
        self._file = file
        self._send = send
        self._parts: list[bytes] = []
        self._size = 0
        self._count = 0

    def add(self, prefix: bytes, names: Sequence[bytes]) -> None:
        # Paths hold no NUL, which therefore separates them.
        part = prefix + (b"\0" + prefix).join(names)
        self._parts.append(part)
        self._size += len(part)
        self._count += len(names)
        if self._size >= spool.BLOCK:
            self.hand_over()

    def hand_over(self) -> None:
        if not self._parts:
            return
        block = b"\0".join(self._parts)
        with working_on_disk:
            self._file.write(block)
            self._file.flush()
        self._send((_PATHS, len(block), self._count))
        self._parts, self._size, self._count = [], 0, 0


class _Reader:
    """Reads what the other process has listed, as it comes."""

    def __init__(self, store: MediaStore, file: IO[bytes], sent: Iterator[Any], progress: Progress) -> None:
        self._store = store
        self._file = file
        self._sent = sent
        self._progress = progress
        self._position = 0
        self._listed = 0

    def each(self, directories: int) -> Iterator[Lists]:
        for _number in range(directories):
            yield self._lists()
        # Only now is it known that the process has come to its end.
        for _message in self._sent:
            raise CleanupError("listing the files failed: more was listed than was asked for.")

    def _lists(self) -> Lists:
        for kind, *values in self._sent:
            if kind == _PATHS:
                yield self._block(*values)
            elif kind == _LINKS:
                self._store.links.extend(*values)
            elif kind == _ENTERED:
                self._store.entered.extend(map(Entered._make, *values))
            else:
                for noted, (items, total) in zip((self._store.unreadable, self._store.not_entered), values):
                    noted.add_some(items, total)
                return

    def _block(self, size: int, count: int) -> list[bytes]:
        with working_on_disk:
            block = os.pread(self._file.fileno(), size, self._position)
        self._position += size
        paths = block.split(b"\0")
        if len(paths) != count:
            raise CleanupError(
                "reading the list of the files failed: its temporary file does not hold what was written to "
                "it. Check the disk; nothing was removed."
            )
        self._listed += count
        self._progress(self._listed)
        return paths
