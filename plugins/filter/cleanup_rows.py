# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cleanup_rows
short_description: What became of each job of a host, one by one
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Takes the results of the jobs of a host, by their number as text, and returns a row for each job, by
    which the hosts of a run are compared with each other.
  - The first time, the results are those of the plans. The second time they are those of carrying them out,
    and the rows of the first time are given back.
positional: _input, host, jobs, planned, held, mode
options:
  _input:
    description:
      - The results of M(django_media.cleanup.media_orphans) and M(django_media.cleanup.photo_records).
    type: dict
    required: true
  host:
    description: The host, as the inventory calls it.
    type: str
    required: true
  jobs:
    description: The jobs, as P(django_media.cleanup.cleanup_jobs#filter) returns them.
    type: list
    elements: dict
    required: true
  planned:
    description: The rows of the plans, once these are carried out.
    type: list
    elements: dict
  held:
    description: Which are held back, as P(django_media.cleanup.cleanup_verdicts#filter) says of the host.
    type: dict
  mode:
    description: Whether the plans are carried out (V(clean)) or only shown (V(report)).
    type: str
    default: clean
seealso:
  - plugin: django_media.cleanup.cleanup_verdicts
    plugin_type: filter
  - plugin: django_media.cleanup.cleanup_summary
    plugin_type: filter
"""

EXAMPLES = r"""
- name: How did each job end?
  ansible.builtin.debug:
    msg: >-
      {{ results | django_media.cleanup.cleanup_rows(inventory_hostname, jobs) | map(attribute='state') }}
"""

RETURN = r"""
_value:
  description:
    - The rows, each with C(host), C(mode), C(site), C(index), C(job), C(task), C(identity), what was
      C(examined), the C(changes) to it, what was C(found) and C(removed), the C(state), and the C(reason) for
      it.
  type: list
  elements: dict
"""

from typing import Any, Callable, Mapping, Sequence

from ansible.utils.unsafe_proxy import wrap_var

from ..module_utils._fleet.rows import CLEANS, carried_out, planned_row, with_verdicts


def cleanup_rows(
    results: Mapping[str, Any],
    host: str,
    jobs: Sequence[Mapping[str, Any]],
    planned: Sequence[Any] = (),
    held: Mapping[str, Any] | None = None,
    mode: str = CLEANS,
) -> Any:
    """A row for each job. What they quote is text of the hosts, and never a template."""
    if planned:
        numbered = ((str(row["index"]), row) for row in with_verdicts(planned, held or {}))
        rows = [carried_out(row, results[number]) if number in results else row for number, row in numbered]
    else:
        rows = [planned_row(host, mode, job, results.get(str(job["index"]), {})) for job in jobs]
    return wrap_var(rows)


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cleanup_rows": cleanup_rows}
