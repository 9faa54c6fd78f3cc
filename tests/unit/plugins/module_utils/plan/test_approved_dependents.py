# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Who approves a record approves its dependent rows as they are then, and no other ones."""

from __future__ import annotations

import pytest

from engine.kept import Code
from engine.report import data
from engine.report.describe import describe
from helpers.builders import TO_PHOTO, Site, ids, keys, planned, rules, run

TABLES = (
    f"CREATE TABLE favorite (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
    "CREATE TABLE reply (id integer PRIMARY KEY, favorite_id integer NOT NULL REFERENCES favorite);"
    f"CREATE TABLE album (id integer PRIMARY KEY, cover_id integer {TO_PHOTO})"
)
RULES = rules("favorite.photo_id delete", "reply.favorite_id delete", "album.cover_id set_null")
PHOTOS = range(2, 9)
# What happens to the rows that depend on photos 2 to 7; photo 8 keeps its own, and photo 1 has its file.
CHANGES = [
    "INSERT INTO favorite VALUES (12, 2), (11, 1)",
    "INSERT INTO reply VALUES (13, 3)",
    "INSERT INTO album VALUES (14, 4)",
    "DELETE FROM reply WHERE id = 5",
    "UPDATE album SET cover_id = NULL WHERE id = 6",
    "DELETE FROM reply WHERE id = 7; DELETE FROM favorite WHERE id = 7; INSERT INTO favorite VALUES (17, 7)",
]


@pytest.fixture
def photos(site_with_missing_files: Site) -> Site:
    """A site whose photos 2 to 8 have lost their files, each with a favorite, a reply to it and an album."""
    site_with_missing_files.database.run(TABLES)
    site_with_missing_files.insert(*(f"p/{number}.jpg" for number in PHOTOS[2:]))
    for table in ("favorite", "reply", "album"):
        rows = ", ".join(f"({number}, {number})" for number in PHOTOS)
        site_with_missing_files.database.run(f"INSERT INTO {table} VALUES {rows}")
    return site_with_missing_files


@pytest.mark.promise(7)
def test_records_whose_dependents_change_after_the_approval_are_kept(photos: Site) -> None:
    job = photos.missing(dependents=RULES)
    approved, _outcome = run(job, check=True)
    assert keys(approved) == [str(number) for number in PHOTOS]
    photos.database.run(";".join(CHANGES))
    plan, outcome = run(job, approved=approved.token)
    assert keys(plan) == ["8"]
    kept = {(kept.name, kept.code) for kept in plan.kept.items}
    assert kept == {(b"p/%d.jpg" % number, Code.NOT_APPROVED) for number in PHOTOS[:-1]}
    assert "the rows that depend on it, have changed" in plan.kept.items[0].reason
    assert plan.dependents == {
        "favorite": {"deleted": 1, "updated": 0},
        "reply": {"deleted": 1, "updated": 0},
        "album": {"deleted": 0, "updated": 1},
    }
    assert (outcome.dependents, outcome.error, plan.warnings) == (plan.dependents, "", [])
    assert ids(photos, "photo") == list(range(1, 8))


@pytest.mark.promise(2)
def test_records_whose_dependents_change_after_the_plan_are_kept(photos: Site) -> None:
    with planned(photos.missing(dependents=RULES)) as made:
        photos.database.run(";".join(CHANGES))
        outcome = made.apply()
    kept = {(kept.name, kept.code) for kept in outcome.kept.items}
    assert kept == {(b"p/%d.jpg" % number, Code.CHANGED) for number in PHOTOS[:-1]}
    assert (outcome.error, ids(photos, "photo")) == ("", list(range(1, 8)))


@pytest.mark.promise(7)
@pytest.mark.promise(2)
@pytest.mark.parametrize("moment", ["before the new plan", "after it"])
def test_a_record_that_is_kept_is_not_removed_as_the_dependent_of_another(site: Site, moment: str) -> None:
    """A thumbnail of its own row goes with its photo, unless its own file is back."""
    site.database.run(f"ALTER TABLE photo ADD COLUMN original_id integer {TO_PHOTO}")
    site.insert("p/1.jpg", "p/2.jpg")
    site.database.run("UPDATE photo SET original_id = 1 WHERE id = 2")
    job = site.missing(dependents=rules("photo.original_id delete"))
    approved, _outcome = run(job, check=True)
    assert keys(approved) == ["1", "2"]
    if moment == "after it":
        with planned(job) as made:
            site.media.write("p/2.jpg")
            outcome = made.apply()
    else:
        site.media.write("p/2.jpg")
        _plan, outcome = run(job, approved=approved.token)
    assert (outcome.error, ids(site, "photo")) == ("", [1, 2])


def test_a_diff_lists_dependent_rows_by_their_keys(photos: Site) -> None:
    photos.database.run(
        "DELETE FROM reply WHERE id > 2; DELETE FROM favorite WHERE id > 3; DELETE FROM album WHERE id > 2"
    )
    rows = [
        "dependent row: album 2 (updated)",
        "dependent row: favorite 2 (deleted)",
        "dependent row: favorite 3 (deleted)",
        "dependent row: reply 2 (deleted)",
    ]
    for check in (True, False):
        job = photos.missing(dependents=RULES, max_listed=100 if check else 2)
        result = data.result(describe(job, *run(job, check)), verbose=False, with_diff=True)
        lines = result["diff"]["before"].splitlines()
        listed = [line for line in lines if line.startswith("dependent row: ")]
        assert (listed == rows) if check else (set(listed) < set(rows) and len(listed) == 2)
        assert ("… and 2 more dependent rows" in lines) == (not check)
