# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A site whose media are in a bucket of a throwaway server: its description, its references and its media."""

from __future__ import annotations

import time
from typing import Any, Iterable

from engine.config.jobs import orphans_job
from engine.config.site import OrphansJob
from helpers.databases import TestDatabase
from helpers.s3_kit import S3Kit


def site_in(kit: S3Kit, database: TestDatabase) -> dict[str, Any]:
    """The options that say where everything is."""
    return {
        "name": "album",
        "database_url": database.url,
        "media_root": kit.place.url,
        "storage_options": kit.server.options,
    }


def orphans_in(kit: S3Kit, database: TestDatabase, *directories: str, **more: Any) -> OrphansJob:
    """The job that compares directories with the table of ``photos_in``, whatever their files' age."""
    described = {**site_in(kit, database), "directories": [*directories], "older_than_hours": 0}
    return orphans_job({**described, "references": [{"table": "photo", "column": "image"}], **more})


def photos_in(database: TestDatabase, paths: Iterable[bytes]) -> TestDatabase:
    """A table of photos that references these paths, the first of them by the row 1."""
    database.run("CREATE TABLE photo (id integer PRIMARY KEY, image varchar(200))")
    values = ", ".join(f"({number}, '{path.decode()}')" for number, path in enumerate(paths, 1))
    database.run(f"INSERT INTO photo VALUES {values}")
    return database


def media_of(kit: S3Kit) -> list[bytes]:
    with kit.store() as store:
        return sorted(run.prefix + name for run in store.walk(b"", None) for name in run.names)


def wait_until_old() -> None:
    """Wait until what was just written is older than a run: a service knows the second, and no part of it."""
    time.sleep(2.1)
