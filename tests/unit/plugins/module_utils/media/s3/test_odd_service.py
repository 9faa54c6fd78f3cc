# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A service that does less than it was asked for, and says so nowhere: nothing is taken for proven."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Mapping

import pytest

from engine.errors import QuarantineError
from engine.media.s3.client import Bucket
from engine.media.s3.failures import BucketError
from engine.media.s3.page_reader import Entry
from engine.media.s3.place import BucketPlace, StorageOptions
from engine.media.s3.private import transfer
from engine.media.s3.private.folder import BucketFolder
from engine.media.s3.store import S3Store
from engine.media.store import Answer, Changed
from helpers.s3_memory import MemoryService

KEY = "media/a.jpg"
STORED = "000000000"

Ask = Callable[[str, Mapping[str, Any]], Any]


class OddService(MemoryService):
    """Answers these operations otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.otherwise: dict[str, Callable[[Ask, Mapping[str, Any]], Any]] = {}

    def ask(self, bucket: Bucket, operation: str, asked: Any, headers: Any = None) -> Any:
        def ask(what: str, more: Mapping[str, Any]) -> Any:
            return super(OddService, self).ask(bucket, what, more, headers)

        answer = self.otherwise.get(operation)
        return answer(ask, asked) if answer else ask(operation, asked)

    def cut_off(self, key: str) -> None:
        self.objects["kit", key] = replace(self.objects["kit", key], content=b"pic")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> OddService:
    made = OddService()

    def named(bucket: Bucket, name: str, _options: StorageOptions) -> None:
        bucket.name = name

    def ask(bucket: Bucket, operation: str, asked: Any, headers: Any = None) -> Any:
        return made.ask(bucket, operation, asked, headers)

    monkeypatch.setattr(Bucket, "__init__", named)
    monkeypatch.setattr(Bucket, "close", lambda _bucket: None)
    monkeypatch.setattr(Bucket, "ask", ask)
    return made


@pytest.fixture
def bucket(service: OddService) -> Bucket:
    made = Bucket("kit", StorageOptions())
    made.put(KEY, b"picture")
    return made


@pytest.fixture
def folder(bucket: Bucket) -> BucketFolder:
    return BucketFolder.open(BucketPlace("kit", "kept/"), StorageOptions(), "the quarantine")


def checked(bucket: Bucket) -> Entry:
    head = bucket.head(KEY)
    return Entry(KEY, head.size, head.modified_ns, head.tag)


def content(bucket: Bucket, key: str) -> bytes | None:
    return bucket.get(key, 100)


@pytest.mark.promise(1)
def test_a_path_below_which_nothing_could_be_listed_is_not_absent(service: OddService) -> None:
    """It may be a directory."""

    def failing(_ask: Ask, _asked: Any) -> Any:
        raise BucketError("the service asks to slow down", status=503)

    with S3Store(BucketPlace("kit", "media/"), StorageOptions(), 10) as store:
        assert store.check(b"gone").answer is Answer.ABSENT
        service.otherwise["list_objects_v2"] = failing
        assert store.check(b"gone").answer is Answer.UNREADABLE


@pytest.mark.promise(1)
@pytest.mark.parametrize("more", [{}, {"NextContinuationToken": "again", "NextKeyMarker": "again"}])
@pytest.mark.parametrize("list_all", [Bucket.pages, Bucket.versions])
def test_a_listing_that_does_not_go_on_is_not_whole(
    service: OddService, bucket: Bucket, list_all: Callable[[Bucket, str], Any], more: Mapping[str, str]
) -> None:
    answers = iter([{"IsTruncated": True, **more}] * 3)
    for operation in ("list_objects_v2", "list_object_versions"):
        service.otherwise[operation] = lambda _ask, _asked: next(answers)
    with pytest.raises(BucketError, match="does not say where a listing"):
        list(list_all(bucket, "media/"))


@pytest.mark.promise(10)
def test_an_object_stays_until_its_copy_is_whole(
    service: OddService, bucket: Bucket, folder: BucketFolder
) -> None:
    def cut_off(ask: Ask, asked: Mapping[str, Any]) -> Any:
        said = ask("copy_object", asked)
        service.cut_off(asked["Key"])
        return said

    service.otherwise["copy_object"] = cut_off
    with pytest.raises(OSError, match="its copy has 3 bytes, and it has 7"):
        transfer.move(bucket, checked(bucket), folder, STORED)
    assert content(bucket, KEY) == b"picture"

    # Nor is what is in quarantine deleted there before it is back as a whole.
    service.otherwise.clear()
    transfer.move(bucket, checked(bucket), folder, STORED)
    service.otherwise["copy_object"] = cut_off
    with pytest.raises(OSError, match="its copy has 3 bytes, and it has 7"):
        transfer.put_back(folder, STORED, bucket, KEY)
    assert content(bucket, folder.key_of(STORED)) == b"picture"


@pytest.mark.promise(2)
def test_what_is_exchanged_stays_where_a_deletion_has_no_condition(
    service: OddService, bucket: Bucket
) -> None:
    """By asking again right before it, for somebody has accepted such a service."""

    def exchanged(ask: Ask, asked: Mapping[str, Any]) -> Any:
        said = ask("copy_object", asked)
        bucket.put(KEY, b"another")
        return said

    service.otherwise["copy_object"] = exchanged
    service.otherwise["delete_object"] = lambda _ask, asked: service.objects.pop(("kit", asked["Key"])) and {}
    place = BucketPlace("kit", "kept/")
    with BucketFolder.open(place, StorageOptions(), "the quarantine", unconditional=True) as folder:
        with pytest.raises(Changed, match="another file is in its place"):
            transfer.move(bucket, checked(bucket), folder, STORED)
        assert (content(bucket, KEY), folder.names()) == (b"another", [])


@pytest.mark.promise(10)
def test_what_was_there_only_while_it_was_copied_is_no_copy(
    service: OddService, bucket: Bucket, folder: BucketFolder
) -> None:
    """Before the copy and after it, all is as it was checked: only the condition of the copy knows."""

    def exchanged(ask: Ask, asked: Mapping[str, Any]) -> Any:
        original = service.objects["kit", KEY]
        service.objects["kit", KEY] = replace(original, content=b"another")
        try:
            return ask("copy_object", asked)
        finally:
            service.objects["kit", KEY] = original

    service.otherwise["copy_object"] = exchanged
    with pytest.raises(Changed):
        transfer.move(bucket, checked(bucket), folder, STORED)
    assert (content(bucket, KEY), folder.names()) == (b"picture", [])


@pytest.mark.promise(5)
def test_nothing_is_deleted_of_what_is_listed_besides(
    service: OddService, bucket: Bucket, folder: BucketFolder
) -> None:
    bucket.put("kept/batch/1", b"removed")
    service.otherwise["list_objects_v2"] = lambda ask, asked: ask("list_objects_v2", {**asked, "Prefix": ""})
    with pytest.raises(QuarantineError, match="lists other objects than those below"):
        folder.remove_tree("batch")
    assert {key for _bucket, key in service.objects} == {KEY, "kept/batch/1"}


def test_a_lock_that_cannot_be_tried_is_reported_and_left_free(
    service: OddService, folder: BucketFolder
) -> None:
    puts: list[Any] = []

    def second_fails(ask: Ask, asked: Mapping[str, Any]) -> Any:
        puts.append(asked)
        if len(puts) == 2:
            raise BucketError("the service asks to slow down", status=503)
        return ask("put_object", asked)

    service.otherwise["put_object"] = second_fails
    with pytest.raises(QuarantineError, match=r"cannot be locked: .* slow down. Nothing was removed"):
        folder.lock()
    assert [key for _bucket, key in service.objects if key.endswith(".lock")] == []


@pytest.mark.promise(1)
def test_a_head_that_ends_too_early_proves_nothing(service: OddService, bucket: Bucket) -> None:
    bucket.put(KEY, b"picture")
    service.otherwise["head_object"] = lambda _ask, _asked: {}
    with pytest.raises(BucketError, match="does not say how large"):
        bucket.head(KEY)


def test_what_cannot_be_written_at_the_end_of_a_file_is_an_error_once(
    service: OddService, folder: BucketFolder
) -> None:
    """As of a file on a disk, which is closed whatever comes of what was still to be written."""

    def fails(_ask: Ask, _asked: Mapping[str, Any]) -> Any:
        raise BucketError("the service asks to slow down", status=503)

    file = folder.create("manifest")
    file.write(b"a line")
    service.otherwise["put_object"] = fails
    with pytest.raises(BucketError):
        file.close()
    file.close()
