# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from typing import Any, Iterator
from urllib.parse import urlsplit

import psycopg2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine import spool
from engine.config.site import Column
from engine.database import connect
from engine.database.catalog import (
    Selection,
)
from engine.database.mysql import database as mysql_module
from engine.database.sqlite import database as sqlite_module
from engine.errors import SiteError
from engine.media.paths import stem

IMAGE = Column("photo", "image")
# Names that Django's db_table and db_column allow, and SQL written by hand would trip over.
ODD_NAMES = [
    "Photo Album",
    'he said "hi"',
    "it's",
    "100%",
    "a%sb %(c)s %%",
    "UPPER",
    "sémi;colon--",
    "back\\slash",
    "quest?ion :x",
    "select",
    "new\nline",
]
PHOTO = "CREATE TABLE photo (id integer PRIMARY KEY, image varchar(200), taken timestamp)"
NAMES_IN_ORDER = ["-", ".", "/", "0", "A", "Z", "_", "a", "a b", "a-", "a/", "b", "~", "É", "é", "ﬁ", "😀"]


@pytest.fixture
def photo_table(database: Any) -> Any:
    """A database of each kind in turn, with an empty table of photos."""
    database.run(PHOTO)
    return database


@pytest.fixture
def latin1_database(postgresql_server: str) -> Iterator[str]:
    """A PostgreSQL database that keeps its text as LATIN1."""
    with closing(psycopg2.connect(postgresql_server)) as connection:
        connection.autocommit = True
        connection.cursor().execute(
            "CREATE DATABASE latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
        yield urlsplit(postgresql_server)._replace(path="/latin1").geturl()
        connection.cursor().execute("DROP DATABASE latin1")


def test_how_many_paths_there_may_be_is_about_right(photo_table: Any) -> None:
    rows = [{"id": number, "image": f"a/{number}" if number % 4 else ""} for number in range(1000)]
    photo_table.insert("photo", rows)
    if photo_table.kind == "postgresql":
        photo_table.run("ANALYZE photo")
    with connect(photo_table.url, read_only=True) as opened:
        # MySQL knows how many rows a table has, and not how many of them hold a path.
        about = 1000 if photo_table.kind == "mariadb" else 750
        assert abs(opened.estimate_references([IMAGE]) - about) < 20
        assert abs(opened.estimate_references([IMAGE, IMAGE]) - 2 * about) < 40


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def references(url: str, *columns: Column) -> list[bytes]:
    with connect(url, read_only=True) as database:
        return [path for paths in database.references(columns or (IMAGE,)) for path in paths]


# Tables and columns.


@pytest.mark.parametrize("name", ODD_NAMES)
def test_tables_and_columns_may_have_any_name(database: Any, name: str) -> None:
    table, column = quoted(name), quoted(f"{name} path")
    database.run(f"CREATE TABLE {table} ({quoted(f'{name} id')} integer PRIMARY KEY, {column} varchar(100))")
    database.run(f"INSERT INTO {table} VALUES (1, 'b'), (2, 'a'), (3, NULL), (4, '')")
    asked = Column(name, f"{name} path")
    assert references(database.url, asked) == [b"a", b"b"]
    with connect(database.url, read_only=False) as opened:
        assert opened.count_references([asked], [b"a", b"c"]) == {b"a": 1}
        selection = Selection(opened.table(name), f"{name} path")
        rows = [row for rows in opened.rows(selection) for row in rows]
        assert [row.file for row in rows] == [b"a", b"b"]
        with opened.transaction():
            assert opened.still_selected(selection, rows) == {row.key for row in rows}
            assert opened.delete_selected(selection, rows[:1]) == 1
    assert references(database.url, asked) == [b"b"]


def test_a_postgresql_table_may_have_a_dot_in_its_name(postgresql: Any) -> None:
    postgresql.run('CREATE TABLE "gallery.photo" (image text)')
    assert references(postgresql.url, Column("gallery.photo", "image")) == []


def test_a_sqlite_table_may_have_a_dot_in_its_name(sqlite: Any) -> None:
    sqlite.run('CREATE TABLE "gallery.photo" (image text)')
    assert references(sqlite.url, Column("gallery.photo", "image")) == []


def test_a_table_of_another_schema_is_named_with_it(postgresql: Any) -> None:
    postgresql.run('CREATE SCHEMA "Gallery 1"; CREATE TABLE "Gallery 1".photo (image text)')
    postgresql.run("CREATE TABLE photo (image text); INSERT INTO photo VALUES ('public')")
    postgresql.run("INSERT INTO \"Gallery 1\".photo VALUES ('gallery')")
    gallery, public = Column("Gallery 1.photo", "image"), Column("photo", "image")
    assert references(postgresql.url, gallery) == [b"gallery"]
    assert references(postgresql.url, public) == references(postgresql.url, Column("public.photo", "image"))
    assert references(postgresql.url, gallery, public) == [b"gallery", b"public"]
    with connect(postgresql.url, read_only=True) as database:
        assert database.table("Gallery 1.photo").name == "Gallery 1.photo"
        assert database.table("public.photo").name == "photo"


def test_an_unknown_table_is_told(photo_table: Any) -> None:
    with pytest.raises(SiteError, match=r"there is no table 'album'.*APP_MODEL in lower case"):
        references(photo_table.url, Column("album", "cover"))


def test_an_unknown_schema_is_told(postgresql: Any) -> None:
    with pytest.raises(SiteError, match="the database has no schema 'gallery'"):
        references(postgresql.url, Column("gallery.photo", "image"))


def test_an_unknown_column_is_told_with_those_that_there_are(photo_table: Any) -> None:
    with pytest.raises(SiteError, match=r"no column 'img'\. Its columns are: id, image, taken\."):
        references(photo_table.url, Column("photo", "img"))


@pytest.mark.parametrize(
    "kind", ["integer", "boolean", "timestamp", "date", "numeric(5,2)", "double precision"]
)
def test_a_column_that_cannot_hold_a_path_is_told(database: Any, kind: str) -> None:
    database.run(f"CREATE TABLE photo (image {kind})")
    with pytest.raises(SiteError, match="which cannot hold a path"):
        references(database.url)


@pytest.mark.parametrize("kind", ["text[]", "jsonb", "uuid", "bytea"])
def test_a_postgresql_column_that_cannot_hold_a_path_is_told(postgresql: Any, kind: str) -> None:
    postgresql.run(f"CREATE TABLE photo (image {kind})")
    with pytest.raises(SiteError, match="which cannot hold a path"):
        references(postgresql.url)


@pytest.mark.parametrize("kind", ["text", "varchar", "varchar(100)", "character(9)"])
def test_any_column_of_text_may_hold_paths(database: Any, kind: str) -> None:
    if kind == "varchar" and database.kind == "mariadb":
        kind = "mediumtext"  # a length is needed there
    database.run(f"CREATE TABLE photo (image {kind}); INSERT INTO photo VALUES ('a b/ä'), (''), (NULL)")
    assert references(database.url) == ["a b/ä".encode()]


def test_a_domain_over_text_may_hold_paths(postgresql: Any) -> None:
    postgresql.run("CREATE DOMAIN upload AS varchar(50); CREATE TABLE photo (image upload)")
    postgresql.run("INSERT INTO photo VALUES ('a')")
    assert references(postgresql.url) == [b"a"]


def test_the_parts_of_a_key_come_in_the_order_of_the_key(database: Any) -> None:
    database.run("CREATE TABLE photo (c varchar(9), b integer, a integer, image text, PRIMARY KEY (a, c))")
    with connect(database.url, read_only=True) as opened:
        table = opened.table("photo")
        assert (table.key, table.has_primary_key) == (("a", "c"), True)
        assert [table.columns[name].nullable for name in ("a", "b", "c")] == [False, True, False]


def test_a_table_without_a_primary_key_is_known_as_such(database: Any) -> None:
    database.run("CREATE TABLE photo (image text NOT NULL)")
    with connect(database.url, read_only=True) as opened:
        assert not opened.table("photo").has_primary_key


def test_foreign_keys_are_read_from_the_catalog(database: Any) -> None:
    # Where the standard lets it be left out, MySQL does not.
    target = " (id)" if database.kind == "mariadb" else ""
    database.run(
        "CREATE TABLE photo (a integer, b integer, image text, PRIMARY KEY (a, b));"
        'CREATE TABLE "Ä 1" (id integer PRIMARY KEY, "x%" integer, y integer,'
        ' FOREIGN KEY ("x%", y) REFERENCES photo (a, b) ON DELETE SET NULL);'
        "CREATE TABLE note (id integer PRIMARY KEY,"
        f' note_id integer REFERENCES "Ä 1"{target} ON DELETE CASCADE, up integer REFERENCES note (id))'
    )
    with connect(database.url, read_only=True) as opened:
        found = {(key.table, key.columns): key for key in opened.foreign_keys()}
    assert set(found) == {("Ä 1", ("x%", "y")), ("note", ("note_id",)), ("note", ("up",))}
    pair = found["Ä 1", ("x%", "y")]
    assert (pair.target_table, pair.target_columns, pair.on_delete) == ("photo", ("a", "b"), "SET NULL")
    assert found["note", ("note_id",)].target_columns == ("id",)
    assert found["note", ("note_id",)].on_delete == "CASCADE"
    assert found["note", ("up",)].on_delete == "NO ACTION"


# References.


@pytest.mark.promise(8)
def test_references_come_in_byte_order_whatever_the_collation(photo_table: Any) -> None:
    rows = [{"id": number, "image": name} for number, name in enumerate(NAMES_IN_ORDER[::-1])]
    photo_table.insert("photo", rows)
    assert references(photo_table.url) == sorted(name.encode() for name in NAMES_IN_ORDER)


@given(st.lists(st.text("-./0aAéÉ ﬁ😀\n", min_size=1, max_size=4), max_size=30))
def test_the_order_of_sqlite_is_that_of_bytes(names: list[str]) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE photo (image text COLLATE NOCASE)")
        connection.executemany("INSERT INTO photo VALUES (?)", [(name,) for name in names])
        statement = "SELECT CAST(image AS BLOB) AS path FROM photo ORDER BY path"
        assert [path for (path,) in connection.execute(statement)] == sorted(n.encode() for n in names)


def test_references_of_several_columns_are_one_list(photo_table: Any) -> None:
    photo_table.run("CREATE TABLE album (cover text); INSERT INTO album VALUES ('b'), ('d'), (NULL)")
    photo_table.insert(
        "photo", [{"id": n, "image": name} for n, name in enumerate(["c", "a", "b", "", None])]
    )
    assert references(photo_table.url, IMAGE, Column("album", "cover")) == [b"a", b"b", b"b", b"c", b"d"]


@pytest.mark.promise(11)
@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 15])
def test_references_come_in_lists_of_a_bounded_length(
    photo_table: Any, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(sqlite_module, "BATCH", 7)
    monkeypatch.setattr(mysql_module, "BATCH", 7)
    monkeypatch.setattr(spool, "BLOCK", 7 * len("00\n"))
    photo_table.insert("photo", [{"id": number, "image": f"{number:02}"} for number in range(count)])
    with connect(photo_table.url, read_only=True) as database:
        lists = list(database.references([IMAGE]))
    assert [path for paths in lists for path in paths] == [b"%02d" % number for number in range(count)]
    assert all(0 < len(paths) <= 7 for paths in lists)


@pytest.mark.promise(8)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), max_size=8))
@example(["a\\b", "a\\nb", "a\nb", "\\N", "\\.", "a\tb\rc\vd\be\ff"])
def test_postgresql_gives_names_as_they_are(postgresql_server: str, values: list[str]) -> None:
    with closing(psycopg2.connect(postgresql_server)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("DROP TABLE IF EXISTS any_name; CREATE TABLE any_name (path text)")
        cursor.execute("INSERT INTO any_name SELECT unnest(%s::text[])", [values])
    assert references(postgresql_server, Column("any_name", "path")) == sorted(v.encode() for v in values)


@pytest.mark.promise(8)
def test_sqlite_gives_names_that_are_no_text_as_they_are(sqlite: Any) -> None:
    sqlite.run("CREATE TABLE photo (image text)")
    sqlite.run("INSERT INTO photo VALUES (CAST(x'61ff0a' AS text)), (x'62ff'), (CAST(x'630064' AS text))")
    assert references(sqlite.url) == [b"a\xff\n", b"b\xff", b"c\0d"]
    with connect(sqlite.url, read_only=True) as database:
        assert database.count_references([IMAGE], [b"a\xff\n", b"c", b"c\0d"]) == {b"a\xff\n": 1, b"c\0d": 1}


@pytest.mark.usefixtures("each_driver")
@pytest.mark.promise(8)
def test_another_encoding_of_postgresql_gives_the_same_bytes(latin1_database: str) -> None:
    with closing(psycopg2.connect(latin1_database, client_encoding="UTF8")) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE photo (id integer PRIMARY KEY, image varchar(20))")
        cursor.execute("INSERT INTO photo VALUES (1, 'é.jpg'), (2, 'z.jpg'), (3, 'É'), (4, 'a')")
        connection.commit()
    names = ["a", "z.jpg", "É", "é.jpg"]
    assert references(latin1_database) == [name.encode() for name in names]
    with connect(latin1_database, read_only=False) as database:
        asked = ["é.jpg".encode(), b"\xe9.jpg", b"\xff", "😀".encode(), b"a"]
        assert database.count_references([IMAGE], asked) == {"é.jpg".encode(): 1, b"a": 1}
        assert database.count_references([IMAGE], ["é".encode()], stems=True) == {"é".encode(): 1}
        selection = Selection(database.table("photo"), "image")
        rows = [row for rows in database.rows(selection) for row in rows]
        assert [row.file for row in rows] == [name.encode() for name in names]
        with database.transaction():
            assert database.delete_selected(selection, rows[2:]) == 2
    assert references(latin1_database) == [b"a", b"z.jpg"]


@pytest.mark.parametrize(
    "path",
    ["a.jpg", "p/a.tar.gz", "p/.hidden", "p.d/a", ".hidden", "a.", "a..jpg", "p/a.b/c", "ä.jpg", "a\n.jpg\n"],
)
def test_a_stem_is_the_same_in_the_database_as_in_python(photo_table: Any, path: str) -> None:
    photo_table.insert("photo", [{"id": 1, "image": path}, {"id": 2, "image": "p/another.png"}])
    with connect(photo_table.url, read_only=True) as database:
        assert database.count_references([IMAGE], [stem(path.encode())], stems=True) == {
            stem(path.encode()): 1
        }


def test_a_stem_with_leading_dots_is_the_same_in_postgresql_as_in_python(postgresql: Any) -> None:
    postgresql.run("CREATE TABLE photo (image text); INSERT INTO photo VALUES ('p/..jpg')")
    with connect(postgresql.url, read_only=True) as database:
        assert database.count_references([IMAGE], [stem(b"p/..jpg")], stems=True) == {b"p/..jpg": 1}


# Rows by their age.


def incomplete(database: Any, cutoff: float, zone: str | None = None) -> list[bytes | None]:
    selection = Selection(database.table("photo"), "image", ("album_id",), "taken", cutoff, zone)
    return sorted(row.file for rows in database.rows(selection) for row in rows)


@pytest.mark.promise(3)
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo", "America/New_York"])
def test_rows_are_old_by_the_moment_and_not_by_its_writing(database: Any, zone: str | None) -> None:
    """The cutoff is 12:00 UTC; a time without a zone is one of the site."""
    # A timestamp of MySQL is a moment; what Django makes has no zone.
    kind = "datetime(6)" if database.kind == "mariadb" else "timestamp"
    database.run(f"CREATE TABLE photo (id integer PRIMARY KEY, image text, album_id integer, taken {kind})")
    if database.kind == "postgresql" and zone is None:
        ((name,),) = database.rows("SELECT current_database()")
        database.run(f"ALTER DATABASE {name} SET timezone = 'UTC'")
    local = {"Asia/Tokyo": 9, "America/New_York": -4}.get(zone or "", 0)
    for number, minutes in enumerate((-1, 0, 1)):
        moment = f"2025-07-01 {12 + local:02}:00:00" if not minutes else None
        moment = moment or f"2025-07-01 {12 + local - (minutes < 0):02}:{minutes % 60:02}:00.000001"
        database.insert("photo", [{"id": number, "image": f"{minutes}", "taken": moment}])
    database.insert("photo", [{"id": 8, "image": "attached", "album_id": 1, "taken": "2020-01-01 00:00:00"}])
    database.insert("photo", [{"id": 9, "image": "never", "taken": None}])
    with connect(database.url, read_only=True) as opened:
        if local and database.kind != "postgresql" and sys.version_info < (3, 9):
            # The standard library knows of no zones yet.
            with pytest.raises(SiteError, match=r"needs Python 3\.9 or later on the target"):
                incomplete(opened, 1751371200.0, zone)
            return
        assert incomplete(opened, 1751371200.0, zone) == [b"-1"]
        assert incomplete(opened, 1751371200.5, zone) == [b"-1", b"0"]


@pytest.mark.promise(3)
@pytest.mark.parametrize(
    ("written", "is_old"),
    [
        ("2025-07-01 11:59:59+00:00", True),
        ("2025-07-01T11:59:59Z", True),
        ("2025-07-01 13:59:59+02:00", True),
        ("2025-07-01 13:59:59+01:00", False),
        ("2025-07-01 12:00:00", False),
        ("yesterday", False),
        ("", False),
        (20250101, False),
        (0.5, False),
        (b"2020-01-01 00:00:00", False),
    ],
)
def test_sqlite_reads_djangos_times_and_takes_anything_else_for_young(
    sqlite: Any, written: object, is_old: bool
) -> None:
    sqlite.run("CREATE TABLE photo (id integer PRIMARY KEY, image text, album_id integer, taken datetime)")
    sqlite.insert("photo", [{"id": 1, "image": "a", "taken": written}])
    with connect(sqlite.url, read_only=True) as database:
        assert incomplete(database, 1751371200.0) == [b"a"] * is_old


DATE = "2025-06-30"


def dated(database: Any, cutoff: float) -> list[bytes | None]:
    database.run("CREATE TABLE photo (id integer PRIMARY KEY, image text, album_id integer, taken date)")
    database.insert("photo", [{"id": 1, "image": "a", "taken": DATE}])
    with connect(database.url, read_only=True) as opened:
        return incomplete(opened, cutoff, "UTC")


@pytest.mark.promise(3)
@pytest.mark.parametrize(("seconds", "is_old"), [(0, False), (1, True)])
def test_a_date_is_old_once_its_last_moment_is(postgresql: Any, seconds: int, is_old: bool) -> None:
    assert dated(postgresql, 1751328000.0 + seconds) == [b"a"] * is_old


@pytest.mark.promise(3)
def test_a_date_is_old_once_its_last_moment_is_in_sqlite_too(sqlite: Any) -> None:
    assert dated(sqlite, 1751328000.0) == []


def test_an_unknown_time_zone_is_told(sqlite: Any) -> None:
    sqlite.run("CREATE TABLE photo (id integer PRIMARY KEY, image text, album_id integer, taken datetime)")
    with connect(sqlite.url, read_only=True) as database, pytest.raises(SiteError, match="'Mars/Base'"):
        incomplete(database, 0.0, "Mars/Base")


def test_a_column_that_is_no_point_in_time_is_told(postgresql: Any) -> None:
    postgresql.run("CREATE TABLE photo (id integer PRIMARY KEY, image text, album_id integer, taken time)")
    with connect(postgresql.url, read_only=True) as database, pytest.raises(SiteError, match="point in time"):
        incomplete(database, 0.0)
