# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The options that the cleaning modules share."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  name:
    description:
      - What to call the site in the summary, the diff and the messages. Default is the media root.
    type: str
  database_url:
    description:
      - The site's database, written as Django's E(DATABASE_URL) is.
      - V(postgresql://USER@HOST/DATABASE) (also V(postgres://) and V(postgis://)) takes all that
        PostgreSQL's client library takes, such as sockets (V(postgresql:///footycollect)), services
        (V(postgresql://?service=album)) and a C(.pgpass) file, which is the better place for a
        password.
      - V(sqlite:////PATH/TO/db.sqlite3) names a SQLite file by its absolute path. It is never created.
    type: str
    required: true
  media_root:
    description:
      - The site's MEDIA_ROOT on the target, an absolute path.
    type: path
    required: true
  media_url:
    description:
      - The site's MEDIA_URL. Paths in the database that begin with it are taken to mean the
        files behind it, and protect them.
    type: str
    default: /media/
  quarantine:
    description:
      - A folder in which removed files and rows are kept, in batches that
        M(django_media.cleanup.media_quarantine) can bring back. Without it they are deleted for good.
      - Best a folder beside O(media_root) on the same file system, where moving costs nothing. It is made
        if it is missing, readable by its owner only, and never scanned.
    type: path
  quarantine_in_media_root:
    description:
      - Allow a O(quarantine) inside O(media_root), which a web server may publish.
    type: bool
    default: false
  max_removal_percent:
    description:
      - A guard. A plan that would remove a larger share than this of what was examined is turned
        down, because it is more often a wrong path or a disk that is not mounted.
      - The share is taken of everything, of each of several listed directories from which ten files or
        more would go, and of each table of which a hundred rows or more would go along with the records.
        Ten rows or more that have lost their files in one directory count as such a share, too, if that
        directory is empty or gone.
      - V(100) lifts the guard.
    type: int
    default: 50
  accept:
    description:
      - Guards whose finding you have looked at and accept.
      - V(no_references), the database names nothing below a directory from which ten files or more would go.
      - V(empty_media_root), there is nothing at all below the media root.
      - V(path_mismatch), most paths in the database fit no file as they are, and would fit if a prefix were
        cut or added, or in another normalization.
      - V(other_file_system), the media root lies on another file system than when the newest batch of
        the O(quarantine) was taken from it.
      - V(emptied_dependents), more than O(max_removal_percent) of a table that hangs on the records would
        go along, and that is a hundred rows or more.
    type: list
    elements: str
    choices: [no_references, empty_media_root, path_mismatch, other_file_system, emptied_dependents]
    default: []
  include_likely_moves:
    description:
      - A row that has lost its file and an unnamed file of the same name elsewhere are likely a move. Such
        pairs are left alone and reported, unless this is set. Where a column holds the size or a checksum of
        the file, they must agree as well; see C(size_column) and C(checksum_column).
    type: bool
    default: false
  low_priority:
    description:
      - Run at the lowest priority for the processor, and for the disk where the program C(ionice) is there,
        so that the site comes first. The database server's own work is not affected.
    type: bool
    default: false
  marker:
    description:
      - A file below O(media_root) that must be there. Where it is missing, the media is taken for
        unmounted and nothing is removed.
    type: str
  approved_plan:
    description:
      - The RV(plan) of a check run that somebody reviewed. Ages are judged as of that run, and
        nothing is removed that was not in it, or that is no longer the same.
    type: str
  max_listed:
    description:
      - How many items each list in the result, the summary and the diff holds at most. Counts are
        always of everything.
    type: int
    default: 100
  older_than_hours:
    description:
      - Only what is older than this many hours is removed. An age that is unknown is young.
    type: int
    default: 24
  derived:
    description:
      - Patterns of the paths of files that are generated from others, such as thumbnails. They live
        exactly as long as their source.
      - A pattern names the source by V({dir}), its directory, and by V({name}), its whole name, or
        V({stem}), its name without the extension, optionally with V({ext}). A V(*) or V(?) stands
        for what the library adds.
      - V(CACHE/images/{dir}/{stem}/*) is where ImageKit keeps its files, V({dir}/{name}.*_q*.*) where
        easy-thumbnails does, V({dir}_avif/{stem}.avif) is a twin directory of AVIF versions.
    type: list
    elements: str
    default: []
requirements:
  - Linux with C(/proc) and Python 3.8 or later on the target.
  - psycopg2 2.8 or later for the Python that runs the module, for PostgreSQL only.
attributes:
  check_mode:
    description: Makes the plan and reports it, changes nothing. The session with the database is read-only.
    support: full
  diff_mode:
    description: Shows what would go, or went, as lines that disappear, in check mode too.
    support: full
"""
