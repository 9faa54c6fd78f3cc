# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cleanup_approval
short_description: The plans of a run, as a later run takes them for approved
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Takes the plans of the jobs of all hosts and returns a value for C(media_cleanup_keep) that keeps nothing
    of them. A run that gets it removes what these plans hold and is still to be removed, and nothing else.
  - Fails where a plan is none. It comes from a host, and whoever passes it on as a variable lets Ansible look
    for templates in it.
positional: _input
options:
  _input:
    description:
      - The plans, each a dictionary with C(host), C(site), C(job), C(heading), C(plan_id) and C(plan).
    type: list
    elements: dict
    required: true
seealso:
  - plugin: django_media.cleanup.cleanup_reviews
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Pass the plans on to the next job of a workflow
  ansible.builtin.set_stats:
    data:
      media_cleanup_keep: "{{ plans | django_media.cleanup.cleanup_approval }}"
"""

RETURN = r"""
_value:
  description: The value for C(media_cleanup_keep).
  type: dict
"""

from typing import Any, Callable, Mapping, Sequence

from ansible.errors import AnsibleFilterError

from ..module_utils._reconcile.config.review import approval
from ..module_utils._reconcile.errors import SiteError


def cleanup_approval(plans: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """A keep list that keeps nothing of these plans."""
    try:
        return approval(plans)
    except SiteError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cleanup_approval": cleanup_approval}
