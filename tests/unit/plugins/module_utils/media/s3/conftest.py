# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A bucket of its own for a test, on each service in turn."""

from __future__ import annotations

from collections import Counter
from typing import Any, Callable, Iterator

import pytest

from engine.media.s3.client import Bucket
from engine.media.s3.page_reader import Entry
from engine.media.s3.place import BucketPlace, StorageOptions
from engine.media.s3.private.bucket import PrivateBucket
from engine.media.s3.private.folder import BucketFolder
from helpers.s3_servers import RCLONE, SERVICES, S3Server, Service


class Kit:
    """A bucket with media below ``media/`` and a quarantine below ``kept/``."""

    def __init__(self, server: S3Server, versioned: bool = False) -> None:
        self.service = server.service
        self.client = server.client()
        self.options = StorageOptions(**server.options)
        self.use(server.new_bucket(versioned))

    def use(self, name: str) -> None:
        """Work on another bucket from now on."""
        self.name = name
        self.bucket = Bucket(name, self.options)

    def folder(self, unconditional: bool | None = None) -> BucketFolder:
        if unconditional is None:
            # As somebody would have to say who uses such a service.
            unconditional = not self.service.conditional_delete
        where = BucketPlace(self.name, "kept/")
        folder = BucketFolder.open(where, self.options, "the quarantine", unconditional)
        if self.service is RCLONE:
            # It answers a question for ACLs with an error, which costs some attempts each time.
            folder.bucket.acls.are_known = False
        return folder

    def put(self, key: str, content: bytes = b"picture", **more: Any) -> Entry:
        self.client.put_object(Bucket=self.name, Key=key, Body=content, **more)
        return self.checked(key)

    def checked(self, key: str) -> Entry:
        """An object as a plan has it."""
        head = self.bucket.head(key)
        return Entry(key, head.size, head.modified_ns, head.tag)

    def exchange_before(
        self, patch: pytest.MonkeyPatch, asking: Bucket, operation: str, is_honoured: bool = True
    ) -> None:
        """Write to an object that was checked and is about to be copied or deleted."""
        ask = asking.ask

        def exchanged_before(asked_for: str, asked: Any, headers: Any = None) -> Any:
            # What names its version deletes no object that came later.
            if asked_for == operation and "VersionId" not in asked:
                key = asked.get("CopySource", asked)["Key"]
                self.client.put_object(Bucket=self.name, Key=key, Body=b"another")
                headers = headers if is_honoured else None
            return ask(asked_for, asked, headers)

        patch.setattr(asking, "ask", exchanged_before)

    def keys(self, prefix: str = "") -> list[str]:
        return sorted(entry.key for page in self.bucket.pages(prefix) for entry in page.entries)

    def content(self, key: str) -> bytes:
        return b"".join(self.bucket.blocks(key))


@pytest.fixture(autouse=True)
def _open_services(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The throwaway servers let anybody read, which no test but that of this refusal is about."""
    if "asks_anybody" not in request.fixturenames:
        monkeypatch.setattr(PrivateBucket, "require_private", lambda _bucket, _key: None)


@pytest.fixture
def asks_anybody() -> None:
    """For the test that asks as anybody would."""


@pytest.fixture
def make_kit() -> type[Kit]:
    return Kit


@pytest.fixture(params=SERVICES, ids=lambda service: service.name)
def kit(request: pytest.FixtureRequest, s3_servers: Callable[[Service], S3Server]) -> Iterator[Kit]:
    made = Kit(s3_servers(request.param))
    yield made
    made.bucket.close()


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many requests of each kind the engine makes."""
    counted: Counter[str] = Counter()
    ask = Bucket.ask

    def counting(bucket: Bucket, operation: str, *asked: Any) -> Any:
        counted[operation] += 1
        return ask(bucket, operation, *asked)

    monkeypatch.setattr(Bucket, "ask", counting)
    return counted


@pytest.fixture
def folder(kit: Kit) -> Iterator[BucketFolder]:
    with kit.folder() as opened:
        yield opened
