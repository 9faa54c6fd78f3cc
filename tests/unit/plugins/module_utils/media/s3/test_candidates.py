# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Candidates of a bucket that a list has: what is asked of the service, and what its answers decide."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from engine.config.jobs import orphans_job
from engine.config.site import OrphansJob
from engine.media.s3.client import Bucket
from engine.media.s3.failures import BucketError
from helpers.builders import found, guards, run
from helpers.databases import TestDatabase
from helpers.s3_memory import MemoryService, Object
from helpers.s3_sites import photos_in

REFERENCED = [f"photos/{number:04}.jpg" for number in range(1000)]
ORPHANS = ["photos/a b+ü.jpg", "photos/b.jpg", "photos/c.jpg"]


class Watched(MemoryService):
    """Counts the requests, and those at one time; of some keys it answers nothing for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: Counter[str] = Counter()
        self.listed: list[str] = []
        self.fails_for = ""
        self.most_at_once = 0
        self._at_once = 0
        self._counting = threading.Lock()

    def ask(self, bucket: Bucket, operation: str, asked: Any, headers: Any = None) -> Any:
        with self._counting:
            self.requests[operation] += 1
            if operation == "list_objects_v2":
                self.listed.append(asked.get("Prefix", ""))
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if operation == "head_object":
                time.sleep(0.002)
                if asked["Key"] == self.fails_for:
                    raise BucketError("the service asks to slow down", status=503)
            return super().ask(bucket, operation, asked, headers)
        finally:
            with self._counting:
                self._at_once -= 1

    def write(self, *paths: str, hours: float = 48) -> None:
        modified = datetime.now(timezone.utc) - timedelta(hours=hours)
        for path in paths:
            self.objects["album", f"media/{path}"] = Object(b"picture", modified)


SERVICE = {
    "endpoint_url": "http://127.0.0.1:9",
    "region_name": "r",
    "access_key": "a",
    "secret_key": "s",
}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Watched:
    made = Watched()

    def ask(bucket: Bucket, *arguments: Any) -> Any:
        return made.ask(bucket, *arguments)

    monkeypatch.setattr(Bucket, "ask", ask)
    made.write(*REFERENCED, *ORPHANS)
    return made


@pytest.fixture
def database(sqlite: TestDatabase) -> TestDatabase:
    return photos_in(sqlite, map(str.encode, REFERENCED))


def job(database: TestDatabase, folder: Path, *keys: str, **more: Any) -> OrphansJob:
    listed = folder / "candidates.csv"
    encoded = (quote_plus(key, safe="/") for key in keys)
    listed.write_text("key\n" + "".join(f"{key}\n" for key in encoded))
    return orphans_job(
        {
            "name": "album",
            "database_url": database.url,
            "media_root": "s3://album/media",
            "storage_options": SERVICE,
            "permanent": True,
            "directories": ["."],
            "references": [{"table": "photo", "column": "image"}],
            "candidates": str(listed),
            **more,
        }
    )


@pytest.mark.promise(3)
def test_candidates_of_a_bucket_are_asked_for_one_by_one_and_nothing_is_listed(
    service: Watched, database: TestDatabase, tmp_path: Path
) -> None:
    service.write("photos/overwritten.jpg", hours=1)
    stale = ["media/photos/gone.jpg", "media/photos/overwritten.jpg", "media/photos", "media/photos//x.jpg"]
    other = ["media-old/photos/a.jpg", "photos/0001.jpg", "media/", "media/photos/0007.jpg"]
    keys = [*stale, *other, *(f"media/{path}" for path in ORPHANS)]
    plan, _outcome = run(job(database, tmp_path, *keys), check=True)
    assert found(plan) == sorted(path.encode() for path in ORPHANS)
    assert guards(plan) == []
    assert plan.young == 1
    assert {kept.name: kept.code.value for kept in plan.kept.items} == {
        b"photos/gone.jpg": "absent",
        b"photos": "not_a_file",
        b"photos//x.jpg": "outside",
        b"media-old/photos/a.jpg": "outside",
        b"photos/0001.jpg": "outside",
        b"": "outside",
    }
    # A sample of the references, each by a page of a listing or by itself; and the candidates.
    assert service.requests["head_object"] <= 450
    assert service.requests["list_objects_v2"] <= 450
    assert set(service.requests) <= {"head_object", "list_objects_v2", "get_bucket_versioning"}


def test_many_candidates_of_a_bucket_are_asked_for_at_the_same_time(
    service: Watched, database: TestDatabase, tmp_path: Path
) -> None:
    keys = [f"media/photos/gone{number}.jpg" for number in range(200)]
    plan, _outcome = run(job(database, tmp_path, *keys), check=True)
    assert sum(plan.kept_codes.values()) == 200
    assert service.most_at_once >= 4


@pytest.mark.promise(1)
def test_a_candidate_that_the_service_does_not_answer_for_makes_the_run_partial(
    service: Watched, database: TestDatabase, tmp_path: Path
) -> None:
    service.fails_for = "media/photos/b.jpg"
    plan, outcome = run(job(database, tmp_path, *(f"media/{path}" for path in ORPHANS)))
    assert plan.is_partial
    assert outcome is None


@pytest.mark.promise("guards")
def test_a_bucket_in_which_nothing_that_rows_reference_is_there_is_not_cleaned(
    service: Watched, database: TestDatabase, tmp_path: Path
) -> None:
    """The database of another site: its thousand references do not make the share small."""
    database.run("UPDATE photo SET image = 'photos/other-' || image")
    plan, outcome = run(job(database, tmp_path, *(f"media/{path}" for path in ORPHANS)))
    assert "max_removal_percent" in guards(plan)
    assert outcome is None


@pytest.mark.promise("guards")
@pytest.mark.parametrize("is_listed", [True, False])
@pytest.mark.parametrize("newest", ["photos/0999.jpg", "photos/0000.jpg", None])
def test_candidates_newer_than_all_that_the_database_references_are_not_removed(
    service: Watched, database: TestDatabase, tmp_path: Path, is_listed: bool, newest: str | None
) -> None:
    """Where a file is as new that the newest row references, hardly more requests show it."""
    uploads = [f"photos/since {number}.jpg" for number in range(10)]
    service.write(*REFERENCED, hours=720)
    service.write(*uploads, *([newest] if newest else []))
    more = {"accept": []} if is_listed else {"accept": [], "candidates": None}
    plan, _outcome = run(job(database, tmp_path, *(f"media/{path}" for path in uploads), **more), check=True)
    assert len(found(plan)) == 10 + (0 if is_listed else len(ORPHANS))
    assert guards(plan) == ([] if newest else ["older_database"])
    if newest == "photos/0999.jpg":
        assert service.requests["head_object"] <= 450 + 20


@pytest.mark.promise("guards")
def test_of_a_large_folder_one_page_tells_that_it_is_no_few_files(
    service: Watched, database: TestDatabase, tmp_path: Path
) -> None:
    service.write(*(f"photos/banners/{number:05}.jpg" for number in range(5000)))
    plan, _outcome = run(job(database, tmp_path, "media/photos/banners/00007.jpg"), check=True)
    assert {kept.name: kept.code.value for kept in plan.kept.items} == {
        b"photos/banners": "unreferenced_folder"
    }
    assert found(plan) == []
    listed = [prefix for prefix in service.listed if prefix.startswith("media/photos/banners/")]
    assert listed == ["media/photos/banners/"]
