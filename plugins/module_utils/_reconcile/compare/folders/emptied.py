# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Folders below which no file is any more, as where a disk is not mounted, and what was lost with them."""

from __future__ import annotations

import os
from typing import Iterable, Iterator

from ...media.store import MediaStore


class EmptiedFolders:
    """Finds the highest folder above a path that is gone, or that holds no file at any depth.

    To be asked for paths in byte order: what is remembered then is no more than the folders on the way to
    the last of them.
    """

    def __init__(self, store: MediaStore) -> None:
        self._store = store
        # Folders that hold a file, on the way to the last path.
        self._filled: set[bytes] = set()

    def with_losses(self, paths: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
        """Each such folder above one of the paths, and how many of the paths are below it."""
        highest: bytes | None = None
        lost = 0
        for path in paths:
            if highest is not None and path.startswith(highest + b"/" if highest else b""):
                lost += 1
                continue
            if highest is not None:
                yield highest, lost
            highest, lost = self._highest_above(path), 1
        if highest is not None:
            yield highest, lost

    def _highest_above(self, path: bytes) -> bytes | None:
        on_the_way = _folders_above(path)
        self._filled.intersection_update(on_the_way)
        highest = None
        for folder in on_the_way:
            if folder in self._filled or self._store.holds_file(folder):
                self._filled.add(folder)
                break
            highest = folder
        return highest


def _folders_above(path: bytes) -> list[bytes]:
    """The folders on the way to a path, the lowest first."""
    folders = [os.path.dirname(path)]
    while folders[-1] not in (b"", b"/"):
        folders.append(os.path.dirname(folders[-1]))
    return folders
