# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Directories of a media tree: opened part by part from the root, and never through a symbolic link.

Descriptors do not leave this room: other rooms use paths.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import AbstractSet, NamedTuple, Sequence

from ...config.trust.paths import ROOT, is_writable_by_others, user_words
from ...errors import SiteError
from ...text import escaped, reason_of
from ..store import Blocked, Changed, FileState

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Where a directory that is open can be read by its descriptor.
HANDLES = "/proc/self/fd"
# Directories on the way to the last one that are kept open; the way to a deeper one begins at the root.
MOST_LEVELS = 16

_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symbolic link",
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
}


def kind_of(status: os.stat_result) -> str:
    """The kind of a file, in words; "file" is a regular file."""
    return _KINDS.get(stat.S_IFMT(status.st_mode), "device")


def state_of(status: os.stat_result) -> FileState:
    return FileState(
        kind_of(status),
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def require_same(handle: int, name: bytes, state: FileState) -> None:
    """Raise Changed unless the file in an open directory is still the one that was checked."""
    try:
        now = os.stat(name, dir_fd=handle, follow_symlinks=False)
    except FileNotFoundError:
        raise Changed("it was already removed") from None
    if now.st_ctime_ns != state.ctime_ns or not is_same_but_moved(now, state):
        raise Changed("another file is in its place, or it was written to")


def is_same_but_moved(status: os.stat_result, state: FileState) -> bool:
    """Whether this is the status of a file in this state, wherever it was moved: a move sets the ctime."""
    return (
        status.st_ino == state.inode
        and status.st_dev == state.device
        and status.st_size == state.size
        and status.st_mtime_ns == state.mtime_ns
        and kind_of(status) == state.kind
        and not state.tag
    )


def status_of(handle: int, path: bytes) -> os.stat_result:
    """The status of an open directory.

    Raises SiteError, and closes it, if root is about to work where somebody else may change what is there.
    """
    status = os.fstat(handle)
    try:
        _require_roots_own(status, handle, path)
    except SiteError:
        os.close(handle)
        raise
    return status


def _require_roots_own(status: os.stat_result, handle: int, path: bytes) -> None:
    if os.geteuid() != ROOT:
        return
    why = ""
    if status.st_uid != ROOT:
        why = f"belongs to {user_words(status.st_uid)}"
    elif is_writable_by_others(status, {ROOT}, handle):
        why = f"can be written by others (mode {stat.S_IMODE(status.st_mode):o})"
    if why:
        raise SiteError(
            f"root does not work in a media root where somebody else may change what is in it: "
            f"'{escaped(path)}' {why}. Set user to the user who should clean the site."
        )


def place_of(status: os.stat_result) -> tuple[int, int]:
    """What identifies a directory."""
    return status.st_dev, status.st_ino


def reason(error: OSError | Blocked) -> str:
    """Why a directory could not be read."""
    if isinstance(error, Blocked):
        return str(error)
    if error.errno == errno.ENOENT:
        return "the directory vanished during the run"
    return reason_of(error)


class _Level(NamedTuple):
    """A directory on the way to another one: its name in the one above, its descriptor, what it is."""

    name: bytes
    handle: int
    place: tuple[int, int]


class Directories:
    """The directories below an open root, but for those that are never entered, such as the quarantine.

    The last one is remembered: paths come directory by directory. So are those on the way to it, for the
    next one is likely to lie beside it; each is used again only if its name still leads to it.
    """

    def __init__(self, root: int, never: AbstractSet[bytes] = frozenset()) -> None:
        self._root = root
        self._never = never
        self._last: bytes | None = None
        self._levels: list[_Level] = []
        # Another number for each descriptor that is lent, as long as it is.
        self.visits = 0

    def parent_of(self, path: bytes, create: bool = False) -> tuple[int, bytes]:
        """Lend a descriptor of the directory that a path is in, and the name in it.

        It is good until another directory is asked for, or ``forget``. With ``create``, directories
        that are missing are made, as their parent is: same owner, same mode. Raises Blocked for a
        path that leads to nothing in here, and OSError.
        """
        if b"\0" in path:
            raise Blocked("there is a NUL byte, which no path can hold")
        parent, _slash, name = path.rpartition(b"/")
        if name == b"..":
            raise Blocked("'..' could lead out of the media root")
        if create:
            self._make(parent)
        return self.open(parent), name

    def open(self, directory: bytes) -> int:
        """Lend a descriptor of a directory, as ``parent_of`` does."""
        if self._last != directory:
            self.visits += 1
            if b"\0" in directory:
                raise Blocked("there is a NUL byte, which no path can hold")
            self._last = None
            names = [part for part in directory.split(b"/") if part not in (b"", b".")]
            self._reach(names, directory)
            self._last = directory
        return self._levels[-1].handle if self._levels else self._root

    def _reach(self, names: Sequence[bytes], directory: bytes) -> None:
        if len(names) > MOST_LEVELS:
            self._leave(0)
            # No name is empty: it is not used again on the way to another one.
            self._levels.append(_Level(b"", self.opened(directory), (0, 0)))
            return
        self._leave(self._still_there(names))
        for name in names[len(self._levels) :]:
            self._enter(name)

    def _still_there(self, names: Sequence[bytes]) -> int:
        """How many of the remembered directories are on this way, and are what their names lead to now."""
        parent = self._root
        for number, (level, name) in enumerate(zip(self._levels, names)):
            if level.name != name:
                return number
            try:
                status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            except OSError:
                return number
            if place_of(status) != level.place:
                return number
            _require_roots_own(status, level.handle, b"/".join(names[: number + 1]))
            parent = level.handle
        return min(len(self._levels), len(names))

    def _enter(self, name: bytes) -> None:
        """Open a directory in the last one of those on the way."""
        reached = [*(level.name for level in self._levels), name]
        handle = self._opened_in(self._levels[-1].handle if self._levels else self._root, reached)
        self._levels.append(_Level(name, handle, place_of(status_of(handle, b"/".join(reached)))))

    def _leave(self, kept: int) -> None:
        while len(self._levels) > kept:
            os.close(self._levels.pop().handle)

    def open_nearest(self, directory: bytes) -> int:
        """Lend a descriptor of the innermost directory of this path that exists, as ``open`` does."""
        while True:
            directory = directory.rpartition(b"/")[0]
            with suppress(FileNotFoundError):
                return self.open(directory)

    def last(self, directory: bytes) -> int | None:
        """The descriptor of a directory if it is the one that was asked for last."""
        return self.open(directory) if self._last == directory else None

    def forget(self) -> None:
        """Close the remembered directories: the next one is opened from the root on again."""
        self._last = None
        self.visits += 1
        self._leave(0)

    def opened(self, directory: bytes) -> int:
        """Open a directory part by part, for the caller to close.

        Raises Blocked for a link or a file in the way, and OSError.
        """
        if b"\0" in directory:
            raise Blocked("there is a NUL byte, which no path can hold")
        handle = os.dup(self._root)
        reached: list[bytes] = []
        for part in directory.split(b"/"):
            if part in (b"", b"."):
                continue
            reached.append(part)
            try:
                inner = self._opened_in(handle, reached)
            finally:
                os.close(handle)
            handle = inner
            status_of(handle, b"/".join(reached))
        return handle

    def _opened_in(self, parent: int, reached: Sequence[bytes]) -> int:
        """Open the directory that is the last of these names, in the one above it."""
        name = reached[-1]
        if name == b"..":
            raise Blocked("'..' could lead out of the media root")
        if self._never and b"/".join(reached) in self._never:
            raise Blocked("it is in a folder of the cleanup itself, such as the quarantine")
        try:
            return os.open(name, DIRECTORY, dir_fd=parent)
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                kind = kind_of(os.stat(name, dir_fd=parent, follow_symlinks=False))
                raise Blocked(f"'{escaped(name)}' is a {kind}") from None
            raise

    def _make(self, directory: bytes) -> None:
        """Make a directory, and those above it that are missing, each as its parent is."""
        missing = []
        while directory:
            try:
                self.open(directory)
                break
            except FileNotFoundError:
                directory, _slash, name = directory.rpartition(b"/")
                missing.append((directory, name))
        for parent, name in reversed(missing):
            _make_alike(self.open(parent), name)


def _make_alike(parent: int, name: bytes) -> None:
    """Make a directory with the owner and mode of its parent, on disk there when this returns."""
    model = os.fstat(parent)
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        # The site has made it meanwhile, as it should be.
        return
    made = os.open(name, DIRECTORY, dir_fd=parent)
    try:
        # Only root can give a directory to another user; a site's upload would own it as well.
        with suppress(PermissionError):
            os.fchown(made, model.st_uid, model.st_gid)
        os.fchmod(made, stat.S_IMODE(model.st_mode))
    finally:
        os.close(made)
    os.fsync(parent)
