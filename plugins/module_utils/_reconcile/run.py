# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Runs a job: opens the tree and the database, makes the plan, and carries it out if it may."""

from __future__ import annotations

import gc
from contextlib import ExitStack, contextmanager, suppress
from typing import Callable, Iterator, Sequence

from . import locks, priority
from .apply import orphans as apply_orphans
from .apply import records as deletion
from .apply.outcome import Outcome
from .apply.remover import PermanentRemover, Remover
from .config.site import Column, OrphansJob, RecordsJob, Site
from .database import connect
from .database.base import Database
from .errors import CleanupError
from .media.local import LocalStore
from .plan import orphans, records
from .plan.plan import Plan
from .quarantine import batches as quarantine
from .quarantine.writer import QuarantineWriter
from .text import escaped

Progress = Callable[[int], None]

_OBJECTS_BETWEEN_COLLECTIONS = 100_000


def run(
    job: OrphansJob | RecordsJob,
    check: bool,
    approved_plan: str | None = None,
    progress: Progress | None = None,
) -> tuple[Plan, Outcome | None]:
    """Plan a job and, unless only checking or refused by a guard, carry the plan out.

    Raises CleanupError where not even a plan could be made, BusyError if another run is at work.
    """
    # Orphans are files: that job never writes to the database, not even when it removes.
    read_only = check or isinstance(job, OrphansJob)
    if job.site.enabled("low_priority"):
        priority.lower()
    with ExitStack() as stack:
        stack.enter_context(_seldom_collecting())
        tree = stack.enter_context(open_tree(job.site))
        database = stack.enter_context(connect(job.site.database_url, read_only))
        if not check:
            lock(job.site, tree, database, stack)
        if isinstance(job, OrphansJob):
            plan = orphans.make_plan(job, tree, database, approved_plan, progress)
            if check or plan.refusals:
                return plan, None
            with _taker(plan, job, tree) as taker:
                return plan, apply_orphans.carry_out(plan, job, tree, database, taker)
        records_plan = records.make_plan(job, tree, database, approved_plan, progress)
        if check or records_plan.refusals:
            return records_plan, None
        with _taker(records_plan, job, tree) as taker:
            return records_plan, deletion.carry_out(records_plan, job, tree, database, taker)


def expected(job: OrphansJob | RecordsJob) -> int:
    """About how many files or rows a run will look at; 0 where that cannot be known cheaply."""
    if isinstance(job, OrphansJob):
        columns: Sequence[Column] = job.references
    elif job.select == "missing":
        columns = job.own_columns[:1]
    else:
        return 0
    # The run itself tells what is wrong with the database.
    with suppress(CleanupError), connect(job.site.database_url, read_only=True) as database:
        return database.expected(columns)
    return 0


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Look for cycles seldom: rows and files make none, and the search takes a third of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def open_tree(site: Site) -> LocalStore:
    never = [site.quarantine_in_root] if site.quarantine_in_root else []
    return LocalStore(site.media_root, site.max_listed, never)


def lock(site: Site, tree: LocalStore, database: Database, stack: ExitStack) -> None:
    """Keep other runs off the site, on this host and, through the database, on others."""
    locks.lock(tree.root_handle, f"the media root '{escaped(site.media_root)}'")
    database.lock_site()
    if site.quarantine:
        stack.enter_context(quarantine.locked(site.quarantine))


def _taker(plan: Plan, job: OrphansJob | RecordsJob, tree: LocalStore) -> Remover:
    """Where removed things go: into a batch of the quarantine, or away for good."""
    site = job.site
    if site.quarantine is None or not len(plan.items):
        return PermanentRemover()
    return QuarantineWriter(site, job.name, plan.plan_id, tree.file_system)
