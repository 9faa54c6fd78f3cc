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
