# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Which batches a purge has announced as due, and when: only what was announced a day ago is deleted by age.

So a clock that jumps deletes nothing by itself, neither forwards nor backwards.
"""

from __future__ import annotations

import time
from typing import Collection, Mapping

from .site_state import ANNOUNCED_PURGE, State

# Seconds.
DAY = 24 * 3600


class Announcements:
    """What earlier purges of a site have announced. Raises StateError where that cannot be known."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._now = time.time()
        facts = state.part(ANNOUNCED_PURGE)
        if not all(type(moment) in (int, float) for moment in facts.values()):
            raise state.damaged("what it says of purges is not complete")
        # What was announced in the future was announced by another clock.
        self._moments: Mapping[str, float] = {
            name: moment for name, moment in facts.items() if moment <= self._now
        }

    def is_old(self, name: str) -> bool:
        """Whether a batch was announced at least a day ago."""
        return self._moments.get(name, self._now) <= self._now - DAY

    def record(self, due: Collection[str], others: Collection[str]) -> None:
        """Announce the batches that are due, and no other but those that are not this purge's to judge."""
        moments = {name: self._moments.get(name, self._now) for name in due}
        moments.update({name: self._moments[name] for name in others if name in self._moments})
        if moments != self._state.part(ANNOUNCED_PURGE):
            self._state.record(ANNOUNCED_PURGE, moments)
