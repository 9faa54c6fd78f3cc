# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A node of a Galera cluster: what it shows may be older than what another node has committed."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import Any, Iterator, NamedTuple

import pytest

from engine.config.site import Column
from engine.database import connect
from engine.errors import DatabaseError
from helpers.clock import until
from helpers.databases import connect_mariadb
from helpers.drivers import only_mysql_driver
from helpers.fetched import CannotBeHad
from helpers.mariadb import galera
from helpers.servers import free_port, running_mariadb

pytestmark = pytest.mark.promise(1)

ADDRESS = "127.0.0.1"
IMAGE = Column("photo", "image")


class Node(NamedTuple):
    """The only node of a cluster: the URL of its database, and a cursor of root's."""

    url: str
    cursor: Any


@pytest.fixture
def node(mariadb_server: str) -> Iterator[Node]:
    port = free_port(ADDRESS)
    with ExitStack() as stack:
        stack.enter_context(only_mysql_driver("pymysql"))
        try:
            library = galera()
        except CannotBeHad as error:
            pytest.skip(f"there is no Galera for the tests: {error}")
        addresses = f"base_host={ADDRESS};base_port={port};gmcast.listen_addr=tcp://{ADDRESS}:{port}"
        is_soon_lost = "pc.wait_prim_timeout=PT1S;pc.announce_timeout=PT1S"
        settings = [
            "wsrep-on=ON",
            f"wsrep-provider={library}",
            "wsrep-cluster-address=gcomm://",
            f"wsrep-node-address={ADDRESS}",
            f"wsrep-provider-options={addresses};{is_soon_lost}",
            "binlog-format=ROW",
            "innodb-autoinc-lock-mode=2",
        ]
        server = stack.enter_context(running_mariadb(settings))
        cursor = stack.enter_context(closing(connect_mariadb(server.url))).cursor()
        until(lambda: is_ready(cursor))
        cursor.execute(
            "CREATE DATABASE kit; USE kit; CREATE TABLE photo (id integer PRIMARY KEY, image text)"
        )
        cursor.execute("INSERT INTO photo VALUES (1, 'p/1.jpg')")
        yield Node(server.url.replace("@/", "@/kit"), cursor)


def is_ready(cursor: Any) -> bool:
    cursor.execute("SHOW STATUS LIKE 'wsrep_ready'")
    return bool(cursor.fetchone()[1] == "ON")


def test_a_node_shows_what_all_others_have_committed_and_its_limits_are_told(node: Node) -> None:
    with connect(node.url, read_only=False) as opened:
        assert list(opened.references([IMAGE])) == [[b"p/1.jpg"]]
        shown: Any = opened
        assert shown._one("SELECT @@session.wsrep_sync_wait") == 7
        [note] = opened.notes
        assert "Galera" in note
        opened.lock()
        with opened.transaction():
            assert opened.delete(opened.table("photo"), [("1",)]) == 1


def test_a_node_that_lost_its_cluster_is_not_asked_for_what_it_had(node: Node) -> None:
    node.cursor.execute("SET GLOBAL wsrep_dirty_reads = 1")
    # Nobody answers there.
    node.cursor.execute(f"SET GLOBAL wsrep_cluster_address = 'gcomm://{ADDRESS}:{free_port(ADDRESS)}'")
    until(lambda: not is_ready(node.cursor))
    with pytest.raises(DatabaseError, match="has lost the other nodes"):
        connect(node.url, read_only=True)
