# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What depends on records is removed with them as declared, by sets and by keys, whatever happens then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Iterable

import psycopg2
import psycopg2.errors
import pytest

from engine.database import connect
from engine.database.catalog import (
    Selection,
)
from engine.plan.dependents import cascade
from engine.plan.dependents.links import Dependents
from engine.quarantine.writer import QuarantineWriter
from helpers.builders import TO_PHOTO, Media, Site, ids, planned, rule, rules, run, taken_along


def test_what_goes_is_the_same_by_sets_and_by_keys(site: Site) -> None:
    site.insert(*[f"p/{number}.jpg" for number in range(1, 7)])
    site.database.run(
        f"CREATE TABLE favorite (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
        f"CREATE TABLE reply (a integer, b varchar(5), favorite_id integer NOT NULL REFERENCES favorite,"
        " PRIMARY KEY (a, b));"
        "CREATE TABLE reply_mark (reply_a integer NOT NULL, reply_b varchar(5) NOT NULL, colour varchar(9),"
        " FOREIGN KEY (reply_a, reply_b) REFERENCES reply (a, b));"
        f"CREATE TABLE album (id integer PRIMARY KEY, cover_id integer {TO_PHOTO}, title text);"
        f"CREATE TABLE claim (id integer PRIMARY KEY, photo_id integer REFERENCES photo ON DELETE RESTRICT);"
        "INSERT INTO favorite VALUES (1, 1), (2, 2), (3, 2), (4, 3), (5, 6);"
        "INSERT INTO reply VALUES (1, 'x', 2), (1, 'y', 2), (2, 'x', 4), (3, 'x', 5);"
        "INSERT INTO reply_mark VALUES (1, 'x', 'red'), (1, 'y', 'red'), (1, 'y', 'red'), (3, 'x', NULL);"
        "INSERT INTO album VALUES (1, 1, 'a'), (2, 2, 'b'), (3, NULL, 'c'), (4, 3, NULL), (5, 6, 'd');"
        "INSERT INTO claim VALUES (1, 4), (2, 5)"
    )
    with connect(site.database.url, read_only=True) as database:
        table = database.table("photo")
        photos = [row for rows in database.rows(Selection(table, "image")) for row in rows]
        dependents = Dependents(
            site.missing(
                dependents=rules(
                    "favorite.photo_id delete",
                    "reply.favorite_id delete",
                    "reply_mark.reply_a delete",
                    "album.cover_id set_null",
                )
            ),
            table,
            database,
        )
        assert dependents.on_one_record
        doomed = [row for row in photos if int(row.key[0]) in (1, 2, 3)]
        goings = [kind(dependents, database, doomed) for kind in (cascade.SetCascade, cascade.KeyCascade)]
        counts = [going.counts() for going in goings]
        assert (
            counts[0]
            == counts[1]
            == {
                "favorite": {"deleted": 4, "updated": 0},
                "reply": {"deleted": 3, "updated": 0},
                "reply_mark": {"deleted": 3, "updated": 0},
                "album": {"deleted": 0, "updated": 3},
            }
        )
        kept = [
            sorted(
                (row.action, row.table.name, json.dumps(row.row, sort_keys=True), sorted(row.records))
                for row in going.rows_to_archive()
            )
            for going in goings
        ]
        assert kept[0] == kept[1]
        assert len(kept[0]) == 13
        restricted = [
            kind(dependents, database, photos).restricted for kind in (cascade.SetCascade, cascade.KeyCascade)
        ]
        assert restricted[0] == restricted[1] != {}
        assert {int(key[0]) for key in restricted[0]} == {4, 5}


def test_a_row_that_loses_two_columns_belongs_by_each_to_its_own_record(sqlite_site: Site) -> None:
    site = sqlite_site
    site.insert("p/1.jpg", "p/2.jpg")
    site.database.run(
        "CREATE TABLE album (id integer PRIMARY KEY, cover integer REFERENCES photo (id),"
        " back integer REFERENCES photo (id)); INSERT INTO album VALUES (1, 1, 2)"
    )
    with connect(site.database.url, read_only=True) as database:
        table = database.table("photo")
        photos = [row for rows in database.rows(Selection(table, "image")) for row in rows]
        job = site.missing(dependents=rules("album.cover set_null", "album.back set_null"))
        going = cascade.KeyCascade(Dependents(job, table, database), database, photos)
        archived = {
            (column, key[0])
            for row in going.rows_to_archive()
            for column in row.row["row"].keys() - {"id"}
            for key in row.records
        }
        assert archived == {("cover", 1), ("back", 2)}
        [shown] = going.rows()
        [(_key, records)] = shown.rows
        assert sorted(records) == [(1,), (2,)]
        assert going.counts() == {"album": {"deleted": 0, "updated": 1}}


MOVED = "UPDATE album SET cover_id = 1", "SELECT count(*) FROM album WHERE cover_id = 1"
TAKEN_OVER = "UPDATE favorite SET photo_id = 1", "SELECT count(*) FROM favorite"
ANSWERED = "INSERT INTO reply VALUES (2, 1)", "SELECT count(*) FROM reply"


@pytest.mark.promise(2)
@pytest.mark.parametrize(
    ("moment", "is_kept", "happens", "waits", "left"),
    [
        # What depends on a record when it is checked again is what is removed with it.
        ("apply", False, MOVED, True, 0),
        ("apply", False, TAKEN_OVER, True, 0),
        ("apply", False, ANSWERED, True, 0),
        ("apply", True, MOVED, True, 0),
        ("apply", True, TAKEN_OVER, True, 0),
        ("apply", True, ANSWERED, True, 0),
        # Nothing comes to depend on what is about to go.
        ("_apply", False, TAKEN_OVER, True, 0),
        ("_apply", False, ANSWERED, True, 0),
    ],
)
def test_what_happens_to_dependents_at_the_last_moment_waits_or_is_respected(
    postgresql_with_missing_file: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    is_kept: bool,
    happens: tuple[str, str],
    waits: bool,
    left: int,
) -> None:
    postgresql_with_missing_file.database.run(
        f"CREATE TABLE favorite (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
        "CREATE TABLE reply (id integer PRIMARY KEY, favorite_id integer NOT NULL REFERENCES favorite);"
        f"CREATE TABLE album (id integer PRIMARY KEY, cover_id integer {TO_PHOTO});"
        "INSERT INTO favorite VALUES (1, 2); INSERT INTO reply VALUES (1, 1); INSERT INTO album VALUES (1, 2)"
    )
    going_on = getattr(cascade.SetCascade, moment)
    waited = []

    def a_moment_later(*arguments: Any) -> Any:
        if not waited:
            waited.append(False)
            try:
                postgresql_with_missing_file.database.run(f"SET lock_timeout = '100ms'; {happens[0]}")
            except psycopg2.errors.LockNotAvailable:
                waited[0] = True
        return going_on(*arguments)

    monkeypatch.setattr(cascade.SetCascade, moment, a_moment_later)
    _plan, outcome = run(
        postgresql_with_missing_file.missing(
            dependents=rules(
                "favorite.photo_id delete", "reply.favorite_id delete", "album.cover_id set_null"
            ),
            **({"quarantine": str(tmp_path / "kept")} if is_kept else {}),
        )
    )
    assert waited == [waits]
    assert (outcome.error, ids(postgresql_with_missing_file, "photo")) == ("", [1])
    assert postgresql_with_missing_file.database.rows(happens[1]) == [(left,)]


class InsertsWhenItKeeps(QuarantineWriter):
    """A quarantine that something happens to while rows are written down."""

    def __init__(self, site: Any, happens: Callable[[], None]) -> None:
        super().__init__(site, "missing", "20261121T020003Z-4f1c9d07", 1)
        self._happens = happens

    def archive(self, rows: Iterable[dict[str, Any]]) -> None:
        super().archive(rows)
        self._happens()


@pytest.mark.promise(10)
@pytest.mark.parametrize(
    ("schema", "happens"),
    [
        (
            "CREATE TABLE tag (id integer PRIMARY KEY, photo_id integer NOT NULL);"
            "INSERT INTO tag VALUES (1, 2)",
            "INSERT INTO tag VALUES (2, 2)",
        ),
        (
            f"CREATE TABLE tag (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
            "CREATE TABLE tag2 () INHERITS (tag); INSERT INTO tag VALUES (1, 2)",
            "INSERT INTO tag2 VALUES (2, 2)",
        ),
    ],
    ids=["no constraint", "inherited"],
)
def test_no_row_goes_that_was_not_kept(
    postgresql_with_missing_file: Site, tmp_path: Path, schema: str, happens: str
) -> None:
    """Where the database lets rows come to depend on a record that is locked."""
    postgresql_with_missing_file.database.run(schema)
    job = postgresql_with_missing_file.missing(
        quarantine=str(tmp_path / "kept"), dependents=[rule("tag", "photo_id", "delete")]
    )
    with planned(job) as made, InsertsWhenItKeeps(
        job.site, lambda: postgresql_with_missing_file.database.run(happens)
    ) as batch:
        outcome = made.apply(batch)
    assert 2 in ids(postgresql_with_missing_file, "tag")
    assert bool(outcome.error) == (ids(postgresql_with_missing_file, "photo") == [1, 2])


@pytest.mark.promise(2)
def test_nothing_comes_to_hang_below_what_is_about_to_go_and_restricts_it(
    postgresql_with_missing_file: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgresql_with_missing_file.database.run(
        f"CREATE TABLE comment (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
        "CREATE TABLE report (id integer PRIMARY KEY,"
        " comment_id integer NOT NULL REFERENCES comment ON DELETE CASCADE);"
        "INSERT INTO comment VALUES (1, 2)"
    )
    going_on = cascade.SetCascade.apply
    waited = []

    def after_the_look_for_restrictions(*arguments: Any) -> Any:
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            postgresql_with_missing_file.database.run(
                "SET lock_timeout = '100ms'; INSERT INTO report VALUES (1, 1)"
            )
        waited.append(True)
        return going_on(*arguments)

    monkeypatch.setattr(cascade.SetCascade, "apply", after_the_look_for_restrictions)
    _plan, outcome = run(
        postgresql_with_missing_file.missing(
            dependents=rules("comment.photo_id delete", "report.comment_id restrict")
        )
    )
    assert waited == [True]
    assert (
        outcome.error,
        ids(postgresql_with_missing_file, "photo"),
        ids(postgresql_with_missing_file, "report"),
    ) == ("", [1], [])


def test_rows_without_a_key_are_told_apart_across_partitions(postgresql_with_missing_file: Site) -> None:
    postgresql_with_missing_file.database.run(
        "CREATE TABLE hit (photo_id integer NOT NULL REFERENCES photo, other_id integer REFERENCES photo,"
        " y integer) PARTITION BY LIST (y);"
        "CREATE TABLE hit_1 PARTITION OF hit FOR VALUES IN (1);"
        "CREATE TABLE hit_2 PARTITION OF hit FOR VALUES IN (2);"
        "INSERT INTO hit VALUES (2, NULL, 1), (1, NULL, 2)"
    )
    dependents = rules("hit.photo_id delete", "hit.other_id restrict")
    assert taken_along(postgresql_with_missing_file.missing(dependents=dependents)) == {
        "hit": {"deleted": 1, "updated": 0}
    }
    assert postgresql_with_missing_file.database.rows("SELECT photo_id FROM hit") == [(1,)]


@pytest.mark.parametrize("target", ["PHOTO(ID)", "Photo"])
def test_a_foreign_key_may_be_written_in_any_case(sqlite: Any, media: Media, target: str) -> None:
    site = Site(sqlite, media)
    media.write("p/1.jpg")
    site.insert("p/1.jpg", "p/2.jpg")
    sqlite.run(
        f"CREATE TABLE tag (id integer PRIMARY KEY, photo_id integer REFERENCES {target} ON DELETE CASCADE);"
        "INSERT INTO tag VALUES (1, 1), (2, 2)"
    )
    assert taken_along(site.missing()) == {"tag": {"deleted": 1, "updated": 0}}
    assert ids(site, "tag") == [1]


def test_a_trigger_that_detaches_a_row_instead_of_deleting_it_stops_the_run(
    postgresql_with_missing_file: Site,
) -> None:
    postgresql_with_missing_file.database.run(
        f"CREATE TABLE tag (id integer PRIMARY KEY, photo_id integer {TO_PHOTO});"
        "INSERT INTO tag VALUES (1, 2);"
        "CREATE FUNCTION detach() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN UPDATE tag SET photo_id = NULL WHERE id = OLD.id; RETURN NULL; END $$;"
        "CREATE TRIGGER soft BEFORE DELETE ON tag FOR EACH ROW EXECUTE FUNCTION detach()"
    )
    job = postgresql_with_missing_file.missing(
        dependents=[rule("tag", "photo_id", "delete")],
        accept=postgresql_with_missing_file.accepting("delete_trigger:tag"),
    )
    _plan, outcome = run(job)
    assert "deleting rows of tag changed 0 rows where 1 depend on the records" in outcome.error
    assert postgresql_with_missing_file.database.rows("SELECT * FROM tag") == [(1, 2)]
    assert ids(postgresql_with_missing_file, "photo") == [1, 2]
