#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: media_orphans
short_description: Remove uploaded files that no row of the database references
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Compares the files below some directories of a Django site's MEDIA_ROOT with the paths that
    columns of its database hold, and removes the files that none of them references.
  - Files are listed first and references read after. Before a file is removed, the database is asked
    once more, and the file must still be the one that was listed. Files that are young are kept, and so
    is what may be referenced in another spelling (Unicode normalization, percent-encoding, a leading
    slash, MEDIA_URL).
  - Where anything could not be read, nothing is removed at all.
extends_documentation_fragment:
  - django_media.cleanup.cleaning
  - django_media.cleanup.options.shared
  - django_media.cleanup.options.orphans
seealso:
  - module: django_media.cleanup.photo_records
"""

EXAMPLES = r"""
- name: See which files of FootyCollect no photo references (run with --check --diff)
  django_media.cleanup.media_orphans:
    name: footycollect
    database_url: postgresql:///footycollect
    media_root: /var/www/footycollect/media
    user: www-data
    directories: [item_photos, item_photos_avif]
    references:
      - {table: collection_photo, column: image}
      - {table: collection_photo, column: image_avif}
  become: true

- name: Clean the album site's originals, and the thumbnails of photos that are removed
  django_media.cleanup.media_orphans:
    database_url: sqlite:////srv/album/db.sqlite3
    media_root: /srv/album/media
    directories: [photos, videos, thumbnails, CACHE/images]
    references:
      - {table: album_photo, column: image}
      - {table: album_photo, column: thumbnail}
      - {table: album_video, column: video}
      - {table: album_video, column: thumbnail}
    derived:
      - CACHE/images/{dir}/{stem}/*
    marker: .this-is-the-media-disk

- name: Make a plan that somebody reviews
  django_media.cleanup.media_orphans: &footycollect
    database_url: postgresql:///footycollect
    media_root: /var/www/footycollect/media
    directories: [item_photos]
    references:
      - {table: collection_photo, column: image}
  check_mode: true
  register: reviewed

- name: Remove what was in that plan, and nothing else
  django_media.cleanup.media_orphans:
    <<: *footycollect
    approved_plan: "{{ reviewed.plan }}"
"""

RETURN = r"""
plan_id:
  description: The name of the plan, made of its moment (UTC) and a digest of everything in it.
  returned: when a plan could be made
  type: str
  sample: 20261121T104500Z-4f1c9d07a2be
plan:
  description: The plan as one token, to be given back as O(approved_plan).
  returned: when a plan could be made
  type: str
examined:
  description: What was examined.
  returned: when a plan could be made
  type: dict
  contains:
    files:
      description: Regular files in the directories, without those that are excluded.
      type: int
      sample: 257
    referenced:
      description: How many of them a row references.
      type: int
      sample: 245
    references:
      description: Paths that the columns hold.
      type: int
      sample: 245
    derived:
      description: Files that no row references, kept because a row references their source.
      type: int
      sample: 0
found:
  description: The orphans that are old enough to be removed.
  returned: when a plan could be made
  type: dict
  contains: &totals
    records:
      description: Rows of the table.
      type: int
      sample: 0
    files:
      description: Files.
      type: int
      sample: 12
    bytes:
      description: The sizes of these files, added up.
      type: int
      sample: 1847912
young:
  description: Orphans that are younger than O(older_than_hours) and are kept.
  returned: when a plan could be made
  type: int
  sample: 4
removed:
  description: What was removed; all zero in check mode.
  returned: when a plan could be made
  type: dict
  contains: *totals
orphans:
  description:
    - The files that would be removed in check mode, or were, in byte order, at most O(max_listed) of them.
    - Bytes of a name that are not printable UTF-8 appear as backslash escapes.
  returned: when a plan could be made
  type: list
  elements: dict
  contains:
    path:
      description: The path below O(media_root).
      type: str
      sample: item_photos/temp_abc123.jpg
    bytes:
      description: The size of the file.
      type: int
      sample: 245678
    modified:
      description: The time stamp by which its age was judged, in UTC.
      type: str
      sample: '2026-11-18T10:45:00Z'
truncated:
  description: Whether a list of the result does not show everything.
  returned: when a plan could be made
  type: bool
left_alone:
  description: What was kept, at most O(max_listed) entries.
  returned: when a plan could be made
  type: list
  elements: dict
  contains: &named_reason
    name:
      description: The path, escaped like those in RV(orphans).
      type: str
    code:
      description: Why, as a stable code for programs.
      type: str
      sample: referenced
    reason:
      description: Why.
      type: str
left_alone_total:
  description: How much was kept, listed or not.
  returned: when a plan could be made
  type: int
unlisted:
  description:
    - >-
      Columns that mention files which would else be removed, and that are not listed; at most O(max_listed)
      entries.
    - Empty where O(sweep=false).
  returned: when a plan could be made
  type: list
  elements: dict
  contains:
    table:
      description: The table.
      type: str
      sample: news_article
    column:
      description: The column.
      type: str
      sample: body
    strength:
      description: V(strong) if it holds the paths of these files, V(weak) if it holds only their names.
      type: str
      sample: strong
    files:
      description: How many of these files it mentions.
      type: int
      sample: 40
    example:
      description: One of them.
      type: str
    keeps:
      description:
        - Whether a file is kept for it. The tables of thumbnail caches, logs (C(django_session),
          C(django_admin_log)) and rows that are deleted themselves keep none.
      type: bool
    reference:
      description: The entry for C(references), if the column holds nothing but paths; else empty.
      type: str
      sample: '{table: news_article, column: image}'
not_removed:
  description: Files that should have been removed and could not be. The task fails then.
  returned: when a plan could be made
  type: list
  elements: dict
  contains: *named_reason
refused:
  description:
    - The guards that refused the plan. In check mode these are warnings, otherwise the task fails
      and nothing is removed.
  returned: when a plan could be made
  type: list
  elements: dict
  contains:
    guard:
      description: The guard, or V(partial) when something could not be read.
      type: str
      sample: max_removal_percent
    message:
      description: What was found, why it is suspicious, and what lifts the guard.
      type: str
    lifted_by:
      description: The option that lifts the guard, empty if none does.
      type: str
      sample: max_removal_percent
labels:
  description: Always empty here; see M(django_media.cleanup.photo_records).
  returned: when a plan could be made
  type: dict
dependents:
  description: Always empty here; see M(django_media.cleanup.photo_records).
  returned: when a plan could be made
  type: dict
batch:
  description: The quarantine batch that holds what was removed, empty if there is none.
  returned: when a plan could be made
  type: str
identity:
  description:
    - What tells the database and the media store of the site from all others; neither holds a secret.
    - Two hosts with the same ones have one site. Empty is what cannot be compared with other hosts, since
      it is local to a host without a machine-id.
  returned: when a plan could be made
  type: dict
  contains:
    database:
      description: The database.
      type: str
      sample: postgresql:7412345678901234567@db.internal:5432/footycollect
    media:
      description: The media store.
      type: str
      sample: nfs4 nas:/export:131
status:
  description: How the run ended that made no plan, as the exit statuses of the command are called.
  returned: when no plan could be made
  type: str
  sample: busy
summary:
  description: All this as text, for people.
  returned: when a plan could be made
  type: str
"""

from ..module_utils._module import Module, argument_spec, run_task
from ..module_utils._reconcile.config.options import module_options


def main() -> None:
    module = Module(argument_spec=argument_spec(module_options("orphans")), supports_check_mode=True)
    run_task(module, "orphans")


if __name__ == "__main__":
    main()
