# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""How MySQL and MariaDB write SQL."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any, Iterable, Mapping, Sequence

from ...errors import SiteError
from ...media.paths import LONGEST_PATH
from ..catalog import ColumnType, ForeignKey, Selection, Table
from ..dialect import Dialect, Matching, listed_values, uuid_texts
from ..zones import zone_of

# Types by the first word of their declaration.
TEXTS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext")
INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint")
_BYTES = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector")
_SHAPES = (
    "geometry",
    "point",
    "linestring",
    "polygon",
    "multipoint",
    "multilinestring",
    "multipolygon",
    "geometrycollection",
)
# Texts whose bytes are those of UTF-8, and the characters that they have at most where that is declared.
_UTF8 = re.compile(r"^(?:varchar\((\d+)\)|(?:tiny|medium|long)?text) CHARACTER SET utf8(?:mb[34])? ")
# Bytes of a character in UTF-8, at most.
_LONGEST_CHARACTER = 4
_DECIMAL = re.compile(r"decimal\(\d+,\d+\)")
# How far clocks are turned back at most, and in which steps.
_TURNED_BACK, _STEP = timedelta(hours=3), timedelta(minutes=15)


def type_of(column: ColumnType) -> str:
    """The name of a column's type, without its length and all else."""
    return re.split(r"[ (]", column.declared, maxsplit=1)[0]


class MySQLDialect(Dialect):
    """SQL of a session in which double quotes enclose names (``ANSI_QUOTES``), and whose time zone is UTC.

    ``collation`` is the one that compares texts as their bytes, without padding.
    """

    placeholder = "%s"
    path_type = f"varbinary({LONGEST_PATH + 1})"
    new_path = "CONVERT(%s USING utf8mb4)"

    def __init__(self, collation: str) -> None:
        self.collation = collation

    def quote(self, identifier: str) -> str:
        # For the driver, a percent sign begins a placeholder.
        return super().quote(identifier).replace("%", "%%")

    def qualified(self, schema: str, relation: str) -> str:
        return super().qualified(schema, relation) if schema else self.quote(relation)

    # Expressions.

    def below(self, folder: str, expression: str) -> str:
        # Of a text that is longer than a packet, the whole would be NULL.
        return f"CONCAT('{folder}/', LEFT({self.text(expression)}, {LONGEST_PATH + 1}))"

    def path(self, expression: str, column: ColumnType | None = None) -> str:
        # Without the first step, the bytes of a column that is not in UTF-8 would not be those of the name.
        return f"CAST({self.text(expression, column)} AS BINARY)"

    def text(self, expression: str, column: ColumnType | None = None) -> str:
        is_utf8 = column is not None and _UTF8.search(column.declared) is not None
        return expression if is_utf8 else f"CONVERT({expression} USING utf8mb4)"

    def read_path(self, expression: str, column: ColumnType | None = None) -> str:
        length = _UTF8.search(column.declared) if column else None
        if length and int(length[1] or LONGEST_PATH) * _LONGEST_CHARACTER <= LONGEST_PATH:
            return self.path(expression, column)
        # Characters have at least a byte each.
        return f"LEFT({self.path(f'LEFT({expression}, {LONGEST_PATH + 1})')}, {LONGEST_PATH + 1})"

    def stem(self, expression: str) -> str:
        path = self.read_path(expression)
        extension = f"SUBSTRING_INDEX({self.name(expression)}, '.', -1)"
        without = f"LEFT({path}, LENGTH({path}) - LENGTH({extension}) - 1)"
        has_extension = f"LENGTH(TRIM(LEADING '.' FROM SUBSTRING_INDEX({without}, '/', -1))) > 0"
        is_in_name = f"LOCATE('.', {self.name(expression)}) > 0"
        return f"CASE WHEN {is_in_name} AND {has_extension} THEN {without} ELSE {path} END"

    def name(self, expression: str) -> str:
        return f"SUBSTRING_INDEX({self.read_path(expression)}, '/', -1)"

    def exact(self, expression: str, column: ColumnType | None) -> str:
        kind = type_of(column) if column else ""
        if kind in _BYTES or kind in _SHAPES:
            expression = f"HEX({expression})"
        elif kind == "bit":
            expression = f"CAST({expression} AS UNSIGNED)"
        elif kind == "float":
            # Printed as it is, it would lose digits.
            expression = f"({expression} * 1E0)"
        return self.as_text(expression)

    def as_text(self, expression: str) -> str:
        return f"(CAST({expression} AS CHAR CHARACTER SET utf8mb4) COLLATE {self.collation})"

    # Conditions.

    def is_blank(self, expression: str) -> str:
        # Where texts are padded, spaces are equal to nothing.
        return f"LENGTH({expression}) = 0"

    def is_filled(self, expression: str) -> str:
        return f"LENGTH({expression}) > 0"

    def is_identical(self, expression: str, column: ColumnType, value: Any) -> str:
        return f"{self.exact(expression, column)} <=> %s"

    def is_before(self, selection: Selection, expression: str) -> tuple[str, list[Any]]:
        name = selection.uploaded_at_column or ""
        column = selection.table.columns[name]
        kind = type_of(column)
        if not self.is_time(column):
            raise self.no_time(selection)
        cutoff = datetime.fromtimestamp(selection.cutoff, timezone.utc)
        zone = "UTC" if kind == "timestamp" else selection.time_zone or "UTC"
        # What clocks show from the cutoff on: the hour that comes twice is read as the later one.
        shown = [
            (cutoff + number * _STEP).astimezone(zone_of(zone)).replace(tzinfo=None)
            for number in range(_TURNED_BACK // _STEP + 1)
        ]
        # A date may mean the last moment of that day.
        moment = f"({expression} + INTERVAL 1 DAY)" if kind == "date" else expression
        # A day that is zero says nothing about the age.
        is_known = f"DAYOFMONTH({expression}) > 0 AND MONTH({expression}) > 0"
        return f"({is_known} AND {moment} < %s)", [min(shown).isoformat(" ", "microseconds")]

    def is_time(self, column: ColumnType) -> bool:
        return type_of(column) in ("datetime", "timestamp", "date")

    def references_any(self, link: ForeignKey, child: str, parent: str, parents: str) -> str:
        return f"EXISTS (SELECT 1 FROM {parents} WHERE {self.references(link, child, parent)})"

    # Clauses and statements.

    def lock_rows(self, alias: str) -> str:
        return " FOR UPDATE"

    def delete(self, table: Table, alias: str, matching: Matching, condition: str = "") -> str:
        # Not by a subquery: it may not be of the table itself, and would be run for each row of that.
        return (
            f"DELETE {alias} FROM {matching.source} JOIN {self.relation(table)} AS {alias} "
            f"ON {matching.condition} WHERE {condition or '1 = 1'}"
        )

    def count(self, table: Table, alias: str, matching: Matching, condition: str = "") -> str:
        """The query that counts the rows that the same would delete."""
        return (
            f"SELECT count(*) FROM {matching.source} JOIN {self.relation(table)} AS {alias} "
            f"ON {matching.condition} WHERE {condition or '1 = 1'}"
        )

    def delete_leaves(
        self,
        table: Table,
        alias: str,
        links: Sequence[ForeignKey],
        matching: Matching,
        condition: str = "",
    ) -> str:
        """The same for those of the rows that no row of the table references by one of the links."""
        relation = self.relation(table)
        joins, tests = [], [condition or "1 = 1"]
        for number, link in enumerate(links):
            other = f"other{number}"
            joins.append(f" LEFT JOIN {relation} AS {other} ON {self.references(link, other, alias)}")
            tests.append(f"{self.field(other, link.columns[0])} IS NULL")
        return (
            f"DELETE {alias} FROM {matching.source} JOIN {relation} AS {alias} "
            f"ON {matching.condition}{''.join(joins)} WHERE {' AND '.join(tests)}"
        )

    def update(
        self,
        table: Table,
        alias: str,
        changes: Mapping[str, str],
        matching: Matching,
        condition: str = "",
    ) -> str:
        values = ", ".join(f"{self.field(alias, name)} = {value}" for name, value in changes.items())
        return (
            f"UPDATE {matching.source} JOIN {self.relation(table)} AS {alias} "
            f"ON {matching.condition} SET {values} WHERE {condition or '1 = 1'}"
        )

    def insert_absent(self, table: Table, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        # IGNORE would hide every other error as well.
        return (
            f"INSERT INTO {self.relation(table)} ({', '.join(map(self.quote, names))}) "
            f"VALUES {listed_values(rows)}"
        )

    # Keys.

    def key_types(self, table: Table) -> list[str]:
        _require_key(table)
        return super().key_types(table)

    def key_values(self, table: Table, alias: str = "t") -> list[str]:
        _require_key(table)
        return super().key_values(table, alias)

    def address_type(self, name: str) -> str:
        raise AssertionError(f"{name} is no column, and rows have no other address")

    def key_texts(self, value: Any) -> Iterable[str]:
        return uuid_texts(value)

    def key_placeholder(self, declared: str, value: Any) -> str:
        """The placeholder for a part of a key, or for a path."""
        is_exact = isinstance(value, str)
        return self.archived_placeholder(ColumnType(declared, False, False), value) if is_exact else "%s"

    # Values.

    def path_bytes(self, value: Any) -> bytes:
        return bytes(value)

    def path_parameter(self, path: bytes) -> Any:
        if len(path) > LONGEST_PATH + 1:
            return None
        try:
            path.decode()
        except UnicodeDecodeError:
            return None
        return path

    def archived_placeholder(self, column: ColumnType, value: Any) -> str:
        kind = type_of(column)
        if kind in _BYTES or kind in _SHAPES:
            return "UNHEX(%s)"
        if kind == "bit":
            return "CAST(%s AS UNSIGNED)"
        if kind in INTEGERS:
            # Compared with a text, large numbers would be rounded.
            return f"CAST(%s AS {'UNSIGNED' if ' unsigned' in column.declared else 'SIGNED'})"
        decimal = _DECIMAL.match(column.declared)
        return f"CAST(%s AS {decimal.group()})" if decimal else "%s"

    def given_placeholder(self, column: ColumnType) -> str:
        if type_of(column) in TEXTS:
            return self.as_text("%s")
        return self.archived_placeholder(column, None)

    def given_parameter(self, value: Any) -> Any:
        return str(int(value) if isinstance(value, bool) else value)


def _require_key(table: Table) -> None:
    if not table.key:
        raise SiteError(
            f"table {table.name} has neither a primary key nor a unique one without NULL, and MySQL has no "
            "other way to say which of its rows are meant. Give it a primary key."
        )
