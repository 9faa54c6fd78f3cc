# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The folders that are judged: those of a description, or that the file fields of a Django project write to.

Where code decides the folder, the references show it: the first folder of each whose file is there. What a
row references in another storage shows no folder in this one.
"""

from __future__ import annotations

from posixpath import normpath
from typing import Iterator, Sequence

from ...config.site import Claims, Column, OrphansJob
from ...database.base import Database
from ...media.paths import no_path
from ...media.store import MediaStore
from ...media.walk import exclusion, is_excluded
from ...text import counted, escaped

# Folders that one column may show: more are hardly folders of the field, but of users or of days.
MOST_FOLDERS = 1000
# Folders that a note names.
MOST_NAMED = 5


def judged_folders(
    job: OrphansJob, store: MediaStore, database: Database
) -> tuple[tuple[bytes, ...], list[str]]:
    """The folders of a job, those that its Django project claims where it does; and notes about them."""
    if job.claims is None:
        return described_folders(job.directories, store)
    return claimed_folders(job, job.claims, store, database)


def claimed_folders(
    job: OrphansJob, claims: Claims, store: MediaStore, database: Database
) -> tuple[tuple[bytes, ...], list[str]]:
    """The folders that are judged, in byte order of their contents; and notes about columns that show none.

    A folder that is proven not to be there is left out: nobody has uploaded anything to it yet.
    """
    folders, notes = set(job.directories), []
    ignored = frozenset((*job.site.keep.paths, *job.site.keep.defaults))
    for column in claims.columns:
        shown = _shown_by(column, database, store, ignored)
        if len(shown) > MOST_FOLDERS:
            notes.append(
                f"code decides where files of {column} go, and it uses more than {MOST_FOLDERS:,} folders, "
                "so none is judged for its sake. Set directories to judge some"
            )
        else:
            folders |= shown
    there = {folder for folder in folders if not store.check(folder).is_absent}
    outer = [one for one in there if not any(one.startswith(other + b"/") for other in there)]
    return tuple(sorted(outer, key=lambda path: path + b"/")), notes


def none_there(job: OrphansJob, judged: Sequence[bytes], references: int) -> Iterator[str]:
    """A note where the database references files, and there is none of the folders that fields write to."""
    if job.claims is None or judged or not job.directories or not references:
        return
    folders = ", ".join(map(escaped, job.directories[:MOST_NAMED]))
    yield (
        f"none of the folders that the project writes to ({folders}) is there, and the database holds "
        f"{counted(references, 'reference')}, so nothing was judged: MEDIA_ROOT, or media_root of the site, "
        "is hardly that of the running site. Correct it, or the settings and environment that say it"
    )


def described_folders(
    directories: tuple[bytes, ...], store: MediaStore
) -> tuple[tuple[bytes, ...], list[str]]:
    """The folders of a description that are judged, and notes about those that are not.

    In a bucket a folder is gone with the last object in it, as after a removal. Where all of them are gone,
    the media root is wrong, or their names are: they are left as they are, and refused.
    """
    if store.capabilities.directories:
        return directories, []
    gone = [folder for folder in directories if folder and store.check(folder).is_absent]
    if len(gone) == len(directories):
        return directories, []
    notes = [
        f"there is no object in the directory '{escaped(folder)}', so nothing of it is judged. If its name "
        "is wrong, correct directories"
        for folder in gone
    ]
    return tuple(folder for folder in directories if folder not in gone), notes


def _shown_by(column: Column, database: Database, store: MediaStore, ignored: frozenset[bytes]) -> set[bytes]:
    """The first folders of what a column references and the store has, up to one more than the most."""
    # Where the storage of the field begins.
    begin = len(column.prefix) + 1 if column.prefix else 0
    found: set[bytes] = set()
    elsewhere: set[bytes] = set()
    for values in database.references([column]):
        for value in values:
            held = value[begin:]
            # Written as "./docs/a.pdf", it would show the media root itself.
            name, slash, _rest = normpath(held).partition(b"/")
            first = value[:begin] + name
            if first in found or first in elsewhere or not slash or value in ignored or no_path(held):
                continue
            if store.check(first).is_absent:
                elsewhere.add(first)
            elif store.check(value).state is not None:
                found.add(first)
        if len(found) > MOST_FOLDERS:
            break
    return found


def unclaimed_folders(store: MediaStore, job: OrphansJob, claimed: Sequence[bytes]) -> Iterator[bytes]:
    """The folders that nothing claims, beside claimed ones and the folders of these."""
    exclude = exclusion(job.exclude)
    above = {b"", *(folder for path in claimed for folder in _folders_of(path))}
    known = {*claimed, *above, job.site.quarantine_in_root}
    for folder in sorted(above):
        for names in store.sorted_names_there(folder):
            for name in names:
                path = folder + b"/" + name if folder else name
                is_known = path in known or (exclude is not None and is_excluded(exclude, path))
                state = None if is_known else store.check(path).state
                if state is not None and state.kind == "directory":
                    yield path


def _folders_of(path: bytes) -> Iterator[bytes]:
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        yield path
