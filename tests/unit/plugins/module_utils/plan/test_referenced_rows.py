# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A record that other rows reference was attached to something, whatever its own column says."""

from __future__ import annotations

import pytest

from engine.kept import Code
from helpers.builders import DEFERRED, TO_PHOTO, Site, ids, planned, rule, rules, run

ALBUM = f"CREATE TABLE album (id integer PRIMARY KEY, cover_id integer {TO_PHOTO}, cover text);"


@pytest.fixture
def uploads(site: Site) -> Site:
    """Two old uploads that were never attached, as their own column says."""
    site.media.write("p/1.jpg", "p/2.jpg")
    site.insert("p/1.jpg", "p/2.jpg")
    return site


@pytest.mark.promise(13)
@pytest.mark.parametrize(
    ("tables", "dependents"),
    [
        # A rule says what becomes of the row, and not that the photo may go from it.
        (f"{ALBUM} INSERT INTO album VALUES (1, 2, '')", ["album.cover_id set_null"]),
        (f"{ALBUM} INSERT INTO album VALUES (1, 2, '')", []),
        (
            "CREATE TABLE album (id integer PRIMARY KEY, cover_id integer REFERENCES photo (id)"
            " ON DELETE CASCADE); INSERT INTO album VALUES (1, 2)",
            [],
        ),
        # A table that joins photos and albums.
        (
            "CREATE TABLE album (id integer PRIMARY KEY); INSERT INTO album VALUES (1);"
            f"CREATE TABLE album_photos (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO},"
            f" album_id integer NOT NULL REFERENCES album (id) {DEFERRED});"
            "INSERT INTO album_photos VALUES (1, 2, 1)",
            [],
        ),
    ],
    ids=["set to NULL", "without a rule", "cascade of the database", "many to many"],
)
def test_a_row_that_others_reference_was_attached(uploads: Site, tables: str, dependents: list[str]) -> None:
    uploads.database.run(tables)
    plan, outcome = run(uploads.incomplete(dependents=rules(*dependents)))
    assert [(kept.name, kept.code) for kept in plan.kept.items] == [(b"p/2.jpg", Code.REFERENCED_ROW)]
    assert (outcome.error, ids(uploads, "photo"), uploads.media.files) == ("", [2], {b"p/2.jpg"})
    assert plan.dependents == {}


def test_a_row_without_references_of_others_is_removed(uploads: Site) -> None:
    uploads.database.run(f"{ALBUM} INSERT INTO album VALUES (1, NULL, '')")
    plan, outcome = run(uploads.incomplete())
    assert (plan.kept.items, outcome.error, ids(uploads, "photo")) == ([], "", [])


def test_rows_that_are_said_to_be_deleted_with_it_do_not_attach_it(uploads: Site) -> None:
    """Such as what an upload makes by itself."""
    uploads.database.run(
        f"CREATE TABLE exif (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO}, words text);"
        "INSERT INTO exif VALUES (1, 2, 'f/8')"
    )
    plan, outcome = run(uploads.incomplete(dependents=rules("exif.photo_id delete")))
    assert (outcome.error, ids(uploads, "photo"), ids(uploads, "exif")) == ("", [], [])
    assert plan.dependents == {"exif": {"deleted": 1, "updated": 0}}


def test_a_column_that_attaches_nothing_is_accepted(uploads: Site) -> None:
    uploads.database.run(f"{ALBUM} INSERT INTO album VALUES (1, 2, '')")
    accept = uploads.accepting("referenced_row:album.cover_id")
    _plan, outcome = run(uploads.incomplete(dependents=rules("album.cover_id set_null"), accept=accept))
    assert (outcome.error, ids(uploads, "photo")) == ("", [])
    assert uploads.database.rows("SELECT cover_id FROM album") == [(None,)]


def test_what_only_the_description_knows_is_a_reference_too(uploads: Site) -> None:
    uploads.database.run(f"{ALBUM} INSERT INTO album VALUES (1, NULL, 'p/2.jpg')")
    covers = [rule("album", "cover", "set_null", holds="path"), *rules("album.cover_id set_null")]
    plan, _outcome = run(uploads.incomplete(dependents=covers))
    assert [(kept.name, kept.code) for kept in plan.kept.items] == [(b"p/2.jpg", Code.REFERENCED_ROW)]


def test_uploads_that_reference_each_other_are_attached_to_nothing(uploads: Site) -> None:
    uploads.database.run("ALTER TABLE photo ADD COLUMN edited_from_id integer REFERENCES photo (id)")
    uploads.database.run("UPDATE photo SET edited_from_id = 1 WHERE id = 2")
    uploads.insert("p/3.jpg", "p/4.jpg")
    uploads.insert("p/5.jpg", content_type_id=1, edited_from_id=3)
    plan, outcome = run(uploads.incomplete())
    assert [kept.name for kept in plan.kept.items] == [b"p/3.jpg"]
    assert (outcome.error, ids(uploads, "photo")) == ("", [3, 5])


@pytest.mark.promise(2)
def test_a_reference_that_comes_after_the_plan_keeps_the_record(uploads: Site) -> None:
    uploads.database.run(ALBUM)
    with planned(uploads.incomplete()) as made:
        assert len(made.plan.items) == 2
        uploads.database.run("INSERT INTO album VALUES (1, 2, '')")
        outcome = made.apply()
    # The record, and then its file.
    assert outcome.kept.items[0].code == Code.REFERENCED_ROW
    assert (outcome.error, ids(uploads, "photo"), uploads.media.files) == ("", [2], {b"p/2.jpg"})


def test_a_reference_to_the_parent_of_a_record_counts(uploads: Site) -> None:
    uploads.database.run(
        f"CREATE TABLE picture (photo_ptr_id integer PRIMARY KEY NOT NULL {TO_PHOTO}, image varchar(100),"
        " content_type_id integer, uploaded_at timestamp with time zone);"
        "INSERT INTO picture VALUES (1, 'a', NULL, '2020-01-01'), (2, 'b', NULL, '2020-01-01');"
        f"{ALBUM} INSERT INTO album VALUES (1, 2, '')"
    )
    job = uploads.incomplete(table="picture", parents="delete")
    plan, outcome = run(job)
    assert [(kept.name, kept.code) for kept in plan.kept.items] == [(b"b", Code.REFERENCED_ROW)]
    assert (outcome.error, ids(uploads, "photo")) == ("", [2])


def test_the_other_job_is_about_no_attachment(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(f"{ALBUM} INSERT INTO album VALUES (1, 2, '')")
    run(site_with_missing_files.missing(dependents=rules("album.cover_id set_null")))
    assert ids(site_with_missing_files, "photo") == [1]
