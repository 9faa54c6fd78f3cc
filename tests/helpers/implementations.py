# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Every database that the engine can work with, and what its tables can hold; a new one is added here."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Callable, Sequence

from engine.database.base import Database
from engine.database.catalog import ForeignKey, Row, Selection
from helpers.databases import TestDatabase

PHOTO = "CREATE TABLE photo (id integer PRIMARY KEY, image varchar(200), album_id integer, taken timestamp)"


@dataclass(frozen=True)
class Implementation:
    """One database, and the words of its SQL in which it differs from the others."""

    # The name of the fixture that gives a new, empty one.
    fixture: str
    # Columns of a key, and three values of it as literals, by what is special about it.
    keys: dict[str, tuple[str, list[str]]]
    # Literals by the type of their column: each must come back from the archive as it was.
    values: dict[str, list[str]]
    # What follows the type of a column whose value the database makes.
    generated: str
    # All rows of a table, each value exactly as it is, whatever the driver makes of it.
    read_all: Callable[[TestDatabase, str], list[Any]]
    # Rules of foreign keys that it enforces.
    on_delete: tuple[str, ...] = ("NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT")
    # Whether it locks single rows, rather than all of them.
    locks_rows: bool = True
    # Whether it checks foreign keys by itself when a transaction ends.
    defers: bool = True
    # Whether a row has an address where it has no primary key.
    addresses_rows_without_key: bool = True
    # Whether it can prove that nothing was written since a mark.
    marks_changes: bool = True
    # A type whose values may be very long.
    long_text: str = "text"
    # The statement after which a session waits for a lock for a moment only.
    wait_shortly: str = "SET lock_timeout = '50ms'"
    # Whether it keeps off runs on other hosts by a lock of its own.
    locks_out_other_hosts: bool = True


def _all_rows_of_sqlite(site: TestDatabase, table: str) -> list[Any]:
    with site.connect() as connection:
        # Its text may be no UTF-8.
        connection.text_factory = lambda text: ("text", text)
        return sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr)


_KEYS = {
    "integer": ("id integer", ["1", "2", "3"]),
    "large": ("id bigint", ["9007199254740993", "-9007199254740993", "0"]),
    "text": ("id varchar(40)", ["'1'", "'it''s 100%'", "'Ä \n?'"]),
    "composite": ("a integer, b varchar(9)", ["1, 'x'", "1, 'y'", "2, 'x'"]),
}

POSTGRESQL = Implementation(
    fixture="postgresql_psycopg2",
    keys={
        **_KEYS,
        "uuid": ("id uuid", [f"'{'0' * 8}-0000-0000-0000-{'0' * 11}{n}'" for n in "123"]),
        "numeric": ("id numeric(20, 10)", ["0.1000000001", "0.1000000002", "1e9"]),
        "time": ("id timestamptz", [f"'2025-01-0{n} 00:00:00.00000{n}+02'" for n in "123"]),
    },
    values={
        "boolean": ["true", "false"],
        "smallint": ["-32768"],
        "bigint": ["9223372036854775807"],
        "numeric": ["1.50", "123456789012345678901234567890.123456789", "'NaN'"],
        "real": ["1e-45", "3.4028235e38"],
        "double precision": ["0.1", "1.7976931348623157e308", "'-0'", "'Infinity'", "'NaN'"],
        "text": ["''", "'%s %% \\ '' \" \n\t\x1f'", "'Äﬁ😀'"],
        "character(9)": ["'ab'"],
        "bytea": ["''", "'\\x00ff0a'"],
        "date": ["'2025-02-28'", "'infinity'", "'0044-03-15 BC'"],
        "time": ["'23:59:59.999999'"],
        "timestamp": ["'2025-07-01 12:00:00.000001'", "'-infinity'"],
        "timestamptz": ["'2025-07-01 12:00:00.000001+05:30'"],
        "interval": ["'1 year -2 days 03:04:05.000006'"],
        "uuid": ["'6ba7b810-9dad-11d1-80b4-00c04fd430c8'"],
        "json": ['\'{"b":  1, "a": null, "a": 2}\''],
        "jsonb": ['\'{"a": [1.50, "ä"]}\''],
        "text[]": ["ARRAY['a', NULL, 'b,\"c\"']", "'{}'"],
        "int4range": ["'[1,5)'"],
        "inet": ["'192.0.2.1/24'"],
        "tsvector": ["'a:1 b:2'"],
    },
    generated="GENERATED ALWAYS AS (id * 2) STORED",
    read_all=lambda site, table: sorted(site.rows(f"SELECT t::text FROM {table} AS t")),
)

SQLITE = Implementation(
    fixture="sqlite",
    keys={
        **_KEYS,
        "uuid": ("id char(32)", [f"'{'0' * 31}{n}'" for n in "123"]),
        "not UTF-8": ("id text", ["CAST(x'61ff' AS text)", "CAST(x'fe' AS text)", "'plain'"]),
        "bytes": ("id blob", ["x'00ff'", "x''", "x'0a'"]),
    },
    values={
        "bool": ["1", "0"],
        "integer": ["9223372036854775807", "-9223372036854775808"],
        "real": ["0.1", "9e999", "-9e999", "1.7976931348623157e308"],
        "decimal": ["1.50", "123456789012345678901234567890.5"],
        "text": ["''", "'%s ? :a \\ '' \" \n\t\x1f'", "'Äﬁ😀'", "CAST(x'61ff' AS text)"],
        "varchar(9)": ["'123'", "CAST(x'31' AS blob)"],
        "blob": ["x''", "x'00ff0a'", "'text'"],
        "datetime": ["'2025-07-01 12:00:00.000001'", "20250101"],
        "": ["'untyped'", "1", "0.5"],
    },
    generated="GENERATED ALWAYS AS (id * 2) STORED",
    read_all=_all_rows_of_sqlite,
    locks_rows=False,
    wait_shortly="PRAGMA busy_timeout = 50",
    locks_out_other_hosts=False,
)


def _all_rows_of_mariadb(site: TestDatabase, table: str) -> list[Any]:
    columns = site.rows(
        "SELECT column_name, data_type FROM information_schema.columns "
        f"WHERE table_schema = database() AND table_name = '{table}' ORDER BY ordinal_position"
    )
    # A float is printed with less digits than it has.
    exact = [f'"{name}" * 1E0' if kind == "float" else f'"{name}"' for name, kind in columns]
    values = ", ".join(f"HEX(CAST({one} AS BINARY))" for one in exact)
    return sorted(site.rows(f"SELECT {values} FROM {table}"), key=repr)


MARIADB = Implementation(
    fixture="mariadb",
    keys={
        **_KEYS,
        "unsigned": ("id bigint unsigned", ["18446744073709551615", "18446744073709551614", "0"]),
        "uuid": ("id uuid", [f"'{'0' * 8}-0000-0000-0000-{'0' * 11}{n}'" for n in "123"]),
        "digits": ("id char(32)", [f"'{'0' * 31}{n}'" for n in "123"]),
        "numeric": ("id decimal(20, 10)", ["0.1000000001", "0.1000000002", "1e9"]),
        "time": ("id timestamp(6)", [f"'2025-01-0{n} 00:00:00.00000{n}'" for n in "123"]),
        "bytes": ("id varbinary(9)", ["x'00ff'", "x''", "x'0a'"]),
        "not UTF-8": ("id varchar(9) CHARACTER SET latin1", ["'é'", "'ß'", "'x'"]),
        "case": ("id varchar(9) COLLATE utf8mb4_bin", ["'a'", "'A'", "'ä'"]),
    },
    values={
        "boolean": ["true", "false"],
        "smallint": ["-32768"],
        "bigint": ["9223372036854775807"],
        "bigint unsigned": ["18446744073709551615"],
        "decimal(65,30)": ["1.50", "12345678901234567890123456789012345.123456789"],
        "float": ["1.4012985e-45", "3.4028234e38", "0.1"],
        "double": ["0.1", "1.7976931348623157e308", "-1e-320"],
        "text": ["''", "'%s %% \\ '' \" \n\t\x1f'", "'Äﬁ😀'", "' x '"],
        "varchar(9) CHARACTER SET latin1": ["'é€'", "'  '"],
        "text CHARACTER SET utf8mb3": ["'ﬁ'"],
        "text CHARACTER SET utf16": ["'😀'"],
        "char(9)": ["'ab'"],
        "binary(4)": ["x'00ff'"],
        "blob": ["x''", "x'00ff0a'"],
        "bit(1)": ["b'1'"],
        "bit(64)": [f"b'1{'0' * 62}1'"],
        "enum('a', 'ä''')": ["'a'", "'ä'''"],
        "set('a', 'b')": ["''", "'a,b'"],
        "year": ["2155", "0000"],
        "date": ["'2025-02-28'", "'0000-00-00'", "'2025-02-31'", "'2025-00-00'"],
        "time(6)": ["'-838:59:59.999999'"],
        "datetime(6)": ["'2025-07-01 12:00:00.000001'", "'0000-00-00 00:00:00'"],
        "timestamp(6) NULL": ["'2025-10-26 00:30:00.000001'", "'0000-00-00 00:00:00'"],
        "json": ['\'{"b":  1, "a": null, "a": 2}\''],
        "uuid": ["'6ba7b810-9dad-11d1-80b4-00c04fd430c8'"],
        "inet6": ["'2001:db8::1'"],
        "point": ["ST_PointFromText('POINT(1 2)', 4326)"],
        "geometry": ["ST_GeomFromText('LINESTRING(0 0, 1.5 2)')"],
    },
    generated="GENERATED ALWAYS AS (id * 2) STORED",
    read_all=_all_rows_of_mariadb,
    on_delete=("NO ACTION", "CASCADE", "SET NULL"),
    defers=False,
    addresses_rows_without_key=False,
    marks_changes=False,
    long_text="longtext",
    wait_shortly="SET innodb_lock_wait_timeout = 0",
)

IMPLEMENTATIONS = (
    POSTGRESQL,
    replace(POSTGRESQL, fixture="postgresql_psycopg3"),
    SQLITE,
    MARIADB,
    replace(MARIADB, fixture="mariadb_mysqlclient"),
)


def make_table_with_key(site: TestDatabase, columns: str, values: Sequence[str]) -> None:
    """A table of photos with these columns for a key; the n-th row references the file n."""
    names = ", ".join(column.split()[0] for column in re.split(r", (?=[a-z])", columns))
    site.run(f"DROP TABLE IF EXISTS photo; CREATE TABLE photo ({columns}, image text, PRIMARY KEY ({names}))")
    for number, value in enumerate(values):
        site.run(f"INSERT INTO photo VALUES ({value}, '{number}')")


def selection(database: Database, **which: Any) -> Selection:
    return Selection(database.table("photo"), "image", **which)


def rows_of(database: Database, chosen: Selection | None = None) -> list[Row]:
    return [row for rows in database.rows(chosen or selection(database)) for row in rows]


def photo_keys(database: Database, *ids: int) -> list[tuple[Any, ...]]:
    """The keys of photos, as the database gives them."""
    keys = {row.file: row.key for row in rows_of(database)}
    return [keys[b"p/%d.jpg" % number] for number in ids]


def link(database: Database, child: str) -> ForeignKey:
    [found] = [key for key in database.foreign_keys() if key.table == child]
    return found


def notes_of_photos(database: Database) -> list[Any]:
    return [(link(database, "note"), database.table("note"))]


def remarks_of_photos(database: Database) -> list[Any]:
    return [*notes_of_photos(database), (link(database, "remark"), database.table("remark"))]


def ids(database: TestDatabase, table: str) -> list[int]:
    return [number for (number,) in database.rows(f"SELECT id FROM {table} ORDER BY id")]
