# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Tables with a trigger that fires when rows are deleted: what it does is not known."""

from __future__ import annotations

from typing import Any

import pytest

from engine.kept import Code
from helpers.builders import DEFERRED, TO_PHOTO, Media, Site, ids, run

FUNCTION = (
    "CREATE FUNCTION logging() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " INSERT INTO log VALUES ('gone'); RETURN OLD; END $$;"
)
NOTES = (
    "CREATE TABLE log (words text);"
    f"CREATE TABLE note (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
    "INSERT INTO note VALUES (1, 1), (2, 2)"
)
DELETE_NOTES = [{"table": "note", "column": "photo_id", "action": "delete"}]


def add_trigger(database: Any, table: str, event: str = "AFTER DELETE", name: str = "logging") -> None:
    if database.kind == "sqlite":
        script = f"CREATE TRIGGER {name} {event} ON {table} BEGIN INSERT INTO log VALUES ('gone'); END"
    else:
        script = (
            f"{FUNCTION} CREATE TRIGGER {name} {event} ON {table} FOR EACH ROW EXECUTE FUNCTION logging()"
        )
    database.run(script)


def kept(plan: Any) -> list[tuple[bytes, Code]]:
    return [(each.name, each.code) for each in plan.kept.items]


@pytest.mark.promise(13)
@pytest.mark.parametrize(
    ("table", "left"),
    # The trigger of the records keeps them all, that of their notes keeps those that have one.
    [("photo", [1, 2, 3]), ("note", [1, 2])],
)
def test_a_trigger_keeps_what_it_would_fire_for(
    site_with_missing_files: Site, table: str, left: list[int]
) -> None:
    database = site_with_missing_files.database
    database.run(NOTES)
    add_trigger(database, table)
    plan, outcome = run(site_with_missing_files.missing(dependents=DELETE_NOTES))
    names = [b"p/2.jpg", b"p/3.jpg"] if table == "photo" else [b"p/2.jpg"]
    assert kept(plan) == [(name, Code.DELETE_TRIGGER) for name in names]
    assert f"accept: ['delete_trigger:{table}']" in plan.kept.items[0].reason
    assert "logging" in plan.kept.items[0].reason
    assert (outcome.error, ids(site_with_missing_files, "photo")) == ("", left)
    assert ids(site_with_missing_files, "note") == [1, 2]
    assert database.rows("SELECT * FROM log") == []


@pytest.mark.parametrize("table", ["photo", "note"])
def test_a_trigger_is_accepted_by_its_table(site_with_missing_files: Site, table: str) -> None:
    database = site_with_missing_files.database
    database.run(NOTES)
    add_trigger(database, table)
    accept = site_with_missing_files.accepting(f"delete_trigger:{table}")
    _plan, outcome = run(site_with_missing_files.missing(dependents=DELETE_NOTES, accept=accept))
    assert (outcome.error, ids(site_with_missing_files, "photo")) == ("", [1])
    assert len(database.rows("SELECT * FROM log")) == (2 if table == "photo" else 1)


def test_a_trigger_of_another_table_is_not_accepted_with_it(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(NOTES)
    add_trigger(site_with_missing_files.database, "note")
    accept = site_with_missing_files.accepting("delete_trigger:photo")
    plan, _outcome = run(site_with_missing_files.missing(dependents=DELETE_NOTES, accept=accept))
    assert kept(plan) == [(b"p/2.jpg", Code.DELETE_TRIGGER)]


@pytest.mark.parametrize("event", ["AFTER INSERT", "BEFORE UPDATE", "BEFORE UPDATE OF photo_id"])
def test_other_triggers_keep_nothing(site_with_missing_files: Site, event: str) -> None:
    site_with_missing_files.database.run(NOTES)
    add_trigger(site_with_missing_files.database, "note", event, name='"on DELETE"')
    _plan, outcome = run(site_with_missing_files.missing(dependents=DELETE_NOTES))
    assert (outcome.error, ids(site_with_missing_files, "photo")) == ("", [1])


@pytest.mark.promise(13)
def test_the_trigger_of_a_parent_keeps_the_record(database: Any, media: Media) -> None:
    site = Site(database, media)
    database.run(
        "CREATE TABLE log (words text); CREATE TABLE item (id integer PRIMARY KEY);"
        "CREATE TABLE picture (item_ptr_id integer PRIMARY KEY NOT NULL"
        f" REFERENCES item (id) {DEFERRED}, image varchar(100));"
        "INSERT INTO item VALUES (1); INSERT INTO picture VALUES (1, 'p/1.jpg')"
    )
    add_trigger(database, "item")
    plan, _outcome = run(site.missing(table="picture", parents="delete", confirm_scans=1))
    assert kept(plan) == [(b"p/1.jpg", Code.DELETE_TRIGGER)]
    assert ids(site, "item") == [1]


@pytest.mark.parametrize(
    "event",
    [
        "delete",
        "/* of UPDATE */ BEFORE -- INSERT\n DELETE",
        "AFTER\n\tDELETE",
    ],
)
def test_a_trigger_of_sqlite_is_recognized_however_it_is_written(
    sqlite_with_missing_file: Site, event: str
) -> None:
    sqlite_with_missing_file.database.run("CREATE TABLE log (words text)")
    add_trigger(sqlite_with_missing_file.database, "Photo", event, name="[update of x on y]")
    plan, _outcome = run(sqlite_with_missing_file.missing())
    assert kept(plan) == [(b"p/gone.jpg", Code.DELETE_TRIGGER)]


@pytest.mark.parametrize(
    ("script", "is_kept"),
    [
        ("CREATE TRIGGER logging AFTER DELETE ON photo EXECUTE FUNCTION logging()", True),
        (
            "CREATE TRIGGER logging BEFORE INSERT OR DELETE ON photo FOR EACH ROW EXECUTE FUNCTION logging()",
            True,
        ),
        (
            "CREATE CONSTRAINT TRIGGER logging AFTER DELETE ON photo DEFERRABLE FOR EACH ROW"
            " EXECUTE FUNCTION logging()",
            True,
        ),
        ("CREATE RULE logging AS ON DELETE TO photo DO ALSO INSERT INTO log VALUES ('gone')", True),
        (
            "CREATE TRIGGER logging AFTER DELETE ON photo EXECUTE FUNCTION logging();"
            "ALTER TABLE photo DISABLE TRIGGER logging",
            False,
        ),
        ("CREATE TRIGGER logging AFTER TRUNCATE ON photo EXECUTE FUNCTION logging()", False),
        # Of a foreign key; Django's are deferred.
        (f"CREATE TABLE note (photo_id integer REFERENCES photo (id) ON DELETE CASCADE {DEFERRED})", False),
    ],
)
def test_what_postgresql_does_when_rows_are_deleted(
    postgresql_with_missing_file: Site, script: str, is_kept: bool
) -> None:
    postgresql_with_missing_file.database.run(f"CREATE TABLE log (words text); {FUNCTION} {script}")
    plan, _outcome = run(postgresql_with_missing_file.missing(), check=True)
    assert kept(plan) == ([(b"p/2.jpg", Code.DELETE_TRIGGER)] if is_kept else [])


def test_the_trigger_of_a_partition_counts(postgresql_with_missing_file: Site) -> None:
    postgresql_with_missing_file.database.run(
        f"CREATE TABLE log (words text); {FUNCTION}"
        f"CREATE TABLE note (photo_id integer NOT NULL {TO_PHOTO}, y integer) PARTITION BY LIST (y);"
        "CREATE TABLE note_1 PARTITION OF note FOR VALUES IN (1); INSERT INTO note VALUES (2, 1);"
    )
    postgresql_with_missing_file.database.run(
        "CREATE TRIGGER logging AFTER DELETE ON note_1 FOR EACH ROW EXECUTE FUNCTION logging()"
    )
    plan, _outcome = run(postgresql_with_missing_file.missing(dependents=DELETE_NOTES), check=True)
    assert kept(plan) == [(b"p/2.jpg", Code.DELETE_TRIGGER)]


def test_rules_for_what_is_below_a_table_with_a_trigger_are_no_mistake(site_with_missing_files: Site) -> None:
    database = site_with_missing_files.database
    database.run(NOTES)
    database.run(
        "CREATE TABLE answer (id integer PRIMARY KEY,"
        " note_id integer NOT NULL REFERENCES note (id), words text)"
    )
    add_trigger(database, "note")
    answers = {"table": "answer", "column": "note_id", "action": "delete"}
    plan, outcome = run(site_with_missing_files.missing(dependents=[*DELETE_NOTES, answers]))
    assert kept(plan) == [(b"p/2.jpg", Code.DELETE_TRIGGER)]
    assert (outcome.error, ids(site_with_missing_files, "photo")) == ("", [1, 2])
