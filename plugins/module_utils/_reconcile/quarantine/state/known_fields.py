# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the Django project of a site had at its last run: the columns of file fields, and delete receivers.

A field that is gone from the models may have its column still, and rows whose files somebody wants: a
deployment was rolled back, an app was left out by other settings.
"""

from __future__ import annotations

from typing import Any

from ...config.site import ProjectParts, column_of
from .site_state import KNOWN_FIELDS, State

_COLUMNS, _RECEIVERS = "columns", "receivers"
# More than any project has of either; the state is read as a whole.
MOST = 10_000


def earlier(state: State) -> ProjectParts | None:
    """What was recorded, if anything was. Raises StateError where that cannot be known."""
    facts = state.part(KNOWN_FIELDS)
    if not facts:
        return None
    columns, receivers = facts.get(_COLUMNS, ()), facts.get(_RECEIVERS, ())
    if set(facts) != {_COLUMNS, _RECEIVERS} or not _are_columns(columns) or not _are_texts(receivers):
        raise state.damaged("what it says of the fields of the project is not complete")
    return ProjectParts(tuple(map(column_of, columns)), tuple(receivers))


def record(state: State, project: ProjectParts) -> None:
    """Record this instead of what was recorded before, if it differs."""
    columns = [column.written for column in sorted(set(project.columns))[:MOST]]
    receivers = sorted(set(project.delete_receivers))[:MOST]
    facts = {_COLUMNS: columns, _RECEIVERS: receivers}
    if facts != state.part(KNOWN_FIELDS):
        state.record(KNOWN_FIELDS, facts)


def _are_columns(written: Any) -> bool:
    return isinstance(written, list) and all(
        _are_texts(column) and len(column) in (2, 3) for column in written
    )


def _are_texts(written: Any) -> bool:
    return isinstance(written, list) and all(isinstance(text, str) and text for text in written)
