# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Puts back the files that a killed run had moved, and for which it had not asked the database once more.

They are in a batch of the quarantine or, where files are deleted for good, in the folder in which they
wait. The next run judges them like all others.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Iterable, Iterator

from ..config.site import Site
from ..errors import QuarantineError
from ..media.store import Blocked, MediaStore
from ..text import counted, escaped
from .format import ROWS, Batch, HeldFile, QuarantinedFile, stored_in
from .store import batches_of, in_words


def put_back(store: MediaStore, site: Site) -> list[str]:
    """Put the files back, and return what a person should know of it; overwrites nothing.

    Raises QuarantineError where a file cannot be put back: its record would look as if it had lost it.
    """
    back, replaced = 0, []
    with in_words():
        for batch, files in _leftovers(store, site):
            moved, left = _put_back(store, batch, files)
            back += moved
            if left:
                replaced.append(f"{counted(left, 'file')} in '{escaped(batch.folder.path)}'")
            if not batch.folder.has(ROWS) and next(stored_in(batch.folder), None) is None:
                batch.quarantine.remove_tree(batch.name)
        store.drop_folder_of_held()
    notes = []
    if back:
        notes.append(f"put back: {counted(back, 'file')} that a run had moved when it was killed")
    if replaced:
        notes.append(
            "a run was killed after it had moved files, and other files have their names by now: "
            f"{', '.join(replaced)}. Check them, and delete what is not wanted"
        )
    return notes


def announced(store: MediaStore, site: Site) -> list[str]:
    """What a person should know of files that ``put_back`` would put back; nothing is changed."""
    with in_words():
        waiting = sum(batch.holds(file) for batch, files in _leftovers(store, site) for file in files)
    if not waiting:
        return []
    return [
        f"a run was killed after it had moved {counted(waiting, 'file')}: the next run that is no dry run "
        "puts them back first, and may find something else than this one"
    ]


def _leftovers(store: MediaStore, site: Site) -> Iterator[tuple[Batch, Iterable[QuarantinedFile]]]:
    """The batches in which a killed run has left files, each with these files."""
    folder = store.folder_of_held()
    if folder:
        with folder:
            for name in folder.names():
                with Batch(folder, folder.folder(name), name) as batch:
                    files = list(batch.files()) if batch.header() else []
                    _require_known(batch, files)
                    yield batch, files
    for batch in batches_of(site):
        # The list of batches reports what is damaged.
        with suppress(QuarantineError):
            files = batch.unconfirmed()
            if files:
                yield batch, files


def _put_back(store: MediaStore, batch: Batch, files: Iterable[QuarantinedFile]) -> tuple[int, int]:
    """How many files were put back, and how many are left because there is another one in their place."""

    def put_back(held: HeldFile) -> Exception | None:
        try:
            store.put_back(held.folder, held.file.name, held.file.path)
        except (Blocked, OSError) as error:
            return error
        return None

    back = left = 0
    for held, error in store.each(put_back, map(batch.held, batch.present(files))):
        if error is None:
            back += 1
        elif isinstance(error, FileExistsError):
            left += 1
        else:
            why = error.strerror if isinstance(error, OSError) else error
            raise QuarantineError(
                f"a run was killed after it had moved '{escaped(held.file.path)}', which cannot be put back: "
                f"{why}. It is in '{escaped(batch.folder.path)}'; put it back, then run again. Nothing was "
                "removed."
            )
    store.sync()
    return back, left


def _require_known(batch: Batch, files: Iterable[QuarantinedFile]) -> None:
    unknown = set(stored_in(batch.folder)) - {file.stored for file in files}
    if unknown:
        raise QuarantineError(
            f"'{escaped(batch.folder.path)}' holds {counted(len(unknown), 'file')} of a killed run, and no "
            "manifest says where they belong, as after a damage of the disk. Put them back or move them "
            "elsewhere, then run again. Nothing was removed."
        )
