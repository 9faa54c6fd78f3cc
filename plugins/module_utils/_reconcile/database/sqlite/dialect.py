# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""How SQLite writes SQL."""

from __future__ import annotations

import math
from typing import Any, Iterable, Sequence

from ...media.paths import LONGEST_PATH
from ..catalog import ColumnType, ForeignKey, Selection, Table
from ..dialect import Dialect, listed_values, uuid_texts
from ..zones import zone_of


class SQLiteDialect(Dialect):
    """SQL of SQLite, with some functions of our own beside it."""

    placeholder = "?"
    path_type = "BLOB"
    new_path = "CAST(? AS TEXT)"

    def every_row(self, table: Table, alias: str) -> str:
        # An index that is damaged may lack rows, whose files would look like orphans.
        return f"{super().every_row(table, alias)} NOT INDEXED"

    def below(self, folder: str, expression: str) -> str:
        return f"('{folder}/' || {expression})"

    def path(self, expression: str, column: ColumnType | None = None) -> str:
        return f"CAST({expression} AS BLOB)"

    def read_path(self, expression: str, column: ColumnType | None = None) -> str:
        # Not substr alone: of an empty value it makes NULL.
        path = self.path(expression)
        cut_off = f"substr({path}, 1, {LONGEST_PATH + 1})"
        return f"CASE WHEN length({path}) > {LONGEST_PATH} THEN {cut_off} ELSE {path} END"

    def stem(self, expression: str) -> str:
        return f"media_cleanup_stem({self.read_path(expression)})"

    def name(self, expression: str) -> str:
        return f"media_cleanup_name({self.read_path(expression)})"

    def exact(self, expression: str, column: ColumnType | None) -> str:
        return expression

    def is_identical(self, expression: str, column: ColumnType, value: Any) -> str:
        return f"{expression} IS {text_placeholder(value)}"

    def is_before(self, selection: Selection, expression: str) -> tuple[str, list[Any]]:
        # Any column may hold a text, but what was declared a number holds none of Django's times.
        if "INT" in selection.table.columns[selection.uploaded_at_column or ""].declared.upper():
            raise self.no_time(selection)
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

    # As many as any release takes.
    most_values = 999

    def insert_absent(self, table: Table, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        return (
            f"INSERT INTO {self.relation(table)} ({', '.join(map(self.quote, names))}) "
            f"VALUES {listed_values(rows)} ON CONFLICT DO NOTHING"
        )

    def address_type(self, name: str) -> str:
        return "INTEGER"

    def key_texts(self, value: Any) -> Iterable[str]:
        return uuid_texts(value)

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
