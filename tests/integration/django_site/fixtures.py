# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Fixtures: the project on new databases."""

from __future__ import annotations

import shutil
import sys
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Iterator
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import override_settings

from engine.plan import planner
from helpers.databases import TestDatabase, connect_mariadb
from helpers.mariadb import mysqlclient

from .project import SCHEMA, Project, copy_mariadb, file_of, of_postgresql, on_server, used_by_django

# A noon, so that no day ends within the limit of half of the cases.
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=timezone.utc)


def _migrate() -> None:
    call_command("migrate", run_syncdb=True, verbosity=0)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of the project, to copy: migrating takes its time."""
    path = tmp_path_factory.mktemp("migrated") / "db.sqlite3"
    with used_by_django(f"sqlite:///{path}"):
        _migrate()
    return path


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql_server: str) -> str:
    """The name of a database of the project, to copy."""
    name = "migrated"
    on_server(postgresql_server, f"CREATE DATABASE {name}")
    with used_by_django(of_postgresql(postgresql_server, name)):
        _migrate()
        with connections["default"].cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {SCHEMA}")
            cursor.execute(f"ALTER TABLE album_viewing SET SCHEMA {SCHEMA}")
    return name


@pytest.fixture(scope="session")
def migrated_mariadb(mariadb_server: str) -> TestDatabase:
    """A database of the project, to copy, for Django's own backend, which works with mysqlclient only."""
    sys.path.append(str(mysqlclient()))
    template = TestDatabase("mariadb", urlsplit(mariadb_server)._replace(path="/migrated").geturl())
    with closing(connect_mariadb(mariadb_server)) as connection:
        connection.cursor().execute("CREATE DATABASE migrated")
    with used_by_django(template.url):
        _migrate()
    return template


@contextmanager
def _project(database: Any, media: Path) -> Iterator[Project]:
    media.mkdir()
    with used_by_django(database.url), override_settings(MEDIA_ROOT=str(media)):
        yield Project(database, media)


@pytest.fixture
def sqlite_project(sqlite: Any, migrated_sqlite: Path, tmp_path: Path) -> Iterator[Project]:
    """The project on a new SQLite database, as ``migrate`` leaves it."""
    shutil.copyfile(migrated_sqlite, file_of(sqlite))
    with _project(sqlite, tmp_path / "media") as project:
        yield project


@pytest.fixture
def postgresql_project(
    postgresql: Any, postgresql_server: str, migrated_postgresql: str, tmp_path: Path
) -> Iterator[Project]:
    """The project on a new PostgreSQL database, as ``migrate`` leaves it."""
    name = urlsplit(postgresql.url).path[1:]
    on_server(
        postgresql_server,
        f"DROP DATABASE {name}",
        f"CREATE DATABASE {name} TEMPLATE {migrated_postgresql}",
    )
    with _project(postgresql, tmp_path / "media") as project:
        yield project


@pytest.fixture
def mariadb_project(mariadb: Any, migrated_mariadb: TestDatabase, tmp_path: Path) -> Iterator[Project]:
    """The project on a new MariaDB database, as ``migrate`` leaves it."""
    copy_mariadb(migrated_mariadb, mariadb)
    with _project(mariadb, tmp_path / "media") as project:
        yield project


@pytest.fixture(params=["postgresql", "sqlite"])
def project(request: pytest.FixtureRequest) -> Any:
    """The project on a new database of each kind in turn."""
    return request.getfixturevalue(f"{request.param}_project")


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock of the engine, so that a limit can be met to the second."""

    class Clock:
        time = staticmethod(NOW.timestamp)

    monkeypatch.setattr(planner, "time", Clock)
