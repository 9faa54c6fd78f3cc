# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import sys
from ssl import SSLError
from types import SimpleNamespace
from typing import Any, Callable, Iterator

import pytest
from botocore.exceptions import IncompleteReadError, ReadTimeoutError
from urllib3.exceptions import DecodeError, ProtocolError

from engine.errors import SiteError
from engine.media.s3 import client
from engine.media.s3.client import Bucket
from engine.media.s3.failures import BucketError, ConditionFailed, NotSupported, failure_of
from engine.media.s3.place import StorageOptions, storage_options
from engine.media.s3.private import parts
from engine.media.s3.private.bucket import PrivateBucket
from helpers.checkout import REPOSITORY
from helpers.s3_servers import SERVICES, S3Server, Service

SECRET = "hunter2-and-more"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ATTEMPTS", 1)


@pytest.fixture(params=SERVICES, ids=[service.name for service in SERVICES])
def server(request: pytest.FixtureRequest, s3_servers: Callable[[Service], S3Server]) -> S3Server:
    return s3_servers(request.param)


@pytest.fixture
def bucket(server: S3Server) -> Iterator[Bucket]:
    opened = Bucket(server.new_bucket(), storage_options(server.options))
    yield opened
    opened.close()


def test_an_object_is_written_read_and_listed(bucket: Bucket) -> None:
    written = bucket.put("media/a b+c%é.jpg", b"four", ContentType="image/jpeg", Metadata={"by": "us"})
    head = bucket.head("media/a b+c%é.jpg")
    assert (head.size, head.tag, head.said["ContentType"]) == (4, written.tag, "image/jpeg")
    # Whose names are headers, so that a service may write them in another case.
    assert {name.lower(): value for name, value in head.said["Metadata"].items()} == {"by": "us"}
    assert b"".join(bucket.blocks("media/a b+c%é.jpg")) == b"four"
    assert [bucket.get("media/a b+c%é.jpg", most) for most in (4, 3)] == [b"four", None]
    [page] = bucket.pages("media/")
    [entry] = page.entries
    assert (entry.key, entry.size, entry.tag) == ("media/a b+c%é.jpg", 4, written.tag)
    assert abs(entry.modified_ns - head.modified_ns) < 1e9
    assert [page.prefixes for page in bucket.pages(delimiter="/")] == [["media/"]]
    bucket.delete("media/a b+c%é.jpg")
    assert [page.entries for page in bucket.pages()] == [[]]


@pytest.mark.promise(1)
def test_only_the_word_of_the_service_proves_that_nothing_is_there(server: S3Server, bucket: Bucket) -> None:
    for ask in (bucket.head, lambda key: bucket.get(key, 10)):
        with pytest.raises(FileNotFoundError):
            ask("gone.jpg")
    elsewhere = Bucket("no-such-bucket", storage_options(server.options))
    for ask in (elsewhere.head, lambda _key: elsewhere.require(), lambda key: elsewhere.get(key, 10)):
        with pytest.raises(BucketError, match="no such bucket"):
            ask("gone.jpg")


def test_a_service_does_as_this_project_has_written_down(server: S3Server, bucket: Bucket) -> None:
    service = server.service
    bucket.put("a", b"old")
    assert _happens(lambda: bucket.put("a", b"new", if_none_match=True)) is not service.conditional_put
    bucket.put("a", b"newer")
    assert _happens(lambda: bucket.copy("a", "b", if_match="0" * 32)) is not service.conditional_copy
    assert _happens(lambda: bucket.delete("a", if_match="0" * 32)) is not service.conditional_delete
    bucket.put("a", b"newest")
    bucket.delete("a", if_match=bucket.head("a").tag)
    with pytest.raises(FileNotFoundError):
        bucket.head("a")


def test_what_a_service_lacks_is_said_to_users() -> None:
    page = (REPOSITORY / "docs" / "howto" / "bucket.md").read_text()
    for service in SERVICES:
        assert f"| {'; '.join(service.lacks)} |" in page


def _happens(request: Callable[[], Any]) -> bool:
    try:
        request()
    except ConditionFailed:
        return False
    return True


def test_a_versioned_bucket_keeps_what_is_deleted(server: S3Server) -> None:
    name = server.new_bucket()
    bucket = Bucket(name, storage_options(server.options))
    assert not bucket.keeps_versions()
    if not server.service.versions:
        with pytest.raises(NotSupported):
            list(bucket.versions(""))
        return
    bucket = Bucket(server.new_bucket(versioned=True), storage_options(server.options))
    assert bucket.keeps_versions()
    written = bucket.put("a", b"picture")
    deleted = bucket.delete("a", if_match=written.tag)
    assert deleted.is_marker
    with pytest.raises(FileNotFoundError):
        bucket.head("a")
    assert bucket.get("a", 100, written.version) == b"picture"
    found = {one.version: (one.is_latest, one.is_marker) for one in bucket.versions("a")}
    assert found == {written.version: (False, False), deleted.version: (True, True)}
    bucket.delete("a", version=deleted.version)
    assert bucket.head("a").version == written.version


def test_a_service_that_is_not_there_proves_nothing() -> None:
    nowhere = Bucket(
        "uploads",
        StorageOptions("http://127.0.0.1:9", "us-east-1", "key", SECRET, addressing_style="path"),
    )
    with pytest.raises(BucketError, match="could not be reached"):
        nowhere.head("a")


class _Error(Exception):
    def __init__(self, code: str, status: int) -> None:
        super().__init__(SECRET)
        self.response = {
            "Error": {"Code": code, "Message": SECRET},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }


@pytest.mark.promise(1)
@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("code", "status", "kind", "words"),
    [
        ("NoSuchKey", 404, FileNotFoundError, "no such object"),
        ("NoSuchKey", 200, BucketError, "NoSuchKey, status 200"),
        ("NoSuchBucket", 404, BucketError, "no such bucket"),
        ("404", 404, BucketError, "status 404"),
        ("<html>", 404, BucketError, "no code, status 404"),
        ("SlowDown", 503, BucketError, "slow down"),
        ("Throttling", 400, BucketError, "slow down"),
        ("ExpiredToken", 400, BucketError, "have expired"),
        ("AccessDenied", 403, BucketError, "denies it"),
        ("403", 403, BucketError, "denies it"),
        ("InternalError", 500, BucketError, "answered with an error"),
        ("PreconditionFailed", 412, ConditionFailed, "was changed"),
        ("NotImplemented", 501, NotSupported, "cannot do it"),
    ],
)
def test_an_answer_proves_only_what_it_says(code: str, status: int, kind: type[OSError], words: str) -> None:
    failure = failure_of(_Error(code, status))
    assert isinstance(failure, kind)
    assert words in str(failure)
    assert SECRET not in str(failure)


def test_a_404_that_nobody_explains_is_no_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a proxy whose service is away."""
    bucket = Bucket("uploads", StorageOptions("http://127.0.0.1:9", "x", "key", SECRET))

    def answer(**_asked: Any) -> None:
        from botocore.exceptions import ClientError

        raise ClientError(
            {"Error": {"Code": "404"}, "ResponseMetadata": {"HTTPStatusCode": 404}}, "HeadObject"
        )

    monkeypatch.setattr(bucket, "client", type("Proxy", (), {"head_object": answer, "get_object": answer}))
    with pytest.raises(BucketError):
        bucket.head("a")


@pytest.mark.promise(1)
def test_credentials_that_are_gone_are_no_absence() -> None:
    """As the file of a token is for a moment, or the program that a profile names."""
    bucket = Bucket("uploads", StorageOptions("http://127.0.0.1:9", "x", "key", SECRET))

    def sign(**_asked: Any) -> None:
        raise FileNotFoundError(2, "No such file or directory", SECRET)

    bucket.client.meta.events.register("before-sign.s3", sign)
    for ask in (bucket.head, bucket.delete, lambda key: bucket.get(key, 10)):
        with pytest.raises(BucketError, match=r"the request failed \(FileNotFoundError\)"):
            ask("a")


def _read_blocks(bucket: PrivateBucket) -> object:
    return list(bucket.blocks("a"))


def _read_a_part(bucket: PrivateBucket) -> object:
    part = parts.Part("a", 1, 0, 4, "tag")
    return parts._PartsReader(bucket, [part]).readinto(bytearray(4))


def _breaks_off(error: Exception) -> PrivateBucket:
    """A bucket whose objects cannot be read to their end."""

    class Body:
        def read(self, _most: int | None = None) -> bytes:
            raise error

        def close(self) -> None: ...

    bucket = PrivateBucket("uploads", StorageOptions("http://127.0.0.1:9", "x", "key", SECRET))
    bucket.client = SimpleNamespace(get_object=lambda **_asked: {"Body": Body()}, close=bool)
    return bucket


@pytest.mark.promise(1)
@pytest.mark.promise(12)
@pytest.mark.parametrize("read", [_read_blocks, _read_a_part])
@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url=SECRET, error=SECRET),
        IncompleteReadError(actual_bytes=1, expected_bytes=4),
        ProtocolError(SECRET),
        DecodeError(SECRET),
        ConnectionResetError(SECRET),
        SSLError(SECRET),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_object_that_cannot_be_read_to_its_end_is_unreadable(
    read: Callable[[PrivateBucket], object], error: Exception
) -> None:
    with pytest.raises(BucketError, match=type(error).__name__) as raised:
        read(_breaks_off(error))
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("read", [_read_blocks, _read_a_part])
def test_a_defect_is_no_failure_of_the_service(read: Callable[[PrivateBucket], object]) -> None:
    with pytest.raises(KeyError):
        read(_breaks_off(KeyError("ours")))


@pytest.mark.promise(12)
def test_a_missing_library_and_a_missing_profile_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(SiteError, match=r"no usable credentials \(ProfileNotFound\)"):
        Bucket("uploads", StorageOptions(session_profile=SECRET))
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(SiteError, match="python3-boto3"):
        Bucket("uploads", StorageOptions())
