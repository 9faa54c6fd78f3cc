# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The jobs of a site, from plan to outcome."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import zip_longest
from typing import Any, Callable, ContextManager, Iterator, NamedTuple, Sequence, Tuple, Union

from .apply import orphans as apply_orphans
from .apply import records as apply_records
from .apply.outcome import Outcome
from .apply.remover import PermanentRemover, Remover
from .config.site import Column, Job
from .database.drivers import connect
from .errors import CleanupError, Exit
from .plan import candidates, incomplete, missing, records
from .plan.earlier_fields import record_fields, with_earlier_fields
from .plan.plan import Plan
from .plan.planner import Planner
from .quarantine import holding
from .quarantine.state import identity
from .quarantine.writer import QuarantineWriter
from .session import Progress, Session, open_session

# Lends what hears of the progress of a job: what is examined, and the rows that the sweep searches.
Watch = Callable[[Job], ContextManager[Union[Tuple[Progress, Progress], None]]]

_OBJECTS_BETWEEN_COLLECTIONS = 100_000
_LOWEST_PRIORITY = 19


class Kind(NamedTuple):
    """What makes one kind of job: how it is planned, how a plan is applied, and what it may change."""

    planner: Callable[[Session, Any, str | None], Planner]
    apply: Callable[[Session, Any, Any, Remover], Outcome]
    deletes_rows: bool
    # What is examined, in the plural, and the columns whose values are about as many; none if unknown.
    examined: str
    about_as_many: Callable[[Any], Sequence[Column]]
    # The directories in which it may have to remove files.
    directories: Callable[[Session, Any], Iterator[bytes]]


KINDS = {
    "orphans": Kind(
        planner=candidates.planner_of,
        apply=apply_orphans.apply,
        deletes_rows=False,
        examined="files",
        about_as_many=lambda job: () if job.candidates else job.references,
        directories=candidates.directories,
    ),
    "missing": Kind(
        planner=missing.MissingPlanner,
        apply=apply_records.apply_missing,
        deletes_rows=True,
        examined="rows",
        about_as_many=lambda job: [job.deciding_column],
        directories=records.directories,
    ),
    "incomplete": Kind(
        planner=incomplete.IncompletePlanner,
        apply=apply_records.apply,
        deletes_rows=True,
        examined="rows",
        about_as_many=lambda job: [],
        directories=records.directories,
    ),
}


class Run(NamedTuple):
    """One job of a site: planned, applied, or neither for the reason in ``error``."""

    job: Job
    plan: Plan | None = None
    outcome: Outcome | None = None
    error: CleanupError | None = None

    @property
    def status(self) -> Exit:
        """How it ended, as an exit status."""
        if self.plan is None:
            return self.error.exit_status if self.error else Exit.FAILED
        if self.outcome is None and self.plan.refusals:
            return Exit.PARTIAL if self.plan.is_partial else Exit.REFUSED
        if self.outcome is not None and (self.outcome.error or self.outcome.failed.total):
            return Exit.FAILED
        return Exit.DONE

    @property
    def has_something(self) -> bool:
        """Whether something was removed or, in a dry run, would be."""
        if self.plan is None:
            return False
        totals = self.outcome.removed if self.outcome else self.plan.found
        relinks = self.outcome.relinks.total if self.outcome else len(self.plan.relinks)
        return bool(totals.records or totals.files or relinks)


def run(
    job: Job, check: bool, approved_plan: str | None = None, progress: Progress | None = None
) -> tuple[Plan, Outcome | None]:
    """Plan a job and, unless only checking or refused by a guard, apply the plan.

    Raises CleanupError where not even a plan could be made, BusyError if another run is at work.
    """
    with _opened([job], check) as session:
        session.progress = progress
        job = with_earlier_fields(session, job)
        with closing(KINDS[job.name].planner(session, job, approved_plan)) as planner:
            planner.find()
            return run_in(session, job, planner, check)


def run_in(session: Session, job: Job, planner: Planner, check: bool) -> tuple[Plan, Outcome | None]:
    """The same in a session of the job's site, where its candidates are found already."""
    plan = planner.finish()
    # A scan that a guard refuses confirms nothing later.
    if plan.confirmation and not check and not plan.refusals:
        plan.confirmation.record()
    if check or plan.refusals:
        return plan, None
    recorded = identity.record(session.state, session.identity)
    record_fields(session, job)
    with remover_of(session, job, plan) as remover:
        outcome = KINDS[job.name].apply(session, job, plan, remover)
    outcome.recorded = recorded
    return plan, outcome


class _Task(NamedTuple):
    """One job to run: its place in the result, and the plan that was approved for it, if any."""

    number: int
    job: Job
    approved: str | None


def run_all(jobs: Sequence[Job], check: bool, approved: Sequence[str], watch: Watch) -> list[Run]:
    """Run jobs in as few sessions as they need, and return their runs in the order of the jobs.

    ``approved`` has a plan for each job, or none at all. A job that fails does not stop the others.
    """
    pairs = zip_longest(jobs, approved)
    left = [_Task(number, job, plan) for number, (job, plan) in enumerate(pairs)]
    ended: dict[int, Run] = {}
    while left:
        together = [task for task in left if _place(task.job) == _place(left[0].job)]
        try:
            ended.update(_run_together(together, check, watch))
        except CleanupError as error:
            ended.update({task.number: Run(task.job, error=error) for task in together})
        left = [task for task in left if task.number not in ended]
    return [ended[number] for number in sorted(ended)]


def _run_together(tasks: Sequence[_Task], check: bool, watch: Watch) -> dict[int, Run]:
    """Run jobs in one session, up to the first that fails: the session's connection may be gone with it.

    The candidates of all are found first, so that the sweep reads the database once.
    """
    ended: dict[int, Run] = {}
    with _opened([task.job for task in tasks], check) as session, ExitStack() as stack:
        planners = []
        # The state may refuse to say which columns are known; then no job is planned.
        tasks = [task._replace(job=with_earlier_fields(session, task.job)) for task in tasks]
        for task in tasks:
            planner = _finding(session, task, watch)
            if isinstance(planner, CleanupError):
                return {task.number: Run(task.job, error=planner)}
            planners.append(stack.enter_context(closing(planner)))
        for task, planner in zip(tasks, planners):
            ended[task.number] = _attempt(session, task.job, planner, check, watch)
            if ended[task.number].error:
                break
    return ended


def _finding(session: Session, task: _Task, watch: Watch) -> Planner | CleanupError:
    """A planner that has found the candidates of a job, or why it could not."""
    try:
        with _watched(session, task.job, watch), ExitStack() as stack:
            planner = KINDS[task.job.name].planner(session, task.job, task.approved)
            stack.callback(planner.close)
            planner.find()
            stack.pop_all()
    except CleanupError as error:
        return error
    return planner


def _attempt(session: Session, job: Job, planner: Planner, check: bool, watch: Watch) -> Run:
    try:
        with _watched(session, job, watch):
            plan, outcome = run_in(session, job, planner, check)
    except CleanupError as error:
        return Run(job, error=error)
    return Run(job, plan, outcome)


@contextmanager
def _watched(session: Session, job: Job, watch: Watch) -> Iterator[None]:
    with watch(job) as shown:
        session.progress, session.sweep.progress = shown or (None, None)
        yield


def _place(job: Job) -> tuple[object, ...]:
    """What jobs must have in common to share a session."""
    site = job.site
    places = site.media_root, site.storage_options, site.quarantine, site.state_directory
    return site.name, site.database_url, *places


@contextmanager
def _opened(jobs: Sequence[Job], check: bool) -> Iterator[Session]:
    """A session for jobs of one place: locked unless only checking, and for reading where that is enough."""
    read_only = check or not any(KINDS[job.name].deletes_rows for job in jobs)
    if any(job.site.enabled("low_priority") for job in jobs):
        lower_priority()
    with ExitStack() as stack:
        stack.enter_context(_seldom_collecting())
        session = stack.enter_context(open_session(jobs[0].site, read_only, len(jobs) > 1))
        if not check:
            stack.enter_context(session.locked())
        session.put_back_leftovers(check)
        yield session


def expected(job: Job) -> int:
    """About how many files or rows a run will examine; 0 where that cannot be known cheaply."""
    columns = KINDS[job.name].about_as_many(job)
    if not columns:
        return 0
    # The run itself reports what is wrong with the database.
    with suppress(CleanupError), connect(job.site.database_url, read_only=True) as database:
        return database.estimate_references(columns)
    return 0


def remover_of(session: Session, job: Job, plan: Plan) -> Remover:
    """Where removed things go: into a batch of the quarantine, or away for good."""
    if job.site.quarantine is None or not (len(plan.items) or len(plan.relinks)):
        if plan.found.files:
            # Before rows are deleted whose files could not go then.
            holding.require(session.media)
        return PermanentRemover()
    columns = job.path_columns
    return QuarantineWriter(job.site, job.name, plan.plan_id, session.media.file_system, columns)


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Collect cyclic garbage seldom: rows and files make none, and the search takes a third of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def lower_priority() -> None:
    """Give this process the lowest priority, for good; at the disk where ``ionice`` is there."""
    os.setpriority(os.PRIO_PROCESS, 0, _LOWEST_PRIORITY)
    # Python has no call for it. Class 3 is idle: it gets the disk when nobody else wants it.
    ionice = shutil.which("ionice")
    if ionice:
        subprocess.run(
            [ionice, "-c", "3", "-p", str(os.getpid())],
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
