#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: media_quarantine
short_description: Restore what was removed, keep it longer, or delete it for good
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - With O(state=restored), puts the files and rows of a batch back to where they were. Files come first,
    then all rows with their dependent rows in one transaction. Nothing is ever overwritten; what cannot
    be restored is reported, one by one, and kept in quarantine.
  - With O(state=purged), deletes batches for good, but no file that a row references, in whatever
    spelling. Such a file is reported, and stays in its batch with the rows of the batch. The columns
    in O(references) are asked, and those that the batch was made with. If the database cannot be
    asked about everything, nothing is deleted.
  - With O(state=purged), O(batch) and O(paths), deletes these files of the batch, the rows that referenced
    them with their dependent rows, and what the manifest says of them.
  - With O(state=pinned), no purge deletes the batch until it is O(state=unpinned).
  - By O(older_than_days), only batches are deleted that an earlier purge had announced as due, at least a day
    before. So a clock that jumps deletes nothing. A purge that is no check mode announces them, in the folder
    C(.state) of the quarantine. A O(batch) that is named alone is deleted at once.
extends_documentation_fragment:
  - django_media.cleanup.options.quarantine
requirements:
  - Linux with C(/proc) and Python 3.8 or later on the target.
  - psycopg2 2.8 or later, or psycopg 3.1 or later, for the Python that runs the module, for PostgreSQL only.
  - mysqlclient or PyMySQL for the Python that runs the module, for MySQL and MariaDB only.
attributes:
  check_mode:
    description: Says what would be restored or deleted, changes nothing.
    support: full
  diff_mode:
    description: Shows the files that are restored, or the batches that are deleted.
    support: full
seealso:
  - module: django_media.cleanup.media_quarantine_info
"""

EXAMPLES = r"""
- name: Restore what last night's run removed
  django_media.cleanup.media_quarantine:
    state: restored
    batch: 20261121T020003Z-orphans-4f1c9d07
    quarantine: /var/www/footycollect/media-quarantine
    database_url: postgresql:///footycollect
    media_root: /var/www/footycollect/media

- name: Restore one photo
  django_media.cleanup.media_quarantine:
    state: restored
    batch: 20261121T020003Z-orphans-4f1c9d07
    paths: [item_photos/deleted_item_xyz.jpg]
    quarantine: /var/www/footycollect/media-quarantine
    database_url: postgresql:///footycollect
    media_root: /var/www/footycollect/media

- name: Delete what was removed more than a month ago
  django_media.cleanup.media_quarantine:
    state: purged
    older_than_days: 30
    quarantine: /var/www/footycollect/media-quarantine
    database_url: postgresql:///footycollect
    media_root: /var/www/footycollect/media
    references:
      - {table: collection_photo, column: image}
      - {table: collection_photo, column: thumbnail}

- name: Forget one person's photo
  django_media.cleanup.media_quarantine:
    state: purged
    batch: 20261121T020003Z-orphans-4f1c9d07
    paths: [item_photos/deleted_item_xyz.jpg]
    quarantine: /var/www/footycollect/media-quarantine
    database_url: postgresql:///footycollect
    media_root: /var/www/footycollect/media
    references:
      - {table: collection_photo, column: image}
      - {table: collection_photo, column: thumbnail}

- name: Keep a batch until it is clear what happened
  django_media.cleanup.media_quarantine:
    state: pinned
    batch: 20261121T020003Z-orphans-4f1c9d07
    quarantine: /var/www/footycollect/media-quarantine

- name: Delete one batch of a site whose database is gone
  django_media.cleanup.media_quarantine:
    state: purged
    batch: 20261121T020003Z-orphans-4f1c9d07
    quarantine: /var/www/footycollect/media-quarantine
    media_root: /var/www/footycollect/media
    accept: [no_database]
"""

RETURN = r"""
batches:
  description: The batch that was restored, or those that were purged.
  returned: success
  type: list
  elements: str
announced:
  description:
    - Batches that are old enough for O(older_than_days). A purge deletes them that comes at least a day after
      the first one that was no check mode.
  returned: success
  type: list
  elements: str
restored:
  description: What was restored, or would be in check mode.
  returned: success
  type: dict
  contains:
    files:
      description: Files.
      type: int
    bytes:
      description: Their sizes, added up.
      type: int
    records:
      description: Rows, dependents included.
      type: int
    updated:
      description: Rows that reference a restored row again.
      type: int
purged:
  description: What was deleted for good, or would be in check mode.
  returned: success
  type: dict
  contains:
    batches:
      description: Batches.
      type: int
    files:
      description: Files in them.
      type: int
    bytes:
      description: Their sizes, added up.
      type: int
    records:
      description: Rows in them.
      type: int
paths:
  description: The files that were restored, at most O(max_listed) of them.
  returned: success
  type: list
  elements: str
truncated:
  description: Whether a list of the result does not show everything.
  returned: success
  type: bool
left_alone:
  description:
    - What could not be restored, or is not purged because a row references it; it is kept in quarantine.
      At most O(max_listed) entries.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The path, or the table and the key of a row.
      type: str
    code:
      description: Why, as a stable code for programs.
      type: str
      sample: referenced
    reason:
      description: Why.
      type: str
left_alone_total:
  description: How much is kept so, listed or not.
  returned: success
  type: int
summary:
  description: All this as text, for people.
  returned: success
  type: str
"""

from ..module_utils._module import Module, argument_spec, run_task
from ..module_utils._reconcile.config.options import QUARANTINE


def main() -> None:
    module = Module(
        argument_spec=argument_spec(QUARANTINE),
        supports_check_mode=True,
        required_if=[
            ("state", "restored", ("batch",)),
            ("state", "restored", ("database_url", "django"), True),
            ("state", "restored", ("media_root", "django"), True),
            ("state", "purged", ("media_root", "django"), True),
            ("state", "pinned", ("batch",)),
            ("state", "unpinned", ("batch",)),
            ("state", "purged", ("batch", "batches", "older_than_days"), True),
        ],
    )
    run_task(module, "quarantine")


if __name__ == "__main__":
    main()
