#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: media_quarantine_info
short_description: List the batches in a quarantine
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Lists what earlier runs removed and kept, batch by batch, the oldest first. A batch that cannot be read,
    as after a damage of the disk, is reported in a warning.
extends_documentation_fragment:
  - django_media.cleanup.options.quarantine_info
requirements:
  - Linux with C(/proc) and Python 3.8 or later on the target.
attributes:
  check_mode:
    description: Changes nothing in any case.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
seealso:
  - module: django_media.cleanup.media_quarantine
"""

EXAMPLES = r"""
- name: List what can be restored
  django_media.cleanup.media_quarantine_info:
    quarantine: /var/www/footycollect/media-quarantine
  register: kept

- name: Show it
  ansible.builtin.debug:
    msg: "{{ kept.summary }}"
"""

RETURN = r"""
batches:
  description: The newest O(max_listed) batches, the oldest of them first.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the batch.
      type: str
      sample: 20261121T020003Z-orphans-4f1c9d07
    job:
      description: The job that removed it.
      type: str
    site:
      description: The name of the site at that time.
      type: str
    media_root:
      description: The media root that the files came from.
      type: str
    moment:
      description: When it was removed, in UTC.
      type: str
      sample: '2026-11-21T02:00:03Z'
    files:
      description: Files that are in it.
      type: int
    bytes:
      description: Their sizes, added up.
      type: int
    rows:
      description: Rows that are in it, those that were only changed included; none if that was rolled back.
      type: int
    pinned:
      description: Whether no purge deletes it.
      type: bool
batches_total:
  description: How many batches there are, listed or not.
  returned: success
  type: int
truncated:
  description: Whether there are more batches than are listed.
  returned: success
  type: bool
summary:
  description: A line for each of these batches, and how many older ones there are.
  returned: success
  type: str
"""

from ..module_utils._module import Module, argument_spec, run_task
from ..module_utils._reconcile.config.options import QUARANTINE_INFO


def main() -> None:
    module = Module(argument_spec=argument_spec(QUARANTINE_INFO), supports_check_mode=True)
    run_task(module, "quarantine_info")


if __name__ == "__main__":
    main()
