# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the engine asks of a database, and the SQL that PostgreSQL and SQLite share.

Names of tables and columns are looked up in the catalog first and always quoted; values travel as
parameters only. Paths are bytes on this side of the interface, whatever the database keeps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ContextManager, Dict, Iterable, Iterator, NamedTuple, Sequence

from ..errors import DatabaseError, SiteError
from ..site import Column
from ..spelling import escaped_value

# Rows that are fetched, and keys that are sent, at a time.
BATCH = 10_000


@dataclass(frozen=True)
class ColumnType:
    declared: str
    nullable: bool
    holds_paths: bool
    generated: bool = False


@dataclass(frozen=True)
class Table:
    """A table as the catalog has it. ``key`` is the row's address where there is no primary key."""

    schema: str
    relation: str
    columns: dict[str, ColumnType] = field(compare=False)
    key: tuple[str, ...] = field(compare=False)
    has_primary_key: bool = field(compare=False)

    @property
    def name(self) -> str:
        """The name as people write it: without the schema where that is the usual one."""
        usual = self.schema in ("public", "main")
        return self.relation if usual else f"{self.schema}.{self.relation}"

    @property
    def identity(self) -> tuple[str, str]:
        return self.schema, self.relation

    def __hash__(self) -> int:
        # Asked for each row that hangs on a record; text keeps its hash.
        return hash(self.relation)


@dataclass(frozen=True)
class ForeignKey:
    """A constraint by which rows of one table point at rows of another."""

    schema: str
    table: str
    columns: tuple[str, ...]
    target_schema: str
    target_table: str
    target_columns: tuple[str, ...]
    on_delete: str


@dataclass(frozen=True)
class Selection:
    """Which rows of a table a job is about; every statement repeats the whole of it.

    Without ``unattached_column`` these are the rows that name a file. With it, they are the rows in
    which that column is NULL and which were uploaded before ``cutoff`` (seconds since 1970).
    """

    table: Table
    file_column: str
    unattached_column: str | None = None
    uploaded_at_column: str | None = None
    cutoff: float = 0.0
    time_zone: str | None = None


class Row(NamedTuple):
    key: tuple[Any, ...]
    file: bytes | None


class Details(NamedTuple):
    """What is worth knowing of a row that may go: its companions and who owns it."""

    key: tuple[Any, ...]
    companions: tuple[bytes | None, ...]
    owner: str | None


# A row as the quarantine keeps it: its key columns, and each value in a form that JSON can
# carry and that the same database turns back into exactly that value.
StoredRow = Dict[str, Any]


class Database(ABC):
    """An open database. Reading sees what is committed at the moment of each statement."""

    placeholder: str

    @abstractmethod
    def __init__(self, url: str, read_only: bool) -> None: ...

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # What the two databases do each in its own way.

    @abstractmethod
    def table(self, name: str) -> Table:
        """Look a table up by the name the user wrote; raises SiteError if there is none."""

    @abstractmethod
    def foreign_keys(self) -> list[ForeignKey]:
        """All foreign keys of the database."""

    @abstractmethod
    def transaction(self) -> ContextManager[None]:
        """Commit what happens inside, or roll all of it back when it raises."""

    @abstractmethod
    def _stream(self, statement: str, parameters: Sequence[Any]) -> Iterator[list[Any]]:
        """Yield the rows in lists of at most ``BATCH``, none of them empty."""

    @abstractmethod
    def _execute(self, doing: str, statement: str, parameters: Sequence[Any]) -> int:
        """Run one statement and return how many rows it changed."""

    @abstractmethod
    def _keys(self, types: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
        """Make rows of values available as a table ``keys(k0, k1, …)`` to join with."""

    @abstractmethod
    def _path(self, expression: str) -> str:
        """The expression for a path column's value, sorted and compared as bytes."""

    @abstractmethod
    def _key_value(self, expression: str) -> str:
        """The expression that returns a part of a key unchanged to Python and back."""

    @abstractmethod
    def _is_before(self, selection: Selection, expression: str) -> tuple[str, list[Any]]:
        """The condition that a time column lies before the selection's cutoff."""

    @abstractmethod
    def _to_bytes(self, value: Any) -> bytes:
        """A fetched path as bytes."""

    @abstractmethod
    def _from_bytes(self, path: bytes) -> Any:
        """A path as a parameter, or None where the database cannot hold such a text."""

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        """Turn the driver's errors into a DatabaseError that says what was being done."""
        yield

    @abstractmethod
    def _paths_apart(self, statement: str) -> Iterator[list[bytes]]:
        """Yield the paths that a statement selects; all are read and put aside before the first is."""

    def _stream_apart(self, statement: str, parameters: Sequence[Any]) -> Iterator[list[Any]]:
        """Like ``_stream``, for a reader that takes its time: it must not keep the site from writing."""
        return self._stream(statement, parameters)

    # What they share.

    def quote(self, identifier: str) -> str:
        """Quote a name for SQL."""
        return '"' + identifier.replace('"', '""') + '"'

    def qualified(self, schema: str, relation: str) -> str:
        return f"{self.quote(schema)}.{self.quote(relation)}"

    def path_column(self, column: Column) -> Table:
        """Find the table of a column that holds paths; raises SiteError if there is none such."""
        table = self.table(column.table)
        kind = self.column(table, column.name)
        if not kind.holds_paths:
            raise SiteError(
                f"column {column} has the type {kind.declared or 'unknown'}, which cannot hold a path. "
                "Name the column of the FileField or ImageField."
            )
        for name in (column.size, column.checksum):
            if name:
                self.column(table, name)
        return table

    def column(self, table: Table, name: str) -> ColumnType:
        if name not in table.columns:
            raise SiteError(
                f"table {table.name} has no column {name!r}. "
                f"Its columns are: {', '.join(sorted(table.columns))}."
            )
        return table.columns[name]

    def references(self, columns: Sequence[Column]) -> Iterator[list[bytes]]:
        """Yield all paths that the columns hold, in byte order, in lists of a bounded length."""
        parts = []
        for column in columns:
            table = self.path_column(column)
            value = self._path(f"t.{self.quote(column.name)}")
            parts.append(
                f"SELECT {value} AS path FROM {self.qualified(*table.identity)} AS t "
                f"WHERE t.{self.quote(column.name)} <> ''"
            )
        statement = f"SELECT path FROM ({' UNION ALL '.join(parts)}) AS reference ORDER BY path"
        with self._doing(f"reading {', '.join(map(str, columns))}"):
            yield from self._paths_apart(statement)

    def count_named(
        self, columns: Sequence[Column], paths: Iterable[bytes], stems: bool = False
    ) -> dict[bytes, int]:
        """Say of each path how many rows name it at this moment; paths that none names are left out.

        With ``stems``, the paths and what the rows name are compared without their extension.
        """
        wanted = [value for value in map(self._from_bytes, set(paths)) if value is not None]
        counts: dict[bytes, int] = {}
        if not wanted:
            return counts
        parts = []
        for column in columns:
            table = self.path_column(column)
            field = f"t.{self.quote(column.name)}"
            value = self._stem(field) if stems else self._path(field)
            parts.append(f"SELECT {value} AS path FROM {self.qualified(*table.identity)} AS t")
        source, parameters = self._keys([self._path_type()], [(value,) for value in wanted])
        statement = (
            f"SELECT r.path, count(*) FROM ({' UNION ALL '.join(parts)}) AS r "
            f"WHERE r.path IN (SELECT keys.k0 FROM {source}) GROUP BY r.path"
        )
        with self._doing(f"looking once more at {', '.join(map(str, columns))}"):
            for rows in self._stream(statement, parameters):
                counts.update((self._to_bytes(path), count) for path, count in rows)
        return counts

    @abstractmethod
    def _stem(self, expression: str) -> str:
        """Like ``_path``, without the extension of the file's name."""

    @abstractmethod
    def _name(self, expression: str) -> str:
        """Like ``_path``, of the file's name only."""

    @abstractmethod
    def _path_type(self) -> str:
        """The type in which ``_path`` returns a path."""

    def paths_ending(self, columns: Sequence[Column], names: Iterable[bytes]) -> list[bytes]:
        """All paths in the columns whose last part is one of the names."""
        wanted = [value for value in map(self._from_bytes, set(names)) if value is not None]
        if not wanted:
            return []
        parts = []
        for column in columns:
            table = self.path_column(column)
            field = f"t.{self.quote(column.name)}"
            parts.append(
                f"SELECT {self._path(field)} AS path, {self._name(field)} AS name "
                f"FROM {self.qualified(*table.identity)} AS t"
            )
        source, parameters = self._keys([self._path_type()], [(value,) for value in wanted])
        statement = f"SELECT r.path FROM {source} JOIN ({' UNION ALL '.join(parts)}) AS r ON r.name = keys.k0"
        found: list[bytes] = []
        with self._doing(f"looking for names in {', '.join(map(str, columns))}"):
            for rows in self._stream(statement, parameters):
                found += [self._to_bytes(path) for (path,) in rows]
        return found

    def contents(
        self, columns: Sequence[Column], paths: Iterable[bytes]
    ) -> Iterator[tuple[bytes, str | None, str | None]]:
        """Yield (path, size, checksum) as the rows that name these paths have them, both as text."""
        wanted = [value for value in map(self._from_bytes, set(paths)) if value is not None]
        telling = [column for column in columns if column.size or column.checksum]
        if not wanted or not telling:
            return
        parts = []
        for column in telling:
            table = self.path_column(column)
            size, checksum = self._as_text_column(column.size), self._as_text_column(column.checksum)
            parts.append(
                f"SELECT {self._path(f't.{self.quote(column.name)}')} AS path, "
                f"{size} AS size, {checksum} AS checksum FROM {self.qualified(*table.identity)} AS t"
            )
        source, parameters = self._keys([self._path_type()], [(value,) for value in wanted])
        statement = (
            f"SELECT r.path, r.size, r.checksum FROM {source} "
            f"JOIN ({' UNION ALL '.join(parts)}) AS r ON r.path = keys.k0"
        )
        with self._doing(f"reading sizes and checksums beside {', '.join(map(str, telling))}"):
            for rows in self._stream(statement, parameters):
                for path, size, checksum in rows:
                    yield self._to_bytes(path), size, checksum

    def _as_text_column(self, name: str | None) -> str:
        return f"CAST(t.{self.quote(name)} AS text)" if name else "CAST(NULL AS text)"

    def paths_of_size(self, columns: Sequence[Column], sizes: Iterable[int]) -> list[bytes]:
        """All paths whose row says that the file has one of these sizes, and has a checksum of it."""
        telling = [column for column in columns if column.size and column.checksum]
        wanted = sorted(set(sizes))
        if not wanted or not telling:
            return []
        parts = []
        for column in telling:
            table = self.path_column(column)
            parts.append(
                f"SELECT {self._path(f't.{self.quote(column.name)}')} AS path, "
                f"{self._as_text_column(column.size)} AS size FROM {self.qualified(*table.identity)} AS t "
                f"WHERE t.{self.quote(column.name)} <> ''"
            )
        source, parameters = self._keys(["text"], [(str(size),) for size in wanted])
        statement = f"SELECT r.path FROM {source} JOIN ({' UNION ALL '.join(parts)}) AS r ON r.size = keys.k0"
        found: list[bytes] = []
        with self._doing(f"looking for sizes beside {', '.join(map(str, telling))}"):
            for rows in self._stream(statement, parameters):
                found += [self._to_bytes(path) for (path,) in rows]
        return found

    # Records.

    def rows(self, selection: Selection) -> Iterator[list[Row]]:
        """Yield the selected rows in the byte order of their files."""
        condition, parameters = self._condition(selection)
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
        with self._doing(f"counting the rows of {selection.table.name}"):
            ((count,),) = next(self._stream(statement, parameters))
        return int(count)

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

    def still_selected(self, selection: Selection, rows: Sequence[Row]) -> set[tuple[Any, ...]]:
        """Lock those of the rows that still meet the whole condition and name the same file."""
        return self._select_rows(selection, rows, self._lock_clause())

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

    def _select_rows(self, selection: Selection, rows: Sequence[Row], lock: str) -> set[tuple[Any, ...]]:
        table = selection.table
        source, wanted = self._rows_and_files(selection, rows)
        condition, parameters = self._condition(selection)
        statement = (
            f"SELECT {self._key_list(table)} FROM {self.qualified(*table.identity)} AS t "
            f"WHERE {condition} AND EXISTS (SELECT 1 FROM {source} "
            f"WHERE {self._same_row(selection)}){lock}"
        )
        found: set[tuple[Any, ...]] = set()
        with self._doing(f"locking rows of {table.name}"):
            for batch in self._stream(statement, [*parameters, *wanted]):
                found.update(tuple(row) for row in batch)
        return found

    def _lock_clause(self) -> str:
        return ""

    def _lock_children(self) -> str:
        """Inside a transaction, dependents must stay as they are until they have gone."""
        return ""

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

    # Dependents.

    def children(
        self, link: ForeignKey, child: Table, parent: Table, keys: Sequence[tuple[Any, ...]]
    ) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        """Yield (key of the parent, key of the child) for each row that points at one of the keys."""
        meet = " AND ".join(
            f"c.{self.quote(ours)} = t.{self.quote(theirs)}"
            for ours, theirs in zip(link.columns, link.target_columns)
        )
        source, parameters = self._row_keys(parent, keys)
        statement = (
            f"SELECT {self._key_list(parent)}, {self._key_list(child, 'c')} FROM {source} "
            f"JOIN {self.qualified(*parent.identity)} AS t ON {self._key_join(parent)} "
            f"JOIN {self.qualified(*child.identity)} AS c ON {meet}{self._lock_children()}"
        )
        width = len(parent.key)
        with self._doing(f"reading the rows of {child.name} that depend on {parent.name}"):
            for batch in self._stream(statement, parameters):
                for row in batch:
                    yield tuple(row[:width]), tuple(row[width:])

    def generic_children(
        self,
        child: Table,
        column: str,
        content_type_column: str,
        content_type: int,
        keys: Sequence[tuple[Any, ...]],
    ) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        """The same for a generic relation: a content type and the key, maybe as text."""
        by_text = {text: key for key in keys for text in self._as_text(key[0])}
        source, parameters = self._keys(["text"], [(text,) for text in by_text])
        statement = (
            f"SELECT keys.k0, {self._key_list(child, 'c')} FROM {source} "
            f"JOIN {self.qualified(*child.identity)} AS c "
            f"ON CAST(c.{self.quote(column)} AS text) = keys.k0 "
            f"WHERE c.{self.quote(content_type_column)} = {self.placeholder}{self._lock_children()}"
        )
        with self._doing(f"reading the rows of {child.name} that depend on these records"):
            for batch in self._stream(statement, [*parameters, content_type]):
                for text, *key in batch:
                    yield by_text[text], tuple(key)

    def _as_text(self, value: Any) -> Iterable[str]:
        """How a generic relation may write a key that it keeps as text."""
        return (str(value),)

    def content_type(self, app_label: str, model: str) -> int:
        """The id that Django gave a model in ``django_content_type``; raises SiteError if none."""
        table = self.table("django_content_type")
        statement = (
            f"SELECT id FROM {self.qualified(*table.identity)} "
            f"WHERE app_label = {self.placeholder} AND model = {self.placeholder}"
        )
        with self._doing("looking up a content type"):
            for rows in self._stream(statement, [app_label, model]):
                return int(rows[0][0])
        raise SiteError(
            f"django_content_type knows no model {app_label}.{model}. "
            "Write content_type as APP.MODEL in lower case, such as album.photo."
        )

    def holders(
        self, child: Table, column: str, paths: Iterable[bytes]
    ) -> Iterator[tuple[bytes, tuple[Any, ...]]]:
        """Yield (path, key) for each row whose column holds one of the paths."""
        wanted = [value for value in map(self._from_bytes, set(paths)) if value is not None]
        if not wanted:
            return
        source, parameters = self._keys([self._path_type()], [(value,) for value in wanted])
        value = self._path(f"c.{self.quote(column)}")
        statement = (
            f"SELECT {value}, {self._key_list(child, 'c')} FROM {source} "
            f"JOIN {self.qualified(*child.identity)} AS c ON {value} = keys.k0{self._lock_children()}"
        )
        with self._doing(f"reading the rows of {child.name} that name these files"):
            for batch in self._stream(statement, parameters):
                for path, *key in batch:
                    yield self._to_bytes(path), tuple(key)

    def delete(self, table: Table, keys: Sequence[tuple[Any, ...]]) -> int:
        """Delete rows by their keys."""
        source, parameters = self._row_keys(table, keys)
        statement = (
            f"DELETE FROM {self.qualified(*table.identity)} AS t "
            f"WHERE EXISTS (SELECT 1 FROM {source} WHERE {self._key_join(table)})"
        )
        return self._execute(f"deleting rows of {table.name}", statement, parameters)

    def count_keys(self, table: Table, keys: Sequence[tuple[Any, ...]]) -> int:
        """Count the rows that are there, by their keys."""
        source, parameters = self._row_keys(table, keys)
        statement = (
            f"SELECT count(*) FROM {source} "
            f"JOIN {self.qualified(*table.identity)} AS t ON {self._key_join(table)}"
        )
        with self._doing(f"counting rows of {table.name}"):
            ((count,),) = [row for rows in self._stream(statement, parameters) for row in rows]
        return int(count)

    def clear(self, table: Table, columns: Sequence[str], keys: Sequence[tuple[Any, ...]]) -> int:
        """Set columns of rows to NULL, or to the empty text where a column is NOT NULL."""
        source, parameters = self._row_keys(table, keys)
        empty = ", ".join(
            f"{self.quote(name)} = {'NULL' if table.columns[name].nullable else chr(39) * 2}"
            for name in columns
        )
        statement = (
            f"UPDATE {self.qualified(*table.identity)} AS t SET {empty} "
            f"WHERE EXISTS (SELECT 1 FROM {source} WHERE {self._key_join(table)})"
        )
        return self._execute(f"updating rows of {table.name}", statement, parameters)

    # Keeping rows, and bringing them back.

    def snapshot(
        self, table: Table, keys: Sequence[tuple[Any, ...]]
    ) -> Iterator[tuple[tuple[Any, ...], StoredRow]]:
        """Yield (key, row) for rows by their keys, every value exactly as it is."""
        if not keys:
            return
        names = self._stored_columns(table)
        source, parameters = self._row_keys(table, keys)
        values = ", ".join(self._key_value(f"t.{self.quote(name)}") for name in names)
        statement = (
            f"SELECT {self._key_list(table)}, {values} FROM {source} "
            f"JOIN {self.qualified(*table.identity)} AS t ON {self._key_join(table)}"
        )
        width = len(table.key)
        found = []
        with self._doing(f"reading rows of {table.name} for the quarantine"):
            for batch in self._stream(statement, parameters):
                found += [(tuple(row[:width]), row[width:]) for row in batch]
        for key, row in found:
            packed = {name: self._pack(value) for name, value in zip(names, row)}
            yield key, {"key": list(table.key) if table.has_primary_key else [], "row": packed}

    def bring_back(self, table: Table, row: dict[str, Any]) -> bool:
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

    def fill_again(self, table: Table, key: Sequence[str], row: dict[str, Any]) -> bool:
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

    def find(self, table: Table, values: dict[str, Any]) -> bool:
        """Whether the table has a row with these kept values in these columns."""
        same = [f"t.{self.quote(name)} = {self._mark(table, name, values[name])}" for name in values]
        statement = f"SELECT 1 FROM {self.qualified(*table.identity)} AS t WHERE {' AND '.join(same)} LIMIT 1"
        with self._doing(f"looking for a row of {table.name}"):
            found = list(self._stream(statement, [self._unpack(value) for value in values.values()]))
        return bool(found)

    def count_alike(self, table: Table, row: dict[str, Any]) -> int:
        """How many rows of a table have these very values; for a table without a primary key."""
        names = [name for name in row if name in self._stored_columns(table)]
        same = [self._is_alike(f"t.{self.quote(name)}") for name in names]
        statement = f"SELECT count(*) FROM {self.qualified(*table.identity)} AS t WHERE {' AND '.join(same)}"
        with self._doing(f"comparing rows of {table.name}"):
            ((count,),) = next(self._stream(statement, [self._unpack(row[name]) for name in names]))
        return int(count)

    @abstractmethod
    def _is_alike(self, expression: str) -> str:
        """The condition that a value is exactly the kept one; NULL is like NULL."""

    def holds(self, table: Table, key: Sequence[str], row: dict[str, Any]) -> bool:
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

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Undo what happens inside, and no more, when it raises a DatabaseError."""
        self._execute("setting a savepoint", "SAVEPOINT attempt", [])
        try:
            yield
        except DatabaseError:
            self._execute("going back to a savepoint", "ROLLBACK TO SAVEPOINT attempt", [])
            raise
        finally:
            self._execute("releasing a savepoint", "RELEASE SAVEPOINT attempt", [])

    @abstractmethod
    def check_now(self, immediate: bool) -> None:
        """Check foreign keys with each statement from now on, or put it off to the commit."""

    @abstractmethod
    def lock_site(self) -> None:
        """Keep other runs off this database until it is closed; raises BusyError if one is on it."""

    @abstractmethod
    def expected(self, columns: Sequence[Column]) -> int:
        """About how many paths the columns hold, to tell somebody who waits; it may be far off."""

    def _holding(self, column: Column) -> str:
        """The rows that hold a path in a column, as what follows FROM."""
        table = self.path_column(column)
        return f"{self.qualified(*table.identity)} AS t WHERE t.{self.quote(column.name)} <> ''"

    @abstractmethod
    def is_replica(self) -> bool:
        """Whether this is a copy that lags behind the database where the site writes."""

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

    # Pieces of SQL.

    def _row_keys(self, table: Table, keys: Sequence[tuple[Any, ...]]) -> tuple[str, list[Any]]:
        return self._keys(self._key_types(table), keys)

    def _key_types(self, table: Table) -> list[str]:
        return [
            table.columns[name].declared if name in table.columns else self._address_type()
            for name in table.key
        ]

    def _address_type(self) -> str:
        raise DatabaseError("this database has no row addresses")

    def _key_column(self, table: Table, name: str, alias: str) -> str:
        return f"{alias}.{self.quote(name)}" if name in table.columns else f"{alias}.{name}"

    def _key_list(self, table: Table, alias: str = "t") -> str:
        return ", ".join(self._key_value(self._key_column(table, name, alias)) for name in table.key)

    def _key_join(self, table: Table) -> str:
        return " AND ".join(
            f"{self._key_column(table, name, 't')} = keys.k{position}"
            for position, name in enumerate(table.key)
        )

    def _optional(self, path: Any) -> bytes | None:
        return None if path is None else self._to_bytes(path)
