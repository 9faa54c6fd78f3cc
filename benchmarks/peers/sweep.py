# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Reads one column, and no more: sweep.py bare URL. Or searches it for files: sweep.py sweep URL CANDIDATES.

The sweep prints how many files it found.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "plugins" / "module_utils"))

QUERY = "SELECT body FROM page"
ROWS = 1000


class Nothing:
    """A file that keeps nothing."""

    def write(self, _some: bytes) -> None:
        pass


def bare_postgresql(url: str) -> None:
    import psycopg2

    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.copy_expert(f"COPY ({QUERY}) TO STDOUT", Nothing())


def bare_sqlite(url: str) -> None:
    with closing(sqlite3.connect(url[len("sqlite:///") :])) as connection:
        cursor = connection.execute(QUERY)
        while cursor.fetchmany(ROWS):
            pass


def swept(url: str, candidates: Path) -> int:
    from _reconcile.compare.mentions.sweep import Place, Sweep
    from _reconcile.database import connect
    from _reconcile.database.catalog import Table
    from _reconcile.media.paths import Spellings

    class NothingKnown:
        def lists(self, _place: Place) -> bool:
            return False

        def excludes(self, _place: Place) -> bool:
            return False

        def excludes_table(self, _identity: tuple[str, str]) -> bool:
            return False

    nothing: list[Table] = []
    with connect(url, read_only=True) as database:
        sweep = Sweep(database, Spellings(b"/srv/media", b"/media/"))
        paths = candidates.read_bytes().splitlines()
        sweep.search_for(paths, NothingKnown(), nothing)
        found = {mentioned.path for mentioned in sweep.found(paths)}
    return len(found)


if __name__ == "__main__":
    what, url, *candidates = sys.argv[1:]
    if what == "sweep":
        print(swept(url, Path(candidates[0])))
    elif url.startswith("sqlite"):
        bare_sqlite(url)
    else:
        bare_postgresql(url)
