# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Between AnsibleModule and the engine: options in; results, diff and warnings out."""

from __future__ import annotations

import os
from typing import Any, Callable, Iterable, Mapping

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import remove_values

from ._reconcile import run as jobs
from ._reconcile.apply import restore
from ._reconcile.config.options import QUARANTINE, Option
from ._reconcile.config.site import OrphansJob, RecordsJob, site
from ._reconcile.config.values import checked
from ._reconcile.errors import CleanupError
from ._reconcile.quarantine import store as quarantine
from ._reconcile.report import data, words
from ._reconcile.report import quarantine as report
from ._reconcile.report.describe import describe
from ._reconcile.text import printable


class Module(AnsibleModule):  # type: ignore[misc]
    """An AnsibleModule that shows no secret, whatever is wrong with its options.

    AnsibleModule fails for suboptions of a wrong type before it knows which options are secret, and
    would show all of them with the error.
    """

    def __init__(self, **specification: Any) -> None:
        super().__init__(**specification)
        secret = self.params.get("database_url") or ""
        for option, value in self.params.items():
            if option != "database_url" and "://" in secret and secret in _texts(value):
                # In a message it may be taken apart or normalized, and would not be recognized as a secret.
                self.fail_json(msg=f"{option} holds the value of database_url. Correct this option.")

    def fail_json(self, msg: str, **kwargs: Any) -> None:
        secret = self.params.get("database_url")
        if isinstance(secret, str) and secret:
            # What was meant as a list is split at its commas.
            self.no_log_values.update({secret, *(part for part in secret.split(",") if "@" in part)})
        # A text where suboptions belong is parsed as "key=value" pairs, which splits a secret.
        plain = {name: value for name, value in self.params.items() if not _has_suboptions(value)}
        super().fail_json(msg, **{"invocation": {"module_args": plain}, **kwargs})

    def warn(self, warning: str, **kwargs: Any) -> None:
        """Warn without secrets: Ansible removes them from all of a result but its warnings."""
        super().warn(remove_values(printable(warning), self.no_log_values), **kwargs)


def _texts(value: Any) -> str:
    """All texts in an option's value, those put together again that Ansible splits at commas."""
    if isinstance(value, dict):
        value = list(value.values())
    return ",".join(map(_texts, value)) if isinstance(value, list) else str(value)


def _has_suboptions(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(element, dict) for element in value)


def argument_spec(options: Iterable[Option]) -> dict[str, Any]:
    """These options as AnsibleModule takes them."""
    return {option.name: _argument(option) for option in options}


def _argument(option: Option) -> dict[str, Any]:
    argument: dict[str, Any] = {"type": option.type}
    if option.type == "list":
        argument["elements"] = "dict" if option.suboptions else "str"
    if option.required:
        argument["required"] = True
    elif option.default is not None:
        argument["default"] = list(option.default) if option.type == "list" else option.default
    if option.choices and not option.codes:
        argument["choices"] = list(option.choices)
    if option.no_log:
        argument["no_log"] = True
    if option.suboptions:
        argument["options"] = argument_spec(option.suboptions)
    return argument


def run_job(module: AnsibleModule, build: Callable[[dict[str, Any]], OrphansJob | RecordsJob]) -> None:
    """Run the job that the options describe and leave through exit_json or fail_json."""
    try:
        job = build(module.params)
        plan, outcome = jobs.run(job, module.check_mode, module.params["approved_plan"])
    except CleanupError as error:
        module.fail_json(msg=str(error))
    result = data.result(describe(job, plan, outcome), module._verbosity > 0, with_diff=module._diff)
    for warning in words.warnings(plan, module.check_mode, outcome):
        module.warn(warning)
    if outcome is None and not module.check_mode:
        module.fail_json(msg=" ".join(refusal.message for refusal in plan.refusals), **result)
    problems = words.problems(outcome)
    if problems:
        module.fail_json(msg=problems, **result)
    module.exit_json(**result)


def run_quarantine(module: AnsibleModule) -> None:
    """Restore a batch or purge old ones, and leave through exit_json or fail_json."""
    try:
        options = checked(module.params, QUARANTINE)
        if options["state"] == "purged":
            found = _purge(options, module.params["batches"], module.check_mode)
            result = report.purged(found, module.check_mode)
        else:
            to = site(options)
            name = options["batch"]
            if name == quarantine.LATEST:
                name = quarantine.latest(to.quarantine or b"", to.media_root)
            back = restore.restore(to, name, options["paths"], module.check_mode)
            result = report.restored(back, module.check_mode)
    except CleanupError as error:
        module.fail_json(msg=str(error))
    diff = result.pop("diff")
    if module._diff:
        result["diff"] = diff
    if result["left_alone_total"] and not module.check_mode:
        module.warn(f"left in quarantine: {result['left_alone_total']}; see left_alone.")
    module.exit_json(**result)


def _purge(options: Mapping[str, Any], batches: list[str] | None, check: bool) -> list[quarantine.BatchInfo]:
    # No batches named are all of them; an empty list of names is none.
    folder, root = os.fsencode(options["quarantine"]), options["media_root"]
    names = batches if options["batch"] is None else [options["batch"]]
    taken_from = None if root is None else os.fsencode(os.path.normpath(root))
    return quarantine.purge(folder, names, options["older_than_days"], check, taken_from)


def run_quarantine_info(module: AnsibleModule) -> None:
    """List the batches and leave through exit_json or fail_json."""
    try:
        found, unreadable = quarantine.survey(os.fsencode(module.params["quarantine"]))
    except CleanupError as error:
        module.fail_json(msg=str(error))
    for warning in unreadable:
        module.warn(warning)
    module.exit_json(changed=False, **report.batches(found))
