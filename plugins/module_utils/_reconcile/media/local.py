# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The media tree: proves what it could see, removes by handle.

Every directory is opened relative to the handle of its parent and never through a symbolic link,
so a path cannot be bent to lead elsewhere while the run goes on. Paths are bytes, relative to the
media root. Only "no such file" says that something is absent; whatever else prevents a look is
noted in ``unseen``, and a run that has not seen everything must not remove anything.
"""

from __future__ import annotations

import errno
import hashlib
import os
import posixpath
import stat
from itertools import islice
from types import TracebackType
from typing import AbstractSet, Iterable, Iterator, NamedTuple, Pattern, Sequence

from ..errors import SiteError, UnreadableError
from ..spool import ExternalSort, Listed
from ..text import escaped
from .store import Answer, Look
from .walk import DIRECTORY, ENTRIES, HANDLES, NAMES_IN_MEMORY, Run, Walk, place_of, reason

_BLOCK = 1 << 20
# A directory is read at once if it takes no more bytes for each name that is asked for: to read that
# much takes as long as to look at one name. Most file systems need so many bytes for an entry, or more.
_BYTES_OF_ENTRIES = 256

_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symbolic link",
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
}


class FileState(NamedTuple):
    """What identifies a file: while all of this is equal, it is the same file, unchanged."""

    kind: str
    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        return cls(
            _KINDS.get(stat.S_IFMT(status.st_mode), "device"),
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        )

    def stamp_ns(self, age_stamp: str) -> int:
        """The time stamp that tells the age, in nanoseconds since 1970."""
        if age_stamp == "mtime":
            return self.mtime_ns
        if age_stamp == "ctime":
            return self.ctime_ns
        return max(self.mtime_ns, self.ctime_ns)


class Blocked(Exception):
    """The way to a path leads through something that is not a directory of this tree."""


class Changed(Exception):
    """The file is gone, or is not the one that was looked at."""


def require_same(handle: int, name: bytes, state: FileState) -> None:
    """Raise Changed unless the file in an open directory is still the one that was looked at."""
    try:
        now = FileState.of(os.stat(name, dir_fd=handle, follow_symlinks=False))
    except FileNotFoundError:
        raise Changed("it was gone already") from None
    if now != state:
        raise Changed("another file stands in its place, or it was written to")


class LocalStore:
    """The files below one media root. A context manager; what it saw badly is in ``unseen``."""

    def __init__(self, root: bytes, max_listed: int, never: Iterable[bytes] = ()) -> None:
        self._root_path = root
        self._root = -1
        self._place = (0, 0)
        self._never = frozenset(never)
        self._last: tuple[bytes, int] | None = None
        self.unseen: Listed[tuple[bytes, str]] = Listed(max_listed)
        self.not_entered: Listed[tuple[bytes, str]] = Listed(max_listed)

    def __enter__(self) -> LocalStore:
        path = escaped(self._root_path)
        try:
            self._root = os.open(self._root_path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise SiteError(
                f"media_root '{path}' does not exist. Is it mounted? Nothing was examined."
            ) from None
        except NotADirectoryError:
            raise SiteError(f"media_root '{path}' is not a directory.") from None
        except OSError as error:
            raise SiteError(
                f"media_root '{path}' cannot be read: {error.strerror}. {_advice(error)}"
            ) from None
        self._place = place_of(os.fstat(self._root))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.forget()
        os.close(self._root)

    @property
    def root_handle(self) -> int:
        """The handle of the media root, for a lock."""
        return self._root

    @property
    def file_system(self) -> int:
        """What tells the file system of the media root from others, also after a reboot; 0 if unknown."""
        return os.fstatvfs(self._root).f_fsid

    def require_directory(self, path: bytes) -> None:
        """Raise SiteError unless the path is a directory that can be read and not a link."""
        shown = escaped(path) or "."
        try:
            handle = self._open(path)
        except FileNotFoundError:
            raise SiteError(
                f"directory '{shown}' does not exist below media_root "
                f"'{escaped(self._root_path)}'. Correct the name, mount the media, or create it if it is new."
            ) from None
        except Blocked as error:
            raise SiteError(
                f"directory '{shown}' leaves the media root or is none: {error}. "
                "Links are not followed; set media_root to where the files really are."
            ) from None
        except OSError as error:
            raise SiteError(
                f"directory '{shown}' below media_root cannot be read: {error.strerror}. {_advice(error)}"
            ) from None
        os.close(handle)

    def verify_root(self) -> None:
        """Note the media root as unseen if another directory stands in its place by now."""
        try:
            same = place_of(os.stat(self._root_path)) == self._place
        except OSError:
            same = False
        if not same:
            self.unseen.add((b"", "the media root was replaced or unmounted during the run"))

    def walk(self, directory: bytes, exclude: Pattern[bytes] | None, in_order: bool = True) -> Iterator[Run]:
        """Yield the files below a directory in the byte order of their paths, if that matters.

        Excluded directories are not entered, nor are links and mounted file systems. A
        handle in a run is open until the next run is asked for.
        """
        try:
            handle = self._open(directory)
        except (OSError, Blocked) as error:
            self.unseen.add((directory, _reason(error)))
            return
        walk = Walk(self.unseen, self.not_entered, self._never, exclude, in_order)
        yield from walk.below(directory + b"/" if directory else b"", handle)

    def state_in(self, run: Run, name: bytes) -> FileState | None:
        """Look at a file of a run; None when it is gone. What cannot be seen is noted."""
        try:
            return FileState.of(os.stat(name, dir_fd=run.handle, follow_symlinks=False))
        except FileNotFoundError:
            return None
        except OSError as error:
            self.unseen.add((run.prefix + name, _reason(error)))
            return None

    def seen(self, path: bytes) -> FileState | None:
        """Look at a file that the walk has listed; None when it is gone. What cannot be seen is noted."""
        try:
            return self.state(path)
        except (Blocked, UnreadableError) as error:
            self.unseen.add((path, str(error)))
            return None

    def state(self, path: bytes) -> FileState | None:
        """Look at a path from the media root on; None is proof that no such file is there.

        Raises Blocked where a link or a file stands in the way, and UnreadableError where the
        look failed, which proves nothing.
        """
        if b"\0" in path:
            raise Blocked("there is a NUL byte, which no path can hold")
        parent, _slash, name = path.rpartition(b"/")
        try:
            handle = self._handle_of(parent)
            return FileState.of(os.stat(name or b".", dir_fd=handle, follow_symlinks=False))
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise Blocked("a part of the path is longer than a file name can be") from None
            raise UnreadableError(
                f"'{escaped(path)}' below media_root could not be looked at: {error.strerror}."
            ) from error

    def may_remove_in(self, directory: bytes) -> bool:
        try:
            handle = self._handle_of(directory)
        except (OSError, Blocked):
            return True
        status = os.fstat(handle)
        if status.st_mode & stat.S_ISVTX and os.geteuid() not in (0, status.st_uid):
            return False
        return os.access(".", os.W_OK | os.X_OK, dir_fd=handle, effective_ids=True)

    def look(self, path: bytes) -> Look:
        try:
            state = self.state(path)
        except Blocked as error:
            return Look(Answer.BLOCKED, None, str(error))
        except UnreadableError as error:
            return Look(Answer.UNREADABLE, None, str(error))
        return Look(Answer.ABSENT) if state is None else Look(Answer.FOUND, state)

    @property
    def unreadable(self) -> Listed[tuple[bytes, str]]:
        return self.unseen

    def is_worth_reading(self, directory: bytes, wanted: int) -> bool:
        """Whether so many names are a good part of a directory; False in doubt."""
        try:
            return os.fstat(self._handle_of(directory)).st_size <= wanted * _BYTES_OF_ENTRIES
        except (OSError, Blocked):
            # Whoever then looks at each name on its own hears what is wrong.
            return False

    def names_there(self, directory: bytes, most: int) -> AbstractSet[bytes]:
        """What is in a directory, unless it is more; nothing in doubt.

        To read a directory proves of many names at once that they are there, and of none that it is not.
        """
        try:
            with os.scandir(f"{HANDLES}/{self._handle_of(directory)}".encode()) as entries:
                names = frozenset(entry.name for entry in islice(entries, most + 1))
        except (OSError, Blocked):
            return frozenset()
        return names if len(names) <= most else frozenset()

    def sorted_names_there(self, directory: bytes) -> Iterator[list[bytes]]:
        """The same for a directory of any size: its names in byte order, those beyond memory on disk."""
        names = ExternalSort(NAMES_IN_MEMORY)
        try:
            with os.scandir(f"{HANDLES}/{self._handle_of(directory)}".encode()) as entries:
                for some in iter(lambda: [entry.name for entry in islice(entries, ENTRIES)], []):
                    names.extend(some)
        except (OSError, Blocked):
            return iter(())
        return names.lists()

    def is_next_to_last(self, path: bytes) -> bool | None:
        """Whether something is at the path, asked in one system call; None where that does not tell.

        It tells of the directory of the last look only, and neither of ``..`` nor of a path that
        ends in a slash.
        """
        parent, _slash, name = path.rpartition(b"/")
        if self._last is None or self._last[0] != parent or name in (b"", b".", b"..") or b"\0" in name:
            return None
        try:
            os.stat(name, dir_fd=self._last[1], follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError:
            return None
        return True

    def has_file(self, path: bytes) -> bool:
        """Whether a regular file was seen at the path; False where the look failed."""
        try:
            state = self.state(path)
        except (Blocked, UnreadableError):
            return False
        return state is not None and state.kind == "file"

    def checksum(self, path: bytes, algorithm: str) -> str | None:
        """The hexadecimal checksum of a file; None where it cannot be read or computed here."""
        try:
            digest = hashlib.new(algorithm)
            with open(_open_unnoticed(*self.parent_of(path)), "rb") as file:
                for block in iter(lambda: file.read(_BLOCK), b""):
                    digest.update(block)
        except (OSError, ValueError, Blocked):
            return None
        return digest.hexdigest()

    def matching(self, parts: Sequence[bytes | Pattern[bytes]], below: bytes = b"") -> Iterator[bytes]:
        """Yield the paths of files whose parts are these names, or match these patterns."""
        for position, part in enumerate(parts):
            if not isinstance(part, bytes):
                for name in self.names(below, part):
                    yield from self.matching(parts[position + 1 :], posixpath.join(below, name))
                return
            below = posixpath.join(below, part)
        if self.has_file(below):
            yield below

    def names(self, directory: bytes, pattern: Pattern[bytes]) -> list[bytes]:
        """The names in a directory that match; none where there is no such directory."""
        try:
            names = os.listdir(f"{HANDLES}/{self._handle_of(directory)}".encode())
        except (FileNotFoundError, Blocked):
            return []
        except OSError as error:
            self.unseen.add((directory, _reason(error)))
            return []
        return sorted(name for name in names if pattern.fullmatch(name))

    def is_empty(self, directory: bytes) -> bool:
        """Whether nothing is in a directory, or there is no such directory."""
        try:
            with os.scandir(f"{HANDLES}/{self._handle_of(directory)}".encode()) as entries:
                return next(entries, None) is None
        except (FileNotFoundError, Blocked):
            return True
        except OSError as error:
            self.unseen.add((directory, _reason(error)))
            return True

    def parent_of(self, path: bytes, create: bool = False) -> tuple[int, bytes]:
        """Lend a handle of the directory that a path lies in, and the name in it.

        The handle is good until the tree is asked for another directory, or to forget. With
        ``create``, directories that are missing are made, as their parent is: same owner, same mode.
        """
        parent, _slash, name = path.rpartition(b"/")
        if create:
            self._make(parent)
        return self._handle_of(parent), name

    def _make(self, directory: bytes) -> None:
        if not directory:
            return
        try:
            os.close(self._open(directory))
        except FileNotFoundError:
            handle, name = self.parent_of(directory, create=True)
            model = os.fstat(handle)
            os.mkdir(name, 0o700, dir_fd=handle)
            made = os.open(name, DIRECTORY, dir_fd=handle)
            try:
                os.fchown(made, model.st_uid, model.st_gid)
                os.fchmod(made, stat.S_IMODE(model.st_mode))
            finally:
                os.close(made)
            os.fsync(handle)

    def remove(self, path: bytes, state: FileState) -> None:
        """Unlink a file that is still the one that was looked at; raises Changed if it is not."""
        handle, name = self.parent_of(path)
        require_same(handle, name, state)
        os.unlink(name, dir_fd=handle)

    def forget(self) -> None:
        """Drop the remembered directory handle: the next look starts at the media root again."""
        if self._last:
            os.close(self._last[1])
            self._last = None

    def _handle_of(self, directory: bytes) -> int:
        """A handle of the directory, remembered because neighbours come in a row."""
        if self._last is None or self._last[0] != directory:
            self.forget()
            self._last = (directory, self._open(directory))
        return self._last[1]

    def _open(self, directory: bytes) -> int:
        """Open a directory part by part; raises Blocked for a link or a file in the way."""
        handle = os.dup(self._root)
        for part in directory.split(b"/"):
            if part in (b"", b"."):
                continue
            if part == b"..":
                os.close(handle)
                raise Blocked("'..' could lead out of the media root")
            try:
                inner = os.open(part, DIRECTORY, dir_fd=handle)
            except OSError as error:
                if error.errno in (errno.ENOTDIR, errno.ELOOP):
                    kind = FileState.of(os.stat(part, dir_fd=handle, follow_symlinks=False)).kind
                    raise Blocked(f"'{escaped(part)}' is a {kind}") from None
                raise
            finally:
                os.close(handle)
            handle = inner
        return handle


def _open_unnoticed(handle: int, name: bytes) -> int:
    """Open a file for reading; its time of access stays where the kernel lets this user ask for that."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(name, flags | os.O_NOATIME, dir_fd=handle)
    except PermissionError:
        return os.open(name, flags, dir_fd=handle)


def _reason(error: OSError | Blocked) -> str:
    return str(error) if isinstance(error, Blocked) else reason(error)


def _advice(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "Run as a user who may read it (become, become_user)."
    return "Check the disk and its mount."
