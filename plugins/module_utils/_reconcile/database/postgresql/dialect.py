# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""How PostgreSQL writes SQL."""

from __future__ import annotations

import re
from typing import Any, Iterable, Sequence

from ...media.paths import LONGEST_PATH
from ..catalog import ColumnType, ForeignKey, Selection, Table
from ..dialect import Dialect, listed_values

# What COPY writes as a backslash and a letter; a backslash stands for itself.
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


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

    def below(self, folder: str, expression: str) -> str:
        return f"('{folder}/'::text OPERATOR(pg_catalog.||) {expression}::text)"

    def path(self, expression: str, column: ColumnType | None = None) -> str:
        if self.is_utf8:
            return f'{expression}::text COLLATE pg_catalog."C"'
        return f"pg_catalog.convert_to({expression}::text, 'UTF8')"

    def read_path(self, expression: str, column: ColumnType | None = None) -> str:
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
        return self.path(f"regexp_replace({self._bytewise(expression)}, {pattern}, {group})")

    def name(self, expression: str) -> str:
        return self.path(f"regexp_replace({self._bytewise(expression)}, '^.*/', '')")

    def _bytewise(self, expression: str) -> str:
        # A collation in which different texts are equal, as one that ignores case, serves no pattern.
        return f'({self._cut_off(expression)}) COLLATE pg_catalog."C"'

    def exact(self, expression: str, column: ColumnType | None) -> str:
        return f"{expression}::text"

    def equals(self, left: str, right: str, operator: str = "") -> str:
        return f"{left} OPERATOR({operator or 'pg_catalog.='}) {right}"

    def is_blank(self, expression: str) -> str:
        return f"{expression} OPERATOR(pg_catalog.=) ''"

    def is_filled(self, expression: str) -> str:
        return f"{expression} OPERATOR(pg_catalog.<>) ''"

    def is_identical(self, expression: str, column: ColumnType, value: Any) -> str:
        return f"{self.exact(expression, column)} IS NOT DISTINCT FROM %s"

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
        raise self.no_time(selection)

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

    def is_by_key(self, link: ForeignKey, target: Table) -> bool:
        by_key = target.has_primary_key and {*link.target_columns} <= {*target.key}
        # Where rows lie in several tables, it matters in which of them.
        return by_key and not link.target_tables

    def _lies_in(self, alias: str, tables: Sequence[int]) -> str:
        """That a row lies in one of the tables with these numbers: a partition, or one that inherits."""
        numbers = ",".join(map(str, tables))
        return f"{alias}.tableoid OPERATOR(pg_catalog.=) ANY ('{{{numbers}}}'::pg_catalog.oid[])"

    def references_any(self, link: ForeignKey, child: str, parent: str, parents: str) -> str:
        return f"EXISTS (SELECT 1 FROM {parents} WHERE {self.references(link, child, parent)})"

    def lock_rows(self, alias: str) -> str:
        return f" FOR UPDATE OF {alias}"

    def insert_absent(self, table: Table, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        return (
            f"INSERT INTO {self.relation(table)} ({', '.join(map(self.quote, names))}) "
            f"OVERRIDING SYSTEM VALUE VALUES {listed_values(rows)} ON CONFLICT DO NOTHING"
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
        return f"%s::{type_name(column.declared)}"

    def given_parameter(self, value: Any) -> Any:
        return str(value).lower() if isinstance(value, bool) else str(value)


def type_name(declared: str) -> str:
    """The name of a type as a statement has it: for the driver, a percent sign begins a placeholder."""
    return declared.replace("%", "%%")


def _where_rows_lie(link: ForeignKey, child: str, parent: str) -> Iterable[tuple[str, Sequence[int]]]:
    return ((alias, of) for alias, of in ((child, link.own_tables), (parent, link.target_tables)) if of)


def unescaped(value: bytes) -> bytes:
    """A value as it is, from the text format of COPY (PostgreSQL's manual, SQL COPY)."""
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found.group(1), found.group(1)), value)
