# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A name is bytes, whatever charset and collation a column of MySQL has."""

from __future__ import annotations

from typing import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.config.site import Column
from engine.database import connect
from engine.database.catalog import ColumnType
from engine.database.mysql.dialect import MySQLDialect
from engine.errors import DatabaseError
from engine.media.paths import LONGEST_PATH
from helpers.databases import TestDatabase
from helpers.implementations import rows_of, selection

pytestmark = [pytest.mark.promise(8), pytest.mark.promise(9)]

IMAGE = Column("photo", "image")
# Names that a usual collation takes for one another, and of each length in bytes.
ALIKE = [
    "IMG",
    "img",
    "Img",
    "e",
    "é",
    "E",
    "ss",
    "ß",
    "x",
    "x ",
    "x  ",
    " x",
    "ﬁ",
    "fi",
    "ä",
    "a\u0308",
    "1",
    "¹",
]
FOUR_BYTES = ["😀", "𐍈", "😀.jpg"]
# Each with the names that it can hold.
COLUMNS = {
    "varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci": [*ALIKE, *FOUR_BYTES],
    "varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin": [*ALIKE, *FOUR_BYTES],
    "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci": [*ALIKE, *FOUR_BYTES],
    "varchar(100) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci": ALIKE,
    "varchar(100) CHARACTER SET latin1": ["é", "ß", "E", "e", "ÿ", "€", "x ", "x"],
    "text CHARACTER SET utf16": [*ALIKE, *FOUR_BYTES],
    "varchar(100) CHARACTER SET koi8r": ["фото", "ФОТО", "x"],
}


@pytest.fixture(params=["mariadb", "mariadb_mysqlclient"])
def database(request: pytest.FixtureRequest) -> TestDatabase:
    """A new, empty MariaDB, with each driver in turn."""
    return request.getfixturevalue(request.param)


def filled(database: TestDatabase, kind: str, names: list[str]) -> list[bytes]:
    """A table of photos with these names; returns the names in byte order."""
    database.run(f"DROP TABLE IF EXISTS photo; CREATE TABLE photo (id integer PRIMARY KEY, image {kind})")
    database.insert("photo", [{"id": number, "image": name} for number, name in enumerate(names)])
    return sorted(name.encode() for name in names)


def read(batches: Iterator[list[bytes]]) -> list[bytes]:
    return [path for paths in batches for path in paths]


def test_references_come_in_the_order_of_their_bytes(database: TestDatabase) -> None:
    for kind, names in COLUMNS.items():
        expected = filled(database, kind, names)
        with connect(database.url, read_only=True) as opened:
            assert read(opened.references([IMAGE])) == expected, kind
            assert sorted(read(opened.sample_values(IMAGE, 1000))) == expected, kind
            assert [row.file for row in rows_of(opened)] == expected, kind


def test_each_name_is_referenced_by_itself_alone(database: TestDatabase) -> None:
    """In every kind of column, and whatever else is asked for: also what the column could not hold."""
    asked = [name.encode() for name in {*ALIKE, *FOUR_BYTES, "фото", "ФОТО"}]
    for kind, names in COLUMNS.items():
        expected = filled(database, kind, names)
        with connect(database.url, read_only=True) as opened:
            assert opened.count_references([IMAGE], asked + expected) == dict.fromkeys(expected, 1), kind
            assert sorted(opened.references_by_name([IMAGE], asked + expected)) == expected, kind
            for name in expected:
                assert opened.count_references([IMAGE], [name]) == {name: 1}, kind
                assert [
                    path for path, _key in opened.rows_referencing(opened.table("photo"), "image", [name])
                ] == [name], kind


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), max_size=8))
@example(["a\\b", "a\\nb", "a\nb", "\\N", "%s", "a\0b", "'", '"', "`", "\x1a", "\u2028"])
def test_names_come_as_they_are(mariadb: TestDatabase, names: list[str]) -> None:
    expected = filled(mariadb, "varchar(100)", names)
    with connect(mariadb.url, read_only=True) as opened:
        assert read(opened.references([IMAGE])) == expected
        counts = opened.count_references([IMAGE], expected)
        assert counts == {name: expected.count(name) for name in expected}


def test_columns_of_several_charsets_are_read_together(database: TestDatabase) -> None:
    database.run("CREATE TABLE photo (image varchar(20) CHARACTER SET latin1, other varchar(20))")
    database.insert("photo", [{"image": "é", "other": "😀"}, {"image": "ß", "other": "e"}])
    with connect(database.url, read_only=True) as opened:
        columns = [IMAGE, Column("photo", "other")]
        assert read(opened.references(columns)) == sorted(name.encode() for name in "é😀ße")
        assert opened.count_references(columns, ["é".encode()]) == {"é".encode(): 1}


def test_only_the_row_of_this_very_name_is_deleted(database: TestDatabase) -> None:
    filled(database, "varchar(100)", ALIKE)
    with connect(database.url, read_only=False) as opened:
        chosen = selection(opened)
        # As if each row referenced what the next one does: alike, but not the same.
        rows = rows_of(opened)
        exchanged = [row._replace(file=other.file) for row, other in zip(rows, [*rows[1:], rows[0]])]
        with opened.transaction():
            assert opened.delete_selected(chosen, exchanged) == 0
            assert opened.delete_selected(chosen, rows) == len(ALIKE)


def test_spaces_are_a_name(database: TestDatabase) -> None:
    filled(database, "varchar(100)", ["", " ", "  "])
    with connect(database.url, read_only=True) as opened:
        assert read(opened.references([IMAGE])) == [b" ", b"  "]


def test_long_names_are_sorted_to_their_last_byte(database: TestDatabase) -> None:
    """By itself, the server compares the first 1024 bytes only."""
    names = ["p" * 4000 + last for last in ("c", "a", "B", "ä", "b")]
    expected = filled(database, "longtext", names)
    with connect(database.url, read_only=True) as opened:
        assert read(opened.references([IMAGE])) == expected


@pytest.mark.parametrize("length", [1024, 1025, 4000])
def test_a_value_that_may_be_longer_than_a_path_is_cut_off(mariadb: TestDatabase, length: int) -> None:
    (whole,) = filled(mariadb, f"varchar({length}) CHARACTER SET utf8mb4", ["😀" * length])
    with connect(mariadb.url, read_only=True) as opened:
        assert read(opened.references([IMAGE])) == [whole[: LONGEST_PATH + 1]]
        assert [row.file for row in rows_of(opened)] == [whole[: LONGEST_PATH + 1]]


def test_a_column_of_utf8_is_compared_without_a_conversion() -> None:
    dialect = MySQLDialect("utf8mb4_nopad_bin")
    for kind, is_converted in {
        "varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci": False,
        "varchar(100) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin": False,
        "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin": False,
        "varchar(100) CHARACTER SET latin1 COLLATE latin1_swedish_ci": True,
        "text CHARACTER SET utf16 COLLATE utf16_bin": True,
        "char(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin": True,
        "enum('CHARACTER SET utf8mb4 ') CHARACTER SET latin1 COLLATE latin1_bin": True,
        "json": True,
    }.items():
        column = ColumnType(kind, nullable=False, holds_paths=True)
        assert ("CONVERT" in dialect.path("t.image", column)) is is_converted, kind


def test_an_order_that_is_not_that_of_the_bytes_is_an_error(
    mariadb: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(mariadb, "varchar(100) COLLATE utf8mb4_unicode_ci", ["a", "B", "c"])
    with connect(mariadb.url, read_only=True) as opened:
        for batches in ([[b"a", b"c", b"B"]], [[b"a", b"c"], [b"B"]]):
            monkeypatch.setattr(opened, "_stream_paths", lambda _statement, batches=batches: iter(batches))
            with pytest.raises(DatabaseError, match="did not return references in the order of their bytes"):
                read(opened.references([IMAGE]))


def test_only_values_with_the_same_bytes_are_meant(database: TestDatabase) -> None:
    database.run("CREATE TABLE photo (id integer PRIMARY KEY, image text, kind varchar(20))")
    database.insert("photo", [{"id": 1, "image": "a", "kind": "Old"}, {"id": 2, "image": "b", "kind": "old"}])
    with connect(database.url, read_only=True) as opened:
        only = (("kind", ("old",)),)
        assert [row.file for row in rows_of(opened, selection(opened, only=only))] == [b"b"]
