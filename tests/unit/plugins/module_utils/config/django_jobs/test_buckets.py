# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A project whose media are in a bucket: what becomes of it as the options of a job."""

from __future__ import annotations

import os
from typing import Any

import pytest

from engine.config.django import asking
from engine.config.django import project as of_project
from engine.config.django.answer import facts_of
from engine.config.django_jobs import from_options
from engine.config.django_jobs.jobs import project_job, quarantine_options
from engine.config.django_jobs.place import place_of, service_options
from engine.config.site import OrphansJob
from engine.config.site_file import list_jobs, list_quarantines, list_sites
from engine.errors import SiteError
from helpers.django_answers import answer, file_field, model, service, storage

BUCKET = {"kind": "s3", "bucket": "uploads", "class_name": "site.Media", "base_url": ""}
DJANGO = {"project": "/srv/project"}
KEYS = {"access_key": "AKIA", "secret_key": "very-secret", "security_token": "token"}


def in_bucket(location: str = "media", **parts: Any) -> dict[str, Any]:
    return storage(location, **{**BUCKET, **parts})


def orphans(*storages: dict[str, Any], **said: Any) -> OrphansJob:
    """The job of a project whose first storage is the default one, and which has a field for each."""
    default, *others = storages
    fields = [file_field(f"file{number}", storage=number) for number in range(len(storages))]
    default = {**default, "aliases": ["default"]}
    facts = facts_of(answer(model("album.Photo", *fields), storages=[default, *others]))
    job = project_job("orphans", {"name": "album", "django": DJANGO, **said}, facts)
    assert isinstance(job, OrphansJob)
    return job


def test_the_bucket_its_service_and_a_quarantine_beside_the_media_follow_from_the_project() -> None:
    said = service(region_name="eu-central-1", addressing_style="path", **KEYS)
    site = orphans(in_bucket(endpoint_url="https://s3.example.org", service=said)).site
    assert (site.media_root, site.quarantine) == (b"s3://uploads/media", b"s3://uploads/media-quarantine")
    options = site.storage_options
    assert (options.endpoint_url, options.region_name) == ("https://s3.example.org", "eu-central-1")
    assert (options.access_key, options.secret_key, options.security_token) == tuple(KEYS.values())
    assert options.addressing_style == "path"


def test_a_whole_bucket_needs_a_quarantine_in_another_one() -> None:
    with pytest.raises(SiteError, match="is a whole bucket, so no quarantine can be beside it"):
        orphans(in_bucket(""))
    with pytest.raises(SiteError, match="is inside media_root"):
        orphans(in_bucket(""), quarantine="s3://uploads/quarantine")
    assert orphans(in_bucket(""), quarantine="s3://kept").site.quarantine == b"s3://kept"


def test_what_is_said_of_the_service_goes_before_the_project() -> None:
    project = in_bucket(service=service(region_name="eu-central-1", **KEYS))
    options = orphans(project, storage_options={"region_name": "eu-north-1"}).site.storage_options
    assert (options.region_name, options.access_key) == ("eu-north-1", "AKIA")
    options = orphans(project, storage_options={"session_profile": "cleaner"}).site.storage_options
    assert (options.session_profile, options.access_key, options.security_token) == ("cleaner", None, None)


def test_a_profile_goes_before_keys_and_a_token_alone_means_nothing() -> None:
    for said, left in (
        ({"session_profile": "site", **KEYS}, {"session_profile": "site"}),
        ({"security_token": "token"}, {}),
    ):
        facts = facts_of(answer(storages=[in_bucket(service=service(**said), aliases=["default"])]))
        assert service_options(place_of(facts, None, None)) == left


@pytest.mark.promise(2)
@pytest.mark.parametrize(
    ("others", "once"),
    [
        ([], True),
        ([in_bucket("media/thumbs", file_overwrite=True)], False),
        ([in_bucket("static", file_overwrite=True)], True),
        ([in_bucket(bucket="elsewhere", file_overwrite=True)], True),
        # It may be the same bucket by another address, or by the name of an access point.
        ([in_bucket("x", endpoint_url="https://cdn", file_overwrite=True)], False),
        ([in_bucket("x", bucket="ours-abc-s3alias", file_overwrite=True)], False),
        ([storage(), storage("/mnt", is_plain=False)], True),
        ([storage("", kind="other", is_plain=False)], False),
    ],
)
def test_names_are_used_once_where_no_storage_of_the_bucket_overwrites(
    others: list[dict[str, Any]], once: bool
) -> None:
    site = orphans(in_bucket(), *others).site
    assert site.uses_names_once is once
    assert site.accepts_unconditional_delete is once
    assert orphans(in_bucket(), *others, accept=["unconditional_delete"]).site.accepts_unconditional_delete


@pytest.mark.promise(2)
def test_names_are_not_used_once_where_the_default_overwrites_or_another_place_is_said() -> None:
    assert not orphans(in_bucket(file_overwrite=True)).site.uses_names_once
    assert not orphans(in_bucket(), media_root="s3://uploads/other").site.uses_names_once
    assert not orphans(storage()).site.uses_names_once


@pytest.mark.promise(9)
@pytest.mark.parametrize(
    "other", [{"endpoint_url": "https://s3.eu-central-1.amazonaws.com"}, {"bucket": "arn:aws:s3:x:1:ap"}]
)
def test_references_of_what_may_be_the_same_bucket_protect(other: dict[str, str]) -> None:
    job = orphans(in_bucket(), in_bucket("elsewhere", **other))
    assert [column.name for column in job.references] == ["file0", "file1"]
    assert job.claims is not None
    assert any("file1 are is not known" in note for note in job.claims.notes)


def test_a_setting_without_an_option_is_reported() -> None:
    job = orphans(in_bucket(service=service(not_used=["proxies", "verify"])))
    assert job.claims is not None
    assert any("'s3://uploads/media' sets proxies, verify" in note for note in job.claims.notes)


def test_the_batches_of_the_project_are_where_its_jobs_put_them() -> None:
    photo = model("album.Photo", file_field("image"))
    facts = facts_of(answer(photo, storages=[in_bucket(aliases=["default"], service=service(**KEYS))]))
    options = quarantine_options({"name": "album", "django": DJANGO}, facts)
    assert options["media_root"] == "s3://uploads/media"
    assert options["storage_options"] == KEYS


def test_a_quarantine_in_a_bucket_that_is_named_is_that_of_the_batches() -> None:
    site = {"name": "album", "django": DJANGO, "orphans": {}, "quarantine": "s3://kept/album"}
    assert list_sites([site])[0]["options"]["quarantine"] == "s3://kept/album"
    assert list_quarantines([site])[0]["options"]["quarantine"] == "s3://kept/album"
    assert list_jobs([site])[0]["options"]["quarantine"] == "s3://kept/album"


def test_clients_find_what_only_the_environment_of_the_project_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = answer(aws_environment={"AWS_CA_BUNDLE": "/srv/ca.pem", "AWS_lower": "x", "PATH": "/tmp"})
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(asking, "ask", lambda _project: facts_of(sent))
    monkeypatch.setattr(of_project, "project_of", lambda *_said: None)
    path = os.environ["PATH"]
    from_options._asked.__wrapped__('{"project": "/srv/x"}')
    assert (os.environ["AWS_CA_BUNDLE"], os.environ["PATH"]) == ("/srv/ca.pem", path)
    assert "AWS_lower" not in os.environ
