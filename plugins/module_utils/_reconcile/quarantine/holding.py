# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Where files wait that are deleted for good, until the database was asked once more.

That is a batch in a private folder of the media store itself, so that nothing is copied. A run ends
with none of it left; what is left was held by a run that was killed, and belongs back.
"""

from __future__ import annotations

from ..errors import QuarantineError
from ..media.private_folder import PrivateFolder
from ..media.store import HELD, Blocked, MediaStore
from ..text import counted, escaped
from .format import Batch
from .store import in_words, writing
from .writer import BatchWriter

_BATCH = "held"


def writer(store: MediaStore) -> BatchWriter:
    """A new batch in the store, which is deleted with its folder once it holds nothing any more."""
    require(store)
    with writing():
        folder = store.folder_of_held()
    if folder is None:
        raise QuarantineError(f"the folder '{escaped(HELD)}' of the media root vanished. Run again.")
    return _HeldWriter(store, folder)


def require(store: MediaStore) -> None:
    """Raise QuarantineError where files cannot wait in the store."""
    try:
        store.make_folder_for_held()
    except OSError as error:
        raise QuarantineError(
            f"the folder '{escaped(HELD)}' cannot be made in the media root: {error.strerror}. Files that "
            "are deleted for good wait there until the database was asked once more. Make it once for the "
            "user of this run (mkdir -m 700, chown), or let this user write to the media root. Nothing was "
            "removed."
        ) from None


class _HeldWriter(BatchWriter):
    def __init__(self, store: MediaStore, folder: PrivateFolder) -> None:
        super().__init__(folder, _BATCH, {})
        self._store = store

    def close(self) -> None:
        super().close()
        self._store.drop_folder_of_held()


def put_back(store: MediaStore) -> list[str]:
    """Put back what a run that was killed has left; returns what a person should know of it."""
    with in_words():
        folder = store.folder_of_held()
        if folder is None:
            return []
        with folder:
            counts = [_put_back_batch(store, folder, name) for name in folder.names()]
        store.drop_folder_of_held()
    back, left = sum(count[0] for count in counts), sum(count[1] for count in counts)
    notes = []
    if back:
        notes.append(f"put back: {counted(back, 'file')} that a run held when it was killed")
    if left:
        notes.append(
            f"of a run that was killed, {counted(left, 'file')} cannot be put back, because other files "
            f"have their names by now: see '{escaped(HELD)}' in the media root, and delete it once checked"
        )
    return notes


def _put_back_batch(store: MediaStore, folder: PrivateFolder, name: str) -> tuple[int, int]:
    """How many files were put back, and how many are left because there is another one in their place."""
    back = left = 0
    with Batch(folder, folder.folder(name), name) as batch:
        files = batch.files() if batch.header() else iter(())
        for file in files:
            if not batch.holds(file):
                continue
            try:
                store.put_back(batch.folder_of(file), file.name, file.path)
                back += 1
            except FileExistsError:
                left += 1
            except Blocked as error:
                raise QuarantineError(
                    f"a run was killed while it held '{escaped(file.path)}', which cannot be put back: "
                    f"{error}. Put it back from '{escaped(HELD)}' in the media root, then run again."
                ) from None
    if not left:
        folder.remove_tree(name)
    return back, left
