# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The sweep: all text of the database, as it is searched for mentions of files that are about to go."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from bisect import bisect_right
from itertools import accumulate, chain
from typing import Any, Callable, Collection, Iterator, NamedTuple, Sequence

from ..config.site import Column
from ..errors import DatabaseError, SiteError
from .catalog import Table, TableIdentity, usual_name
from .statements import Statements

# Bytes of a row up to which it comes as a whole; a longer one comes in pieces.
PIECE = 48 * 1024
# Bytes that a piece has in common with the one before: more than the longest path, however it is encoded,
# so that a mention which is cut in two is whole in one of them.
OVERLAP = 16 * 1024
# Rows, or pieces, that are fetched at a time: with ``PIECE`` it bounds the memory.
TEXTS_AT_ONCE = 128
# Seconds that one table may take, however large it is.
LONGEST = 2 * 3600


class SearchedTable(NamedTuple):
    """A table with rows of its own, and those of its columns that may hold text and are not listed."""

    identity: TableIdentity
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        return usual_name(*self.identity)


class Unsearchable(NamedTuple):
    """A table whose text this database user cannot read, why, and the statements that change it."""

    identity: TableIdentity
    reason: str
    remedy: str
    # False for tables that are not known by their names.
    is_table: bool = True

    @property
    def name(self) -> str:
        return usual_name(*self.identity)


class SearchedColumns(NamedTuple):
    """All that the sweep has to search, and what of it cannot be read: with that, it is incomplete."""

    tables: list[SearchedTable]
    unsearchable: list[Unsearchable]


class TextRow(NamedTuple):
    """A row, or a piece of a long one: the values of its key, if they were asked for, and its texts."""

    key: tuple[Any, ...]
    texts: Sequence[str | None]


class TextBlock(ABC):
    """Some rows as a database sent them: searched as one text, of which hardly a row is ever looked at."""

    def __init__(self, parts: Sequence[bytes], separator: bytes, parts_of_row: int = 1) -> None:
        self._parts = parts
        self._separator = separator
        self._parts_of_row = parts_of_row

    @property
    def written(self) -> str:
        """All texts by their bytes in UTF-8, each as one character; between them is what is in no name.

        The database may have written signs of a text with a backslash.
        """
        return self._separator.join(self._parts).decode("latin-1")

    def __len__(self) -> int:
        return len(self._parts) // self._parts_of_row

    def __iter__(self) -> Iterator[TextRow]:
        return map(self._row, range(len(self)))

    def at(self, places: Collection[int]) -> Iterator[TextRow]:
        """The rows in which these places of ``written`` are, each once."""
        if places:
            starts = [*accumulate(len(part) + len(self._separator) for part in self._parts)]
            rows = {bisect_right(starts, place) // self._parts_of_row for place in places}
            yield from map(self._row, sorted(rows))

    @abstractmethod
    def _row(self, number: int) -> TextRow: ...


class Rows(TextBlock):
    """Rows from a driver: the values of the key, then the texts as bytes, then what is no text."""

    def __init__(self, rows: Sequence[Sequence[Any]], keys: int, columns: int) -> None:
        texts = slice(keys, keys + columns)
        found = (
            [row[keys] for row in rows]
            if columns == 1
            else [*chain.from_iterable(row[texts] for row in rows)]
        )
        super().__init__([text or b"" for text in found], b"\0", columns)
        self._rows = rows
        self._keys, self._texts = slice(keys), texts

    def _row(self, number: int) -> TextRow:
        row = self._rows[number]
        return TextRow(tuple(row[self._keys]), [as_text(text) for text in row[self._texts]])


def as_text(written: bytes | None) -> str | None:
    """A text as it was sent; it may be a piece, which begins and ends within a character."""
    return None if written is None else written.decode("utf-8", "surrogateescape")


# Takes what was read.
Receive = Callable[[TextBlock], None]


class Sweep(Statements):
    """Streams all text of a database. Whatever cannot be read raises DatabaseError: it is never "nothing"."""

    def searched_columns(self, listed: Collection[Column] = ()) -> SearchedColumns:
        """All columns that may hold text, except listed ones; raises SiteError where one does not exist.

        Those are the columns of text, JSON, XML, hstore, arrays and composites of text, in each schema but
        the system's. A partitioned table counts once, as a whole. What views and foreign tables show is in
        other tables, or in other databases, and is not searched.
        """
        left_out = {(self.table(column.table).identity, column.name) for column in listed}
        found = self._text_columns()
        tables = [
            SearchedTable(identity, tuple(name for name in names if (identity, name) not in left_out))
            for identity, names in found.tables
        ]
        return SearchedColumns([table for table in tables if table.columns], found.unsearchable)

    def read_texts(
        self,
        searched: SearchedTable,
        receive: Receive,
        with_keys: bool = False,
        until: float | None = None,
    ) -> None:
        """Read the texts of a table, and hand them on in blocks: each has a text or None for each column.

        With keys, the values of the table's ``key`` come with each row. A row that is long comes as
        several, each with a piece of one of its texts; memory is bounded, whatever the size of a text.
        ``until`` (of ``time.monotonic``) is the moment at which the time is up, which is an error. Who
        receives a block asks nothing of the database.
        """

        def received(block: TextBlock) -> None:
            receive(block)
            if until is not None and time.monotonic() > until:
                raise DatabaseError(
                    f"searching {searched.name} for mentions of files was not finished when the time "
                    "was up. Leave out what mentions no files, by sweep_exclude."
                )

        with self._doing(f"searching {searched.name} for mentions of files"):
            self._read_texts(searched, self._table(searched) if with_keys else None, received)

    def change_mark(self) -> str | None:
        """What is the same again only if nothing was written since, by nobody; None where that is not known.

        Taken before the texts are read, and again later, it proves that they are what was read.
        """
        return None

    def _table(self, searched: SearchedTable) -> Table:
        try:
            return self.table(".".join(searched.identity))
        except SiteError as error:
            raise DatabaseError(f"searching {searched.name} for mentions of files failed: {error}") from None

    @abstractmethod
    def _text_columns(self) -> SearchedColumns:
        """The same, with listed columns."""

    @abstractmethod
    def _read_texts(self, searched: SearchedTable, keyed: Table | None, receive: Receive) -> None:
        """The same; with the values of the key, where the table is given that has it."""
