# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The algorithm of the two commands that this collection replaces, without Django.

seed.py {orphans|missing} URL MEDIA_ROOT TABLE prints what was found, and the seconds after the rows
were in memory.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path


def rows_of(url: str, table: str) -> list[str]:
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url[len("sqlite:///") :])) as connection:
            return [name for (name,) in connection.execute(f"SELECT image FROM {table}")]
    import psycopg2  # not needed, and not to be paid for, with SQLite

    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT image FROM {table}")
        return [name for (name,) in cursor.fetchall()]


def orphans(root: Path, rows: list[str]) -> int:
    """Every file in a set, every row in a set, and the age of those that are left."""
    files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    left = files - set(rows)
    limit = time.time()
    return sum((root / path).stat().st_mtime <= limit for path in left)


def missing(root: Path, rows: list[str]) -> int:
    """One question to the disk for each row."""
    return sum(not os.path.exists(os.path.join(root, name)) for name in rows)


job, url, media_root, table = sys.argv[1:]
rows = rows_of(url, table)
began = time.perf_counter()
found = (orphans if job == "orphans" else missing)(Path(media_root), rows)
print(found, time.perf_counter() - began)
