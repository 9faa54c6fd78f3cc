# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""An object into quarantine and back, on each service: with all that it had, and never over another one."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import QuarantineError, RefusedError
from engine.media.disk.folder import DiskFolder
from engine.media.s3.failures import BucketError, ConditionFailed
from engine.media.s3.private import copy as copies
from engine.media.s3.private import transfer
from engine.media.s3.private.acl import acl_of
from engine.media.s3.private.folder import BucketFolder
from engine.media.store import Changed
from helpers.s3_servers import MINISTACK, RCLONE, SEAWEEDFS

KEY = "media/a ä.jpg"
STORED = "000000000"
ABOUT = {
    "ContentType": "image/jpeg",
    "CacheControl": "max-age=5",
    "ContentDisposition": "inline",
    "Metadata": {"who": "me"},
}


def about(kit: Any, key: str = KEY) -> dict[str, Any]:
    """What the service says of an object, besides its time."""
    head = kit.client.head_object(Bucket=kit.name, Key=key)
    found = {name: head.get(name) for name in (*ABOUT, "StorageClass", "ContentLength", "ETag")}
    found["Metadata"] = {name.lower(): value for name, value in head["Metadata"].items()}
    # A time that rclone notes by itself.
    found["Metadata"].pop("mtime", None)
    if kit.service is not RCLONE:
        found["tags"] = kit.client.get_object_tagging(Bucket=kit.name, Key=key)["TagSet"]
        found["acl"] = acl_of(kit.bucket, key)
    return found


@pytest.mark.promise(10)
def test_an_object_comes_back_as_it_was(kit: Any, folder: BucketFolder) -> None:
    # What rclone does not know of an object, it cannot keep.
    more = {"StorageClass": "STANDARD_IA", "Tagging": "a=b&c=d", "ACL": "public-read"}
    checked = kit.put(KEY, **ABOUT, **({} if kit.service is RCLONE else more))
    before = about(kit)
    if kit.service is MINISTACK:
        assert before["acl"] != {}
    moved = transfer.move(kit.bucket, checked, folder, STORED)
    assert kit.keys("media/") == []
    assert folder.names() == [STORED]
    assert folder.state(STORED)[:4] == ("file", 0, 0, 7)
    assert (moved.has_all_attributes, moved.digest) == (kit.service is not RCLONE, folder.digest(STORED))
    transfer.check_put_back(folder, STORED, kit.bucket, KEY)
    transfer.put_back(folder, STORED, kit.bucket, KEY)
    assert about(kit) == before
    assert kit.keys() == [KEY]
    assert not folder.has(STORED)
    with pytest.raises(FileNotFoundError):
        transfer.put_back(folder, STORED, kit.bucket, KEY)


@pytest.mark.promise(10)
@pytest.mark.parametrize("kit", [MINISTACK, SEAWEEDFS], indirect=True, ids=lambda service: service.name)
def test_an_object_above_the_limit_comes_back_as_it_was(
    kit: Any, folder: BucketFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "LARGEST_COPY", 5 << 20)
    monkeypatch.setattr(copies, "PART", 5 << 20)
    content = bytes(range(256)) * (6 << 12)
    checked = kit.put(KEY, content, **ABOUT, StorageClass="STANDARD_IA", Tagging="a=b&c=d")
    before = about(kit)
    assert transfer.move(kit.bucket, checked, folder, STORED).has_all_attributes
    transfer.put_back(folder, STORED, kit.bucket, KEY)
    after = about(kit)
    # That of an object in parts is made of its parts.
    assert after.pop("ETag") != before.pop("ETag")
    assert after == before
    assert kit.content(KEY) == content
    assert kit.client.list_multipart_uploads(Bucket=kit.name).get("Uploads", []) == []


@pytest.mark.promise(10)
def test_nothing_is_overwritten(kit: Any, folder: BucketFolder) -> None:
    transfer.move(kit.bucket, kit.put(KEY), folder, STORED)
    kit.put(KEY, b"another")
    for attempt in (transfer.check_put_back, transfer.put_back):
        with pytest.raises(FileExistsError):
            attempt(folder, STORED, kit.bucket, KEY)
    assert (kit.content(KEY), folder.has(STORED)) == (b"another", True)
    # The same one is what a restore that was killed has put there.
    kit.client.copy_object(
        Bucket=kit.name, Key=KEY, CopySource={"Bucket": kit.name, "Key": folder.key_of(STORED)}
    )
    transfer.put_back(folder, STORED, kit.bucket, KEY)
    assert kit.keys() == [KEY]


@pytest.mark.promise(10)
@pytest.mark.parametrize("kit", [MINISTACK], indirect=True)
def test_what_comes_there_at_the_last_moment_is_not_overwritten(
    kit: Any, folder: BucketFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the condition of the copy, which this service does not know: here it is answered in its place."""
    transfer.move(kit.bucket, kit.put(KEY), folder, STORED)
    ask = kit.bucket.ask

    def uploaded_meanwhile(operation: str, asked: Any, headers: Any = None) -> Any:
        if operation == "copy_object":
            assert headers == {"If-None-Match": "*"}
            kit.put(KEY, b"another")
            raise ConditionFailed("there is one")
        return ask(operation, asked, headers)

    monkeypatch.setattr(kit.bucket, "ask", uploaded_meanwhile)
    with pytest.raises(FileExistsError):
        transfer.put_back(folder, STORED, kit.bucket, KEY)
    assert (kit.content(KEY), folder.has(STORED)) == (b"another", True)


@pytest.mark.promise(2)
def test_only_what_was_checked_is_moved(kit: Any, folder: BucketFolder) -> None:
    checked = kit.put(KEY)
    kit.put(KEY, b"another")
    with pytest.raises(Changed, match="another file is in its place, or it was written to"):
        transfer.move(kit.bucket, checked, folder, STORED)
    assert (kit.content(KEY), folder.names()) == (b"another", [])
    kit.bucket.delete(KEY)
    with pytest.raises(Changed, match="it was already removed"):
        transfer.move(kit.bucket, checked, folder, STORED)


@pytest.mark.promise(2)
@pytest.mark.parametrize("kit", [MINISTACK, SEAWEEDFS], indirect=True, ids=lambda service: service.name)
@pytest.mark.parametrize("moment", ["copy_object", "delete_object"])
def test_what_is_exchanged_at_the_last_moment_stays(
    kit: Any, folder: BucketFolder, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    checked = kit.put(KEY)
    kit.exchange_before(monkeypatch, folder.bucket if moment == "copy_object" else kit.bucket, moment)
    with pytest.raises(Changed):
        transfer.move(kit.bucket, checked, folder, STORED)
    assert (kit.content(KEY), folder.names()) == (b"another", [])


@pytest.mark.promise(10)
@pytest.mark.parametrize("kit", [MINISTACK], indirect=True)
def test_an_answer_that_is_lost_costs_no_object(
    kit: Any, folder: BucketFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deletion took effect; what its second attempt hears is that nothing is there."""
    checked = kit.put(KEY)
    ask = kit.bucket.ask

    def answered_late(operation: str, *arguments: Any) -> Any:
        if operation == "delete_object":
            ask(operation, *arguments)
            raise ConditionFailed("there is none any more")
        return ask(operation, *arguments)

    monkeypatch.setattr(kit.bucket, "ask", answered_late)
    transfer.move(kit.bucket, checked, folder, STORED)
    assert kit.keys() == [folder.key_of(STORED)]


@pytest.mark.promise(2)
def test_nothing_moves_where_a_deletion_could_take_another_object(kit: Any) -> None:
    checked = kit.put(KEY)
    with kit.folder(unconditional=False) as folder:
        if kit.service.conditional_delete:
            transfer.move(kit.bucket, checked, folder, STORED)
        else:
            words = "refused by the guard unconditional_delete: the service of s3://.* deletes an object also"
            with pytest.raises(RefusedError, match=words):
                transfer.move(kit.bucket, checked, folder, STORED)
    assert kit.keys() == [folder.key_of(STORED) if kit.service.conditional_delete else KEY]


@pytest.mark.parametrize("kit", [MINISTACK], indirect=True)
def test_an_acl_is_kept_as_far_as_it_can_be_known(
    kit: Any, folder: BucketFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.bucket.ask, ask = None, kit.bucket.ask

    def denied(operation: str, *arguments: Any) -> Any:
        if operation == "get_object_acl":
            raise BucketError("denied", status=403)
        return ask(operation, *arguments)

    kit.bucket.ask = denied
    checked = kit.put(KEY)
    assert not transfer.move(kit.bucket, checked, folder, STORED).has_all_attributes


def test_a_bucket_and_a_disk_exchange_nothing(tmp_path: Any) -> None:
    with DiskFolder.make(str(tmp_path / "kept").encode(), "the quarantine") as folder, pytest.raises(
        QuarantineError, match="Set quarantine to s3://BUCKET/PREFIX"
    ):
        transfer.in_bucket(folder)
