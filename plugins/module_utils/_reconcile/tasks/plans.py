# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The plans of all jobs of a site, and of its purges, made by one process.

The requests and answers are those of the single tasks, a list of each. Jobs of one site share what they read:
its files, its references, the sweep, and what its project says. One that cannot be planned keeps none of the
others from it.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import Callable, ContextManager, Sequence

from .. import process, run
from ..answers import Answer, Emit, Files, Request, answering, no_list, no_report
from ..config.site import Job
from . import place, quarantine
from .jobs import job_answer, requested_job

# Where what a page shows of a request goes, by its number.
Reports = Callable[[int], Emit]
PURGE = "quarantine"


def main() -> None:
    """Make the plans as the site's process."""
    process.serve(lambda requests, parent: plan_all(requests, partial(_emit_of, parent)))


def plan_all(requests: Sequence[Request], reports: Reports) -> list[Answer]:
    """Make the plans in this process; the answer to a request that has none says why."""
    answers: dict[int, Answer] = {}
    jobs: dict[int, Job] = {}
    for number, request in enumerate(requests):
        with answering(answers, [number]):
            if request.get("only_place"):
                answers[number] = place.answer(request, Files(no_list, no_report))
            elif request["task"] != PURGE:
                jobs[number] = requested_job(request)
    approved = [requests[number]["options"]["approved_plan"] for number in jobs]
    runs = run.run_all(list(jobs.values()), True, approved, _nobody_watches)
    for number, ran in zip(jobs, runs):
        with answering(answers, [number]):
            answers[number] = job_answer(requests[number], ran, Files(no_list, reports(number)))
    for number, request in enumerate(requests):
        with answering(answers, [number]):
            if request["task"] == PURGE:
                answers[number] = quarantine.answer(request, Files(no_list, no_report))
    return [answers[number] for number in range(len(requests))]


def _nobody_watches(_job: Job) -> ContextManager[None]:
    return nullcontext()


def _emit_of(parent: process.Parent, number: int) -> Emit:
    """What sends the parts of a report to the parent."""
    return lambda text: parent.say(process.REPORTED, [number, text])
