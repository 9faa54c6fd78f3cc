# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""All text of a SQLite database, for the sweep."""

from __future__ import annotations

import math
import os
import sqlite3
import time
from abc import abstractmethod
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Iterator, NamedTuple, Sequence

from ..base import Database
from ..catalog import Table
from ..sweep import OVERLAP, TEXTS_AT_ONCE, Receive, Rows, SearchedColumns, SearchedTable
from .dialect import SQLiteDialect

# Virtual tables keep their text in ordinary ones, or outside of the database.
_TABLES = """
SELECT m.name, c.name FROM main.sqlite_master AS m JOIN pragma_table_xinfo(m.name) AS c
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND m.sql NOT LIKE 'CREATE VIRTUAL %'
  AND NOT (c.pk = 1 AND upper(c.type) = 'INTEGER')
ORDER BY m.name, c.cid
"""
# Bytes of a row up to which it is read as a whole: with TEXTS_AT_ONCE, it bounds the memory. And those of a
# longer text that are read at a time.
_LONGEST_ROW = 64 * 1024
_PIECE = 1024 * 1024
# The name of the limit in sqlite3 is as new as the limit: SQLITE_LIMIT_LENGTH.
_LIMIT_LENGTH = 0
# Seconds: a reader keeps others from committing, except in WAL mode.
_LONGEST_READ = 1.0


class _Query(NamedTuple):
    """The texts of one table, and how its rows are addressed: "" where they are not."""

    table: str
    relation: str
    columns: Sequence[str]
    row_number: str
    keys: Sequence[str]
    texts: Sequence[str]

    def of_rows(self, condition: str) -> str:
        return f"SELECT {', '.join([*self.keys, *self.texts])} FROM {self.relation} AS t {condition}"


@dataclass
class _Read:
    """How far a table was read: the number of its last row, and why no further."""

    number: int | None = None
    until: float = math.inf
    is_at_end: bool = False
    is_refused: bool = False


class SQLiteSweep(Database):
    """A SQLite database whose text is streamed."""

    dialect = SQLiteDialect()
    _path: str
    _connection: sqlite3.Connection
    # Asks what others have written; for it, this session is another one too.
    _watching: sqlite3.Connection | None = None

    @abstractmethod
    def _address(self, mode: str) -> str:
        """The file as a URL, to be opened in a mode."""

    def change_mark(self) -> str | None:
        with self._doing("asking whether anything was written"):
            if self._watching is None:
                self._watching = sqlite3.connect(
                    self._address("ro"), uri=True, isolation_level=None, check_same_thread=False
                )
            version = self._watching.execute("PRAGMA data_version").fetchone()[0]
            try:
                status = os.stat(self._path)
            except OSError:
                return None
        # Somebody may have put another file in the place of this one.
        return f"{status.st_dev}:{status.st_ino}:{version}"

    def _stop_watching(self) -> None:
        if self._watching:
            self._watching.close()
            self._watching = None

    def _text_columns(self) -> SearchedColumns:
        # A column of any type may hold text.
        found: dict[str, list[str]] = {}
        with self._doing("reading which tables there are"):
            for table, column in self._connection.execute(_TABLES):
                found.setdefault(table, []).append(column)
        tables = [SearchedTable(("main", table), tuple(columns)) for table, columns in found.items()]
        return SearchedColumns(tables, [])

    def _read_texts(self, searched: SearchedTable, keyed: Table | None, receive: Receive) -> None:
        sql = self.dialect
        table = self._table(searched)
        fields = [sql.field("t", name) for name in searched.columns]
        query = _Query(
            table.relation,
            sql.relation(table),
            searched.columns,
            self._row_number(table),
            [sql.key_column(table, name, "t") for name in keyed.key] if keyed else [],
            # As bytes they come as they are stored.
            [f"CASE typeof({field}) WHEN 'text' THEN CAST({field} AS blob) END" for field in fields],
        )
        rows = self._numbered_rows(query) if query.row_number else self._stream(query.of_rows(""), [])
        for some in rows:
            receive(Rows(some, len(query.keys), len(query.columns)))

    def _row_number(self, table: Table) -> str:
        """The name by which rows of a table have a number; empty where they have none."""
        taken = {name.lower() for name in table.columns}
        for name in ("rowid", "_rowid_", "oid"):
            if name not in taken:
                try:
                    self._connection.execute(f"SELECT {name} FROM {self.dialect.relation(table)} LIMIT 0")
                except sqlite3.OperationalError as error:
                    if "no such column" not in str(error):
                        raise
                    return ""
                return name
        return ""

    def _numbered_rows(self, query: _Query) -> Iterator[list[Sequence[Any]]]:
        """Read in the order of the numbers, from where the last read ended."""
        numbered = query._replace(texts=[*query.texts, f"t.{query.row_number}"])
        is_in_the_way = self._connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal"
        read = _Read()
        while not read.is_at_end:
            condition = "" if read.number is None else f"WHERE t.{query.row_number} > {read.number}"
            statement = numbered.of_rows(f"{condition} ORDER BY t.{query.row_number}")
            read.until = time.monotonic() + _LONGEST_READ if is_in_the_way else math.inf
            with self._long_rows_refused():
                yield from self._read(statement, read)
            if read.is_refused:
                read.number = self._next_number(query, read.number)
                if read.number is None:
                    return
                yield from self._long_row(query, read.number)

    def _read(self, statement: str, read: _Read) -> Iterator[list[Sequence[Any]]]:
        """Read rows up to their end, to one that is too long, or to the end of the time."""
        read.is_refused = False
        rows: list[Sequence[Any]] = []
        with closing(self._connection.cursor()) as cursor:
            try:
                cursor.execute(statement)
                # Not fetchmany: where a row is refused, it loses those that it has read by then.
                rows.extend(islice(cursor, TEXTS_AT_ONCE))
                while len(rows) == TEXTS_AT_ONCE and time.monotonic() <= read.until:
                    read.number = rows[-1][-1]
                    yield rows
                    rows = []
                    rows.extend(islice(cursor, TEXTS_AT_ONCE))
                read.is_at_end = len(rows) < TEXTS_AT_ONCE
            except sqlite3.DataError as error:
                if "too big" not in str(error):
                    raise
                read.is_refused, read.is_at_end = True, False
        if rows:
            read.number = rows[-1][-1]
            yield rows

    @contextmanager
    def _long_rows_refused(self) -> Iterator[None]:
        """Read no row that is longer than memory should hold: that is an error of sqlite3, then."""
        limited: Any = self._connection
        # Before Python 3.11, there is no way to read such a row otherwise than as a whole.
        if not hasattr(limited, "setlimit"):
            yield
            return
        before = limited.setlimit(_LIMIT_LENGTH, _LONGEST_ROW)
        try:
            yield
        finally:
            limited.setlimit(_LIMIT_LENGTH, before)

    def _next_number(self, query: _Query, start: int | None) -> int | None:
        condition = "" if start is None else f"WHERE t.{query.row_number} > {start}"
        statement = f"SELECT min(t.{query.row_number}) FROM {query.relation} AS t {condition}"
        found: int | None = self._connection.execute(statement).fetchone()[0]
        return found

    def _long_row(self, query: _Query, number: int) -> Iterator[list[Sequence[Any]]]:
        """The texts of one long row, in pieces; none where the row is gone."""
        kinds = [f"typeof(t.{self.dialect.quote(name)})" for name in query.columns]
        found = query._replace(texts=kinds).of_rows(f"WHERE t.{query.row_number} = {number}")
        for row in self._connection.execute(found).fetchall():
            keys, kinds = row[: len(query.keys)], row[len(query.keys) :]
            for position, (column, kind) in enumerate(zip(query.columns, kinds)):
                for piece in self._pieces(query, column, number) if kind == "text" else ():
                    texts: list[Any] = [None] * len(kinds)
                    texts[position] = piece
                    yield [(*keys, *texts)]

    def _pieces(self, query: _Query, column: str, number: int) -> Iterator[bytes]:
        readable: Any = self._connection
        try:
            blob = readable.blobopen(query.table, column, number, readonly=True)
        except sqlite3.OperationalError:
            # A generated column, which is stored nowhere, can only be read as a whole.
            field = f"CAST({self.dialect.field('t', column)} AS blob)"
            whole = f"SELECT {field} FROM {query.relation} AS t"
            for (text,) in self._connection.execute(f"{whole} WHERE t.{query.row_number} = {number}"):
                yield text
            return
        with blob:
            for start in range(0, len(blob), _PIECE):
                blob.seek(start)
                yield blob.read(_PIECE + OVERLAP)
