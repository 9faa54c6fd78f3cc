# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A server of MariaDB that follows another one is a replica, whatever else it says of itself."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import Any, Iterator, NamedTuple

import pytest

from engine.database import connect
from helpers.clock import until
from helpers.databases import connect_mariadb
from helpers.drivers import only_mysql_driver
from helpers.servers import free_port, running_mariadb

pytestmark = pytest.mark.promise(1)

ADDRESS = "127.0.0.1"


class Pair(NamedTuple):
    """A primary and its replica: the URL of a database of each, and a cursor of root's."""

    primary_url: str
    replica_url: str
    primary: Any
    replica: Any


@pytest.fixture
def pair(mariadb_server: str) -> Iterator[Pair]:
    port = free_port(ADDRESS)
    of_primary = ["server-id=1", "log-bin", f"port={port}", f"bind-address={ADDRESS}"]
    with ExitStack() as stack:
        stack.enter_context(only_mysql_driver("pymysql"))
        servers = [stack.enter_context(running_mariadb(more)) for more in (of_primary, ["server-id=2"])]
        cursors = [stack.enter_context(closing(connect_mariadb(server.url))).cursor() for server in servers]
        for cursor in cursors:
            cursor.execute("CREATE USER looking; GRANT SELECT ON *.* TO looking; CREATE DATABASE kit")
        cursors[0].execute("CREATE USER following; GRANT REPLICATION SLAVE ON *.* TO following; RESET MASTER")
        cursors[1].execute(
            f"CHANGE MASTER TO MASTER_HOST = '{ADDRESS}', MASTER_PORT = {port}, MASTER_USER = 'following'"
        )
        yield Pair(*[server.url.replace("@/", "@/kit") for server in servers], *cursors)


def is_replica(url: str) -> bool:
    with connect(url, read_only=True) as opened:
        return opened.is_replica()


def test_a_server_that_follows_another_one_is_a_replica(pair: Pair) -> None:
    with_few_rights = pair.replica_url.replace("root@", "looking@")
    pair.replica.execute("START SLAVE")
    pair.primary.execute("CREATE TABLE kit.photo (id integer PRIMARY KEY)")
    until(lambda: bool(pair.replica.execute("SHOW TABLES FROM kit")))
    assert not is_replica(pair.primary_url)
    assert is_replica(pair.replica_url)
    assert is_replica(with_few_rights)
    # It was told to follow, and will when somebody starts it again.
    pair.replica.execute("STOP SLAVE")
    assert is_replica(pair.replica_url)
    pair.replica.execute("RESET SLAVE ALL")
    assert not is_replica(pair.replica_url)
    pair.replica.execute("SET GLOBAL read_only = 1")
    assert is_replica(with_few_rights)
