# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The tasks that run a job: ``orphans``, ``incomplete`` or ``missing``."""

from __future__ import annotations

from .. import run
from ..answers import Answer, Files, Request
from ..config.django_jobs.from_options import job_of, kind_of
from ..config.options import LIST_FORMATS
from ..config.site import Job
from ..errors import CleanupError
from ..report import data, words
from ..report.describe import describe
from ..report.lists import emit_list


def requested_job(request: Request) -> Job:
    """The job that a request is about. Raises SiteError where its options, or its project, are not usable."""
    options = request["options"]
    return job_of("orphans" if request["task"] == "orphans" else kind_of(options), options)


def answer(request: Request, files: Files) -> Answer:
    """Plan a job and, unless only checking, carry it out."""
    return _job(request, requested_job(request), files)


def _job(request: Request, job: Job, files: Files) -> Answer:
    check, report = request["check"], request["options"].get("report")
    if report and not check:
        raise CleanupError("report shows a plan that is not carried out yet: use it in check mode.")
    plan, outcome = run.run(job, check, request["options"]["approved_plan"])
    return job_answer(request, run.Run(job, plan, outcome), files)


def job_answer(request: Request, ran: run.Run, files: Files) -> Answer:
    """The answer to the request of a job. Raises the error of one of which no plan could be made."""
    job, plan, outcome = ran.job, ran.plan, ran.outcome
    if plan is None:
        raise ran.error or CleanupError("no plan was made.")
    check, report = request["check"], request["options"].get("report")
    options, warnings = request["options"], list(words.warnings(plan, check, outcome))
    if options.get("list_file") and not plan.is_partial:
        emit_list(job, plan, options.get("list_format") or LIST_FORMATS[0], files.listed)
        files.listed(None)
    elif options.get("list_file"):
        warnings.append("the list was not written, because it would not be whole.")
    if report:
        from ..report.page.document import Limits, emit_document

        emit_document(job, plan, Limits(report["most_bytes"], report["most_thumbnails"]), files.reported)
        files.reported(None)
    failure = words.problems(outcome) or ""
    if outcome is None and not check:
        failure = " ".join(refusal.message for refusal in plan.refusals)
    return {
        "result": data.result(describe(job, plan, outcome), request["verbose"], request["diff"]),
        "warnings": warnings,
        "failure": failure,
    }
