# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cleanup_accept
short_description: What the jobs of a host are to accept
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Takes the value of C(media_cleanup_accept) and returns what of it is for the modules. V(outlier) is not,
    since a comparison of hosts finds it, and no module.
options:
  _input:
    description: A list, or a text with commas.
    type: raw
    required: true
seealso:
  - plugin: django_media.cleanup.cleanup_verdicts
    plugin_type: filter
"""

EXAMPLES = r"""
- name: What is accepted on each host?
  ansible.builtin.debug:
    msg: "{{ 'outlier,path_mismatch' | django_media.cleanup.cleanup_accept }}"
"""

RETURN = r"""
_value:
  description: What is left; an empty list where nothing is.
  type: list
  elements: str
  sample: [path_mismatch]
"""

from typing import Any, Callable

from ..module_utils._fleet.rows import OF_THE_FLEET
from ..module_utils._fleet.verdicts import accepted


def cleanup_accept(accept: Any) -> list[str]:
    """What the modules accept."""
    return [part for part in accepted(accept) if part not in OF_THE_FLEET]


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cleanup_accept": cleanup_accept}
