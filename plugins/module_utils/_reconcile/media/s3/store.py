# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A media store in a bucket: the objects whose keys begin with a prefix."""

from __future__ import annotations

import hashlib
from typing import AbstractSet, Callable, Iterable, Iterator, Pattern

from ...errors import SiteError
from ...spool import ExternalSort
from ...text import escaped, reason_of
from ..each import Item, Result, in_threads, one_by_one
from ..paths import is_below
from ..private_folder import PrivateFolder
from ..quick_check import Finder
from ..store import (
    HELD,
    Answer,
    Blocked,
    Capabilities,
    Changed,
    FileMarks,
    FileState,
    MediaStore,
    MovedOut,
    PathStatus,
    Run,
)
from .client import THREADS, Bucket, Head, to_the_second
from .failures import ConditionFailed, NotSupported
from .lifecycle import notes_on_rules
from .listed import ListedObjects, keys_of
from .listing import OBJECTS_IN_MEMORY, Unlisted, objects_below, objects_by_page
from .listing_check import ListingCheck
from .page_reader import Entry
from .place import BucketPlace, StorageOptions, are_plain, why_no_key
from .private import transfer
from .private.folder import BucketFolder
from .runs import Runs

_SECOND = 1_000_000_000


class S3Store(MediaStore):
    """The objects below one prefix of a bucket."""

    capabilities = Capabilities(directories=False, other_names=False)

    def __init__(
        self, place: BucketPlace, options: StorageOptions, max_listed: int, never: Iterable[bytes] = ()
    ) -> None:
        super().__init__(max_listed)
        self._place = place
        self._options = options
        self._never = tuple(folder + b"/" for folder in (HELD, *never))
        self._keeps_versions = False
        self._holds = False
        # By directory: what its last listing said.
        self._listed: dict[bytes, ListedObjects] = {}
        self.accepts_unconditional_delete = False
        # Where what is removed is kept; None where it is deleted for good.
        self.kept_in: BucketPlace | None = None

    def __enter__(self) -> S3Store:
        self.bucket = Bucket(self._place.bucket, self._options)
        try:
            self.bucket.require()
            self._keeps_versions = _keeps_versions(self.bucket)
        except OSError as error:
            self.bucket.close()
            raise SiteError(
                f"media_root '{self._place.url}' does not exist, or cannot be listed: {error.strerror}. "
                "Check the name of the bucket, storage_options, and the credentials of this user. Nothing "
                "was examined."
            ) from None
        if self.kept_in and self.kept_in.bucket == self._place.bucket:
            self.notes += notes_on_rules(self.bucket, self._place, self.kept_in, self._keeps_versions)
        return self

    def close(self) -> None:
        self.bucket.close()

    # What it is.

    @property
    def file_system(self) -> int:
        return 0

    def identity(self) -> str:
        # The same from each host that reaches it.
        return f"s3 {self.bucket.endpoint} {self._place.bucket}/{escaped(self._place.prefix.encode())}"

    def verify_root(self) -> None:
        try:
            self.bucket.require()
        except OSError as error:
            self.unreadable.add((b"", reason_of(error)))

    # Paths and keys.

    def key_of(self, path: bytes) -> str:
        """The key of a path. Raises Blocked for what can be no path of an object."""
        try:
            key = self._place.prefix + path.decode()
        except UnicodeDecodeError:
            raise Blocked("it is not UTF-8, and every key of a bucket is") from None
        why = why_no_key(key)
        if why:
            raise Blocked(f"it {why}")
        if path.startswith(self._never):
            raise Blocked("it is private to this program")
        return key

    def _key_or_none(self, path: bytes) -> str | None:
        try:
            return self.key_of(path)
        except Blocked:
            return None

    def _prefix_of(self, directory: bytes) -> str:
        """What the keys in a directory begin with. Raises Blocked."""
        return self.key_of(directory) + "/" if directory else self._place.prefix

    # Checking.

    def check(self, path: bytes) -> PathStatus:
        if not path:
            return PathStatus(Answer.FOUND, _directory(path))
        try:
            return PathStatus(Answer.FOUND, _state(path, self.bucket.head(self.key_of(path))))
        except FileNotFoundError:
            return self._check_directory(path)
        except Blocked as error:
            return PathStatus(Answer.BLOCKED, None, str(error))
        except OSError as error:
            return PathStatus(Answer.UNREADABLE, None, reason_of(error))

    def files_among(self, paths: Iterable[bytes]) -> AbstractSet[bytes]:
        asked = sorted(set(paths))
        # What a listing shows is an object.
        unlisted = [path for path in asked if self._as_listed(path) is None]
        left = self.quick_check().not_found(unlisted)
        return {*super().files_among(left), *set(asked).difference(left)}

    def check_listed(
        self, items: Iterable[Item], path_of: Callable[[Item], bytes | None]
    ) -> Iterator[tuple[Item, PathStatus | None]]:
        """By the listing, once the service was seen to say the same of an object that it was asked for."""
        left = iter(items)
        for item in left:
            path = path_of(item)
            answer = None if path is None else self.check(path)
            yield item, answer
            if path is not None:
                yield from self._checked(left, path_of, is_believed=answer == self._as_listed(path))

    def _checked(
        self, items: Iterable[Item], path_of: Callable[[Item], bytes | None], is_believed: bool
    ) -> Iterator[tuple[Item, PathStatus | None]]:
        def checked(item: Item) -> PathStatus | None:
            path = path_of(item)
            if path is None:
                return None
            return (self._as_listed(path) if is_believed else None) or self.check(path)

        return one_by_one(checked, items) if is_believed else self.each(checked, items)

    def _as_listed(self, path: bytes) -> PathStatus | None:
        """What the listings of this run said of a path; None if they did not show it."""
        key = self._key_or_none(path)
        if key is None:
            return None
        for directory, listed in self._listed.items():
            entry = listed.get(key) if is_below(path, directory) else None
            if entry:
                return PathStatus(Answer.FOUND, _state(path, entry))
        return None

    def _check_directory(self, path: bytes) -> PathStatus:
        """A path at which there is no object is a directory if one is below it."""
        try:
            page = next(self.bucket.pages(self._prefix_of(path), most=1))
        except OSError as error:
            return PathStatus(Answer.UNREADABLE, None, reason_of(error))
        return PathStatus(Answer.FOUND, _directory(path)) if page.entries else PathStatus(Answer.ABSENT)

    def check_in(self, run: Run, name: bytes) -> PathStatus:
        return self.check(run.prefix + name)

    def forget(self) -> None:
        """Drop the listings; nothing else is remembered."""
        self._listed.clear()

    def checksum(self, path: bytes, algorithm: str) -> str | None:
        try:
            digest = hashlib.new(algorithm)
            for block in self.bucket.blocks(self.key_of(path)):
                digest.update(block)
        except (OSError, ValueError, Blocked):
            return None
        return digest.hexdigest()

    def content(self, path: bytes, most: int) -> bytes | None:
        try:
            return self.bucket.get(self.key_of(path), most)
        except (OSError, Blocked):
            return None

    # Listing.

    def require_directory(self, path: bytes) -> None:
        shown = escaped(path) or "."
        try:
            if self._is_empty(path) and path:
                raise SiteError(
                    f"directory '{shown}' does not exist below media_root '{self._place.url}': there is no "
                    "object in it. Correct the name; a folder of a bucket is there once something is in it."
                )
        except Blocked as error:
            raise SiteError(
                f"directory '{shown}' can be none of media_root '{self._place.url}': {error}."
            ) from None
        except OSError as error:
            raise SiteError(
                f"directory '{shown}' below media_root cannot be listed: {reason_of(error)}."
            ) from None

    def walk(self, directory: bytes, exclude: Pattern[bytes] | None, in_order: bool = True) -> Iterator[Run]:
        prefix = self._prefix_or_none(directory)
        if prefix is None:
            self.unreadable.add((directory, "it can be no directory of a bucket"))
            return
        runs = Runs(directory, exclude, self._never)
        is_there = not directory
        listed = ListedObjects() if in_order else None
        if listed:
            self._listed[directory] = listed
        for lines in (objects_below if in_order else objects_by_page)(self.bucket, prefix):
            is_there = True
            if isinstance(lines, Unlisted):
                path = lines.prefix[len(self._place.prefix) :].encode()
                self.unreadable.add((path.rstrip(b"/"), lines.reason))
                continue
            if listed:
                listed.add(lines)
            yield from runs.of(self._paths(keys_of(lines)))
        if not is_there:
            self.unreadable.add((directory, "there is no object in it"))

    def _prefix_or_none(self, directory: bytes) -> str | None:
        try:
            return self._prefix_of(directory)
        except Blocked:
            return None

    def _paths(self, keys: list[bytes]) -> list[bytes]:
        """The paths of keys; those that are none are noted."""
        start = len(self._place.prefix.encode())
        if are_plain(keys):
            return [key[start:] for key in keys]
        paths = []
        for key in keys:
            path = key[start:]
            why = why_no_key(key.decode())
            if not why:
                paths.append(path)
            elif not path.startswith(self._never):
                self.no_paths.add((path, f"its key {why}, so no path leads to it"))
        return paths

    def names(self, directory: bytes, pattern: Pattern[bytes]) -> list[bytes]:
        try:
            return sorted(
                name for names in self._names(directory) for name in names if pattern.fullmatch(name)
            )
        except Blocked:
            return []
        except OSError as error:
            self.unreadable.add((directory, reason_of(error)))
            return []

    def _names(self, directory: bytes) -> Iterator[list[bytes]]:
        """The names in a directory, page by page. Raises Blocked and OSError."""
        prefix = self._prefix_of(directory)
        for page in self.bucket.pages(prefix, "/"):
            keys = [*(entry.key for entry in page.entries), *(part[:-1] for part in page.prefixes)]
            names = [key[len(prefix) :].encode() for key in keys]
            yield [name for name in names if name and not (not directory and name == HELD)]

    def holds_file(self, directory: bytes) -> bool:
        try:
            is_empty = self._is_empty(directory)
        except Blocked:
            return False
        except OSError as error:
            self.unreadable.add((directory, reason_of(error)))
            return False
        return not is_empty and next(self.walk(directory, None, in_order=False), None) is not None

    def _is_empty(self, directory: bytes) -> bool:
        return not any(self._names(directory))

    def quick_check(self) -> Finder:
        return ListingCheck(self.bucket, self._place.prefix, self._key_or_none)

    def sorted_names_there(self, directory: bytes) -> Iterator[list[bytes]]:
        names = ExternalSort(OBJECTS_IN_MEMORY)
        try:
            for some in self._names(directory):
                names.extend(some)
        except (OSError, Blocked):
            return iter(())
        return names.lists()

    # Removing, moving out, and putting back.

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
        return in_threads(work, items, THREADS)

    def may_remove_in(self, directory: bytes) -> bool:
        """True: only the service knows, and says so when it refuses."""
        return True

    def describe(self, path: bytes) -> FileMarks:
        head = self.bucket.head(self.key_of(path))
        seconds = to_the_second(head.modified_ns)
        return FileMarks(head.size, seconds, seconds, 0, 0, 0)

    def remove(self, path: bytes, state: FileState) -> None:
        key = self.key_of(path)
        head = self._require_same(path, key, state)
        try:
            deleted = self.bucket.delete(key, if_match=head.tag)
        except (ConditionFailed, FileNotFoundError):
            raise Changed("it was removed or written to at the last moment") from None
        if head.version and deleted.is_marker:
            self._delete_version(key, head.version, deleted.version)

    def _require_same(self, path: bytes, key: str, state: FileState) -> Head:
        try:
            head = self.bucket.head(key)
        except FileNotFoundError:
            raise Changed("it was already removed") from None
        if _state(path, head) != state:
            raise Changed("another file is in its place, or it was written to")
        return head

    def _delete_version(self, key: str, version: str, marker: str) -> None:
        """Delete the version that a marker has hidden, if it was the latest; else take the marker away."""
        below = next((one for one in self.bucket.versions(key) if one.key == key and not one.is_marker), None)
        if below is None or below.version != version:
            self.bucket.delete(key, version=marker)
            raise Changed("another file came into its place at the last moment")
        try:
            self.bucket.delete(key, version=version)
        except OSError:
            self.bucket.delete(key, version=marker)
            raise

    def move_out(self, path: bytes, state: FileState, folder: PrivateFolder, name: str) -> MovedOut:
        key = self.key_of(path)
        checked = Entry(key, state.size, state.mtime_ns, state.tag)
        return transfer.move(self.bucket, checked, transfer.in_bucket(folder), name)

    def check_put_back(self, folder: PrivateFolder, name: str, path: bytes) -> None:
        transfer.check_put_back(transfer.in_bucket(folder), name, self.bucket, self.key_of(path))

    def put_back(self, folder: PrivateFolder, name: str, path: bytes) -> None:
        transfer.put_back(transfer.in_bucket(folder), name, self.bucket, self.key_of(path))

    def make_folder_for_held(self) -> None:
        self._holds = True

    def folder_of_held(self) -> PrivateFolder | None:
        place = BucketPlace(self._place.bucket, f"{self._place.prefix}{HELD.decode()}/")
        if not self._holds and not next(self.bucket.pages(place.prefix, most=1)).entries:
            return None
        what = "the folder of held files"
        folder = BucketFolder.open(place, self._options, what, self.accepts_unconditional_delete)
        folder.bucket.deletes_soon = True
        return folder

    def drop_folder_of_held(self) -> None:
        """A folder of a bucket is gone with what is in it."""
        self._holds = False


def _directory(path: bytes) -> FileState:
    return FileState("directory", 0, _number(path), 0, 0, 0)


def _state(path: bytes, object_: Head | Entry) -> FileState:
    """The state of an object. Its version is none of it: the same content of the same second is as good."""
    seconds = to_the_second(object_.modified_ns)
    # It was written within that second.
    return FileState("file", 0, _number(path), object_.size, seconds, seconds + _SECOND - 1, object_.tag)


def _number(path: bytes) -> int:
    """What stands for an inode: an object has one name only, so it is a number of that."""
    return int.from_bytes(hashlib.blake2b(path, digest_size=7).digest(), "big")


def _keeps_versions(bucket: Bucket) -> bool:
    try:
        return bucket.keeps_versions()
    except NotSupported:
        return False
