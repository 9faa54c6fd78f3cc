# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""How each database writes SQL: all in which they differ, side by side.

Names of tables and columns are looked up in the catalog first and always quoted; values travel as
parameters only. Paths are bytes on this side of the interface, whatever the database stores.
"""

from __future__ import annotations

import importlib
import math
from abc import ABC, abstractmethod
from contextlib import suppress
from datetime import timezone, tzinfo
from typing import Any, Iterable, Sequence
from uuid import UUID

from ..errors import SiteError
from ..media.paths import LONGEST_PATH
from .catalog import ColumnType, ForeignKey, Selection, Table


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

    def field(self, alias: str, name: str) -> str:
        return f"{alias}.{self.quote(name)}"

    # Expressions.

    @abstractmethod
    def path(self, expression: str) -> str:
        """The value of a path column, sorted and compared as bytes."""

    @abstractmethod
    def read_path(self, expression: str) -> str:
        """Like ``path``, cut off a little above LONGEST_PATH: enough to see that it is no path."""

    @abstractmethod
    def stem(self, expression: str) -> str:
        """Like ``path``, without the extension of the file's name."""

    @abstractmethod
    def name(self, expression: str) -> str:
        """Like ``path``, of the file's name only."""

    @abstractmethod
    def exact(self, expression: str) -> str:
        """A value in the form in which Python reads and writes it unchanged."""

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
    def is_identical(self, expression: str, value: Any) -> str:
        """That a stored value is exactly the archived one, which is the parameter; NULL is like NULL."""

    @abstractmethod
    def is_before(self, selection: Selection, expression: str) -> tuple[str, list[Any]]:
        """That a time column lies before the selection's cutoff; raises SiteError if it holds no time."""

    @abstractmethod
    def is_time(self, column: ColumnType) -> bool:
        """Whether a column is declared to hold a point in time, or a day."""

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
            self.equals(self.key_column(table, name, "t"), f"keys.k{position}", table.equality(name))
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


class PostgreSQLDialect(Dialect):
    """SQL of PostgreSQL, for a database with that encoding and time zone.

    Paths are passed as text where the database stores UTF-8, and as the UTF-8 bytes of it elsewhere.
    What statements that change rows are made of names the system's operators and functions by their
    schema: these run with the site's search path, in which anybody may have made others.
    """

    placeholder = "%s"

    def __init__(self, is_utf8: bool, time_zone: str) -> None:
        self.is_utf8 = is_utf8
        self.path_type = "text" if is_utf8 else "bytea"
        self._time_zone = time_zone

    @property
    def new_path(self) -> str:
        # Without UTF-8, paths travel as its bytes.
        return "%s" if self.is_utf8 else "pg_catalog.convert_from(%s, 'UTF8')"

    def quote(self, identifier: str) -> str:
        # For the driver, a percent sign begins a placeholder.
        return super().quote(identifier).replace("%", "%%")

    def path(self, expression: str) -> str:
        if self.is_utf8:
            return f'{expression}::text COLLATE pg_catalog."C"'
        return f"pg_catalog.convert_to({expression}::text, 'UTF8')"

    def read_path(self, expression: str) -> str:
        return self.path(f"({self._cut_off(expression)})")

    def _cut_off(self, expression: str) -> str:
        # The length of a text is known without reading it. Characters have at least a byte each.
        text = f"{expression}::text"
        return (
            f"CASE WHEN pg_catalog.octet_length({text}) OPERATOR(pg_catalog.>) {LONGEST_PATH} "
            f"THEN pg_catalog.left({text}, {LONGEST_PATH + 1}) ELSE {text} END"
        )

    def stem(self, expression: str) -> str:
        # Written so that it means the same whatever standard_conforming_strings is.
        pattern, group = r"E'([^/.][^/]*)\\.[^./]*$'", r"E'\\1'"
        return self.path(f"regexp_replace({self._cut_off(expression)}, {pattern}, {group})")

    def name(self, expression: str) -> str:
        return self.path(f"regexp_replace({self._cut_off(expression)}, '^.*/', '')")

    def exact(self, expression: str) -> str:
        return f"{expression}::text"

    def equals(self, left: str, right: str, operator: str = "") -> str:
        return f"{left} OPERATOR({operator or 'pg_catalog.='}) {right}"

    def is_blank(self, expression: str) -> str:
        return f"{expression} OPERATOR(pg_catalog.=) ''"

    def is_filled(self, expression: str) -> str:
        return f"{expression} OPERATOR(pg_catalog.<>) ''"

    def is_identical(self, expression: str, value: Any) -> str:
        return f"{self.exact(expression)} IS NOT DISTINCT FROM %s"

    def is_before(self, selection: Selection, expression: str) -> tuple[str, list[Any]]:
        name = selection.uploaded_at_column or ""
        declared = selection.table.columns[name].declared
        zone = selection.time_zone or self._time_zone
        before = "OPERATOR(pg_catalog.<) pg_catalog.to_timestamp(%s)"
        if declared == "timestamp with time zone":
            return f"{expression} {before}", [selection.cutoff]
        if declared == "timestamp without time zone":
            return f"{expression} AT TIME ZONE %s {before}", [zone, selection.cutoff]
        if declared == "date":
            # A date may mean the last moment of that day.
            end = f"({expression} OPERATOR(pg_catalog.+) 1)::timestamp"
            return f"{end} AT TIME ZONE %s {before}", [zone, selection.cutoff]
        raise SiteError(
            f"column {selection.table.name}.{name} has the type {declared}, which is no point in time. "
            "Set uploaded_at_column to the column that says when the file was uploaded."
        )

    def is_time(self, column: ColumnType) -> bool:
        return column.declared in ("timestamp with time zone", "timestamp without time zone", "date")

    def references(self, link: ForeignKey, child: str, parent: str) -> str:
        # An operator of a foreign key has the referenced column on its left.
        same = [
            self.equals(self.field(parent, theirs), self.field(child, ours), operator)
            for ours, theirs, operator in zip(
                link.columns, link.target_columns, link.operators or [""] * len(link.columns)
            )
        ]
        same += [self._lies_in(alias, tables) for alias, tables in _where_rows_lie(link, child, parent)]
        return " AND ".join(same)

    def _lies_in(self, alias: str, tables: Sequence[int]) -> str:
        """That a row lies in one of the tables with these numbers: a partition, or one that inherits."""
        numbers = ",".join(map(str, tables))
        return f"{alias}.tableoid OPERATOR(pg_catalog.=) ANY ('{{{numbers}}}'::pg_catalog.oid[])"

    def references_any(self, link: ForeignKey, child: str, parent: str, parents: str) -> str:
        return f"EXISTS (SELECT 1 FROM {parents} WHERE {self.references(link, child, parent)})"

    def lock_rows(self, alias: str) -> str:
        return f" FOR UPDATE OF {alias}"

    def insert_absent(self, table: Table, names: Sequence[str], values: Sequence[str]) -> str:
        return (
            f"INSERT INTO {self.relation(table)} ({', '.join(map(self.quote, names))}) "
            f"OVERRIDING SYSTEM VALUE VALUES ({', '.join(values)}) ON CONFLICT DO NOTHING"
        )

    def address_type(self, name: str) -> str:
        # A ctid is one row's only within a partition, or a table that others inherit from.
        return {"tableoid": "oid", "ctid": "tid"}[name]

    def path_bytes(self, value: Any) -> bytes:
        return value.encode() if isinstance(value, str) else bytes(value)

    def path_parameter(self, path: bytes) -> Any:
        if not self.is_utf8:
            return path
        try:
            return None if b"\0" in path else path.decode()
        except UnicodeDecodeError:
            return None

    def archived_placeholder(self, column: ColumnType, value: Any) -> str:
        return self.given_placeholder(column)

    def given_placeholder(self, column: ColumnType) -> str:
        return f"%s::{column.declared}"

    def given_parameter(self, value: Any) -> Any:
        return str(value).lower() if isinstance(value, bool) else str(value)


class SQLiteDialect(Dialect):
    """SQL of SQLite, with some functions of our own beside it."""

    placeholder = "?"
    path_type = "BLOB"
    new_path = "CAST(? AS TEXT)"

    def path(self, expression: str) -> str:
        return f"CAST({expression} AS BLOB)"

    def read_path(self, expression: str) -> str:
        # Not substr alone: of an empty value it makes NULL.
        path = self.path(expression)
        cut_off = f"substr({path}, 1, {LONGEST_PATH + 1})"
        return f"CASE WHEN length({path}) > {LONGEST_PATH} THEN {cut_off} ELSE {path} END"

    def stem(self, expression: str) -> str:
        return f"media_cleanup_stem({self.read_path(expression)})"

    def name(self, expression: str) -> str:
        return f"media_cleanup_name({self.read_path(expression)})"

    def exact(self, expression: str) -> str:
        return expression

    def is_identical(self, expression: str, value: Any) -> str:
        return f"{expression} IS {text_placeholder(value)}"

    def is_before(self, selection: Selection, expression: str) -> tuple[str, list[Any]]:
        zone = selection.time_zone or "UTC"
        zone_of(zone)
        return f"media_cleanup_seconds({expression}, ?) < ?", [zone, selection.cutoff]

    def is_time(self, column: ColumnType) -> bool:
        return column.declared.lower().startswith(("datetime", "timestamp", "date"))

    def references_any(self, link: ForeignKey, child: str, parent: str, parents: str) -> str:
        # Not EXISTS: an index on the child's columns serves IN only.
        ours = ", ".join(self.field(child, name) for name in link.columns)
        theirs = ", ".join(self.field(parent, name) for name in link.target_columns)
        return f"({ours}) IN (SELECT {theirs} FROM {parents})"

    def insert_absent(self, table: Table, names: Sequence[str], values: Sequence[str]) -> str:
        return (
            f"INSERT INTO {self.relation(table)} ({', '.join(map(self.quote, names))}) "
            f"VALUES ({', '.join(values)}) ON CONFLICT DO NOTHING"
        )

    def address_type(self, name: str) -> str:
        return "INTEGER"

    def key_texts(self, value: Any) -> Iterable[str]:
        # Django keeps a UUID as 32 digits here, and writes it with hyphens into a text column.
        yield str(value)
        if isinstance(value, str) and len(value) == 32:
            with suppress(ValueError):
                yield str(UUID(value))

    def path_bytes(self, value: Any) -> bytes:
        return bytes(value)

    def path_parameter(self, path: bytes) -> Any:
        return path

    def archived_placeholder(self, column: ColumnType, value: Any) -> str:
        return text_placeholder(value)

    def given_parameter(self, value: Any) -> Any:
        return int(value) if isinstance(value, bool) else value

    def archive_value(self, value: Any) -> Any:
        if isinstance(value, bytes):
            return {"blob": value.hex()}
        if isinstance(value, float) and not math.isfinite(value):
            return {"float": repr(value)}
        return value

    def archived_parameter(self, value: Any) -> Any:
        if isinstance(value, dict):
            return bytes.fromhex(value["blob"]) if "blob" in value else float(value["float"])
        if isinstance(value, str) and not _is_utf8(value):
            return value.encode("utf-8", "surrogateescape")
        return value


def _where_rows_lie(link: ForeignKey, child: str, parent: str) -> Iterable[tuple[str, Sequence[int]]]:
    return ((alias, of) for alias, of in ((child, link.own_tables), (parent, link.target_tables)) if of)


def text_placeholder(value: Any) -> str:
    # Text that is not UTF-8 can be handed over as bytes only.
    return "?" if is_plain(value) else "CAST(? AS TEXT)"


def is_plain(value: Any) -> bool:
    return not isinstance(value, str) or value.isascii() or _is_utf8(value)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def zone_of(name: str) -> tzinfo:
    if name.upper() == "UTC":
        return timezone.utc
    try:
        zoneinfo = importlib.import_module("zoneinfo")
    except ImportError:
        raise SiteError(
            f"time_zone {name!r} needs Python 3.9 or later on the target; only UTC works before."
        ) from None
    try:
        zone: tzinfo = zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError):
        raise SiteError(f"time_zone {name!r} is not known on this host; write it as Europe/Vienna.") from None
    return zone
