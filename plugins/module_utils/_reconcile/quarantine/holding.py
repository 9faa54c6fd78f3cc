# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Where files wait that are deleted for good, until the database was asked once more.

That is a batch in a private folder of the media store itself, so that nothing is copied. A run ends
with none of it left.
"""

from __future__ import annotations

from ..errors import QuarantineError
from ..media.private_folder import PrivateFolder
from ..media.store import HELD, MediaStore
from ..text import escaped, remedy
from .store import writing
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
        folder = store.folder_of_held()
        if folder:
            with folder:
                folder.require_safe_moves()
    except OSError as error:
        raise QuarantineError(
            f"the folder '{escaped(HELD)}' cannot be made in the media root: {error.strerror}. Files that "
            "are deleted for good wait there until the database was asked once more, so nothing was removed. "
            + remedy(
                error,
                "Make it once for the user of this run (mkdir -m 700, chown), or let this user write to the "
                "media root.",
            )
        ) from None


class _HeldWriter(BatchWriter):
    def __init__(self, store: MediaStore, folder: PrivateFolder) -> None:
        super().__init__(folder, _BATCH, {})
        self._store = store

    def close(self) -> None:
        super().close()
        self._store.drop_folder_of_held()
