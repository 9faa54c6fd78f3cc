# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""All plans of a host by one module: they are those of the modules of the jobs, one by one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.django_media.cleanup.plugins.module_utils._plans import Plans, Refused
from engine import host, process, run
from helpers.clock import let_clock_tick
from helpers.modules import run_module
from helpers.sites import Site

SECRET = "hunter2-and-more"
# Differs between two plans of the same: when they were made.
MOMENTS = ("plan", "plan_id", "summary", "diff", "invocation", "failed")
ABOUT = {"item", "heading", "job", "site"}


def plans(*sites: Any, **options: Any) -> dict[str, Any]:
    """What the action asks the engine on a target, and makes of its answers, with nothing between them."""
    let_clock_tick()
    try:
        asked = Plans({"sites": list(sites), **options}, {"check": True, "verbose": False, "diff": True})
    except Refused as error:
        return {"failed": True, "msg": str(error), "status": error.status}
    answer = json.loads(json.dumps(host.plans(json.loads(json.dumps(asked.requests)))))
    return {"failed": False, **asked.result(answer)}


def filled(site: Site) -> Site:
    site.keep("photos/a.jpg")
    site.write("photos/orphan.jpg", "photos/pending.jpg")
    site.insert("photos/gone.jpg")
    site.insert("photos/pending.jpg", attached=False)
    return site


@pytest.mark.promise(6)
def test_the_plans_are_those_of_the_modules_of_the_jobs(sqlite_site: Site) -> None:
    site = filled(sqlite_site)
    before = site.state()
    described = site.described()
    found = plans(described)
    assert not found["failed"]
    assert found["changed"]
    assert site.state() == before
    assert [job["job"] for job in found["jobs"]] == ["orphans", "incomplete", "missing"]
    modules = {
        "orphans": site.orphans(**described["orphans"]),
        **{job: site.records(select=job) for job in ("incomplete", "missing")},
    }
    for job in found["jobs"]:
        ((name, options),) = modules[job["job"]].items()
        shared = {
            key: described[key] for key in ("older_than_hours", "quarantine", "name") if key in described
        }
        alone = run_module({name: {**shared, **options}}, check=True)
        assert set(job) - ABOUT == set(alone) - {"failed", "invocation", "diff", "warnings"}
        for key in ("found", "examined", "identity", "left_alone", "refused", "young", "labels"):
            assert job[key] == alone[key], (job["job"], key)
    assert len(found["diff"]) == len(found["jobs"]) + len(found["purges"])


def test_the_jobs_of_a_site_share_one_session(sqlite_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    open_session = run.open_session
    monkeypatch.setattr(run, "open_session", lambda *given: opened.append(given) or open_session(*given))
    found = plans(filled(sqlite_site).described())
    assert len(found["jobs"]) == 3
    assert len(opened) == 1


def test_what_is_wrong_with_one_job_keeps_no_other_from_being_planned(sqlite_site: Site) -> None:
    described = filled(sqlite_site).described()
    wrong = {**described["orphans"], "max_removal_percent": "many"}
    found = plans({**described, "orphans": wrong, "name": "kit"})
    first, *others = found["jobs"]
    assert "max_removal_percent" in first["msg"]
    assert first["status"] == "unusable"
    assert all("summary" in job for job in others)
    assert found["changed"]


@pytest.mark.parametrize("more", [{}, {"python": True}], ids=["here", "in the site's process"])
def test_where_a_site_is_can_be_asked_without_a_plan(
    sqlite_site: Site, tmp_path: Path, more: dict[str, Any]
) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    described = filled(sqlite_site).described(**dict.fromkeys(more, str(python)))
    before = sqlite_site.state()
    found = plans(described, {**described, "name": "gone", "media_root": "/nowhere"}, only_places=True)
    planned = plans(described)["jobs"][0]["identity"]
    (first, second) = found["jobs"]
    assert set(first) - ABOUT == {"changed", "identity"}
    assert first["identity"] == planned
    assert "/nowhere" in second["msg"]
    assert found["purges"] == []
    assert not found["changed"]
    assert sqlite_site.state() == before


def test_what_is_said_for_the_run_comes_before_the_description(sqlite_site: Site) -> None:
    site = filled(sqlite_site)
    described = site.described(max_removal_percent=100)
    allowed, narrow = plans(described), plans(described, max_removal_percent=0, jobs=["orphans"])
    assert allowed["jobs"][0]["refused"] == []
    assert [job["job"] for job in narrow["jobs"]] == ["orphans"]
    assert [refusal["guard"] for refusal in narrow["jobs"][0]["refused"]] == ["max_removal_percent"]


@pytest.mark.promise(15)
def test_a_process_of_its_own_sends_the_plans_and_each_report(sqlite_site: Site, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    site = filled(sqlite_site)
    described = site.described()
    here, there = plans(described), plans({**described, "python": str(python)}, report={"most_thumbnails": 3})
    for one, other in zip(here["jobs"], there["jobs"]):
        assert {**one, **dict.fromkeys(MOMENTS)} == {**other, **dict.fromkeys(MOMENTS)}
    folder = Path(there["report_folder"])
    try:
        written = {path.name: path.read_text() for path in folder.iterdir()}
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    assert sorted(written) == ["0.json", "1.json", "2.json"]
    for job in there["jobs"]:
        assert json.dumps(job["plan_id"]) in written[f"{job['item']}.json"]


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    "wrong",
    [
        {"database_url": f"nonsense://kit:{SECRET}@db/kit"},
        {"database_url": [f"postgresql://kit:{SECRET}@db/kit"]},
        {"marker": f"postgresql://kit:{SECRET}@db/kit", "database_url": f"postgresql://kit:{SECRET}@db/kit"},
        {"storage_options": {"secret_key": SECRET, "access_key": "key", "addressing_style": "nowhere"}},
        {"storage_options": f"secret_key={SECRET}"},
        {"django": {"project": "/nowhere", "environment": {"DB_PASSWORD": SECRET}}},
        {"django": f"project=/srv environment={{'DB_PASS':'{SECRET}'}}"},
        {"django": {"project": "/nowhere", "environment": {"DB_PASSWORD": SECRET}}, "name": SECRET},
        {"nonsense": SECRET},
    ],
)
def test_no_secret_of_a_description_that_is_wrong_shows(sqlite_site: Site, wrong: dict[str, Any]) -> None:
    found = plans({**sqlite_site.described(), **wrong})
    assert found["failed"] or all(job["msg"] for job in found["jobs"])
    assert SECRET not in str(found)


@pytest.mark.promise(12)
def test_what_is_no_secret_is_not_blotted_out(sqlite_site: Site) -> None:
    found = plans(filled(sqlite_site).described())
    assert "photos/orphan.jpg" in found["jobs"][0]["summary"]
    assert "VALUE_SPECIFIED" not in str(found["jobs"])
    assert "********" not in str(found["jobs"])


@pytest.mark.promise(12)
def test_a_secret_in_another_option_is_refused(sqlite_site: Site) -> None:
    described = sqlite_site.described(marker=sqlite_site.database.url)
    assert {job["msg"] for job in plans(described)["jobs"]} == {
        "marker holds the value of database_url. Correct this option."
    }


def test_what_a_reviewer_keeps_is_not_in_the_plan(sqlite_site: Site) -> None:
    described = filled(sqlite_site).described()
    first = plans(described)["jobs"][0]
    review = {"plan_id": first["plan_id"], "keep": ["photos/orphan.jpg"]}
    kept = plans(described, keep={"0": {"approved_plan": first["plan"], "review": review}})["jobs"][0]
    assert kept["found"]["files"] == first["found"]["files"] - 1


@pytest.mark.promise(15)
def test_a_process_that_sends_too_few_answers_is_not_believed(
    sqlite_site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    run_process = process.run
    monkeypatch.setattr(process, "run", lambda *given: run_process(*given)[:-1])
    found = plans({**filled(sqlite_site).described(), "python": str(python)})
    assert all("no answers of this version" in job["msg"] for job in found["jobs"])
