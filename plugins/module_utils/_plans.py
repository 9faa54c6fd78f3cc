# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Between the action media_plans and the engine on a host: the description of its sites in, all plans out.

Each job is validated as its own module validates it, but on the controller, and what is wrong with one keeps
none of the others from being planned.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Iterable, Mapping, NamedTuple

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values

from ._module import argument_spec, parts_of_secrets, why_secret_shows, without_plain
from ._reconcile.answers import Answer, Request, answering, validated
from ._reconcile.config.options import (
    JOBS,
    QUARANTINE,
    REPORT_BYTES,
    REPORT_THUMBNAILS,
    Option,
    module_options,
)
from ._reconcile.config.site_file import list_jobs, list_quarantines
from ._reconcile.errors import CleanupError, Exit, SiteError
from ._reconcile.text import printable

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
    "only_places": {"type": "bool", "default": False},
    "mode": {"type": "str", "choices": ["clean", "report"], "default": "clean"},
}


class Refused(Exception):
    """The description of the sites is not usable: why, without a secret, and the status that goes with it."""

    def __init__(self, why: str, status: str) -> None:
        super().__init__(why)
        self.status = status


class _Asked(NamedTuple):
    """One plan that is wanted: what it is called, the task and options of its module, and their table."""

    about: Mapping[str, Any]
    task: str
    options: Mapping[str, Any]
    table: Iterable[Option]


class Plans:
    """All plans of a host: what is asked of it, and what its answers come to.

    ``how`` is what every request says beside its task and options.
    """

    def __init__(self, said: Mapping[str, Any], how: Mapping[str, Any]) -> None:
        """Raises Refused."""
        self._secrets: set[str] = set()
        params = self._validated(said)
        try:
            self._asked = _places(params) if params["only_places"] else [*_jobs(params), *_purges(params)]
        except CleanupError as error:
            self._secrets |= {part for site in params["sites"] for part in parts_of_secrets(site)}
            raise self._refused(str(error), error.exit_status) from None
        # Of what is not usable, the answer is known.
        self._answers: dict[int, Answer] = {}
        self._requests: dict[int, Request] = {}
        for number, asked in enumerate(self._asked):
            with answering(self._answers, [number]):
                about = {"task": asked.task, "only_place": params["only_places"]}
                self._requests[number] = {**how, **about, "options": self._options(asked)}

    @property
    def requests(self) -> list[Request]:
        return list(self._requests.values())

    def result(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """What the module returns. Raises Refused where the host sent what are no answers."""
        answers = found.get("answers")
        try:
            if not isinstance(answers, list) or len(answers) != len(self._requests):
                raise CleanupError("the host sent no answers of this version. Nothing was changed.")
            self._answers.update(zip(self._requests, map(validated, answers)))
        except CleanupError as error:
            raise self._refused(str(error), error.exit_status) from None
        shown: dict[str, Any] = remove_values(self._result(found.get("folder")), self._secrets)
        return shown

    def without_secrets(self, text: str) -> str:
        """What a host printed, for people."""
        shown: str = remove_values(printable(text), self._secrets)
        return shown

    def _result(self, folder: Any) -> dict[str, Any]:
        answers = [self._answers[number] for number in range(len(self._asked))]
        diffs = [answer["result"]["diff"] for answer in answers if "diff" in answer["result"]]
        warnings = [printable(text) for answer in answers for text in answer["warnings"]]
        results = [{**asked.about, **_shown(answer)} for asked, answer in zip(self._asked, answers)]
        return {
            "changed": any(result.get("changed") for result in results),
            "jobs": [result for result in results if "job" in result],
            "purges": [result for result in results if "job" not in result],
            **({"diff": diffs} if diffs else {}),
            **({"warnings": warnings} if warnings else {}),
            **({"report_folder": str(folder)} if folder else {}),
        }

    def _validated(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        found = ArgumentSpecValidator(ARGUMENTS).validate(said)
        if found.error_messages:
            self._secrets |= found._no_log_values
            raise self._refused(found.error_messages[0], SiteError.exit_status)
        params: Mapping[str, Any] = found.validated_parameters
        return params

    def _options(self, asked: _Asked) -> Mapping[str, Any]:
        """The options of a plan, validated. Raises SiteError where one is not usable."""
        found = ArgumentSpecValidator(argument_spec(_read_there(asked.table))).validate(asked.options)
        if found.error_messages:
            self._secrets |= parts_of_secrets(asked.options)
            raise SiteError(found.error_messages[0])
        options: Mapping[str, Any] = found.validated_parameters
        environment = (options.get("django") or {}).get("environment") or {}
        self._secrets |= without_plain(found._no_log_values, environment)
        why = why_secret_shows(options)
        if why:
            raise SiteError(why)
        return options

    def _refused(self, why: str, status: Exit) -> Refused:
        return Refused(self.without_secrets(why), status.name.lower())


def _read_there(table: Iterable[Option]) -> list[Option]:
    """The table as texts where it has paths: what ~ and variables mean in them, the host knows."""
    return [
        replace(
            option,
            type="str" if option.type == "path" else option.type,
            suboptions=_read_there(option.suboptions),
        )
        for option in table
    ]


def _shown(answer: Answer) -> Mapping[str, Any]:
    result = {name: value for name, value in answer["result"].items() if name != "diff"}
    return {**result, **({"msg": answer["failure"]} if answer["failure"] else {})}


def _jobs(params: Mapping[str, Any]) -> list[_Asked]:
    jobs = list_jobs(params["sites"], params["jobs"] or None)
    reports = _reports(params["report"], len(jobs)) if params["report"] else {}
    return [_job(job, params, reports.get(job["index"])) for job in jobs]


def _places(params: Mapping[str, Any]) -> list[_Asked]:
    """One job of each site, which says where it is."""
    first: dict[str, _Asked] = {}
    for asked in _jobs({**params, "report": None}):
        first.setdefault(asked.about["site"], asked)
    return list(first.values())


def _reports(report: Mapping[str, Any], jobs: int) -> Mapping[int, Mapping[str, Any]]:
    """The report of each job, which has its share of what a host may have."""
    shares = {
        name: most // max(1, jobs)
        for name, most in (("most_bytes", REPORT_BYTES), ("most_thumbnails", report["most_thumbnails"]))
    }
    return {index: {"file": f"{index}.json", **shares} for index in range(jobs)}


def _job(job: Mapping[str, Any], params: Mapping[str, Any], report: Mapping[str, Any] | None) -> _Asked:
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
    return _Asked(about, task, options, module_options(job["job"]))


def _purges(params: Mapping[str, Any]) -> list[_Asked]:
    places = list_quarantines(params["sites"], params["jobs"] or None)
    return [_purge(place, params) for place in places]


def _purge(place: Mapping[str, Any], params: Mapping[str, Any]) -> _Asked:
    said = {"state": "purged", "older_than_days": params["retention_days"], **_accepted(params)}
    about = {
        "item": place["index"],
        "heading": place["heading"],
        "site": place["options"]["name"],
        "of_jobs": place["jobs"],
    }
    return _Asked(about, "quarantine", {**place["options"], **said}, QUARANTINE)


def _accepted(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is accepted in this run comes instead of what the description accepts."""
    return {"accept": params["accept"]} if params["accept"] else {}
