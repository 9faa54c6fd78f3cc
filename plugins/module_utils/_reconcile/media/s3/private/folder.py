# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A private folder in a bucket: a prefix of keys, below which only the quarantine writes."""

from __future__ import annotations

import errno
import hashlib
import shutil
import tempfile
from contextlib import ExitStack, suppress
from typing import IO, Callable, Iterable, Iterator

from ....errors import QuarantineError
from ....text import escaped
from ...each import Item, Result, in_threads
from ...private_folder import NewFile, PrivateFolder
from ...store import FileState
from ..client import THREADS, Head
from ..place import BucketPlace, StorageOptions
from . import hidden as versions
from . import parts
from .bucket import PrivateBucket
from .lease import Lease

# Behind the name of a file: an object that says what a copy of it cannot have by itself.
BESIDE = "~"
_DIGEST_SIZE = 16
_LONGEST_NOTE = 1 << 16
_LOCK = ".lock"
_PROBE = f"{BESIDE}probe"


class BucketFolder(PrivateFolder):
    """An open private folder in a bucket. There are no folders by themselves: each that is opened is there.

    A file that was moved in is one object, with another one beside it at most, or a note of an object that is
    hidden where it was (see ``hidden``); a file that is made by ``create`` is in parts.
    """

    keeps_times = False
    why_less = "these credentials may not read them (s3:GetObjectAcl), or the service knows none"

    def __init__(self, bucket: PrivateBucket, prefix: str, what: str) -> None:
        super().__init__(BucketPlace(bucket.name, prefix).url.encode(), what)
        self.bucket = bucket
        self._prefix = prefix
        self._lease: Lease | None = None
        self._owns_bucket = False
        # What a listing has said, once somebody has asked for a name; files in parts may come since.
        self._known: tuple[set[str], set[str]] | None = None
        self._writes = False

    @classmethod
    def open(
        cls,
        place: BucketPlace,
        options: StorageOptions,
        what: str,
        unconditional: bool = False,
    ) -> BucketFolder:
        """Open the folder at a place; ``what`` is its name in messages: "the quarantine".

        With ``unconditional``, objects are also moved there where the service deletes without a condition.
        """
        bucket = PrivateBucket(place.bucket, options, unconditional)
        folder = cls(bucket, place.prefix, what)
        folder._owns_bucket = True
        return folder

    def close(self) -> None:
        if self._lease:
            self._lease.close()
            self._lease = None
        if self._owns_bucket:
            self.bucket.close()
            self._owns_bucket = False

    def key_of(self, name: str) -> str:
        """The key of an entry."""
        return self._prefix + name

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
        return in_threads(work, items, THREADS)

    def lock(self) -> None:
        named = f"{self._what} '{escaped(self.path)}'"
        try:
            self._lease = Lease(self.bucket, self.key_of(_LOCK), named)
            # The first object that is there in any case: by it one can see who may read what comes.
            self.bucket.require_private(self.key_of(_LOCK))
        except OSError as error:
            raise QuarantineError(
                f"{named} cannot be locked: {error.strerror}. Nothing was removed. Check the service, "
                "storage_options and the credentials of this user, and run again."
            ) from None

    def require_private(self) -> None:
        for page in self.bucket.pages(self._prefix, most=1):
            for entry in page.entries:
                self.bucket.require_private(entry.key)
            return

    def moves_safely(self) -> bool:
        return self.bucket.deletes_safely(self.key_of(_PROBE))

    def require_safe_moves(self) -> None:
        super().require_safe_moves()
        self.bucket.try_hiding(self.key_of(_PROBE))

    def sync(self) -> None:
        """Each object that was put survives a power failure."""

    # What is in it.

    def names(self) -> list[str]:
        files, others = self._listed()
        # Some services list a folder for a while in which nothing is left.
        return sorted(files | {name for name in others if self._has_below(name)})

    def _listed(self) -> tuple[set[str], set[str]]:
        """The names of files that were moved in, and those of folders and of files in parts."""
        files: set[str] = set()
        others: set[str] = set()
        for page in self.bucket.pages(self._prefix, delimiter="/"):
            files |= {_without_note(entry.key[len(self._prefix) :]) for entry in page.entries}
            others |= {prefix[len(self._prefix) : -1] for prefix in page.prefixes}
        return {name for name in files if name not in ("", _LOCK) and BESIDE not in name}, others

    def has(self, name: str) -> bool:
        # Another thread may forget it meanwhile.
        known = self._known
        if known is None:
            known = self._known = self._listed()
        files, others = known
        return name in files or ((name in others or self._writes) and self._has_below(name))

    def _has_below(self, name: str) -> bool:
        """Whether there is anything below a name but the remains of a file in parts."""
        key = self.key_of(name)
        found = parts.all_parts(self.bucket, key)
        if parts.current(found):
            return True
        return any(len(page.entries) > len(found) for page in self.bucket.pages(f"{key}/"))

    def forget(self) -> None:
        """Drop what is remembered of the files that were moved in."""
        self._known = None

    def state(self, name: str) -> FileState:
        head = self._head(name)
        return FileState("file", 0, 0, head.size, head.modified_ns, head.modified_ns)

    def digest(self, name: str) -> bytes:
        return digest_of(self._head(name).tag)

    def _head(self, name: str) -> Head:
        noted = self.noted(name)
        return versions.head_of(self.bucket, noted) if noted else self.bucket.head(self.key_of(name))

    def lock_on(self, name: str) -> str:
        # Without versions there is no Object Lock. What is gone is not locked.
        if self.bucket.has_versions:
            with suppress(FileNotFoundError):
                return versions.lock_on(self._head(name))
        return ""

    # Notes of what is hidden where it was.

    def noted(self, name: str) -> versions.Hidden | None:
        """The object that an entry stands for; None for one that is here itself."""
        if not self.bucket.has_versions:
            return None
        try:
            return versions.read(self.bucket.get(self.key_of(name) + versions.NOTE, _LONGEST_NOTE))
        except FileNotFoundError:
            return None

    def note(self, name: str, hidden: versions.Hidden) -> None:
        self.bucket.put(self.key_of(name) + versions.NOTE, hidden.written())

    def forget_note(self, name: str) -> None:
        """Delete the note alone: the object is back, or was never hidden."""
        self.bucket.erase(self.key_of(name) + versions.NOTE)
        self._forget_name(name)

    def make_folder(self, name: str) -> None:
        for page in self.bucket.pages(self.key_of(name) + "/"):
            if page.entries:
                raise FileExistsError(errno.EEXIST, "there is such a folder already")
            return

    def folder(self, name: str) -> BucketFolder:
        return BucketFolder(self.bucket, self.key_of(name) + "/", self._what)

    def create(self, name: str) -> NewFile:
        self._writes = True
        return parts.PartsFile(self.bucket, self.key_of(name))

    def read(self, name: str) -> IO[bytes]:
        return parts.opened(self.bucket, self.key_of(name))

    def content(self, name: str, most: int) -> bytes | None:
        return self.bucket.get(self.key_of(name), most)

    def read_here(self, name: str) -> IO[bytes]:
        with ExitStack() as unless_done, self.read(name) as file:
            here = unless_done.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(file, here)
            here.seek(0)
            unless_done.pop_all()
            return here

    # Removing.

    def rename(self, old: str, new: str) -> None:
        self._writes = True
        parts.rename(self.bucket, self.key_of(old), self.key_of(new))

    def remove(self, name: str) -> None:
        key = self.key_of(name)
        # What is said beside a file goes after it: without that, it would come back with less than it had.
        there = {entry.key for page in self.bucket.pages(key) for entry in page.entries}
        if key + versions.NOTE in there:
            self._erase(key + versions.NOTE)
            self._forget_name(name)
            return
        in_parts = any(one.startswith(f"{key}/") for one in there)
        written = parts.all_parts(self.bucket, key) if in_parts else []
        own = [key, *parts.in_order_of_removal(written), key + BESIDE]
        if there.isdisjoint(own[:-1]):
            raise FileNotFoundError(errno.ENOENT, "there is no such file")
        for one in own:
            if one in there:
                self.bucket.erase(one)
        self._forget_name(name)

    def _forget_name(self, name: str) -> None:
        known = self._known
        if known is not None:
            known[0].discard(name)

    def _erase(self, key: str) -> None:
        """Delete an object of this folder for good, and with a note what it stands for."""
        if key.endswith(versions.NOTE) and self.bucket.has_versions:
            # Should the note be gone by now, nothing is known that could be deleted.
            with suppress(FileNotFoundError):
                noted = versions.read(self.bucket.get(key, _LONGEST_NOTE))
                versions.delete_for_good(self.bucket, noted)
        self.bucket.erase(key)

    def remove_tree(self, name: str) -> None:
        below = self.key_of(name) + "/"
        self.forget()
        for page in self.bucket.pages(below):
            keys = [entry.key for entry in page.entries]
            if not all(key.startswith(below) for key in keys):
                raise QuarantineError(
                    f"the service lists other objects than those below s3://{self.bucket.name}/{below}, so "
                    "nothing is deleted there. Check the service at endpoint_url."
                )
            for _erased in self.each(self._erase, keys):
                pass


def _without_note(name: str) -> str:
    return name[: -len(versions.NOTE)] if name.endswith(versions.NOTE) else name


def digest_of(tag: str) -> bytes:
    """The digest of an object with this tag, which the service makes of its content and knows for itself."""
    return hashlib.blake2b(tag.encode(), digest_size=_DIGEST_SIZE).digest()
