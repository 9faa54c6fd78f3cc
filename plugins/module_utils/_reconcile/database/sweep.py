# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The sweep: all text of the database, as it is searched for mentions of files that are about to go."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import Any, Collection, Iterator, NamedTuple, Sequence, Tuple

from ..config.site import Column
from ..errors import DatabaseError, SiteError
from .catalog import Table, usual_name
from .statements import Statements

# Schema and name of a table, as in ``Table.identity``.
Identity = Tuple[str, str]
# Bytes of a row up to which it comes as a whole; a longer one comes in pieces.
PIECE = 48 * 1024
# Bytes that a piece has in common with the one before: more than the longest path, however it is encoded,
# so that a mention which is cut in two is whole in one of them.
OVERLAP = 16 * 1024
# Rows, or pieces, that are fetched at a time: with ``PIECE`` it bounds the memory.
TEXTS_AT_ONCE = 128


class SearchedTable(NamedTuple):
    """A table with rows of its own, and those of its columns that may hold text and are not listed."""

    identity: Identity
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        return usual_name(*self.identity)


class Unsearchable(NamedTuple):
    """A table whose text this database user cannot read, why, and the statements that change it."""

    identity: Identity
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

    def texts(
        self, searched: SearchedTable, with_keys: bool = False, until: float | None = None
    ) -> Iterator[list[Sequence[Any]]]:
        """Yield the texts of a table, row by row: a text or None for each of its columns.

        With keys, the values of the table's ``key`` come first in each row. A row that is long comes as
        several, each with a piece of one of its texts; memory is bounded, whatever the size of a text.
        ``until`` (of ``time.monotonic``) is the moment at which the time is up, which is an error.
        """
        with self._doing(f"searching {searched.name} for mentions of files"):
            for rows in self._text_rows(searched, self._table(searched) if with_keys else None):
                yield rows
                if until is not None and time.monotonic() > until:
                    raise DatabaseError(
                        f"searching {searched.name} for mentions of files was not finished when the time "
                        "was up. Leave out what mentions no files, by sweep_exclude."
                    )

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
    def _text_rows(self, searched: SearchedTable, keyed: Table | None) -> Iterator[list[Sequence[Any]]]:
        """The rows of ``texts``; after the values of the key, where the table is given that has it."""
