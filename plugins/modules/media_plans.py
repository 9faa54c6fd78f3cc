#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: media_plans
short_description: Plan all cleanup jobs of a host at once, and remove nothing
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Makes the plans of all jobs that the sites of a host describe, and of the purges of their quarantines.
    They are those that M(django_media.cleanup.media_orphans), M(django_media.cleanup.photo_records) and
    M(django_media.cleanup.media_quarantine) make in check mode, one by one.
  - Jobs of one site share what is read for them. In a fleet, this one module is a fraction of the work of
    several.
  - A job that cannot be planned says so in its own result. The task fails only where the description of the
    sites is not usable, or where a variable that begins with C(media_cleanup_) is none of this collection.
  - It is what the playbook C(django_media.cleanup.cleanup) begins with. It never removes anything, in check
    mode or not.
requirements:
  - Linux with C(/proc) and Python 3.8 or later on the target.
  - psycopg2 2.8 or later, or psycopg 3.1 or later, for the Python that runs the module, for PostgreSQL only.
  - mysqlclient or PyMySQL for the Python that runs the module, for MySQL and MariaDB only.
attributes:
  check_mode:
    description: Changes nothing in either mode.
    support: full
  diff_mode:
    description: Shows what would be removed, one diff for each job.
    support: full
options:
  sites:
    description:
      - The description of the sites, as the playbooks and the role take it in C(media_cleanup_sites).
    type: list
    elements: dict
    required: true
  jobs:
    description: Only these jobs; all of them where none is named.
    type: list
    elements: str
    choices: [orphans, incomplete, missing]
    default: []
  accept:
    description:
      - What is accepted in this run, instead of what the description accepts. What concerns the comparison
        of hosts is left out (P(django_media.cleanup.cleanup_accept#filter)).
    type: list
    elements: str
    default: []
  max_removal_percent:
    description: The largest share that may be removed in this run, instead of what the description says.
    type: int
  retention_days:
    description: How many days a quarantine keeps what was removed, before a purge may delete it.
    type: int
    default: 30
  reviewed:
    description: Whether somebody looks at the plans before they are carried out.
    type: bool
    default: true
  keep:
    description:
      - What a reviewer keeps, as the page exports it (P(django_media.cleanup.cleanup_reviews#filter)), or
        the path of that file on the controller. The reviewed plans are then the most that is planned.
    type: raw
  report:
    description:
      - Where it is said, files are written on the target, of which M(django_media.cleanup.media_report)
        makes a page.
    type: dict
    suboptions:
      most_thumbnails:
        description: How many thumbnails all jobs of the host may have together.
        type: int
        default: 1000
  only_places:
    description:
      - Plans nothing, and only says the C(identity) of each site, by the first of its jobs. The playbook asks
        so before the first of several batches of hosts.
    type: bool
    default: false
  mode:
    description: What becomes of the plans later; they are carried out (V(clean)) or only shown (V(report)).
    type: str
    choices: [clean, report]
    default: clean
seealso:
  - module: django_media.cleanup.media_orphans
  - module: django_media.cleanup.photo_records
  - module: django_media.cleanup.media_quarantine
"""

EXAMPLES = r"""
- name: What would be removed on this host?
  django_media.cleanup.media_plans:
    sites: "{{ media_cleanup_sites }}"
  register: planned

- name: Show it
  ansible.builtin.debug:
    msg: "{{ planned.jobs | map(attribute='summary') }}"
"""

RETURN = r"""
jobs:
  description:
    - The plan of each job in the order of the description, as its own module returns it in check mode, with
      the C(item), which is the number of the job, its C(heading), C(job) and C(site).
    - A job that could not be planned has a C(msg) and a C(status) instead.
  returned: success
  type: list
  elements: dict
purges:
  description:
    - What a purge of each quarantine would delete, as M(django_media.cleanup.media_quarantine) returns it,
      with the C(item), which is the number of the quarantine, its C(heading) and C(site), and the numbers
      of the jobs whose quarantine it is (C(of_jobs)).
  returned: success
  type: list
  elements: dict
rows:
  description:
    - All of these as P(django_media.cleanup.cleanup_verdicts#filter) and
      P(django_media.cleanup.cleanup_summary#filter) take them.
  returned: success
  type: list
  elements: dict
report_folder:
  description:
    - The folder on the target with the files for a page, one for each job. Delete it once they are fetched.
  returned: when O(report) is said
  type: str
"""
