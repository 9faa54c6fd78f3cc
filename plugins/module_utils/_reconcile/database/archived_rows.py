# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rows that are archived exactly as they are, and inserted again."""

from __future__ import annotations

from itertools import chain
from typing import Any, Iterator, Mapping, Sequence

from .catalog import Key, Keys, Steps, StoredRow, Table
from .statements import Statements


class RowArchive(Statements):
    """Reads rows for the quarantine, and writes them from there.

    An archived row is a dictionary of values by column, as ``StoredRow`` has them under ``row``. Columns
    that the table no longer has, or that it generates by itself, are left out.
    """

    def whole_rows(
        self, root: Table, keys: Keys, steps: Steps = ()
    ) -> Iterator[tuple[Table, Key, StoredRow]]:
        """Like ``rows_for_archive``, with the table in which each row lies, and all columns of that."""
        table = steps[-1][1] if steps else root
        heirs = self.heirs(table)
        for part in (table, *heirs):
            for key, row in self.rows_for_archive(root, keys, steps, part if heirs else None):
                yield part, key, row

    def rows_for_archive(
        self, root: Table, keys: Keys, steps: Steps = (), part: Table | None = None
    ) -> Iterator[tuple[Key, StoredRow]]:
        """Yield (key, row) for rows by their keys, every value exactly as it is.

        With steps, the rows are those at the end of the steps that depend on the keyed ones, each with the
        key of the one that it depends on. With ``part`` they are those that lie in this table, with all of
        its columns. They are locked in a transaction. Nothing else may be asked of the database before the
        last was yielded.
        """
        if not keys:
            return
        table = steps[-1][1] if steps else root
        chain, last, parameters = self._chain(root, steps, keys)
        read_from = last
        if part:
            table, read_from = part, "whole"
            chain += (
                f" JOIN ONLY {self.dialect.relation(part)} AS whole "
                f"ON whole.tableoid = {last}.tableoid AND whole.ctid = {last}.ctid"
            )
        names = self._stored_columns(table)
        values = ", ".join(self._exact(table, read_from, name) for name in names)
        statement = f"SELECT {self.dialect.key_list(root)}, {values} FROM {chain}{self._lock_rows(last)}"
        address = list(table.key) if table.has_primary_key else []
        width = len(root.key)
        with self._doing(f"reading rows of {table.name} for the quarantine"):
            for batch in self._stream(statement, parameters):
                for row in batch:
                    values_by_name = zip(names, map(self.dialect.archive_value, row[width:]))
                    yield tuple(row[:width]), {"key": address, "row": dict(values_by_name)}

    def reinsert(self, table: Table, row: dict[str, Any]) -> bool:
        """Insert an archived row; False if a row with its key, or a unique value of it, exists."""
        names = self._stored_names(table, row)
        return self._insert(f"inserting a row of {table.name}", table, names, [row]) == 1

    def reinsert_all(self, table: Table, rows: Sequence[dict[str, Any]]) -> int:
        """Insert archived rows of the same columns, each as ``reinsert`` does; returns how many were.

        Where one cannot be inserted, a database may raise DatabaseError.
        """
        names = self._stored_names(table, rows[0])
        at_once = max(1, self.dialect.most_values // len(names))
        parts = (rows[start : start + at_once] for start in range(0, len(rows), at_once))
        return sum(self._insert(f"inserting rows of {table.name}", table, names, part) for part in parts)

    def _insert(self, doing: str, table: Table, names: Sequence[str], rows: Sequence[dict[str, Any]]) -> int:
        values = [[self._placeholder(table, name, row[name]) for name in names] for row in rows]
        statement = self.dialect.insert_absent(table, names, values)
        parameters = [value for row in rows for value in self._values(row, names)]
        return self._change(doing, table, statement, parameters)

    def restore_cleared(
        self, table: Table, key: Sequence[str], row: dict[str, Any], to_default: bool = False
    ) -> bool:
        """Set cleared columns back; False if the row was deleted, or one of them is no longer empty.

        With ``to_default`` they were not emptied but set to their defaults.
        """
        names = [name for name in row if name not in key]
        changes = ", ".join(
            f"{self.dialect.quote(name)} = {self._placeholder(table, name, row[name])}" for name in names
        )
        still_cleared = [self._is_cleared(table, name, to_default) for name in names]
        condition = " AND ".join([self._has_values(table, {name: row[name] for name in key}), *still_cleared])
        statement = f"UPDATE {self.dialect.relation(table)} AS t SET {changes} WHERE {condition}"
        parameters = self._values(row, [*names, *key])
        return self._change(f"setting back a row of {table.name}", table, statement, parameters) == 1

    def restore_all_cleared(
        self, table: Table, rows: Sequence[dict[str, Any]], to_default: bool = False
    ) -> int:
        """Set the same columns of archived rows back, each as ``restore_cleared`` does; returns how many."""
        return sum(self.restore_cleared(table, table.key, row, to_default) for row in rows)

    def restore_relinked(
        self, table: Table, key: Sequence[str], row: dict[str, Any], now: Mapping[str, Any]
    ) -> bool:
        """Set changed columns back; False if the row was deleted, or has other values than it was given."""
        names = [name for name in row if name not in key]
        changes = ", ".join(
            f"{self.dialect.quote(name)} = {self._placeholder(table, name, row[name])}" for name in names
        )
        still = self._has_values(table, {**{name: row[name] for name in key}, **now})
        statement = f"UPDATE {self.dialect.relation(table)} AS t SET {changes} WHERE {still}"
        parameters = [*self._values(row, [*names, *key]), *self._values(dict(now), list(now))]
        return self._change(f"setting back a row of {table.name}", table, statement, parameters) == 1

    def _is_cleared(self, table: Table, name: str, to_default: bool) -> str:
        value, column = self.dialect.field("t", name), table.columns[name]
        if to_default and column.default != "NULL":
            return self.dialect.equals(value, f"({column.default})", column.equality)
        return f"{value} IS NULL" if column.nullable else self.dialect.is_blank(value)

    def has_row(self, table: Table, values: dict[str, Any]) -> bool:
        """Whether the table has a row with these archived values in these columns."""
        condition = self._has_values(table, values)
        statement = f"SELECT 1 FROM {self.dialect.relation(table)} AS t WHERE {condition} LIMIT 1"
        with self._doing(f"searching for a row of {table.name}"):
            return bool(list(self._stream(statement, self._values(values, list(values)))))

    def those_there(self, table: Table, columns: Sequence[str], values: Sequence[Sequence[Any]]) -> set[int]:
        """Which of some archived values in these columns a row of the table has, by their numbers."""
        types = [*(table.columns[name].declared for name in columns), "bigint"]
        wanted = [(*map(self._key_value, some), str(number)) for number, some in enumerate(values)]
        source, parameters = self._keys(types, wanted)
        same = " AND ".join(
            self.dialect.equals(self.dialect.field("t", name), f"wanted.k{number}", table.equality(name))
            for number, name in enumerate(columns)
        )
        statement = (
            f"SELECT wanted.k{len(columns)} FROM {source} "
            f"WHERE EXISTS (SELECT 1 FROM {self.dialect.relation(table)} AS t WHERE {same})"
        )
        with self._doing(f"searching for rows of {table.name}"):
            return {int(number) for (number,) in chain.from_iterable(self._stream(statement, parameters))}

    def count_identical_rows(self, table: Table, row: dict[str, Any]) -> int:
        """Count the rows that have exactly these values; for a table without a primary key."""
        names = self._stored_names(table, row)
        same = [
            self.dialect.is_identical(self.dialect.field("t", name), table.columns[name], row[name])
            for name in names
        ]
        statement = f"SELECT count(*) FROM {self.dialect.relation(table)} AS t WHERE {' AND '.join(same)}"
        return self._number(f"comparing rows of {table.name}", statement, self._values(row, names))

    def has_identical_row(self, table: Table, key: Sequence[str], row: dict[str, Any]) -> bool:
        """Whether the row with the key of this one has exactly its values."""
        names = self._stored_names(table, row)
        wanted = {name: row[name] for name in names}
        values = ", ".join(self._exact(table, "t", name) for name in names)
        condition = self._has_values(table, {name: row[name] for name in key})
        statement = f"SELECT {values} FROM {self.dialect.relation(table)} AS t WHERE {condition}"
        with self._doing(f"comparing a row of {table.name}"):
            for batch in self._stream(statement, self._values(row, key)):
                found = [dict(zip(names, map(self.dialect.archive_value, values))) for values in batch]
                return wanted in found
        return False

    def have_identical_rows(self, table: Table, rows: Sequence[dict[str, Any]]) -> bool:
        """Whether the rows with the keys of these, of the same columns, have exactly their values."""
        names = self._stored_names(table, rows[0])
        wanted = {self._key_of(table, row): {name: row[name] for name in names} for row in rows}
        source, parameters = self._row_keys(table, list(wanted))
        values = ", ".join(self._exact(table, "t", name) for name in names)
        statement = (
            f"SELECT {values} FROM {source} "
            f"JOIN {self.dialect.relation(table)} AS t ON {self.dialect.key_join(table)}"
        )
        identical = 0
        with self._doing(f"comparing rows of {table.name}"):
            for row in chain.from_iterable(self._stream(statement, parameters)):
                found = dict(zip(names, map(self.dialect.archive_value, row)))
                identical += found == wanted.get(self._key_of(table, found))
        return identical == len(wanted) == len(rows)

    def _key_of(self, table: Table, row: Mapping[str, Any]) -> Key:
        return tuple(self._key_value(row[name]) for name in table.key)

    def _key_value(self, value: Any) -> Any:
        """An archived value as a part of a key."""
        return self.dialect.archived_parameter(value) if isinstance(value, dict) else value

    def _exact(self, table: Table, alias: str, name: str) -> str:
        return self.dialect.exact(self.dialect.field(alias, name), table.columns[name])

    def _stored_columns(self, table: Table) -> list[str]:
        return [name for name, kind in table.columns.items() if not kind.generated]

    def _stored_names(self, table: Table, row: dict[str, Any]) -> list[str]:
        stored = frozenset(self._stored_columns(table))
        return [name for name in row if name in stored]

    def _placeholder(self, table: Table, name: str, value: Any) -> str:
        return self.dialect.archived_placeholder(table.columns[name], value)

    def _values(self, row: dict[str, Any], names: Sequence[str]) -> list[Any]:
        return [self.dialect.archived_parameter(row[name]) for name in names]

    def _has_values(self, table: Table, values: dict[str, Any]) -> str:
        """The condition that a row ``t`` has archived values in some columns."""
        return " AND ".join(
            self.dialect.equals(
                self.dialect.field("t", name), self._placeholder(table, name, value), table.equality(name)
            )
            for name, value in values.items()
        )
