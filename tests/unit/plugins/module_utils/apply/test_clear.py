# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Records whose file is missing and that are kept without it: ``on_missing: clear``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.apply.restore import restore
from engine.errors import SiteError
from engine.kept import Code
from engine.report import data, words
from engine.report.describe import describe
from helpers.builders import TO_PHOTO, Media, Site, guards, ids, planned, run

PROFILE = (
    "CREATE TABLE profile (id integer PRIMARY KEY, name text, avatar varchar(100) {null}, small varchar(100),"
    " changed timestamp with time zone);"
    "INSERT INTO profile VALUES (1, 'a', 'p/1.jpg', 's/1.jpg', '2020-01-01'),"
    " (2, 'b', 'p/2.jpg', 's/2.jpg', '2020-01-01'), (3, 'c', 'p/3.jpg', NULL, '2020-01-01')"
)


def make_profiles(database: Any, media: Media, null: str = "") -> Site:
    """Profiles of which the first has its avatar, the second has only the small one, and the third none."""
    site = Site(database, media)
    media.write("p/1.jpg", "s/1.jpg", "s/2.jpg")
    database.run(PROFILE.format(null=null))
    return site


@pytest.fixture
def profiles(database: Any, media: Media) -> Site:
    return make_profiles(database, media)


def job_of(site: Site, **options: Any) -> Any:
    own = {"table": "profile", "file_column": "avatar", "companion_columns": ["small"], "confirm_scans": 1}
    return site.missing(**{"on_missing": "clear", **own, **options})


def rows(site: Site) -> list[Any]:
    return site.database.rows("SELECT id, name, avatar, small FROM profile ORDER BY id")


@pytest.mark.promise(6)
@pytest.mark.promise(10)
@pytest.mark.parametrize(("null", "empty"), [("", None), ("NOT NULL", "")])
def test_the_row_stays_without_its_file_and_gets_it_back(
    database: Any, media: Media, tmp_path: Path, null: str, empty: str | None
) -> None:
    site = make_profiles(database, media, null)
    before, files = database.dump(), media.files
    job = job_of(site, quarantine=str(tmp_path / "kept"))
    predicted, _outcome = run(job, check=True)
    assert (database.dump(), media.files) == (before, files)

    plan, outcome = run(job)

    assert outcome.error == ""
    assert rows(site) == [(1, "a", "p/1.jpg", "s/1.jpg"), (2, "b", empty, None), (3, "c", empty, None)]
    # All but the moment at which they were made.
    assert predicted.plan_id.partition("-")[2] == plan.plan_id.partition("-")[2]
    # A companion goes with its record's file.
    assert media.files == {b"p/1.jpg", b"s/1.jpg"}

    restored = restore(job.site, outcome.batch, [], check=False)
    assert (restored.updated, restored.kept.items) == (2, [])
    assert (database.dump(), media.files) == (before, files)


@pytest.mark.promise(10)
def test_a_restore_replaces_no_new_file(profiles: Site, tmp_path: Path) -> None:
    job = job_of(profiles, quarantine=str(tmp_path / "kept"))
    _plan, outcome = run(job)
    profiles.database.run("UPDATE profile SET avatar = 'p/new.jpg' WHERE id = 3")
    restored = restore(job.site, outcome.batch, [], check=False)
    assert [kept.code for kept in restored.kept.items] == [Code.CHANGED]
    assert rows(profiles)[1:] == [(2, "b", "p/2.jpg", "s/2.jpg"), (3, "c", "p/new.jpg", None)]


def test_what_depends_on_a_row_that_stays_stays_too(profiles: Site) -> None:
    profiles.database.run(
        "CREATE TABLE post (id integer PRIMARY KEY,"
        " profile_id integer NOT NULL REFERENCES profile (id) ON DELETE CASCADE);"
        "INSERT INTO post VALUES (1, 2), (2, 3)"
    )
    plan, outcome = run(job_of(profiles))
    assert (plan.dependents, plan.kept.items, outcome.dependents) == ({}, [], {})
    assert ids(profiles, "post") == [1, 2]


def test_a_child_of_another_table_may_be_cleared(profiles: Site) -> None:
    profiles.insert("p/0.jpg")
    profiles.database.run(
        f"CREATE TABLE panorama (photo_ptr_id integer PRIMARY KEY NOT NULL {TO_PHOTO}, wide varchar(100));"
        "INSERT INTO panorama VALUES (1, 'w/1.jpg')"
    )
    job = job_of(profiles, table="panorama", file_column="wide", companion_columns=[])
    plan, outcome = run(job)
    assert (plan.kept.items, outcome.error) == ([], "")
    assert profiles.database.rows("SELECT * FROM panorama") == [(1, None)]


def test_it_is_counted_and_named_apart(profiles: Site) -> None:
    job = job_of(profiles)
    plan, outcome = run(job, check=True)
    of = describe(job, plan, outcome)
    dry = data.result(of, verbose=False, with_diff=True)
    assert dry["cleared"] == {"found": 2, "done": 0}
    assert dry["found"] == {"records": 0, "files": 1, "bytes": 7}
    assert dry["changed"]
    assert "avatar, small of 2 rows to be emptied, which are kept (on_missing: clear)" in dry["summary"]
    assert "2 rows of profile to be emptied of avatar, small and kept; 1 file, 7 bytes" in words.removal(of)
    assert len(dry["records"]) == 2

    plan, outcome = run(job)
    done = data.result(describe(job, plan, outcome), verbose=False, with_diff=False)
    assert done["cleared"] == {"found": 2, "done": 2}
    assert done["removed"] == {"records": 0, "files": 1, "bytes": 7}
    assert done["changed"]
    assert "  cleared avatar, small of 2 rows of profile; removed 1 file, 7 bytes" in done["summary"]


@pytest.mark.promise(2)
def test_a_row_with_another_file_after_the_plan_keeps_it(profiles: Site) -> None:
    profiles.media.write("p/new.jpg")
    with planned(job_of(profiles)) as made:
        profiles.database.run("UPDATE profile SET avatar = 'p/new.jpg' WHERE id = 2")
        outcome = made.apply()
    assert outcome.error == ""
    assert rows(profiles)[1:] == [(2, "b", "p/new.jpg", "s/2.jpg"), (3, "c", None, None)]
    assert b"s/2.jpg" in profiles.media.files


def test_the_share_of_rows_that_lose_their_files_is_guarded(profiles: Site) -> None:
    plan, _outcome = run(job_of(profiles, max_removal_percent=50))
    assert guards(plan) == ["max_removal_percent"]
    assert rows(profiles)[1][2] == "p/2.jpg"


def test_a_path_of_several_rows_is_kept_here_too(profiles: Site) -> None:
    profiles.database.run("UPDATE profile SET avatar = 'p/default.jpg' WHERE id IN (2, 3)")
    plan, _outcome = run(job_of(profiles))
    assert {kept.code for kept in plan.kept.items} == {Code.SHARED_PATH}
    assert rows(profiles)[2][2] == "p/default.jpg"


@pytest.mark.promise(4)
def test_a_row_that_the_database_does_not_clear_undoes_everything(profiles: Site) -> None:
    if profiles.database.kind == "sqlite":
        script = "CREATE TRIGGER no BEFORE UPDATE ON profile BEGIN SELECT RAISE(IGNORE); END"
    else:
        script = (
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
            "CREATE TRIGGER no BEFORE UPDATE ON profile FOR EACH ROW EXECUTE FUNCTION no()"
        )
    profiles.database.run(script)
    before, files = profiles.database.dump(), profiles.media.files
    _plan, outcome = run(job_of(profiles))
    assert "A trigger or a row security policy interferes" in outcome.error
    assert (profiles.database.dump(), profiles.media.files) == (before, files)


@pytest.mark.promise(7)
def test_an_approved_plan_to_clear_deletes_nothing(profiles: Site) -> None:
    plan, _outcome = run(job_of(profiles), check=True)
    with pytest.raises(SiteError, match="other options"):
        run(job_of(profiles, on_missing="delete"), approved=plan.token)


def test_only_missing_files_are_cleared(profiles: Site) -> None:
    with pytest.raises(SiteError, match="on_missing"):
        job_of(profiles, select="incomplete")


@pytest.mark.promise(7)
@pytest.mark.parametrize("on_missing", ["clear", "delete"])
def test_a_companion_that_was_uploaded_after_the_plan_keeps_its_record(
    profiles: Site, media: Media, on_missing: str
) -> None:
    with planned(job_of(profiles, on_missing=on_missing, permanent=True)) as made:
        media.write("s/new.jpg")
        profiles.database.run("UPDATE profile SET small = 's/new.jpg' WHERE id = 2")
        outcome = made.apply()
    assert outcome.error == ""
    assert (b"p/2.jpg", Code.CHANGED) in [(item.name, item.code) for item in outcome.kept.items]
    assert (2, "b", "p/2.jpg", "s/new.jpg") in rows(profiles)
    assert b"s/new.jpg" in media.files
