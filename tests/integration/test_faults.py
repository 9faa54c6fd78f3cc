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
from helpers.rounds import Figures, killed_at_random, losses, random_rounds, round_of, steps_of
from helpers.uploader import live_rounds
from helpers.worlds import JOBS, World, cleaning, restoring, settled


@pytest.fixture(params=["same", "other"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, Path | None]]:
    """A folder in memory, where syncing is quick, and one of the same or another file system."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        if request.param == "other" and os.stat(folder).st_dev == os.stat(tmp_path).st_dev:
            pytest.skip("there is no second file system here")
        yield Path(folder), tmp_path if request.param == "other" else None


@pytest.fixture
def sqlite_world(place: tuple[Path, Path | None], sqlite: Any) -> World:
    """A world in memory, database included."""
    folder, kept_in = place
    path = folder / "db.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1")
    return settled(World(folder, replace(sqlite, url=f"sqlite:///{path}"), kept_in))


@pytest.fixture
def postgresql_world(postgresql: Any) -> Iterator[World]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield settled(World(Path(folder), postgresql))


def assert_nothing_lost(figures: Figures) -> None:
    print(figures)
    assert figures.losses == []
    assert figures.tracebacks == []


@pytest.mark.promise(4)
@pytest.mark.parametrize("job", JOBS)
def test_a_run_that_is_killed_at_any_step_loses_nothing(sqlite_world: World, job: str):
    figures, work = Figures(), cleaning(sqlite_world, job)
    for step in range(1, steps_of(sqlite_world, work) + 1, 6):
        round_of(sqlite_world, work, Fault("kill", step), figures)
    assert_nothing_lost(figures)


@pytest.mark.promise(4)
@pytest.mark.parametrize("job", JOBS)
def test_a_run_that_is_killed_at_any_statement_loses_nothing(postgresql_world: World, job: str):
    figures, work = Figures(), cleaning(postgresql_world, job)
    for step in range(1, 60, 3):
        if round_of(postgresql_world, work, Fault("kill", step, "sql"), figures).how == "done":
            break
    assert_nothing_lost(figures)


@pytest.mark.promise(4)
def test_a_run_that_is_killed_by_the_clock_loses_nothing(sqlite_world: World):
    figures, chance = Figures(), random.Random(1)
    for number in range(15):
        killed_at_random(sqlite_world, JOBS[number % 3], chance, figures)
    assert_nothing_lost(figures)


@pytest.mark.promise(1)
@pytest.mark.parametrize("job", JOBS)
def test_a_connection_that_is_cut_loses_nothing(postgresql_world: World, job: str):
    figures, work = Figures(), cleaning(postgresql_world, job)
    # Each of the first, with which the session is prepared.
    for step in (*range(1, 8), *range(8, 60, 3)):
        if round_of(postgresql_world, work, Fault("cut", step, "sql"), figures).how == "done":
            break
    assert_nothing_lost(figures)


@pytest.mark.promise(1)
@pytest.mark.parametrize("call", CALLS_THAT_FAIL)
def test_a_system_call_that_fails_loses_nothing_and_is_told(sqlite_world: World, call: str):
    figures, chance = Figures(), random.Random(call)
    for job in JOBS:
        for error in chance.sample(ERRORS, 2):
            fault = Fault("error", chance.randint(1, 6), call, error, lasting=chance.random() < 0.5)
            round_of(sqlite_world, cleaning(sqlite_world, job), fault, figures)
    assert_nothing_lost(figures)


@pytest.mark.promise(10)
@pytest.mark.parametrize("job", JOBS)
def test_a_restore_that_meets_any_fault_loses_nothing(sqlite_world: World, job: str):
    figures, chance = Figures(), random.Random(job)
    for number in range(15):
        sqlite_world.run(job)
        error = Fault("error", chance.randint(1, 5), chance.choice(CALLS_THAT_FAIL), chance.choice(ERRORS))
        fault = (error, Fault("cut", 1 + number, "sql"), Fault("kill", 5 * number + 1))[number % 3]
        round_of(sqlite_world, restoring(sqlite_world), fault, figures)
    assert_nothing_lost(figures)


@pytest.mark.promise(4)
@pytest.mark.parametrize("seed", range(2))
def test_faults_at_random_lose_nothing(sqlite_world: World, seed: int):
    figures = Figures()
    random_rounds(sqlite_world, 25, random.Random(seed), figures)
    assert_nothing_lost(figures)


@pytest.mark.promise(2)
def test_under_a_live_uploader_nothing_that_is_wanted_goes(database: Any):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        figures = Figures()
        live_rounds(settled(World(Path(folder), database)), 100, 1, figures)
        assert_nothing_lost(figures)


@pytest.mark.promise(4)
def test_under_a_live_uploader_killed_runs_take_nothing_that_is_wanted(database: Any):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        figures = Figures()
        live_rounds(settled(World(Path(folder), database)), 60, 2, figures, with_faults=True)
        assert_nothing_lost(figures)


# The harness itself: what it would not notice, it could not promise.


def test_the_harness_notices_a_lost_file(sqlite_world: World):
    os.unlink(sqlite_world.path("photos/left over.jpg"))
    assert [loss for loss in losses(sqlite_world) if "left over" in loss]


def test_the_harness_notices_a_row_without_its_file(sqlite_world: World):
    os.rename(sqlite_world.path("photos/kept 1.jpg"), sqlite_world.path("photos/elsewhere.jpg"))
    assert any("a row has lost its file" in loss for loss in losses(sqlite_world))


def test_the_harness_notices_what_does_not_come_back(sqlite_world: World):
    figures = Figures()
    round_of(
        sqlite_world,
        lambda: sqlite_world.database.run("DELETE FROM favorite WHERE id = 1"),
        Fault("none"),
        figures,
    )
    assert any("not all came back" in loss for loss in figures.losses)
