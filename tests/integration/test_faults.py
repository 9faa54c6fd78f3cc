# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Runs that are killed, cut off and failed by the disk: nothing is lost, and the next run goes on.

``python tests/soak.py`` does the same thousands of times.
"""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Iterator

import pytest

from helpers.faults import CALLS_THAT_FAIL, ERRORS, Fault
from helpers.full_sites import JOBS, FullSite, cleaning, restoring, settled
from helpers.rounds import Figures, killed_at_random, losses, random_rounds, round_of, steps_of
from helpers.uploader import live_rounds


@pytest.fixture(params=["same", "other"])
def folder_and_quarantine(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Path, Path | None]]:
    """A folder in memory, where syncing is quick, and one of the same or another file system."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        if request.param == "other" and os.stat(folder).st_dev == os.stat(tmp_path).st_dev:
            pytest.skip("there is no second file system here")
        yield Path(folder), tmp_path if request.param == "other" else None


@pytest.fixture
def sqlite_full_site(folder_and_quarantine: tuple[Path, Path | None], sqlite: Any) -> FullSite:
    """A full site in memory, database included."""
    folder, kept_in = folder_and_quarantine
    path = folder / "db.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1")
    return settled(FullSite(folder, replace(sqlite, url=f"sqlite:///{path}"), kept_in))


@pytest.fixture
def postgresql_full_site(postgresql_psycopg2: Any) -> Iterator[FullSite]:
    """A full site whose files are in memory."""
    yield from full_site_in_memory(postgresql_psycopg2)


@pytest.fixture
def psycopg3_full_site(postgresql_psycopg3: Any) -> Iterator[FullSite]:
    """The same, whose database is reached through psycopg 3."""
    yield from full_site_in_memory(postgresql_psycopg3)


@pytest.fixture
def mariadb_full_site(mariadb: Any) -> Iterator[FullSite]:
    """The same with MariaDB."""
    yield from full_site_in_memory(mariadb)


def full_site_in_memory(database: Any) -> Iterator[FullSite]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield settled(FullSite(Path(folder), database))


def assert_nothing_lost(figures: Figures) -> None:
    print(figures)
    assert figures.losses == []
    assert figures.tracebacks == []


@pytest.mark.promise(4)
@pytest.mark.parametrize("job", JOBS)
def test_a_run_that_is_killed_at_any_step_loses_nothing(sqlite_full_site: FullSite, job: str):
    figures, work = Figures(), cleaning(sqlite_full_site, job)
    for step in range(1, steps_of(sqlite_full_site, work) + 1, 6):
        round_of(sqlite_full_site, work, Fault("kill", step), figures)
    assert_nothing_lost(figures)


@pytest.mark.promise(4)
@pytest.mark.parametrize("job", JOBS)
def test_a_run_that_is_killed_at_any_statement_loses_nothing(postgresql_full_site: FullSite, job: str):
    figures, work = Figures(), cleaning(postgresql_full_site, job)
    for step in range(1, 60, 3):
        if round_of(postgresql_full_site, work, Fault("kill", step, "sql"), figures).how == "done":
            break
    assert_nothing_lost(figures)


@pytest.mark.promise(4)
def test_a_run_that_is_killed_by_the_clock_loses_nothing(sqlite_full_site: FullSite):
    figures, chance = Figures(), random.Random(1)
    for number in range(15):
        killed_at_random(sqlite_full_site, JOBS[number % 3], chance, figures)
    assert_nothing_lost(figures)


@pytest.mark.promise(1)
@pytest.mark.parametrize("job", JOBS)
def test_a_connection_that_is_cut_loses_nothing(postgresql_full_site: FullSite, job: str):
    figures, work = Figures(), cleaning(postgresql_full_site, job)
    # Each of the first, with which the session is prepared.
    for step in (*range(1, 8), *range(8, 60, 3)):
        if round_of(postgresql_full_site, work, Fault("cut", step, "sql"), figures).how == "done":
            break
    assert_nothing_lost(figures)


@pytest.mark.promise(4)
def test_a_commit_whose_answer_is_lost_through_psycopg3_loses_nothing(psycopg3_full_site: FullSite):
    figures = Figures()
    ended = {
        round_of(
            psycopg3_full_site, cleaning(psycopg3_full_site, job), Fault("cut", step, "committed"), figures
        ).how
        for job in JOBS
        for step in (1, 2)
    }
    assert "failed" in ended
    assert_nothing_lost(figures)


@pytest.mark.promise(4)
@pytest.mark.parametrize(
    ("job", "killed_at", "cut_at"), [("orphans", 90, 60), ("incomplete", 130, 210), ("missing", 140, 100)]
)
def test_a_run_on_mariadb_that_ends_at_a_statement_loses_nothing(
    mariadb_full_site: FullSite, job: str, killed_at: int, cut_at: int
):
    """At one before the removal or in it; ``make soak`` tries all."""
    figures, work = Figures(), cleaning(mariadb_full_site, job)
    assert round_of(mariadb_full_site, work, Fault("kill", killed_at, "sql"), figures).how == "killed"
    assert round_of(mariadb_full_site, work, Fault("cut", cut_at, "sql"), figures).steps >= cut_at
    assert_nothing_lost(figures)


@pytest.mark.promise(1)
@pytest.mark.parametrize("call", CALLS_THAT_FAIL)
def test_a_system_call_that_fails_loses_nothing_and_is_told(sqlite_full_site: FullSite, call: str):
    figures, chance = Figures(), random.Random(call)
    for job in JOBS:
        for error in chance.sample(ERRORS, 2):
            fault = Fault("error", chance.randint(1, 6), call, error, lasting=chance.random() < 0.5)
            round_of(sqlite_full_site, cleaning(sqlite_full_site, job), fault, figures)
    assert_nothing_lost(figures)


@pytest.mark.promise(10)
@pytest.mark.parametrize("job", JOBS)
def test_a_restore_that_meets_any_fault_loses_nothing(sqlite_full_site: FullSite, job: str):
    figures, chance = Figures(), random.Random(job)
    for number in range(15):
        sqlite_full_site.run(job)
        error = Fault("error", chance.randint(1, 5), chance.choice(CALLS_THAT_FAIL), chance.choice(ERRORS))
        fault = (error, Fault("cut", 1 + number, "sql"), Fault("kill", 5 * number + 1))[number % 3]
        round_of(sqlite_full_site, restoring(sqlite_full_site), fault, figures)
    assert_nothing_lost(figures)


@pytest.mark.promise(4)
@pytest.mark.parametrize("seed", range(2))
def test_faults_at_random_lose_nothing(sqlite_full_site: FullSite, seed: int):
    figures = Figures()
    random_rounds(sqlite_full_site, 25, random.Random(seed), figures)
    assert_nothing_lost(figures)


@pytest.mark.promise(2)
def test_under_a_live_uploader_nothing_that_is_wanted_goes(database: Any):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        figures = Figures()
        live_rounds(settled(FullSite(Path(folder), database)), 100, 1, figures)
        assert_nothing_lost(figures)


@pytest.mark.promise(4)
def test_under_a_live_uploader_killed_runs_take_nothing_that_is_wanted(database: Any):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        figures = Figures()
        live_rounds(settled(FullSite(Path(folder), database)), 60, 2, figures, with_faults=True)
        assert_nothing_lost(figures)


# The harness itself: what it would not notice, it could not promise.


def test_the_harness_notices_a_lost_file(sqlite_full_site: FullSite):
    os.unlink(sqlite_full_site.path("photos/left over.jpg"))
    assert [loss for loss in losses(sqlite_full_site) if "left over" in loss]


def test_the_harness_notices_a_row_without_its_file(sqlite_full_site: FullSite):
    os.rename(sqlite_full_site.path("photos/kept 1.jpg"), sqlite_full_site.path("photos/elsewhere.jpg"))
    assert any("a row is missing its file" in loss for loss in losses(sqlite_full_site))


def test_the_harness_notices_what_does_not_come_back(sqlite_full_site: FullSite):
    figures = Figures()
    round_of(
        sqlite_full_site,
        lambda: sqlite_full_site.database.run("DELETE FROM favorite WHERE id = 1"),
        Fault("none"),
        figures,
    )
    assert any("not all came back" in loss for loss in figures.losses)
