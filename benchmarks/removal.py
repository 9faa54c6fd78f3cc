# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Removal side by side: orphans into the quarantine, and records with their dependents."""

from __future__ import annotations

import shutil
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Iterator
from urllib.parse import urlsplit

import psycopg2
from contests import PEERS, Contest, Contestant, engine, job_options
from sites import build, execute, make_tree

# As many things go at the most.
MOST = 100_000
# Rows that have lost their file get keys from here on.
_LOST_FROM = 1_000_000_000

_DEPENDENTS = (
    "TRUNCATE lost",
    "INSERT INTO lost SELECT id, image FROM photo",
    f"INSERT INTO lost SELECT id + {_LOST_FROM}, replace(image, 'IMG_', 'GONE_') FROM photo",
    "CREATE TABLE favourite (id bigserial PRIMARY KEY, photo_id bigint NOT NULL "
    "REFERENCES lost DEFERRABLE INITIALLY DEFERRED)",
    "CREATE TABLE photo_tags (id bigserial PRIMARY KEY, photo_id bigint NOT NULL "
    "REFERENCES lost DEFERRABLE INITIALLY DEFERRED, tag_id bigint NOT NULL)",
    "CREATE TABLE album (id bigserial PRIMARY KEY, cover_id bigint "
    "REFERENCES lost DEFERRABLE INITIALLY DEFERRED)",
    "INSERT INTO favourite (photo_id) SELECT id FROM lost",
    "INSERT INTO photo_tags (photo_id, tag_id) SELECT id, 1 FROM lost",
    "INSERT INTO album (cover_id) SELECT id FROM lost",
    "CREATE INDEX ON favourite (photo_id)",
    "CREATE INDEX ON photo_tags (photo_id)",
    "CREATE INDEX ON album (cover_id)",
    "VACUUM ANALYZE",
)


def contests(folder: Path, server: str, count: int) -> Iterator[Contest]:
    """Both works, over ``count`` files or rows that go and as many that stay."""
    yield _quarantine(folder, server, count)
    yield _delete(folder, server, count)


def _quarantine(folder: Path, server: str, count: int) -> Contest:
    site = build("sharded", 2 * count, folder, server)
    execute(site.urls["postgresql"], "DELETE FROM photo WHERE id % 2 = 0", "VACUUM ANALYZE")
    with closing(psycopg2.connect(site.urls["postgresql"])) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT image FROM photo")
        named = {image for (image,) in cursor}
    kept = folder / "kept"
    options = {**job_options("orphans", site, "postgresql"), "permanent": False, "quarantine": str(kept)}
    listing = folder / "orphans"

    def fresh_tree() -> None:
        for made in (site.media_root, kept):
            shutil.rmtree(made, ignore_errors=True)
        kept.mkdir(mode=0o700)
        orphans = sorted(set(make_tree(site.media_root, site.shape, site.size)) - named)
        listing.write_text("".join(f"{path}\n" for path in orphans))

    rename = [sys.executable, str(PEERS / "bare_rename.py"), str(site.media_root), str(kept), str(listing)]
    going = 2 * count - len(named)
    return Contest(
        f"quarantine of {going:,} of {2 * count:,} files, postgresql",
        [Contestant("bare stat and rename by handle", rename), *_engines("orphans", options)],
        going,
        fresh_tree,
    )


def _delete(folder: Path, server: str, count: int) -> Contest:
    shutil.rmtree(folder / "sharded", ignore_errors=True)
    site = build("sharded", count, folder, server)
    url = site.urls["postgresql"]
    execute(url, *_DEPENDENTS)
    database = urlsplit(url).path[1:]

    def fresh_database() -> None:
        execute(
            server,
            "DROP DATABASE IF EXISTS removal WITH (FORCE)",
            f"CREATE DATABASE removal TEMPLATE {database}",
            "CHECKPOINT",
        )

    fresh = urlsplit(url)._replace(path="/removal").geturl()
    options = {
        **job_options("missing", site, "postgresql"),
        "database_url": fresh,
        "dependents": [
            {"table": "favourite", "column": "photo_id", "action": "delete"},
            {"table": "photo_tags", "column": "photo_id", "action": "delete"},
            {"table": "album", "column": "cover_id", "action": "set_null"},
        ],
    }
    script = ["psql", "-qAtX", fresh, "-v", f"first={_LOST_FROM}", "-f", str(PEERS / "delete.sql")]
    going = site.size - site.orphans
    return Contest(
        f"delete {going:,} of {2 * going:,} rows with three dependent tables, postgresql",
        [Contestant("hand-written SQL, keys known", script), *_engines("missing", options)],
        going,
        fresh_database,
    )


def _engines(job: str, options: dict[str, Any]) -> Iterator[Contestant]:
    """The engine, which has to find what goes, and may take all of it: the search alone, and the whole."""
    options = {**options, "max_removal_percent": 100}
    yield Contestant("engine, its search alone", engine(job, options, "check"))
    yield Contestant("engine, search and removal", engine(job, options, "apply"))
