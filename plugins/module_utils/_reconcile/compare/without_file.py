# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""References that no listed file has: one listing beside the sort of the database, instead of many looks."""

from __future__ import annotations

from itertools import chain
from typing import Callable, Iterator

from ..media.disk.entered import Entered
from ..media.store import MediaStore
from ..spool import Spool, path_spool
from .merge import Merge, begun
from .moves import HIDDEN

Lists = Iterator["list[bytes]"]


class ListedFiles:
    """One pass over the files of a store and the references of a column: both differences.

    It proves nothing of a reference in ``without_file``, and that of no other one has to be looked for. No
    more than ``most`` files are listed: what is referenced behind the last of them is as without a file.
    """

    def __init__(self, most: int) -> None:
        self._left = most
        self.without_file: Spool[bytes] = path_spool()
        self._unreferenced: Spool[bytes] = path_spool()
        self._entered: Spool[Entered] | None = None

    def compare(self, store: MediaStore, references: Lists, watched: Callable[[Lists], Lists]) -> None:
        """List the store, of which nothing else may have been listed yet, while the database sorts.

        The references pass through ``watched`` when they have come.
        """
        store.notes_entered = True
        with store.listing([b""], HIDDEN, lambda _listed: None) as listed, begun(references) as lists:
            merge = Merge(watched(lists), self.without_file)
            for paths in chain.from_iterable(listed):
                self._unreferenced.extend(merge.unreferenced(paths))
                self._left -= len(paths)
                if self._left < 0:
                    break
            merge.finish()
        if self._left >= 0 and not store.unreadable.total:
            self._entered = store.entered

    def unreferenced(self, store: MediaStore) -> Iterator[list[bytes]] | None:
        """The files without a reference in the column; None where they may be others by now."""
        if self._entered is None or not store.are_unchanged(self._entered):
            return None
        return self._unreferenced.chunks()
