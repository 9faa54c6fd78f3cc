# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A site whose media are in a bucket is cleaned, restored and purged; what is kept lies beside the media."""

from __future__ import annotations

import getpass
import os
import time
from typing import Any, Callable

import pytest

from engine.apply.purge import purge
from engine.apply.restore import restore
from engine.config.jobs import records_job
from engine.config.purge import Purge, purge_of
from engine.config.site import OrphansJob, RecordsJob
from engine.media.s3.client import Bucket
from engine.media.s3.failures import BucketError
from engine.quarantine import store as quarantine
from engine.quarantine.place import place_of
from helpers.builders import guards, run
from helpers.databases import TestDatabase
from helpers.modules import run_module
from helpers.s3_kit import BucketOf, S3Kit
from helpers.s3_servers import MINISTACK, SEAWEEDFS, S3Server, Service
from helpers.s3_sites import media_of, orphans_in, photos_in, site_in, wait_until_old

QUARANTINE = "django_media.cleanup.media_quarantine"
REFERENCED, ORPHANS = [b"photos/1.jpg", b"photos/2.jpg"], [b"photos/a \xc3\xa4.jpg", b"photos/b.jpg"]


PLAIN, VERSIONED = BucketOf(MINISTACK), BucketOf(MINISTACK, versioned=True)


@pytest.fixture(params=[PLAIN, VERSIONED, BucketOf(SEAWEEDFS)], ids=str)
def kit(request: pytest.FixtureRequest, s3_servers: Callable[[Service], S3Server]) -> S3Kit:
    made = S3Kit(s3_servers(request.param.service), request.param.versioned)
    made.write(*REFERENCED, *ORPHANS)
    wait_until_old()
    return made


@pytest.fixture
def database(sqlite: TestDatabase) -> TestDatabase:
    return photos_in(sqlite, [*REFERENCED, b"photos/gone.jpg"])


def orphans(kit: S3Kit, database: TestDatabase, **more: Any) -> OrphansJob:
    return orphans_in(kit, database, "photos", max_removal_percent=100, **more)


def missing(kit: S3Kit, database: TestDatabase) -> RecordsJob:
    limits = {"older_than_hours": 0, "max_removal_percent": 100, "confirm_scans": 1}
    return records_job({**site_in(kit, database), **limits, "table": "photo", "file_column": "image"})


def purging(kit: S3Kit, database: TestDatabase, job: OrphansJob, batch: str) -> Purge:
    known = {"quarantine": os.fsdecode(job.site.quarantine or b""), "batch": batch}
    references = [{"table": "photo", "column": "image"}]
    return purge_of({**site_in(kit, database), **known, "references": references})


def versions(kit: S3Kit, path: bytes) -> list[Any]:
    """All that a bucket has of a path, its delete markers too."""
    said = kit.client.list_object_versions(Bucket=kit.bucket, Prefix=kit.prefix + path.decode())
    return [*said.get("Versions", ()), *said.get("DeleteMarkers", ())]


@pytest.mark.promise(10)
def test_orphans_of_a_bucket_go_into_quarantine_and_come_back(kit: S3Kit, database: TestDatabase) -> None:
    job = orphans(kit, database)
    plan, outcome = run(job, check=False)
    assert guards(plan) == []
    assert outcome is not None
    assert media_of(kit) == REFERENCED
    (info,) = quarantine.batches(place_of(job.site))
    assert (info.name, info.files, info.bytes) == (outcome.batch, 2, 14)
    assert job.site.quarantine == f"{kit.place.url}-quarantine".encode()
    for check in (True, False):
        restored = restore(job.site, info.name, [], check)
        assert sorted(restored.paths.items) == ORPHANS
        assert restored.kept.total == 0
    assert media_of(kit) == REFERENCED + ORPHANS
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
    assert media_of(kit) == REFERENCED + ORPHANS


@pytest.mark.promise(10)
@pytest.mark.parametrize("kit", [PLAIN, VERSIONED], indirect=True, ids=str)
def test_a_purge_deletes_what_no_row_references(kit: S3Kit, database: TestDatabase) -> None:
    job = orphans(kit, database)
    run(job, check=False)
    (info,) = quarantine.batches(place_of(job.site))
    database.run("INSERT INTO photo VALUES (4, 'photos/b.jpg')")
    order = purging(kit, database, job, info.name)
    purged = purge(order, check=False)
    assert [batch.files for batch in purged.batches] == [1]
    assert [kept.name for kept in purged.kept.items] == [b"photos/b.jpg"]
    if kit.versioned:
        assert versions(kit, ORPHANS[0]) == []
    restore(job.site, info.name, [], False)
    assert media_of(kit) == sorted([*REFERENCED, b"photos/b.jpg"])


@pytest.mark.parametrize("kit", [PLAIN, VERSIONED], indirect=True, ids=str)
def test_modules_list_and_pin_the_batches_of_a_bucket(kit: S3Kit, database: TestDatabase) -> None:
    job = orphans(kit, database)
    _plan, outcome = run(job, check=False)
    assert outcome is not None
    place = {"quarantine": os.fsdecode(job.site.quarantine or b""), "storage_options": kit.server.options}
    place["user"] = getpass.getuser()

    def listed() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = run_module({f"{QUARANTINE}_info": place})["batches"]
        return found

    assert [(batch["name"], batch["files"], batch["pinned"]) for batch in listed()] == [
        (outcome.batch, 2, False)
    ]
    assert run_module({QUARANTINE: {**place, "state": "pinned", "batch": outcome.batch}})["changed"]
    assert [batch["pinned"] for batch in listed()] == [True]


@pytest.mark.parametrize("kit", [PLAIN, VERSIONED], indirect=True, ids=str)
def test_what_is_deleted_for_good_leaves_nothing(kit: S3Kit, database: TestDatabase) -> None:
    run(orphans(kit, database, permanent=True), check=False)
    assert media_of(kit) == REFERENCED
    left = kit.client.list_objects_v2(Bucket=kit.bucket, Prefix=kit.place.prefix.partition("/")[0] + "/")
    assert sorted(entry["Key"] for entry in left["Contents"]) == [
        f"{kit.prefix}{path.decode()}" for path in REFERENCED
    ]
    if kit.versioned:
        assert [versions(kit, path) for path in ORPHANS] == [[], []]


@pytest.mark.promise(10)
@pytest.mark.parametrize("kit", [BucketOf(SEAWEEDFS)], indirect=True, ids=str)
def test_what_object_lock_keeps_is_reported(kit: S3Kit, database: TestDatabase) -> None:
    kit.bucket = f"locked-{time.monotonic_ns()}"
    kit.client.create_bucket(Bucket=kit.bucket, ObjectLockEnabledForBucket=True)
    kit.write(*REFERENCED, *ORPHANS)
    locked = {"Bucket": kit.bucket, "Key": kit.prefix + ORPHANS[1].decode()}
    kit.client.put_object_legal_hold(**locked, LegalHold={"Status": "ON"})
    wait_until_old()
    _plan, outcome = run(orphans(kit, database, permanent=True), check=False)
    assert outcome is not None
    assert [(kept.name, kept.code.value) for kept in outcome.failed.items] == [(ORPHANS[1], "not_removable")]
    assert "legal hold" in outcome.failed.items[0].reason
    assert (outcome.error, media_of(kit)) == ("", [*REFERENCED, ORPHANS[1]])
    job = orphans(kit, database)
    run(job, check=False)
    assert media_of(kit) == REFERENCED, "a marker hides what is locked"
    (info,) = quarantine.batches(place_of(job.site))
    for check in (True, False):
        purged = purge(purging(kit, database, job, info.name), check=check)
        assert [(kept.name, kept.code.value) for kept in purged.kept.items] == [(ORPHANS[1], "object_lock")]
        assert purged.batches == []
    restore(job.site, info.name, [], False)
    assert media_of(kit) == [*REFERENCED, ORPHANS[1]]


@pytest.mark.promise(10)
@pytest.mark.parametrize("kit", [VERSIONED, PLAIN], indirect=True, ids=str)
def test_a_rule_that_ends_the_quarantine_is_said(kit: S3Kit, database: TestDatabase) -> None:
    kit.bucket = kit.server.new_bucket(kit.versioned)
    kit.write(*REFERENCED, *ORPHANS)

    def rule(prefix: str, days: int, status: str = "Enabled") -> dict[str, Any]:
        expires = {"NoncurrentVersionExpiration": {"NoncurrentDays": days}}
        return {"ID": f"{prefix} {days}", "Status": status, "Filter": {"Prefix": prefix}, **expires}

    def notes(*rules: dict[str, Any], **more: Any) -> list[str]:
        if rules:
            kit.client.put_bucket_lifecycle_configuration(
                Bucket=kit.bucket, LifecycleConfiguration={"Rules": [*rules]}
            )
        plan, _outcome = run(orphans(kit, database, **more), check=True)
        return [note for note in plan.warnings if "lifecycle rule" in note]

    assert notes() == []
    others = rule("another/", 1), rule(kit.prefix, 2, "Disabled")
    assert notes(*others) == []
    found = notes(*others, rule(kit.prefix + "photos/", 30), rule("", 14))
    assert ["deletes versions 14 days after" in note for note in found] == ([True] if kit.versioned else [])
    assert all("(media_cleanup_retention_days, 30 if nobody has set it)" in note for note in found)
    assert notes(permanent=True) == []


@pytest.mark.promise(10)
@pytest.mark.parametrize("kit", [VERSIONED, PLAIN], indirect=True, ids=str)
def test_a_rule_that_deletes_in_the_quarantine_itself_is_said(kit: S3Kit, database: TestDatabase) -> None:
    """Without versions it ends the copies, and with them the lists by which what is hidden is known."""
    kit.bucket = kit.server.new_bucket(kit.versioned)
    kit.write(*REFERENCED, *ORPHANS)

    def notes(*rules: tuple[str, int], **more: Any) -> list[str]:
        configuration = [
            {"ID": prefix, "Status": "Enabled", "Filter": {"Prefix": prefix}, "Expiration": {"Days": days}}
            for prefix, days in rules
        ]
        kit.client.put_bucket_lifecycle_configuration(
            Bucket=kit.bucket, LifecycleConfiguration={"Rules": configuration}
        )
        plan, _outcome = run(orphans(kit, database, **more), check=True)
        return [note for note in plan.warnings if "lifecycle rule" in note]

    kept = kit.prefix.rstrip("/") + "-quarantine/"
    assert notes(("another/", 1), (kit.prefix, 1)) == []
    [note] = notes((kept, 20), ("", 40))
    assert f"in the quarantine s3://{kit.bucket}/{kept.rstrip('/')} after 20 days" in note
    assert notes((kept, 20), permanent=True) == []


@pytest.mark.parametrize("kit", [VERSIONED], indirect=True, ids=str)
def test_rules_that_cannot_be_read_are_said(
    kit: S3Kit, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Bucket.ask

    def denied(bucket: Bucket, operation: str, *how: Any) -> Any:
        if operation == "get_bucket_lifecycle_configuration":
            raise BucketError("the service denies it", status=403)
        return ask(bucket, operation, *how)

    monkeypatch.setattr(Bucket, "ask", denied)
    plan, _outcome = run(orphans(kit, database), check=True)
    assert any("lifecycle rules of the bucket" in note and "denies it" in note for note in plan.warnings)
