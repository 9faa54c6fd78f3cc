# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

from typing import Any

import pytest

from engine.config.jobs import orphans_job
from engine.config.site import Site
from engine.errors import SiteError
from engine.media.s3.place import BucketPlace, bucket_place, is_in_bucket, storage_options

SECRET = "hunter2-and-more"


def site(**options: Any) -> Site:
    basics = {"database_url": "postgresql:///album", "media_root": "s3://uploads/media", "directories": ["."]}
    return orphans_job({**basics, "references": [{"table": "photo", "column": "image"}], **options}).site


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("s3://uploads", BucketPlace("uploads", "")),
        ("s3://uploads/", BucketPlace("uploads", "")),
        ("s3://uploads/media", BucketPlace("uploads", "media/")),
        ("s3://uploads/media/", BucketPlace("uploads", "media/")),
        ("s3://my.bucket_1/a/Älbum b", BucketPlace("my.bucket_1", "a/Älbum b/")),
    ],
)
def test_a_prefix_ends_at_a_slash(url: str, place: BucketPlace) -> None:
    assert bucket_place("media_root", url) == bucket_place("media_root", url.encode()) == place
    assert bucket_place("media_root", place.url) == place


@pytest.mark.parametrize(
    "url",
    [
        *(
            "s3://",
            "s3:///media",
            "s3://user:key@uploads/media",
            "s3://a",
            "s3://u?x=1/media",
            "s3://ho:80/m",
        ),
        *("s3://uploads//media", "s3://uploads/a//b", "s3://uploads/../b", "s3://uploads/./b"),
        *("s3://uploads/a\0", "s3://uploads/" + "x" * 1025, "s3://uploads/\udcff"),
    ],
)
def test_what_names_no_place_is_refused(url: str) -> None:
    assert is_in_bucket(url)
    with pytest.raises(SiteError, match="media_root"):
        bucket_place("media_root", url)


def test_a_neighbour_is_no_part_of_a_place() -> None:
    media = bucket_place("media_root", "s3://uploads/media")
    assert media.holds(bucket_place("quarantine", "s3://uploads/media/quarantine"))
    assert media.holds(media)
    for other in ("s3://uploads/media-quarantine", "s3://other/media/quarantine", "s3://uploads"):
        assert not media.holds(bucket_place("quarantine", other))


def test_a_site_may_have_its_media_in_a_bucket() -> None:
    found = site(storage_options={"endpoint_url": "http://minio:9000", "addressing_style": "path"})
    assert (found.media_root, found.quarantine) == (b"s3://uploads/media", b"s3://uploads/media-quarantine")
    assert found.has_default_quarantine
    assert (found.storage_options.endpoint_url, found.storage_options.access_key) == (
        "http://minio:9000",
        None,
    )
    assert site(permanent=True).quarantine is None
    assert site(quarantine="s3://kept/media/").quarantine == b"s3://kept/media"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"media_root": "s3://uploads"}, "whole bucket"),
        ({"media_root": "s3://uploads", "quarantine": "s3://uploads/kept"}, "inside media_root"),
        ({"quarantine": "s3://uploads/media/kept"}, "inside media_root"),
        ({"quarantine": "s3://uploads/media"}, "holds the media root"),
        ({"quarantine": "s3://uploads"}, "holds the media root"),
        ({"quarantine": "/srv/kept"}, "place of the same kind"),
        ({"media_root": "/srv/media", "quarantine": "s3://kept/media"}, "place of the same kind"),
        ({"media_root": "uploads/media"}, "s3://BUCKET/PREFIX"),
        ({"storage_options": {"bucket": "uploads"}}, "unknown keys: bucket"),
        ({"storage_options": {"addressing_style": "host"}}, "one of auto, path, virtual"),
    ],
)
def test_a_quarantine_lies_beside_the_media(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SiteError, match=words):
        site(**options)


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    "given",
    [
        {"access_key": SECRET},
        {"secret_key": SECRET},
        {"security_token": SECRET},
        {"access_key": SECRET, "secret_key": SECRET, "session_profile": "album"},
        {"endpoint_url": f"https://user:{SECRET}@minio"},
        {"endpoint_url": f"ftp://{SECRET}"},
        {"endpoint_url": f"https://minio/{SECRET}"},
        {"endpoint_url": f"https://minio:{SECRET}"},
        {"endpoint_url": f"[{SECRET}"},
        {"secret_key": [SECRET]},
        {"secret_key": 17},
    ],
)
def test_what_does_not_fit_together_is_refused_and_no_secret_shows(given: dict[str, Any]) -> None:
    with pytest.raises(SiteError) as refused:
        site(storage_options=given)
    assert "storage_options" in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.promise(12)
def test_options_show_no_secret() -> None:
    options = storage_options({"access_key": SECRET, "secret_key": SECRET, "security_token": SECRET})
    assert SECRET not in repr(options)
