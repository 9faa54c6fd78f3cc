# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What tells a database from every other one; what all databases share is in the conformance tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Iterator
from urllib.parse import quote, urlsplit

import pytest

from engine.database import connect
from engine.system import host


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of this host, for the time of a test."""
    (tmp_path / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(host, "_MACHINE_ID_FILES", (str(tmp_path / "machine-id"),))
    found = host.host_id()
    assert len(found) == 16
    assert found not in "0123456789abcdef" * 2
    return found


def identity(url: str, at: str | None = None, port: str = "5432") -> str:
    """The identity of a database, as if it was reached at another host."""
    with connect(url, read_only=True) as database:
        if at is not None:
            database._connection.host, database._connection.port = at, port
        return database.identity()


def test_the_server_its_address_and_the_database_tell_databases_apart(postgresql: Any, machine: str) -> None:
    ((server, name),) = postgresql.rows(
        "SELECT system_identifier, current_database() FROM pg_control_system()"
    )
    assert identity(postgresql.url, "db.internal") == f"postgresql:{server}@db.internal:5432/{name}"
    other = urlsplit(postgresql.url)._replace(path="/postgres").geturl()
    assert identity(other, "db.internal") == f"postgresql:{server}@db.internal:5432/postgres"
    assert identity(postgresql.url, "db.internal", "5433").endswith(f"@db.internal:5433/{name}")


@pytest.mark.parametrize("at", ["", "/run/postgresql", "@abstract", "localhost", "127.0.0.1", "::1"])
def test_a_server_of_this_host_is_the_same_by_each_way_to_it(postgresql: Any, machine: str, at: str) -> None:
    ((server, name),) = postgresql.rows(
        "SELECT system_identifier, current_database() FROM pg_control_system()"
    )
    assert identity(postgresql.url, at) == f"postgresql:{server}@{machine}:5432/{name}"


@pytest.fixture
def modest_url(postgresql: Any) -> Iterator[str]:
    """The URL for a role that may not read the identifier of the server."""
    postgresql.run("CREATE ROLE modest LOGIN; REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    yield postgresql.url.replace("postgres:@", "modest:@")
    postgresql.run("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC; DROP ROLE modest")


def test_where_the_servers_identifier_is_kept_secret_its_address_serves(
    modest_url: str, machine: str
) -> None:
    name = urlsplit(modest_url).path[1:]
    assert identity(modest_url, "db.internal") == f"postgresql:@db.internal:5432/{name}"
    first, second = (identity(modest_url, at) for at in ("/run/first", "/run/second"))
    assert first == f"postgresql:@{machine}(/run/first):5432/{name}"
    assert first != second


def test_any_name_of_a_database_is_one_word(postgresql: Any) -> None:
    ((name,),) = postgresql.rows("SELECT current_database()")
    odd = f"{name} a/b%\n@"
    with postgresql.connect() as connection:
        cursor = connection.cursor()
        cursor.execute(f'CREATE DATABASE "{odd}"')
        try:
            url = urlsplit(postgresql.url)._replace(path=f"/{quote(odd, safe='')}").geturl()
            assert identity(url, "db").endswith(f"@db:5432/{quote(odd, safe='')}")
        finally:
            cursor.execute(f'DROP DATABASE "{odd}"')


def test_a_sqlite_file_is_the_same_by_each_name_of_it(sqlite: Any, tmp_path: Path, machine: str) -> None:
    (tmp_path / "linked").symlink_to("db.sqlite3")
    there = os.path.realpath(tmp_path / "db.sqlite3")
    assert identity(sqlite.url) == identity(f"sqlite:///{tmp_path}/./linked") == f"sqlite:{machine}:{there}"


@pytest.mark.parametrize("content", ["", "\n", "uninitialized\n"])
def test_a_host_without_an_id_has_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "machine-id").write_text(content)
    assert host.host_id() == host.NO_ID
    (tmp_path / "machine-id").unlink()
    assert host.host_id() == host.NO_ID
