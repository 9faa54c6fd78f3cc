# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cleanup_summary
short_description: What a run came to, on all its hosts
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Takes the rows of all hosts and returns a table for people, the same as data, and the numbers for AWX.
  - The table has all jobs of a small fleet, and only those that need attention of one with more than 40 jobs.
positional: _input, hosts, verdicts, mode
options:
  _input:
    description: The rows, as P(django_media.cleanup.cleanup_rows#filter) returns them.
    type: list
    elements: dict
    required: true
  hosts:
    description:
      - The names of C(all) hosts of the play, of those that have started (C(begun)), and of those that made
        plans (C(planned)).
    type: dict
    required: true
  verdicts:
    description: What P(django_media.cleanup.cleanup_verdicts#filter) returned.
    type: dict
    required: true
  mode:
    description: V(check), V(report) or V(clean).
    type: str
    required: true
seealso:
  - plugin: django_media.cleanup.cleanup_rows
    plugin_type: filter
"""

EXAMPLES = r"""
- name: How is the fleet?
  ansible.builtin.debug:
    msg: "{{ (rows | django_media.cleanup.cleanup_summary(hosts, {}, 'check')).lines }}"
"""

RETURN = r"""
_value:
  description: The C(lines) of the table, the C(document) with everything, and the C(statistics).
  type: dict
"""

from typing import Any, Callable, Mapping, Sequence

from ansible.utils.unsafe_proxy import wrap_var

from ..module_utils._fleet.summary import Hosts, lines, statistics, summary


def cleanup_summary(
    rows: Sequence[Any],
    hosts: Mapping[str, Sequence[str]],
    verdicts: Mapping[str, Any],
    mode: str,
) -> Any:
    """The table, the document and the numbers."""
    document = summary(rows, Hosts(hosts["all"], hosts["begun"], hosts["planned"]), verdicts, mode)
    return wrap_var({"lines": lines(document), "document": document, "statistics": statistics(document)})


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cleanup_summary": cleanup_summary}
