# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What is changed in dependent rows that stay: their columns are set to NULL, to a default, or to a value."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Iterable, Iterator, NamedTuple, Sequence
from uuid import UUID

from ...config.options import SET_VALUE
from ...config.site import DependentRule
from ...database.base import Database
from ...database.catalog import ForeignKey, Key, StoredRow, Table
from ...errors import DatabaseError
from .link import Link, Replacement


class Update(NamedTuple):
    """One change of some columns, for all rows of a table that it is made in."""

    table: Table
    columns: tuple[str, ...]
    to_default: bool
    replacement: Replacement | None

    @classmethod
    def along(cls, link: Link) -> Update:
        """What a link changes in the rows that depend on deleted ones."""
        replacement = link.replacement if link.action == SET_VALUE else None
        return cls(link.child, link.columns, link.action == "set_default", replacement)

    @property
    def action(self) -> str:
        """How the archive calls it."""
        if self.replacement:
            return "relinked"
        return "defaulted" if self.to_default else "cleared"

    def to_archive(self, row: StoredRow) -> StoredRow:
        """Of a row what is needed to undo it."""
        kept = only_columns(self.columns, row)
        if self.replacement:
            return {**kept, "now": dict.fromkeys(self.columns, self.replacement.value)}
        return kept

    def make(self, database: Database, keys: Sequence[Key]) -> int:
        """Change the rows with these keys; returns how many there were."""
        if not self.replacement:
            return database.clear(self.table, self.columns, keys, self.to_default)
        self._require_replacement(database, self.replacement)
        return database.set_values(self.table, dict.fromkeys(self.columns, self.replacement.value), keys)

    def _require_replacement(self, database: Database, replacement: Replacement) -> None:
        """Not every foreign key has a constraint that would refuse a key of no row."""
        if not database.count_keys(replacement.table, [replacement.key]):
            raise DatabaseError(
                f"{replacement} is gone since the plan was made, and rows of {self.table.name} were to "
                "reference it, as on_delete says. Run again."
            )


def only_columns(columns: Iterable[str], row: StoredRow) -> StoredRow:
    """Of a row its key and some columns."""
    return {**row, "row": {name: row["row"][name] for name in dict.fromkeys([*row["key"], *columns])}}


def replacement_of(rule: DependentRule, key: ForeignKey, database: Database) -> Replacement:
    """The row that dependent rows reference instead, where a rule sets a value."""
    table = database.table(f"{key.target_schema}.{key.target_table}")
    for value in _as_stored(rule.value) if len(key.columns) == 1 else ():
        found = database.row_with_value(table, key.target_columns[0], value)
        if found:
            return Replacement(table, rule.value, *found)
    return Replacement(table, rule.value, (), None)


def _as_stored(value: Any) -> Iterator[Any]:
    """A value, and how Django stores it where the database has no type for a UUID."""
    yield value
    if isinstance(value, str):
        with suppress(ValueError):
            yield UUID(value).hex
