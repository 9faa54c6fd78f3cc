# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The pages of a listing, read by the engine: as botocore reads them, and nothing odd is taken for a page."""

from __future__ import annotations

import io
from typing import Any, Callable
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest
from botocore.awsrequest import AWSResponse
from hypothesis import given
from hypothesis import strategies as st

from engine.media.s3 import client
from engine.media.s3.client import Bucket, Page
from engine.media.s3.failures import BucketError
from engine.media.s3.page_reader import EVENT, Entry, take_entries
from engine.media.s3.place import StorageOptions

NAMESPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
MODIFIED = "2026-11-01T12:00:00.123Z"
OPTIONS = StorageOptions(
    "http://127.0.0.1:9", "us-east-1", "testing", "testing-secret", addressing_style="path"
)


class Answer(io.BytesIO):
    def stream(self, *_how: Any, **_more: Any) -> Any:
        yield self.read()


@pytest.fixture(scope="module")
def page_of() -> Callable[..., Page]:
    """The page that is read out of an answer, by the engine or as botocore alone would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "ATTEMPTS", 1)
        buckets = {by_botocore: Bucket("kit", OPTIONS) for by_botocore in (False, True)}
    buckets[True].client.meta.events.unregister(EVENT, take_entries)
    body = b""

    def answer(**_request: Any) -> AWSResponse:
        return AWSResponse("http://127.0.0.1:9", 200, {"Content-Type": "application/xml"}, Answer(body))

    for bucket in buckets.values():
        bucket.client.meta.events.register("before-send.s3", answer)

    def read(written: str | bytes, by_botocore: bool = False) -> Page:
        nonlocal body
        body = written if isinstance(written, bytes) else written.encode()
        return next(buckets[by_botocore].pages("media/"))

    return read


def xml(*contents: str, namespace: str = NAMESPACE, encoding: str = "", more: str = "") -> str:
    encoded = f"<EncodingType>{encoding}</EncodingType>" if encoding else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult{namespace}><Name>kit</Name>{encoded}'
        f"<IsTruncated>false</IsTruncated>{''.join(contents)}{more}</ListBucketResult>"
    )


def contents(
    key: str, modified: str = MODIFIED, size: str = "7", tag: str = "<ETag>&quot;abc&quot;</ETag>"
) -> str:
    owner = "<Owner><ID>Key</ID><DisplayName>Size</DisplayName></Owner><StorageClass>STANDARD</StorageClass>"
    about = f"<Key>{key}</Key><LastModified>{modified}</LastModified>{tag}<Size>{size}</Size>"
    return f"<Contents>{about}{owner}</Contents>"


def test_a_page_is_read_with_all_that_is_known_of_an_object(page_of: Callable[..., Page]) -> None:
    written = xml(
        contents("media/a%20b%2Bc%C3%A9%0A.jpg"),
        encoding="url",
        more="<CommonPrefixes><Prefix>media/x%2F</Prefix></CommonPrefixes>",
    )
    [entry] = page_of(written).entries
    assert entry == Entry("media/a b+cé\n.jpg", 7, 1_793_534_400_123_000_000, "abc")
    assert page_of(written).prefixes == ["media/x/"]


@given(st.lists(st.text(st.characters(blacklist_categories=("Cs",)), min_size=1), max_size=5), st.booleans())
def test_keys_are_those_that_botocore_reads(
    page_of: Callable[..., Page], keys: list[str], is_named: bool
) -> None:
    written = xml(
        *(contents(quote(key, safe="")) for key in keys), encoding="url", namespace=NAMESPACE * is_named
    )
    assert page_of(written) == page_of(written, by_botocore=True)
    assert [entry.key for entry in page_of(written).entries] == keys


@pytest.mark.parametrize(
    "one",
    [
        contents("media/100%25.jpg"),
        contents("media/a+b%2Bc.jpg"),
        contents(escape("media/<a> & b.jpg")),
        contents("media/a.jpg", modified="2026-11-01T12:00:00Z"),
        contents("media/a.jpg", modified="2026-11-01T12:00:00.123456Z"),
        contents("media/a.jpg", modified="2026-11-01T12:00:00+00:00"),
        contents("media/a.jpg", modified="Sun, 01 Nov 2026 12:00:00 GMT"),
        contents("media/a.jpg", tag="<ETag>abc</ETag>"),
        contents("media/a.jpg", tag="<ETag/>"),
        contents("media/a.jpg", tag=""),
        contents("media/a.jpg", size="5368709121"),
        "",
    ],
)
@pytest.mark.parametrize("encoding", ["", "url"])
def test_an_unusual_page_is_read_as_botocore_reads_it(
    page_of: Callable[..., Page], one: str, encoding: str
) -> None:
    assert page_of(xml(one, encoding=encoding)) == page_of(xml(one, encoding=encoding), by_botocore=True)


@pytest.mark.promise(1)
@pytest.mark.parametrize("by_botocore", [False, True])
@pytest.mark.parametrize(
    "written",
    [
        "<html><body>Sign in to this network</body></html>",
        "<ListBucketResult/>",
        "",
        "not XML",
        xml(contents("media/a.jpg"))[:-30],
        xml(contents("media/a.jpg").replace("Key>", "Name>")),
        xml("<Contents/>"),
        xml(contents("media/a.jpg", size="")),
        xml(contents("media/a.jpg", size="large")),
        xml(contents("media/a.jpg", modified="yesterday")),
        xml(contents("media/é.jpg")).encode("latin-1"),
    ],
)
def test_what_is_no_page_is_an_error_and_no_empty_listing(
    page_of: Callable[..., Page], written: str | bytes, by_botocore: bool
) -> None:
    with pytest.raises(BucketError):
        page_of(written, by_botocore)


def test_a_key_that_is_not_utf8_is_no_other_key(page_of: Callable[..., Page]) -> None:
    with pytest.raises(BucketError, match="a key that is not UTF-8"):
        page_of(xml(contents("media/%FF.jpg"), encoding="url"))


def test_botocore_reads_no_object_that_was_taken_out_of_a_page(page_of: Callable[..., Page]) -> None:
    """It would read the whole page twice: for what it returns, and before that for errors."""
    left: list[bytes] = []

    def note(response_dict: dict[str, Any], **_more: Any) -> None:
        left.append(response_dict["body"])

    bucket = Bucket("kit", OPTIONS)
    body = xml(contents("media/a.jpg"), more="<CommonPrefixes><Prefix>media/x/</Prefix></CommonPrefixes>")
    events = bucket.client.meta.events
    events.register(
        "before-send.s3",
        lambda **_request: AWSResponse("http://127.0.0.1:9", 200, {}, Answer(body.encode())),
    )
    events.register_first("before-parse.s3.*", note)
    page = next(bucket.pages("media/"))
    assert (len(page.entries), page.prefixes) == (1, ["media/x/"])
    assert left
    assert b"a.jpg" not in left[0]
