# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The directories to which files come back: each is proven and synced once for all its files in a row."""

from __future__ import annotations

import os

from .directories import Directories

# Directories that are open until they are synced together: a journal writes the first one and all others.
MOST_OPEN = 64


class Returned:
    """The directory to which files come back at the moment, and those before that are not synced yet."""

    def __init__(self, directories: Directories) -> None:
        self._directories = directories
        self._visit = -1
        self._open: list[int] = []
        self._error: OSError | None = None

    def is_to_same(self, directory: bytes) -> bool:
        """Whether this is the directory of ``go_to``, by the very descriptor that was proven then."""
        is_last = self._directories.last(directory) is not None
        return is_last and self._visit == self._directories.visits

    def go_to(self, handle: int) -> None:
        """Go on to the directory that was just asked for and proven."""
        if len(self._open) >= MOST_OPEN:
            self.leave()
        self._open.append(os.dup(handle))
        self._visit = self._directories.visits

    def leave(self) -> None:
        """Sync the directories. An error of that is no error of the next file: ``sync`` raises it."""
        self._visit = -1
        while self._open:
            handle = self._open.pop()
            try:
                os.fsync(handle)
            except OSError as error:
                self._error = self._error or error
            finally:
                os.close(handle)

    def sync(self) -> None:
        """Return when all files that came back are on disk where they are. Raises OSError, once."""
        self.leave()
        error, self._error = self._error, None
        if error:
            raise error
