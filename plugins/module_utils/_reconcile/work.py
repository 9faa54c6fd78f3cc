# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The work of the modules on one site: done in the module's own process, or in one of the site's user.

Of the engine it imports only what the parent of such a process needs, for that compiles all of it once more.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Callable, Iterator, Mapping, Sequence

from . import process
from .answers import Answer, Emit, Files, Request, as_printable, no_list, no_report, validated
from .config.django.environment import read_by_parent
from .config.trust.site_user import Worker
from .errors import CleanupError
from .report.lists import BESIDE_LISTS, ListFile


def done_by(worker: Worker, request: Request) -> Answer:
    """Let the worker do the work. Raises CleanupError where it could not even be planned.

    A list that is wanted is written by this process.
    """
    with ExitStack() as stack:
        list_file, report = request["options"].get("list_file"), request["options"].get("report")
        files = Files(no_list, no_report)
        if list_file:
            files = files._replace(listed=stack.enter_context(ListFile(list_file)).emit)
        if report:
            files = files._replace(reported=stack.enter_context(report_file(report)).emit)
        if worker.is_this_process:
            return validated(do(request, files))
        answer = validated(process.run(worker, "work", completed(request), partial(_heard, files)))
        shown: Answer = as_printable(answer)
        return shown


def main() -> None:
    """Do the work as the site's process."""
    kinds = (process.LISTED, process.REPORTED)
    process.serve(lambda request, parent: do(request, Files(*(partial(parent.say, kind) for kind in kinds))))


def do(request: Request, files: Files) -> Answer:
    """Do the work in this process. Raises CleanupError where it could not even be planned."""
    return _task(request["task"])(request, files)


def _task(name: str) -> Callable[[Request, Files], Answer]:
    """What answers a request, imported only where it is asked for."""
    if name == "quarantine":
        from .tasks import quarantine

        return quarantine.answer
    if name == "quarantine_info":
        from .tasks import quarantine_info

        return quarantine_info.answer
    if name == "django_site_info":
        from .tasks import site_info

        return site_info.answer
    from .tasks import jobs

    return jobs.answer


def report_file(report: Mapping[str, Any]) -> ListFile:
    """The file, to be entered, that takes what a page shows of a plan."""
    return ListFile(report["file"], "the report", report["most_bytes"] + BESIDE_LISTS)


def completed(request: Request) -> Request:
    """The request with what the site's user may not read."""
    django = request["options"].get("django")
    if not django:
        return request
    return {**request, "options": {**request["options"], "django": read_by_parent(django)}}


def _heard(files: Files, kind: str, content: Any) -> None:
    emits = {process.LISTED: files.listed, process.REPORTED: files.reported}
    if kind not in emits or not (content is None or isinstance(content, str)):
        raise CleanupError(f"the site's process sent {kind!r}, which is none of its messages.")
    emits[kind](content)


# The plans of all jobs of a site.


def plans_by(worker: Worker, requests: Sequence[Request]) -> list[Answer]:
    """Let one process of the worker make several plans. Raises CleanupError where it failed as a whole."""
    with _report_files(requests) as emits:
        if worker.is_this_process:
            from .tasks.plans import plan_all

            return _all_validated(plan_all(requests, emits.__getitem__), len(requests))
        wanted = list(map(completed, requests))
        sent = process.run(worker, "tasks.plans", wanted, partial(_heard_of_one, emits))
        return [as_printable(answer) for answer in _all_validated(sent, len(requests))]


@contextmanager
def _report_files(requests: Sequence[Request]) -> Iterator[Mapping[int, Emit]]:
    with ExitStack() as stack:
        reports = ((number, request["options"].get("report")) for number, request in enumerate(requests))
        files = {number: stack.enter_context(report_file(report)) for number, report in reports if report}
        yield {
            number: files[number].emit if number in files else no_report for number in range(len(requests))
        }


def _heard_of_one(emits: Mapping[int, Emit], kind: str, content: Any) -> None:
    number, text = content if isinstance(content, list) and len(content) == 2 else (-1, None)
    is_report = kind == process.REPORTED and isinstance(number, int) and number in emits
    if not is_report or not (text is None or isinstance(text, str)):
        raise CleanupError(f"the site's process sent {kind!r}, which is none of its messages.")
    emits[number](text)


def _all_validated(answers: Any, expected: int) -> list[Answer]:
    """Raise CleanupError for what are no answers; the process that sent them belongs to the site's user."""
    if not isinstance(answers, list) or len(answers) != expected:
        raise CleanupError("the site's process sent no answers of this version. Nothing was changed.")
    return list(map(validated, answers))
