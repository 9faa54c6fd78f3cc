# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Between AnsibleModule and the plans of all jobs of a host: the description of its sites in, all plans out.

Each job is validated as its own module validates it, and what is wrong with one keeps none of the others from
being planned.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any, Iterable, Mapping, NamedTuple

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ._module import Module, argument_spec, parts_of_secrets, why_secret_shows, without_plain
from ._reconcile import work
from ._reconcile.answers import Answer, Request, answering
from ._reconcile.config.options import (
    JOBS,
    QUARANTINE,
    REPORT_BYTES,
    REPORT_THUMBNAILS,
    Option,
    module_options,
)
from ._reconcile.config.site_file import list_jobs, list_quarantines
from ._reconcile.config.trust.site_user import Worker, worker_of
from ._reconcile.errors import CleanupError, SiteError

_REPORT = {"most_thumbnails": {"type": "int", "default": REPORT_THUMBNAILS}}
ARGUMENTS: Mapping[str, Any] = {
    # The options of each job say what of it is secret.
    "sites": {"type": "list", "elements": "dict", "required": True, "no_log": True},
    "jobs": {"type": "list", "elements": "str", "choices": list(JOBS), "default": []},
    "accept": {"type": "list", "elements": "str", "default": []},
    "max_removal_percent": {"type": "int"},
    "retention_days": {"type": "int", "default": 30},
    "reviewed": {"type": "bool", "default": True},
    "keep": {"type": "raw"},
    "report": {"type": "dict", "options": _REPORT},
    "mode": {"type": "str", "choices": ["clean", "report"], "default": "clean"},
}


class Asked(NamedTuple):
    """One plan that is wanted: what it is called, the task and options of its module, and their table."""

    about: Mapping[str, Any]
    task: str
    options: Mapping[str, Any]
    table: Iterable[Option]


class PlansModule(Module):
    """A module whose sites are secret until their jobs say what of them is."""

    def __init__(self, **specification: Any) -> None:
        super().__init__(**specification)
        self.no_log_values = set()

    def _shown(self) -> dict[str, Any]:
        return {name: value for name, value in super()._shown().items() if name not in ("sites", "keep")}

    def request(self, asked: Asked) -> Request:
        """The request for a plan. Raises SiteError where an option is not usable."""
        validator = ArgumentSpecValidator(argument_spec(asked.table))
        found = validator.validate(
            {name: value for name, value in asked.options.items() if value is not None}
        )
        if found.error_messages:
            self.no_log_values |= parts_of_secrets(asked.options)
            raise SiteError(found.error_messages[0])
        options = found.validated_parameters
        environment = (options.get("django") or {}).get("environment") or {}
        self.no_log_values |= without_plain(found._no_log_values, environment)
        why = why_secret_shows(options)
        if why:
            raise SiteError(why)
        about = {"check": True, "verbose": self._verbosity > 0, "diff": self._diff}
        return {"task": asked.task, "options": options, **about}


def run_plans(module: PlansModule) -> None:
    """Plan all jobs and purges, and leave through exit_json; fail only where the sites are not usable."""
    folder = tempfile.mkdtemp(prefix="media-cleanup-") if module.params["report"] else None
    try:
        wanted = [*_jobs(module.params, folder), *_purges(module.params)]
    except CleanupError as error:
        if folder:
            os.rmdir(folder)
        module.no_log_values |= {part for site in module.params["sites"] for part in parts_of_secrets(site)}
        module.fail_json(msg=str(error), status=error.exit_status.name.lower())
    answers = _answers(module, wanted)
    for warning in (text for answer in answers for text in answer["warnings"]):
        module.warn(warning)
    diffs = [answer["result"].pop("diff") for answer in answers if "diff" in answer["result"]]
    results = [{**asked.about, **_result(answer)} for asked, answer in zip(wanted, answers)]
    module.exit_json(
        changed=any(result.get("changed") for result in results),
        jobs=[result for result in results if "job" in result],
        purges=[result for result in results if "job" not in result],
        **({"diff": diffs} if diffs else {}),
        **({"report_folder": folder} if folder else {}),
    )


def _result(answer: Answer) -> Mapping[str, Any]:
    return {**answer["result"], **({"msg": answer["failure"]} if answer["failure"] else {})}


def _answers(module: PlansModule, wanted: list[Asked]) -> list[Answer]:
    """The answers to all requests: one process for each user and interpreter makes the plans."""
    answers: dict[int, Answer] = {}
    requests: dict[Worker, dict[int, Request]] = {}
    for number, asked in enumerate(wanted):
        with answering(answers, [number]):
            request = module.request(asked)
            requests.setdefault(worker_of([request["options"]]), {})[number] = request
    for worker, numbered in requests.items():
        with answering(answers, numbered):
            answers.update(zip(numbered, work.plans_by(worker, list(numbered.values()))))
    return [answers[number] for number in range(len(wanted))]


def _jobs(params: Mapping[str, Any], folder: str | None) -> list[Asked]:
    jobs = list_jobs(params["sites"], params["jobs"] or None)
    reports = _reports(folder, params["report"], len(jobs)) if folder else {}
    return [_job(job, params, reports.get(job["index"])) for job in jobs]


def _reports(folder: str, report: Mapping[str, Any], jobs: int) -> Mapping[int, Mapping[str, Any]]:
    """The report of each job, which has its share of what a host may have."""
    shares = {
        name: most // max(1, jobs)
        for name, most in (("most_bytes", REPORT_BYTES), ("most_thumbnails", report["most_thumbnails"]))
    }
    return {index: {"file": f"{folder}/{index}.json", **shares} for index in range(jobs)}


def _job(job: Mapping[str, Any], params: Mapping[str, Any], report: Mapping[str, Any] | None) -> Asked:
    """A job with what is said for this run."""
    said = {
        **_accepted(params),
        "max_removal_percent": params["max_removal_percent"],
        "reviewed": params["reviewed"],
        "report": report,
        # By the action: what was decided about each job, by its number.
        **(params["keep"] or {}).get(str(job["index"]), {}),
    }
    options = {**job["options"], **{name: value for name, value in said.items() if value is not None}}
    about = {"item": job["index"], "heading": job["heading"], "job": job["job"], "site": options["name"]}
    task = "orphans" if job["job"] == "orphans" else "records"
    return Asked(about, task, options, module_options(job["job"]))


def _purges(params: Mapping[str, Any]) -> list[Asked]:
    places = list_quarantines(params["sites"], params["jobs"] or None)
    return [_purge(place, params) for place in places]


def _purge(place: Mapping[str, Any], params: Mapping[str, Any]) -> Asked:
    said = {"state": "purged", "older_than_days": params["retention_days"], **_accepted(params)}
    about = {
        "item": place["index"],
        "heading": place["heading"],
        "site": place["options"]["name"],
        "of_jobs": place["jobs"],
    }
    return Asked(about, "quarantine", {**place["options"], **said}, QUARANTINE)


def _accepted(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is accepted in this run comes instead of what the description accepts."""
    return {"accept": params["accept"]} if params["accept"] else {}
