# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""How SQL is written, where databases differ, and what it takes to run it.

Names of tables and columns are looked up in the catalog first and always quoted; values travel as
parameters only. Paths are bytes on this side of the interface, whatever the database stores.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import Any, Iterable, Iterator, Sequence

from .catalog import Catalog, ColumnType, ForeignKey, Keys, Selection, Steps, Table


class Dialect(ABC):
    """How one database writes SQL. Nothing here is sent: all that is returned is text and parameters."""

    placeholder: str
    # The type in which ``path`` returns a path.
    path_type: str

    # Names.

    def quote(self, identifier: str) -> str:
        """Quote a name for SQL."""
        return '"' + identifier.replace('"', '""') + '"'

    def qualified(self, schema: str, relation: str) -> str:
        return f"{self.quote(schema)}.{self.quote(relation)}"

    def relation(self, table: Table) -> str:
        return self.qualified(*table.identity)

    def field(self, alias: str, name: str) -> str:
        return f"{alias}.{self.quote(name)}"

    # Expressions.

    @abstractmethod
    def path(self, expression: str) -> str:
        """The value of a path column, sorted and compared as bytes."""

    @abstractmethod
    def stem(self, expression: str) -> str:
        """Like ``path``, without the extension of the file's name."""

    @abstractmethod
    def name(self, expression: str) -> str:
        """Like ``path``, of the file's name only."""

    @abstractmethod
    def exact(self, expression: str) -> str:
        """A value in the form in which it goes to Python and comes back unchanged."""

    def as_text(self, expression: str) -> str:
        return f"CAST({expression} AS text)"

    # Conditions.

    def equals(self, left: str, right: str) -> str:
        """That two values are equal."""
        return f"{left} = {right}"

    def is_blank(self, expression: str) -> str:
        """That a text is there and empty."""
        return f"{expression} = ''"

    def is_filled(self, expression: str) -> str:
        """That a text is there and not empty."""
        return f"{expression} <> ''"

    @abstractmethod
    def is_identical(self, expression: str, value: Any) -> str:
        """That a stored value is exactly the archived one, which is the parameter; NULL is like NULL."""

    @abstractmethod
    def is_before(self, selection: Selection, expression: str) -> tuple[str, list[Any]]:
        """That a time column lies before the selection's cutoff; raises SiteError if it holds no time."""

    def references(self, link: ForeignKey, child: str, parent: str) -> str:
        """That the row ``child`` references the row ``parent`` by a foreign key."""
        return " AND ".join(
            self.equals(self.field(child, ours), self.field(parent, theirs))
            for ours, theirs in zip(link.columns, link.target_columns)
        )

    @abstractmethod
    def references_any(self, link: ForeignKey, child: str, parent: str, parents: str) -> str:
        """That the row ``child`` references one of the ``parents``, which is what follows FROM."""

    # Clauses and statements.

    def lock_rows(self, alias: str) -> str:
        """The clause that locks the rows which a query reads, until the transaction ends."""
        return ""

    @abstractmethod
    def insert_absent(self, table: Table, names: Sequence[str], values: Sequence[str]) -> str:
        """The statement that inserts a row, with every key as given, unless one with its key is there."""

    # Keys.

    def key_types(self, table: Table) -> list[str]:
        """The types of a table's key columns, or of the row addresses that stand in for them."""
        return [
            table.columns[name].declared if name in table.columns else self.address_type(name)
            for name in table.key
        ]

    @abstractmethod
    def address_type(self, name: str) -> str:
        """The type of a part of the address of rows that have no primary key."""

    def key_column(self, table: Table, name: str, alias: str) -> str:
        return self.field(alias, name) if name in table.columns else f"{alias}.{name}"

    def key_list(self, table: Table, alias: str = "t") -> str:
        return ", ".join(self.exact(self.key_column(table, name, alias)) for name in table.key)

    def key_join(self, table: Table) -> str:
        """That a row ``t`` has a key of the source ``keys``."""
        return " AND ".join(
            self.equals(self.key_column(table, name, "t"), f"keys.k{position}")
            for position, name in enumerate(table.key)
        )

    def key_texts(self, value: Any) -> Iterable[str]:
        """How a generic relation may write a key that it stores as text."""
        return (str(value),)

    # Values.

    @abstractmethod
    def path_bytes(self, value: Any) -> bytes:
        """A fetched path as bytes."""

    @abstractmethod
    def path_parameter(self, path: bytes) -> Any:
        """A path as a parameter, or None where the database cannot hold such a text."""

    def archived_placeholder(self, column: ColumnType, value: Any) -> str:
        """The placeholder for an archived value of a column."""
        return self.placeholder

    def archive_value(self, value: Any) -> Any:
        """An exact value as JSON can carry it."""
        return value

    def archived_parameter(self, value: Any) -> Any:
        """An archived value as a parameter."""
        return value


class Statements(Catalog):
    """Runs statements on an open database, and puts the common parts of them together."""

    dialect: Dialect
    _in_transaction = False

    @abstractmethod
    def _stream(self, statement: str, parameters: Sequence[Any]) -> Iterator[list[Any]]:
        """Yield the rows in lists of at most ``BATCH``, none of them empty."""

    def _stream_copy(self, statement: str, parameters: Sequence[Any]) -> Iterator[list[Any]]:
        """Like ``_stream``, for a slow reader, who must not keep the site from writing."""
        return self._stream(statement, parameters)

    @abstractmethod
    def _stream_paths(self, statement: str) -> Iterator[list[bytes]]:
        """Yield the paths that a statement selects; all are copied before the first is yielded."""

    @abstractmethod
    def _execute(self, doing: str, statement: str, parameters: Sequence[Any]) -> int:
        """Run one statement, and return how many rows it changed."""

    def _change(self, doing: str, statement: str, parameters: Sequence[Any]) -> int:
        """Run a statement that changes rows, so that the site's triggers work as they do for the site."""
        return self._execute(doing, statement, parameters)

    @abstractmethod
    def _keys(self, types: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
        """Make rows of values available as a source ``keys(k0, k1, …)`` to join with."""

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        """Turn the driver's errors into a DatabaseError that says what was being done."""
        yield

    def _number(self, doing: str, statement: str, parameters: Sequence[Any]) -> int:
        """Run a statement that counts."""
        with self._doing(doing):
            ((count,),) = [row for rows in self._stream(statement, parameters) for row in rows]
        return int(count)

    def _path_keys(self, paths: Iterable[bytes]) -> tuple[str, list[Any]] | None:
        """A source of paths, as ``_keys`` makes one; None where the database can hold none of them."""
        wanted = [value for value in map(self.dialect.path_parameter, set(paths)) if value is not None]
        return self._keys([self.dialect.path_type], [(value,) for value in wanted]) if wanted else None

    def _row_keys(self, table: Table, keys: Keys) -> tuple[str, list[Any]]:
        return self._keys(self.dialect.key_types(table), keys)

    def _lock_rows(self, alias: str) -> str:
        """Inside a transaction, rows that were read must stay as they are until it ends."""
        return self.dialect.lock_rows(alias) if self._in_transaction else ""

    def _chain(self, root: Table, steps: Steps, keys: Keys) -> tuple[str, str, list[Any]]:
        """The join of some rows ``t`` with their dependent rows, the alias of the last, and parameters."""
        sql = self.dialect
        source, parameters = self._row_keys(root, keys)
        chain = f"{source} JOIN {sql.relation(root)} AS t ON {sql.key_join(root)}"
        parent = "t"
        for number, (link, child) in enumerate(steps):
            alias = f"c{number}"
            chain += f" JOIN {sql.relation(child)} AS {alias} ON {sql.references(link, alias, parent)}"
            parent = alias
        return chain, parent, parameters

    def _path_or_none(self, value: Any) -> bytes | None:
        return None if value is None else self.dialect.path_bytes(value)
