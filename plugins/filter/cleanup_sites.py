# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cleanup_sites
short_description: The described sites with the options for their quarantine
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Takes the list C(media_cleanup_sites) and returns the sites, each with the options that it has for
    M(django_media.cleanup.media_quarantine).
  - Fails with a clear message where the description is not usable.
options:
  _input:
    description: The description of the sites.
    type: list
    elements: dict
    required: true
seealso:
  - plugin: django_media.cleanup.cleanup_jobs
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Which sites have a quarantine?
  ansible.builtin.debug:
    msg: >-
      {{ media_cleanup_sites | django_media.cleanup.cleanup_sites
         | selectattr('options.quarantine', 'defined') | map(attribute='name') }}
"""

RETURN = r"""
_value:
  description:
    - The sites, each with C(name), C(user), C(has_quarantine) and the C(options) for
      M(django_media.cleanup.media_quarantine). These name no quarantine that the Django project places.
  type: list
  elements: dict
"""

from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ..module_utils._reconcile.config.site_file import list_sites
from ..module_utils._reconcile.errors import SiteError


def cleanup_sites(sites: Any) -> list[dict[str, Any]]:
    """List the sites, in the order of the description."""
    try:
        return list_sites(sites)
    except SiteError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cleanup_sites": cleanup_sites}
