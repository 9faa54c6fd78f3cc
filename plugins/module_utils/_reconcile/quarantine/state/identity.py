# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Which database and which media store belong together, as the first apply has recorded it."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple

from ...system.host import NO_ID
from .site_state import IDENTITY, State


class Identity(NamedTuple):
    """What tells a site from every other one. Holds no secret."""

    database: str
    media: str

    def among_hosts(self) -> dict[str, str]:
        """The same for a comparison with other hosts: empty is what may be the same there by chance."""
        return {kind: "" if NO_ID in fact else fact for kind, fact in self._asdict().items()}


UNKNOWN = Identity("", "")


def earlier(state: State, now: Identity) -> Identity | None:
    """What was recorded for this site; None before its first apply.

    Where that is to come, another site may have recorded the same media store: a description that was
    copied with another name, as that of a staging site, then has the media of a site that is known.
    """
    own = _identity(state, state.part(IDENTITY))
    if own is not None:
        return own
    others = (_identity(state, parts[IDENTITY]) for parts in state.others())
    shared = [other for other in others if other is not None and other.media == now.media]
    return next((other for other in shared if other.database != now.database), None)


def record(state: State, now: Identity) -> str:
    """Record these, if they are not yet; returns what a person should know of it, or nothing."""
    before = _identity(state, state.part(IDENTITY))
    if before == now:
        return ""
    state.record(IDENTITY, now._asdict())
    return f"recorded as this site's: database {now.database}, media store {now.media}; no other is cleaned"


def _identity(state: State, facts: Mapping[str, Any]) -> Identity | None:
    if not facts:
        return None
    if set(facts) != set(Identity._fields) or not all(isinstance(fact, str) for fact in facts.values()):
        raise state.damaged("what it says of the database and the media store is not complete")
    return Identity(**facts)
