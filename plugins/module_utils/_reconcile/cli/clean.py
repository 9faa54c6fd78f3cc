# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The subcommands orphans, incomplete, missing and all: plan, ask if need be, apply, report."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, Mapping, Sequence

from .. import run as runs_of_jobs
from ..config.keep import keep_of
from ..config.options import REPORT_BYTES, REPORT_THUMBNAILS
from ..config.review import Review, reviews
from ..config.site import Job, Reviewed
from ..errors import CleanupError, Exit, SiteError, worst
from ..report import data, metrics, words
from ..report.describe import describe
from ..report.lists import ListFile, emit_list
from ..report.page.document import Limits, emit_document
from ..report.page.file import PageFile
from ..run import Run
from . import described
from .outcome_files import write_files
from .terminal import complain, is_confirmed, require_somebody, say, watched


def clean(options: argparse.Namespace) -> Exit:
    """Plan, ask if need be, apply; then report."""
    began = time.time()
    options.dry_run = options.dry_run or options.save_plan is not None or options.report is not None
    jobs = _reviewed_jobs(options, described.jobs_to_do(options))
    try:
        runs, is_approved = _runs(jobs, options)
    except CleanupError as error:
        failed = [Run(job, error=error) for job in jobs]
        write_files(options, _outcome(options, failed, error.exit_status, began))
        raise
    status = worst([run.status for run in runs])
    if not is_approved:
        status = worst([status, Exit.UNCONFIRMED])
    outcome = _outcome(options, runs, status, began)
    _report(options, runs, outcome)
    # First, so that those who watch know of a run whose other files cannot be written.
    is_watched = write_files(options, outcome)
    if options.save_plan:
        _save_plan(options, runs)
    if options.list:
        _write_list(options, runs)
    if options.report:
        _write_report(options, runs)
    if status == Exit.UNCONFIRMED:
        complain("nothing was removed, because nobody typed yes.")
    return status if is_watched else worst([status, Exit.FAILED])


def _runs(jobs: Sequence[Job], options: argparse.Namespace) -> tuple[list[Run], bool]:
    """Run all jobs, and say whether what they remove was approved."""
    if options.dry_run or options.force or options.approve:
        approved = _approved(options, jobs) if options.approve else _reviewed(options, jobs)
        return _run_all(jobs, options.dry_run, approved, options), True
    return _runs_after_asking(jobs, options)


def _reviews(options: argparse.Namespace, jobs: Sequence[Job]) -> list[Review]:
    """What a reviewer decided about each job; none without --keep."""
    if options.review is None:
        return []
    return reviews(options.review, platform.node(), [job.heading for job in jobs])


def _reviewed(options: argparse.Namespace, jobs: Sequence[Job]) -> list[str]:
    """The tokens of the plans that were reviewed on a page, one for each job, or none."""
    return [review.plan for review in _reviews(options, jobs)]


def _reviewed_jobs(options: argparse.Namespace, jobs: Sequence[Job]) -> list[Job]:
    """The jobs, with what a reviewer keeps of their plans."""
    found = list(jobs)
    for number, review in enumerate(_reviews(options, jobs)):
        site = found[number].site
        switches = dict(site.switches)
        if options.force and not options.approve:
            # A list only takes away: it does not stand for the confirmation that nobody gave.
            switches["reviewed"] = False
        reviewed = Reviewed(review.plan_id, keep_of(review.keep))
        site = replace(site, review=reviewed, switches=tuple(switches.items()))
        found[number] = replace(found[number], site=site)
    return found


def _run_all(
    jobs: Sequence[Job], check: bool, approved: Sequence[str], options: argparse.Namespace
) -> list[Run]:
    watch = partial(watched, is_quiet=options.quiet or options.json)
    return runs_of_jobs.run_all(jobs, check, approved, watch)


def _runs_after_asking(jobs: Sequence[Job], options: argparse.Namespace) -> tuple[list[Run], bool]:
    require_somebody("nothing was examined", "Add --force to remove without asking, or --dry-run to see it.")
    reviewed = _reviewed(options, jobs)
    planned = _run_all(jobs, True, reviewed, options)
    wanted = [run for run in planned if run.has_something and run.status == Exit.DONE]
    if not wanted:
        return planned, True
    for run in planned:
        say(_words(run, options), sys.stderr)
    say([words.removal(describe(run.job, run.plan, None)) for run in wanted if run.plan], sys.stderr)
    for_good = any(run.job.site.quarantine is None for run in wanted)
    warning = (
        "permanent is set: there is no quarantine, and what is removed is deleted for good. "
        if for_good
        else ""
    )
    if not is_confirmed(f"{warning}Remove this?"):
        return planned, False
    approved = [run.plan.token for run in wanted if run.plan]
    if reviewed:
        # It is the reviewed plan that the list is about; what it keeps is kept again.
        approved = [reviewed[planned.index(run)] for run in wanted]
    applied = iter(_run_all([run.job for run in wanted], False, approved, options))
    return [next(applied) if run in wanted else run for run in planned], True


def _outcome(options: argparse.Namespace, runs: Sequence[Run], status: Exit, began: float) -> dict[str, Any]:
    about = {"site": options.site, "job": options.command, "dry_run": options.dry_run}
    return data.outcome_data(about, [data.run_data(run, options.verbose) for run in runs], status, began)


def _words(run: Run, options: argparse.Namespace) -> list[str]:
    of = describe(run.job, run.plan, run.outcome) if run.plan else None
    return words.run_lines(run, of, options.verbose)


def _report(options: argparse.Namespace, runs: Sequence[Run], outcome: Mapping[str, Any]) -> None:
    if options.json:
        matters = any(run.has_something or run.status for run in runs)
        if matters or not options.quiet:
            say([json.dumps(outcome, indent=2)], sys.stdout)
        return
    for run in runs:
        if run.has_something or run.status or not options.quiet:
            # >/dev/null drops the reports of successful runs; problems are still reported.
            say(_words(run, options), sys.stderr if run.status else sys.stdout)


def _write_list(options: argparse.Namespace, runs: Sequence[Run]) -> None:
    if any(run.plan is None or run.plan.is_partial for run in runs):
        raise SiteError(f"not every plan could be made whole, so the list {options.list} was not written.")
    # The parent of a site's process writes it itself.
    with nullcontext() if options.emit else ListFile(options.list) as listed:
        emit = listed.emit if listed else options.emit
        for run in runs:
            if run.plan:
                emit_list(run.job, run.plan, options.list_format, emit)
        emit(None)


def _write_report(options: argparse.Namespace, runs: Sequence[Run]) -> None:
    planned = [run for run in runs if run.plan]
    if len(planned) < len(runs):
        raise SiteError(f"not every plan could be made, so {options.report} was not written.")
    # The parent of a site's process writes it itself.
    with nullcontext() if options.emit_report else PageFile(options.report, "plan", options.site) as file:
        emit = file.emit if file else options.emit_report
        for run in planned:
            limits = Limits(REPORT_BYTES // len(planned), REPORT_THUMBNAILS // len(planned))
            if run.plan:
                emit_document(run.job, run.plan, limits, emit)
        emit(None)


# Plans that somebody reviews.


def _save_plan(options: argparse.Namespace, runs: Sequence[Run]) -> None:
    if any(run.plan is None for run in runs):
        raise SiteError(f"not every plan could be made, so {options.save_plan} was not written.")
    plans = [
        {"heading": run.job.heading, "plan_id": run.plan.plan_id, "plan": run.plan.token}
        for run in runs
        if run.plan
    ]
    content = {"site": options.site, "job": options.command, "plans": plans}
    if options.left is not None:
        # The parent of this process writes it.
        options.left["save_plan"] = content
    else:
        metrics.replace_private(options.save_plan, content)


def _approved(options: argparse.Namespace, jobs: Sequence[Job]) -> list[str]:
    """The tokens of the approved plan, one for each job. Raises SiteError if it is another's."""
    path, content = options.approve, options.plan
    made_for = (content["site"], content["job"])
    plans = [(plan["heading"], plan["plan"]) for plan in content["plans"]]
    headings = [job.heading for job in jobs]
    planned = [heading for heading, _plan in plans]
    if made_for != (options.site, options.command) or planned != headings:
        raise SiteError(
            f"the plan {path} was made for {' '.join(map(str, made_for))} ({', '.join(planned)}), and "
            f"this run is for {options.site} {options.command} ({', '.join(headings)}). Plan again."
        )
    return [plan for _heading, plan in plans]
