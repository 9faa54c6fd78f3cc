# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What SQLite is asked: keys for a question are one transaction, which keeps nobody from writing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from engine.config.site import Column
from engine.database.drivers import connect
from engine.errors import DatabaseError

IMAGES = [Column("photo", "image")]


@pytest.fixture
def database(sqlite: Any) -> Any:
    sqlite.run("CREATE TABLE photo (id integer PRIMARY KEY, image varchar(100) NOT NULL)")
    sqlite.run("INSERT INTO photo (image) VALUES ('a.jpg'), ('b.jpg')")
    with connect(sqlite.url, read_only=False) as opened:
        yield opened


def traced(database: Any) -> list[str]:
    """What SQLite commits from now on; each statement outside of a transaction is one of its own."""
    seen: list[str] = []
    connection = database._connection

    def note(statement: str) -> None:
        seen.append(f"{statement.split()[0]}{'' if connection.in_transaction else ' alone'}")

    connection.set_trace_callback(note)
    return seen


def test_many_keys_are_one_transaction(database: Any) -> None:
    seen = traced(database)
    paths = [b"a.jpg", b"gone.jpg", b"not-utf-8-\xff.jpg", *(b"%d.jpg" % number for number in range(100))]
    assert database.count_references(IMAGES, paths) == {b"a.jpg": 1}
    assert seen.count("INSERT") == len(paths)
    assert "INSERT alone" not in seen
    assert (seen[0], seen.count("COMMIT")) == ("BEGIN alone", 1)
    assert not database._connection.in_transaction


def test_inside_a_transaction_they_belong_to_it(database: Any, sqlite: Any) -> None:
    with database.rehearsal():
        seen = traced(database)
        assert database.count_references(IMAGES, [b"a.jpg"]) == {b"a.jpg": 1}
        assert "COMMIT" not in seen
        assert database._connection.in_transaction


@pytest.mark.promise(1)
def test_after_an_error_no_transaction_is_left_open(database: Any, sqlite: Any) -> None:
    with pytest.raises(DatabaseError, match="passing keys failed"):
        database._keys(["text"], [("a", "b")])
    assert not database._connection.in_transaction
    path = sqlite.url.partition("///")[2]
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as site:
        site.execute("INSERT INTO photo (image) VALUES ('c.jpg')")
    assert database.count_references(IMAGES, [b"c.jpg"]) == {b"c.jpg": 1}


def test_a_sample_of_values_is_read_without_a_copy(database: Any) -> None:
    """A copy of all paths, which the one before has left, takes longer to drop than a sample to read."""
    assert list(database.references(IMAGES)) == [[b"a.jpg", b"b.jpg"]]
    seen = traced(database)
    (sample,) = database.sample_values(IMAGES[0], 10)
    assert sorted(sample) == [b"a.jpg", b"b.jpg"]
    assert seen == ["SELECT alone"]
    assert not database._connection.in_transaction


@pytest.mark.promise(14)
def test_a_reference_is_found_that_a_damaged_index_lacks(sqlite: Any, database: Any) -> None:
    """It is smaller than its table, so that SQLite would rather read the index alone."""
    sqlite.run("ALTER TABLE photo ADD COLUMN title varchar(200); ALTER TABLE photo ADD COLUMN text text")
    path = sqlite.url.partition("///")[2]
    with closing(sqlite3.connect(path, isolation_level=None)) as site:
        site.execute("CREATE INDEX by_image ON photo (image) WHERE image <> 'a.jpg'")
        site.execute("PRAGMA writable_schema = ON")
        site.execute(
            "UPDATE sqlite_master SET sql = 'CREATE INDEX by_image ON photo (image)' WHERE type = 'index'"
        )
    with closing(sqlite3.connect(path)) as site:
        assert site.execute("SELECT image FROM photo ORDER BY image").fetchall() == [("b.jpg",)]
    with connect(sqlite.url, read_only=True) as opened:
        assert list(opened.references(IMAGES)) == [[b"a.jpg", b"b.jpg"]]
        assert opened.count_references(IMAGES, [b"a.jpg"]) == {b"a.jpg": 1}
        assert opened.count_references(IMAGES, [b"a"], stems=True) == {b"a": 1}
        assert opened.references_by_name(IMAGES, [b"a.jpg"]) == [b"a.jpg"]
        assert opened.newest_references(IMAGES[0], "id", 2) == [b"b.jpg", b"a.jpg"]
        assert sorted(next(opened.sample_values(IMAGES[0], 9))) == [b"a.jpg", b"b.jpg"]
