# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Between AnsibleModule and the engine: options in; results, diff and warnings out."""

from __future__ import annotations

import os
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import remove_values

from ._reconcile import run as jobs
from ._reconcile.apply import restore
from ._reconcile.config.site import OrphansJob, RecordsJob, site
from ._reconcile.errors import CleanupError, SiteError
from ._reconcile.quarantine import store as quarantine
from ._reconcile.report import data, words
from ._reconcile.report import quarantine as quarantine_report
from ._reconcile.report.describe import describe


class Module(AnsibleModule):  # type: ignore[misc]
    """An AnsibleModule that keeps its secret whatever is wrong with its options.

    AnsibleModule gives up on suboptions of a wrong shape before it has learned which options are
    secret, and would show all of them with the error.
    """

    def __init__(self, **specification: Any) -> None:
        super().__init__(**specification)
        secret = self.params.get("database_url") or ""
        for option, value in self.params.items():
            if option != "database_url" and "://" in secret and secret in _texts(value):
                # Taken apart or tidied up on its way into a message, nobody would know it for a secret.
                self.fail_json(msg=f"{option} holds the value of database_url. Correct this option.")

    def fail_json(self, msg: str, **kwargs: Any) -> None:
        secret = self.params.get("database_url")
        if isinstance(secret, str) and secret:
            # What was meant as a list is split at its commas.
            self.no_log_values.update({secret, *(part for part in secret.split(",") if "@" in part)})
        # A text where suboptions belong is taken for "key=value" pairs, which tears a secret apart.
        plain = {name: value for name, value in self.params.items() if not _has_suboptions(value)}
        super().fail_json(msg, **{"invocation": {"module_args": plain}, **kwargs})

    def warn(self, warning: str, **kwargs: Any) -> None:
        """Warn without secrets: Ansible removes them from all of a result but its warnings."""
        super().warn(remove_values(warning, self.no_log_values), **kwargs)


def _texts(value: Any) -> str:
    """All texts in an option's value, those put together again that Ansible splits at commas."""
    if isinstance(value, dict):
        value = list(value.values())
    return ",".join(map(_texts, value)) if isinstance(value, list) else str(value)


def _has_suboptions(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(element, dict) for element in value)


_COLUMN = {
    "table": {"type": "str", "required": True},
    "column": {"type": "str", "required": True},
}
_CONTENT = {"size_column": {"type": "str"}, "checksum_column": {"type": "str"}}
_REFERENCES = {**_COLUMN, **_CONTENT}


def site_arguments() -> dict[str, Any]:
    """The options that both cleaning modules share."""
    return {
        "name": {"type": "str"},
        "database_url": {"type": "str", "required": True, "no_log": True},
        "media_root": {"type": "path", "required": True},
        "media_url": {"type": "str", "default": "/media/"},
        "quarantine": {"type": "path"},
        "quarantine_in_media_root": {"type": "bool", "default": False},
        "max_removal_percent": {"type": "int", "default": 50},
        "accept": {
            "type": "list",
            "elements": "str",
            "default": [],
            "choices": [
                *("no_references", "empty_media_root", "path_mismatch", "other_file_system"),
                "emptied_dependents",
            ],
        },
        "include_likely_moves": {"type": "bool", "default": False},
        "low_priority": {"type": "bool", "default": False},
        "marker": {"type": "str"},
        "approved_plan": {"type": "str"},
        "max_listed": {"type": "int", "default": 100},
        "older_than_hours": {"type": "int", "default": 24},
        "derived": {"type": "list", "elements": "str", "default": []},
    }


def orphans_arguments() -> dict[str, Any]:
    return {
        **site_arguments(),
        "directories": {"type": "list", "elements": "str", "required": True},
        "references": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": _REFERENCES,
        },
        "age_stamp": {
            "type": "str",
            "choices": ["newest", "mtime", "ctime"],
            "default": "newest",
        },
        "exclude": {
            "type": "list",
            "elements": "str",
            "default": [".*", "lost+found", ".nfs*", "@eaDir"],
        },
    }


def records_arguments() -> dict[str, Any]:
    return {
        **site_arguments(),
        "table": {"type": "str", "required": True},
        "file_column": {"type": "str", "required": True},
        **_CONTENT,
        "companion_columns": {"type": "list", "elements": "str", "default": []},
        "select": {"type": "str", "choices": ["missing", "incomplete"], "default": "missing"},
        "unattached_column": {"type": "str", "default": "content_type_id"},
        "uploaded_at_column": {"type": "str", "default": "uploaded_at"},
        "time_zone": {"type": "str"},
        "label": {"type": "str"},
        "dependents": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                **_COLUMN,
                "action": {
                    "type": "str",
                    "required": True,
                    "choices": ["delete", "set_null", "restrict"],
                },
                "holds": {"type": "str", "choices": ["key", "path"], "default": "key"},
                "content_type": {"type": "str"},
                "content_type_column": {"type": "str", "default": "content_type_id"},
            },
        },
        "max_dependents": {"type": "int", "default": 100},
        "references": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": _REFERENCES,
        },
    }


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


def quarantine_arguments() -> dict[str, Any]:
    return {
        "name": {"type": "str"},
        "state": {"type": "str", "choices": ["restored", "purged"], "required": True},
        "quarantine": {"type": "path", "required": True},
        "quarantine_in_media_root": {"type": "bool", "default": False},
        "batch": {"type": "str"},
        "paths": {"type": "list", "elements": "str", "default": []},
        "older_than_days": {"type": "int"},
        "database_url": {"type": "str", "no_log": True},
        "media_root": {"type": "path"},
        "max_listed": {"type": "int", "default": 100},
    }


def run_quarantine(module: AnsibleModule) -> None:
    """Restore a batch or purge old ones, and leave through exit_json or fail_json."""
    options = module.params
    try:
        if options["state"] == "purged":
            result = quarantine_report.purged(_purge(module), module.check_mode)
        else:
            found = restore.restore(site(options), options["batch"], options["paths"], module.check_mode)
            result = quarantine_report.restored(found, module.check_mode)
    except CleanupError as error:
        module.fail_json(msg=str(error))
    diff = result.pop("diff")
    if module._diff:
        result["diff"] = diff
    if result["left_alone_total"] and not module.check_mode:
        module.warn(f"left in quarantine: {result['left_alone_total']}; see left_alone.")
    module.exit_json(**result)


def _purge(module: AnsibleModule) -> list[quarantine.BatchInfo]:
    options = module.params
    if options["older_than_days"] is not None and options["older_than_days"] < 0:
        raise SiteError(f"older_than_days is {options['older_than_days']}; it must be 0 or more.")
    return quarantine.purge(
        os.fsencode(options["quarantine"]), options["batch"], options["older_than_days"], module.check_mode
    )


def run_quarantine_info(module: AnsibleModule) -> None:
    """List the batches and leave through exit_json or fail_json."""
    try:
        found, odd = quarantine.survey(os.fsencode(module.params["quarantine"]))
    except CleanupError as error:
        module.fail_json(msg=str(error))
    for warning in odd:
        module.warn(warning)
    module.exit_json(changed=False, **quarantine_report.batches(found))
