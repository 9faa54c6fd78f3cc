# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Who references a file at the moment of its removal, by its own name or by another one.

Before a file is moved, what another name leads to is known by its inode. Afterwards that name leads
nowhere; what it would lead to is known by the folder and the name in it.
"""

from __future__ import annotations

from typing import Sequence

from ...kept import Doubt
from ...media.paths import is_too_long
from ...spool import path_spool
from .other_names import File, OtherNames, meant_by
from .references import ReferenceCheck, other_name


class NamesAtRemoval:
    """Asks for some files, then for the same ones after they were moved, and so on for the next files.

    The references are read once before the first files, and again after each move; those that a file
    has by its very name are not followed.
    """

    def __init__(self, check: ReferenceCheck) -> None:
        self._check = check
        self._store = check.store
        self._without_file = path_spool()
        self._has_read = False
        self._ignores_case = False

    def doubts_before(self, files: Sequence[File]) -> dict[bytes, Doubt]:
        """Those of some files that must be kept, each with the reason."""
        if self._shows_that_case_is_ignored(files) or not self._has_read:
            self._read()
        doubts = self._check.doubts([file.path for file in files])
        left = [file for file in files if file.path not in doubts]
        names = OtherNames(self._store, self._check, self._check.spellings)
        names.read(left, self._without_file.chunks())
        return {**doubts, **names.doubts(left)}

    def doubts_after(self, paths: Sequence[bytes]) -> dict[bytes, Doubt]:
        """The same for files that were moved, by their own names, from a fresh reading."""
        self._read()
        return self._check.doubts(paths)

    def other_names_after(self, paths: Sequence[bytes]) -> dict[bytes, Doubt]:
        """The same, by their other names; asked when those that ``doubts_after`` had are back."""
        if not len(self._without_file):
            return {}
        moved = {self._place_of(path): path for path in paths}
        doubts: dict[bytes, Doubt] = {}
        for some in self._without_file.chunks():
            for value in some:
                for path in meant_by(value, self._check.spellings):
                    real = self._store.real_directory(path)
                    file = moved.get(self._place_of(real)) if real else None
                    if file and self._store.followed(path) is None:
                        doubts[file] = other_name(value)
        return doubts

    def _place_of(self, path: bytes) -> tuple[object, bytes]:
        """The folder of a file, by what it is on disk, and the file's name in it."""
        folder, _slash, name = path.rpartition(b"/")
        state = self._store.check(folder).state
        place = (state.device, state.inode) if state else folder
        return place, name.lower() if self._ignores_case else name

    def _read(self) -> None:
        self._has_read = True
        self._without_file = path_spool()
        quick_check = self._store.quick_check()
        for values in self._check.reading():
            if not self._store.capabilities.other_names:
                # The check hears of all references by this reading, and no other name is looked for.
                continue
            references = [value for value in values if not is_too_long(value)]
            # On a disk that ignores case, a folder that is read may have another name.
            not_found = references if self._ignores_case else quick_check.not_found(references)
            self._without_file.extend(not_found)

    def _shows_that_case_is_ignored(self, files: Sequence[File]) -> bool:
        """Whether files are there in another case too, as none before was."""
        if self._ignores_case or not self._store.capabilities.other_names:
            return False
        # Folders ignore case or do not, with all files in them.
        first = {file.path.rpartition(b"/")[0]: file for file in reversed(files)}
        self._ignores_case = any(self._is_in_other_case(file) for file in first.values())
        return self._ignores_case

    def _is_in_other_case(self, file: File) -> bool:
        other = file.path.swapcase()
        state = self._store.check(other).state if other != file.path else None
        same = state and file.state and (state.device, state.inode) == (file.state.device, file.state.inode)
        return bool(same)
