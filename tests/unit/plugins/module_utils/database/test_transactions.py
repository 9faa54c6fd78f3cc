# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Sessions and transactions: what a failure undoes, who waits for whom, and what is told."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.config.site import Column
from engine.database import connect
from engine.database.catalog import (
    Row,
    Selection,
)
from engine.database.postgresql import database as postgresql_module
from engine.database.sqlite import database as sqlite_module
from engine.errors import DatabaseError

IMAGE = Column("photo", "image")
# MySQL takes the keys of the rows first, and refuses even that.
_REFUSED = r"(deleting rows of photo|updating rows of photo|passing keys) failed"
PHOTO = "CREATE TABLE photo (id integer PRIMARY KEY, image varchar(200), taken timestamp)"


@pytest.fixture
def photo_table(database: Any) -> Any:
    """A database of each kind in turn, with an empty table of photos."""
    database.run(PHOTO)
    return database


# What a failure undoes.


@pytest.mark.promise(6)
def test_a_read_only_session_changes_nothing(photo_table: Any) -> None:
    photo_table.insert("photo", [{"id": 1, "image": "a"}])
    before = photo_table.dump()
    with connect(photo_table.url, read_only=True) as database:
        selection = Selection(database.table("photo"), "image")
        (rows,) = database.rows(selection)
        with pytest.raises(DatabaseError, match=_REFUSED), database.transaction():
            database.delete_selected(selection, rows)
        with pytest.raises(DatabaseError, match=_REFUSED), database.transaction():
            database.clear(selection.table, ["image"], [row.key for row in rows])
    assert photo_table.dump() == before


@pytest.mark.promise(6)
def test_a_rehearsal_sees_its_own_changes_and_leaves_none(photo_table: Any) -> None:
    photo_table.insert("photo", [{"id": number, "image": "a" * 200} for number in range(2000)])
    before = photo_table.dump()
    with connect(photo_table.url, read_only=False) as database:
        selection = Selection(database.table("photo"), "image")
        rows = [row for some in database.rows(selection) for row in some]
        with database.rehearsal():
            database.clear(selection.table, ["image"], [row.key for row in rows])
            assert sum(map(len, database.references([IMAGE]))) == 0
        assert photo_table.dump() == before
        # What follows is a transaction like any other.
        with database.transaction():
            database.delete_selected(selection, rows[:1])
    assert len(photo_table.rows("SELECT id FROM photo")) == 1999


@pytest.mark.promise(6)
def test_a_rehearsal_writes_nothing_to_a_file(sqlite: Any) -> None:
    sqlite.run(PHOTO)
    sqlite.insert("photo", [{"id": number, "image": "a" * 200} for number in range(20_000)])
    file = Path(sqlite.url[len("sqlite:///") :])
    before = (file.stat().st_mtime_ns, file.stat().st_ctime_ns, file.read_bytes())
    with connect(sqlite.url, read_only=False) as database:
        table = database.table("photo")
        with database.rehearsal():
            database.clear(table, ["image"], [(number,) for number in range(20_000)])
            assert [path.name for path in file.parent.glob(f"{file.name}-*")] == []
    assert (file.stat().st_mtime_ns, file.stat().st_ctime_ns, file.read_bytes()) == before


@pytest.mark.promise(4)
def test_a_transaction_that_fails_leaves_nothing_behind(photo_table: Any) -> None:
    photo_table.insert("photo", [{"id": number, "image": "a"} for number in range(3)])
    before = photo_table.dump()
    with connect(photo_table.url, read_only=False) as database:
        selection = Selection(database.table("photo"), "image")
        (rows,) = database.rows(selection)
        with pytest.raises(ZeroDivisionError), database.transaction():
            print(1 // (database.delete_selected(selection, rows) - 3))
        assert photo_table.dump() == before
        with database.transaction():
            database.delete_selected(selection, rows[:1])
    assert len(photo_table.rows("SELECT id FROM photo")) == 2


@pytest.mark.promise(2)
def test_a_row_that_names_another_file_by_now_is_not_deleted(photo_table: Any) -> None:
    photo_table.insert("photo", [{"id": number, "image": f"{number}"} for number in range(4)])
    with connect(photo_table.url, read_only=False) as database:
        selection = Selection(database.table("photo"), "image")
        (rows,) = database.rows(selection)
        photo_table.run(
            "UPDATE photo SET image = 'new' WHERE id = 1; UPDATE photo SET image = NULL WHERE id = 2"
        )
        photo_table.run("UPDATE photo SET image = '' WHERE id = 3")
        with database.transaction():
            assert database.still_selected(selection, rows) == {rows[0].key}
            assert database.delete_selected(selection, rows) == 1
    assert photo_table.rows("SELECT id FROM photo ORDER BY id") == [(1,), (2,), (3,)]


@pytest.mark.promise(4)
def test_broken_foreign_keys_are_found_at_the_commit_and_undone(photo_table: Any) -> None:
    # MySQL has none that can be deferred, and refuses the statement.
    deferred = "" if photo_table.kind == "mariadb" else "DEFERRABLE INITIALLY DEFERRED"
    photo_table.run(
        f"CREATE TABLE note (photo_id integer REFERENCES photo (id) {deferred});"
        "INSERT INTO photo (id, image) VALUES (1, 'a'); INSERT INTO note VALUES (1)"
    )
    before = photo_table.dump()
    with connect(photo_table.url, read_only=False) as database:
        selection = Selection(database.table("photo"), "image")
        (rows,) = database.rows(selection)
        with pytest.raises(
            DatabaseError, match=r"(committing|deleting rows of photo) failed.*dependents"
        ), database.transaction():
            database.delete_selected(selection, rows)
    assert photo_table.dump() == before


def test_reading_leaves_no_transaction_open(postgresql: Any) -> None:
    postgresql.run(f"{PHOTO}; INSERT INTO photo VALUES (1, 'a')")
    with connect(postgresql.url, read_only=True) as database:
        list(database.references([IMAGE]))
        database.count_references([IMAGE], [b"a"])
        database.foreign_keys()
        assert postgresql.rows(
            "SELECT state FROM pg_stat_activity WHERE application_name LIKE '%cleanup%' "
            "AND datname = current_database()"
        ) == [("idle",)]


@pytest.mark.promise(2)
def test_each_read_sees_what_is_committed_by_then(photo_table: Any) -> None:
    with connect(photo_table.url, read_only=True) as database:
        assert database.count_references([IMAGE], [b"a"]) == {}
        photo_table.insert("photo", [{"id": 1, "image": "a"}])
        assert database.count_references([IMAGE], [b"a"]) == {b"a": 1}


def test_a_long_walk_does_not_keep_a_sqlite_site_from_writing(
    sqlite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_module, "BATCH", 1)
    sqlite.run("CREATE TABLE photo (image text); INSERT INTO photo VALUES ('a'), ('b')")
    with connect(sqlite.url, read_only=True) as database, closing(database.references([IMAGE])) as lists:
        assert next(lists) == [b"a"]
        with closing(sqlite3.connect(sqlite.url[len("sqlite:///") :], timeout=0.05)) as site:
            site.execute("INSERT INTO photo VALUES ('c')")
            site.commit()


@pytest.mark.promise(1)
def test_a_lost_connection_is_told(postgresql: Any) -> None:
    postgresql.run("CREATE TABLE photo (image text); INSERT INTO photo VALUES ('a')")
    with connect(postgresql.url, read_only=True) as database:
        database.table("photo")
        postgresql.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        started = time.monotonic()
        with pytest.raises(DatabaseError, match=r"reading photo\.image failed"):
            list(database.references([IMAGE]))
        assert time.monotonic() - started < 60


@pytest.mark.promise(12)
def test_an_error_of_postgresql_shows_no_piece_of_the_statement(postgresql: Any) -> None:
    with connect(postgresql.url, read_only=True) as database, pytest.raises(DatabaseError) as caught:
        database._execute("asking", "SELECT 1,\n nowhere FROM somewhere", [])
    assert str(caught.value) == (
        'asking failed: relation "somewhere" does not exist. Nothing of this step was kept.'
    )


def test_a_question_of_the_server_ends_in_its_mark(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError) as caught:
        connect(f"postgresql:///nowhere?host={tmp_path}", read_only=True)
    assert "?." not in str(caught.value)
    assert "? Check database_url" in str(caught.value)


# Locks.


def test_a_locked_sqlite_database_is_told(sqlite: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "BUSY_TIMEOUT", 0.05)
    sqlite.run(PHOTO)
    with sqlite.connect() as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseError, match="Another process kept it locked"), connect(
            sqlite.url, read_only=True
        ) as database:
            list(database.references([IMAGE]))


def test_a_locked_postgresql_row_is_told(postgresql: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql_module, "LOCK_TIMEOUT", "50ms")
    postgresql.run(f"{PHOTO}; INSERT INTO photo VALUES (1, 'a')")
    with postgresql.connect() as writer, connect(postgresql.url, read_only=False) as database:
        writer.autocommit = False
        writer.cursor().execute("UPDATE photo SET image = 'b'")
        with pytest.raises(DatabaseError, match="locking rows of photo failed"), database.transaction():
            database.still_selected(Selection(database.table("photo"), "image"), [Row(("1",), b"a")])
