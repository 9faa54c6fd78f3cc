# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""How the database is found by its URL, and that no error shows its password."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Iterator
from urllib.parse import quote, urlsplit

import psycopg2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.database import connect
from engine.errors import (
    CleanupError,
    DatabaseError,
    SiteError,
)
from helpers.users import as_nobody


@pytest.fixture
def user_with_password(postgresql_server: str) -> Iterator[tuple[str, str]]:
    """The URL of the server without a user, and a user whom it asks for a password."""
    with closing(psycopg2.connect(postgresql_server)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("CREATE ROLE locked_out LOGIN PASSWORD 'the right one'; SHOW hba_file")
        rules = Path(cursor.fetchone()[0])
        before = rules.read_bytes()
        rules.write_bytes(b"local all locked_out scram-sha-256\n" + before)
        cursor.execute("SELECT pg_reload_conf()")
        yield urlsplit(postgresql_server).query, "locked_out"
        rules.write_bytes(before)
        cursor.execute("SELECT pg_reload_conf()")
        cursor.execute("DROP ROLE locked_out")


# The URL.


@pytest.mark.usefixtures("each_driver")
@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("oracle://kit:hunter2@db/kit", "the scheme 'oracle', which is not supported"),
        ("postgresql:///", "database"),
        ("", "no scheme"),
        ("/srv/db.sqlite3", "no scheme"),
        ("kit:hunter2@db/kit", "no scheme"),
        ("sqlite://db.sqlite3", "by its absolute path, with four slashes"),
        ("sqlite:///db.sqlite3", "by its absolute path, with four slashes"),
        ("sqlite://", "by its absolute path, with four slashes"),
        ("sqlite:////nowhere/db.sqlite3", "'/nowhere/db.sqlite3' does not exist"),
        ("sqlite:////", "is not a file"),
        ("sqlite:////tmp", "'/tmp' is not a file"),
        ("postgresql://kit:hunter2%@db/kit", "Percent-encode special characters"),
        ("postgresql://[kit:hunter2@db/kit", "Percent-encode special characters"),
        ("postgresql://kit:hunter2@db/kit?nonsense=1", "does not know: nonsense. Remove"),
        (
            "postgresql://kit:hunter2@db/kit?conn_max_age=600&sslmode=require&x=1",
            "does not know: conn_max_age, x.",
        ),
        # What looks like parameters may be the rest of a password that is not percent-encoded.
        ("postgresql://kit:a?hunter2=@db/kit", "Percent-encode special characters"),
        ("postgresql://kit:a?hunter2=b", "Percent-encode special characters"),
    ],
)
def test_a_url_that_cannot_be_used_is_told_without_its_password(url: str, words: str) -> None:
    with pytest.raises(CleanupError, match=words) as refusal:
        connect(url, read_only=True)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgis", "PostgreSQL"])
def test_postgresql_goes_by_several_names(postgresql: Any, scheme: str) -> None:
    with connect(postgresql.url.replace("postgresql", scheme, 1), read_only=True) as database:
        assert database.foreign_keys() == []


@pytest.mark.parametrize("name", ["db.sqlite3", "a b.sqlite3", "100%.sqlite3", "ä?#.db", "%41.db"])
def test_a_sqlite_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    with closing(sqlite3.connect(tmp_path / name)) as connection:
        connection.execute("CREATE TABLE photo (image text)")
    with connect(f"sqlite:///{quote(str(tmp_path / name))}", read_only=True) as database:
        assert database.table("photo").identity == ("main", "photo")


def test_parameters_behind_a_sqlite_file_are_not_part_of_its_name(sqlite: Any) -> None:
    with connect(f"{sqlite.url}?timeout=5", read_only=True) as database:
        assert database.foreign_keys() == []


def test_a_sqlite_database_is_never_created(tmp_path: Path) -> None:
    for read_only in (True, False):
        with pytest.raises(SiteError, match="It is never created here"):
            connect(f"sqlite:///{tmp_path}/gone.sqlite3", read_only)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"picture" * 1000)
    advice = r"file is not a database\. Set database_url to Django's database file"
    with pytest.raises(DatabaseError, match=advice):
        connect(f"sqlite:///{tmp_path}/db", read_only=True)


def test_a_sqlite_database_that_must_not_be_read_is_told(public_media: Any) -> None:
    path = os.fsdecode(public_media.path("db.sqlite3"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE photo (image text)")
    os.chmod(path, 0)

    def told() -> str:
        with pytest.raises(DatabaseError) as refusal:
            connect(f"sqlite:///{path}", read_only=True)
        return str(refusal.value)

    assert "unable to open database file" in as_nobody(told)


def test_a_sqlite_database_in_utf16_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "db")) as connection:
        connection.execute("PRAGMA encoding = 'UTF-16le'")
        connection.execute("CREATE TABLE photo (image text)")
    with pytest.raises(DatabaseError, match="UTF-16le, in which paths have no byte order"):
        connect(f"sqlite:///{tmp_path}/db", read_only=True)


# Secrets.


def failure(url: str) -> str:
    with pytest.raises(CleanupError) as refusal:
        connect(url, read_only=True)
    return str(refusal.value)


@pytest.mark.usefixtures("each_driver")
@pytest.mark.promise(12)
def test_a_wrong_password_is_refused_without_showing_it(user_with_password: tuple[str, str]) -> None:
    query, user = user_with_password
    for url in (
        f"postgresql://{user}:hunter2%20x@/postgres?{query}",
        f"postgresql://{user}@/postgres?{query}&password=hunter2%20x",
    ):
        told = failure(url)
        assert "password authentication failed" in told
        assert "hunter2" not in told
    # From its version 18 on, libpq takes no space that is not encoded.
    told = failure(f"postgres://{user}:hunter2 x@/postgres?{query}")
    assert "password authentication failed" in told or "Percent-encode special characters" in told
    assert "hunter2" not in told
    with connect(f"postgresql://{user}:the%20right%20one@/postgres?{query}", read_only=True) as database:
        assert database.foreign_keys() == []


@pytest.mark.promise(12)
def test_a_user_that_does_not_exist_is_told_without_the_password(postgresql: Any) -> None:
    told = failure(postgresql.url.replace("postgres:@", "nobody:hunter2@"))
    assert 'role "nobody" does not exist' in told
    assert "hunter2" not in told


# What people really write into passwords, and where nobody listens.
MALFORMED = [
    "postgresql://kit:hunter2",
    "postgresql://kit:hunter2/kit",
    "postgresql://kit:hunter2/horse@localhost:1/kit",
    "postgresql://kit:horse@hunter2@localhost:1/kit",
    "postgresql:kit:hunter2@localhost/kit?next=http://x",
]
FINE = [
    "postgresql://kit:hunter2@localhost:1/kit",
    "postgresql://kit:hunter2@localhost:hunter2/kit",
    "postgresql://kit:hunter2@horse@localhost:1/kit",
    "postgresql://@kit:hunter2@localhost:1/kit",
    "postgresql://kit:horse/hunter2@localhost:1/kit",
    "postgresql://kit:hunter2#horse@localhost:1/kit",
    "postgresql://kit:hunter2?horse@localhost:1/kit",
    "postgresql://kit:hunter2%40horse@localhost:1/kit",
    "postgresql://kit:horse:hunter2@localhost:1/kit",
    "postgresql://kit:hunter2%00@localhost:1/kit",
    "postgresql://kit:hunter2[@localhost:1/kit",
    "postgresql://kit:hunter2]@localhost:1/kit",
    "postgresql://kit:hunter2@[::1/kit",
    "postgresql://kit:hunter2\u2100@localhost:1/kit",
    "postgresql://kit@localhost:1/kit?password=hunter2",
    "postgresql://kit@localhost:1/kit?password=horse&hunter2",
    "postgresql://kit@localhost:1/kit?sslpassword=hunter2&sslmode=disable",
    "postgresql:///kit:hunter2@localhost",
    "postgresql:kit:hunter2@localhost:1/kit",
    "postgresql:/kit:hunter2@localhost:1/kit",
    "postgresql//kit:hunter2@localhost:1/kit",
    "kit:hunter2@localhost:1/kit",
    "oracle://kit:hunter2@localhost:1/kit",
    "sqlite://kit:hunter2@localhost:1/kit",
    "sqlite:///kit:hunter2@localhost:1/kit",
]


@pytest.mark.usefixtures("each_driver")
@pytest.mark.promise(12)
@pytest.mark.parametrize("url", FINE)
def test_no_error_shows_a_password(url: str) -> None:
    assert "hunter2" not in failure(url)


@pytest.mark.usefixtures("each_driver")
@pytest.mark.promise(12)
@pytest.mark.parametrize("url", MALFORMED)
def test_no_error_shows_a_password_that_was_not_encoded(url: str) -> None:
    assert "hunter2" not in failure(url)


@pytest.mark.usefixtures("each_driver")
@pytest.mark.promise(12)
@given(st.text("aZ0 %?#:[]&=+é\\'\"\n", max_size=6), st.text("aZ0 %?#:[]&=+é\\'\"\n", max_size=6))
@example("", "")
def test_no_error_shows_a_password_with_any_character(before: str, after: str) -> None:
    """Not the slash and the at sign, which end a password; see the test above."""
    for password in (f"{before}hunter2{after}", quote(f"{before}hunter2{after}", safe="")):
        assert "hunter2" not in failure(f"postgresql://kit:{password}@localhost:1/kit")


@pytest.mark.usefixtures("each_driver")
@pytest.mark.promise(12)
@given(st.text("/@:?#%h ", max_size=4), st.text("/@:?#%h ", max_size=4))
def test_no_error_shows_a_password_that_was_encoded(before: str, after: str) -> None:
    password = quote(f"{before}hunter2{after}", safe="")
    assert "hunter2" not in failure(f"postgresql://kit:{password}@localhost:1/kit")


@pytest.mark.usefixtures("each_driver")
@pytest.mark.promise(12)
def test_an_error_in_sql_shows_no_password(user_with_password: tuple[str, str]) -> None:
    query, user = user_with_password
    url = f"postgresql://{user}:the%20right%20one@/postgres?{query}"
    with connect(url, read_only=True) as database:
        with pytest.raises(DatabaseError) as refusal:
            database._execute("converting", "SELECT 'the right one'::int", [])
        assert str(refusal.value).startswith("converting failed: invalid input syntax for type integer")
        assert '"***"' in str(refusal.value)
