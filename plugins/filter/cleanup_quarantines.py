# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cleanup_quarantines
short_description: The quarantines that jobs move things into, one by one
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Takes the description of sites, and returns each quarantine of their jobs once, with the options for
    M(django_media.cleanup.media_quarantine). One that serves several media roots is returned once for each
    of them.
  - The options hold the columns of all jobs of the site, whichever are wanted. So a purge keeps each file
    that a row references.
options:
  _input:
    description: The sites, as in O(django_media.cleanup.media_cleanup#role:main:media_cleanup_sites).
    type: list
    elements: dict
    required: true
  jobs:
    description:
      - The jobs of which the quarantines are wanted, as for P(django_media.cleanup.cleanup_jobs#filter).
        Default is all.
    type: raw
seealso:
  - plugin: django_media.cleanup.cleanup_jobs
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Which folders keep what was removed?
  ansible.builtin.debug:
    msg: >-
      {{ media_cleanup_sites | django_media.cleanup.cleanup_quarantines
         | map(attribute='options.quarantine') }}
"""

RETURN = r"""
_value:
  description:
    - The quarantines, each with C(index), C(heading), C(user), the numbers of its C(jobs) and the C(options)
      for M(django_media.cleanup.media_quarantine).
  type: list
  elements: dict
"""

from typing import Any, Callable

from ..module_utils._reconcile.config.site_file import list_quarantines


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cleanup_quarantines": list_quarantines}
