# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""How a database of MySQL is found by its URL, and that no error shows its password."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from engine.database import connect
from engine.database.mysql import connection
from engine.database.mysql.connection import Address, MySQLConnection
from engine.errors import CleanupError, DatabaseError, SiteError
from helpers.databases import TestDatabase

# What begins a URL whose server does not exist.
NOWHERE = "mysql://kit:hunter2@/kit?unix_socket=/nowhere"


@pytest.fixture(params=["mariadb", "mariadb_mysqlclient"])
def database(request: pytest.FixtureRequest) -> TestDatabase:
    """A new, empty MariaDB, with each driver in turn."""
    return request.getfixturevalue(request.param)


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://kit:hunter2@db:port/kit", "Percent-encode special characters"),
        ("mysql://[kit:hunter2@db/kit", "Percent-encode special characters"),
        ("mysql://kit:a@hunter2@db/kit", "Percent-encode special characters"),
        ("mysql://kit:1?hunter2=1@db/kit", "Percent-encode special characters"),
        ("mysql://kit:1#hunter2@db/kit", "Percent-encode special characters"),
        ("mysql://kit:1/hunter2@db/kit", "Percent-encode special characters"),
        ("mysql://kit:hunter2@db/kit?nonsense=1", "not known: nonsense"),
        ("mysql://kit:hunter2@db/kit?connect_timeout=x", "connect_timeout must be a whole number"),
        ("mysql://kit:hunter2@db/kit?ssl-mode=maybe", "ssl_mode must be one of DISABLED, "),
        (
            "mysql://kit:hunter2@db/kit?read_default_file=/nowhere/my.cnf",
            "names '/nowhere/my.cnf', which cannot",
        ),
        (NOWHERE, "connecting to the database failed"),
        ("mysql:///kit?unix_socket=/nowhere&password=hunter2", "connecting to the database failed"),
    ],
)
def test_a_url_that_cannot_be_used_is_told_without_its_password(url: str, words: str) -> None:
    pytest.importorskip("pymysql")
    with pytest.raises(CleanupError, match=words) as refusal:
        connect(url, read_only=True)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.promise(12)
def test_a_wrong_password_is_not_shown(database: TestDatabase) -> None:
    database.run("CREATE OR REPLACE USER locked_out IDENTIFIED BY 'the right one'")
    with pytest.raises(DatabaseError, match="Access denied for user 'locked_out'") as refusal:
        connect(database.url.replace("root@", "locked_out:hunter2@"), read_only=True)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.promise(12)
def test_an_error_shows_no_content_of_rows(database: TestDatabase) -> None:
    database.run(
        "CREATE TABLE photo (id integer PRIMARY KEY, image varchar(20)); INSERT INTO photo VALUES (7, 'a')"
    )
    opened = MySQLConnection(database.url)
    for statement in (
        "INSERT INTO photo VALUES (7, 'b')",
        "UPDATE photo SET id = 'hunter2'",
        "UPDATE photo SET image = x'68756e74657232ff'",
    ):
        with pytest.raises(Exception, match=r"\w+") as refusal:
            opened.execute(statement, [])
        assert "hunter2" not in str(refusal.value)
        assert "'7'" not in str(refusal.value)
    opened.close()


def test_the_password_may_be_in_an_option_file(database: TestDatabase, tmp_path: Path) -> None:
    parts = urlsplit(database.url)
    database.run("CREATE OR REPLACE USER of_a_file IDENTIFIED BY 'hunter2'; GRANT ALL ON *.* TO of_a_file")
    file, socket = tmp_path / "my.cnf", parts.query.partition("=")[2]
    file.write_text(
        f"[client]\nuser = of_a_file\npassword = hunter2\nsocket = {socket}\n[other]\nuser = nobody\n"
    )
    given = f"read_default_file={quote(str(file))}"
    for url in (f"mysql://{parts.path}?{given}", f"mariadb://{parts.path}?{given}&charset=utf8"):
        with connect(url, read_only=True) as opened:
            assert opened.foreign_keys() == []
    file.write_text("password hunter2\n[client\n")
    with pytest.raises(CleanupError) as refusal:
        connect(f"mysql://{parts.path}?{given}", read_only=True)
    assert "hunter2" not in str(refusal.value)


def test_a_url_without_a_database_is_told(mariadb_server: str) -> None:
    with pytest.raises(DatabaseError, match="names no database"):
        connect(mariadb_server, read_only=True)


def test_a_connection_that_must_be_encrypted_is_not_left_plain(database: TestDatabase) -> None:
    for mode in ("REQUIRED", "VERIFY_IDENTITY"):
        with pytest.raises(DatabaseError, match=r"(?i)ssl|tls|encrypted"):
            connect(f"{database.url}&ssl_mode={mode}", read_only=True)
    for mode in ("PREFERRED", "DISABLED"):
        connect(f"{database.url}&ssl_mode={mode}", read_only=True).close()


def test_nothing_is_prepared_for_tls_over_a_socket(
    mariadb: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = "pymysql.connections.Connection._create_ssl_ctx"
    monkeypatch.setattr(prepare, lambda *_given: pytest.fail("certificates were read"))
    connect(mariadb.url, read_only=True).close()


def test_an_address_is_split_as_it_was_written() -> None:
    address = Address("mysql://k%40it:p%3Aw@db.internal:3307/k%2Fit?ssl-ca=/ca.pem&ssl_mode=verify_ca")
    assert address.options == {
        "user": "k@it",
        "password": "p:w",
        "host": "db.internal",
        "port": 3307,
        "database": "k/it",
    }
    assert (address.ssl, address.ssl_mode) == ({"ca": "/ca.pem"}, "VERIFY_CA")
    assert Address("mysql://kit@%2Frun%2Fmysqld%2Fs/kit").options["unix_socket"] == "/run/mysqld/s"


def test_a_missing_driver_is_told_with_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "DRIVERS", ["no_such_driver"])
    with pytest.raises(SiteError, match=r"neither mysqlclient nor PyMySQL can be imported by .*python"):
        connect(NOWHERE, read_only=True)


def test_mysqlclient_is_used_where_both_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[str] = []
    monkeypatch.setattr(connection.importlib, "import_module", lambda name: found.append(name) or name)
    driver: Any = connection.driver()
    assert driver == found[0] == "MySQLdb"
