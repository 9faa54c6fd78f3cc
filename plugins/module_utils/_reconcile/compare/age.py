# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Which files are too young to be removed, in every job."""

from __future__ import annotations

from typing import Iterable

from ..config.site import AgeLimit
from ..kept import Code, Doubt
from ..media.paths import outside
from ..media.store import FileState, MediaStore
from ..text import escaped


class AgeCheck:
    """Compares the time stamps of files with the age limit of a job at one moment (seconds since 1970)."""

    def __init__(self, store: MediaStore, limit: AgeLimit, moment: float) -> None:
        self._store = store
        self._limit = limit
        self._old_ns = int((moment - limit.seconds) * 1e9)

    def is_young(self, state: FileState) -> bool:
        """Whether a file is younger than the limit; one with a time stamp in the future is."""
        return state.stamp_ns(self._limit.age_stamp) > self._old_ns

    def doubt_of_file(self, state: FileState) -> Doubt | None:
        """Why a file is kept that would be removed with a record."""
        if not self.is_young(state):
            return None
        return Doubt(Code.YOUNG, f"it is younger than {self._limit.older_than_hours} h")

    def doubt_of_record(self, paths: Iterable[bytes]) -> Doubt | None:
        """Why a record is kept that references these paths, by a fresh check of each of the files."""
        for path in paths:
            if outside(path):
                continue
            answer = self._store.check(path)
            if answer.state is not None and answer.is_file and self.is_young(answer.state):
                hours = self._limit.older_than_hours
                return Doubt(Code.YOUNG, f"its file '{escaped(path)}' is younger than {hours} h")
        return None
