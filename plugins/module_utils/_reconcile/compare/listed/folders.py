# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Folders in which nothing is referenced, where a list of candidates has not all of their files."""

from __future__ import annotations

from typing import AbstractSet, Callable, Sequence

from ...spool import Spool
from ..folders.unreferenced import FEW_FILES, Seen, UnreferencedFolders

# Whether a file counts.
Counts = Callable[[bytes], bool]
# How many files of a folder count, up to FEW_FILES; 0 where something in it is referenced after all.
CountBelow = Callable[[bytes, Counts], int]


class FoldersOfCandidates(UnreferencedFolders):
    """Asks how many files there are in a folder of which a few are candidates."""

    def __init__(
        self,
        listed: Sequence[bytes],
        accepted: AbstractSet[bytes],
        is_derived: Counts,
        keep: Callable[[bytes, int], None],
        count_below: CountBelow,
    ) -> None:
        super().__init__(listed, accepted, is_derived, keep)
        self._count_below = count_below

    def _counted(self, folder: bytes, some: Spool[Seen]) -> int:
        known = super()._counted(folder, some)
        if known >= FEW_FILES or not any(file.state and self._counts(file.path) for file in some):
            return known
        return self._count_below(folder, self._counts)
