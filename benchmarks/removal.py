# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Removal side by side: orphans, and records with their dependents, into the quarantine and back."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Iterator
from urllib.parse import urlsplit

import psycopg2
from contests import PEERS, Contest, Contestant, engine, environment, job_options
from sites import build, execute, make_tree

# What a run is asked for that measures these alone.
WORKS = "removal: quarantine, restore, delete, restore of rows"
# As many things go at the most.
MOST = 100_000
# Rows that have lost their file get keys from here on.
_LOST_FROM = 1_000_000_000

# The tables whose rows go or are cleared, and the columns by which they are chosen.
_OF_LOST = {"lost": "id", "favourite": "photo_id", "photo_tags": "photo_id", "album": "cover_id"}
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
    """All works, over ``count`` files or rows that go and as many that stay."""
    removed = _quarantine(folder, server, count)
    yield removed
    yield _restore(removed, count)
    deleted = _delete(folder, server, count)
    yield deleted
    yield _restore_rows(deleted, folder)


def _quarantine(folder: Path, server: str, count: int) -> Contest:
    site = build("sharded", 2 * count, folder, server)
    # The sweep would find the files in the other table, and keep them.
    execute(
        site.urls["postgresql"], "DROP TABLE lost", "DELETE FROM photo WHERE id % 2 = 0", "VACUUM ANALYZE"
    )
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
    url = site.urls["postgresql"]
    promises = [sys.executable, str(PEERS / "bare_promises.py"), str(site.media_root), str(kept), url]
    going = 2 * count - len(named)
    return Contest(
        f"quarantine of {going:,} of {2 * count:,} files, postgresql",
        [
            Contestant("bare stat and rename by handle", rename),
            Contestant("the looks, questions and syncs of the promises", promises),
            *_engines("orphans", options),
        ],
        going,
        fresh_tree,
    )


def _restore(removed: Contest, count: int) -> Contest:
    """What the engine has moved into the quarantine, moved back."""
    remove = removed.contestants[-1].command

    def fresh_batch() -> None:
        removed.before_each()
        subprocess.run(remove, env=environment(), stdout=subprocess.DEVNULL, check=True)

    media_root, kept, listing = removed.contestants[0].command[-3:]
    rename = [sys.executable, str(PEERS / "bare_rename_back.py"), media_root, kept, listing]
    restore = [sys.executable, str(PEERS / "restore.py"), remove[-1]]
    return Contest(
        f"restore of {removed.found:,} of {2 * count:,} files, postgresql",
        [Contestant("bare rename back by handle", rename), Contestant("engine", restore)],
        removed.found,
        fresh_batch,
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


def _restore_rows(deleted: Contest, folder: Path) -> Contest:
    """What the engine has deleted and cleared, brought back; by hand from files of the very rows."""
    options = json.loads(deleted.contestants[-1].command[-1])
    kept, url = folder / "kept", options["database_url"]
    options = {**options, "permanent": False, "quarantine": str(kept)}
    gone = {
        table: f"SELECT * FROM {table} WHERE {column} >= {_LOST_FROM}" for table, column in _OF_LOST.items()
    }

    def fresh_batch() -> None:
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(mode=0o700)
        deleted.before_each()
        with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            for table, rows in gone.items():
                with (folder / table).open("w") as copy:
                    cursor.copy_expert(f"COPY ({rows}) TO STDOUT", copy)
        remove = engine("missing", options, "apply")
        subprocess.run(remove, env=environment(), stdout=subprocess.DEVNULL, check=True)

    copies = {table: f"\\copy {table} FROM '{folder / table}'" for table in gone}
    steps = [
        *(copies[table] for table in ("lost", "favourite", "photo_tags")),
        "CREATE TEMP TABLE cleared (LIKE album)",
        copies["album"].replace("album", "cleared", 1),
        "UPDATE album SET cover_id = c.cover_id FROM cleared AS c WHERE c.id = album.id",
        f"SELECT 3 * count(*) FROM lost WHERE id >= {_LOST_FROM}",
    ]
    by_hand = ["psql", "-qAtX1", url, *(part for step in steps for part in ("-c", step))]
    restore = [sys.executable, str(PEERS / "restore.py"), json.dumps(options)]
    return Contest(
        f"restore of {deleted.found:,} rows and those of three dependent tables, postgresql",
        [Contestant("COPY and one UPDATE", by_hand), Contestant("engine", restore)],
        3 * deleted.found,
        fresh_batch,
    )


def _engines(job: str, options: dict[str, Any]) -> Iterator[Contestant]:
    """The engine, which has to find what goes, and may take all of it: the search alone, and the whole."""
    options = {**options, "max_removal_percent": 100}
    yield Contestant("engine, its search alone", engine(job, options, "check"))
    yield Contestant("engine, search and removal", engine(job, options, "apply"))
