# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cleanup_reviews
short_description: What a reviewer decided on the page that shows plans
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Takes what the page of M(django_media.cleanup.media_report) exported, and returns for each job of a host
    its reviewed plan, and what of it is kept.
  - Fails where the list was changed after its export, and for a job that it has nothing about, since nobody
    has reviewed that.
positional: _input, host, jobs
options:
  _input:
    description:
      - The value of C(media_cleanup_keep), which is the exported list or the path of its file on the
        controller. Of an empty one nothing is returned.
      - A file is read as data. What C(-e @keep.yml) reads is as good as the playbook itself, since whoever
        writes it can set any variable and run any template on the controller.
    type: raw
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
seealso:
  - module: django_media.cleanup.media_report
"""

EXAMPLES = r"""
- name: What is kept of each job?
  ansible.builtin.debug:
    msg: >-
      {{ media_cleanup_keep | django_media.cleanup.cleanup_reviews(inventory_hostname,
         media_cleanup_sites | django_media.cleanup.cleanup_jobs) }}
"""

RETURN = r"""
_value:
  description:
    - By the number of the job, as text, a dictionary with C(approved_plan) and C(review), as the modules
      take them.
  type: dict
"""

import json
import os
from typing import Any, Callable, Mapping, Sequence

from ansible.errors import AnsibleFilterError

from ..module_utils._reconcile.config.review import reviews
from ..module_utils._reconcile.errors import SiteError
from ..module_utils._reconcile.process import MOST_SENT


def cleanup_reviews(document: Any, host: str, jobs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The reviewed plan of each job, by its number, and what of it is kept."""
    if not document:
        return {}
    try:
        if isinstance(document, str):
            document = _read(document)
        found = reviews(document, host, [job["heading"] for job in jobs])
    except SiteError as error:
        raise AnsibleFilterError(str(error)) from None
    return {
        str(job["index"]): {
            "approved_plan": review.plan,
            "review": {"plan_id": review.plan_id, "keep": list(review.keep)},
        }
        for job, review in zip(jobs, found)
    }


def _read(path: str) -> Any:
    """A list from its file, as data and never as variables. Raises SiteError."""
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as file:
            return json.loads(file.read(MOST_SENT))
    except OSError as error:
        raise SiteError(f"the keep list {path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise SiteError(
            f"the keep list {path} is no JSON text: pass on the file that the page exported, as it is."
        ) from None


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cleanup_reviews": cleanup_reviews}
