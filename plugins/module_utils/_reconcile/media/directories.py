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
from typing import AbstractSet

from ..config.trust.paths import ROOT, is_writable_by_others, user_words
from ..errors import SiteError
from ..text import escaped, reason_of
from .store import Blocked, Changed, FileState

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Where a directory that is open can be read by its descriptor.
HANDLES = "/proc/self/fd"

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
        now = state_of(os.stat(name, dir_fd=handle, follow_symlinks=False))
    except FileNotFoundError:
        raise Changed("it was already removed") from None
    if now != state:
        raise Changed("another file is in its place, or it was written to")


def status_of(handle: int, path: bytes) -> os.stat_result:
    """The status of an open directory.

    Raises SiteError, and closes it, if root is about to work where somebody else may change what is there.
    """
    status = os.fstat(handle)
    if os.geteuid() != ROOT:
        return status
    why = ""
    if status.st_uid != ROOT:
        why = f"belongs to {user_words(status.st_uid)}"
    elif is_writable_by_others(status, {ROOT}, handle):
        why = f"can be written by others (mode {stat.S_IMODE(status.st_mode):o})"
    if why:
        os.close(handle)
        raise SiteError(
            f"root does not work in a media root where somebody else may change what is in it: "
            f"'{escaped(path)}' {why}. Set user to the user who should clean the site."
        )
    return status


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


class Directories:
    """The directories below an open root, but for those that are never entered, such as the quarantine.

    The last one is remembered: paths come directory by directory.
    """

    def __init__(self, root: int, never: AbstractSet[bytes] = frozenset()) -> None:
        self._root = root
        self._never = never
        self._last: tuple[bytes, int] | None = None

    def parent_of(self, path: bytes, create: bool = False) -> tuple[int, bytes]:
        """Lend a descriptor of the directory that a path lies in, and the name in it.

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
        if self._last is None or self._last[0] != directory:
            self.forget()
            self._last = (directory, self.opened(directory))
        return self._last[1]

    def open_nearest(self, directory: bytes) -> int:
        """Lend a descriptor of the innermost directory of this path that exists, as ``open`` does."""
        while True:
            directory = directory.rpartition(b"/")[0]
            with suppress(FileNotFoundError):
                return self.open(directory)

    def last(self, directory: bytes) -> int | None:
        """The descriptor of a directory if it is the one that was asked for last."""
        return self._last[1] if self._last is not None and self._last[0] == directory else None

    def forget(self) -> None:
        """Close the remembered directory: the next one is opened from the root on again."""
        if self._last:
            os.close(self._last[1])
            self._last = None

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
            if part == b"..":
                os.close(handle)
                raise Blocked("'..' could lead out of the media root")
            reached.append(part)
            if self._never and b"/".join(reached) in self._never:
                os.close(handle)
                raise Blocked("it lies in a folder of the cleanup itself, such as the quarantine")
            try:
                inner = os.open(part, DIRECTORY, dir_fd=handle)
            except OSError as error:
                if error.errno in (errno.ENOTDIR, errno.ELOOP):
                    kind = kind_of(os.stat(part, dir_fd=handle, follow_symlinks=False))
                    raise Blocked(f"'{escaped(part)}' is a {kind}") from None
                raise
            finally:
                os.close(handle)
            handle = inner
            status_of(handle, b"/".join(reached))
        return handle

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
