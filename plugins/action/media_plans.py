# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lets a host make all its plans, and notes them as rows, by which the hosts of a run are compared.

It is an action, and no filters are needed: the controller loads what an action imports once for all hosts,
and what a filter imports once in the process of each host.
"""

from __future__ import annotations

from typing import Any, Mapping

from ansible.errors import AnsibleActionFail
from ansible.utils.unsafe_proxy import wrap_var

from ..filter.cleanup_accept import cleanup_accept
from ..filter.cleanup_jobs import cleanup_jobs
from ..filter.cleanup_reviews import cleanup_reviews
from ..filter.cleanup_unknown import cleanup_unknown
from ..module_utils._fleet.rows import MODES, place_row, planned_row, purge_row
from ..module_utils._plans import ARGUMENTS, Plans, Refused
from ..plugin_utils._engine_action import EngineAction, NoAnswer


class ActionModule(EngineAction):
    """Asks the engine on the target for all plans."""

    _VALID_ARGS = frozenset(ARGUMENTS)

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Make the plans."""
        super().run(tmp, task_vars)
        said = _plain(self._task.args)
        mode = said.get("mode", MODES[0])
        _refuse_unknown(task_vars)
        if mode not in MODES:
            raise AnsibleActionFail(f"media_cleanup_mode is {mode!r}, and can be {' or '.join(MODES)}.")
        host = task_vars["inventory_hostname"]
        how = {"check": True, "verbose": self._display.verbosity > 0, "diff": bool(self._task.diff)}
        try:
            plans = Plans(_arguments(said, host), how)
            result = self._planned(plans, task_vars)
        except Refused as error:
            return {"failed": True, "msg": str(error), "status": error.status, **self.discovered}
        # Texts of the host, and never templates.
        rows = _places(host, result) if said.get("only_places") else _rows(host, mode, result)
        found: dict[str, Any] = wrap_var({**result, "rows": rows})
        return {**found, **self.discovered}

    def _planned(self, plans: Plans, task_vars: Any) -> dict[str, Any]:
        """Ask the target. Raises Refused, after all else that holds a secret is forgotten."""
        try:
            return plans.result(self.ask_engine(plans.requests, task_vars))
        except NoAnswer as error:
            why = plans.without_secrets(str(error))
        raise Refused(why, "failed")


def _rows(host: str, mode: str, result: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        *(planned_row(host, mode, _described(job), job) for job in result["jobs"]),
        *(
            {**purge_row(host, _described(purge), purge, False), "of_jobs": purge["of_jobs"]}
            for purge in result["purges"]
        ),
    ]


def _places(host: str, result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each site that could be opened; why another could not, its plan will say."""
    return [
        place_row(host, job["item"], job["site"], job["identity"])
        for job in result["jobs"]
        if "identity" in job
    ]


def _plain(value: Any) -> Any:
    """A value without what Ansible notes of it, and with its vaulted texts opened."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _arguments(said: Mapping[str, Any], host: str) -> dict[str, Any]:
    """What the module takes: without what concerns the controller alone.

    What is wrong with a description or a list is said before the host is asked.
    """
    jobs = cleanup_jobs(said.get("sites"), said.get("jobs"))
    arguments = {**said, "accept": cleanup_accept(said.get("accept"))}
    keep = arguments.pop("keep", None)
    if keep:
        arguments["keep"] = cleanup_reviews(keep, host, jobs)
    return arguments


def _described(result: Mapping[str, Any]) -> dict[str, Any]:
    """What a result is about, as the filters cleanup_jobs and cleanup_quarantines describe it."""
    about = {key: result[key] for key in ("heading", "job") if key in result}
    return {**about, "index": result["item"], "options": {"name": result["site"]}}


def _refuse_unknown(task_vars: Mapping[str, Any]) -> None:
    unknown = cleanup_unknown(task_vars)
    if unknown:
        raise AnsibleActionFail(
            f"These variables have no effect: {', '.join(unknown)}. Correct their names; variables of "
            "your own must not begin with media_cleanup_."
        )
