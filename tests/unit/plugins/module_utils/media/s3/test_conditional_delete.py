# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Whether a service deletes only what is unchanged: who tries it, who knows it, and what is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, Callable

import pytest

from engine.config.site import OrphansJob
from engine.errors import StateError
from engine.media.s3.client import Bucket
from engine.media.s3.page_reader import Entry
from engine.quarantine.state.site_state import CONDITIONAL_DELETE, State
from helpers.builders import found, guards, run
from helpers.databases import TestDatabase
from helpers.s3_kit import S3Kit
from helpers.s3_servers import MINISTACK, RCLONE, S3Server, Service
from helpers.s3_sites import media_of, orphans_in, photos_in, wait_until_old

KEPT, ORPHAN = b"photos/1.jpg", b"photos/b.jpg"
NOT_KNOWN = "deletes an object only while it is unchanged is not known"
WRITES = {"put_object", "copy_object", "delete_object"}


@pytest.fixture(params=[RCLONE, MINISTACK], ids=lambda service: service.name)
def kit(request: pytest.FixtureRequest, s3_servers: Callable[[Service], S3Server]) -> S3Kit:
    made = S3Kit(s3_servers(request.param))
    made.write(KEPT, ORPHAN)
    wait_until_old()
    return made


@pytest.fixture
def database(sqlite: TestDatabase) -> TestDatabase:
    return photos_in(sqlite, [KEPT])


def orphans(kit: S3Kit, database: TestDatabase, **more: Any) -> OrphansJob:
    return orphans_in(kit, database, "photos", max_removal_percent=100, **more)


def is_not_known(plan: Any) -> bool:
    return any(NOT_KNOWN in warning for warning in plan.warnings)


@pytest.mark.promise(2)
@pytest.mark.promise(6)
@pytest.mark.parametrize("kit", [RCLONE], indirect=True, ids=lambda service: service.name)
def test_a_service_without_conditions_is_refused_until_that_is_accepted(
    kit: S3Kit, database: TestDatabase, requests: Counter[str]
) -> None:
    job = orphans(kit, database)
    plan, _outcome = run(job, check=True)
    assert (is_not_known(plan), guards(plan)) == (True, [])
    assert WRITES.isdisjoint(requests), "a check writes nothing"

    plan, outcome = run(job, check=False)
    assert (guards(plan), outcome, media_of(kit)) == (["unconditional_delete"], None, [KEPT, ORPHAN])
    assert plan.refusals[0].lifted_by == "accept: [unconditional_delete]"

    requests.clear()
    plan, _outcome = run(job, check=True)
    assert (is_not_known(plan), guards(plan)) == (False, ["unconditional_delete"]), "a check knows it by now"
    assert WRITES.isdisjoint(requests)
    for accepting in (orphans(kit, database, accept=["unconditional_delete"]), _used_once(job)):
        plan, _outcome = run(accepting, check=True)
        assert (is_not_known(plan), guards(plan), found(plan)) == (False, [], [ORPHAN])
    run(_used_once(job), check=False)
    assert media_of(kit) == [KEPT]


def _used_once(job: OrphansJob) -> OrphansJob:
    """The same for a project that uses no name again."""
    return replace(job, site=replace(job.site, uses_names_once=True))


@pytest.mark.promise(6)
@pytest.mark.parametrize("kit", [MINISTACK], indirect=True, ids=lambda service: service.name)
@pytest.mark.parametrize("permanent", [False, True])
def test_a_check_knows_what_an_apply_found_out_of_this_bucket(
    kit: S3Kit, database: TestDatabase, permanent: bool
) -> None:
    job = orphans(kit, database, permanent=permanent)
    assert is_not_known(run(job, check=True)[0])
    run(job, check=False)
    assert media_of(kit) == [KEPT]
    kit.write(ORPHAN)
    wait_until_old()
    plan, _outcome = run(job, check=True)
    assert (is_not_known(plan), guards(plan), found(plan)) == (False, [], [ORPHAN])

    elsewhere = orphans(kit, database, quarantine=f"{kit.place.url}-elsewhere")
    assert is_not_known(run(elsewhere, check=True)[0]), "of another place nobody knows it"


@pytest.mark.parametrize("kit", [MINISTACK], indirect=True, ids=lambda service: service.name)
def test_what_is_known_is_of_one_service_and_a_damaged_state_is_no_answer(
    kit: S3Kit, database: TestDatabase
) -> None:
    job = orphans(kit, database)
    state = State(job.site, writes=True)
    state.record(CONDITIONAL_DELETE, {"place": "s3 https://before.example uploads/media", "honoured": True})
    assert is_not_known(run(job, check=True)[0])
    state.record(CONDITIONAL_DELETE, {"place": "s3", "honoured": "yes"})
    with pytest.raises(StateError, match="is damaged: what it says of the service"):
        run(job, check=True)


@pytest.mark.promise(2)
@pytest.mark.parametrize("kit", [MINISTACK], indirect=True, ids=lambda service: service.name)
@pytest.mark.parametrize("is_honoured", [False, True])
def test_a_quarantine_in_another_bucket_says_nothing_of_the_bucket_of_the_media(
    kit: S3Kit, database: TestDatabase, monkeypatch: pytest.MonkeyPatch, is_honoured: bool
) -> None:
    """As behind a gateway, where one address leads to several services."""
    delete = Bucket.delete

    def careless(bucket: Bucket, key: str, if_match: str = "", version: str = "") -> Any:
        is_careless = bucket.name == kit.bucket and not is_honoured
        return delete(bucket, key, "" if is_careless else if_match, version)

    monkeypatch.setattr(Bucket, "delete", careless)
    other = kit.server.new_bucket()
    job = orphans(kit, database, quarantine=f"s3://{other}/kept")
    plan, _outcome = run(job, check=False)
    assert guards(plan) == ([] if is_honoured else ["unconditional_delete"])
    assert media_of(kit) == ([KEPT] if is_honoured else [KEPT, ORPHAN])
    assert not any("held" in entry.key for entry in _all_objects(kit)), "what was tried is gone"
    plan, _outcome = run(job, check=True)
    assert not is_not_known(plan)
    if not is_honoured:
        assert f"s3://{other}/kept and {kit.place.url}" in plan.refusals[0].message


def _all_objects(kit: S3Kit) -> list[Entry]:
    with kit.store() as store:
        return [entry for page in store.bucket.pages(kit.prefix) for entry in page.entries]
