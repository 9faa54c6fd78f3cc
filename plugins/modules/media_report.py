#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: media_report
short_description: Make a page to review what cleanup jobs would remove
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Makes one HTML file on the controller of what M(django_media.cleanup.media_orphans) and
    M(django_media.cleanup.photo_records) wrote for it (their option C(report)), once that was fetched from
    all hosts.
  - The page shows the plans with pictures. Whoever reads it may untick what is to be kept and export that as
    C(keep.yml), for C(-e media_cleanup_keep=keep.yml) of the playbook C(django_media.cleanup.cleanup).
  - The page loads nothing from anywhere, and its owner alone can read it.
  - It runs on the controller, in check mode too.
attributes:
  check_mode:
    description: Can run in check mode, and writes the page all the same, since that is what it is for.
    support: full
  diff_mode:
    description: Shows what would change.
    support: none
options:
  dest:
    description:
      - The file on the controller. What is in its place is replaced.
    type: path
    required: true
  jobs:
    description:
      - The jobs, in the order in which the page shows them.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: The host, as the inventory calls it.
        type: str
        required: true
      heading:
        description: What the job is called; of batches, the name of the site.
        type: str
        required: true
      data:
        description: The file on the controller that was fetched from the host.
        type: path
      message:
        description: Why there is no plan; the page shows this then.
        type: str
        default: ""
      kind:
        description:
          - What the file holds, a V(plan) of a module of a job, or each V(batch) of a quarantine, of
            M(django_media.cleanup.media_quarantine_info).
        type: str
        choices: [plan, batch]
        default: plan
  run:
    description:
      - What an earlier call returned as C(run). Where O(dest) is still the page of that call, its jobs of
        other hosts stay on it. So a play with C(serial) makes one page of all hosts.
    type: str
    default: ""
  hosts:
    description: All hosts of the run. The page names those of which it has no job.
    type: list
    elements: str
    default: []
seealso:
  - module: django_media.cleanup.media_orphans
  - module: django_media.cleanup.photo_records
"""

EXAMPLES = r"""
- name: Make a page of one plan
  django_media.cleanup.media_report:
    dest: report.html
    jobs:
      - host: "{{ inventory_hostname }}"
        heading: footycollect · orphans
        data: /tmp/fetched/orphans.json
"""

RETURN = r"""
dest:
  description: The page.
  returned: success
  type: str
  sample: /home/admin/report.html
bytes:
  description: How long it is.
  returned: success
  type: int
  sample: 3481022
run:
  description: What names the run, for further calls of it.
  returned: success
  type: str
  sample: 3f0c9d5e1a2b4c6d
absent:
  description: The hosts of which the page has no job.
  returned: success
  type: list
  elements: str
"""
