# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Groups the paths in a bucket as a walk of a disk yields them: runs of names, directory by directory."""

from __future__ import annotations

from typing import Iterable, Iterator, Pattern

from ..store import Run
from ..walk import is_excluded


class Runs:
    """Puts paths in byte order together into runs, without those in directories that are not entered."""

    def __init__(self, listed: bytes, exclude: Pattern[bytes] | None, never: tuple[bytes, ...]) -> None:
        self._listed = listed + b"/" if listed else b""
        self._exclude = exclude
        self._never = never

    def of(self, paths: Iterable[bytes]) -> Iterator[Run]:
        names: list[bytes] = []
        prefix, is_entered = None, False
        for path in paths:
            cut = path.rfind(b"/") + 1
            directory = path[:cut]
            if directory != prefix:
                if names and prefix is not None:
                    yield Run(prefix, names)
                names, prefix, is_entered = [], directory, self._enters(directory)
            if is_entered:
                names.append(path[cut:])
        if names and prefix is not None:
            yield Run(prefix, names)

    def _enters(self, directory: bytes) -> bool:
        return not directory.startswith(self._never) and not self._is_excluded(directory)

    def _is_excluded(self, directory: bytes) -> bool:
        if self._exclude is None:
            return False
        end = directory.find(b"/", len(self._listed))
        while end >= 0:
            if is_excluded(self._exclude, directory[:end]):
                return True
            end = directory.find(b"/", end + 1)
        return False
