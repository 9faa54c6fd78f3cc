# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The subcommands orphans, incomplete and missing: plan, ask if need be, carry out, tell."""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import zip_longest
from typing import Any, Sequence

from .. import run as jobs
from ..errors import CleanupError, Exit, SiteError, worst
from ..report import metrics as monitoring
from . import site as described
from .ending import Run, outcome_of
from .site import Job
from .terminal import Progress, complain, is_confirmed, require_somebody, say


def clean(options: argparse.Namespace) -> Exit:
    """Plan, ask if need be, carry out; then tell."""
    began = time.time()
    options.dry_run = options.dry_run or options.save_plan is not None
    site_jobs = described.jobs_of_one_kind(options, options.command)
    try:
        runs, is_approved = _runs(site_jobs, options)
    except CleanupError as error:
        failed = [Run(job, error=error) for job in site_jobs]
        monitoring.leave(options, _outcome(options, failed, error.exit_status, began))
        raise
    status = worst([run.status for run in runs])
    if not is_approved:
        status = worst([status, Exit.UNCONFIRMED])
    outcome = _outcome(options, runs, status, began)
    _tell(options, runs, outcome)
    if options.save_plan:
        _save_plan(options, runs)
    if status == Exit.UNCONFIRMED:
        complain("nothing was removed, because nobody typed yes.")
    return status if monitoring.leave(options, outcome) else worst([status, Exit.FAILED])


def _runs(site_jobs: Sequence[Job], options: argparse.Namespace) -> tuple[list[Run], bool]:
    """Run all jobs; one that fails does not keep the others from running."""
    if options.dry_run or options.force or options.approve:
        tokens = _approved(options, site_jobs) if options.approve else []
        pairs = zip_longest(site_jobs, tokens)
        return [_attempt(job, options.dry_run, token, options) for job, token in pairs], True
    return _runs_after_asking(site_jobs, options)


def _runs_after_asking(site_jobs: Sequence[Job], options: argparse.Namespace) -> tuple[list[Run], bool]:
    require_somebody("nothing was examined", "Add --force to remove without asking, or --dry-run to look.")
    planned = [_attempt(job, True, None, options) for job in site_jobs]
    going = [run for run in planned if run.has_something and run.status == Exit.DONE]
    if not going:
        return planned, True
    for run in planned:
        say(run.words(options.verbose), sys.stderr)
    for_good = any(run.job.site.quarantine is None for run in going)
    warning = "There is no quarantine: what goes is gone for good. " if for_good else ""
    if not is_confirmed(f"{warning}Remove this?"):
        return planned, False
    return [
        _attempt(run.job, False, run.plan.token, options) if run in going and run.plan else run
        for run in planned
    ], True


def _attempt(job: Job, check: bool, approved: str | None, options: argparse.Namespace) -> Run:
    progress = Progress(job, options.quiet or options.json)
    try:
        plan, outcome = jobs.run(job, check, approved, progress.tell if progress.is_shown else None)
    except CleanupError as error:
        return Run(job, error=error)
    finally:
        progress.end()
    return Run(job, plan, outcome)


def _outcome(options: argparse.Namespace, runs: Sequence[Run], status: Exit, began: float) -> dict[str, Any]:
    return outcome_of(options, [run.data(options.verbose) for run in runs], status, began)


def _tell(options: argparse.Namespace, runs: Sequence[Run], outcome: dict[str, Any]) -> None:
    if options.json:
        matters = any(run.has_something or run.status for run in runs)
        if matters or not options.quiet:
            say([json.dumps(outcome, indent=2)], sys.stdout)
        return
    for run in runs:
        if run.has_something or run.status or not options.quiet:
            # What went well can be thrown away by >/dev/null; trouble is heard all the same.
            say(run.words(options.verbose), sys.stderr if run.status else sys.stdout)


# Plans that somebody reviews.


def _save_plan(options: argparse.Namespace, runs: Sequence[Run]) -> None:
    if any(run.plan is None for run in runs):
        raise SiteError(f"not every plan could be made, so {options.save_plan} was not written.")
    plans = [
        {"heading": run.heading, "plan_id": run.plan.plan_id, "plan": run.plan.token}
        for run in runs
        if run.plan
    ]
    content = {"site": options.site, "job": options.command, "plans": plans}
    monitoring.replace_private(options.save_plan, content)


def _approved(options: argparse.Namespace, site_jobs: Sequence[Job]) -> list[str]:
    """The tokens of the approved plan, one for each job. Raises SiteError if it is another's."""
    path = options.approve
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        made_for = (content["site"], content["job"])
        plans = [(str(plan["heading"]), str(plan["plan"])) for plan in content["plans"]]
    except OSError as error:
        raise SiteError(f"the plan {path} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SiteError(f"{path} is no plan that --save-plan wrote.") from None
    headings = [Run(job).heading for job in site_jobs]
    planned = [heading for heading, _plan in plans]
    if made_for != (options.site, options.command) or planned != headings:
        raise SiteError(
            f"the plan {path} was made for {' '.join(map(str, made_for))} ({', '.join(planned)}), and "
            f"this run is for {options.site} {options.command} ({', '.join(headings)}). Plan again."
        )
    return [plan for _heading, plan in plans]
