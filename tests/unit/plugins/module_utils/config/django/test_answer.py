# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The facts of a project from what its probe sent: complete, or refused."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from engine.config.django.answer import LONGEST, MOST, facts_of
from engine.config.django.facts import Value
from engine.errors import SiteError
from helpers.django_answers import answer, database, field, file_field, foreign_key, model, storage

Change = Callable[[dict[str, Any]], Any]


def sent() -> dict[str, Any]:
    return answer(
        model("album.Album", field("title", "text")),
        model(
            "album.Photo",
            file_field("image", "photos/%Y", default={"kind": "value", "value": "photos/none.jpg"}),
            foreign_key("album", "album.Album", "SET_NULL", null=True),
            parents=[["album.Album", "album_ptr_id"]],
        ),
    )


def test_what_was_sent_is_what_the_facts_say() -> None:
    facts = facts_of(sent())
    photo = facts.model("ALBUM.photo")
    assert photo is not None
    assert photo.content_type == "album.photo"
    assert (photo.fields[0].upload_to, photo.fields[0].storage) == ("photos/%Y", 0)
    assert photo.fields[0].default == Value("value", "photos/none.jpg")
    assert (photo.foreign_keys[0].to, photo.foreign_keys[0].on_delete) == ("album.Album", "SET_NULL")
    assert photo.parents == (("album.Album", "album_ptr_id"),)
    assert facts.storages[0].location == "/srv/media"
    assert facts.model("album.Video") is None


@pytest.mark.parametrize(
    ("written", "table"),
    [
        ("album_photo", "album_photo"),
        ('"legacy"."docs"', "legacy.docs"),
        ('legacy"."docs', "legacy.docs"),
        ('"Docs"', "Docs"),
        ("legacy.docs", "legacy.docs"),
    ],
)
def test_a_table_is_written_as_the_options_have_it(written: str, table: str) -> None:
    assert facts_of(answer(model("legacy.Doc", table=written))).models[0].table == table


@pytest.mark.promise(12)
def test_a_password_is_not_part_of_a_fact_s_text() -> None:
    facts = facts_of(answer(databases={"default": database(password="s3cret", options={"passwd": "s3cret"})}))
    assert facts.databases["default"].password == "s3cret"
    assert "s3cret" not in repr(facts)
    assert "s3cret" not in repr(facts.databases["default"])


def test_a_path_that_is_not_utf_8_keeps_its_bytes() -> None:
    assert facts_of(answer(storages=[storage("/srv/\udce9")])).storages[0].location == "/srv/\udce9"


CHANGES: list[tuple[str, Change]] = [
    ("a mapping", lambda found: found.update(databases=[])),
    ("models must be a list", lambda found: found.update(models={})),
    ("at most 10,000", lambda found: found.update(imported=["app.py"] * (MOST + 1))),
    ("without a NUL byte", lambda found: found.update(media_root="/srv/\0media")),
    ("at most 10,000 characters", lambda found: found.update(media_root="m" * (LONGEST + 1))),
    ("surrogate", lambda found: found.update(media_root="\ud800")),
    ("true or false", lambda found: found["models"][0].update(managed=1)),
    ("a model twice", lambda found: found["models"].append(model("album.PHOTO"))),
    ("APP.MODEL", lambda found: found["models"].append(model("album; DROP TABLE"))),
    ("no model of it", lambda found: found["models"].pop(0)),
    ("one of DATABASES", lambda found: found["models"][0].update(database="other")),
    ("one of DATABASES", lambda found: found["models"][0].update(databases=["other"])),
    ("one of its storages", lambda found: found.update(storages=[])),
    ("number of a storage", lambda found: found["models"][1]["fields"][0].update(storage=-1)),
    ("number of a storage", lambda found: found["models"][1]["fields"][0].update(storage=True)),
    ("one of 'CASCADE'", lambda found: found["models"][1]["foreign_keys"][0].update(on_delete="cascade")),
    ("list of pairs", lambda found: found["models"][1].update(parents=[["album.Album"]])),
    ("missing", lambda found: found["models"][1]["fields"][0].pop("upload_to")),
    ("missing", lambda found: found["models"][1]["fields"][0].pop("storage")),
    ("value must be a text", lambda found: found["models"][1]["fields"][0]["default"].update(value=[])),
]


@pytest.mark.parametrize(("says", "change"), CHANGES)
def test_what_is_not_as_it_must_be_is_refused(says: str, change: Change) -> None:
    found = sent()
    change(found)
    with pytest.raises(SiteError, match=says):
        facts_of(found)


@pytest.mark.parametrize("part", sorted(sent()))
def test_each_part_is_required(part: str) -> None:
    with pytest.raises(SiteError, match=part):
        facts_of({name: value for name, value in sent().items() if name != part})


@pytest.mark.parametrize("value", [None, [], "text", 7])
def test_what_is_no_mapping_is_refused(value: Any) -> None:
    with pytest.raises(SiteError, match="the answer must be a mapping"):
        facts_of(value)
