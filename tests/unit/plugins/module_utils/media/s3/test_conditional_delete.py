# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Whether a service deletes only what is unchanged: who tries it, who knows it, and what is refused."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Callable

import pytest

from engine.config.jobs import orphans_job
from engine.config.site import OrphansJob
from engine.errors import StateError
from engine.media.s3.client import Bucket
from engine.quarantine.state.site_state import CONDITIONAL_DELETE, State
from helpers.builders import found, guards, run
from helpers.databases import TestDatabase
from helpers.s3_kit import S3Kit
from helpers.s3_servers import MINISTACK, RCLONE, S3Server, Service

KEPT, ORPHAN = b"photos/1.jpg", b"photos/b.jpg"
NOT_KNOWN = "deletes an object only while it is unchanged is not known"
WRITES = {"put_object", "copy_object", "delete_object"}


@pytest.fixture(params=[RCLONE, MINISTACK], ids=lambda service: service.name)
def kit(request: pytest.FixtureRequest, s3_servers: Callable[[Service], S3Server]) -> S3Kit:
    made = S3Kit(s3_servers(request.param))
    made.write(KEPT, ORPHAN)
    # A service knows the second of a write, and no part of it.
    time.sleep(2.1)
    return made


@pytest.fixture
def database(sqlite: TestDatabase) -> TestDatabase:
    sqlite.run("CREATE TABLE photo (id integer PRIMARY KEY, image varchar(200))")
    sqlite.run("INSERT INTO photo VALUES (1, 'photos/1.jpg')")
    return sqlite


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The requests that the engine makes and that change something."""
    seen: set[str] = set()
    ask = Bucket.ask

    def noting(bucket: Bucket, operation: str, *asked: Any) -> Any:
        seen.update({operation} & WRITES)
        return ask(bucket, operation, *asked)

    monkeypatch.setattr(Bucket, "ask", noting)
    return seen


def orphans(kit: S3Kit, database: TestDatabase, **more: Any) -> OrphansJob:
    return orphans_job(
        {
            "name": "album",
            "database_url": database.url,
            "media_root": kit.place.url,
            "storage_options": kit.server.options,
            "older_than_hours": 0,
            "max_removal_percent": 100,
            "directories": ["photos"],
            "references": [{"table": "photo", "column": "image"}],
            **more,
        }
    )


def media(kit: S3Kit) -> list[bytes]:
    with kit.store() as store:
        return sorted(run.prefix + name for run in store.walk(b"", None) for name in run.names)


def is_not_known(plan: Any) -> bool:
    return any(NOT_KNOWN in warning for warning in plan.warnings)


@pytest.mark.promise(2)
@pytest.mark.promise(6)
@pytest.mark.parametrize("kit", [RCLONE], indirect=True, ids=lambda service: service.name)
def test_a_service_without_conditions_is_refused_until_that_is_accepted(
    kit: S3Kit, database: TestDatabase, written: set[str]
) -> None:
    job = orphans(kit, database)
    plan, _outcome = run(job, check=True)
    assert (is_not_known(plan), guards(plan), written) == (True, [], set()), "a check writes nothing"

    plan, outcome = run(job, check=False)
    assert (guards(plan), outcome, media(kit)) == (["unconditional_delete"], None, [KEPT, ORPHAN])
    assert plan.refusals[0].lifted_by == "accept: [unconditional_delete]"

    written.clear()
    plan, _outcome = run(job, check=True)
    assert (is_not_known(plan), guards(plan)) == (False, ["unconditional_delete"]), "a check knows it by now"
    assert written == set()
    for accepting in (orphans(kit, database, accept=["unconditional_delete"]), _used_once(job)):
        plan, _outcome = run(accepting, check=True)
        assert (is_not_known(plan), guards(plan), found(plan)) == (False, [], [ORPHAN])
    run(_used_once(job), check=False)
    assert media(kit) == [KEPT]


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
    assert media(kit) == [KEPT]
    kit.write(ORPHAN)
    time.sleep(2.1)
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
