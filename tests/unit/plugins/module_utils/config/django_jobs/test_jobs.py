# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The jobs of a site whose project was asked, with what its description says on top."""

from __future__ import annotations

from typing import Any, Iterator

import pytest

from engine.config.django import asking as probing
from engine.config.django.answer import facts_of
from engine.config.django_jobs import from_options
from engine.config.django_jobs.from_options import job_of, quarantine_of_site
from engine.config.jobs import UNATTACHED_COLUMN
from engine.config.purge import purge_of
from engine.config.site import Column, OrphansJob, RecordsJob
from engine.errors import SiteError
from helpers.django_answers import answer, field, file_field, foreign_key, model

ALBUM = model("album.Album", field("title", "text"), file_field("cover", "covers"))
PHOTO = model(
    "album.Photo",
    file_field("image", "photos"),
    field("made", "datetime", auto_now_add=True),
    foreign_key("album", "album.Album"),
    generic_foreign_keys=[
        {
            "name": "item",
            "content_type_column": "kind_id",
            "object_id_column": "object_id",
            "for_concrete_model": True,
        }
    ],
)
FAVORITE = model("album.Favorite", foreign_key("photo", "album.Photo"))
DJANGO = {"project": "/srv/project", "python": "/usr/bin/python3", "settings": "config.settings"}


@pytest.fixture(autouse=True)
def asking(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Who was asked, instead of a process."""
    projects: list[str] = []

    def ask(project: Any) -> Any:
        projects.append(project.directory)
        return facts_of(answer(ALBUM, PHOTO, FAVORITE, thumbnails={"imagekit": {}}))

    monkeypatch.setattr(probing, "ask", ask)
    from_options._asked.cache_clear()
    yield projects
    from_options._asked.cache_clear()


def orphans(**said: Any) -> OrphansJob:
    job = job_of("orphans", {"django": DJANGO, **said})
    assert isinstance(job, OrphansJob)
    return job


def records(job: str = "missing", **said: Any) -> RecordsJob:
    built = job_of(job, {"django": DJANGO, "model": "album.Photo", **said})
    assert isinstance(built, RecordsJob)
    return built


def test_a_project_is_asked_once_for_all_jobs_of_its_site(asking: list[str]) -> None:
    orphans()
    records()
    quarantine_of_site({"django": DJANGO})
    assert asking == ["/srv/project"]
    records(django={**DJANGO, "environment": {"MODE": "live"}})
    assert len(asking) == 2


def test_orphans_need_nothing_to_be_said() -> None:
    job = orphans()
    assert job.site.database_url == "sqlite:////srv/project/db.sqlite3"
    assert (job.site.media_root, job.site.media_url) == (b"/srv/media", b"/media/")
    assert job.site.quarantine == b"/srv/media-quarantine"
    assert job.references == (Column("album_album", "cover"), Column("album_photo", "image"))
    assert job.directories == (b"CACHE/images", b"covers", b"photos")
    assert job.claims is not None


def test_what_is_said_adds_to_the_project_or_replaces_one_value() -> None:
    said = {"table": "blog_post", "column": "body"}
    job = orphans(
        references=[said, {"table": "album_photo", "column": "image", "size_column": "size"}],
        derived=["small/{dir}/{name}"],
        exclude=["*.txt"],
        keep=["photos/a.jpg"],
        media_url="/uploads/",
        database_url="sqlite:////elsewhere",
    )
    assert set(job.references) == {
        Column("blog_post", "body"),
        Column("album_photo", "image"),
        Column("album_album", "cover"),
    }
    assert next(column for column in job.references if column.name == "image").size == "size"
    assert job.derived == ("small/{dir}/{name}", "CACHE/images/{dir}/{stem}/*")
    assert {".*", "*.txt"} <= set(job.exclude)
    assert job.site.keep.paths == (b"photos/a.jpg",)
    assert (job.site.media_url, job.site.database_url) == (b"/uploads/", "sqlite:////elsewhere")


def test_directories_that_are_said_are_judged_and_no_others() -> None:
    job = orphans(directories=["photos"])
    assert (job.directories, job.claims) == ((b"photos",), None)


def test_the_defaults_of_a_module_are_nothing_that_was_said() -> None:
    job = records(
        companion_columns=[], dependents=[], references=[], label=None, table=None, keep=[], time_zone=None
    )
    assert (job.table, job.file_column, job.uploaded_at_column) == ("album_photo", "image", "made")
    assert job.references == (Column("album_album", "cover"), Column("album_photo", "image"))


def test_rules_of_the_project_stand_behind_those_that_are_said() -> None:
    [implied] = records().dependents
    assert (str(implied.column), implied.action, implied.is_implied) == (
        "album_favorite.photo_id",
        "delete",
        True,
    )
    said = {"table": "public.album_favorite", "column": "photo_id", "action": "restrict"}
    [rule] = records(dependents=[said]).dependents
    assert (rule.action, rule.is_implied) == ("restrict", False)


def test_incomplete_names_both_halves_of_the_generic_key() -> None:
    assert records("incomplete").unattached_columns == ("kind_id", "object_id")
    assert records("incomplete", unattached_column="album_id").unattached_columns == ("album_id",)
    by_hand = {"table": "t", "file_column": "c", "database_url": "sqlite:////x", "media_root": "/m"}
    plain = job_of("incomplete", {**by_hand, "select": "incomplete"})
    assert isinstance(plain, RecordsJob)
    assert plain.unattached_columns == (UNATTACHED_COLUMN,)


def test_a_table_may_be_described_by_hand_beside_the_project() -> None:
    job = job_of("missing", {"django": DJANGO, "table": "legacy_doc", "file_column": "scan"})
    assert isinstance(job, RecordsJob)
    assert (job.table, job.dependents) == ("legacy_doc", ())
    assert Column("album_photo", "image") in job.references


@pytest.mark.parametrize("name", ["model", "field", "unattached", "uploaded_at"])
def test_a_name_of_django_s_without_a_project_is_refused(name: str) -> None:
    with pytest.raises(SiteError, match=f"{name} is a name of Django's"):
        job_of("missing", {name: "album.Photo", "database_url": "sqlite:////x", "media_root": "/m"})


def test_a_job_on_neither_model_nor_table_is_refused() -> None:
    with pytest.raises(SiteError, match="model is missing"):
        job_of("missing", {"django": DJANGO})


@pytest.mark.promise(10)
def test_a_purge_asks_for_every_column_of_the_project() -> None:
    known = quarantine_of_site({"django": DJANGO, "older_than_days": 30, "references": [], "batch": None})
    purge = purge_of(known)
    assert purge.site.quarantine == b"/srv/media-quarantine"
    assert purge.columns == (Column("album_album", "cover"), Column("album_photo", "image"))
    assert purge.derived == ("CACHE/images/{dir}/{stem}/*",)
    assert purge.site.database_url == "sqlite:////srv/project/db.sqlite3"


def test_records_that_are_only_cleared_need_no_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    several_columns = foreign_key("photo", "album.Photo", "unknown", column="", to_column="")
    facts = facts_of(answer(ALBUM, PHOTO, model("album.Row", several_columns)))
    monkeypatch.setattr(probing, "ask", lambda _project: facts)
    with pytest.raises(SiteError, match="several columns"):
        records()
    job = records(on_missing="clear")
    assert (job.clears, job.dependents, job.notes) == (True, (), ())
