# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What is special about a media store in a bucket; what every store does is in ``../test_conformance.py``."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Callable

import pytest

from engine.errors import SiteError
from engine.media.s3.client import Bucket, Version
from engine.media.s3.failures import BucketError
from engine.media.s3.place import BucketPlace
from engine.media.s3.store import S3Store
from engine.media.store import HELD, Answer, Changed
from helpers.builders import state_of, unseen, walked
from helpers.s3_kit import S3Kit
from helpers.s3_servers import MINISTACK, SERVICES, S3Server, Service


@pytest.fixture
def kit(s3_servers: Callable[[Service], S3Server]) -> S3Kit:
    return S3Kit(s3_servers(MINISTACK))


@pytest.fixture
def versioned(s3_servers: Callable[[Service], S3Server]) -> S3Kit:
    return S3Kit(s3_servers(MINISTACK), versioned=True)


def test_a_bucket_has_no_directories_and_no_other_names(kit: S3Kit) -> None:
    with kit.store() as store:
        assert not any(store.capabilities)


def test_an_identity_is_the_service_the_bucket_and_the_prefix(kit: S3Kit) -> None:
    with kit.store() as store:
        assert store.identity() == f"s3 {kit.server.url} {kit.bucket}/{kit.prefix}"


@pytest.mark.promise(1)
def test_a_bucket_that_goes_during_the_run_is_noted(kit: S3Kit) -> None:
    kit.bucket = kit.server.new_bucket()
    with kit.store() as store:
        store.verify_root()
        assert store.unreadable.total == 0
        kit.client.delete_bucket(Bucket=kit.bucket)
        store.verify_root()
        assert "no such bucket" in unseen(store)[b""]
        assert store.check(b"a.jpg").answer is Answer.UNREADABLE, "and nothing is absent"
    with pytest.raises(SiteError, match="no such bucket"):
        kit.store().__enter__()


@pytest.mark.promise(5)
def test_a_neighbour_with_a_longer_name_is_not_listed(kit: S3Kit) -> None:
    kit.write(b"a.jpg")
    kit.put(kit.prefix.rstrip("/") + "-old/b.jpg")
    kit.put(kit.prefix.rstrip("/"))
    with kit.store() as store:
        assert walked(store) == [b"a.jpg"]
        assert store.names(b"", re.compile(b".*")) == [b"a.jpg"]


def test_keys_that_are_no_paths_are_noted_and_never_acted_on(kit: S3Kit) -> None:
    for key in ("a/", "a//b.jpg", "/c.jpg", "a/../d.jpg"):
        kit.put(kit.prefix + key)
    kit.write(b"a/b.jpg", HELD + b"/1")
    with kit.store() as store:
        assert walked(store) == [b"a/b.jpg"]
        assert {path for path, _why in store.no_paths.items} == {b"a/", b"a//b.jpg", b"/c.jpg", b"a/../d.jpg"}
        for path in (b"a/", b"a//b.jpg", b"/c.jpg", b"a/../d.jpg", HELD + b"/1"):
            assert store.check(path).answer is Answer.BLOCKED
        assert store.holds_file(b"a")


def test_a_folder_is_there_as_long_as_something_is_in_it(kit: S3Kit) -> None:
    kit.write(b"a/b/c.jpg")
    with kit.store() as store:
        state = store.check(b"a/b").state
        assert state is not None
        assert (state.kind, store.check(b"a/b/c").is_absent) == ("directory", True)
        kit.remove(b"a/b/c.jpg")
        assert store.check(b"a/b").is_absent


def test_an_object_counts_as_written_at_the_end_of_its_second(kit: S3Kit) -> None:
    kit.write(b"a.jpg")
    with kit.store() as store:
        state = state_of(store, b"a.jpg")  # type: ignore[arg-type]
    assert state.mtime_ns == kit.mtime_ns(b"a.jpg")
    assert state.stamp_ns("newest") - state.mtime_ns == 999_999_999


@pytest.mark.promise(2)
def test_what_is_uploaded_at_the_last_moment_is_not_deleted(
    kit: S3Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.write(b"a.jpg")
    with kit.store() as store:
        state = state_of(store, b"a.jpg")  # type: ignore[arg-type]
        kit.at_the_last_moment(monkeypatch, lambda: kit.write(b"a.jpg", content=b"a new upload"))
        with pytest.raises(Changed):
            store.remove(b"a.jpg", state)
    assert kit.read(b"a.jpg") == b"a new upload"


@pytest.mark.promise(2)
def test_where_versions_are_kept_no_upload_is_lost_whatever_the_service_honours(
    versioned: S3Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a service that ignores the condition of a deletion."""
    delete = Bucket.delete

    def careless(bucket: Bucket, key: str, if_match: str = "", version: str = "") -> Any:
        return delete(bucket, key, version=version)

    versioned.write(b"a.jpg")
    with versioned.store() as store:
        state = state_of(store, b"a.jpg")  # type: ignore[arg-type]
        monkeypatch.setattr(Bucket, "delete", careless)
        versioned.at_the_last_moment(monkeypatch, lambda: versioned.write(b"a.jpg", content=b"a new upload"))
        with pytest.raises(Changed):
            store.remove(b"a.jpg", state)
    assert versioned.read(b"a.jpg") == b"a new upload"


def _versions(kit: S3Kit, store: S3Store) -> list[Version]:
    return list(store.bucket.versions(kit.prefix))


@pytest.mark.promise(10)
def test_a_version_that_cannot_be_deleted_is_shown_again(
    versioned: S3Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that is locked, or where the right to delete versions is missing."""
    delete = Bucket.delete
    versioned.write(b"a.jpg")
    with versioned.store() as store:
        state = state_of(store, b"a.jpg")  # type: ignore[arg-type]
        locked = store.bucket.head(store.key_of(b"a.jpg")).version

        def refusing(bucket: Bucket, key: str, if_match: str = "", version: str = "") -> Any:
            if version == locked:
                raise BucketError("the service denies it to these credentials", status=403)
            return delete(bucket, key, if_match, version)

        monkeypatch.setattr(Bucket, "delete", refusing)
        with pytest.raises(OSError, match="denies it"):
            store.remove(b"a.jpg", state)
        assert versioned.read(b"a.jpg") == b"picture"
        monkeypatch.setattr(Bucket, "delete", delete)
        store.remove(b"a.jpg", state)
        assert [one.is_marker for one in _versions(versioned, store)] == [True], "no earlier one shows"


def test_a_prefix_may_be_empty(kit: S3Kit) -> None:
    kit.bucket = kit.server.new_bucket()
    kit.put("a/b.jpg")
    with S3Store(BucketPlace(kit.bucket, ""), kit.options, 10) as store:
        assert walked(store) == [b"a/b.jpg"]
        store.require_directory(b"")


def test_what_was_listed_is_no_question_of_its_own_until_it_is_forgotten(
    kit: S3Kit, requests: Counter[str]
) -> None:
    paths = [b"a/%d" % number for number in range(20)]
    kit.write(*paths)
    with kit.store() as store:
        assert walked(store, b"a") == sorted(paths)
        requests.clear()
        assert store.files_among(paths) == {*paths}
        assert [
            path for path, answer in store.check_listed(paths, bytes) if answer and answer.is_file
        ] == paths
        assert requests == {"head_object": 1}, "which shows that the service says the same"
        store.forget()
        store.files_among(paths)
        list(store.check_listed(paths, bytes))
        assert requests["head_object"] == 1 + len(paths)
        assert requests["list_objects_v2"] > 0


@pytest.mark.promise(2)
def test_what_was_written_to_since_its_listing_is_not_removed(kit: S3Kit) -> None:
    kit.write(b"a/1", b"a/2")
    with kit.store() as store:
        assert walked(store, b"a") == [b"a/1", b"a/2"]
        kit.exchange(b"a/2", b"a new upload")
        states = {
            path: answer.state for path, answer in store.check_listed([b"a/1", b"a/2"], bytes) if answer
        }
        assert states[b"a/2"]
        with pytest.raises(Changed, match="written to"):
            store.remove(b"a/2", states[b"a/2"])
    assert kit.read(b"a/2") == b"a new upload"


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_an_object_of_several_parts_is_listed_as_it_answers(
    s3_servers: Callable[[Service], S3Server], service: Service
) -> None:
    """Its ETag is no digest of its content."""
    kit = S3Kit(s3_servers(service))
    place = {"Bucket": kit.bucket, "Key": f"{kit.prefix}a/film.mp4"}
    upload = {**place, "UploadId": kit.client.create_multipart_upload(**place)["UploadId"]}
    parts = []
    for number, content in enumerate((b"x" * (5 << 20), b"end"), 1):
        said = kit.client.upload_part(**upload, PartNumber=number, Body=content)
        parts.append({"PartNumber": number, "ETag": said["ETag"]})
    kit.client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    kit.write(b"a/0.jpg")
    with kit.store() as store:
        assert walked(store, b"a") == [b"a/0.jpg", b"a/film.mp4"]
        [_first, (_path, answer)] = store.check_listed([b"a/0.jpg", b"a/film.mp4"], bytes)
        assert answer == store.check(b"a/film.mp4")
