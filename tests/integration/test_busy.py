# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Two runs never clean one site at the same time, on one host or on two."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Iterator

import pytest

from engine import run as jobs
from engine.database import connect
from engine.errors import BusyError
from engine.quarantine.state import site_state as state
from helpers.builders import before_removal
from helpers.clock import let_clock_tick
from helpers.faults import in_child
from helpers.full_sites import JOBS, FullSite, finish
from helpers.purging import purge

pytestmark = pytest.mark.promise("locks")


@contextmanager
def flocked(folder: Path | str) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@pytest.mark.parametrize("job", JOBS)
def test_the_second_run_is_busy_and_names_the_first(full_site: FullSite, job: str):
    full_site.quarantine.mkdir(mode=0o700, exist_ok=True)
    start = full_site.state()
    with flocked(full_site.quarantine), pytest.raises(
        BusyError, match=rf"in use by another run \(process {os.getpid()}\)"
    ):
        full_site.run(job)
    assert full_site.state() == start


@pytest.mark.parametrize("keeps", [True, False])
def test_nobody_blocks_a_run_by_a_lock_of_the_media_root(sqlite: Any, tmp_path: Path, keeps: bool):
    """Everybody who may read a folder can lock it."""
    site = FullSite(tmp_path, sqlite)
    if not keeps:
        site.options.update(quarantine=None, permanent=True)
    let_clock_tick()
    with flocked(site.media):
        _plan, outcome = site.run("orphans")
    assert outcome.removed_items.total == 4


def test_without_a_quarantine_a_second_run_is_busy_too(full_site: FullSite, state_home: Path):
    full_site.options.update(quarantine=None, permanent=True)
    start = full_site.state()
    with state.locked_beside(full_site.site()), pytest.raises(BusyError, match="in use by another run"):
        full_site.run("orphans")
    assert full_site.state() == start


def test_without_a_quarantine_the_lock_is_a_private_file(full_site: FullSite, state_home: Path):
    site = replace(full_site.job("orphans").site, quarantine=None)
    with state.locked_beside(site):
        [file] = state_home.rglob("*.lock")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        words = rf"in use by another run \(process {os.getpid()}\)"
        with pytest.raises(BusyError, match=words), state.locked_beside(site):
            pytest.fail("two runs have the lock")
    with state.locked_beside(site):
        pass


def test_the_quarantine_has_a_lock_of_its_own(full_site: FullSite):
    """Two sites may share a quarantine, and a purge needs no media root."""
    full_site.run("missing")
    [batch] = full_site.batches()
    before = full_site.state()
    with flocked(full_site.quarantine):
        for work in (
            lambda: full_site.run("orphans"),
            lambda: full_site.restore(batch),
            lambda: purge(os.fsencode(full_site.quarantine), None, 0, False),
        ):
            with pytest.raises(BusyError, match=r"the quarantine .* in use by another run"):
                work()
    assert full_site.state() == before
    assert full_site.batches() == [batch]


def test_a_run_on_another_host_is_kept_off_by_the_database(tmp_path: Path, postgresql: Any):
    """The other host has a mount of its own, whose locks are not seen here."""
    full_site = FullSite(tmp_path, postgresql)
    with closing(connect(postgresql.url, read_only=True)) as other:
        other.lock()
        for job in JOBS:
            with pytest.raises(
                BusyError, match=rf"media-cleanup@\S+:{os.getpid()}, server process \d+, since 20"
            ):
                full_site.run(job)
    assert full_site.state() == full_site.start


def test_looking_needs_no_lock(full_site: FullSite):
    with flocked(full_site.media):
        for job in JOBS:
            plan, outcome = full_site.run(job, check=True)
            assert len(plan.items)
            assert outcome is None


def test_the_locks_are_let_go_when_a_run_ends(full_site: FullSite):
    for _round in range(2):
        for job in JOBS:
            full_site.run(job)
    assert in_child(lambda: full_site.run("orphans")).how == "done"


def test_of_two_runs_at_once_one_works_and_nothing_is_done_twice(
    full_site: FullSite, monkeypatch: pytest.MonkeyPatch
):
    """The second begins while the first is between its plan and its removal."""
    ends = []

    def another_starts() -> None:
        ends.append(in_child(lambda: jobs.run(full_site.job("orphans"), False)).how)

    before_removal(monkeypatch, another_starts)
    _plan, outcome = full_site.run("orphans")
    assert ends == ["busy"]
    assert outcome.removed_items.total == 4
    assert len(full_site.batches()) == 1
    finish(full_site.restore_all)
    assert full_site.state() == full_site.start
