# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Dependents that the user declares, because no catalog knows them."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import SiteError
from engine.kept import Code
from helpers.builders import (
    DEFERRED,
    TO_PHOTO,
    Site,
    guards,
    ids,
    rule,
    rules,
    run,
    taken_along,
)


@pytest.mark.parametrize(
    ("action", "photos", "notes"),
    [
        ("delete", [1, 3], [(1, 1), (9, None)]),
        ("set_null", [1, 3], [(1, 1), (2, None), (9, None)]),
        ("restrict", [1, 2, 3], [(1, 1), (2, 2), (9, None)]),
    ],
)
def test_a_key_without_a_constraint_is_followed_where_the_user_says(
    site_with_missing_files: Site, action: str, photos: list[int], notes: list[Any]
) -> None:
    site_with_missing_files.media.write("p/3.jpg")
    site_with_missing_files.database.run(
        "CREATE TABLE note (id integer PRIMARY KEY, photo_id integer);"
        "INSERT INTO note VALUES (1, 1), (2, 2), (9, NULL)"
    )
    _plan, outcome = run(site_with_missing_files.missing(dependents=[rule("note", "photo_id", action)]))
    assert (outcome.error, ids(site_with_missing_files, "photo")) == ("", photos)
    assert site_with_missing_files.database.rows("SELECT * FROM note ORDER BY id") == notes


@pytest.mark.parametrize("declared", ["integer", "varchar(20)"])
def test_a_generic_relation_is_followed_by_its_content_type(
    site_with_missing_files: Site, declared: str
) -> None:
    site_with_missing_files.database.run(
        "CREATE TABLE django_content_type (id integer PRIMARY KEY, app_label text, model text);"
        "INSERT INTO django_content_type VALUES (4, 'album', 'video'), (5, 'album', 'photo');"
        f"CREATE TABLE note (id integer PRIMARY KEY, content_type_id integer, object_id {declared});"
        "INSERT INTO note VALUES (1, 5, '2'), (2, 4, '2'), (3, 5, '1'), (4, NULL, '2')"
    )
    generic = rule("note", "object_id", "delete", content_type="album.photo")
    assert taken_along(site_with_missing_files.missing(dependents=[generic])) == {
        "note": {"deleted": 1, "updated": 0}
    }
    assert ids(site_with_missing_files, "note") == [2, 3, 4]


CONTENT_TYPES = (
    "CREATE TABLE django_content_type (id integer PRIMARY KEY, app_label text, model text);"
    "INSERT INTO django_content_type VALUES (4, 'album', 'video'), (5, 'album', 'photo');"
    "CREATE TABLE note (id integer PRIMARY KEY, content_type_id integer, object_id integer);"
)


def _with_album(site_with_missing_files: Site, video: str) -> Any:
    """The site with Django's names of tables, and the job on its photos."""
    site_with_missing_files.database.run(
        f"{CONTENT_TYPES} ALTER TABLE photo RENAME TO album_photo; CREATE TABLE album_video ({video});"
        "INSERT INTO note VALUES (1, 4, 2), (2, 5, 2)"
    )

    def job(content_type: str) -> Any:
        generic = rule("note", "object_id", "delete", content_type=content_type)
        return site_with_missing_files.missing(table="album_photo", dependents=[generic])

    return job


@pytest.mark.promise("guards")
def test_a_content_type_of_other_rows_is_refused(site_with_missing_files: Site) -> None:
    """Video 2 has the key of photo 2, and its note would go."""
    job = _with_album(site_with_missing_files, "id integer PRIMARY KEY")
    with pytest.raises(SiteError, match=r"album\.video of note\.object_id means the rows of album_video"):
        run(job("album.video"))
    plan, outcome = run(job("album.photo"))
    assert (plan.warnings, outcome.removed.records) == ([], 2)
    assert ids(site_with_missing_files, "note") == [1]


def test_a_content_type_of_a_model_that_inherits_serves(site_with_missing_files: Site) -> None:
    job = _with_album(
        site_with_missing_files, f"photo_ptr_id integer PRIMARY KEY REFERENCES album_photo (id) {DEFERRED}"
    )
    plan, outcome = run(job("album.video"))
    assert (plan.warnings, outcome.removed.records) == ([], 2)
    assert ids(site_with_missing_files, "note") == [2]


def test_a_content_type_that_says_nothing_of_the_table_is_noted(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(CONTENT_TYPES)
    plan, _outcome = run(
        site_with_missing_files.missing(
            dependents=[rule("note", "object_id", "delete", content_type="album.photo")]
        )
    )
    assert plan.warnings == [
        "dependents: content_type album.photo of note.object_id is read as the rows of photo, though "
        "Django would call its table album_photo if nothing else was said"
    ]


@pytest.mark.promise("guards")
@pytest.mark.parametrize(
    ("most", "accept", "refused"),
    [(50, [], ["emptied_dependents"]), (50, ["emptied_dependents"], []), (100, [], [])],
)
def test_a_table_that_the_cascade_would_empty_turns_the_plan_down(
    site_with_missing_files: Site, most: int, accept: list[str], refused: list[str]
) -> None:
    site_with_missing_files.insert(*(f"p/{number}.jpg" for number in range(10, 20)))
    site_with_missing_files.media.write(*(f"p/{number}.jpg" for number in range(10, 20)))
    site_with_missing_files.database.run(
        f"CREATE TABLE sale (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO})"
    )
    site_with_missing_files.database.insert("sale", [{"id": number, "photo_id": 2} for number in range(100)])
    plan, _outcome = run(
        site_with_missing_files.missing(
            dependents=rules("sale.photo_id delete"),
            accept=accept,
            max_removal_percent=most,
            max_dependents=1000,
        )
    )
    assert guards(plan) == refused
    assert len(ids(site_with_missing_files, "sale")) == (100 if refused else 0)
    if refused:
        assert plan.refusals[0].message.startswith(
            "100 of 100 rows of sale would be deleted by cascade, 100 %, and max_removal_percent allows 50 %."
        )


@pytest.mark.parametrize(
    ("going", "staying", "refused"), [(99, 0, False), (100, 99, True), (100, 100, False)]
)
def test_only_a_large_share_of_many_rows_counts(
    site_with_missing_files: Site, going: int, staying: int, refused: bool
) -> None:
    site_with_missing_files.database.run(
        f"CREATE TABLE sale (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO})"
    )
    rows = [{"id": number, "photo_id": 2 if number < going else 1} for number in range(going + staying)]
    site_with_missing_files.database.insert("sale", rows)
    site_with_missing_files.insert(*(["p/1.jpg"] * 5))
    job = site_with_missing_files.missing(
        dependents=rules("sale.photo_id delete"), accept=[], max_removal_percent=50, max_dependents=1000
    )
    assert guards(run(job, check=True)[0]) == ["emptied_dependents"] * refused


def test_an_unknown_content_type_is_told(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(
        "CREATE TABLE django_content_type (id integer PRIMARY KEY, app_label text, model text);"
        "CREATE TABLE note (id integer PRIMARY KEY, content_type_id integer, object_id integer)"
    )
    generic = rule("note", "object_id", "delete", content_type="album.photo")
    with pytest.raises(SiteError, match=r"knows no model album\.photo"):
        run(site_with_missing_files.missing(dependents=[generic]))


@pytest.mark.parametrize(
    ("null", "action", "photos", "covers"),
    [
        ("NOT NULL", "set_null", [1], ["p/1.jpg", ""]),
        ("", "set_null", [1], ["p/1.jpg", None]),
        ("", "delete", [1], ["p/1.jpg"]),
        ("", "restrict", [1, 2], ["p/1.jpg", "p/2.jpg"]),
    ],
)
def test_a_path_that_ties_a_row_to_a_record_is_followed(
    site_with_missing_files: Site, null: str, action: str, photos: list[int], covers: list[str | None]
) -> None:
    site_with_missing_files.database.run(
        f"CREATE TABLE album (id integer PRIMARY KEY, cover varchar(99) {null});"
        "INSERT INTO album VALUES (1, 'p/1.jpg'), (2, 'p/2.jpg')"
    )
    job = site_with_missing_files.missing(dependents=[rule("album", "cover", action, holds="path")])
    plan, outcome = run(job)
    assert (outcome.error, ids(site_with_missing_files, "photo")) == ("", photos)
    assert [
        cover for (cover,) in site_with_missing_files.database.rows("SELECT cover FROM album ORDER BY id")
    ] == covers
    assert outcome.removed == plan.found


def test_a_restricting_path_keeps_all_records_that_name_it(site_with_missing_files: Site) -> None:
    site_with_missing_files.insert("p/2.jpg")
    site_with_missing_files.database.run(
        "CREATE TABLE album (cover text); INSERT INTO album VALUES ('p/2.jpg')"
    )
    job = site_with_missing_files.missing(
        accept=["path_mismatch", "shared_path:p/2.jpg"],
        dependents=[rule("album", "cover", "restrict", holds="path")],
    )
    plan, _outcome = run(job)
    assert {kept.code for kept in plan.kept.items} == {Code.RESTRICTED}
    assert ids(site_with_missing_files, "photo") == [1, 2, 4]


def test_records_that_depend_on_each_other_may_be_tied_by_a_path_too(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(
        f"ALTER TABLE photo ADD COLUMN original_id integer {TO_PHOTO};"
        "UPDATE photo SET original_id = 2 WHERE id = 1;"
        "CREATE TABLE album (id integer PRIMARY KEY, cover text); INSERT INTO album VALUES (1, 'p/2.jpg')"
    )
    rules = [rule("photo", "original_id", "delete"), rule("album", "cover", "set_null", holds="path")]
    plan, _outcome = run(site_with_missing_files.missing(dependents=rules), check=True)
    assert plan.dependents == {
        "album": {"deleted": 0, "updated": 1},
        "photo": {"deleted": 1, "updated": 0},
    }


@pytest.mark.parametrize(
    ("column", "words"), [("photo", "has no column 'photo'"), ("must", r"cannot be set to NULL")]
)
def test_a_rule_that_does_not_fit_the_table_is_told(
    site_with_missing_files: Site, column: str, words: str
) -> None:
    site_with_missing_files.database.run("CREATE TABLE note (id integer PRIMARY KEY, must integer NOT NULL)")
    with pytest.raises(SiteError, match=words):
        run(site_with_missing_files.missing(dependents=[rule("note", column, "set_null")]))


def test_a_rule_for_a_foreign_key_to_elsewhere_is_told(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(
        "CREATE TABLE tag (id integer PRIMARY KEY);"
        "CREATE TABLE note (id integer PRIMARY KEY, tag_id integer REFERENCES tag (id))"
    )
    with pytest.raises(SiteError, match="the rule has no effect"):
        run(site_with_missing_files.missing(dependents=[rule("note", "tag_id", "restrict")]))


def test_a_row_that_could_not_be_set_back_is_not_detached(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(f"CREATE TABLE log (photo_id integer {TO_PHOTO})")
    with pytest.raises(SiteError, match=r"log has no primary key.*Choose delete or restrict"):
        run(site_with_missing_files.missing(dependents=rules("log.photo_id set_null")))


def test_a_rule_for_a_path_needs_a_column_of_text(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run("CREATE TABLE note (id integer PRIMARY KEY, photo_id integer)")
    with pytest.raises(SiteError, match="cannot hold a path"):
        run(site_with_missing_files.missing(dependents=[rule("note", "photo_id", "delete", holds="path")]))
