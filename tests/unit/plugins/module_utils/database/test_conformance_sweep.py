# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What every database must do for the sweep: stream all of its text, or say that it cannot."""

from __future__ import annotations

import time
from typing import Any

import pytest

from engine.config.site import Column
from engine.database import connect
from engine.database.base import Database
from engine.database.sweep import TextBlock
from engine.errors import DatabaseError, SiteError
from helpers.databases import TestDatabase
from helpers.implementations import Implementation, photo_keys
from helpers.texts import rows_of

pytestmark = pytest.mark.promise(14)


def columns_of(database: Database, *listed: Column) -> dict[str, tuple[str, ...]]:
    found = database.searched_columns(listed)
    assert found.unsearchable == []
    return {table.name: table.columns for table in found.tables}


def texts_of(database: Database, name: str, **how: Any) -> list[tuple[Any, ...]]:
    [table] = [table for table in database.searched_columns().tables if table.name == name]
    return rows_of(database, table, **how)


def test_every_text_is_streamed(empty_database: TestDatabase) -> None:
    empty_database.run(
        """CREATE TABLE "No 1%" (id integer PRIMARY KEY, "a ""b%s" text, other varchar(20));
        INSERT INTO "No 1%" VALUES (1, NULL, 'p/1.jpg'), (2, 'p/ä%.jpg', NULL)"""
    )
    with connect(empty_database.url, read_only=True) as database:
        assert columns_of(database) == {"No 1%": ('a "b%s', "other")}
        assert sorted(texts_of(database, "No 1%"), key=repr) == [("p/ä%.jpg", None), (None, "p/1.jpg")]


def test_listed_columns_are_left_out(photos_with_notes: TestDatabase) -> None:
    with connect(photos_with_notes.url, read_only=True) as database:
        assert "image" in columns_of(database)["photo"]
        assert "image" not in columns_of(database, Column("photo", "image")).get("photo", ())


def test_generated_columns_are_searched(empty_database: TestDatabase) -> None:
    empty_database.run(
        "CREATE TABLE photo (id integer PRIMARY KEY, name text,"
        " path text GENERATED ALWAYS AS ('p/' || name) STORED)"
    )
    empty_database.insert("photo", [{"id": 1, "name": "1.jpg"}])
    with connect(empty_database.url, read_only=True) as database:
        assert texts_of(database, "photo") == [("1.jpg", "p/1.jpg")]


@pytest.mark.parametrize("kind", ["integer", "large", "text", "composite"])
def test_keys_come_with_the_texts(
    kind: str, implementation: Implementation, empty_database: TestDatabase
) -> None:
    columns, values = implementation.keys[kind]
    names = ", ".join(column.split()[0] for column in columns.split(", "))
    empty_database.run(f"CREATE TABLE photo ({columns}, note text, image text, PRIMARY KEY ({names}))")
    for value in values:
        empty_database.run(f"INSERT INTO photo VALUES ({value}, 'n', 'i')")
    with connect(empty_database.url, read_only=True) as database:
        table = database.table("photo")
        width = len(table.key)
        rows = texts_of(database, "photo", with_keys=True)
        keys = {row[:width] for row in rows}
        assert len(keys) == 3
        assert {row[-2:] for row in rows} == {("n", "i")}


def test_rows_without_a_primary_key_have_an_address(
    implementation: Implementation, empty_database: TestDatabase
) -> None:
    empty_database.run("CREATE TABLE note (body text)")
    empty_database.insert("note", [{"body": "a"}, {"body": "b"}])
    with connect(empty_database.url, read_only=True) as database:
        if not implementation.addresses_rows_without_key:
            assert sorted(texts_of(database, "note")) == [("a",), ("b",)]
            with pytest.raises(SiteError, match="neither a primary key nor a unique one"):
                texts_of(database, "note", with_keys=True)
            return
        rows = texts_of(database, "note", with_keys=True)
        assert sorted(row[-1] for row in rows) == ["a", "b"]
        assert len({row[:-1] for row in rows}) == 2


def test_a_long_text_comes_in_pieces_that_overlap(
    implementation: Implementation, empty_database: TestDatabase
) -> None:
    text = "".join(f"{number:07}ä" for number in range(300_000))
    kind = implementation.long_text
    empty_database.run(f"CREATE TABLE note (id integer PRIMARY KEY, a text, body {kind}, z text)")
    rows = [{"id": number, "a": f"a{number}"} for number in range(5)]
    rows[2].update(body=text, z="z" * 10)
    empty_database.insert("note", rows)
    with connect(empty_database.url, read_only=True) as database:
        found = texts_of(database, "note", with_keys=True)
    assert {row[1] for row in found if row[1]} == {f"a{number}" for number in range(5)}
    assert [row[3] for row in found if row[3]] == ["z" * 10]
    pieces = [row[2] for row in found if row[2]]
    assert {row[0] for row in found if row[2] or row[3]} == {found[0][0].__class__(2)}
    assert max(map(len, pieces)) < 1_200_000
    assert len(pieces) > 1
    # Each part of the length of a path is whole in one of them.
    for start in range(0, len(text) - 4096, 4000):
        assert any(text[start : start + 4096] in piece for piece in pieces)


def test_many_rows_are_streamed_in_lists_of_a_bounded_size(empty_database: TestDatabase) -> None:
    empty_database.run("CREATE TABLE note (id integer PRIMARY KEY, body text)")
    empty_database.run(
        "INSERT INTO note SELECT i, 'body ' || i FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
        " SELECT i + 1 FROM n WHERE i < 2000) SELECT i FROM n) AS numbers"
    )
    with connect(empty_database.url, read_only=True) as database:
        assert {body for (body,) in texts_of(database, "note")} == {f"body {i}" for i in range(1, 2001)}


def test_the_end_of_the_time_is_an_error(empty_database: TestDatabase) -> None:
    empty_database.run("CREATE TABLE note (id integer PRIMARY KEY, body text)")
    empty_database.insert("note", [{"id": 1, "body": "a"}])
    with connect(empty_database.url, read_only=True) as database:
        with pytest.raises(DatabaseError, match=r"searching note .* was not finished"):
            texts_of(database, "note", until=time.monotonic() - 1)
        assert texts_of(database, "note", until=time.monotonic() + 60) == [("a",)]


def test_a_table_that_vanishes_is_an_error(photos_with_notes: TestDatabase) -> None:
    photos_with_notes.run("CREATE TABLE gone (body text)")
    with connect(photos_with_notes.url, read_only=True) as database:
        [table] = [table for table in database.searched_columns().tables if table.name == "gone"]
        database.table("gone")
        photos_with_notes.run("DROP TABLE gone")
        with pytest.raises(DatabaseError, match="searching gone for mentions"):
            rows_of(database, table)


def test_places_lead_to_their_rows(empty_database: TestDatabase) -> None:
    empty_database.run("CREATE TABLE note (id integer PRIMARY KEY, body text, more text)")
    texts = {n: (f"ä\t{n} body;", f"more {n};" if n % 3 else None) for n in range(300)}
    empty_database.insert("note", [{"id": n, "body": a, "more": b} for n, (a, b) in texts.items()])
    blocks: list[TextBlock] = []
    with connect(empty_database.url, read_only=True) as database:
        database.read_texts(database.searched_columns().tables[0], blocks.append, with_keys=True)
    assert sum(map(len, blocks)) == 300
    for number in (0, 1, 128, 299):
        for text in (f"{number} body;", f"more {number};"):
            found = [row for block in blocks if text in block.written for row in block.at(_all(text, block))]
            expected = [texts[number]] if text.startswith(f"{number}") or number % 3 else []
            if not text.startswith("more"):
                found = [row for row in found if int(row.key[0]) == number]
            assert [tuple(row.texts) for row in found] == expected
    assert not any([*block.at([])] for block in blocks)


def _all(text: str, block: TextBlock) -> list[int]:
    written = block.written
    return [place for place in range(len(written)) if written.startswith(text, place)]


def _interrupt(_block: TextBlock) -> None:
    raise InterruptedError


def test_the_sweep_leaves_no_transaction_open(empty_database: TestDatabase) -> None:
    empty_database.run("CREATE TABLE note (id integer PRIMARY KEY, body text)")
    empty_database.insert("note", [{"id": number, "body": "a"} for number in range(300)])
    with connect(empty_database.url, read_only=False) as database:
        with pytest.raises(InterruptedError):
            database.read_texts(database.searched_columns().tables[0], _interrupt)
        with connect(empty_database.url, read_only=True) as other:
            assert other.open_transactions() == {}
        with database.transaction():
            pass
        empty_database.run("DROP TABLE note")


# Whether anything was written.


def _mark(database: Database) -> str:
    mark = database.change_mark()
    if mark is None:
        pytest.skip("this database cannot prove that nothing was written")
    return mark


def test_reading_changes_no_mark(implementation: Implementation, opened: Database) -> None:
    before = opened.change_mark()
    if not implementation.marks_changes:
        assert before is None
        return
    assert before
    for searched in opened.searched_columns().tables:
        rows_of(opened, searched, with_keys=True)
    opened.count_references([Column("photo", "image")], [b"p/1.jpg"])
    with opened.rehearsal():
        pass
    assert opened.change_mark() == before


@pytest.mark.parametrize("change", ["INSERT INTO note VALUES (9, 1)", "DROP TABLE remark"])
def test_what_another_session_writes_changes_the_mark(
    change: str, photos_with_notes: TestDatabase, opened: Database
) -> None:
    before = _mark(opened)
    photos_with_notes.run(change)
    after = opened.change_mark()
    assert after != before
    photos_with_notes.run("UPDATE note SET photo_id = 1")
    assert opened.change_mark() not in (before, after)


def test_what_this_session_writes_changes_the_mark(opened: Database) -> None:
    before = _mark(opened)
    with opened.transaction():
        assert opened.delete(opened.table("photo"), photo_keys(opened, 3)) == 1
    assert opened.change_mark() != before


def test_the_end_of_a_transaction_that_was_open_changes_the_mark(
    photos_with_notes: TestDatabase, opened: Database
) -> None:
    _mark(opened)
    with photos_with_notes.connect() as writer:
        cursor = writer.cursor()
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO note VALUES (9, 1)")
        before = opened.change_mark()
        cursor.execute("COMMIT")
    assert opened.change_mark() != before
