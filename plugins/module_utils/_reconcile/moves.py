# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Moved, not missing: a row whose file is gone, and a file of the same name that no row names."""

from __future__ import annotations

import posixpath
from typing import Iterable, Sequence

from .database.base import Database
from .derived import DerivedPattern, sources_of
from .errors import CleanupError
from .site import Column
from .spelling import outside
from .tree import MediaTree, NotFollowed, exclusion


def files_like(
    missing: Iterable[bytes],
    root: MediaTree,
    database: Database,
    columns: Sequence[Column],
    derived: Sequence[DerivedPattern],
) -> dict[bytes, bytes]:
    """Find, for missing paths, an unnamed file of the same name anywhere below the media root.

    A derived file is none: a thumbnail often has the name of its photo.
    """
    wanted: dict[bytes, list[bytes]] = {}
    for path in missing:
        wanted.setdefault(posixpath.basename(path), []).append(path)
    if not wanted:
        return {}
    found = [
        (run.prefix + name, name)
        for run in root.walk(b"", exclusion([".*"]))
        for name in run.names
        if name in wanted and not sources_of(derived, run.prefix + name)
    ]
    named = database.count_named(columns, (path for path, _name in found))
    return {lost: path for path, name in found if path not in named for lost in wanted[name]}


def rows_like(
    orphans: Sequence[bytes], tree: MediaTree, database: Database, columns: Sequence[Column]
) -> dict[bytes, bytes]:
    """Find, for orphans, a path that a row names, of the same name, where no file is."""
    wanted: dict[bytes, list[bytes]] = {}
    for path in orphans:
        wanted.setdefault(posixpath.basename(path), []).append(path)
    found: dict[bytes, bytes] = {}
    for path in database.paths_ending(columns, wanted):
        if wanted.get(posixpath.basename(path)) and _is_missing(path, tree):
            for orphan in wanted.pop(posixpath.basename(path)):
                found[orphan] = path
    return found


def _is_missing(path: bytes, tree: MediaTree) -> bool:
    if outside(path):
        return False
    try:
        return tree.state(path) is None
    except (NotFollowed, CleanupError):
        return False
