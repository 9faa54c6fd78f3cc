# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The work of the modules on one site, as data: a request in, an answer out.

It is done in the module's own process or in one of the site's user. A request has the ``task``, the
module's ``options``, and whether to ``check`` only, to be ``verbose`` and to make a ``diff``. An answer has
the module's ``result``, its ``warnings``, and the ``failure``: why the module fails, or nothing.
"""

from __future__ import annotations

import os
import pwd
import sys
from contextlib import ExitStack
from functools import partial
from typing import Any, Callable, Mapping, NamedTuple, Sequence

from . import process, run
from .apply import purge_items, restore
from .apply.restore_rows import Restored
from .config.django.asking import ask
from .config.django.environment import read_by_parent
from .config.django.project import project_of
from .config.django_jobs.asked import job_of, kind_of, quarantine_of_site
from .config.jobs import site
from .config.options import DJANGO, DJANGO_SITE_INFO, LIST_FORMATS, QUARANTINE, QUARANTINE_INFO
from .config.purge import purge_of
from .config.site import OrphansJob, RecordsJob
from .config.trust.site_user import Worker
from .config.values import checked
from .errors import CleanupError
from .quarantine import store as batches
from .quarantine.place import place_of
from .quarantine.store import BatchInfo
from .report import data, discovered, words
from .report import quarantine as report
from .report.describe import describe
from .report.lists import Emit, ListFile, emit_list
from .report.page.batches import emit_batch
from .report.page.document import BESIDE_LISTS, Limits, emit_document
from .report.page.prospects import prospects
from .text import escaped, printable

Request = Mapping[str, Any]
Answer = Mapping[str, Any]


class Files(NamedTuple):
    """What takes the texts of the files that are wanted beside the answer."""

    listed: Emit
    reported: Emit


# Every key that a result may have. A site's process could else send keys that mean something to Ansible.
RESULT_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("changed", "truncated"), bool),
    **dict.fromkeys(("batch", "plan", "plan_id", "status", "summary"), str),
    **dict.fromkeys(("left_alone_total", "young"), int),
    **dict.fromkeys(("announced", "batches", "left_alone", "not_removed", "orphans", "paths"), list),
    **dict.fromkeys(("records", "refused", "relinks", "unlisted"), list),
    **dict.fromkeys(("dependents", "diff", "examined", "found", "identity", "labels", "purged"), dict),
    **dict.fromkeys(("cleared", "relinked", "removed", "restored"), dict),
    # Of django_site_info.
    **dict.fromkeys(("known", "site"), dict),
    **dict.fromkeys(("missing", "review"), list),
    "yaml": str,
}
# How deep a result is at most.
DEEPEST = 10
_DIFF_KEYS = {"before", "before_header", "after", "after_header"}


def done_by(worker: Worker, request: Request) -> Answer:
    """Let the worker do the work. Raises CleanupError where it could not even be planned.

    A list that is wanted is written by this process.
    """
    with ExitStack() as stack:
        list_file, report = request["options"].get("list_file"), request["options"].get("report")
        files = Files(_no_list, _no_report)
        if list_file:
            files = files._replace(listed=stack.enter_context(ListFile(list_file)).emit)
        if report:
            most = report["most_bytes"] + BESIDE_LISTS
            written = ListFile(report["file"], "the report", most)
            files = files._replace(reported=stack.enter_context(written).emit)
        if worker.is_this_process:
            return _validated(do(request, files))
        answer = _validated(process.run(worker, "work", _completed(request), partial(_heard, files)))
        shown: Answer = as_printable(answer)
        return shown


def _completed(request: Request) -> Request:
    """The request with what the site's user may not read."""
    django = request["options"].get("django")
    if not django:
        return request
    return {**request, "options": {**request["options"], "django": read_by_parent(django)}}


def as_printable(value: Any, depth: int = DEEPEST) -> Any:
    """A value of JSON with all its texts as a terminal may show them. Raises CleanupError if too deep."""
    if not depth:
        raise CleanupError("the site's process sent what is nested too deep. What was done stays done.")
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [as_printable(each, depth - 1) for each in value]
    if isinstance(value, dict):
        return {printable(key): as_printable(each, depth - 1) for key, each in value.items()}
    return value


def main() -> None:
    """Do the work as the site's process."""
    kinds = (process.LISTED, process.REPORTED)
    process.serve(lambda request, parent: do(request, Files(*(partial(parent.say, kind) for kind in kinds))))


def do(request: Request, files: Files) -> Answer:
    """Do the work in this process. Raises CleanupError where it could not even be planned."""
    return _TASKS[request["task"]](request, files)


def _heard(files: Files, kind: str, content: Any) -> None:
    emits = {process.LISTED: files.listed, process.REPORTED: files.reported}
    if kind not in emits or not (content is None or isinstance(content, str)):
        raise CleanupError(f"the site's process sent {kind!r}, which is none of its messages.")
    emits[kind](content)


def _no_list(_text: str | None) -> None:
    raise CleanupError("the site's process sent a list, and none is wanted.")


def _no_report(_text: str | None) -> None:
    raise CleanupError("the site's process sent a report, and none is wanted.")


def _validated(answer: Any) -> Answer:
    """Raise CleanupError for what is no answer; the process that sent it belongs to the site's user."""
    parts = (("result", dict), ("warnings", list), ("failure", str))
    if not isinstance(answer, dict) or not all(isinstance(answer.get(part), kind) for part, kind in parts):
        raise CleanupError("the site's process sent no answer of this version. What was done stays done.")
    for key, value in answer["result"].items():
        if key not in RESULT_TYPES or not isinstance(value, RESULT_TYPES[key]):
            raise CleanupError(
                f"the site's process sent {key[:50]!r}, which is no part of a result. What was done stays "
                "done."
            )
    diff = answer["result"].get("diff", {})
    texts = [*answer["warnings"], *diff.values()]
    if not set(diff) <= _DIFF_KEYS or not all(isinstance(text, str) for text in texts):
        raise CleanupError("the site's process sent what is no diff or warning. What was done stays done.")
    return answer


def _orphans(request: Request, files: Files) -> Answer:
    return _job(request, job_of("orphans", request["options"]), files)


def _records(request: Request, files: Files) -> Answer:
    return _job(request, job_of(kind_of(request["options"]), request["options"]), files)


def _job(request: Request, job: OrphansJob | RecordsJob, files: Files) -> Answer:
    check, report = request["check"], request["options"].get("report")
    if report and not check:
        raise CleanupError("report shows a plan that is not carried out yet: use it in check mode.")
    plan, outcome = run.run(job, check, request["options"]["approved_plan"])
    options, warnings = request["options"], list(words.warnings(plan, check, outcome))
    if options.get("list_file") and not plan.is_partial:
        emit_list(job, plan, options.get("list_format") or LIST_FORMATS[0], files.listed)
        files.listed(None)
    elif options.get("list_file"):
        warnings.append("the list was not written, because it would not be whole.")
    if report:
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


def _quarantine(request: Request, _files: Files) -> Answer:
    """Restore a batch or purge old ones."""
    known = quarantine_of_site(request["options"])
    options, check = checked(known, QUARANTINE), request["check"]
    if options["state"] == "purged":
        result = report.purged(purge_items.carry_out(purge_of(known), check), check)
    elif options["state"] == "restored":
        result = report.restored(_restore(options, check), check)
    else:
        result = _pin(options, check)
    left = result["left_alone_total"]
    if not request["diff"]:
        del result["diff"]
    warnings = [f"left in quarantine: {left}; see left_alone."] if left and not check else []
    return {"result": result, "warnings": warnings, "failure": ""}


def _restore(options: Mapping[str, Any], check: bool) -> Restored:
    to = site(options)
    name = options["batch"]
    if name == batches.LATEST:
        name = batches.latest(place_of(to), to.media_root)
    return restore.restore(to, name, options["paths"], check)


def _pin(options: Mapping[str, Any], check: bool) -> dict[str, Any]:
    name, pinned = options["batch"], options["state"] == "pinned"
    changes = batches.pin(os.fsencode(options["quarantine"]), name, pinned, check)
    return report.pinned(name, pinned, changes, check)


def _quarantine_info(request: Request, files: Files) -> Answer:
    known = quarantine_of_site(request["options"])
    options = checked(known, QUARANTINE_INFO)
    found, unreadable = batches.survey(os.fsencode(options["quarantine"]))
    if options["report"]:
        _report_batches({**known, "report": options["report"]}, found, files.reported)
    return {
        "result": {"changed": False, **report.batches(found)},
        "warnings": unreadable,
        "failure": "",
    }


def _report_batches(known: Mapping[str, Any], found: Sequence[BatchInfo], emit: Emit) -> None:
    """Emit what a page shows of the batches that were taken from the media root of a site."""
    of, report = site(known), known["report"]
    own = [info for info in found if info.media_root == escaped(of.media_root)]
    most = max(1, len(own))
    limits = Limits(report["most_bytes"] // most, report["most_thumbnails"] // most)
    for info in own:
        found_out = prospects(of, info.name, lambda name: [purge_of({**known, "batch": name})])
        emit_batch(of, info, found_out, limits, emit)
    emit(None)


def _django_site_info(request: Request, _files: Files) -> Answer:
    """Ask a project for the description of its site."""
    said = checked(request["options"], DJANGO_SITE_INFO)
    project = project_of(said["django"], sys.executable)
    # What is secret in the environment stays with whoever said it.
    usual = {option.name: option.default for option in DJANGO}
    said_of_django = {name: value for name, value in said["django"].items() if value != usual[name]}
    said_of_django.pop("environment", None)
    asked = {"project": project.directory, "python": project.python, "settings": project.settings}
    site = {
        "name": said["name"] or os.path.basename(project.directory),
        "user": said["user"] or pwd.getpwuid(os.geteuid()).pw_name,
        "django": {**said_of_django, **asked},
    }
    found = discovered.discover(ask(project), site)
    if said["django"]["environment"]:
        found.review.append(
            "the settings were given variables: say environment, environment_file or systemd_unit in django, "
            "as for this question"
        )
    return {"result": discovered.as_data(found), "warnings": [], "failure": ""}


_TASKS: Mapping[str, Callable[[Request, Files], Answer]] = {
    "orphans": _orphans,
    "records": _records,
    "quarantine": _quarantine,
    "quarantine_info": _quarantine_info,
    "django_site_info": _django_site_info,
}
