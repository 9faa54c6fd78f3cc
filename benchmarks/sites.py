# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Builds the sites that are measured: a tree of empty files, and the tables that name them."""

from __future__ import annotations

import io
import os
import random
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator
from urllib.parse import urlsplit

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from helpers.databases import connect_mariadb

# One file of so many has no row, and one row of so many has no file.
ONE_IN = 100

SHAPES: dict[str, Callable[[int, int], str]] = {
    # As Django's upload_to="%Y/%m/%d" makes it, over a thousand days.
    "sharded": lambda number, size: (
        f"uploads/{2020 + (day := number * 1000 // size) // 360}/{day // 30 % 12 + 1:02}/{day % 30 + 1:02}"
    ),
    "flat": lambda _number, _size: "uploads",
    "deep": lambda number, size: "uploads" + "/d" * (1 + number * 30 // size),
}


@dataclass(frozen=True)
class Site:
    """A media root, and a database of each kind that belongs to it.

    Their table ``photo`` names most of the files, ``lost`` the same and others that are gone.
    """

    shape: str
    size: int
    media_root: Path
    urls: dict[str, str]

    @property
    def orphans(self) -> int:
        """How many files have no row; as many rows of ``lost`` have no file."""
        return len(range(0, self.size, ONE_IN))


def build(shape: str, size: int, folder: Path, server: str, mariadb: str = "") -> Site:
    """Make the tree below the folder, and the tables in a file and on the servers with these URLs."""
    media_root = folder / shape
    paths = list(make_tree(media_root, shape, size))
    # Neither the table nor the directory is in the order of the names.
    order = random.Random(size)
    named = [path for number, path in enumerate(paths) if number % ONE_IN]
    order.shuffle(named)
    lost = [*named, *(path.replace("IMG_", "GONE_") for path in paths[::ONE_IN])]
    order.shuffle(lost)
    tables = {"photo": named, "lost": lost}
    sqlite_file = folder / f"{shape}.sqlite3"
    _fill_sqlite(sqlite_file, tables)
    database = f"{shape}_{size}"
    execute(server, f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database}")
    postgresql = urlsplit(server)._replace(path=f"/{database}").geturl()
    _fill_postgresql(postgresql, tables)
    urls = {"sqlite": f"sqlite:///{sqlite_file}", "postgresql": postgresql}
    if mariadb:
        urls["mariadb"] = urlsplit(mariadb)._replace(path=f"/{database}").geturl()
        _fill_mariadb(mariadb, database, tables)
    return Site(shape, size, media_root, urls)


def make_tree(root: Path, shape: str, size: int) -> Iterator[str]:
    """Make empty files below a folder that does not exist, the same each time, and yield their paths."""
    place, handle = "", -1
    digits = random.Random(1)
    for number in range(size):
        folder = SHAPES[shape](number, size)
        if folder != place:
            if handle >= 0:
                os.close(handle)
            (root / folder).mkdir(parents=True)
            place, handle = folder, os.open(root / folder, os.O_RDONLY)
        name = f"IMG_{digits.randrange(10**6):06}_{number:07}.jpg"
        os.mknod(name, 0o644, dir_fd=handle)
        yield f"{folder}/{name}"
    os.close(handle)


def _fill_sqlite(file: Path, tables: dict[str, list[str]]) -> None:
    file.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as connection:
        for table, paths in tables.items():
            connection.execute(f"CREATE TABLE {table} (id integer PRIMARY KEY, image varchar(100) NOT NULL)")
            connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", enumerate(paths))
        connection.commit()
        connection.execute("ANALYZE")


def _fill_postgresql(url: str, tables: dict[str, list[str]]) -> None:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        for table, paths in tables.items():
            cursor.execute(f"CREATE TABLE {table} (id bigint PRIMARY KEY, image varchar(100) NOT NULL)")
            lines = "".join(f"{number}\t{path}\n" for number, path in enumerate(paths))
            cursor.copy_expert(f"COPY {table} FROM STDIN", io.StringIO(lines))
        cursor.execute("VACUUM ANALYZE")


def _fill_mariadb(server: str, database: str, tables: dict[str, list[str]]) -> None:
    with closing(connect_mariadb(server)) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {database}")
        cursor.execute(f"CREATE DATABASE {database}")
        connection.select_db(database)
        for table, paths in tables.items():
            cursor.execute(f"CREATE TABLE {table} (id bigint PRIMARY KEY, image varchar(100) NOT NULL)")
            connection.begin()
            cursor.executemany(f"INSERT INTO {table} VALUES (%s, %s)", list(enumerate(paths)))
            connection.commit()
            cursor.execute(f"ANALYZE TABLE {table}")


def execute(url: str, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        for statement in statements:
            connection.cursor().execute(statement)
