# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Two runs never clean one site at the same time, on one host or on two."""

from __future__ import annotations

import fcntl
import os
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Iterator

import pytest

from engine import run as jobs
from engine.apply import orphans
from engine.database import connect
from engine.errors import BusyError
from engine.quarantine import (
    store as quarantine,
)
from helpers.faults import in_child
from helpers.worlds import JOBS, World, finish


@contextmanager
def flocked(folder: Path | str) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@pytest.mark.parametrize("job", JOBS)
def test_the_second_run_is_busy_and_names_the_first(world: World, job: str):
    with flocked(world.media), pytest.raises(
        BusyError, match=rf"in use by another run \(process {os.getpid()}\)"
    ):
        world.run(job)
    assert world.state() == world.start


def test_the_quarantine_has_a_lock_of_its_own(world: World):
    """Two sites may share a quarantine, and a purge needs no media root."""
    world.run("missing")
    [batch] = world.batches()
    before = world.state()
    with flocked(world.quarantine):
        for work in (
            lambda: world.run("orphans"),
            lambda: world.restore(batch),
            lambda: quarantine.purge(os.fsencode(world.quarantine), None, 0, False),
        ):
            with pytest.raises(BusyError, match=r"the quarantine .* in use by another run"):
                work()
    assert world.state() == before
    assert world.batches() == [batch]


def test_a_run_on_another_host_is_kept_off_by_the_database(tmp_path: Path, postgresql: Any):
    """The other host has a mount of its own, whose locks are not seen here."""
    world = World(tmp_path, postgresql)
    with closing(connect(postgresql.url, read_only=True)) as other:
        other.lock_site()
        for job in JOBS:
            with pytest.raises(
                BusyError, match=rf"media-cleanup@\S+:{os.getpid()}, server process \d+, since 20"
            ):
                world.run(job)
    assert world.state() == world.start


def test_looking_needs_no_lock(world: World):
    with flocked(world.media):
        for job in JOBS:
            plan, outcome = world.run(job, check=True)
            assert len(plan.items)
            assert outcome is None


def test_the_locks_are_let_go_when_a_run_ends(world: World):
    for _round in range(2):
        for job in JOBS:
            world.run(job)
    assert in_child(lambda: world.run("orphans")).how == "done"


def test_of_two_runs_at_once_one_works_and_nothing_is_done_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """The second begins while the first is between its plan and its removal."""
    ends = []
    carry_out = orphans.carry_out

    def while_another_starts(*arguments: Any) -> Any:
        ends.append(in_child(lambda: jobs.run(world.job("orphans"), False)).how)
        return carry_out(*arguments)

    monkeypatch.setattr(orphans, "carry_out", while_another_starts)
    _plan, outcome = world.run("orphans")
    assert ends == ["busy"]
    assert outcome.gone.total == 4
    assert len(world.batches()) == 1
    finish(world.restore_all)
    assert world.state() == world.start
