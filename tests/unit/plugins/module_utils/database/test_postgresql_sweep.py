# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Which text of a PostgreSQL database the sweep reads, and what it says of what it may not read."""

from __future__ import annotations

import time
from typing import Any, Iterator

import psycopg2
import pytest

from engine.config.site import Column
from engine.database import connect
from engine.database.base import Database
from engine.database.postgresql import database as postgresql_module
from engine.database.sweep import TextBlock
from engine.errors import DatabaseError
from helpers.databases import TestDatabase
from helpers.texts import rows_of

pytestmark = pytest.mark.promise(14)


def all_texts(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    return {table.name: rows_of(database, table) for table in database.searched_columns().tables}


def test_every_type_that_holds_text_is_read(postgresql: TestDatabase) -> None:
    types = {
        "text": "'p/1.jpg'",
        "varchar(90)": "'p/1.jpg'",
        "char(9)": "'p/1.jpg'",
        "json": "'[\"p\\/1.jpg\"]'",
        "jsonb": "'[\"p/1.jpg\"]'",
        "jsonpath": "'$.\"p/1.jpg\"'",
        # Not every server can make a value of it.
        "xml": "NULL",
        "text[]": "ARRAY[NULL, 'a', 'p/1.jpg']",
        "varchar(90)[]": "ARRAY['p/1.jpg']",
        "jsonb[]": "ARRAY['\"p/1.jpg\"'::jsonb]",
        "path_name": "'p/1.jpg'",
        "path_name[]": "ARRAY['p/1.jpg']::path_name[]",
        "pair": "ROW(1, 'p/1.jpg')::pair",
        "name": "'p/1.jpg'",
        "logo": "'p/1.jpg'",
        "logo_name": "'p/1.jpg'",
        "logo[]": "ARRAY['p/1.jpg']::logo[]",
    }
    none = ("integer", "boolean", "timestamptz", "bytea", "uuid", "int[]", "inet")
    columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate((*types, *none)))
    postgresql.run(
        "CREATE DOMAIN path_name AS varchar(90); CREATE TYPE pair AS (a integer, b text);"
        f"CREATE TYPE logo AS ENUM ('p/1.jpg'); CREATE DOMAIN logo_name AS logo; CREATE TABLE t ({columns});"
        f"INSERT INTO t VALUES ({', '.join(types.values())})"
    )
    with connect(postgresql.url, read_only=True) as database:
        [table] = database.searched_columns().tables
        assert table.columns == tuple(f"c{number}" for number in range(len(types)))
        [row] = all_texts(database)["t"]
        assert [bool(text) and "1.jpg" in text for text in row] == [kind != "xml" for kind in types]


@pytest.mark.parametrize("extension", ["citext", "hstore"])
def test_types_of_extensions_are_read(postgresql: TestDatabase, extension: str) -> None:
    available = postgresql.rows(f"SELECT 1 FROM pg_available_extensions WHERE name = '{extension}'")
    if not available:
        pytest.skip(f"this server has no {extension}")
    value = "p/1.jpg" if extension == "citext" else "image=>p/1.jpg"
    postgresql.run(
        f"CREATE SCHEMA more; CREATE EXTENSION {extension} SCHEMA more;"
        f"CREATE TABLE t (a more.{extension}); INSERT INTO t VALUES ('{value}')"
    )
    with connect(postgresql.url, read_only=True) as database:
        [(text,)] = all_texts(database)["t"]
        assert "p/1.jpg" in text


def test_each_row_is_read_once_wherever_it_lies(postgresql: TestDatabase) -> None:
    postgresql.run(
        "CREATE SCHEMA other; CREATE TABLE other.t (a text); INSERT INTO other.t VALUES ('other');"
        "CREATE TABLE parted (a text, n integer) PARTITION BY LIST (n);"
        "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);"
        "CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2) PARTITION BY LIST (a);"
        "CREATE TABLE parted_2_x PARTITION OF parted_2 DEFAULT;"
        "INSERT INTO parted VALUES ('one', 1), ('two', 2);"
        "CREATE TABLE parent (a text); CREATE TABLE child (b text) INHERITS (parent);"
        "INSERT INTO parent VALUES ('parent'); INSERT INTO child VALUES ('child', 'more');"
        "CREATE VIEW seen AS SELECT a FROM parent;"
        "CREATE MATERIALIZED VIEW kept AS SELECT a || ' kept' AS a FROM parent;"
        "CREATE UNLOGGED TABLE fast (a text); INSERT INTO fast VALUES ('fast')"
    )
    with connect(postgresql.url, read_only=True) as database:
        found = {name: sorted(rows) for name, rows in all_texts(database).items()}
    assert found == {
        "other.t": [("other",)],
        "parted": [("one",), ("two",)],
        "parent": [("parent",)],
        "child": [("child", "more")],
        "kept": [("child kept",), ("parent kept",)],
        "fast": [("fast",)],
    }


@pytest.mark.parametrize(
    ("partition", "detached", "left"), [("photo_1", "one", [b"two"]), ("photo_2", "two", [b"one"])]
)
def test_a_partition_that_is_being_detached_is_read(
    postgresql: TestDatabase, partition: str, detached: str, left: list[bytes]
) -> None:
    """Until that is finished, its rows are no more in its table, and it is no table of its own yet."""
    ((version,),) = postgresql.rows("SELECT current_setting('server_version_num')::int")
    if version < 140_000:
        pytest.skip("before PostgreSQL 14, a partition is detached at once")
    postgresql.run(
        "CREATE TABLE photo (image text, n integer) PARTITION BY LIST (n);"
        "CREATE TABLE photo_1 PARTITION OF photo FOR VALUES IN (1);"
        "CREATE TABLE photo_2 PARTITION OF photo FOR VALUES IN (2) PARTITION BY LIST (image);"
        "CREATE TABLE photo_2_x PARTITION OF photo_2 DEFAULT;"
        "INSERT INTO photo VALUES ('one', 1), ('two', 2)"
    )
    detach_without_an_end(postgresql, partition)
    with connect(postgresql.url, read_only=True) as database:
        assert list(database.references([Column("photo", "image")])) == [left]
        assert all_texts(database) == {"photo": [(path.decode(),) for path in left], partition: [(detached,)]}


def detach_without_an_end(database: TestDatabase, partition: str) -> None:
    """Detach a partition while another session uses its table, and give up."""
    with database.connect() as reading, database.connect() as detaching:
        reading.autocommit = False
        reading.cursor().execute("SELECT * FROM photo")
        cursor = detaching.cursor()
        cursor.execute("SET statement_timeout = 200")
        with pytest.raises(psycopg2.errors.QueryCanceled):
            cursor.execute(f"ALTER TABLE photo DETACH PARTITION {partition} CONCURRENTLY")


@pytest.fixture
def weak_user(postgresql: TestDatabase) -> Iterator[str]:
    """A user without any right but to connect, and the URL of the database for it."""
    postgresql.run('DROP ROLE IF EXISTS "weak ""one"; CREATE ROLE "weak ""one" LOGIN')
    postgresql.run(
        'CREATE SCHEMA "s s"; CREATE TABLE "s s"."t%" (a text); CREATE TABLE open (a text, b text);'
        "INSERT INTO open VALUES ('x', 'y'); GRANT SELECT ON open TO \"weak \"\"one\""
    )
    yield postgresql.url.replace("//postgres:", "//weak%20%22one:", 1)
    postgresql.run('DROP OWNED BY "weak ""one"; DROP ROLE "weak ""one"')


def test_a_table_that_may_not_be_read_is_named_with_the_grants(
    postgresql: TestDatabase, weak_user: str
) -> None:
    with connect(weak_user, read_only=True) as database:
        found = database.searched_columns()
        assert [table.name for table in found.tables] == ["open"]
        [forbidden] = found.unsearchable
        assert forbidden.name == "s s.t%"
        assert "may not read" in forbidden.reason
        assert forbidden.remedy == (
            'GRANT USAGE ON SCHEMA "s s" TO "weak ""one"; GRANT SELECT ON "s s"."t%" TO "weak ""one";'
        )
        assert all_texts(database) == {"open": [("x", "y")]}
    postgresql.run(forbidden.remedy)
    with connect(weak_user, read_only=True) as database:
        assert database.searched_columns().unsearchable == []
        assert sorted(all_texts(database)) == ["open", "s s.t%"]


def test_a_right_on_some_columns_is_not_enough(postgresql: TestDatabase, weak_user: str) -> None:
    postgresql.run('REVOKE SELECT ON open FROM "weak ""one"; GRANT SELECT (a) ON open TO "weak ""one"')
    with connect(weak_user, read_only=True) as database:
        assert {table.name for table in database.searched_columns().unsearchable} == {"open", "s s.t%"}


def test_a_policy_that_hides_rows_is_named(postgresql: TestDatabase, weak_user: str) -> None:
    postgresql.run(
        "ALTER TABLE open ENABLE ROW LEVEL SECURITY; CREATE POLICY none ON open USING (false);"
        'GRANT USAGE ON SCHEMA "s s" TO "weak ""one"; GRANT SELECT ON "s s"."t%" TO "weak ""one"'
    )
    with connect(weak_user, read_only=True) as database:
        [secured] = database.searched_columns().unsearchable
        assert secured.name == "open"
        assert "policy" in secured.reason
        assert secured.remedy == 'ALTER ROLE "weak ""one" BYPASSRLS;'


def test_a_lost_connection_is_an_error_and_not_the_end_of_the_rows(postgresql: TestDatabase) -> None:
    postgresql.run("CREATE TABLE t AS SELECT repeat('text ', 200) AS a FROM generate_series(1, 20000)")
    blocks: list[TextBlock] = []

    def received(block: TextBlock) -> None:
        if not blocks:
            postgresql.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        blocks.append(block)

    with connect(postgresql.url, read_only=True) as database:
        [table] = database.searched_columns().tables
        with pytest.raises(DatabaseError, match="searching t for mentions"):
            database.read_texts(table, received)
    assert blocks


def test_a_large_table_may_take_longer_than_other_statements(
    postgresql: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_module, "STATEMENT_TIMEOUT", "200ms")
    postgresql.run("CREATE TABLE t AS SELECT repeat('text ', 200) AS a FROM generate_series(1, 20000)")
    counts: list[int] = []

    def received(block: TextBlock) -> None:
        time.sleep(0 if counts else 0.4)
        counts.append(len(block))

    with connect(postgresql.url, read_only=True) as database:
        [table] = database.searched_columns().tables
        database.read_texts(table, received)
        assert sum(counts) == 20_000
        limit: Any = database
        assert limit._one("SHOW statement_timeout") == "200ms"


def test_what_copy_writes_in_another_way_is_read_as_it_is(postgresql: TestDatabase) -> None:
    texts = ["a\tb", "a\nb\r\n", "\\", "\\N", "\\n", "", None, "\b\f\v\x01", "100%", "\t\t", "ä€😀\\t"]
    postgresql.run("CREATE TABLE t (id integer PRIMARY KEY, a text, b text)")
    postgresql.insert("t", [{"id": n, "a": text, "b": "x"} for n, text in enumerate(texts)])
    with connect(postgresql.url, read_only=True) as database:
        [table] = database.searched_columns().tables
        assert rows_of(database, table, with_keys=True) == [(f"{n}", t, "x") for n, t in enumerate(texts)]


def test_nothing_is_written_by_reading(postgresql: TestDatabase) -> None:
    """A type's own functions run when a value becomes text; they must not change anything."""
    postgresql.run(
        "CREATE TABLE log (n integer); CREATE TYPE pair AS (a text);"
        "CREATE FUNCTION shown(pair) RETURNS text LANGUAGE sql AS "
        "'INSERT INTO public.log VALUES (1); SELECT ''x'';';"
        "CREATE CAST (pair AS text) WITH FUNCTION shown(pair);"
        "CREATE TABLE t (a pair); INSERT INTO t VALUES (ROW('p/1.jpg'))"
    )
    with connect(postgresql.url, read_only=False) as database:
        [table] = database.searched_columns().tables
        with pytest.raises(DatabaseError, match="read-only transaction"):
            rows_of(database, table)
    assert postgresql.rows("SELECT * FROM log") == []
