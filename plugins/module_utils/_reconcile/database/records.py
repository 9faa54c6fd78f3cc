# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The records that a job is about: each statement repeats the whole condition of the selection."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Iterable, Iterator, Sequence

from ..config.site import Column
from ..errors import SiteError
from ..text import escaped_value
from .catalog import ColumnType, Dangling, Details, ForeignKey, Key, Row, Selection, Table
from .dialect import Matching
from .statements import Statements


class Records(Statements):
    """Reads, locks and deletes records."""

    def rows(self, selection: Selection) -> Iterator[list[Row]]:
        """Yield the selected rows in the byte order of their files, in lists of a bounded length."""
        return self._rows_where(selection, *self._condition(selection))

    def time_column(self, table: Table, names: Sequence[str]) -> str | None:
        """The first of these columns that the table has and that holds a point in time; None if none does."""
        columns = table.columns
        return next((name for name in names if name in columns and self.dialect.is_time(columns[name])), None)

    def rows_by_file(self, selection: Selection, paths: Iterable[bytes]) -> Iterator[list[Row]]:
        """Yield those of the selected rows that reference one of a few files, in byte order of these."""
        among = self._among(self._file(selection), paths)
        if among is None:
            return iter(())
        is_asked, wanted = among
        condition, parameters = self._condition(selection)
        return self._rows_where(selection, f"{condition} AND {is_asked}", [*parameters, *wanted])

    def _rows_where(
        self, selection: Selection, condition: str, parameters: Sequence[Any]
    ) -> Iterator[list[Row]]:
        path = self.dialect.read_path(*self._whole_file(selection))
        statement = (
            f"SELECT {path} AS path, {self.dialect.key_list(selection.table)} "
            f"FROM {self.dialect.relation(selection.table)} AS t WHERE {condition} ORDER BY path"
        )
        with self._doing(f"reading the rows of {selection.table.name}"):
            for rows in self._stream_copy(statement, parameters):
                yield [Row(tuple(key), self._path_or_none(file)) for file, *key in rows]

    def count_rows(self, selection: Selection, condition: bool = False) -> int:
        """Count the rows that the job is about or, with ``condition``, those of them that are selected."""
        selected, parameters = self._condition(selection) if condition else self._only(selection)
        statement = f"SELECT count(*) FROM {self.dialect.relation(selection.table)} AS t"
        if selected:
            statement += f" WHERE {selected}"
        return self._number(f"counting the rows of {selection.table.name}", statement, parameters)

    def details(
        self,
        selection: Selection,
        companions: Sequence[Column],
        owner: Sequence[ForeignKey | str],
        rows: Sequence[Row],
    ) -> list[Details]:
        """Read the companion files and the owner's name of some rows, in no particular order.

        ``companions`` are columns of the table; ``owner`` leads along foreign keys to the column that
        names the owner, and is empty where there is none. Rows that were deleted are left out.
        """
        table = selection.table
        joins, shown = self._owner(owner)
        source, parameters = self._row_keys(table, [row.key for row in rows])
        files = [self.dialect.read_path(self._whole_path(one.name, one.prefix)) for one in companions]
        statement = (
            f"SELECT {', '.join([shown, *files, self.dialect.key_list(table)])} FROM {source} "
            f"JOIN {self.dialect.relation(table)} AS t ON {self.dialect.key_join(table)} {joins}"
        )
        found = []
        with self._doing(f"reading companion files and owners of {table.name}"):
            for batch in self._stream(statement, parameters):
                for name, *rest in batch:
                    paths = tuple(self._path_or_none(path) for path in rest[: len(companions)])
                    owner_name = None if name is None else escaped_value(name)
                    found.append(Details(tuple(rest[len(companions) :]), paths, owner_name))
        return found

    def _owner(self, steps: Sequence[ForeignKey | str]) -> tuple[str, str]:
        """The joins that lead to the column that names a row's owner, and that column."""
        joins, alias = "", "t"
        for number, step in enumerate(steps):
            if isinstance(step, str):
                return joins, self.dialect.as_text(self.dialect.field(alias, step))
            target = f"owner{number}"
            relation = self.dialect.qualified(step.target_schema, step.target_table)
            joins += f"LEFT JOIN {relation} AS {target} ON {self.dialect.references(step, alias, target)} "
            alias = target
        return joins, "NULL"

    def delete_selected(self, selection: Selection, rows: Sequence[Row]) -> int:
        """Delete those of the rows that are still selected and reference the same file; returns how many."""
        table = selection.table
        matching, condition, parameters = self._still_selected(selection, rows)
        return self._delete(table, "t", matching, parameters, condition)

    def clear_selected(self, selection: Selection, rows: Sequence[Row], columns: Sequence[str]) -> int:
        """Empty columns of those of the rows that are still selected and reference the same file.

        Returns how many rows were changed.
        """
        table = selection.table
        matching, condition, parameters = self._still_selected(selection, rows)
        statement = self.dialect.update(table, "t", self._cleared(table, columns), matching, condition)
        return self._change(f"emptying columns of {table.name}", table, statement, parameters)

    def _still_selected(self, selection: Selection, rows: Sequence[Row]) -> tuple[Matching, str, list[Any]]:
        """Those of the rows ``t`` with the same file, the condition of the selection, and parameters."""
        types = [*self.dialect.key_types(selection.table), self.dialect.path_type]
        source, wanted = self._keys(
            types,
            [(*row.key, None if row.file is None else self.dialect.path_parameter(row.file)) for row in rows],
        )
        same = self._same_row(selection)
        condition, parameters = self._condition(selection)
        test = f"EXISTS (SELECT 1 FROM {source} WHERE {same})"
        return Matching(source, same, test), condition, [*parameters, *wanted]

    def can_hold(self, path: bytes) -> bool:
        """Whether a path column can hold a path, as far as its bytes are concerned."""
        return self.dialect.path_parameter(path) is not None

    def set_file(self, selection: Selection, row: Row, path: bytes) -> int:
        """Let a row reference another file if it is still selected, with the same file; returns 1 or 0.

        ``path`` is what the column is to hold, without its prefix.
        """
        table = selection.table
        change = {selection.file_column: self.dialect.new_path}
        matching, condition, parameters = self._still_selected(selection, [row])
        statement = self.dialect.update(table, "t", change, matching, condition)
        values = [self.dialect.path_parameter(path), *parameters]
        return self._change(f"changing a row of {table.name}", table, statement, values)

    def still_selected(self, selection: Selection, rows: Sequence[Row]) -> set[Key]:
        """Lock those of the rows that are still selected and reference the same file; returns their keys.

        The lock holds until the transaction ends.
        """
        table = selection.table
        matching, condition, parameters = self._still_selected(selection, rows)
        statement = (
            f"SELECT {self.dialect.key_list(table)} FROM {self.dialect.relation(table)} AS t "
            f"WHERE {condition} AND {matching.test}{self._lock_rows('t')}"
        )
        found: set[Key] = set()
        with self._doing(f"locking rows of {table.name}"):
            for batch in self._stream(statement, parameters):
                found.update(tuple(row) for row in batch)
        return found

    def _same_row(self, selection: Selection) -> str:
        file, last = self._file(selection), f"wanted.k{len(selection.table.key)}"
        same_file = f"({self.dialect.equals(file, last)} OR ({file} IS NULL AND {last} IS NULL))"
        return f"{self.dialect.key_join(selection.table)} AND {same_file}"

    def _file(self, selection: Selection) -> str:
        return self.dialect.path(*self._whole_file(selection))

    def _whole_file(self, selection: Selection) -> tuple[str, ColumnType | None]:
        """What names the file of a row ``t``, and its type where that is the column as it stands."""
        name, prefix = selection.file_column, selection.prefix
        return self._whole_path(name, prefix), None if prefix else selection.table.columns[name]

    def _whole_path(self, name: str, prefix: str) -> str:
        """What a column of a row ``t`` holds, as a path in the store. A prefix makes none of nothing."""
        value = self.dialect.field("t", name)
        if not prefix:
            return value
        whole = self.dialect.below(prefix, value)
        return (
            f"(CASE WHEN {self.dialect.is_filled(value)} THEN {whole} WHEN {value} IS NOT NULL THEN '' END)"
        )

    def _condition(self, selection: Selection) -> tuple[str, list[Any]]:
        fields = [self.dialect.field("t", name) for name in selection.unattached_columns]
        if fields:
            ways = [f"{field} IS NULL" for field in fields] + list(map(self._dangles, selection.dangling))
            condition = f"({' OR '.join(ways)})"
        else:
            condition = self.dialect.is_filled(self.dialect.field("t", selection.file_column))
        parameters: list[Any] = []
        if selection.uploaded_at_column is not None:
            uploaded = self.dialect.field("t", selection.uploaded_at_column)
            before, parameters = self.dialect.is_before(selection, uploaded)
            condition += f" AND {before}"
        only, more = self._only(selection)
        return f"{condition} AND {only}" if only else condition, [*parameters, *more]

    def _dangles(self, way: Dangling) -> str:
        """That a row ``t`` points at an object that is not there; not if a key may be written otherwise."""
        written = self._comparable(self.dialect.field("t", way.object_id_column))
        keys = self._comparable(self.dialect.field("o", way.key))
        content_type = self.dialect.field("t", way.content_type_column)
        return (
            f"({content_type} = {int(way.content_type)} "
            # As text, a number may have more in front of it, and be the same number.
            f"AND SUBSTR({written}, 1, 1) NOT IN ('0', '+', ' ') "
            f"AND {written} NOT IN (SELECT {keys} FROM {self.dialect.relation(way.target)} AS o))"
        )

    def _comparable(self, key: str) -> str:
        """A key as text, such that each way to write a UUID is the same."""
        return f"REPLACE(LOWER({self.dialect.as_text(key)}), '-', '')"

    def content_types(self, table: Table, column: str) -> list[tuple[int, str | None]]:
        """The content types that the rows of a table have: number and APP.MODEL, None where there is none."""
        known = self.table("django_content_type")
        statement = (
            f"SELECT DISTINCT t.{self.dialect.quote(column)}, d.app_label, d.model "
            f"FROM {self.dialect.relation(table)} AS t LEFT JOIN {self.dialect.relation(known)} AS d "
            f"ON d.id = t.{self.dialect.quote(column)} WHERE t.{self.dialect.quote(column)} IS NOT NULL"
        )
        with self._doing(f"reading the content types in {table.name}"):
            return [
                (int(number), f"{app}.{model}" if app else None)
                for rows in self._stream(statement, [])
                for number, app, model in rows
            ]

    def _only(self, selection: Selection) -> tuple[str, list[Any]]:
        """The condition that the job is about a row ``t``; empty where it is about all."""
        conditions: list[str] = []
        parameters: list[Any] = []
        for name, values in selection.only:
            field, column = self.dialect.field("t", name), self.column(selection.table, name)
            if values is None:
                conditions.append(f"{field} IS NULL")
                continue
            wanted = self.dialect.given_placeholder(column)
            equals = [self.dialect.equals(field, wanted, column.equality) for _value in values]
            conditions.append(f"({' OR '.join(equals)})")
            parameters += map(self.dialect.given_parameter, values)
        return " AND ".join(conditions), parameters

    def require_comparable(self, selection: Selection) -> None:
        """Raise SiteError where ``only`` names no column, or a value that its column cannot hold."""
        for name, values in selection.only:
            column = self.column(selection.table, name)
            for value in values or ():
                reason = self._not_comparable(selection.table, name, value)
                if reason:
                    raise SiteError(
                        f"only: {selection.table.name}.{name}, of the type {column.declared}, cannot be "
                        f"compared with {escaped_value(value)}: {reason}"
                    )

    def row_with_value(self, table: Table, name: str, value: Any) -> tuple[Key, Any] | None:
        """The key of the row that has a value in a unique column, and this value as the archive has it."""
        column = self.column(table, name)
        if self._not_comparable(table, name, value):
            return None
        sql, field = self.dialect, self.dialect.field("t", name)
        statement = (
            f"SELECT {sql.exact(field, column)}, {sql.key_list(table)} FROM {sql.relation(table)} AS t "
            f"WHERE {sql.equals(field, sql.given_placeholder(column), column.equality)}"
        )
        with self._doing(f"searching for a row of {table.name}"):
            for rows in self._stream(statement, [sql.given_parameter(value)]):
                exact, *key = rows[0]
                return tuple(key), sql.archive_value(exact)
        return None

    @abstractmethod
    def _not_comparable(self, table: Table, name: str, value: Any) -> str:
        """Why a value cannot be compared with a column; empty where it can."""
