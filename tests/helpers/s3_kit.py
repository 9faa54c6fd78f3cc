# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A media store in a bucket of a throwaway server, and how a test changes it behind its back."""

from __future__ import annotations

import errno
import itertools
import os
import time
from contextlib import suppress
from typing import Any, Callable, Iterator, Mapping, NamedTuple

import pytest

from engine.media.s3.client import Bucket, Head, Page
from engine.media.s3.failures import BucketError
from engine.media.s3.place import BucketPlace, storage_options
from engine.media.s3.private.folder import BucketFolder
from engine.media.s3.store import S3Store
from engine.media.store import FileMarks
from helpers.s3_servers import RCLONE, SERVICES, S3Server, Service

_numbers = itertools.count(1)


class BucketOf(NamedTuple):
    """A kind of bucket: of which service, and whether it keeps versions."""

    service: Service
    versioned: bool = False

    def __str__(self) -> str:
        return f"s3, {self.service.name}{', versioned' if self.versioned else ''}"


BUCKETS = [
    *map(BucketOf, SERVICES),
    *(BucketOf(service, versioned=True) for service in SERVICES if service.versions),
]


class S3Kit:
    """A store in a bucket, with the methods of the kits of the conformance tests."""

    lacks: Mapping[str, str] = {
        "steps": "what happens between the requests of a move is tried in s3/test_transfer.py",
        "rights": "only the service knows who may remove an object",
        "another root": "a prefix is no thing of its own, in whose place another one could be put",
    }
    depths = (1,)
    too_long = b"n" * 1025
    deep = b"/".join([b"d" * 120] * 8)

    def __init__(self, server: S3Server, versioned: bool = False) -> None:
        self.server = server
        self.versioned = versioned
        self.client = server.client()
        self.options = storage_options(server.options)
        # A bucket costs some services more than all that a test does with it.
        self.bucket = server.shared_bucket(versioned)
        self._number = next(_numbers)
        self.prefix = f"{self._number}/media/"

    def close(self) -> None:
        """The bucket is gone with its server."""

    @property
    def keeps_attributes(self) -> bool:
        # It knows no ACLs, so nobody can say whether there was one.
        return self.server.service is not RCLONE

    @property
    def place(self) -> BucketPlace:
        return BucketPlace(self.bucket, self.prefix)

    def store(self, max_listed: int = 100) -> S3Store:
        return S3Store(self.place, self.options, max_listed)

    def folder(self) -> BucketFolder:
        # Beside the media, whatever prefix these have by now.
        place = BucketPlace(self.bucket, f"kept/{self._number}/")
        # A site on such a service has to accept what it cannot do; ``test_transfer`` tries the refusal.
        accepts = not self.server.service.conditional_delete
        folder = BucketFolder.open(place, self.options, "the quarantine", accepts)
        if self.server.service is RCLONE:
            # It answers a question for ACLs with an error, which costs some attempts each time.
            folder.bucket.acls.are_known = False
        return folder

    def can_hold(self, name: bytes) -> bool:
        with suppress(UnicodeDecodeError):
            name.decode()
            return name not in self.server.service.cannot_hold
        return False

    def write(self, *paths: bytes, content: bytes = b"picture") -> None:
        for path in paths:
            self.put(self.prefix + path.decode(), content)

    def put(self, key: str, content: bytes = b"picture") -> None:
        """Write an object wherever it may be."""
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)

    def read(self, path: bytes) -> bytes:
        found: bytes = self.client.get_object(Bucket=self.bucket, Key=self.prefix + path.decode())[
            "Body"
        ].read()
        return found

    def remove(self, path: bytes) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=self.prefix + path.decode())

    def exchange(self, path: bytes, content: bytes) -> None:
        # A service knows the second of a write, and the same content has the same ETag.
        time.sleep(1.05)
        self.write(path, content=content)

    def kept_of(self, marks: FileMarks) -> int:
        """What comes back is a copy: it is as old as that, and the manifest says how old it was."""
        return marks.size

    def stored(self, folder: BucketFolder, name: str) -> bytes:
        noted = folder.noted(name)
        key, version = (noted.key, noted.version) if noted else (folder.key_of(name), "")
        return b"".join(folder.bucket.blocks(key, version))

    def mtime_ns(self, path: bytes) -> int:
        head = self.client.head_object(Bucket=self.bucket, Key=self.prefix + path.decode())
        return int(head["LastModified"].timestamp()) * 1_000_000_000

    def replace_root(self) -> None:
        """Another prefix has the site's media by now."""
        self.prefix = f"{next(_numbers)}/media/"

    def remove_root(self) -> None:
        self.bucket = "no-such-bucket"

    def break_reading(self, patch: pytest.MonkeyPatch, directory: bytes) -> None:
        """From now on the service fails where this directory is read."""
        broken = self.prefix + directory.decode() + "/"
        pages, head = Bucket.pages, Bucket.head

        def failing_pages(bucket: Bucket, prefix: str = "", *more: Any, **how: Any) -> Iterator[Page]:
            if prefix.startswith(broken):
                raise BucketError(os.strerror(errno.EIO))
            return pages(bucket, prefix, *more, **how)

        def failing_head(bucket: Bucket, key: str, version: str = "") -> Head:
            if key.startswith(broken):
                raise BucketError(os.strerror(errno.EIO))
            return head(bucket, key, version)

        patch.setattr(Bucket, "pages", failing_pages)
        patch.setattr(Bucket, "head", failing_head)

    def at_the_last_moment(self, patch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
        """Let something happen after the last look at an object and before it is deleted."""
        delete = Bucket.delete

        def late(bucket: Bucket, *arguments: Any, **how: Any) -> Any:
            patch.setattr(Bucket, "delete", delete)
            happens()
            return delete(bucket, *arguments, **how)

        patch.setattr(Bucket, "delete", late)

    def block_removal(self, patch: pytest.MonkeyPatch) -> None:
        """From now on this user may not remove files."""
