# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Quarantine in a bucket that keeps versions: by delete markers, each of which hides exactly one version."""

from __future__ import annotations

import time
from typing import Any, Callable, Iterator

import pytest

from engine.media.s3.private import hidden, transfer
from engine.media.s3.private.bucket import PrivateBucket
from engine.media.s3.private.folder import BucketFolder
from engine.media.store import Changed
from helpers.s3_servers import MINISTACK, SEAWEEDFS, S3Server, Service

KEY, STORED = "media/a ä.jpg", "000000000"
ABOUT = {"ContentType": "image/jpeg", "CacheControl": "max-age=5", "Metadata": {"who": "me"}}


@pytest.fixture(params=[MINISTACK, SEAWEEDFS], ids=lambda service: service.name)
def kit(
    request: pytest.FixtureRequest, s3_servers: Callable[[Service], S3Server], make_kit: Any
) -> Iterator[Any]:
    made = make_kit(s3_servers(request.param), versioned=True)
    yield made
    made.bucket.close()


@pytest.fixture
def folder(kit: Any) -> Iterator[BucketFolder]:
    with kit.folder() as opened:
        opened.require_safe_moves()
        yield opened


def versions(kit: Any, key: str = KEY) -> list[tuple[str, bool]]:
    """The versions of a key, each with whether it is a marker; the latest first among its kind."""
    return [(one.version, one.is_marker) for one in kit.bucket.versions(key) if one.key == key]


def move(kit: Any, folder: BucketFolder, **about: Any) -> str:
    """Move an object, and return its version."""
    checked = kit.put(KEY, **about)
    version: str = kit.bucket.head(KEY).version
    transfer.move(kit.bucket, checked, folder, STORED)
    return version


def forbid_copies(monkeypatch: pytest.MonkeyPatch, kit: Any) -> None:
    ask = PrivateBucket.ask

    def no_copy(bucket: Any, operation: str, *how: Any) -> Any:
        assert operation != "copy_object"
        return ask(bucket, operation, *how)

    monkeypatch.setattr(PrivateBucket, "ask", no_copy)


@pytest.mark.promise(10)
def test_the_very_object_comes_back(kit: Any, folder: BucketFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_copies(monkeypatch, kit)
    version = move(kit, folder, **ABOUT)
    before = kit.bucket.head(KEY, version)
    assert kit.keys("media/") == []
    assert (folder.names(), folder.has(STORED)) == ([STORED], True)
    assert folder.state(STORED)[3:5] == (7, before.modified_ns)
    transfer.check_put_back(folder, STORED, kit.bucket, KEY)
    transfer.put_back(folder, STORED, kit.bucket, KEY)
    after = kit.bucket.head(KEY)
    assert (after.version, after.modified_ns, after.tag) == (version, before.modified_ns, before.tag)
    assert {name: after.said[name] for name in ABOUT} == ABOUT
    assert versions(kit) == [(version, False)], "and no marker is left"
    assert kit.keys("kept/") == []
    with pytest.raises(FileNotFoundError):
        transfer.put_back(folder, STORED, kit.bucket, KEY)


@pytest.mark.promise(10)
def test_nothing_is_overwritten(kit: Any, folder: BucketFolder) -> None:
    move(kit, folder)
    kit.put(KEY, b"another")
    for attempt in (transfer.check_put_back, transfer.put_back):
        with pytest.raises(FileExistsError, match="another object has its key"):
            attempt(folder, STORED, kit.bucket, KEY)
    assert kit.content(KEY) == b"another"
    # Deleted again, by the site: that was no deletion of ours.
    kit.client.delete_object(Bucket=kit.name, Key=KEY)
    with pytest.raises(FileExistsError, match="another object has its key, or had it since"):
        transfer.put_back(folder, STORED, kit.bucket, KEY)
    assert folder.has(STORED)


@pytest.mark.promise(10)
def test_only_the_marker_of_the_run_is_deleted(kit: Any, folder: BucketFolder) -> None:
    version = move(kit, folder)
    [marker] = [one for one, is_marker in versions(kit) if is_marker]
    kit.client.delete_object(Bucket=kit.name, Key=KEY, VersionId=marker)
    # Somebody has brought it back by hand, and the site has deleted it since.
    kit.client.delete_object(Bucket=kit.name, Key=KEY)
    with pytest.raises(FileExistsError, match="deleted once more since, by somebody else"):
        transfer.put_back(folder, STORED, kit.bucket, KEY)
    assert len(versions(kit)) == 2
    [marker] = [one for one, is_marker in versions(kit) if is_marker]
    kit.client.delete_object(Bucket=kit.name, Key=KEY, VersionId=marker)
    transfer.put_back(folder, STORED, kit.bucket, KEY)
    assert versions(kit) == [(version, False)]
    assert not folder.has(STORED)


@pytest.mark.promise(10)
@pytest.mark.parametrize("kit", [MINISTACK], indirect=True)
def test_a_purge_deletes_exactly_what_was_hidden(kit: Any, folder: BucketFolder) -> None:
    move(kit, folder)
    folder.remove(STORED)
    assert (versions(kit), kit.keys()) == ([], [])
    # An older version would come back, if the marker over it went too.
    kit.put(KEY, b"older")
    older: str = kit.bucket.head(KEY).version
    move(kit, folder)
    folder.remove(STORED)
    assert [version for version, is_marker in versions(kit) if not is_marker] == [older]
    assert kit.keys() == []


@pytest.mark.promise(10)
def test_what_is_not_hidden_any_more_is_not_purged(kit: Any, folder: BucketFolder) -> None:
    version = move(kit, folder)
    [marker] = [one for one, is_marker in versions(kit) if is_marker]
    kit.client.delete_object(Bucket=kit.name, Key=KEY, VersionId=marker)
    folder.remove(STORED)
    assert versions(kit) == [(version, False)], "it was brought back by hand"
    assert kit.content(KEY) == b"picture"
    assert not folder.has(STORED)


@pytest.mark.promise(2)
@pytest.mark.parametrize("is_honoured", [True, False], ids=["with a condition", "without"])
def test_what_is_exchanged_at_the_last_moment_stays(
    kit: Any, folder: BucketFolder, monkeypatch: pytest.MonkeyPatch, is_honoured: bool
) -> None:
    """Also on a service that takes the condition of a deletion and does not honour it."""
    checked = kit.put(KEY)
    kit.exchange_before(monkeypatch, kit.bucket, "delete_object", is_honoured)
    with pytest.raises(Changed, match="at the last moment"):
        transfer.move(kit.bucket, checked, folder, STORED)
    assert (kit.content(KEY), folder.names()) == (b"another", [])


@pytest.mark.promise(10)
@pytest.mark.parametrize("kit", [MINISTACK], indirect=True)
def test_a_deletion_that_was_repeated_is_undone_as_a_whole(
    kit: Any, folder: BucketFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to the first attempt was lost, and the second one left another marker."""
    delete = kit.bucket.delete

    def repeated(*which: Any, **how: Any) -> Any:
        delete(*which, **how)
        return delete(*which, **how)._replace(was_repeated=True)

    with monkeypatch.context() as patched:
        patched.setattr(kit.bucket, "delete", repeated)
        version = move(kit, folder)
    assert len(versions(kit)) == 3
    transfer.put_back(folder, STORED, kit.bucket, KEY)
    assert versions(kit) == [(version, False)]


@pytest.mark.promise(10)
def test_an_object_from_before_there_were_versions_is_copied(kit: Any) -> None:
    """Its version has no id: where versions are suspended meanwhile, a deletion would replace it."""
    name = kit.name
    kit.client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    checked = kit.put(KEY)
    kit.client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    with kit.folder() as folder:
        transfer.move(kit.bucket, checked, folder, STORED)
        assert folder.noted(STORED) is None
        transfer.put_back(folder, STORED, kit.bucket, KEY)
    assert kit.content(KEY) == b"picture"


@pytest.mark.promise(10)
def test_versions_that_are_suspended_meanwhile_cost_nothing(kit: Any, folder: BucketFolder) -> None:
    version = move(kit, folder)
    kit.client.put_bucket_versioning(Bucket=kit.name, VersioningConfiguration={"Status": "Suspended"})
    with kit.folder() as later:
        later.require_safe_moves()
        assert later.bucket.hides is False, "from now on objects are copied"
        transfer.put_back(later, STORED, kit.bucket, KEY)
        assert kit.bucket.head(KEY).version == version
    # The run that is under way has not heard of it: its version has an id, and stays.
    moved = kit.bucket.head(KEY)
    transfer.move(kit.bucket, kit.checked(KEY), folder, STORED)
    assert kit.bucket.head(KEY, version).tag == moved.tag
    if kit.service is SEAWEEDFS:
        # It deletes no marker of a bucket whose versions are suspended.
        with pytest.raises(OSError, match="does not delete the marker that hides it"):
            transfer.put_back(folder, STORED, kit.bucket, KEY)
        assert folder.has(STORED)
        return
    transfer.put_back(folder, STORED, kit.bucket, KEY)
    assert kit.content(KEY) == b"picture"


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"key": 1}'])
def test_a_note_that_is_damaged_is_acted_on_by_nobody(content: bytes) -> None:
    with pytest.raises(OSError, match="note that stands for it in quarantine is damaged"):
        hidden.read(content)


def locked_kit(s3_servers: Callable[[Service], S3Server], make_kit: Any, service: Service) -> Any:
    made = make_kit(s3_servers(service), versioned=True)
    name = f"locked-{time.monotonic_ns()}"
    made.client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    made.use(name)
    return made


@pytest.mark.promise(10)
def test_object_lock_is_said_and_respected(s3_servers: Callable[[Service], S3Server], make_kit: Any) -> None:
    kit = locked_kit(s3_servers, make_kit, SEAWEEDFS)
    with kit.folder() as folder:
        folder.require_safe_moves()
        checked = kit.put(KEY)
        kit.client.put_object_legal_hold(Bucket=kit.name, Key=KEY, LegalHold={"Status": "ON"})
        folder.bucket.deletes_soon = True
        with pytest.raises(OSError, match="legal hold"):
            transfer.move(kit.bucket, checked, folder, STORED)
        assert kit.keys() == [KEY]
        # A marker may hide what is locked.
        folder.bucket.deletes_soon = False
        transfer.move(kit.bucket, checked, folder, STORED)
        assert "legal hold" in folder.lock_on(STORED)
        transfer.put_back(folder, STORED, kit.bucket, KEY)
        assert kit.keys() == [KEY]
