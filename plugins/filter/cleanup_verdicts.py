# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cleanup_verdicts
short_description: Which jobs are held back once the plans of all hosts are known
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Takes the rows of all hosts in the order of the play, and returns by host which of its jobs are held
    back, and what it is warned of.
  - Of hosts with the same database and the same media store, the first one cleans, and the others are held
    back.
  - Sites that have one of the two in common are warned. What the one would remove of the other is held back
    (V(refused)), orphans of a common media store, and missing or incomplete records of a common database.
  - A plan that stands out from those of the other hosts is held back as an outlier. In a group of at least
    five hosts (the same job of a site of the same name, else the same kind of job), the limit for the share
    of what was examined is the median of all shares, and above it 5 percentage points or three times the
    spread, whichever is more. The spread is 1.4826 times the median of the distances from the median. A plan
    with fewer than ten changes is never one.
positional: _input, accept
options:
  _input:
    description: The rows, as P(django_media.cleanup.cleanup_rows#filter) returns them.
    type: list
    elements: dict
    required: true
  accept:
    description:
      - The value of C(media_cleanup_accept). With V(outlier) in it, no plan is held back as an outlier; with
        V(shared_media) or V(shared_database), none because of a common media store or database.
    type: raw
seealso:
  - plugin: django_media.cleanup.cleanup_rows
    plugin_type: filter
  - plugin: django_media.cleanup.cleanup_accept
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Which jobs are held back?
  ansible.builtin.debug:
    msg: "{{ rows | django_media.cleanup.cleanup_verdicts }}"
"""

RETURN = r"""
_value:
  description:
    - By host, C(held) with the C(state) (V(shared), V(refused) or V(outlier)) and the C(reason) of each job
      that is held back, by its number as text; C(warnings); and C(left_out), the numbers of the quarantines
      that are not purged, because a job of theirs is held back, was refused or failed.
  type: dict
"""

from typing import Any, Callable, Sequence

from ansible.utils.unsafe_proxy import wrap_var

from ..module_utils._fleet.verdicts import accepted, verdicts


def cleanup_verdicts(rows: Sequence[Any], accept: Any = None) -> Any:
    """What is held back on each host, and why."""
    return wrap_var(verdicts(rows, accepted(accept)))


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cleanup_verdicts": cleanup_verdicts}
