# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the two databases say each in its own way, and the pieces of SQL that are made of it.

Names of tables and columns are looked up in the catalog first and always quoted; values travel as
parameters only. Paths are bytes on this side of the interface, whatever the database keeps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import Any, Iterable, Iterator, Sequence, Tuple

from ..errors import DatabaseError, SiteError
from .catalog import ColumnType, ForeignKey, Selection, Table

# A row's address: the values of its key, as the database gives them.
Keys = Sequence[Tuple[Any, ...]]
# The foreign keys that lead from a table to another, each with the table that it is of.
Steps = Sequence[Tuple[ForeignKey, Table]]


class Dialect(ABC):
    """How a database is spoken to."""

    placeholder: str

    @abstractmethod
    def table(self, name: str) -> Table:
        """Look a table up by the name the user wrote; raises SiteError if there is none."""

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

    def quote(self, identifier: str) -> str:
        """Quote a name for SQL."""
        return '"' + identifier.replace('"', '""') + '"'

    def qualified(self, schema: str, relation: str) -> str:
        return f"{self.quote(schema)}.{self.quote(relation)}"

    def column(self, table: Table, name: str) -> ColumnType:
        if name not in table.columns:
            raise SiteError(
                f"table {table.name} has no column {name!r}. "
                f"Its columns are: {', '.join(sorted(table.columns))}."
            )
        return table.columns[name]

    @abstractmethod
    def _stem(self, expression: str) -> str:
        """Like ``_path``, without the extension of the file's name."""

    @abstractmethod
    def _name(self, expression: str) -> str:
        """Like ``_path``, of the file's name only."""

    @abstractmethod
    def _path_type(self) -> str:
        """The type in which ``_path`` returns a path."""

    def _lock_clause(self) -> str:
        return ""

    def _path_keys(self, paths: Iterable[bytes]) -> tuple[str, list[Any]] | None:
        """A source of paths, as ``_keys`` makes one; None where the database can hold none of them."""
        wanted = [value for value in map(self._from_bytes, set(paths)) if value is not None]
        return self._keys([self._path_type()], [(value,) for value in wanted]) if wanted else None

    def _number(self, doing: str, statement: str, parameters: Sequence[Any]) -> int:
        """Run a statement that counts."""
        with self._doing(doing):
            ((count,),) = [row for rows in self._stream(statement, parameters) for row in rows]
        return int(count)

    def _row_keys(self, table: Table, keys: Keys) -> tuple[str, list[Any]]:
        return self._keys(self._key_types(table), keys)

    def _key_types(self, table: Table) -> list[str]:
        return [
            table.columns[name].declared if name in table.columns else self._address_type(name)
            for name in table.key
        ]

    def _address_type(self, name: str) -> str:
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

    def _lock_children(self, alias: str) -> str:
        """Inside a transaction, dependents must stay as they are until they have gone."""
        return ""

    def _chain(self, root: Table, steps: Steps, keys: Keys) -> tuple[str, str, list[Any]]:
        """The join of some rows ``t`` with those that hang on them, the alias of the last, and parameters."""
        source, parameters = self._row_keys(root, keys)
        chain = f"{source} JOIN {self.qualified(*root.identity)} AS t ON {self._key_join(root)}"
        parent = "t"
        for number, (link, child) in enumerate(steps):
            alias = f"c{number}"
            meet = " AND ".join(
                f"{alias}.{self.quote(ours)} = {parent}.{self.quote(theirs)}"
                for ours, theirs in zip(link.columns, link.target_columns)
            )
            chain += f" JOIN {self.qualified(*child.identity)} AS {alias} ON {meet}"
            parent = alias
        return chain, parent, parameters

    def _optional(self, path: Any) -> bytes | None:
        return None if path is None else self._to_bytes(path)
