# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Rounds of runs that are broken on purpose, after each of which it is looked whether anything was lost."""

from __future__ import annotations

import errno
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator, Mapping

from helpers.clock import let_clock_tick
from helpers.faults import NO_FAULT, Ended, Fault, in_child, some_fault
from helpers.full_sites import JOBS, FullSite, cleaned, cleaning, finish, restoring


@dataclass
class Figures:
    """What a series of rounds came to."""

    rounds: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    losses: list[str] = field(default_factory=list)
    # Nothing was lost, but a person was told in a traceback.
    tracebacks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        def listed(counts: Mapping[str, int]) -> str:
            return ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items()))

        return (
            f"{self.rounds:,} rounds; faults: {listed(self.faults)}; "
            f"runs ended: {listed(self.ends)}; losses: {len(self.losses):,}; "
            f"tracebacks: {len(self.tracebacks):,}"
        )


def losses(full_site: FullSite) -> Iterator[str]:
    """What is neither where it was nor safe in a batch, and rows that lost their file."""
    files, _rows = full_site.start
    now, kept = full_site.files(), full_site.kept()
    originals = {path: file for path, file in files.items() if not file[0].startswith("d")}
    for path, file in originals.items():
        if now.get(path) != file and kept.get(path) != file:
            yield f"the file {path!r} is neither in its place nor in quarantine as it was"
    for path in now.keys() - originals.keys():
        # A restore that was killed leaves its copy until the next one.
        if b"/.restoring-" not in path:
            yield f"the file {path!r} came from nowhere"
    named = full_site.database.rows(
        "SELECT image FROM photo UNION SELECT thumb FROM photo WHERE thumb IS NOT NULL"
    )
    for (image,) in named:
        path = os.fsencode(image)
        if path in originals and path not in now:
            yield f"a row is missing its file {path!r}"


def uncollected(full_site: FullSite) -> Iterator[str]:
    """What a run without fault should have removed."""
    for name in JOBS:
        plan, _outcome = full_site.run(name, check=True)
        if len(plan.items):
            yield f"{name} is not done: {list(plan.items)}"


def round_of(
    full_site: FullSite, work: Callable[[], object], fault: Fault, figures: Figures, **how: Any
) -> Ended:
    """Let a fault happen to some work, then clean up and bring everything back; notes each loss."""
    ended = in_child(work, fault, **how)
    figures.rounds += 1
    figures.ends[ended.how] += 1
    figures.faults[errno.errorcode[fault.error] if fault.error else fault.kind] += 1
    found = list(losses(full_site))
    if ended.trouble:
        figures.tracebacks.append(f"{fault}: {ended.trouble}")
    finish(lambda: cleaned(full_site))
    found += [*losses(full_site), *uncollected(full_site)]
    finish(full_site.restore_all)
    if full_site.state() != full_site.start:
        found.append(f"not all came back: {difference(full_site)}")
    full_site.forget_batches()
    figures.losses += [f"{fault}: {loss}" for loss in found]
    let_clock_tick()
    return ended


def difference(full_site: FullSite) -> str:
    (files, rows), (files_now, rows_now) = full_site.start, full_site.state()
    changed = {path for path in files.keys() | files_now.keys() if files.get(path) != files_now.get(path)}
    tables = {name: set(rows[name]) ^ set(rows_now[name]) for name in rows if rows[name] != rows_now[name]}
    return f"files {changed}, rows {tables}"


def steps_of(full_site: FullSite, work: Callable[[], object]) -> int:
    """How many steps the work takes when nothing goes wrong."""
    figures = Figures()
    ended = round_of(full_site, work, NO_FAULT, figures)
    assert figures.losses == []
    assert ended.how == "done"
    return ended.steps


def random_rounds(full_site: FullSite, rounds: int, chance: random.Random, figures: Figures) -> None:
    """Rounds of every job, and of restoring, with every kind of fault."""
    steps = {name: steps_of(full_site, cleaning(full_site, name)) for name in JOBS}
    for _number in range(rounds):
        name = chance.choice(JOBS)
        some = chance.random()
        if some < 0.15:
            killed_at_random(full_site, name, chance, figures)
        elif some < 0.4:
            full_site.run(name)
            round_of(full_site, restoring(full_site), some_fault(chance, steps[name]), figures)
        else:
            round_of(full_site, cleaning(full_site, name), some_fault(chance, steps[name]), figures)


def killed_at_random(full_site: FullSite, name: str, chance: random.Random, figures: Figures) -> None:
    """Kill a run by the clock, which need not be at a step."""

    def kill(pid: int) -> None:
        time.sleep(chance.random() * 0.04)
        os.kill(pid, signal.SIGKILL)

    round_of(full_site, cleaning(full_site, name), Fault("kill by the clock"), figures, disturb=kill)
