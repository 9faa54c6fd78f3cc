# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Jobs on rows whose files are in a bucket: uploads that were never attached, and files that were moved."""

from __future__ import annotations

import hashlib
from typing import Any, Callable

import pytest

from engine.apply.restore import restore
from engine.config.jobs import records_job
from engine.quarantine import store as quarantine
from engine.quarantine.place import place_of
from helpers.builders import found, guards, run
from helpers.databases import TestDatabase
from helpers.s3_kit import BucketOf, S3Kit
from helpers.s3_servers import MINISTACK, S3Server, Service
from helpers.s3_sites import media_of, orphans_in, site_in, wait_until_old

LIMITS = {"older_than_hours": 0, "max_removal_percent": 100, "derived": ["CACHE/{dir}/{stem}/*"]}
UPLOAD = [b"photos/new.jpg", b"photos/new.avif", b"CACHE/photos/new/small.jpg"]
ATTACHED = [b"photos/kept.jpg", b"photos/kept.avif", b"CACHE/photos/kept/small.jpg"]


@pytest.fixture(params=[BucketOf(MINISTACK), BucketOf(MINISTACK, versioned=True)], ids=str)
def kit(request: pytest.FixtureRequest, s3_servers: Callable[[Service], S3Server]) -> S3Kit:
    return S3Kit(s3_servers(request.param.service), request.param.versioned)


@pytest.fixture
def database(sqlite: TestDatabase) -> TestDatabase:
    sqlite.run(
        "CREATE TABLE photo (id integer PRIMARY KEY, image varchar(200), avif varchar(200), item_id integer, "
        "uploaded_at timestamp, size integer, md5 varchar(32))"
    )
    return sqlite


def records(kit: S3Kit, database: TestDatabase, **more: Any) -> Any:
    columns = {"table": "photo", "file_column": "image", "companion_columns": ["avif"], "confirm_scans": 1}
    return records_job({**site_in(kit, database), **LIMITS, **columns, **more})


def incomplete(kit: S3Kit, database: TestDatabase, **more: Any) -> Any:
    chosen = {"unattached_column": "item_id", "uploaded_at_column": "uploaded_at", "time_zone": "UTC"}
    return records(kit, database, select="incomplete", **chosen, **more)


def filled(kit: S3Kit, database: TestDatabase) -> None:
    kit.write(*UPLOAD, *ATTACHED)
    database.run(
        "INSERT INTO photo (id, image, avif, item_id, uploaded_at) VALUES "
        "(1, 'photos/new.jpg', 'photos/new.avif', NULL, '2026-01-01 10:00:00'), "
        "(2, 'photos/kept.jpg', 'photos/kept.avif', 7, '2026-01-01 10:00:00')"
    )
    wait_until_old()


@pytest.mark.promise(10)
def test_an_upload_that_was_never_attached_goes_with_all_its_files_and_comes_back(
    kit: S3Kit, database: TestDatabase
) -> None:
    filled(kit, database)
    rows = database.rows("SELECT * FROM photo ORDER BY id")
    job = incomplete(kit, database)
    plan, _outcome = run(job, check=True)
    assert (guards(plan), plan.kept.items) == ([], [])
    assert (plan.found.records, plan.found.files) == (1, 3)
    _plan, outcome = run(job, check=False)
    assert (outcome.error, outcome.removed.records, outcome.removed.files) == ("", 1, 3)
    assert media_of(kit) == sorted(ATTACHED)
    assert database.rows("SELECT id FROM photo") == [(2,)]
    (info,) = quarantine.batches(place_of(job.site))
    assert (info.files, info.rows) == (3, 1)
    for check in (True, False):
        restored = restore(job.site, info.name, [], check)
        assert (sorted(restored.paths.items), restored.kept.total) == (sorted(UPLOAD), 0)
    assert media_of(kit) == sorted(UPLOAD + ATTACHED)
    assert database.rows("SELECT * FROM photo ORDER BY id") == rows
    assert quarantine.batches(place_of(job.site)) == []


@pytest.mark.promise(3)
def test_an_upload_with_a_young_file_is_kept(kit: S3Kit, database: TestDatabase) -> None:
    filled(kit, database)
    plan, _outcome = run(incomplete(kit, database, older_than_hours=1), check=False)
    assert found(plan) == []
    assert [kept.code.value for kept in plan.kept.items] == ["young"]
    assert media_of(kit) == sorted(UPLOAD + ATTACHED)


@pytest.mark.promise(2)
def test_a_companion_that_another_row_needs_is_kept(kit: S3Kit, database: TestDatabase) -> None:
    filled(kit, database)
    database.run("UPDATE photo SET avif = 'photos/new.avif' WHERE id = 2")
    run(incomplete(kit, database), check=False)
    assert b"photos/new.avif" in media_of(kit)
    assert b"photos/new.jpg" not in media_of(kit)


def test_a_file_that_was_moved_is_known_by_its_size_and_checksum(kit: S3Kit, database: TestDatabase) -> None:
    """The name is another one: 'a.jpg' is a record that is missing, and 'b.jpg' is an orphan."""
    content = b"the picture"
    kit.write(b"photos/b.jpg", content=content)
    kit.write(b"photos/c.jpg", content=b"of its size")
    kit.write(b"photos/kept.jpg")
    digest = hashlib.md5(content).hexdigest()
    database.run(
        "INSERT INTO photo (id, image, size, md5) VALUES "
        f"(1, 'photos/a.jpg', {len(content)}, '{digest}'), (2, 'photos/kept.jpg', 7, NULL)"
    )
    wait_until_old()
    job = records(kit, database, size_column="size", checksum_column="md5")
    plan, _outcome = run(job, check=True)
    assert found(plan) == []
    assert [(kept.code.value, kept.other) for kept in plan.kept.items] == [("likely_move", b"photos/b.jpg")]
    references = [{"table": "photo", "column": "image", "size_column": "size", "checksum_column": "md5"}]
    orphans = orphans_in(kit, database, ".", **{**LIMITS, "references": references})
    plan, _outcome = run(orphans, check=True)
    assert found(plan) == [b"photos/c.jpg"]
    assert [(kept.name, kept.code.value) for kept in plan.kept.items] == [(b"photos/b.jpg", "likely_move")]
