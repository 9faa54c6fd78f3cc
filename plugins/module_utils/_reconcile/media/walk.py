# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The walk: all files below a directory, sorted by the bytes of their paths or not, in bounded memory."""

from __future__ import annotations

import fnmatch
import os
import re
from itertools import islice
from typing import AbstractSet, Iterable, Iterator, NamedTuple, Pattern

from ..spool import Aside, ExternalSort, Listed, Part, Spool
from .disk.directories import DIRECTORY, HANDLES, place_of, reason, status_of
from .disk.entered import Entered
from .disk.mounts import bind_mount, mount_of
from .store import Run

# Names of one directory that are kept in memory; more are sorted on disk.
NAMES_IN_MEMORY = 100_000
# Names that the directories above the walk's place may keep in memory together.
NAMES_ABOVE = 50_000
# Directory handles that a walk keeps open; a deeper tree is climbed back by "..", checked.
OPEN_LEVELS = 32
# Entries that are read from a directory at a time.
ENTRIES = 10_000


class LocalRun(Run):
    """Files of one directory, and its descriptor, which is open until the next run is asked for."""

    __slots__ = ("handle",)

    def __init__(self, prefix: bytes, names: list[bytes], handle: int) -> None:
        super().__init__(prefix, names)
        self.handle = handle


class _Level:
    """A directory that the walk has entered and not yet left, and its entries that are still to come."""

    def __init__(self, prefix: bytes, handle: int, status: os.stat_result) -> None:
        self.prefix = prefix
        self.handle = handle
        self.place = place_of(status)
        self.ctime_ns = status.st_ctime_ns
        self.has_directories = False
        self.lists: Iterator[list[bytes]] = iter(())
        self._parts: list[Part] = []
        self._names: list[bytes] = []
        self._start = 0

    @property
    def held(self) -> int:
        """Entries that memory holds, at least half of which are still to come."""
        return len(self._names)

    def piece(self, aside: Aside) -> list[bytes]:
        """Files up to the next subdirectory, or that subdirectory alone; empty at the end."""
        if not self._names:
            self._names = aside.take(self._parts) if self._parts else next(self.lists, [])
            self._start = 0
        names, start = self._names, self._start
        end = self._end_of_piece(names, start)
        if end == len(names):
            self._names = []
            return names[start:] if start else names
        piece = names[start:end]
        self._start = end
        if end > len(names) // 2:
            self._names, self._start = names[end:], 0
        return piece

    def _end_of_piece(self, names: list[bytes], start: int) -> int:
        if not self.has_directories:
            return len(names)
        if names and names[start].endswith(b"/"):
            return start + 1
        for position in range(start, len(names)):
            if names[position].endswith(b"/"):
                return position
        return len(names)

    def put(self, aside: Aside) -> None:
        """Leave no entry in memory: they are read from the disk again when the walk returns."""
        aside.put(self._parts, self._names[self._start :])
        self._names = []


class Noted(NamedTuple):
    """What a walk notes, by path and reason; the paths of symbolic links; and the directories it enters."""

    unreadable: Listed[tuple[bytes, str]]
    not_entered: Listed[tuple[bytes, str]]
    links: Spool[bytes]
    # None where these are not noted.
    entered: Spool[Entered] | None = None


class Walk:
    """One walk. Notes what it could not read in ``unreadable``, and other file systems in ``not_entered``.

    Where the order does not matter, nothing is sorted: files come as they are read, and before what is
    in the subdirectories.
    """

    def __init__(
        self,
        noted: Noted,
        never: AbstractSet[bytes],
        exclude: Pattern[bytes] | None,
        in_order: bool = True,
        may_meet_mounts: bool = True,
    ) -> None:
        self._unreadable, self._not_entered, self._links, self._entered = noted
        self._never = never
        self._exclude = exclude
        self._in_order = in_order
        self._levels: list[_Level] = []
        self._aside = Aside()
        self._device = 0
        # The mount that each directory has to belong to; None where nothing is mounted below the root.
        self._mount: int | None = None
        self._may_meet_mounts = may_meet_mounts

    def below(self, prefix: bytes, handle: int) -> Iterator[LocalRun]:
        """Yield the files below an open directory, which is closed in the end."""
        status = os.fstat(handle)
        self._device = status.st_dev
        self._mount = mount_of(handle) if self._may_meet_mounts else None
        self._enter(_Level(prefix, handle, status))
        try:
            while self._levels:
                level = self._levels[-1]
                piece = level.piece(self._aside)
                if not piece:
                    self._leave()
                elif piece[0].endswith(b"/"):
                    self._descend(piece[0][:-1])
                else:
                    yield LocalRun(level.prefix, piece, level.handle)
        finally:
            self._aside.close()
            self._give_up()

    def _enter(self, level: _Level) -> None:
        self._levels.append(level)
        if self._entered is not None:
            self._entered.append(Entered.now(level.prefix, level.ctime_ns))
        level.lists = self._sorted(level) if self._in_order else self._as_read(level)

    def _sorted(self, level: _Level) -> Iterator[list[bytes]]:
        """Read a directory whole. Subdirectories are sorted with their slash, as in whole paths."""
        names = ExternalSort(NAMES_IN_MEMORY)
        for files, directories in self._entries(level):
            names.extend(files)
            if directories:
                level.has_directories = True
                names.extend(directories)
        return names.lists()

    def _as_read(self, level: _Level) -> Iterator[list[bytes]]:
        directories = ExternalSort(NAMES_IN_MEMORY)
        for files, inner in self._entries(level):
            directories.extend(inner)
            if files:
                yield files
        level.has_directories = True
        yield from directories.lists()

    def _entries(self, level: _Level) -> Iterator[tuple[list[bytes], list[bytes]]]:
        """Read a directory part by part: its files, and the subdirectories to enter, with a slash."""
        try:
            with os.scandir(f"{HANDLES}/{level.handle}".encode()) as entries:
                for some in iter(lambda: list(islice(entries, ENTRIES)), []):
                    files = [entry.name for entry in some]
                    # Nearly all are regular files, and of those nothing else has to be asked.
                    others = [entry for entry in some if not entry.is_file(follow_symlinks=False)]
                    inner = [entry.name for entry in others if entry.is_dir(follow_symlinks=False)]
                    self._links.extend([level.prefix + entry.name for entry in others if entry.is_symlink()])
                    if inner:
                        files = list(set(files).difference(inner))
                    yield files, [name + b"/" for name in inner if self._enters(level.prefix + name)]
        except OSError as error:
            self._unreadable.add((level.prefix, reason(error)))

    def _enters(self, path: bytes) -> bool:
        return path not in self._never and not (self._exclude and is_excluded(self._exclude, path))

    def _descend(self, name: bytes) -> None:
        parent = self._levels[-1]
        path = parent.prefix + name
        if parent.held and sum(level.held for level in self._levels) > NAMES_ABOVE:
            parent.put(self._aside)
        try:
            handle = os.open(name, DIRECTORY, dir_fd=parent.handle)
        except OSError as error:
            # It was a directory a moment ago: removed or exchanged since.
            self._unreadable.add((path, reason(error)))
            return
        status = status_of(handle, path)
        mounted = self._mounted(handle, status)
        if mounted:
            os.close(handle)
            self._not_entered.add((path, mounted))
            return
        if len(self._levels) >= OPEN_LEVELS:
            os.close(parent.handle)
            parent.handle = -1
        self._enter(_Level(path + b"/", handle, status))

    def _mounted(self, handle: int, status: os.stat_result) -> str | None:
        """What is mounted at a directory, in words."""
        if status.st_dev != self._device:
            return "another file system is mounted here; it was not entered"
        if self._mount is not None and mount_of(handle) != self._mount:
            return bind_mount()
        return None

    def _leave(self) -> None:
        level = self._levels.pop()
        if os.fstat(level.handle).st_nlink == 0:
            self._unreadable.add((level.prefix, "the directory was removed during the run"))
        if self._levels and self._levels[-1].handle < 0 and not self._climb(level, self._levels[-1]):
            self._give_up()
        os.close(level.handle)

    def _give_up(self) -> None:
        for level in self._levels:
            if level.handle >= 0:
                os.close(level.handle)
            # The reader knows its level: both would wait for the collector, with names and a descriptor.
            level.lists = iter(())
        self._levels.clear()

    def _climb(self, level: _Level, parent: _Level) -> bool:
        """Open the parent again by "..", if that is still the directory that was read."""
        try:
            handle = os.open(b"..", DIRECTORY, dir_fd=level.handle)
        except OSError as error:
            self._unreadable.add((parent.prefix, reason(error)))
            return False
        if place_of(os.fstat(handle)) == parent.place:
            parent.handle = handle
            return True
        os.close(handle)
        self._unreadable.add((parent.prefix, "the directory was moved during the run"))
        return False


def exclusion(globs: Iterable[str]) -> Pattern[bytes] | None:
    """Compile globs into one pattern for ``is_excluded``; None where there are none."""
    parts = [fnmatch.translate(glob) for glob in globs]
    return re.compile("|".join(parts).encode()) if parts else None


def is_excluded(exclude: Pattern[bytes], path: bytes) -> bool:
    """A glob applies to the name, or to the whole path below the media root."""
    name = path.rpartition(b"/")[2]
    return exclude.match(name) is not None or exclude.match(path) is not None
