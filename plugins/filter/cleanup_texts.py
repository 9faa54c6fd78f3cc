# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cleanup_texts
short_description: What would be removed on each host, in words
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Takes what M(django_media.cleanup.media_plans) returned on each host, and returns by host what is shown
    of it.
  - Once the plans are carried out, it takes the results of that, and what was planned is given too.
positional: _input, verdicts, as_text, ended
options:
  _input:
    description:
      - By host, what M(django_media.cleanup.media_plans) returned. A host without plans is left out.
    type: dict
    required: true
  verdicts:
    description: What P(django_media.cleanup.cleanup_verdicts#filter) returned.
    type: dict
    required: true
  as_text:
    description: Whether it is one text, for a callback that shows YAML, or a list of lines.
    type: bool
    default: true
  ended:
    description: By host, the results of its C(jobs) and C(purges), once these are carried out.
    type: dict
seealso:
  - module: django_media.cleanup.media_plans
"""

EXAMPLES = r"""
- name: Show what would be removed
  ansible.builtin.debug:
    msg: "{{ ({inventory_hostname: planned} | django_media.cleanup.cleanup_texts({}))[inventory_hostname] }}"
"""

RETURN = r"""
_value:
  description: By host, the text or its lines.
  type: dict
"""

from typing import Any, Callable, Mapping

from ansible.utils.unsafe_proxy import wrap_var

from ..module_utils._fleet.texts import NO_VERDICT, text_of


def cleanup_texts(
    planned: Mapping[str, Mapping[str, Any]],
    verdicts: Mapping[str, Mapping[str, Any]],
    as_text: bool = True,
    ended: Mapping[str, Mapping[str, Any]] | None = None,
) -> Any:
    """What is shown of each host. It quotes texts of the hosts, which are no templates."""
    results = planned if ended is None else ended
    texts = {
        host: text_of(results[host], plans, verdicts.get(host, NO_VERDICT))
        for host, plans in planned.items()
        if "jobs" in plans
    }
    lines = {host: text.splitlines() for host, text in texts.items()}
    return wrap_var(texts if as_text else lines)


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cleanup_texts": cleanup_texts}
