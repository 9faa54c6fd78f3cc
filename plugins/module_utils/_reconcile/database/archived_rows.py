# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rows that are kept exactly as they are, and brought back."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Iterator, Sequence

from .catalog import StoredRow, Table
from .dialect import Dialect, Keys, Steps


class RowArchive(Dialect):
    """Reads rows for the quarantine, and writes them from there."""

    def rows_for_archive(
        self, root: Table, keys: Keys, steps: Steps = ()
    ) -> Iterator[tuple[tuple[Any, ...], StoredRow]]:
        """Yield (key, row) for rows by their keys, every value exactly as it is.

        With steps, the rows are those that hang on them at the end of these, each with the key of the
        one that it hangs on. They are locked in a transaction. Nothing else may be asked of the
        database before the last has come.
        """
        if not keys:
            return
        table = steps[-1][1] if steps else root
        names = self._stored_columns(table)
        chain, last, parameters = self._chain(root, steps, keys)
        values = ", ".join(self._key_value(f"{last}.{self.quote(name)}") for name in names)
        statement = f"SELECT {self._key_list(root)}, {values} FROM {chain}{self._lock_children(last)}"
        address = list(table.key) if table.has_primary_key else []
        width = len(root.key)
        with self._doing(f"reading rows of {table.name} for the quarantine"):
            for batch in self._stream(statement, parameters):
                for row in batch:
                    packed = {name: self._pack(value) for name, value in zip(names, row[width:])}
                    yield tuple(row[:width]), {"key": address, "row": packed}

    def reinsert(self, table: Table, row: dict[str, Any]) -> bool:
        """Insert a row that was kept; False if a row with its key is there."""
        names = [name for name in row if name in self._stored_columns(table)]
        values = ", ".join(self._mark(table, name, row[name]) for name in names)
        statement = (
            f"INSERT INTO {self.qualified(*table.identity)} "
            f"({', '.join(map(self.quote, names))}) {self._explicit_keys()} "
            f"VALUES ({values}) ON CONFLICT DO NOTHING"
        )
        parameters = [self._unpack(row[name]) for name in names]
        return self._execute(f"bringing back a row of {table.name}", statement, parameters) == 1

    def restore_cleared(self, table: Table, key: Sequence[str], row: dict[str, Any]) -> bool:
        """Set cleared columns back, if the row is there and they are still empty."""
        names = [name for name in row if name not in key]
        changes = ", ".join(f"{self.quote(name)} = {self._mark(table, name, row[name])}" for name in names)
        still_empty = [
            f"t.{self.quote(name)} IS NULL" if table.columns[name].nullable else f"t.{self.quote(name)} = ''"
            for name in names
        ]
        same = [f"t.{self.quote(name)} = {self._mark(table, name, row[name])}" for name in key]
        statement = (
            f"UPDATE {self.qualified(*table.identity)} AS t SET {changes} "
            f"WHERE {' AND '.join([*same, *still_empty])}"
        )
        parameters = [self._unpack(row[name]) for name in (*names, *key)]
        return self._execute(f"setting back a row of {table.name}", statement, parameters) == 1

    def has_row(self, table: Table, values: dict[str, Any]) -> bool:
        """Whether the table has a row with these kept values in these columns."""
        same = [f"t.{self.quote(name)} = {self._mark(table, name, values[name])}" for name in values]
        statement = f"SELECT 1 FROM {self.qualified(*table.identity)} AS t WHERE {' AND '.join(same)} LIMIT 1"
        with self._doing(f"looking for a row of {table.name}"):
            found = list(self._stream(statement, [self._unpack(value) for value in values.values()]))
        return bool(found)

    def count_identical_rows(self, table: Table, row: dict[str, Any]) -> int:
        """How many rows of a table have these very values; for a table without a primary key."""
        names = [name for name in row if name in self._stored_columns(table)]
        same = [self._is_alike(f"t.{self.quote(name)}") for name in names]
        statement = f"SELECT count(*) FROM {self.qualified(*table.identity)} AS t WHERE {' AND '.join(same)}"
        parameters = [self._unpack(row[name]) for name in names]
        return self._number(f"comparing rows of {table.name}", statement, parameters)

    @abstractmethod
    def _is_alike(self, expression: str) -> str:
        """The condition that a value is exactly the kept one; NULL is like NULL."""

    def has_identical_row(self, table: Table, key: Sequence[str], row: dict[str, Any]) -> bool:
        """Whether the table has a row with these very values."""
        names = [name for name in row if name in self._stored_columns(table)]
        wanted = {name: row[name] for name in names}
        values = ", ".join(self._key_value(f"t.{self.quote(name)}") for name in names)
        same = [f"t.{self.quote(name)} = {self._mark(table, name, row[name])}" for name in key]
        statement = f"SELECT {values} FROM {self.qualified(*table.identity)} AS t WHERE {' AND '.join(same)}"
        with self._doing(f"comparing a row of {table.name}"):
            for batch in self._stream(statement, [self._unpack(row[name]) for name in key]):
                found = [dict(zip(names, map(self._pack, values))) for values in batch]
                return wanted in found
        return False

    def _stored_columns(self, table: Table) -> list[str]:
        return [name for name, kind in table.columns.items() if not kind.generated]

    def _mark(self, table: Table, name: str, value: Any) -> str:
        """The placeholder for a kept value of a column."""
        return self.placeholder

    def _explicit_keys(self) -> str:
        return ""

    def _pack(self, value: Any) -> Any:
        return value

    def _unpack(self, value: Any) -> Any:
        return value
