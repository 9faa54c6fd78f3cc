# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A media store in a directory tree: proves what it could read, and works by directory descriptors.

Every directory is opened relative to its parent and never through a symbolic link, so a path cannot
be changed to lead elsewhere during the run.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from typing import AbstractSet, Iterable, Iterator, Pattern, Sequence

from ..errors import CleanupError, SiteError
from ..spool import ExternalSort
from ..text import escaped
from .disk import transfer
from .disk.copy import hex_digest, open_unnoticed
from .disk.directories import HANDLES, Directories, place_of, reason, require_same, state_of, status_of
from .disk.entered import Entered, are_unchanged
from .disk.errors import advice, status_by
from .disk.folder import DiskFolder, handle_of
from .disk.links import Links
from .disk.mounts import Mounts, identity_of, mounted_from
from .disk.returned import Returned
from .listing import Lists, Progress, listed_apart
from .private_folder import PrivateFolder
from .store import (
    HELD,
    Answer,
    Blocked,
    Capabilities,
    Changed,
    FileMarks,
    FileState,
    MediaStore,
    MovedOut,
    OtherMount,
    PathStatus,
    Run,
)
from .walk import ENTRIES, NAMES_IN_MEMORY, LocalRun, Noted, Walk

__all__ = ["Blocked", "Changed", "FileState", "LocalStore"]

# A directory is read at once if it takes no more bytes for each name that is asked for: to read that
# much takes as long as to check one name. Most file systems need so many bytes for an entry, or more.
_BYTES_OF_ENTRIES = 256


class LocalStore(MediaStore):
    """The files below one media root on a local or mounted file system."""

    capabilities = Capabilities(directories=True)

    def __init__(self, root: bytes, max_listed: int, never: Iterable[bytes] = ()) -> None:
        super().__init__(max_listed)
        self._root_path = root
        self._root = -1
        self._place = (0, 0)
        self._never = frozenset((HELD, *never))

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
                f"media_root '{path}' cannot be read: {error.strerror}. {advice(error)}"
            ) from None
        self._place = place_of(status_of(self._root, self._root_path))
        self._directories = Directories(self._root, self._never)
        self._returned = Returned(self._directories)
        # The directory that is known to be on no mount, by its number among those that were lent.
        self._own_visit = -1
        self._links = Links(self._directories, (self._root_path, os.path.realpath(self._root_path)))
        try:
            self._mounts = Mounts(self._root)
        except OSError as error:
            os.close(self._root)
            raise SiteError(
                f"what is mounted below media_root '{path}' cannot be known: {error.strerror}. Let this "
                "process use the system call statx or read /proc/self/fdinfo, as a container may forbid. "
                "Nothing was examined."
            ) from None
        return self

    def close(self) -> None:
        self.forget()
        os.close(self._root)

    # What it is.

    @property
    def file_system(self) -> int:
        return os.fstatvfs(self._root).f_fsid

    def identity(self) -> str:
        return identity_of(self._place, self.file_system)

    def verify_root(self) -> None:
        try:
            same = place_of(os.stat(self._root_path)) == self._place
        except OSError:
            same = False
        if not same:
            self.unreadable.add((b"", "the media root was replaced or unmounted during the run"))

    # Checking.

    def check(self, path: bytes) -> PathStatus:
        try:
            handle, name = self._directories.parent_of(path)
            status = os.stat(name or b".", dir_fd=handle, follow_symlinks=False)
            return PathStatus(Answer.FOUND, state_of(status), names=status.st_nlink)
        except (OSError, Blocked) as error:
            return status_by(error)

    def check_in(self, run: Run, name: bytes) -> PathStatus:
        if not isinstance(run, LocalRun):
            return self.check(run.prefix + name)
        try:
            return PathStatus(Answer.FOUND, state_of(os.stat(name, dir_fd=run.handle, follow_symlinks=False)))
        except OSError as error:
            return status_by(error)

    def is_in_other_mount(self, path: bytes) -> bool:
        if not self._mounts.may_be_met:
            return False
        try:
            self._mounts.require_own(*self._directories.parent_of(path))
        except Blocked:
            return True
        except OSError as error:
            self.unreadable.add((path, reason(error)))
        return False

    def followed(self, path: bytes) -> tuple[bytes, FileState] | None:
        try:
            return self._links.followed(path)
        except OSError as error:
            self.unreadable.add((path, reason(error)))
            return None

    def real_directory(self, path: bytes) -> bytes | None:
        try:
            return self._links.real_directory(path)
        except OSError as error:
            self.unreadable.add((path, reason(error)))
            return None

    def forget(self) -> None:
        self._returned.leave()
        self._directories.forget()
        self._links.forget()

    def checksum(self, path: bytes, algorithm: str) -> str | None:
        try:
            return hex_digest(*self._directories.parent_of(path), algorithm)
        except (OSError, ValueError, Blocked):
            return None

    def content(self, path: bytes, most: int) -> bytes | None:
        try:
            with open(open_unnoticed(*self._directories.parent_of(path)), "rb") as file:
                # Nothing comes from a FIFO that nobody writes to.
                read = file.read(most + 1) or b""
        except (OSError, Blocked):
            return None
        return read if len(read) <= most else None

    # Listing.

    def require_directory(self, path: bytes) -> None:
        shown = escaped(path) or "."
        try:
            handle = self._adopted(path)
        except FileNotFoundError:
            raise SiteError(
                f"directory '{shown}' does not exist below media_root "
                f"'{escaped(self._root_path)}'. Correct the name, mount the media, or create it if it is new."
            ) from None
        except OtherMount as error:
            raise SiteError(
                f"directory '{shown}' is a bind mount: {error}. Its files have other names where they really "
                "are, by which rows may reference them. List that place instead."
            ) from None
        except Blocked as error:
            raise SiteError(
                f"directory '{shown}' leaves the media root or is no directory: {error}. "
                "Links are not followed; set media_root to where the files really are."
            ) from None
        except OSError as error:
            raise SiteError(
                f"directory '{shown}' below media_root cannot be read: {error.strerror}. {advice(error)}"
            ) from None
        os.close(handle)

    def walk(
        self, directory: bytes, exclude: Pattern[bytes] | None, in_order: bool = True
    ) -> Iterator[LocalRun]:
        self._mounts.read()
        try:
            handle = self._adopted(directory)
        except (OSError, Blocked) as error:
            self.unreadable.add((directory, reason(error)))
            return
        entered = self.entered if self.notes_entered else None
        noted = Noted(self.unreadable, self.not_entered, self.links, entered)
        walk = Walk(noted, self._never, exclude, in_order, self._mounts.may_be_met)
        yield from walk.below(directory + b"/" if directory else b"", handle)
        if not self._mounts.may_be_met and self._mounts.has_more():
            self.unreadable.add((directory, "something was mounted below the media root during the run"))

    @contextmanager
    def listing(
        self, directories: Sequence[bytes], exclude: Pattern[bytes] | None, progress: Progress
    ) -> Iterator[Iterator[Lists]]:
        with ExitStack() as stack:
            listed = stack.enter_context(listed_apart(self, directories, exclude, progress))
            yield self._with_mounts_read(listed)

    def _with_mounts_read(self, listed: Iterator[Lists]) -> Iterator[Lists]:
        """The listings. What is mounted is read here too: the process that lists has memory of its own."""
        for lists in listed:
            self._mounts.read()
            yield lists

    def are_unchanged(self, entered: Iterable[Entered]) -> bool:
        kind, _source = mounted_from(self._place[0])
        return not self._mounts.may_be_met and are_unchanged(self._root, kind, entered)

    def _adopted(self, directory: bytes) -> int:
        """Open a directory that the caller lists, and may remove files in."""
        handle = self._directories.opened(directory)
        try:
            self._mounts.adopt(handle)
        except (OSError, Blocked):
            os.close(handle)
            raise
        return handle

    def names(self, directory: bytes, pattern: Pattern[bytes]) -> list[bytes]:
        try:
            names = os.listdir(f"{HANDLES}/{self._directories.open(directory)}".encode())
        except (FileNotFoundError, Blocked):
            return []
        except OSError as error:
            self.unreadable.add((directory, reason(error)))
            return []
        return sorted(name for name in names if pattern.fullmatch(name))

    def holds_file(self, directory: bytes) -> bool:
        try:
            with os.scandir(f"{HANDLES}/{self._directories.open(directory)}".encode()) as entries:
                # Nearly always one is among the first entries, and nothing has to be walked through.
                first = next((entry for entry in entries if not entry.is_dir(follow_symlinks=False)), None)
        except (FileNotFoundError, Blocked):
            return False
        except OSError as error:
            self.unreadable.add((directory, reason(error)))
            return False
        if first is not None and not self._mounts.may_be_met:
            return True
        return next(self.walk(directory, None, in_order=False), None) is not None

    # Quick checks. Where one fails, each path is checked on its own, and that answer counts.

    def is_worth_reading(self, directory: bytes, wanted: int) -> bool:
        try:
            return os.fstat(self._directories.open(directory)).st_size <= wanted * _BYTES_OF_ENTRIES
        except (OSError, Blocked):
            return False

    def names_there(self, directory: bytes, most: int) -> AbstractSet[bytes]:
        try:
            with os.scandir(f"{HANDLES}/{self._directories.open(directory)}".encode()) as entries:
                names = frozenset(entry.name for entry in islice(entries, most + 1) if not entry.is_symlink())
        except (OSError, Blocked):
            return frozenset()
        return names if len(names) <= most else frozenset()

    def sorted_names_there(self, directory: bytes) -> Iterator[list[bytes]]:
        names = ExternalSort(NAMES_IN_MEMORY)
        try:
            with os.scandir(f"{HANDLES}/{self._directories.open(directory)}".encode()) as entries:
                for some in iter(lambda: list(islice(entries, ENTRIES)), []):
                    names.extend([entry.name for entry in some if not entry.is_symlink()])
        except (OSError, Blocked):
            return iter(())
        return names.lists()

    def is_beside_last(self, path: bytes) -> bool | None:
        parent, _slash, name = path.rpartition(b"/")
        handle = self._directories.last(parent)
        if handle is None or name in (b"", b".", b"..") or b"\0" in name:
            return None
        try:
            return not stat.S_ISLNK(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode)
        except FileNotFoundError:
            return False
        except OSError:
            return None

    # Removing, moving out, and putting back.

    def may_remove_in(self, directory: bytes) -> bool:
        try:
            handle = self._directories.open(directory)
        except (FileNotFoundError, Blocked):
            return True
        except OSError:
            return False
        status = os.fstat(handle)
        user = os.geteuid()
        # In a sticky directory, only its owner may remove the files of others.
        if status.st_mode & stat.S_ISVTX and user not in (0, status.st_uid):
            return False
        return os.access(".", os.W_OK | os.X_OK, dir_fd=handle, effective_ids=True)

    def describe(self, path: bytes) -> FileMarks:
        handle, name = self._directories.parent_of(path)
        status = os.stat(name, dir_fd=handle, follow_symlinks=False)
        return FileMarks(
            status.st_size,
            status.st_mtime_ns,
            status.st_atime_ns,
            status.st_uid,
            status.st_gid,
            stat.S_IMODE(status.st_mode),
        )

    def remove(self, path: bytes, state: FileState) -> None:
        handle, name = self._way_to_remove(path)
        try:
            require_same(handle, name, state)
            os.unlink(name, dir_fd=handle)
        except (Changed, OSError):
            self._mounts.require_own(handle, name)
            raise

    def _way_to_remove(self, path: bytes) -> tuple[int, bytes]:
        """Lend the directory of a file, which is on no mount: an open directory stays on the one it is on.

        A file that something is mounted on is moved or deleted by no kernel: ask ``require_own`` afterwards.
        """
        handle, name = self._directories.parent_of(path)
        if self._own_visit != self._directories.visits:
            self._mounts.require_own(handle)
            self._own_visit = self._directories.visits
        return handle, name

    def move_out(self, path: bytes, state: FileState, folder: PrivateFolder, name: str) -> MovedOut:
        handle, source = self._way_to_remove(path)
        try:
            return transfer.move(handle, source, handle_of(folder), name, state)
        except (Changed, OSError):
            self._mounts.require_own(handle, source)
            raise

    def check_put_back(self, folder: PrivateFolder, name: str, path: bytes) -> None:
        folder.state(name)
        directory, _slash, target = path.rpartition(b"/")
        try:
            handle = self._directories.open(directory)
        except FileNotFoundError:
            handle = self._directories.open_nearest(directory)
        else:
            transfer.is_put_back(handle_of(folder), name, handle, target)
        self._mounts.require_no_bind_mount(handle)
        if not os.access(".", os.W_OK | os.X_OK, dir_fd=handle, effective_ids=True):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def make_folder_for_held(self) -> None:
        with suppress(FileExistsError):
            os.mkdir(HELD, 0o700, dir_fd=self._root)
        os.fsync(self._root)

    def folder_of_held(self) -> PrivateFolder | None:
        # Only this folder has to be private: whoever may write to the root may remove files there anyway.
        root = DiskFolder(os.dup(self._root), self._root_path, "the folder of held files")
        with root, suppress(FileNotFoundError):
            return root.folder(os.fsdecode(HELD))
        return None

    def drop_folder_of_held(self) -> None:
        with suppress(OSError):
            os.rmdir(HELD, dir_fd=self._root)

    def put_back(self, folder: PrivateFolder, name: str, path: bytes) -> None:
        if not self._returned.is_to_same(path.rpartition(b"/")[0]):
            # A file may go back to a listed directory that is a disk of its own; this run need not list it.
            self._mounts.require_no_bind_mount(self._directories.open_nearest(path))
            handle, _target = self._directories.parent_of(path, create=True)
            self._mounts.require_no_bind_mount(handle)
            self._returned.go_to(handle)
        handle, target = self._directories.parent_of(path)
        transfer.put_back(handle_of(folder), name, handle, target, path)

    def sync(self) -> None:
        try:
            self._returned.sync()
        except OSError as error:
            raise CleanupError(
                "files were moved back to their places in the media root, but a directory could not be "
                f"synced: {error.strerror}. After a power failure they may be in quarantine again. Check the "
                "disk, and run again."
            ) from None
