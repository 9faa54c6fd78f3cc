# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Measures the collection against its peers and writes benchmarks/results.md.

Absolute figures depend on the machine and on who else uses it; the ratios, taken in turn in one run,
are what is to be compared.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
from contextlib import ExitStack, closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Iterable, Iterator, Tuple

import bucket
import contests
import fleet
import psycopg2
import removal
import review
import sweep
from contests import Contest
from measure import Bench, Measurement
from sites import SHAPES, Site, build

from helpers.databases import connect_mariadb
from helpers.fetched import CannotBeHad
from helpers.servers import Server, running, running_mariadb

RESULTS = Path(__file__).parent / "results.md"
KINDS = ("postgresql", "mariadb", "sqlite")
# What the playbook of find and difference can take within half a minute.
FOR_A_PLAYBOOK = 100_000
# So few that the start of a process counts.
FOR_A_PROCESS = 10_000
# A gigabyte of text at the usual size.
ROWS_FOR_A_FILE = 5
# The URLs of PostgreSQL and of MariaDB.
Servers = Tuple[str, str]
_HEADING = """\
| work | runs | who | time | processors | memory | time, ratio | processors, ratio | memory, ratio |
|---|--:|---|--:|--:|--:|--:|--:|--:|"""


def main() -> None:
    options = _options()
    rows: list[str] = []
    with tempfile.TemporaryDirectory(prefix="media-cleanup-bench-", dir=options.folder) as name:
        folder = Path(name)
        with running(settings=()) as server, a_mariadb() as mariadb:
            processes = [each.process for each in (server, mariadb) if each]
            bench = Bench(processes, contests.environment(), folder)
            servers = (server.url, mariadb.url if mariadb else "")
            for contest in _contests(folder, servers, options):
                rows += _rows(contest, contest.run(bench, options.rounds), options.rounds)
                say("\n".join(rows[-len(contest.contestants) :]))
            shape = machine(*servers)
    before = RESULTS.read_text().splitlines() if options.only and RESULTS.exists() else []
    works = {**_works(line for line in before if line.endswith(" |")), **_works(rows)}
    RESULTS.write_text(_page([line for lines in works.values() for line in lines], shape))
    say(f"written to {RESULTS.relative_to(contests.REPOSITORY)}")


@contextmanager
def a_mariadb() -> Iterator[Server | None]:
    """A MariaDB, if this machine can have one."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_mariadb())
        except CannotBeHad as error:
            say(f"without MariaDB: {error}")
            server = None
        yield server


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=200_000, help="files of a tree (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (%(default)s)")
    parser.add_argument("--flat-size", type=int, default=0, help="files of one more, flat tree, for memory")
    parser.add_argument("--hosts", type=int, default=50, help="hosts of a fleet (%(default)s)")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where to build (%(default)s)")
    parser.add_argument(
        "--only", default="", help="the works whose name holds this; the others keep their lines"
    )
    return parser.parse_args()


def _contests(folder: Path, servers: Servers, options: argparse.Namespace) -> Iterator[Contest]:
    """All that is measured; a site lives as long as its contests."""
    for shape in SHAPES:
        chosen = _scans(options, ("orphans", "missing"), options.size, shape)
        chosen = [(job, kind) for job, kind in chosen if kind != "mariadb" or servers[1]]
        if chosen:
            with _Built(shape, options.size, folder, servers) as site:
                for job, kind in chosen:
                    yield contests.scan(job, site, kind, with_others=shape == "sharded")
    kinds = [
        kind for kind in ("postgresql", "sqlite") if options.only in contests.both_name(options.size, kind)
    ]
    if kinds:
        with _Built("sharded", options.size, folder, servers) as site:
            for kind in kinds:
                yield contests.both(site, kind)
    chosen = _scans(options, ("orphans",), options.flat_size, "flat")
    if options.flat_size and chosen:
        with _Built("flat", options.flat_size, folder, servers) as site:
            for job, kind in chosen:
                yield contests.scan(job, site, kind, with_others=False)
    if options.only in "whole runs":
        with _Built("sharded", min(options.size, FOR_A_PLAYBOOK), folder, servers) as site:
            yield contests.playbook(site)
    if options.only in "site's process":
        with _Built("sharded", min(options.size, FOR_A_PROCESS), folder, servers) as site:
            yield contests.site_process(site)
    yield from _other_works(folder, servers[0], options)


def _other_works(folder: Path, server: str, options: argparse.Namespace) -> Iterator[Contest]:
    """What is no scan of a site."""
    if options.only in removal.WORKS:
        yield from removal.contests(folder, server, min(options.size, removal.MOST))
    if options.only in "bucket":
        yield from bucket.contests(folder, server, options.size)
        yield bucket.simulation()
    if options.only in "fleet":
        yield from fleet.contests(folder, options.hosts)
    if options.only in "sweep":
        yield from sweep.contests(folder, server, ROWS_FOR_A_FILE * options.size)
    if options.only in "page to review":
        yield from review.contests(folder)


def _scans(options: argparse.Namespace, jobs: Iterable[str], size: int, shape: str) -> list[tuple[str, str]]:
    """The jobs on a site that are to be measured, each on a kind of database."""
    every = [(job, kind) for job in jobs for kind in KINDS]
    return [one for one in every if options.only in contests.scan_name(one[0], size, shape, one[1])]


class _Built:
    """A site that is there while it is needed: a million files are many for a disk."""

    def __init__(self, shape: str, size: int, folder: Path, servers: Servers) -> None:
        say(f"building {size:,} files, {shape}")
        self._site = build(shape, size, folder, *servers)

    def __enter__(self) -> Site:
        return self._site

    def __exit__(self, *_error: object) -> None:
        shutil.rmtree(self._site.media_root)


def _rows(contest: Contest, measured: dict[str, Measurement], rounds: int) -> list[str]:
    # A contest may add to the names of its contestants, and keeps their order.
    first = next(iter(measured.values()))
    works = [f"{contest.work} | {rounds}"] + [" | "] * (len(measured) - 1)
    return [
        f"| {work} | {name} | {one.wall:.2f} s | {one.cpu:.2f} s | {one.peak:.0f} MiB "
        f"| {one.wall / first.wall:.2f} | {one.cpu / first.cpu:.2f} | {one.peak / first.peak:.2f} |"
        for work, (name, one) in zip(works, measured.items())
    ]


def _works(lines: Iterable[str]) -> dict[str, list[str]]:
    """The lines of a table, by the work that the first of several names."""
    works: dict[str, list[str]] = {}
    work = ""
    for line in lines:
        work = line.split("|")[1].strip() or work
        works.setdefault(work, []).append(line)
    return works


def machine(server: str, mariadb: str = "") -> dict[str, str]:
    """What the figures depend on."""
    with closing(psycopg2.connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        ((postgresql,),) = cursor.fetchall()
    more = {}
    if mariadb:
        with closing(connect_mariadb(mariadb)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT version()")
            ((version_of_mariadb,),) = cursor.fetchall()
            more = {"MariaDB": version_of_mariadb, "PyMySQL": version("PyMySQL")}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processors": f"{os.cpu_count()}",
        "memory": f"{memory:.0f} GiB",
        "kernel": platform.release(),
        "Python": platform.python_version(),
        "ansible-core": version("ansible-core"),
        "PostgreSQL": postgresql,
        "psycopg2": psycopg2.__version__,
        "psycopg 3": version("psycopg"),
        **more,
        "SQLite": sqlite3.sqlite_version,
    }


def _page(rows: list[str], machine: dict[str, str]) -> str:
    facts = "\n".join(f"- {name}: {value}" for name, value in machine.items())
    table = "\n".join(row for row in rows if row not in _HEADING)
    return f"""\
<!--
SPDX-License-Identifier: GPL-3.0-or-later
Copyright: (c) 2026, Django Media Cleanup contributors
-->

# Measured

Made by `make bench SIZE=1000000 ROUNDS=5`, or by the same with ONLY for some of the works: medians of so
many runs as a line says, taken in turn (peers that take many times as long: one run). The ratios are in
proportion to the first line of each work. Processor time includes the database server's, and not that of a
bucket's server; memory is that of the largest process, which is Ansible itself where Ansible runs. What is
aimed at and not reached, and why, is in [limits.md](limits.md); where the engine's time goes, in
[profiles.md](profiles.md).

{facts}

{_HEADING}
{table}
"""


def say(text: str) -> None:
    """Print at once: whoever waits sees how far it is."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
