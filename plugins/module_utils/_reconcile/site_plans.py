# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The plans of all jobs of a site, and of its purges, made by one process.

The requests and answers are those of ``work``, a list of each. Jobs of one site share what they read: its
files, its references, the sweep, and what its project says. One that cannot be planned keeps none of the
others from it.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any, Callable, ContextManager, Iterable, Iterator, Mapping, Sequence

from . import process, run, work
from .config.trust.site_user import Worker
from .errors import CleanupError
from .report.lists import Emit
from .work import Answer, Files, Request

# Where what a page shows of a request goes, by its number.
Reports = Callable[[int], Emit]
PURGE = "quarantine"


def done_by(worker: Worker, requests: Sequence[Request]) -> list[Answer]:
    """Let the worker make the plans. Raises CleanupError where its process failed as a whole."""
    with _report_files(requests) as emits:
        if worker.is_this_process:
            return _validated(plan_all(requests, emits.__getitem__), len(requests))
        sent = process.run(worker, "site_plans", list(map(work.completed, requests)), partial(_heard, emits))
        return [work.as_printable(answer) for answer in _validated(sent, len(requests))]


def main() -> None:
    """Make the plans as the site's process."""
    process.serve(lambda requests, parent: plan_all(requests, partial(_emit_of, parent)))


def plan_all(requests: Sequence[Request], reports: Reports) -> list[Answer]:
    """Make the plans in this process; the answer to a request that has none says why."""
    answers: dict[int, Answer] = {}
    jobs: dict[int, run.Job] = {}
    for number, request in enumerate(requests):
        with answering(answers, [number]):
            if request["task"] != PURGE:
                jobs[number] = work.requested_job(request)
    approved = [requests[number]["options"]["approved_plan"] for number in jobs]
    runs = run.run_all(list(jobs.values()), True, approved, _nobody_watches)
    for number, ran in zip(jobs, runs):
        with answering(answers, [number]):
            answers[number] = work.job_answer(requests[number], ran, Files(work.no_list, reports(number)))
    for number, request in enumerate(requests):
        with answering(answers, [number]):
            if request["task"] == PURGE:
                answers[number] = work.do(request, Files(work.no_list, work.no_report))
    return [answers[number] for number in range(len(requests))]


@contextmanager
def answering(answers: dict[int, Answer], numbers: Iterable[int]) -> Iterator[None]:
    """Make the reason the answer to these requests where plans cannot be made."""
    try:
        yield
    except CleanupError as error:
        status = error.exit_status.name.lower()
        answer = {"result": {"status": status}, "warnings": [], "failure": str(error)}
        answers.update(dict.fromkeys(numbers, answer))


def _nobody_watches(_job: run.Job) -> ContextManager[None]:
    return nullcontext()


def _validated(answers: Any, expected: int) -> list[Answer]:
    """Raise CleanupError for what are no answers; the process that sent them belongs to the site's user."""
    if not isinstance(answers, list) or len(answers) != expected:
        raise CleanupError("the site's process sent no answers of this version. Nothing was changed.")
    return list(map(work.validated, answers))


@contextmanager
def _report_files(requests: Sequence[Request]) -> Iterator[Mapping[int, Emit]]:
    with ExitStack() as stack:
        reports = ((number, request["options"].get("report")) for number, request in enumerate(requests))
        files = {
            number: stack.enter_context(work.report_file(report)) for number, report in reports if report
        }
        yield {
            number: files[number].emit if number in files else work.no_report
            for number in range(len(requests))
        }


def _emit_of(parent: process.Parent, number: int) -> Emit:
    """What sends the parts of a report to the parent."""
    return lambda text: parent.say(process.REPORTED, [number, text])


def _heard(emits: Mapping[int, Emit], kind: str, content: Any) -> None:
    number, text = content if isinstance(content, list) and len(content) == 2 else (-1, None)
    is_report = kind == process.REPORTED and isinstance(number, int) and number in emits
    if not is_report or not (text is None or isinstance(text, str)):
        raise CleanupError(f"the site's process sent {kind!r}, which is none of its messages.")
    emits[number](text)
