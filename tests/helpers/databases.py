# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A database that a test fills and looks at."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence
from urllib.parse import parse_qs, quote, urlsplit

import psycopg2


@dataclass(frozen=True)
class TestDatabase:
    """An empty database of one kind: where it is, and a way to look at and fill it."""

    kind: str
    url: str
    # Not a class that pytest should collect.
    __test__ = False

    def connect(self) -> Any:
        if self.kind == "sqlite":
            return closing(sqlite3.connect(self.url[len("sqlite:///") :], isolation_level=None))
        if self.kind == "mariadb":
            return closing(connect_mariadb(self.url))
        connection = psycopg2.connect(self.url)
        connection.autocommit = True
        return closing(connection)

    def run(self, script: str) -> None:
        """Run statements, separated by semicolons."""
        with self.connect() as connection:
            if self.kind == "sqlite":
                connection.executescript(script)
            elif self.kind == "mariadb":
                cursor = connection.cursor()
                cursor.execute(script)
                while cursor.nextset():
                    pass
            else:
                connection.cursor().execute(script)

    def insert(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        mark = "?" if self.kind == "sqlite" else "%s"
        with self.connect() as connection:
            cursor = connection.cursor()
            for row in rows:
                names = ", ".join(f'"{name}"' for name in row)
                marks = ", ".join(mark for _name in row)
                cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            cursor = connection.cursor()
            cursor.execute(query)
            return [tuple(row) for row in cursor.fetchall()]

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table, to compare a database before and after."""
        if self.kind == "sqlite":
            tables = self.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        elif self.kind == "mariadb":
            tables = self.rows(
                "SELECT concat('\"', table_name, '\"') FROM information_schema.tables "
                "WHERE table_schema = database() AND table_type = 'BASE TABLE' ORDER BY 1"
            )
        else:
            tables = self.rows(
                "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) "
                "FROM information_schema.tables WHERE table_type = 'BASE TABLE' "
                "AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
            )
        return {name: sorted(self.rows(f"SELECT * FROM {name}"), key=repr) for (name,) in tables}


def errors_of(kind: str) -> tuple[type[Exception], ...]:
    """What the connections of a kind of database raise."""
    if kind != "mariadb":
        return sqlite3.Error, psycopg2.Error
    import pymysql

    return (pymysql.MySQLError,)


def connect_mariadb(url: str) -> Any:
    """A connection over the server's socket that takes SQL as the standard has it, several statements too."""
    # Not above: where there is no MariaDB, there need be no driver.
    import pymysql

    parts = urlsplit(url)
    return pymysql.connect(
        unix_socket=parse_qs(parts.query)["unix_socket"][0],
        user=parts.username or "",
        password=parts.password or "",
        database=parts.path[1:] or None,
        charset="utf8mb4",
        autocommit=True,
        sql_mode="ANSI,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO",
        init_command="SET time_zone = '+00:00', max_recursive_iterations = 100000",
        client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS,
    )


def new_sqlite(folder: Path) -> TestDatabase:
    """A new, empty SQLite database in a folder."""
    path = folder / "db.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("CREATE TABLE made_a_file (id)")
        connection.execute("DROP TABLE made_a_file")
    return TestDatabase("sqlite", f"sqlite:///{quote(str(path))}")
