# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What all tests share: a throwaway PostgreSQL, and new databases in it or in a file."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterator
from urllib.parse import urlsplit

import psycopg2
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
# ansible-test runs tests as modules of the collection, and would not find the helpers beside them.
sys.path.append(str(REPOSITORY / "tests"))

from helpers import engine_alias  # noqa: E402

engine_alias.install()

from helpers.databases import TestDatabase, connect_mariadb, new_sqlite  # noqa: E402
from helpers.drivers import only_driver, only_mysql_driver  # noqa: E402
from helpers.fetched import CannotBeHad  # noqa: E402

if TYPE_CHECKING:
    from helpers.s3_servers import S3Server, Service

# Names a server that is there already, where tests are run with several versions of it, or each test
# in a process of its own; ansible-test lets no variable through, so a file may do it too.
SERVER = "MEDIA_CLEANUP_TEST_SERVER"
SERVER_FILE = REPOSITORY / "tests" / "server.url"
# Names the only driver that the engine is to find in this process.
DRIVER = "MEDIA_CLEANUP_TEST_DRIVER"
# The same for MySQL, for tests that are not run with both of its drivers anyway.
MYSQL_DRIVER = "MEDIA_CLEANUP_TEST_MYSQL_DRIVER"

# Where files are shared out among processes, none should be left alone with one of these at the end.
LONG = (
    "test_role",
    "test_real_cron",
    "test_pages",
    "test_archive",
    "test_faults",
    "test_playbook",
    "test_playbook_purge",
    "test_review_page",
    "test_quarantine_page",
    "test_fleet",
    "test_newcomer",
    "test_release",
    "test_schedules",
    "test_storage_below",
    "test_incomplete",
    "test_role_variables",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in LONG)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a PostgreSQL: the one that is set, or one that lives as long as the tests do."""
    there_already = SERVER_FILE.read_text() if SERVER_FILE.exists() else os.environ.get(SERVER)
    if there_already:
        yield there_already
        return
    # Not above: a server that is there already needs nothing of it.
    from helpers.servers import running

    with running() as server:
        yield server.url


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    """The URL of a MariaDB that lives as long as the tests do; they are skipped where there can be none."""
    pytest.importorskip("pymysql")
    from helpers.servers import running_mariadb

    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_mariadb())
        except CannotBeHad as error:
            pytest.skip(f"there is no MariaDB for the tests: {error}")
        yield server.url


@pytest.fixture(scope="session")
def s3_servers() -> Iterator[Callable[[Service], S3Server]]:
    """Gives a server of buckets, started when it is first asked for, which lives as long as the tests."""
    # Not above: ansible-test runs where there is none of it.
    from helpers.s3_servers import running_s3

    started: dict[str, S3Server] = {}
    with ExitStack() as stack:

        def server(service: Service) -> S3Server:
            if service.name not in started:
                started[service.name] = stack.enter_context(running_s3(service))
            return started[service.name]

        yield server


@pytest.fixture(autouse=True, scope="session")
def chosen_driver() -> Iterator[None]:
    """Where tests are run with one driver after the other, the only one that the engine finds here."""
    chosen = os.environ.get(DRIVER)
    with only_driver(chosen) if chosen else nullcontext():
        yield


@pytest.fixture(autouse=True)
def state_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where runs of any user keep the state of a site without a quarantine, instead of their home."""
    folder = tempfile.mkdtemp(prefix="media-cleanup-state-")
    os.chmod(folder, 0o1777)
    monkeypatch.setenv("XDG_STATE_HOME", folder)
    yield Path(folder)
    shutil.rmtree(folder)


_numbers = itertools.count(1)


@pytest.fixture
def postgresql(postgresql_server: str) -> Iterator[TestDatabase]:
    """A new, empty PostgreSQL database."""
    yield from new_postgresql(postgresql_server)


@pytest.fixture
def postgresql_psycopg2(postgresql_server: str) -> Iterator[TestDatabase]:
    """The same, for an engine that has no other driver than psycopg2."""
    with only_driver("psycopg2"):
        yield from new_postgresql(postgresql_server)


@pytest.fixture
def postgresql_psycopg3(postgresql_server: str) -> Iterator[TestDatabase]:
    """The same, for an engine that has no other driver than psycopg 3."""
    with only_driver("psycopg3"):
        yield from new_postgresql(postgresql_server)


@pytest.fixture(scope="module")
def lasting_postgresql(postgresql_server: str) -> Iterator[TestDatabase]:
    """The same for all tests of a file."""
    yield from new_postgresql(postgresql_server)


def new_postgresql(postgresql_server: str) -> Iterator[TestDatabase]:
    name = f"site_{os.getpid()}_{next(_numbers)}"
    with closing(psycopg2.connect(postgresql_server)) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {name}")
        yield TestDatabase("postgresql", urlsplit(postgresql_server)._replace(path=f"/{name}").geturl())
        force = " WITH (FORCE)" if connection.server_version >= 130000 else ""
        connection.cursor().execute(f"DROP DATABASE {name}{force}")


@pytest.fixture
def mariadb(mariadb_server: str) -> Iterator[TestDatabase]:
    """A new, empty MariaDB database, for an engine that has no other driver than PyMySQL, or the chosen one.

    Its usual collation ignores case and accents, as that of Django does.
    """
    with only_mysql_driver(os.environ.get(MYSQL_DRIVER, "pymysql")):
        yield from new_mariadb(mariadb_server)


@pytest.fixture
def mariadb_mysqlclient(mariadb_server: str) -> Iterator[TestDatabase]:
    """The same, for an engine that has no other driver than mysqlclient."""
    with ExitStack() as stack:
        try:
            stack.enter_context(only_mysql_driver("MySQLdb"))
        except CannotBeHad as error:
            pytest.skip(f"there is no mysqlclient for the tests: {error}")
        yield from new_mariadb(mariadb_server)


def new_mariadb(mariadb_server: str) -> Iterator[TestDatabase]:
    name = f"site_{os.getpid()}_{next(_numbers)}"
    with closing(connect_mariadb(mariadb_server)) as connection:
        connection.cursor().execute(f"CREATE DATABASE {name}")
        yield TestDatabase("mariadb", urlsplit(mariadb_server)._replace(path=f"/{name}").geturl())
        connection.cursor().execute(f"DROP DATABASE {name}")


@pytest.fixture
def sqlite(tmp_path: Path) -> TestDatabase:
    """A new, empty SQLite database."""
    return new_sqlite(tmp_path)


@pytest.fixture(params=["postgresql", "sqlite"])
def database(request: pytest.FixtureRequest) -> TestDatabase:
    """A new, empty database of each kind in turn."""
    return request.getfixturevalue(request.param)
