# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The first apply records which database and media store belong together; no other pair is cleaned then."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from engine import run as runs
from engine.errors import StateError
from engine.quarantine.state.site_state import State
from engine.report.describe import describe
from engine.report.words import summary, warnings
from helpers.builders import Media, Site, guards, run
from helpers.databases import TestDatabase

pytestmark = pytest.mark.promise("guards")


@pytest.fixture(params=["with a quarantine", "deleting for good"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Options of a site that accepts nothing."""
    kept_in = {"quarantine": str(tmp_path / "kept")} if "with" in request.param else {}
    return {"accept": [], **kept_in}


def staging(site: Site, tmp_path: Path) -> Site:
    """The same site with the database of yesterday, which does not know the newest photos."""
    copy = tmp_path / "staging.sqlite3"
    shutil.copy(tmp_path / "db.sqlite3", copy)
    other = Site.__new__(Site)
    other.__dict__.update(site.__dict__, database=TestDatabase("sqlite", f"sqlite:///{copy}"))
    return other


def said(job: Any, plan: Any, outcome: Any) -> str:
    return "\n".join(summary(describe(job, plan, outcome), verbose=False))


def test_a_staging_database_removes_nothing_of_the_live_media(
    sqlite_with_orphan: Site, tmp_path: Path, kept: dict[str, Any]
) -> None:
    site, before = sqlite_with_orphan, staging(sqlite_with_orphan, tmp_path)
    run(site.orphans(**kept))
    live = [f"p/live{number}.jpg" for number in range(5)]
    site.media.write(*live)
    site.insert(*live)
    for job in (before.orphans(**kept), before.missing(**kept), before.incomplete(**kept)):
        for check in (True, False):
            plan, outcome = run(job, check)
            assert (guards(plan), outcome) == (["other_database"], None)
            assert "staging.sqlite3" in plan.refusals[0].message
            assert plan.refusals[0].lifted_by == "accept: [other_database]"
    assert site.media.files == {b"p/kept.jpg", *map(os.fsencode, live)}
    assert guards(run(site.orphans(**kept))[0]) == []


def test_a_description_that_was_copied_with_another_name_is_no_first_run(
    sqlite_with_orphan: Site, tmp_path: Path, kept: dict[str, Any]
) -> None:
    run(sqlite_with_orphan.orphans(**kept))
    other = staging(sqlite_with_orphan, tmp_path)
    assert guards(run(other.orphans(**kept, name="staging"))[0]) == ["other_database"]
    # Another name for the same site is one, and so are other media in the same quarantine.
    assert guards(run(sqlite_with_orphan.orphans(**kept, name="renamed"))[0]) == []
    other.media = Media(tmp_path / "media of staging")
    assert guards(run(other.orphans(**kept, name="staging"))[0]) == []


def test_other_media_are_not_cleaned(sqlite_with_orphan: Site, tmp_path: Path, kept: dict[str, Any]) -> None:
    site = sqlite_with_orphan
    run(site.orphans(**kept))
    os.rename(site.media.root, tmp_path / "moved")
    site.media.write("p/kept.jpg", "p/live.jpg")
    plan, outcome = run(site.orphans(**kept))
    assert (guards(plan), outcome) == (["other_media"], None)
    assert plan.refusals[0].lifted_by == "accept: [other_media]"
    assert b"p/live.jpg" in site.media.files


@pytest.mark.parametrize("other", ["other_database", "other_media"])
def test_what_is_accepted_once_is_recorded(
    sqlite_with_orphan: Site, tmp_path: Path, kept: dict[str, Any], other: str
) -> None:
    site = sqlite_with_orphan
    run(site.orphans(**kept))
    if other == "other_database":
        site = staging(site, tmp_path)
    else:
        os.rename(site.media.root, tmp_path / "moved")
        site.media.write("p/kept.jpg")
    wrong = {"other_database", "other_media"} - {other}
    assert guards(run(site.orphans(**{**kept, "accept": list(wrong)}))[0]) == [other]
    accepted = site.orphans(**{**kept, "accept": [other]})
    # Check mode accepts it as well, and records nothing.
    assert guards(run(accepted, check=True)[0]) == []
    assert guards(run(site.orphans(**kept))[0]) == [other]
    plan, outcome = run(accepted)
    assert "recorded" in said(accepted, plan, outcome)
    assert guards(run(site.orphans(**kept))[0]) == []


def test_the_first_apply_says_what_it_records_and_no_later_one(
    sqlite_with_orphan: Site, kept: dict[str, Any]
) -> None:
    job = sqlite_with_orphan.orphans(**kept)
    plan, outcome = run(job)
    line = next(line for line in said(job, plan, outcome).splitlines() if "recorded" in line)
    assert "db.sqlite3" in line
    assert not [text for text in warnings(plan, True, outcome) if "recorded" in text]
    assert "recorded" not in said(job, *run(job))


@pytest.mark.promise(6)
def test_check_mode_records_nothing(
    sqlite_with_orphan: Site, tmp_path: Path, state_home: Path, kept: dict[str, Any]
) -> None:
    job = sqlite_with_orphan.orphans(**kept)
    plan, outcome = run(job, check=True)
    assert "recorded" not in said(job, plan, outcome)
    assert not os.listdir(state_home)
    assert not (tmp_path / "kept").exists()
    assert guards(run(staging(sqlite_with_orphan, tmp_path).orphans(**kept), check=True)[0]) == []


def test_a_refused_plan_records_nothing(sqlite_with_orphan: Site, kept: dict[str, Any]) -> None:
    job = sqlite_with_orphan.orphans(**{**kept, "marker": ".here"})
    assert guards(run(job)[0]) == ["marker"]
    assert not State(job.site, writes=False).part("identity")


def test_each_job_of_a_site_knows_what_another_recorded(
    sqlite_with_orphan: Site, kept: dict[str, Any]
) -> None:
    site = sqlite_with_orphan
    jobs = [site.orphans(**kept), site.incomplete(**kept)]
    ended = runs.run_all(jobs, False, [], lambda _job: nullcontext())
    texts = [said(each.job, each.plan, each.outcome) for each in ended]
    assert ["recorded" in text for text in texts] == [True, False]


@pytest.mark.promise(12)
def test_what_is_recorded_holds_no_secret(site_with_orphan: Site, kept: dict[str, Any]) -> None:
    site = site_with_orphan
    if site.database.kind != "postgresql":
        pytest.skip("SQLite has no password")
    site.database = TestDatabase("postgresql", site.database.url.replace("postgres:@", "postgres:hunter2@"))
    job = site.orphans(**kept)
    plan, outcome = run(job)
    recorded = dict(State(job.site, writes=False).part("identity"))
    assert recorded["database"].startswith("postgresql:")
    assert "hunter2" not in json.dumps(recorded) + said(job, plan, outcome)


@pytest.mark.parametrize("facts", [{"database": "a"}, {"database": "a", "media": 1}, {"a": "b"}])
def test_a_record_that_is_damaged_is_no_first_run(
    sqlite_with_orphan: Site, kept: dict[str, Any], facts: dict[str, Any]
) -> None:
    job = sqlite_with_orphan.orphans(**kept)
    State(job.site, writes=True).record("identity", facts)
    for check in (True, False):
        with pytest.raises(StateError, match="is damaged"):
            run(job, check)
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg"}


def test_a_site_without_a_name_is_known_by_its_media_root(
    sqlite_with_orphan: Site, tmp_path: Path, kept: dict[str, Any]
) -> None:
    run(sqlite_with_orphan.orphans(**kept, name=None))
    other = staging(sqlite_with_orphan, tmp_path)
    assert guards(run(other.orphans(**kept, name=None), check=True)[0]) == ["other_database"]
