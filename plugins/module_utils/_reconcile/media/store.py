# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What every media store offers, and the one answer to "is it there?"."""

from __future__ import annotations

import posixpath
from abc import abstractmethod
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, AbstractSet, Callable, Iterable, Iterator, NamedTuple, Pattern, Sequence

from ..closable import Closable
from ..spool import Listed, Spool, path_spool
from .disk.entered import Entered
from .each import Item, Result, one_by_one
from .listing import Lists, Progress, listed_here
from .quick_check import Finder, QuickCheck

if TYPE_CHECKING:
    from .private_folder import PrivateFolder


# The folder of a store in which files wait that are about to be deleted for good; it is never listed.
HELD = b".media-cleanup-held"


class FileState(NamedTuple):
    """What identifies a file: while all of this is equal, it is the same file, unchanged.

    ``kind`` is "file" for a regular file, else what stands there in words. Times are in
    nanoseconds since 1970.
    """

    kind: str
    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    # What else its store says of this content and of no other, as an ETag is; empty on a disk.
    tag: str = ""

    def stamp_ns(self, age_stamp: str) -> int:
        """The time stamp that is the age, in nanoseconds since 1970."""
        if age_stamp == "mtime":
            return self.mtime_ns
        if age_stamp == "ctime":
            return self.ctime_ns
        return max(self.mtime_ns, self.ctime_ns)


class FileMarks(NamedTuple):
    """What a file has besides its content: bytes, nanoseconds since 1970, ids, permission bits."""

    size: int
    mtime_ns: int
    atime_ns: int
    uid: int
    gid: int
    mode: int


class MovedOut(NamedTuple):
    """How a file was moved into a private folder."""

    # False where the folder's file system cannot hold all extended attributes or ACLs.
    has_all_attributes: bool
    # BLAKE2b of 16 bytes of a copy's content; empty for a file that was renamed.
    digest: bytes


# Of a file that was renamed, which nothing can be lost of.
RENAMED = MovedOut(has_all_attributes=True, digest=b"")


class Answer(Enum):
    """What the check of a path found."""

    FOUND = "found"
    # Proven by the store: there is no such file.
    ABSENT = "absent"
    # The path can lead to no file of this store: a link or a file is in its way, for example.
    BLOCKED = "blocked"
    # Nothing is known.
    UNREADABLE = "unreadable"


class PathStatus(NamedTuple):
    """The answer to "is it there?": with the state if it was found, else with the reason if there is any."""

    answer: Answer
    state: FileState | None = None
    reason: str = ""
    # How many names the file has in its file system.
    names: int = 1

    @property
    def is_found(self) -> bool:
        return self.answer is Answer.FOUND

    @property
    def is_absent(self) -> bool:
        """Whether it is proven that nothing is there."""
        return self.answer is Answer.ABSENT

    @property
    def is_file(self) -> bool:
        """Whether a regular file was found."""
        return self.state is not None and self.state.kind == "file"


class Run:
    """Files of one directory; in a listing in order all those between two subdirectories, in byte order.

    ``prefix`` is the directory with a slash, empty for the root. A store may derive a class that
    holds what it needs to check these files quickly.
    """

    __slots__ = ("names", "prefix")

    def __init__(self, prefix: bytes, names: list[bytes]) -> None:
        self.prefix = prefix
        self.names = names


class Capabilities(NamedTuple):
    """What a kind of store can do."""

    # Whether directories exist by themselves, so that one can be empty, or an obstacle.
    directories: bool
    # Whether a file may have more names than one: by links, by mounts, or where case is ignored.
    other_names: bool = True


class Blocked(Exception):
    """The way to a path leads through something that is not a directory of this store."""


class OtherMount(Blocked):
    """The path leads into what is mounted below the root, which is not part of this store."""


class Changed(Exception):
    """The file was removed, or is not the one that was checked."""


class MediaStore(Closable):
    """The files below one media root. A context manager: it is open inside the ``with`` statement.

    Paths are bytes, relative to the root, with slashes between their parts; the root itself is
    ``b""``. No path leads out of the store: neither a symbolic link nor ``..`` is followed. Only
    the answer ABSENT proves that something is not there. What could not be read while listing is
    in ``unreadable``, by path and reason, and a caller adds there what it could not check; a run
    with anything in it must not remove anything. What was left out on purpose, such as another
    file system that is mounted below the root, is in ``not_entered``.

    Methods that remove or move raise Changed where the file is not the one that was checked, Blocked
    or FileNotFoundError where the way to it has changed, and another OSError where the store
    refused; the file is where it was, then.
    """

    def __init__(self, max_listed: int) -> None:
        self._max_listed = max_listed
        # What a person should know of it, once it is open.
        self.notes: list[str] = []
        # Whether listings note the directories that they enter.
        self.notes_entered = False
        self.drop_notes()

    def drop_notes(self) -> None:
        """Forget what was noted until now."""
        self.unreadable: Listed[tuple[bytes, str]] = Listed(self._max_listed)
        self.not_entered: Listed[tuple[bytes, str]] = Listed(self._max_listed)
        # What is in the store, and is no path: nothing can reference it, and it is never acted on.
        self.no_paths: Listed[tuple[bytes, str]] = Listed(self._max_listed)
        # The symbolic links that listings met.
        self.links = path_spool()
        # The directories that listings have entered, where these are noted.
        self.entered: Spool[Entered] = Spool(tuple, Entered)

    @abstractmethod
    def __enter__(self) -> MediaStore:
        """Open the store; raises SiteError where it is not there or cannot be read."""

    @abstractmethod
    def close(self) -> None:
        """Close the store, which ends its lock."""

    # What it is.

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What this kind of store can do."""

    @property
    @abstractmethod
    def file_system(self) -> int:
        """What identifies the file system of the root, also after a reboot; 0 if unknown."""

    @abstractmethod
    def identity(self) -> str:
        """What identifies this store among all others, also those of other hosts. Holds no secret."""

    @abstractmethod
    def verify_root(self) -> None:
        """Note the root as unreadable if another one has taken its place."""

    # Checking.

    @abstractmethod
    def check(self, path: bytes) -> PathStatus:
        """Check a path. Never raises for what it finds there, and notes nothing."""

    @abstractmethod
    def check_in(self, run: Run, name: bytes) -> PathStatus:
        """Check a file of the run that a listing has yielded last."""

    def files_among(self, paths: Iterable[bytes]) -> AbstractSet[bytes]:
        """Those of some paths at which there is a regular file; it proves nothing of the others."""
        return {path for path in paths if self.check(path).is_file}

    def check_listed(
        self, items: Iterable[Item], path_of: Callable[[Item], bytes | None]
    ) -> Iterator[tuple[Item, PathStatus | None]]:
        """Check the files that some items are about, and yield each item with the answer, in their order.

        The files come from a listing of this store, the last of their directory. A store may go by what
        that said of them: a removal checks again. An item about none has no answer.
        """

        def checked(item: Item) -> PathStatus | None:
            path = path_of(item)
            return None if path is None else self.check(path)

        return self.each(checked, items)

    def is_in_other_mount(self, path: bytes) -> bool:
        """Whether a path that was found leads into what is mounted below the root; a removal checks again."""
        return False

    def followed(self, path: bytes) -> tuple[bytes, FileState] | None:
        """Where a path leads if links inside the store are followed: the path without links, and its state.

        None if it leads nowhere or out of the store. What cannot be read is noted in ``unreadable``.
        """
        return None

    def real_directory(self, path: bytes) -> bytes | None:
        """The path of a directory if links inside the store are followed; it need not be there.

        None if it leads out of the store. What cannot be read is noted in ``unreadable``.
        """
        return path

    @abstractmethod
    def forget(self) -> None:
        """Drop what is remembered of directories: the next check starts at the root again."""

    @abstractmethod
    def checksum(self, path: bytes, algorithm: str) -> str | None:
        """The hexadecimal checksum of a file; None where it cannot be read or computed here."""

    @abstractmethod
    def content(self, path: bytes, most: int) -> bytes | None:
        """The content of a file that is not longer than this; None where it is, or cannot be read."""

    def matching(self, parts: Sequence[bytes | Pattern[bytes]], below: bytes = b"") -> Iterator[bytes]:
        """Yield the paths of regular files whose parts are these names, or match these patterns."""
        for position, part in enumerate(parts):
            if not isinstance(part, bytes):
                for name in self.names(below, part):
                    yield from self.matching(parts[position + 1 :], posixpath.join(below, name))
                return
            below = posixpath.join(below, part)
        if self.check(below).is_file:
            yield below

    # Listing.

    @abstractmethod
    def require_directory(self, path: bytes) -> None:
        """Raise SiteError unless the path is a directory that can be read and not a link."""

    @abstractmethod
    def walk(self, directory: bytes, exclude: Pattern[bytes] | None, in_order: bool = True) -> Iterator[Run]:
        """Yield all that is below a directory and is none itself, in the byte order of whole paths.

        With ``in_order`` false, the order does not matter. Excluded directories are not entered
        (see ``walk.is_excluded``), nor are links and mounted file systems. A run is good until the
        next one is asked for.
        """

    @contextmanager
    def listing(
        self, directories: Sequence[bytes], exclude: Pattern[bytes] | None, progress: Progress
    ) -> Iterator[Iterator[Lists]]:
        """Lend the paths of what ``walk`` yields in order, for each of some directories, in lists.

        They are to be read once, directory by directory. Where it can, the store lists them from now on,
        while the caller does something else.
        """
        yield listed_here(self, directories, exclude, progress)

    def are_unchanged(self, entered: Iterable[Entered]) -> bool:
        """Whether these directories of a listing hold now what they held then; False in doubt."""
        return False

    @abstractmethod
    def names(self, directory: bytes, pattern: Pattern[bytes]) -> list[bytes]:
        """The names in a directory that match, in byte order; none where there is no such directory.

        A directory that cannot be read is noted in ``unreadable``.
        """

    @abstractmethod
    def holds_file(self, directory: bytes) -> bool:
        """Whether a walk below a directory would yield anything; not where there is no such directory.

        A directory that cannot be read counts as one without a file, and is noted in ``unreadable``.
        """

    # Quick checks. A symbolic link counts as nothing, for it is another name of a file.

    def quick_check(self) -> Finder:
        """What finds many files at once; a new one for each sequence of paths in byte order."""
        return QuickCheck(self)

    # What QuickCheck combines: a store without any answers nothing.

    def is_worth_reading(self, directory: bytes, wanted: int) -> bool:
        """Whether so many names are a good part of a directory; False in doubt."""
        return False

    def names_there(self, directory: bytes, most: int) -> AbstractSet[bytes]:
        """What is in a directory, unless it is more; nothing in doubt.

        To read a directory proves of many names at once that they are there, and of none that it is not.
        """
        return frozenset()

    def sorted_names_there(self, directory: bytes) -> Iterator[list[bytes]]:
        """The same for a directory of any size: its names in byte order, those beyond memory on disk."""
        return iter(())

    def is_beside_last(self, path: bytes) -> bool | None:
        """Whether something is at a path, which lies beside that of the last check; None where unknown."""
        return None

    # Removing, moving out, and putting back.

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
        """Do the same work on many files, and yield each item with the result, in their order.

        A store that answers slowly does several at the same time, in threads: ``work`` may call the
        methods below and those of private folders, and has to be safe for that. Items are taken, and
        results yielded, in the caller's thread. What fails by itself is a result; an error that is raised
        ends the work: no further item is begun, the results of those begun are yielded, and then it is
        raised (see ``each``).
        """
        return one_by_one(work, items)

    @abstractmethod
    def may_remove_in(self, directory: bytes) -> bool:
        """Whether this user may remove files in a directory; True where there is no such directory."""

    @abstractmethod
    def describe(self, path: bytes) -> FileMarks:
        """What a file has besides its content. Raises FileNotFoundError, Blocked or another OSError."""

    @abstractmethod
    def remove(self, path: bytes, state: FileState) -> None:
        """Remove a file that is still the one that was checked, for good."""

    @abstractmethod
    def move_out(self, path: bytes, state: FileState, folder: PrivateFolder, name: str) -> MovedOut:
        """Move a file that is still the one that was checked into a private folder.

        Across file systems it is copied, and the copy is on disk and was read again before the
        original is removed. What was exchanged at the last moment is put back. The caller syncs the
        folder.
        """

    @abstractmethod
    def check_put_back(self, folder: PrivateFolder, name: str, path: bytes) -> None:
        """Raise what ``put_back`` would raise, as far as that can be known without changing anything."""

    @abstractmethod
    def make_folder_for_held(self) -> None:
        """Make the private folder of the store in which files wait that are about to be deleted.

        Raises OSError, and QuarantineError where somebody else has made it.
        """

    @abstractmethod
    def folder_of_held(self) -> PrivateFolder | None:
        """Open that folder, which the caller closes; None if there is none. Raises as the above."""

    @abstractmethod
    def drop_folder_of_held(self) -> None:
        """Delete that folder if nothing is in it."""

    @abstractmethod
    def put_back(self, folder: PrivateFolder, name: str, path: bytes) -> None:
        """Move a file out of a private folder to a path where nothing is; nothing is overwritten.

        Directories that are missing are made, as their parent is. Whatever happens, the file is on
        disk in one of the two places; in which, is certain after ``sync``. A file that an earlier call
        has brought there, before it was killed, counts as put back. Raises FileExistsError if anything
        else is there; in this case, and in that of every other error, the file is kept in the folder.
        """

    def sync(self) -> None:
        """Return when all that was put back stays there after a power failure. Raises CleanupError."""
