# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A private folder on a disk: used by its descriptor alone.

It is opened part by part from / on, and so are the folders in it, each relative to the one that
holds it and never through a symbolic link: whoever exchanges one of them for something else is
noticed, and leads nowhere.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Callable, Iterator

from ...errors import QuarantineError
from ...system import locks
from ...text import escaped
from ..private_folder import NewFile, PrivateFolder
from ..store import FileState
from .copy import digest_of
from .directories import DIRECTORY, kind_of, state_of
from .mounts import mount_of

_ON_THE_WAY = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
# As many as the kernel follows.
_LINKS_ON_THE_WAY = 40
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class _DiskFile(NewFile):
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, data: bytes) -> object:
        return self._file.write(data)

    def fill_to(self, size: int) -> None:
        self._file.seek(size)

    def sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


class DiskFolder(PrivateFolder):
    """An open private folder on a disk.

    Raises OSError with a text that also says what was found in place of a folder or a file; and
    QuarantineError for a folder that is owned by another user than root and that of this process, or
    that others may write to.
    """

    def __init__(self, handle: int, path: bytes, what: str) -> None:
        super().__init__(path, what)
        self._handle = handle

    @classmethod
    def open(cls, path: bytes, what: str) -> DiskFolder:
        """Open the folder at an absolute path; ``what`` is its name in messages: "the quarantine"."""
        return cls._opened(path, what, makes=False)

    @classmethod
    def make(cls, path: bytes, what: str) -> DiskFolder:
        """The same; the folder is made, with those above it, so that it survives a power failure."""
        return cls._opened(path, what, makes=True)

    @classmethod
    def check_make(cls, path: bytes, what: str) -> int:
        """Raise what ``make`` would, or to write in there, as far as that can be known without a change.

        Returns the device of the folder, or of the one in which it would be made.
        """
        parent, name = _parent_of(path, what, makes=False)
        with ExitStack() as opened:
            handle = _to_close(opened, parent)
            with suppress(FileNotFoundError):
                handle = _to_close(opened, _opened_private(parent, name, path, what))
            if not os.access(".", os.W_OK | os.X_OK, dir_fd=handle, effective_ids=True):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return os.fstat(handle).st_dev

    @classmethod
    def _opened(cls, path: bytes, what: str, makes: bool) -> DiskFolder:
        parent, name = _parent_of(path, what, makes)
        try:
            try:
                handle = _opened_private(parent, name, path, what)
            except FileNotFoundError:
                if not makes:
                    raise
                _make(parent, name, 0o700)
                handle = _opened_private(parent, name, path, what)
            return cls(handle, path, what)
        finally:
            os.close(parent)

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    @property
    def handle(self) -> int:
        """The descriptor, for the modules of this room."""
        return self._handle

    def lock(self) -> None:
        locks.lock(self._handle, f"{self._what} '{escaped(self.path)}'")

    def moves_safely(self) -> bool:
        # What came into the place of a file at the last moment is put back.
        return True

    @contextmanager
    def locked_file(self, name: str, what: str) -> Iterator[None]:
        """Lock by a file in the folder, made for it; raises BusyError, which says that ``what`` is in use."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(name, flags, 0o600, dir_fd=self._handle)
        try:
            locks.lock(handle, what)
            yield
        finally:
            os.close(handle)

    def sync(self) -> None:
        os.fsync(self._handle)

    # What is in it.

    def names(self) -> list[str]:
        return sorted(os.listdir(self._handle))

    def has(self, name: str) -> bool:
        try:
            os.stat(name, dir_fd=self._handle, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def finder(self) -> Callable[[str], bool]:
        return frozenset(os.listdir(self._handle)).__contains__

    def state(self, name: str) -> FileState:
        return state_of(os.stat(name, dir_fd=self._handle, follow_symlinks=False))

    def digest(self, name: str) -> bytes:
        return digest_of(self._handle, name)

    def make_folder(self, name: str) -> None:
        os.mkdir(name, 0o700, dir_fd=self._handle)

    def folder(self, name: str) -> DiskFolder:
        path = self.path_of(name)
        handle = _opened_private(self._handle, os.fsencode(name), path, self._what)
        return DiskFolder(handle, path, self._what)

    def create(self, name: str) -> NewFile:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            handle = os.open(name, flags, 0o600, dir_fd=self._handle)
        except FileExistsError:
            os.unlink(name, dir_fd=self._handle)
            handle = os.open(name, flags, 0o600, dir_fd=self._handle)
        return _DiskFile(open(handle, "wb"))

    def read(self, name: str) -> IO[bytes]:
        # Without waiting: somebody may have put a FIFO there.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            handle = os.open(name, flags, dir_fd=self._handle)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise self._is_other(name, "a regular file") from None
            raise
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise self._is_other(name, "a regular file")
        return open(handle, "rb")

    def read_here(self, name: str) -> IO[bytes]:
        return self.read(name)

    def _is_other(self, name: str, wanted: str) -> OSError:
        return _is_other(self._handle, os.fsencode(name), self.path_of(name), wanted)

    # Removing.

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new, src_dir_fd=self._handle, dst_dir_fd=self._handle)

    def remove(self, name: str) -> None:
        os.unlink(name, dir_fd=self._handle)

    def remove_tree(self, name: str) -> None:
        """Delete a folder with all that is in it. No link is followed, no mount entered."""
        mount = mount_of(self._handle)
        levels = [_Level(self._handle, name, mount)]
        try:
            while levels:
                level = levels[-1]
                if level.folders:
                    levels.append(_Level(level.handle, level.folders.pop(), mount))
                else:
                    parent = levels[-2].handle if len(levels) > 1 else self._handle
                    os.rmdir(level.name, dir_fd=parent)
                    os.close(levels.pop().handle)
        finally:
            for level in levels:
                os.close(level.handle)


def handle_of(folder: PrivateFolder) -> int:
    """The descriptor of a private folder, which has to be on a disk for files of a disk to be moved there."""
    if not isinstance(folder, DiskFolder):
        raise QuarantineError(
            f"files of a directory cannot be moved to '{escaped(folder.path)}'. Set quarantine to a folder."
        )
    return folder.handle


class _Level:
    """A folder that is being deleted: its files are deleted already, the folders in it are not."""

    def __init__(self, parent: int, name: str, mount: int) -> None:
        self.name = name
        self.folders: list[str] = []
        self.handle = os.open(name, DIRECTORY, dir_fd=parent)
        with _closed_on_error(self.handle):
            if mount_of(self.handle) != mount:
                raise OSError(
                    errno.EXDEV, f"another file system is mounted at '{escaped(os.fsencode(name))}'"
                )
            self._remove_files()

    def _remove_files(self) -> None:
        # Read first: to delete meanwhile makes some file systems leave entries out.
        with os.scandir(self.handle) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for name, is_folder in found:
            if is_folder:
                self.folders.append(name)
            else:
                os.unlink(name, dir_fd=self.handle)


def _parent_of(path: bytes, what: str, makes: bool) -> tuple[int, bytes]:
    """Open the folder that a path is in, which the caller closes; and the name in it.

    To go through a folder takes no right to read it. A link is followed if root or the user of this
    process has made it, as an administrator does who moves a folder to another disk.
    """
    ahead = _reversed_parts(os.path.abspath(path))
    name = ahead.pop(0) if ahead else b"."
    reached, followed = b"/", 0
    with ExitStack() as opened:
        handle = _to_close(opened, os.open(reached, _ON_THE_WAY))
        while ahead:
            part = ahead.pop()
            shown = os.path.join(reached, part)
            inner = _opened_on_the_way(handle, part, makes)
            target = _target_of(inner, shown, what)
            if target is None:
                opened.close()
                handle, reached = _to_close(opened, inner), shown
                continue
            followed += 1
            if followed > _LINKS_ON_THE_WAY:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            ahead += _reversed_parts(target)
            if target.startswith(b"/"):
                opened.close()
                handle, reached = _to_close(opened, os.open(b"/", _ON_THE_WAY)), b"/"
        opened.pop_all()
    return handle, name


def _to_close(opened: ExitStack, handle: int) -> int:
    opened.callback(os.close, handle)
    return handle


@contextmanager
def _closed_on_error(handle: int) -> Iterator[None]:
    with ExitStack() as opened:
        _to_close(opened, handle)
        yield
        opened.pop_all()


def _opened_on_the_way(parent: int, part: bytes, makes: bool) -> int:
    try:
        return os.open(part, _ON_THE_WAY, dir_fd=parent)
    except FileNotFoundError:
        if not makes:
            raise
        _make(parent, part, 0o777)
        return os.open(part, _ON_THE_WAY, dir_fd=parent)


def _reversed_parts(path: bytes) -> list[bytes]:
    return [part for part in reversed(path.split(b"/")) if part not in (b"", b".")]


def _target_of(inner: int, path: bytes, what: str) -> bytes | None:
    """Where an open link leads, which is closed then; None for a folder that may be passed."""
    with ExitStack() as opened:
        _to_close(opened, inner)
        status = os.fstat(inner)
        if stat.S_ISDIR(status.st_mode):
            _require_passable(status, path, what)
            opened.pop_all()
            return None
        if not stat.S_ISLNK(status.st_mode):
            raise OSError(errno.ENOTDIR, f"'{escaped(path)}' is a {kind_of(status)}, not a directory")
        if status.st_uid not in (0, os.geteuid()):
            raise QuarantineError(
                f"the way to {what} leads over the link '{escaped(path)}', which {_user(status.st_uid)} has "
                "made. Use the place to which it leads, or let root make the link."
            )
        return os.readlink(b"", dir_fd=inner)


def _require_passable(status: os.stat_result, path: bytes, what: str) -> None:
    if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
        raise QuarantineError(
            f"{what} cannot be below '{escaped(path)}', where everybody may exchange it (mode "
            f"{stat.S_IMODE(status.st_mode):o}). Remove that right (chmod o-w), or set another place."
        )


def _make(parent: int, name: bytes, mode: int) -> None:
    with suppress(FileExistsError):
        os.mkdir(name, mode, dir_fd=parent)
    # What is only there to go through cannot be synced.
    handle = os.open(b".", DIRECTORY, dir_fd=parent)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _opened_private(parent: int, name: bytes, path: bytes, what: str) -> int:
    try:
        handle = os.open(name, DIRECTORY, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise _is_other(parent, name, path, "a directory") from None
        raise
    with _closed_on_error(handle):
        _require_private(os.fstat(handle), path, what)
    return handle


def _require_private(status: os.stat_result, path: bytes, what: str) -> None:
    inside = f"{what} '{escaped(path)}'"
    if status.st_uid not in (0, os.geteuid()):
        raise QuarantineError(
            f"{inside} belongs to {_user(status.st_uid)}, and this is a process of {_user(os.geteuid())}. "
            "Run as the user who owns it, or set a folder that nobody else owns."
        )
    if status.st_mode & _WRITABLE_BY_OTHERS:
        raise QuarantineError(
            f"{inside} can be written by others (mode {stat.S_IMODE(status.st_mode):o}). "
            "Make it private (chmod 700)."
        )


def _is_other(parent: int, name: bytes, path: bytes, wanted: str) -> OSError:
    kind = kind_of(os.stat(name, dir_fd=parent, follow_symlinks=False))
    number = errno.ENOTDIR if wanted == "a directory" else errno.EINVAL
    return OSError(number, f"'{escaped(path)}' is a {kind}, not {wanted}")


def _user(uid: int) -> str:
    with suppress(KeyError):
        return f"the user {pwd.getpwuid(uid).pw_name}"
    return f"the user {uid}"
