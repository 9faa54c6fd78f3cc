# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Uploads that were never attached, as the project itself says what attaches them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from django_site import making
from django_site.album.models import Note, Video
from django_site.collection.models import ContentType, Jersey, Photo
from django_site.project import Project

from engine import run as jobs
from engine.config.django.answer import facts_of
from engine.config.django.probe import program
from engine.config.django_jobs.jobs import project_job
from engine.database import connect
from engine.database.catalog import Dangling, Selection
from engine.errors import SiteError
from engine.report import words

pytest_plugins = ["django_site.fixtures"]


def clean(project: Project, model: str = "collection.Photo", **said: Any) -> Any:
    facts = facts_of(json.loads(json.dumps(program._facts())))
    options = {
        "django": {},
        "model": model,
        "permanent": True,
        "max_removal_percent": 100,
        "accept": project.options["accept"],
        "uploaded_at": "uploaded_at",
        **said,
    }
    plan, outcome = jobs.run(project_job("incomplete", options, facts), check=False)
    assert words.problems(outcome) == ""
    return plan


def upload(name: str, **fields: Any) -> Photo:
    made = datetime.now(timezone.utc) - timedelta(days=3)
    return Photo.objects.create(image=f"item_photos/{name}.jpg", uploaded_at=made, **fields)


def left() -> set[str]:
    ContentType.objects.clear_cache()
    return {
        path[len("item_photos/") : -len(".jpg")] for path in Photo.objects.values_list("image", flat=True)
    }


@pytest.fixture
def photos(project: Project) -> Project:
    """Photos of each kind: attached, with one half of the key, with none, of an item that is gone."""
    ContentType.objects.clear_cache()
    kind = ContentType.objects.get_for_model(Jersey)
    jersey, gone = Jersey.objects.create(name="kept"), Jersey.objects.create(name="gone")
    upload("attached", item=jersey)
    upload("never")
    upload("only_kind", content_type=kind)
    upload("only_key", object_id=jersey.pk)
    upload("dangling", item=gone)
    # As SQL deletes it, which knows nothing of photos.
    Jersey.objects.filter(pk=gone.pk)._raw_delete("default")
    return project


def test_a_row_is_incomplete_if_either_half_of_its_key_is_null(photos: Project) -> None:
    clean(photos)
    assert left() == {"attached", "dangling"}


@pytest.mark.promise(2)
def test_a_row_of_an_object_that_is_gone_is_incomplete_where_that_is_wanted(photos: Project) -> None:
    clean(photos, dangling=True)
    assert left() == {"attached"}


@pytest.mark.promise(13)
def test_a_content_type_whose_table_is_not_known_refuses_the_job(photos: Project) -> None:
    old = ContentType.objects.create(app_label="shop", model="removed")
    upload("of_old", content_type=old, object_id=1)
    with pytest.raises(SiteError, match=r"shop\.removed"):
        clean(photos, dangling=True)
    assert len(left()) == 6


@pytest.mark.promise(2)
def test_a_key_that_is_written_as_text_is_found_in_each_way_to_write_it(project: Project) -> None:
    """A video has a UUID, which SQLite keeps without dashes; the note has it with them."""
    ContentType.objects.clear_cache()
    video = making.video("kept", id=UUID("abcdef00-0000-4000-8000-000000000001"))
    kind = ContentType.objects.get_for_model(Video)
    key = str(video.pk)
    for written in (key, key.upper(), video.pk.hex, "0123", " 5", f"9{key[1:]}"):
        Note.objects.create(text="a note", content_type=kind, object_id=written)
    with connect(project.database.url, read_only=True) as database:
        way = Dangling("content_type_id", "object_id", kind.pk, database.table("album_video"), "id")
        selection = Selection(database.table("album_note"), "text", ("object_id",), dangling=(way,))
        found = [row.key[0] for rows in database.rows(selection) for row in rows]
    assert Note.objects.get(pk__in=found).object_id == f"9{key[1:]}"
