# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from engine import run as runs
from engine.database.base import Database
from engine.errors import DatabaseError
from engine.media.local import LocalStore
from engine.plan.plan import Plan
from helpers.builders import Site, found
from helpers.clock import let_clock_tick

SHAPES = {
    "a file without a reference, and references without a file": (
        ["p/a.jpg", "p/b.jpg", "q/c.jpg"],
        ["p/a.jpg", "p/aa.jpg", "p/z.jpg", "q/b.jpg", "q/d.jpg", "z/e.jpg"],
    ),
    "no file at all": ([], ["p/a.jpg", "q/b.jpg"]),
    "no reference at all": (["p/a.jpg"], []),
    "nothing amiss": (["p/a.jpg", "q/b.jpg"], ["p/a.jpg", "q/b.jpg"]),
}


def plans(jobs: list[Any]) -> list[Plan]:
    let_clock_tick()
    ended = runs.run_all(jobs, True, [], lambda _job: nullcontext())
    assert [run.error for run in ended] == [None] * len(jobs)
    return [run.plan for run in ended if run.plan]


@pytest.mark.parametrize("shape", SHAPES)
def test_jobs_in_one_session_find_what_each_finds_alone(site: Site, shape: str) -> None:
    files, references = SHAPES[shape]
    site.media.mkdir("p", "q")
    site.media.write(*files)
    site.insert(*references)
    jobs = [site.orphans(), site.missing()]
    together, alone = plans(jobs), [plans([job])[0] for job in jobs]
    assert [found(plan) for plan in together] == [found(plan) for plan in alone]
    assert [plan.examined for plan in together] == [plan.examined for plan in alone]
    assert [plan.digest for plan in together] == [plan.digest for plan in alone]


def test_one_listing_and_one_read_of_the_references_serve_both_jobs(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.media.write("p/a.jpg")
    site.insert("p/a.jpg", "p/b.jpg")
    asked: list[str] = []

    def counted(of: type, name: str) -> None:
        original = getattr(of, name)

        def call(*arguments: Any, **options: Any) -> Any:
            asked.append(name)
            return original(*arguments, **options)

        monkeypatch.setattr(of, name, call)

    counted(LocalStore, "listing")
    counted(Database, "references")
    assert [plan.found.files or plan.found.records for plan in plans([site.orphans(), site.missing()])] == [
        0,
        1,
    ]
    assert asked == ["listing", "references"]


def test_a_job_of_another_column_reads_its_own_references(site: Site) -> None:
    site.media.write("p/a.jpg")
    site.insert("p/a.jpg", thumbnail="t/gone.jpg")
    _orphans, missing = plans([site.orphans(), site.missing(file_column="thumbnail")])
    assert found(missing) == [b"t/gone.jpg"]


def test_a_job_that_fails_ends_its_session_and_not_the_next_job(site: Site) -> None:
    site.media.mkdir("p")
    site.insert("p/gone.jpg")
    jobs = [site.missing(table="no_such_table"), site.missing()]
    let_clock_tick()
    failed, ended = runs.run_all(jobs, False, [], lambda _job: nullcontext())
    assert "no_such_table" in str(failed.error)
    assert ended.outcome is not None
    assert ended.outcome.removed.records == 1


def test_runs_come_in_the_order_of_their_jobs_wherever_these_are(site: Site, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir(mode=0o700)
    site.media.write("p/lost.jpg")
    site.insert("q/gone.jpg")
    elsewhere = {"quarantine": str(tmp_path / "kept")}
    jobs = [site.orphans(), site.missing(**elsewhere), site.missing(), site.missing()]
    let_clock_tick()
    ended = runs.run_all(jobs, True, [], lambda _job: nullcontext())
    assert [id(run.job) for run in ended] == [id(job) for job in jobs]
    assert [run.error for run in ended] == [None] * len(jobs)


def test_a_site_that_cannot_be_opened_fails_each_of_its_jobs(sqlite_site: Site) -> None:
    sqlite_site.database.run("DROP TABLE photo")
    jobs = [
        sqlite_site.missing(media_root="/nowhere"),
        sqlite_site.orphans(media_root="/nowhere"),
    ]
    ended = runs.run_all(jobs, True, [], lambda _job: nullcontext())
    assert [run.job for run in ended] == jobs
    assert ["does not exist" in str(run.error) for run in ended] == [True, True]


def test_each_plan_is_applied_as_it_was_approved(site: Site) -> None:
    site.media.write("p/lost.jpg")
    site.insert("q/gone.jpg")
    jobs = [site.orphans(), site.missing()]
    tokens = [plan.token for plan in plans(jobs)]
    site.media.write("p/later.jpg")
    site.insert("q/later.jpg")
    let_clock_tick()
    removed = [run.outcome.removed for run in runs.run_all(jobs, False, tokens, lambda _job: nullcontext())]
    assert [(totals.files, totals.records) for totals in removed] == [(1, 0), (0, 1)]
    assert site.media.files == {b"p/later.jpg"}
    assert site.images == ["q/later.jpg"]


def test_references_out_of_order_are_refused_for_both_differences(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.media.write("p/a.jpg")
    monkeypatch.setattr(Database, "references", lambda *_arguments: iter([[b"p/b.jpg", b"p/a.jpg"]]))
    let_clock_tick()
    orphans, _missing = runs.run_all([site.orphans(), site.missing()], True, [], lambda _job: nullcontext())
    assert isinstance(orphans.error, DatabaseError)
