# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The file fields that the Django project of a site had at its last run, as their columns.

A field that is gone from the models may have its column still, and rows whose files somebody wants: a
deployment was rolled back, an app was left out by other settings.
"""

from __future__ import annotations

from typing import Iterable

from ..config.site import Column
from .state import KNOWN_FIELDS, State

_COLUMNS = "columns"
# More than any project has; the state is read as a whole.
MOST = 10_000


def earlier(state: State) -> tuple[Column, ...]:
    """The columns that were recorded. Raises StateError where that cannot be known."""
    facts = state.part(KNOWN_FIELDS)
    if not facts:
        return ()
    columns = facts.get(_COLUMNS)
    if set(facts) != {_COLUMNS} or not isinstance(columns, list) or not all(map(_is_column, columns)):
        raise state.damaged("what it says of the fields of the project is not complete")
    return tuple(Column(table, name) for table, name in columns)


def record(state: State, columns: Iterable[Column]) -> None:
    """Record these columns instead of those before, if they differ."""
    written = sorted({(column.table, column.name) for column in columns})[:MOST]
    facts = {_COLUMNS: [list(each) for each in written]}
    if facts != state.part(KNOWN_FIELDS):
        state.record(KNOWN_FIELDS, facts)


def _is_column(written: object) -> bool:
    is_pair = isinstance(written, list) and len(written) == 2
    return is_pair and all(isinstance(part, str) and part for part in written)  # type: ignore[attr-defined]
