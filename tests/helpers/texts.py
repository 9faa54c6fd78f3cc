# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The texts of a database, as the sweep reads them."""

from __future__ import annotations

from typing import Any

from engine.database.base import Database
from engine.database.sweep import SearchedTable


def rows_of(database: Database, table: SearchedTable, **how: Any) -> list[tuple[Any, ...]]:
    """All rows of a table: the values of the key where they are asked for, then the texts."""
    rows: list[tuple[Any, ...]] = []
    database.read_texts(table, lambda block: rows.extend((*row.key, *row.texts) for row in block), **how)
    return rows
