# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a database must say of how it writes SQL: all in which they differ.

Names of tables and columns are looked up in the catalog first and always quoted; values travel as
parameters only. Paths are bytes on this side of the interface, whatever the database stores.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Any, Iterable, Mapping, NamedTuple, Sequence
from uuid import UUID

from ..errors import SiteError
from .catalog import ColumnType, ForeignKey, Selection, Table


class Matching(NamedTuple):
    """Which rows of a table a statement changes: those that match a row of a source.

    ``condition`` ties such a row to one of the ``source``, which is what follows FROM; ``test`` says by
    itself that there is one.
    """

    source: str
    condition: str
    test: str


class Dialect(ABC):
    """How one database writes SQL. Nothing here is sent: all that is returned is text and parameters."""

    placeholder: str
    # The type in which ``path`` returns a path.
    path_type: str

    @property
    def new_path(self) -> str:
        """The placeholder for a path that a column is to hold."""
        return self.placeholder

    # Names.

    def quote(self, identifier: str) -> str:
        """Quote a name for SQL."""
        return '"' + identifier.replace('"', '""') + '"'

    def qualified(self, schema: str, relation: str) -> str:
        return f"{self.quote(schema)}.{self.quote(relation)}"

    def relation(self, table: Table) -> str:
        return self.qualified(*table.identity)

    def every_row(self, table: Table, alias: str) -> str:
        """A table of which a query reads every row, as what follows FROM."""
        return f"{self.relation(table)} AS {alias}"

    def field(self, alias: str, name: str) -> str:
        return f"{alias}.{self.quote(name)}"

    # Expressions.

    @abstractmethod
    def below(self, folder: str, expression: str) -> str:
        """A text with a folder before it, whose name is that of a column's prefix: it needs no quotes."""

    @abstractmethod
    def path(self, expression: str, column: ColumnType | None = None) -> str:
        """The value of a path column, sorted and compared as bytes.

        ``column`` is given where the expression is a column as it stands: that may spare a conversion.
        """

    @abstractmethod
    def read_path(self, expression: str, column: ColumnType | None = None) -> str:
        """Like ``path``, cut off a little above LONGEST_PATH: enough to see that it is no path."""

    @abstractmethod
    def stem(self, expression: str) -> str:
        """Like ``path``, without the extension of the file's name."""

    @abstractmethod
    def name(self, expression: str) -> str:
        """Like ``path``, of the file's name only."""

    @abstractmethod
    def exact(self, expression: str, column: ColumnType | None) -> str:
        """A value in the form in which Python reads and writes it unchanged.

        An address that is used in place of a key has no column.
        """

    def as_text(self, expression: str) -> str:
        return f"CAST({expression} AS text)"

    # Conditions.

    def equals(self, left: str, right: str, operator: str = "") -> str:
        """That two values are equal, by an operator of their type or by the usual one."""
        return f"{left} {operator or '='} {right}"

    def is_blank(self, expression: str) -> str:
        """That a text is there and empty."""
        return f"{expression} = ''"

    def is_filled(self, expression: str) -> str:
        """That a text is there and not empty."""
        return f"{expression} <> ''"

    @abstractmethod
    def is_identical(self, expression: str, column: ColumnType, value: Any) -> str:
        """That a stored value is exactly the archived one, which is the parameter; NULL is like NULL."""

    @abstractmethod
    def is_before(self, selection: Selection, expression: str) -> tuple[str, list[Any]]:
        """That a time column lies before the selection's cutoff; raises SiteError if it holds no time."""

    @staticmethod
    def no_time(selection: Selection) -> SiteError:
        """The error of a time column that holds no time."""
        name = selection.uploaded_at_column or ""
        return SiteError(
            f"column {selection.table.name}.{name} has the type {selection.table.columns[name].declared}, "
            "which is no point in time. Set uploaded_at_column to the column that says when the file was "
            "uploaded."
        )

    @abstractmethod
    def is_time(self, column: ColumnType) -> bool:
        """Whether a column is declared to hold a point in time, or a day."""

    def references(self, link: ForeignKey, child: str, parent: str) -> str:
        """That the row ``child`` references the row ``parent`` by a foreign key."""
        return " AND ".join(
            self.equals(self.field(child, ours), self.field(parent, theirs))
            for ours, theirs in zip(link.columns, link.target_columns)
        )

    def is_by_key(self, link: ForeignKey, target: Table) -> bool:
        """Whether the keys of existing rows are enough to find which rows reference them."""
        return False

    @abstractmethod
    def references_any(self, link: ForeignKey, child: str, parent: str, parents: str) -> str:
        """That the row ``child`` references one of the ``parents``, which is what follows FROM."""

    # Clauses and statements.

    def lock_rows(self, alias: str) -> str:
        """The clause that locks the rows which a query reads, until the transaction ends."""
        return ""

    def delete(self, table: Table, alias: str, matching: Matching, condition: str = "") -> str:
        """The statement that deletes the matching rows, or those of them that meet a condition.

        The parameters of the condition come first, and those of the source after them.
        """
        return f"DELETE FROM {self.relation(table)} AS {alias} WHERE {_both(condition, matching.test)}"

    def update(
        self,
        table: Table,
        alias: str,
        changes: Mapping[str, str],
        matching: Matching,
        condition: str = "",
    ) -> str:
        """The same for a statement that sets columns to expressions, whose parameters come before all."""
        values = ", ".join(f"{self.quote(name)} = {value}" for name, value in changes.items())
        test = _both(condition, matching.test)
        return f"UPDATE {self.relation(table)} AS {alias} SET {values} WHERE {test}"

    # Values that one statement may take.
    most_values = 30_000

    @abstractmethod
    def insert_absent(self, table: Table, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """The statement that inserts rows, with every key as given, unless one with its key is there."""

    # Keys.

    def key_types(self, table: Table) -> list[str]:
        """The types of a table's key columns, or of the row addresses that are used in their place."""
        return [
            table.columns[name].declared if name in table.columns else self.address_type(name)
            for name in table.key
        ]

    @abstractmethod
    def address_type(self, name: str) -> str:
        """The type of a part of the address of rows that have no primary key."""

    def key_column(self, table: Table, name: str, alias: str) -> str:
        return self.field(alias, name) if name in table.columns else f"{alias}.{name}"

    def key_values(self, table: Table, alias: str = "t") -> list[str]:
        """The values of a row's key, each in its exact form."""
        columns = table.columns
        return [self.exact(self.key_column(table, name, alias), columns.get(name)) for name in table.key]

    def key_list(self, table: Table, alias: str = "t") -> str:
        return ", ".join(self.key_values(table, alias))

    def key_join(self, table: Table) -> str:
        """That a row ``t`` has a key of the source ``keys``."""
        return " AND ".join(
            self.equals(self.key_column(table, name, "t"), f"wanted.k{position}", table.equality(name))
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

    def given_placeholder(self, column: ColumnType) -> str:
        """The placeholder for a value that a description gives, to be compared with a column."""
        return self.placeholder

    @abstractmethod
    def given_parameter(self, value: Any) -> Any:
        """A value that a description gives as a parameter."""

    def archive_value(self, value: Any) -> Any:
        """An exact value as JSON can carry it."""
        return value

    def archived_parameter(self, value: Any) -> Any:
        """An archived value as a parameter."""
        return value


def listed_values(rows: Sequence[Sequence[str]]) -> str:
    """What follows VALUES for some rows of expressions."""
    return ", ".join(f"({', '.join(row)})" for row in rows)


def _both(condition: str, other: str) -> str:
    return f"{condition} AND {other}" if condition else other


def uuid_texts(value: Any) -> Iterable[str]:
    """A key as text, also where Django keeps a UUID as 32 digits, and writes it with hyphens elsewhere."""
    yield str(value)
    if isinstance(value, str) and len(value) == 32:
        with suppress(ValueError):
            yield str(UUID(value))
