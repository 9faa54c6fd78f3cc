# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What mentions files at the moment of their removal: the sweep once more, as often as there is need."""

from __future__ import annotations

import time
from typing import AbstractSet, Collection, Iterable, Mapping

from ...config.site import Column, Site
from ...database.catalog import Table
from ...database.sweep import Unsearchable
from ...kept import Doubt
from .sweep import Sweep
from .unlisted import Unlisted

# While files are moved, the database is searched again as long as all of that takes no more seconds than
# this, or no more than this share of the whole removal.
SECONDS_TO_REPEAT = 60.0
SHARE_TO_REPEAT = 0.5


class MentionsAtRemoval:
    """Searches for the files of one job again, unless the database proves that nothing was written since."""

    def __init__(self, planned: Sweep, listed: Iterable[Column], site: Site) -> None:
        self._listed = tuple(listed)
        self._site = site
        # The last search for all files, by which it is known whether anything was written.
        self._last = planned
        # What that found; nothing as long as the plan's own search is the last.
        self._found: Unlisted | None = None
        self._began = time.monotonic()
        # Seconds that the last search took, and all of those while files were moved.
        self._seconds = 0.0
        self._seconds_repeated = 0.0
        # The tables that could not be searched: nothing may be removed, then.
        self.unsearchable: list[Unsearchable] = []

    def search(self, paths: Iterable[bytes], deletes_from: Collection[Table] = ()) -> Unlisted | None:
        """Search for all files that are to go; returns what was found, or None if nothing was written.

        ``deletes_from`` are tables from which rows are deleted afterwards.
        """
        if self._site.enabled("sweep") and not self._last.is_fresh():
            self._found, self._last = self._searched(paths, deletes_from)
            return self._found
        return None

    def doubts(self, paths: AbstractSet[bytes]) -> Mapping[bytes, Doubt]:
        """Why some of these files are kept, by the last search for all."""
        return self._found.doubts(paths) if self._found else {}

    def doubts_after(self, paths: AbstractSet[bytes]) -> Mapping[bytes, Doubt]:
        """The same for files that were moved, from a search for them alone, if there is time for it."""
        if not self._site.enabled("sweep") or self._last.is_fresh() or not self._has_time():
            return {}
        found, _sweep = self._searched(paths)
        self._seconds_repeated += self._seconds
        return found.doubts(paths)

    def _has_time(self) -> bool:
        share = SHARE_TO_REPEAT * (time.monotonic() - self._began)
        return self._seconds_repeated + self._seconds <= max(SECONDS_TO_REPEAT, share)

    def _searched(
        self, paths: Iterable[bytes], deletes_from: Collection[Table] = ()
    ) -> tuple[Unlisted, Sweep]:
        began = time.monotonic()
        again = Sweep(self._last.database, self._last.spellings)
        found = Unlisted(again, self._listed, self._site)
        found.search_for(paths, deletes_from)
        found.search()
        self.unsearchable = found.unsearchable
        self._seconds = time.monotonic() - began
        return found, again
