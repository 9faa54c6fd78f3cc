# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cleanup_jobs
short_description: The jobs that the description of sites asks for, one by one
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Takes the list C(media_cleanup_sites) and returns a list of jobs, each with the options for its module.
    What a site says holds for all its jobs, unless a job says otherwise. An option whose value is null is
    left out, and a boolean is one even where the description has a text.
  - The columns that the job C(orphans) of a site lists as references also protect files from the site's
    other jobs.
  - Fails with a clear message where the description is not usable.
positional: _input, only
options:
  _input:
    description: The description of the sites.
    type: list
    elements: dict
    required: true
  only:
    description: The jobs that are wanted, as a list or separated by commas; all of them by default.
    type: raw
"""

EXAMPLES = r"""
- name: Which jobs are there?
  ansible.builtin.debug:
    msg: "{{ media_cleanup_sites | django_media.cleanup.cleanup_jobs | map(attribute='heading') }}"

- name: Only those that search for orphans
  ansible.builtin.debug:
    msg: "{{ media_cleanup_sites | django_media.cleanup.cleanup_jobs('orphans') | map(attribute='heading') }}"
"""

RETURN = r"""
_value:
  description: The jobs, each with C(index), C(heading), C(job), C(user), its C(quarantine) (none where it
    deletes for good) and the C(options) for its module.
  type: list
  elements: dict
"""

from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ..module_utils._reconcile.config.site_file import list_jobs
from ..module_utils._reconcile.errors import SiteError


def cleanup_jobs(sites: Any, only: Any = None) -> list[dict[str, Any]]:
    """List the wanted jobs of all sites, in the order of the description."""
    try:
        return list_jobs(sites, only)
    except SiteError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cleanup_jobs": cleanup_jobs}
