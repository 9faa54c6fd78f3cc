# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A site whose media are in a bucket is cleaned, restored and purged; what is kept lies beside the media."""

from __future__ import annotations

import os
import time
from typing import Any, Callable

import pytest

from engine.apply.purge import purge
from engine.apply.restore import restore
from engine.config.jobs import orphans_job, records_job
from engine.config.purge import purge_of
from engine.config.site import OrphansJob, RecordsJob
from engine.quarantine import store as quarantine
from engine.quarantine.place import place_of
from helpers.builders import guards, run
from helpers.databases import TestDatabase
from helpers.s3_kit import S3Kit
from helpers.s3_servers import MINISTACK, SEAWEEDFS, S3Server, Service

REFERENCED, ORPHANS = [b"photos/1.jpg", b"photos/2.jpg"], [b"photos/a \xc3\xa4.jpg", b"photos/b.jpg"]


@pytest.fixture(params=[MINISTACK, SEAWEEDFS], ids=lambda service: service.name)
def kit(request: pytest.FixtureRequest, s3_servers: Callable[[Service], S3Server]) -> S3Kit:
    made = S3Kit(s3_servers(request.param))
    made.write(*REFERENCED, *ORPHANS)
    # A service knows the second of a write, and no part of it.
    time.sleep(2.1)
    return made


@pytest.fixture
def database(sqlite: TestDatabase) -> TestDatabase:
    sqlite.run("CREATE TABLE photo (id integer PRIMARY KEY, image varchar(200))")
    sqlite.run("INSERT INTO photo VALUES (1, 'photos/1.jpg'), (2, 'photos/2.jpg'), (3, 'photos/gone.jpg')")
    return sqlite


def options(kit: S3Kit, database: TestDatabase) -> dict[str, Any]:
    return {
        "name": "album",
        "database_url": database.url,
        "media_root": kit.place.url,
        "storage_options": kit.server.options,
        "older_than_hours": 0,
        "max_removal_percent": 100,
    }


def orphans(kit: S3Kit, database: TestDatabase, **more: Any) -> OrphansJob:
    references = [{"table": "photo", "column": "image"}]
    return orphans_job(
        {**options(kit, database), "directories": ["photos"], "references": references, **more}
    )


def missing(kit: S3Kit, database: TestDatabase) -> RecordsJob:
    columns = {"table": "photo", "file_column": "image"}
    return records_job({**options(kit, database), **columns, "confirm_scans": 1})


def media(kit: S3Kit) -> list[bytes]:
    with kit.store() as store:
        return sorted(run.prefix + name for run in store.walk(b"", None) for name in run.names)


@pytest.mark.promise(10)
def test_orphans_of_a_bucket_go_into_quarantine_and_come_back(kit: S3Kit, database: TestDatabase) -> None:
    job = orphans(kit, database)
    plan, outcome = run(job, check=False)
    assert guards(plan) == []
    assert outcome is not None
    assert media(kit) == REFERENCED
    (info,) = quarantine.batches(place_of(job.site))
    assert (info.name, info.files, info.bytes) == (outcome.batch, 2, 14)
    assert job.site.quarantine == f"{kit.place.url}-quarantine".encode()
    for check in (True, False):
        restored = restore(job.site, info.name, [], check)
        assert sorted(restored.paths.items) == ORPHANS
        assert restored.kept.total == 0
    assert media(kit) == REFERENCED + ORPHANS
    assert quarantine.batches(place_of(job.site)) == []


@pytest.mark.promise(10)
def test_records_of_a_bucket_come_back_with_their_rows(kit: S3Kit, database: TestDatabase) -> None:
    job = missing(kit, database)
    plan, _outcome = run(job, check=False)
    assert (guards(plan), plan.kept.items) == ([], [])
    assert database.rows("SELECT id FROM photo ORDER BY id") == [(1,), (2,)]
    (info,) = quarantine.batches(place_of(job.site))
    restore(job.site, info.name, [], False)
    assert database.rows("SELECT id FROM photo ORDER BY id") == [(1,), (2,), (3,)]
    assert media(kit) == REFERENCED + ORPHANS


@pytest.mark.promise(10)
@pytest.mark.parametrize("kit", [MINISTACK], indirect=True)
def test_a_purge_deletes_what_no_row_references(kit: S3Kit, database: TestDatabase) -> None:
    job = orphans(kit, database)
    run(job, check=False)
    (info,) = quarantine.batches(place_of(job.site))
    database.run("INSERT INTO photo VALUES (4, 'photos/b.jpg')")
    references = [{"table": "photo", "column": "image"}]
    known = {"quarantine": os.fsdecode(job.site.quarantine or b""), "batch": info.name}
    shared = {
        name: value
        for name, value in options(kit, database).items()
        if name not in ("older_than_hours", "max_removal_percent")
    }
    order = purge_of({**shared, **known, "references": references})
    purged = purge(order, check=False)
    assert [batch.files for batch in purged.batches] == [1]
    assert [kept.name for kept in purged.kept.items] == [b"photos/b.jpg"]
    restore(job.site, info.name, [], False)
    assert media(kit) == sorted([*REFERENCED, b"photos/b.jpg"])


@pytest.mark.parametrize("kit", [MINISTACK], indirect=True)
def test_what_is_deleted_for_good_leaves_nothing(kit: S3Kit, database: TestDatabase) -> None:
    run(orphans(kit, database, permanent=True), check=False)
    assert media(kit) == REFERENCED
    left = kit.client.list_objects_v2(Bucket=kit.bucket, Prefix=kit.place.prefix.partition("/")[0] + "/")
    assert sorted(entry["Key"] for entry in left["Contents"]) == [
        f"{kit.prefix}{path.decode()}" for path in REFERENCED
    ]
