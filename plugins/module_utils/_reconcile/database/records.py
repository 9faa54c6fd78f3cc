# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The rows that a job is about: each statement repeats the whole condition of the selection."""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Sequence

from ..text import escaped_value
from .catalog import Details, ForeignKey, Row, Selection
from .dialect import Dialect


class Records(Dialect):
    """Asks for records, locks and deletes them."""

    def rows(self, selection: Selection) -> Iterator[list[Row]]:
        """Yield the selected rows in the byte order of their files."""
        return self._rows_where(selection, *self._condition(selection))

    def rows_by_file(self, selection: Selection, paths: Iterable[bytes]) -> Iterator[list[Row]]:
        """Yield those of the selected rows that name one of a few files, in the byte order of these."""
        keys = self._path_keys(paths)
        if keys is None:
            return iter(())
        source, wanted = keys
        condition, parameters = self._condition(selection)
        file = self._path(f"t.{self.quote(selection.file_column)}")
        named = f"{condition} AND {file} IN (SELECT keys.k0 FROM {source})"
        return self._rows_where(selection, named, [*parameters, *wanted])

    def _rows_where(
        self, selection: Selection, condition: str, parameters: Sequence[Any]
    ) -> Iterator[list[Row]]:
        file = self._path(f"t.{self.quote(selection.file_column)}")
        statement = (
            f"SELECT {file} AS path, {self._key_list(selection.table)} "
            f"FROM {self.qualified(*selection.table.identity)} AS t WHERE {condition} ORDER BY path"
        )
        with self._doing(f"reading the rows of {selection.table.name}"):
            for rows in self._stream_apart(statement, parameters):
                yield [Row(tuple(key), self._optional(file)) for file, *key in rows]

    def count_rows(self, selection: Selection, condition: bool = False) -> int:
        """Count the rows of the table, or those that meet the selection's condition."""
        statement = f"SELECT count(*) FROM {self.qualified(*selection.table.identity)} AS t"
        parameters: list[Any] = []
        if condition:
            meets, parameters = self._condition(selection)
            statement += f" WHERE {meets}"
        return self._number(f"counting the rows of {selection.table.name}", statement, parameters)

    def details(
        self,
        selection: Selection,
        companions: Sequence[str],
        owner: Sequence[ForeignKey | str],
        rows: Sequence[Row],
    ) -> list[Details]:
        """Fetch companions and the owner's name of some rows, in no particular order."""
        table = selection.table
        joins, shown = self._owner(owner)
        source, parameters = self._row_keys(table, [row.key for row in rows])
        fields = [self._path(f"t.{self.quote(name)}") for name in companions]
        statement = (
            f"SELECT {', '.join([shown, *fields, self._key_list(table)])} FROM {source} "
            f"JOIN {self.qualified(*table.identity)} AS t ON {self._key_join(table)} {joins}"
        )
        found = []
        with self._doing(f"reading companions and owners of {table.name}"):
            for batch in self._stream(statement, parameters):
                for name, *rest in batch:
                    paths = tuple(self._optional(path) for path in rest[: len(companions)])
                    owner_name = None if name is None else escaped_value(name)
                    found.append(Details(tuple(rest[len(companions) :]), paths, owner_name))
        return found

    def _owner(self, steps: Sequence[ForeignKey | str]) -> tuple[str, str]:
        """The joins that lead along foreign keys to the column that names a row's owner."""
        joins, alias = "", "t"
        for number, step in enumerate(steps):
            if isinstance(step, str):
                return joins, f"CAST({alias}.{self.quote(step)} AS text)"
            there = f"owner{number}"
            pairs = zip(step.columns, step.target_columns)
            meet = " AND ".join(
                f"{there}.{self.quote(theirs)} = {alias}.{self.quote(ours)}" for ours, theirs in pairs
            )
            target = self.qualified(step.target_schema, step.target_table)
            joins += f"LEFT JOIN {target} AS {there} ON {meet} "
            alias = there
        return joins, "NULL"

    def delete_selected(self, selection: Selection, rows: Sequence[Row]) -> int:
        """Delete those of the rows that still meet the whole condition and name the same file."""
        source, wanted = self._rows_and_files(selection, rows)
        condition, parameters = self._condition(selection)
        table = selection.table
        statement = (
            f"DELETE FROM {self.qualified(*table.identity)} AS t WHERE {condition} "
            f"AND EXISTS (SELECT 1 FROM {source} WHERE {self._same_row(selection)})"
        )
        return self._execute(f"deleting rows of {table.name}", statement, [*parameters, *wanted])

    def still_selected(self, selection: Selection, rows: Sequence[Row]) -> set[tuple[Any, ...]]:
        """Lock those of the rows that still meet the whole condition and name the same file."""
        table = selection.table
        source, wanted = self._rows_and_files(selection, rows)
        condition, parameters = self._condition(selection)
        statement = (
            f"SELECT {self._key_list(table)} FROM {self.qualified(*table.identity)} AS t "
            f"WHERE {condition} AND EXISTS (SELECT 1 FROM {source} "
            f"WHERE {self._same_row(selection)}){self._lock_clause()}"
        )
        found: set[tuple[Any, ...]] = set()
        with self._doing(f"locking rows of {table.name}"):
            for batch in self._stream(statement, [*parameters, *wanted]):
                found.update(tuple(row) for row in batch)
        return found

    def _rows_and_files(self, selection: Selection, rows: Sequence[Row]) -> tuple[str, list[Any]]:
        types = [*self._key_types(selection.table), self._path_type()]
        wanted = [(*row.key, None if row.file is None else self._from_bytes(row.file)) for row in rows]
        return self._keys(types, wanted)

    def _same_row(self, selection: Selection) -> str:
        file = self._path(f"t.{self.quote(selection.file_column)}")
        last = f"keys.k{len(selection.table.key)}"
        return (
            f"{self._key_join(selection.table)} AND ({file} = {last} OR ({file} IS NULL AND {last} IS NULL))"
        )

    def _condition(self, selection: Selection) -> tuple[str, list[Any]]:
        if selection.unattached_column is None:
            return f"t.{self.quote(selection.file_column)} <> ''", []
        before, parameters = self._is_before(selection, f"t.{self.quote(selection.uploaded_at_column or '')}")
        return f"t.{self.quote(selection.unattached_column)} IS NULL AND {before}", parameters
