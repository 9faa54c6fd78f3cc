#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: photo_records
short_description: Remove rows whose file is missing, or uploads that were never attached
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - With O(select=missing), removes the rows of a table whose file is proven to be no longer on disk.
    With O(select=incomplete), removes the rows that were never attached to anything and are older
    than a limit, together with their files. Any table that references files serves, videos too.
  - All rows of a run, and what depends on them, are deleted in one transaction, by statements that
    repeat the whole condition. Files are removed only after it is committed, and only if no row
    references them then.
  - A row whose column is empty or NULL references no file and is never missing. Only the answer "no such
    file" below a root that could be read proves that a file is missing; where anything could not be
    read, nothing is removed at all.
  - Django keeps its C(on_delete) rules in Python, so this module has a rule of its own for rows that
    reference a removed row. Where the foreign key is NOT NULL, the row is deleted too; where it may be
    NULL, it is set to NULL; a rule that the database enforces is respected. This is what Django does
    for C(CASCADE) without C(null=True), for C(SET_NULL) and for many-to-many tables. Where a model
    says otherwise, for example C(CASCADE) with C(null=True), C(PROTECT), C(SET_DEFAULT) or a
    generic relation, say so in O(dependents).
extends_documentation_fragment:
  - django_media.cleanup.cleaning
  - django_media.cleanup.options.shared
  - django_media.cleanup.options.records
notes:
  - O(older_than_hours) applies to O(select=incomplete) only.
seealso:
  - module: django_media.cleanup.media_orphans
"""

EXAMPLES = r"""
- name: See which photos of the album site miss their file (run with --check --diff)
  django_media.cleanup.photo_records:
    name: album
    database_url: postgresql://album@db.internal/album
    media_root: /srv/album/media
    table: album_photo
    file_column: image
    companion_columns: [thumbnail]
    label: album_id.title

- name: Remove the videos whose file is missing, even if that is all of them
  django_media.cleanup.photo_records:
    database_url: postgresql://album@db.internal/album
    media_root: /srv/album/media
    table: album_video
    file_column: video
    companion_columns: [thumbnail]
    max_removal_percent: 100

- name: Remove uploads of FootyCollect that were never attached to an item within a week
  django_media.cleanup.photo_records:
    database_url: postgresql:///footycollect
    media_root: /var/www/footycollect/media
    user: www-data
    table: collection_photo
    select: incomplete
    file_column: image
    companion_columns: [image_avif]
    older_than_hours: 168
    derived:
      - CACHE/images/{dir}/{stem}/*
  become: true

- name: Let active profiles whose picture is missing go on without it
  django_media.cleanup.photo_records:
    database_url: postgresql:///album
    media_root: /srv/album/media
    table: accounts_profile
    file_column: avatar
    on_missing: clear
    only: {is_active: true}

- name: Say what becomes of rows that the general rule would treat otherwise than Django
  django_media.cleanup.photo_records:
    database_url: postgresql:///album
    media_root: /srv/album/media
    table: album_photo
    file_column: image
    dependents:
      # ForeignKey(on_delete=CASCADE, null=True)
      - {table: album_caption, column: photo_id, action: delete}
      # ForeignKey(on_delete=PROTECT)
      - {table: shop_order, column: photo_id, action: restrict}
      # GenericRelation
      - {table: tagging_note, column: object_id, action: delete, content_type: album.photo}
      # A path, kept without a foreign key
      - {table: album_album, column: cover_image, action: set_null, holds: path}
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
    records:
      description: With O(select=missing) the rows that reference a file, otherwise all rows of the table.
      type: int
      sample: 414
found:
  description: What would be removed.
  returned: when a plan could be made
  type: dict
  contains: &totals
    records:
      description: Rows of the table.
      type: int
      sample: 10
    files:
      description: Files that are removed with them.
      type: int
      sample: 3
    bytes:
      description: The sizes of these files, added up.
      type: int
      sample: 12034
young:
  description: Always 0 here; young rows are not selected.
  returned: when a plan could be made
  type: int
removed:
  description: What was removed; all zero in check mode.
  returned: when a plan could be made
  type: dict
  contains: *totals
records:
  description: The rows that would be removed in check mode, or were, at most O(max_listed) of them.
  returned: when a plan could be made
  type: list
  elements: dict
  contains:
    key:
      description: The primary key; the parts of a composite key are joined by commas.
      type: str
      sample: '17'
    path:
      description: The path in O(file_column). What is not printable UTF-8 appears as backslash escapes.
      type: str
      sample: photos/1000004108.jpg
    companions:
      description: The paths in O(companion_columns).
      type: list
      elements: str
    label:
      description: The name of the owner that O(label) leads to.
      type: str
      sample: Evan Photos
cleared:
  description: Rows that are kept without their files, see O(on_missing); not counted in RV(found).
  returned: when a plan could be made
  type: dict
  contains:
    found:
      description: How many would be.
      type: int
      sample: 0
    done:
      description: How many were; 0 in check mode.
      type: int
      sample: 0
relinked:
  description: Rows that are pointed at the file that was moved, see O(relink).
  returned: when a plan could be made
  type: dict
  contains:
    found:
      description: How many would be.
      type: int
      sample: 2
    done:
      description: How many were; 0 in check mode.
      type: int
      sample: 0
relinks:
  description: These rows, at most O(max_listed) of them, as in RV(records), each with the new path as C(to).
  returned: when a plan could be made
  type: list
  elements: dict
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
      description: The path, escaped like those in RV(records).
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
  description: How many of the rows each owner has, the most first, at most O(max_listed) owners.
  returned: when a plan could be made
  type: dict
  sample: {Evan Photos: 8, Summer 2024: 2}
dependents:
  description: For each other table, how many of its rows are deleted and how many are updated.
  returned: when a plan could be made
  type: dict
  sample: {album_favorite: {deleted: 14, updated: 0}}
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
    module = Module(argument_spec=argument_spec(module_options("missing")), supports_check_mode=True)
    run_task(module, "records")


if __name__ == "__main__":
    main()
