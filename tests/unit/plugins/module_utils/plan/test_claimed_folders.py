# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Folders of a Django project: judged where a field writes to them, reported where none does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.compare.folders import claimed
from engine.config.site import Claims, Column, OrphansJob
from engine.errors import SiteError
from helpers.builders import Site, found, run

IMAGE = Column("photo", "image")


def orphans(site: Site, *directories: str, by_references: bool = False, **options: Any) -> OrphansJob:
    """The job of a project whose fields write to these folders."""
    job = site.orphans(directories=list(directories) or ["."], **options)
    claims = Claims((IMAGE,) if by_references else (), ("a note",))
    return replace(job, claims=claims, directories=job.directories if directories else ())


def unclaimed(plan: Any) -> set[bytes]:
    return {kept.name for kept in plan.kept.items if kept.code.value == "unclaimed_folder"}


def test_a_folder_that_is_not_there_yet_is_none(site: Site) -> None:
    site.media.write("photos/orphan.jpg")
    plan, _outcome = run(orphans(site, "photos", "videos"))
    assert found(plan) == [b"photos/orphan.jpg"]
    assert plan.directories == (b"photos",)
    assert "a note" in plan.warnings


def test_references_without_any_folder_of_theirs_are_noted(site: Site) -> None:
    """As under a MEDIA_ROOT that is one level off: nothing is judged, and somebody has to know it."""
    site.media.write("media/photos/a.jpg", "media/photos/orphan.jpg")
    plan, _outcome = run(orphans(site, "photos", "videos"))
    assert not [note for note in plan.warnings if "is there" in note]
    site.insert("photos/a.jpg")
    plan, _outcome = run(orphans(site, "photos", "videos"))
    [note] = [note for note in plan.warnings if "is there" in note]
    assert "photos, videos" in note
    assert "1 reference" in note


@pytest.mark.promise(14)
def test_what_no_field_claims_is_reported_and_kept(site: Site) -> None:
    site.media.write("users/new/orphan.jpg", "users/old/b.jpg", "static/c.css", ".thumbs/d.jpg", "e.jpg")
    site.media.write("kept/f.jpg")
    plan, _outcome = run(orphans(site, "users/new", keep=["kept"]))
    assert found(plan) == [b"users/new/orphan.jpg"]
    assert unclaimed(plan) == {b"users/old", b"static"}
    assert {b"users/old/b.jpg", b"static/c.css", b"e.jpg"} <= site.media.files


def test_where_code_decides_the_folders_of_references_are_judged(site: Site) -> None:
    site.insert("docs/2020/a.pdf", "top.pdf", "/srv/else/b.pdf", "http://host/c.pdf", "../up/d.pdf")
    site.media.write(
        "docs/2020/a.pdf", "docs/2019/orphan.pdf", "srv/e.pdf", "http:/f.pdf", "top.pdf", "g.pdf"
    )
    plan, _outcome = run(orphans(site, by_references=True))
    assert plan.directories == (b"docs",)
    assert found(plan) == [b"docs/2019/orphan.pdf"]


@pytest.mark.promise(13)
@pytest.mark.parametrize("written", ["./docs/a.pdf", "docs/.//a.pdf", ".//./docs/a.pdf"])
def test_a_reference_written_with_a_dot_shows_the_folder_of_its_file_alone(site: Site, written: str) -> None:
    site.insert(written, "./top.pdf")
    site.media.write("docs/a.pdf", "docs/orphan.pdf", "users/b.jpg", "top.pdf")
    plan, _outcome = run(orphans(site, by_references=True))
    assert plan.directories == (b"docs",)
    assert unclaimed(plan) == {b"users"}
    assert site.media.files >= {b"docs/a.pdf", b"users/b.jpg", b"top.pdf"}


@pytest.mark.promise(14)
def test_a_default_shows_no_folder(site: Site) -> None:
    site.insert("defaults/none.png", "docs/a.pdf")
    site.media.write("defaults/none.png", "defaults/other.png", "docs/a.pdf")
    job = orphans(site, by_references=True)
    keep = replace(job.site.keep, defaults=(b"defaults/none.png",))
    plan, _outcome = run(replace(job, site=replace(job.site, keep=keep)))
    assert plan.directories == (b"docs",)
    assert b"defaults/other.png" in site.media.files


def test_many_folders_of_one_column_are_not_its_folders(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claimed, "MOST_FOLDERS", 2)
    site.insert("one/a.jpg", "two/a.jpg", "three/a.jpg")
    site.media.write("one/a.jpg", "two/a.jpg", "three/a.jpg", "one/orphan.jpg")
    plan, _outcome = run(orphans(site, by_references=True))
    assert plan.directories == ()
    assert found(plan) == []
    assert any("more than 2 folders" in warning for warning in plan.warnings)


def test_a_claimed_folder_that_is_a_link_is_refused(site: Site) -> None:
    site.media.write("real/a.jpg")
    site.media.link("photos", "real")
    with pytest.raises(SiteError, match="photos"):
        run(orphans(site, "photos"))
