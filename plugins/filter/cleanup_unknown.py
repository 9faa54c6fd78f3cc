# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cleanup_unknown
short_description: Variables that look like one of this collection and are none
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Takes names of variables and returns those that begin with C(media_cleanup_) but that no playbook and no
    role of this collection reads, each with the nearest one that there is. A misspelled variable would
    otherwise have no effect.
positional: _input, restoring
options:
  _input:
    description: The names of variables.
    type: list
    elements: str
    required: true
  restoring:
    description: Whether the variables that only the playbook C(restore) reads are known, too.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Check that no variable is misspelled
  ansible.builtin.assert:
    that: names | django_media.cleanup.cleanup_unknown | length == 0
  vars:
    names: "{{ query('ansible.builtin.varnames', '^media_cleanup_') }}"
"""

RETURN = r"""
_value:
  description: The unknown names, each with a hint if there is a similar one.
  type: list
  elements: str
  sample: ["media_cleanup_site (did you mean media_cleanup_sites?)"]
"""

from typing import Any, Callable, Iterable

from ..module_utils._reconcile.config.values import with_hint

_PREFIX = "media_cleanup_"
# What the playbooks cleanup and schedule read.
_PLAYBOOKS = (
    *("accept", "become", "force", "hand_on", "hosts", "jobs", "keep"),
    *("max_fail_percentage", "max_removal_percent", "report", "serial", "summary"),
)
_RESTORE = ("batch", "paths", "site")
_ROLE = (
    *("calendar_incomplete", "calendar_missing", "calendar_orphans", "calendar_purge"),
    *("cron_incomplete", "cron_missing", "cron_orphans", "cron_purge"),
    *("jitter_minutes", "keep_log", "keep_outcome", "log_weeks", "mailto", "manage_packages"),
    *("manage_service", "metrics_directory", "python", "retention_days", "root", "scheduler", "sites"),
    *("mode", "shared", "state", "user"),
)


def cleanup_unknown(names: Iterable[str], restoring: bool = False) -> list[str]:
    """List the variables that begin as ours do and are none, with the nearest that is."""
    known = [_PREFIX + name for name in (*_PLAYBOOKS, *_ROLE, *(_RESTORE if restoring else ()))]
    ours = {str(name) for name in names if str(name).startswith(_PREFIX)}
    return [with_hint(name, known) for name in sorted(ours - set(known))]


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cleanup_unknown": cleanup_unknown}
