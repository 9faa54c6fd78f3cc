# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Jobs of a site whose media are in a bucket: what they find, and by how many requests."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any, Callable, Iterator

import pytest

from engine.config.jobs import records_job
from engine.config.site import OrphansJob, RecordsJob
from engine.errors import CleanupError
from engine.media.s3.client import Bucket, Page
from engine.media.s3.failures import BucketError
from helpers.builders import found, guards, run
from helpers.databases import TestDatabase
from helpers.s3_kit import S3Kit
from helpers.s3_servers import MINISTACK, S3Server, Service
from helpers.s3_sites import orphans_in, photos_in, site_in, wait_until_old

REFERENCED = [b"photos/%03d.jpg" % number for number in range(60)]
ORPHANS = [b"photos/orphan.jpg", b"photos-/x.jpg", b"videos/a b.mp4"]


@pytest.fixture(scope="module")
def kit(s3_servers: Callable[[Service], S3Server]) -> S3Kit:
    """A filled bucket, which is a moment old."""
    made = S3Kit(s3_servers(MINISTACK))
    made.write(*REFERENCED, *ORPHANS, b"photos/folder/1.jpg")
    made.put(made.prefix + "photos/", b"")
    made.put(made.prefix + "photos//odd.jpg")
    # A neighbour, whose prefix begins with that of the site but for its slash.
    made.put(made.prefix.rstrip("/") + "-other/photos/of-somebody-else.jpg")
    wait_until_old()
    return made


@pytest.fixture
def database(sqlite: TestDatabase) -> TestDatabase:
    return photos_in(sqlite, [*REFERENCED, b"photos/folder/1.jpg"])


def orphans(kit: S3Kit, database: TestDatabase, **more: Any) -> OrphansJob:
    return orphans_in(kit, database, ".", permanent=True, **more)


def missing(kit: S3Kit, database: TestDatabase, **more: Any) -> RecordsJob:
    described = {**site_in(kit, database), "permanent": True, "older_than_hours": 0}
    return records_job({**described, "table": "photo", "file_column": "image", **more})


def test_orphans_of_a_bucket_are_found_by_its_listing(
    kit: S3Kit, database: TestDatabase, requests: Counter[str]
) -> None:
    plan, _outcome = run(orphans(kit, database), check=True)
    assert found(plan) == sorted(ORPHANS)
    assert guards(plan) == []
    assert {kept.name: kept.code.value for kept in plan.kept.items} == {
        b"photos/": "no_path",
        b"photos//odd.jpg": "no_path",
    }
    # One, to see that the service says the same of it.
    assert requests["head_object"] == 1
    assert requests["list_objects_v2"] <= 15
    assert set(requests) <= {"head_object", "list_objects_v2", "get_bucket_versioning"}, (
        "and nothing is written"
    )


def _noting_threads(patch: pytest.MonkeyPatch) -> list[int]:
    """The thread of each question for an object, from now on."""
    asked: list[int] = []
    head = Bucket.head

    def slow(bucket: Bucket, *which: Any) -> Any:
        asked.append(threading.get_ident())
        time.sleep(0.01)
        return head(bucket, *which)

    patch.setattr(Bucket, "head", slow)
    return asked


@pytest.mark.promise(2)
@pytest.mark.parametrize("wrong", [{"tag": "other"}, {"modified_ns": 1}, {"size": 8}])
def test_a_listing_that_says_something_else_than_the_objects_is_not_believed(
    kit: S3Kit, database: TestDatabase, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any]
) -> None:
    """Each candidate is asked for by itself then, several at the same time."""
    believed, _outcome = run(orphans(kit, database), check=True)
    pages = Bucket.pages

    def odd(bucket: Bucket, *which: Any, **how: Any) -> Iterator[Page]:
        for page in pages(bucket, *which, **how):
            yield page._replace(entries=[entry._replace(**wrong) for entry in page.entries])

    monkeypatch.setattr(Bucket, "pages", odd)
    asked = _noting_threads(monkeypatch)
    plan, _outcome = run(orphans(kit, database), check=True)
    assert list(plan.items) == list(believed.items)
    assert len(asked) == len(ORPHANS)
    assert len(set(asked)) > 1


def test_several_objects_are_asked_for_at_the_same_time(
    kit: S3Kit, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of some size that a missing one may have been moved to."""
    database.run("ALTER TABLE photo ADD size integer")
    database.run("ALTER TABLE photo ADD md5 varchar(32)")
    database.run(f"INSERT INTO photo VALUES (101, 'photos/gone.jpg', 7, '{'0' * 32}')")
    asked = _noting_threads(monkeypatch)
    run(missing(kit, database, size_column="size", checksum_column="md5"), check=True)
    assert len(set(asked)) > 1


@pytest.mark.promise(1)
def test_what_is_missing_in_a_bucket_is_asked_of_the_listing_and_proven_one_by_one(
    kit: S3Kit, database: TestDatabase, requests: Counter[str]
) -> None:
    database.run("INSERT INTO photo VALUES (101, 'photos/gone.jpg'), (102, 'photos/folder')")
    plan, _outcome = run(missing(kit, database), check=True)
    assert [item.row.file for item in plan.items] == [b"photos/gone.jpg"], "a folder is no missing file"
    # Several for each of the two that the listing does not show, and none for the others.
    assert requests["head_object"] <= 8
    assert requests["list_objects_v2"] <= 30


def _failing(operation: str, code: str, status: int) -> Callable[..., Any]:
    ask = Bucket.ask

    def failing(bucket: Bucket, asked: str, *more: Any) -> Any:
        if asked == operation:
            raise BucketError(f"the service says {code}", status=status)
        return ask(bucket, asked, *more)

    return failing


@pytest.mark.promise(1)
@pytest.mark.parametrize("code", [("SlowDown", 503), ("ExpiredToken", 400)])
def test_an_answer_that_does_not_come_is_no_absence(
    kit: S3Kit, database: TestDatabase, monkeypatch: pytest.MonkeyPatch, code: tuple[str, int]
) -> None:
    database.run("INSERT INTO photo VALUES (101, 'photos/gone.jpg')")
    monkeypatch.setattr(Bucket, "ask", _failing("head_object", *code))
    plan, _outcome = run(missing(kit, database), check=True)
    assert len(plan.items) == 0
    assert plan.is_partial
    assert guards(plan)[0] == "partial"


@pytest.mark.promise(1)
def test_a_listing_that_ends_too_early_makes_a_run_partial(
    kit: S3Kit, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = Bucket.pages

    def ending(bucket: Bucket, prefix: str = "", *more: Any, **how: Any) -> Iterator[Any]:
        if prefix.endswith("/photos/"):
            raise BucketError("the service asks to slow down", status=503)
        return pages(bucket, prefix, *more, **how)

    monkeypatch.setattr(Bucket, "pages", ending)
    plan, _outcome = run(orphans(kit, database), check=True)
    assert plan.is_partial


def test_a_bucket_that_is_not_there_is_reported(kit: S3Kit, database: TestDatabase) -> None:
    job = orphans(kit, database, media_root="s3://no-such-bucket/media")
    with pytest.raises(CleanupError, match="no such bucket"):
        run(job, check=True)
    with pytest.raises(CleanupError, match="there is no object in it"):
        run(orphans(kit, database, directories=["pictures"]), check=True)


def test_a_folder_that_a_removal_has_emptied_is_reported_and_the_others_are_judged(
    kit: S3Kit, database: TestDatabase
) -> None:
    plan, _outcome = run(orphans(kit, database, directories=["emptied", "photos"]), check=True)
    assert (found(plan), guards(plan)) == ([b"photos/orphan.jpg"], [])
    assert any("no object in the directory 'emptied'" in warning for warning in plan.warnings)


@pytest.mark.promise(2)
def test_orphans_of_a_bucket_are_deleted_for_good(
    s3_servers: Callable[[Service], S3Server], database: TestDatabase
) -> None:
    kit = S3Kit(s3_servers(MINISTACK))
    kit.write(*REFERENCED[:10], b"photos/orphan.jpg", b"photos/claimed.jpg")
    wait_until_old()
    plan, outcome = run(orphans(kit, database, max_removal_percent=100))
    assert (guards(plan), outcome.error) == ([], "")
    assert outcome.removed.files == 2
    with kit.store() as store:
        left = [one.prefix + name for one in store.walk(b"", None) for name in one.names]
        assert left == REFERENCED[:10]
        assert store.folder_of_held() is None, "nothing waits any more"
