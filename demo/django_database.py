# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A site's SQLite database: opened, filled and found again."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Iterable, Iterator, Mapping
from urllib.parse import quote

FILE_NAME = "db.sqlite3"
SCHEMAS = Path(__file__).parent / "schema"


@contextmanager
def created(directory: Path, schema: str) -> Iterator[sqlite3.Connection]:
    """Make a site's database and fill it in one transaction."""
    with closing(sqlite3.connect(directory / FILE_NAME)) as database:
        # As Django does: the commit refuses a row that points nowhere.
        database.execute("PRAGMA foreign_keys = ON")
        for name in ("django", schema):
            database.executescript((SCHEMAS / f"{name}.sql").read_text(encoding="utf-8"))
        with database:
            yield database


def insert(database: sqlite3.Connection, table: str, rows: Iterable[Mapping[str, object]]) -> None:
    """Insert rows that all have the same columns; ids count from 1 in the order given."""
    rows = list(rows)
    names = ", ".join(f'"{column}"' for column in rows[0])
    values = ", ".join(f":{column}" for column in rows[0])
    database.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({values})', rows)


def insert_users(database: sqlite3.Connection, names: Iterable[str], joined: datetime) -> None:
    """Insert people who cannot log in: an unusable password starts with an exclamation mark."""
    rows = [
        {
            "password": "!",
            "is_superuser": False,
            "username": name.lower(),
            "last_name": "",
            "email": f"{name.lower()}@example.com",
            "is_staff": False,
            "is_active": True,
            "date_joined": django_time(joined),
            "first_name": name,
        }
        for name in names
    ]
    insert(database, "auth_user", rows)


def select(directory: Path, query: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(directory / FILE_NAME)) as database:
        return database.execute(query, values).fetchall()


def django_time(moment: datetime) -> str:
    """Write a moment, which must be in UTC, as Django keeps it in SQLite."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def url(directory: Path) -> str:
    """The database as DATABASE_URL: the path is absolute, hence the fourth slash."""
    return f"sqlite:///{quote(str(directory / FILE_NAME))}"
