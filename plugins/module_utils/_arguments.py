# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Between AnsibleModule and the engine: options in; results, diff and warnings out."""

from __future__ import annotations

from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ._reconcile import jobs, report
from ._reconcile.errors import CleanupError
from ._reconcile.site import OrphansJob, RecordsJob

_REFERENCES = {
    "table": {"type": "str", "required": True},
    "column": {"type": "str", "required": True},
}


def site_arguments() -> dict[str, Any]:
    """The options that both cleaning modules share."""
    return {
        "name": {"type": "str"},
        "database_url": {"type": "str", "required": True, "no_log": True},
        "media_root": {"type": "path", "required": True},
        "media_url": {"type": "str", "default": "/media/"},
        "max_removal_percent": {"type": "int", "default": 50},
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
                **_REFERENCES,
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
    verbose = module._verbosity > 0
    result = report.result(plan, job, outcome, verbose, with_diff=module._diff)
    for warning in report.warnings(plan, with_refusals=module.check_mode):
        module.warn(warning)
    if outcome is None and not module.check_mode:
        module.fail_json(msg=" ".join(refusal.message for refusal in plan.refusals), **result)
    problems = report.problems(plan, outcome) if outcome else ""
    if problems:
        module.fail_json(msg=problems, **result)
    module.exit_json(**result)
