# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A job on a model, described in Django's own names: its table, its columns, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config.django.answer import facts_of
from engine.config.django_jobs.files import files_of
from engine.config.django_jobs.place import place_of
from engine.config.django_jobs.records import Records, records_of
from engine.config.site import Column
from engine.errors import SiteError
from helpers.django_answers import answer, database, field, file_field, foreign_key, model, storage

GENERIC = {
    "name": "item",
    "content_type_column": "content_type_id",
    "object_id_column": "object_id",
    "for_concrete_model": True,
}
PHOTO = model(
    "collection.Photo",
    file_field("image"),
    file_field("image_avif"),
    file_field("scan", storage=1),
    field("made", "datetime", column="made_at", auto_now_add=True),
    foreign_key("album", "collection.Album", "SET_NULL"),
    generic_foreign_keys=[GENERIC],
)
ALBUM = model("collection.Album", field("title", "text"), foreign_key("owner", "auth.User"))
USER = model("auth.User", field("username", "text", column="user_name"))
CHILD = model("collection.Panorama", parents=[["collection.Photo", "photo_ptr_id"]])


def records(photo: Any = PHOTO, other: str = "/srv/private", **said: Any) -> Records:
    """The records of a model, in a project with another storage in that folder."""
    storages = [storage(aliases=["default"]), storage(other)]
    databases = {"default": database(), "old": database(name="/srv/old.sqlite3")}
    # In another database, its files would be refused before.
    here = {**photo, "database": "default", "reads_from": "default"}
    listed = facts_of(answer(here, ALBUM, USER, CHILD, storages=storages, databases=databases))
    facts = facts_of(answer(photo, ALBUM, USER, CHILD, storages=storages, databases=databases))
    place = place_of(facts, None, None)
    return records_of(facts, place, files_of(listed, place), {"model": "collection.Photo", **said})


def test_a_model_has_its_table_and_the_other_files_of_the_store_are_companions() -> None:
    found = records(field="image", label="album.owner.username", only={"album": 3})
    assert found.options == {
        "table": "collection_photo",
        "file_column": "image",
        "companion_columns": ["image_avif"],
        "time_zone": "UTC",
        "uploaded_at_column": "made_at",
        "label": "album_id.owner_id.user_name",
        "only": {"album_id": 3},
    }


def test_a_storage_below_the_store_puts_its_folder_before_what_columns_hold() -> None:
    found = records(other="/srv/media/scans", field="scan")
    assert found.options["file_column"] == "scan"
    assert found.options["companion_columns"] == ["image", "image_avif"]
    assert found.prefixes == (("scan", "scans"),)
    assert records(field="image").prefixes == ()


@pytest.mark.promise(1)
def test_a_storage_below_the_store_that_is_kept_as_a_whole_judges_no_record() -> None:
    with pytest.raises(SiteError, match="or a folder in it that is kept"):
        records(other="/srv/media/my scans", field="scan")
    assert records(other="/srv/media/my scans", field="image").options["companion_columns"] == ["image_avif"]


def test_incomplete_is_a_row_with_either_half_of_its_generic_key_null() -> None:
    found = records(select="incomplete")
    assert found.unattached == ("content_type_id", "object_id")
    assert found.options["file_column"] == "image"
    assert records(select="incomplete", unattached="album").unattached == ("album_id",)


def test_dangling_knows_the_tables_of_all_content_types() -> None:
    found = records(select="incomplete", dangling=True).dangling
    assert found is not None
    assert (found.content_type_column, found.object_id_column) == ("content_type_id", "object_id")
    assert ("collection.album", Column("collection_album", "id")) in found.tables
    assert records(select="incomplete").dangling is None


@pytest.mark.parametrize(
    ("changes", "said", "words"),
    [
        ({}, {}, "has image, image_avif, scan"),
        ({}, {"field": "picture"}, "no file field 'picture'"),
        ({}, {"field": "scan"}, "is not that of the site"),
        ({}, {"field": "image", "model": "collection.Foto"}, "no such model"),
        ({}, {"model": "collection.Panorama"}, "belongs to the model collection.Photo"),
        ({}, {"field": "image", "label": "owner.name"}, "has no foreign key 'owner'"),
        ({}, {"field": "image", "label": "album.name"}, "has no field 'name'"),
        ({}, {"field": "image", "only": {"size": 1}}, "has no field 'size'"),
        ({"database": "old"}, {"field": "image"}, "is in the database 'old'"),
        ({"reads_from": "old"}, {"field": "image"}, "is in the database 'old'.*'MIRROR'"),
        ({"reads_from": None}, {"field": "image"}, "is in a database that a request decides"),
        ({"generic_foreign_keys": []}, {"select": "incomplete"}, "unattached is missing"),
        ({}, {"field": "image", "dangling": True}, "dangling is for the job incomplete"),
        ({}, {"select": "incomplete", "unattached": "album", "dangling": True}, "not attached by a generic"),
        ({"generic_foreign_keys": [GENERIC, GENERIC]}, {"select": "incomplete"}, "several generic"),
        ({"fields": [file_field("image")]}, {"select": "incomplete"}, "uploaded_at is missing"),
        (
            {"fields": [file_field("image", storage=None, storage_by_row=True, other_storages=[0, 1])]},
            {"field": "image"},
            "depends on the row",
        ),
    ],
)
def test_what_the_model_does_not_say_is_refused(
    changes: dict[str, Any], said: dict[str, Any], words: str
) -> None:
    with pytest.raises(SiteError, match=words):
        records({**PHOTO, **changes}, **said)
