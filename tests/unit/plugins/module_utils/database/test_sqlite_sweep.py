# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Which text of a SQLite database the sweep reads: all of it, whatever a column is declared to hold."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from typing import Any

import pytest

from engine.database import connect
from engine.database.base import Database
from engine.database.sqlite import sweep
from engine.database.sweep import TextBlock
from helpers.databases import TestDatabase
from helpers.texts import rows_of

pytestmark = pytest.mark.promise(14)


def all_texts(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    return {table.name: rows_of(database, table) for table in database.searched_columns().tables}


def test_text_is_read_in_columns_of_every_type(sqlite: TestDatabase) -> None:
    sqlite.run(
        "CREATE TABLE t (id integer PRIMARY KEY, a integer, b blob, c, d datetime, e text);"
        "INSERT INTO t VALUES (1, 'p/1.jpg', 'p/2.jpg', 'p/3.jpg', 'p/4.jpg', 'p/5.jpg'),"
        " (2, 1, x'00', 0.5, NULL, CAST(x'ff2e6a7067' AS text))"
    )
    with connect(sqlite.url, read_only=True) as database:
        assert all_texts(database)["t"] == [
            tuple(f"p/{number}.jpg" for number in range(1, 6)),
            (None, None, None, None, "\udcff.jpg"),
        ]


def test_tables_of_every_kind_are_read(sqlite: TestDatabase) -> None:
    sqlite.run(
        "CREATE TABLE plain (a text); CREATE TABLE keyed (a text PRIMARY KEY, b text) WITHOUT ROWID;"
        "CREATE TABLE taken (rowid text, _rowid_ text, oid text); CREATE TABLE half (rowid text, b text);"
        "INSERT INTO plain VALUES ('1'); INSERT INTO keyed VALUES ('2', '3');"
        "INSERT INTO taken VALUES ('4', '5', '6'); INSERT INTO half VALUES ('7', '8');"
        "CREATE VIEW seen AS SELECT * FROM plain; CREATE VIRTUAL TABLE search USING fts5 (body);"
        "INSERT INTO search VALUES ('p/9.jpg')"
    )
    with connect(sqlite.url, read_only=True) as database:
        found = all_texts(database)
    assert {name: found[name] for name in ("plain", "keyed", "taken", "half")} == {
        "plain": [("1",)],
        "keyed": [("2", "3")],
        "taken": [("4", "5", "6")],
        "half": [("7", "8")],
    }
    assert "search" not in found
    assert "seen" not in found
    # What a virtual table holds is in tables of its own.
    assert any("p/9.jpg" in row for row in found["search_content"])


@pytest.mark.skipif(sys.version_info < (3, 11), reason="sqlite3 reads a value as a whole before Python 3.11")
def test_long_rows_among_short_ones_are_read_in_pieces(
    sqlite: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_LONGEST_ROW", 1000)
    monkeypatch.setattr(sweep, "_PIECE", 1000)
    monkeypatch.setattr(sweep, "OVERLAP", 100)
    sqlite.run("CREATE TABLE t (id integer PRIMARY KEY, a text, b text AS (a || '!'), c blob)")
    long = {1, 2, 50, 299, 300}
    with closing(sqlite3.connect(sqlite.url[len("sqlite:///") :])) as connection:
        for number in range(1, 301):
            text = f"{number:04} " + "x" * (2500 if number in long else 5)
            connection.execute("INSERT INTO t (id, a) VALUES (?, ?)", [number, text])
        connection.execute("INSERT INTO t (id, a, c) VALUES (301, 'beside', zeroblob(5000))")
        connection.commit()
    with connect(sqlite.url, read_only=True) as database:
        rows = all_texts(database)["t"]
    texts = {text[:4] for row in rows for text in row if text and text[0] != "x"}
    assert texts == {f"{number:04}" for number in range(1, 301)} | {"besi"}
    pieces = [a for a, _b, _c in rows if a and a.startswith(("0001", "x"))]
    assert len(pieces) == 1 + len(long) * 2
    assert max(map(len, pieces)) == 1100
    assert ("0001 " + "x" * 2500 + "!") in {b for _a, b, _c in rows}


def test_reading_goes_on_where_it_was_interrupted_for_writers(
    sqlite: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_LONGEST_READ", 0.0)
    monkeypatch.setattr(sweep, "TEXTS_AT_ONCE", 10)
    sqlite.run("CREATE TABLE t (id integer PRIMARY KEY, a text)")
    sqlite.insert("t", [{"id": number - 50, "a": f"text {number}"} for number in range(101)])
    with connect(sqlite.url, read_only=True) as database:
        [table] = database.searched_columns().tables
        found = []

        def received(block: TextBlock) -> None:
            found.extend(row.texts[0] for row in block)
            # Nobody who writes waits for the rest.
            sqlite.run(f"PRAGMA busy_timeout = 0; UPDATE t SET a = a WHERE id = {len(found)}")

        database.read_texts(table, received)
    assert found == [f"text {number}" for number in range(101)]
