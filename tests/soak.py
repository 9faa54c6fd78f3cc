# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Break thousands of runs at random, and tell what came of it: ``python tests/soak.py --rounds 5000``.

With ``--buckets``, so many runs are broken whose media are in a bucket, at random requests. With
``--cleanups``, a site is then cleaned that many times in a row while it uploads, on each kind of database,
without any fault. Ends with the figures, and with exit status 1 if anything was lost.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import sys
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Iterator, Sequence
from urllib.parse import urlsplit

from helpers import engine_alias
from helpers.databases import TestDatabase
from helpers.fetched import CannotBeHad
from helpers.servers import running, running_mariadb

TESTS = Path(__file__).resolve().parent
sys.path.insert(0, str(TESTS.parent / ".collections"))
engine_alias.install()

from helpers.bucket_sites import BucketSite, impatient_clients, random_bucket_rounds  # noqa: E402
from helpers.full_sites import FullSite, settled  # noqa: E402
from helpers.rounds import Figures, random_rounds  # noqa: E402
from helpers.s3_proxy import FaultyProxy  # noqa: E402
from helpers.s3_servers import MINISTACK, SEAWEEDFS, running_s3  # noqa: E402
from helpers.uploader import live_rounds  # noqa: E402

# Rounds in one site, before a new one is made.
ROUNDS = 50


def new_sqlite(folder: Path) -> TestDatabase:
    with closing(sqlite3.connect(folder / "db.sqlite3")) as connection:
        connection.execute("PRAGMA user_version = 1")
    return TestDatabase("sqlite", f"sqlite:///{folder}/db.sqlite3")


class FullSites:
    """New full sites on each kind of database, with a quarantine on the same and on another file system.

    ``servers`` are the URLs of PostgreSQL, and of MariaDB where this machine has one.
    """

    def __init__(self, servers: Sequence[str], stack: ExitStack, number: int) -> None:
        self._servers = servers
        self._stack = stack
        # It chooses the database and the place of the quarantine of the next site.
        self._number = number

    def new(self) -> FullSite:
        self._number += 1
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm")))
        other = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        round_of_kinds, kind = divmod(self._number, 1 + len(self._servers))
        database = new_database(self._servers[kind - 1]) if kind else new_sqlite(folder)
        return settled(FullSite(folder, database, other if round_of_kinds % 2 else None))


def new_database(server: str) -> TestDatabase:
    """An empty database of a server, instead of the one that was used before."""
    if server.startswith("mysql"):
        TestDatabase("mariadb", server).run("DROP DATABASE IF EXISTS soaked; CREATE DATABASE soaked")
        return TestDatabase("mariadb", urlsplit(server)._replace(path="/soaked").geturl())
    database = TestDatabase("postgresql", server)
    database.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return database


@contextmanager
def started() -> Iterator[list[str]]:
    """The URLs of the servers that this machine can have."""
    with ExitStack() as stack:
        urls = [stack.enter_context(running()).url]
        try:
            urls.append(stack.enter_context(running_mariadb()).url)
        except CannotBeHad as error:
            print(f"without MariaDB: {error}", file=sys.stderr)
        yield urls


def soak(rounds: int, seed: int, servers: Sequence[str]) -> tuple[Figures, Figures]:
    broken, live = Figures(), Figures()
    chance = random.Random(seed)
    while broken.rounds + live.rounds < rounds:
        with ExitStack() as stack:
            full_sites = FullSites(servers, stack, chance.randrange(6))
            random_rounds(full_sites.new(), ROUNDS, chance, broken)
            live_rounds(
                full_sites.new(), ROUNDS, chance.randrange(1 << 30), live, with_faults=chance.random() < 0.5
            )
        print(f"{broken.rounds + live.rounds:,} of {rounds:,}", end="\r", file=sys.stderr, flush=True)
    return broken, live


def buckets(rounds: int, seed: int) -> Figures:
    """Break runs on sites in buckets, with versions and without, on the services that can do all of it."""
    figures, chance = Figures(), random.Random(seed)
    for service in (MINISTACK, SEAWEEDFS) if rounds else ():
        with ExitStack() as stack:
            server = stack.enter_context(running_s3(service))
            proxy = stack.enter_context(FaultyProxy(server.port).running())
            stack.enter_context(impatient_clients())
            for versioned in (False, True):
                folder = stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm"))
                site = BucketSite(new_sqlite(Path(folder)), server, proxy, versioned)
                random_bucket_rounds(site, rounds // 4, chance, figures)
                print(f"{service.name}: {figures}", file=sys.stderr, flush=True)
    return figures


def in_a_row(cleanups: int, seed: int, servers: Sequence[str]) -> Figures:
    """Clean one site of each kind again and again while it is used."""
    figures = Figures()
    for kind in range(1 + len(servers) if cleanups else 0):
        with ExitStack() as stack:
            live_rounds(FullSites(servers, stack, kind).new(), cleanups, seed, figures)
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--cleanups", type=int, default=0)
    parser.add_argument("--buckets", type=int, default=0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    began = time.monotonic()
    with started() as servers:
        broken, live = soak(options.rounds, options.seed, servers)
        row = in_a_row(options.cleanups, options.seed, servers)
    in_buckets = buckets(options.buckets, options.seed)
    every = (broken, live, row, in_buckets)
    losses = [loss for figures in every for loss in figures.losses]
    tracebacks = [traceback for figures in every for traceback in figures.tracebacks]
    for loss in losses[:20]:
        print(f"LOSS {loss}")
    for traceback in tracebacks[:5]:
        print(f"TRACEBACK {traceback}")
    print(f"seed {options.seed}, {time.monotonic() - began:.0f} s")
    print(f"broken runs: {broken}")
    print(f"under a live uploader: {live}")
    if options.cleanups:
        print(f"in a row under a live uploader, {options.cleanups:,} on each database: {row}")
    if options.buckets:
        print(f"in buckets: {in_buckets}")
    return 1 if losses or tracebacks else 0


if __name__ == "__main__":
    sys.exit(main())
