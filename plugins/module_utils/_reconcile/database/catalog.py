# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the engine knows of a database: its tables, keys and rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, NamedTuple

# Rows that are fetched, and keys that are sent, at a time.
BATCH = 10_000


@dataclass(frozen=True)
class ColumnType:
    declared: str
    nullable: bool
    holds_paths: bool
    generated: bool = False


@dataclass(frozen=True)
class Table:
    """A table as the catalog has it. ``key`` is the row's address where there is no primary key."""

    schema: str
    relation: str
    columns: dict[str, ColumnType] = field(compare=False)
    key: tuple[str, ...] = field(compare=False)
    has_primary_key: bool = field(compare=False)

    @property
    def name(self) -> str:
        """The name as people write it: without the schema where that is the usual one."""
        usual = self.schema in ("public", "main")
        return self.relation if usual else f"{self.schema}.{self.relation}"

    @property
    def identity(self) -> tuple[str, str]:
        return self.schema, self.relation

    def __hash__(self) -> int:
        # Asked for each row that hangs on a record; text keeps its hash.
        return hash(self.relation)


@dataclass(frozen=True)
class ForeignKey:
    """A constraint by which rows of one table point at rows of another."""

    schema: str
    table: str
    columns: tuple[str, ...]
    target_schema: str
    target_table: str
    target_columns: tuple[str, ...]
    on_delete: str


@dataclass(frozen=True)
class Selection:
    """Which rows of a table a job is about; every statement repeats the whole of it.

    Without ``unattached_column`` these are the rows that name a file. With it, they are the rows in
    which that column is NULL and which were uploaded before ``cutoff`` (seconds since 1970).
    """

    table: Table
    file_column: str
    unattached_column: str | None = None
    uploaded_at_column: str | None = None
    cutoff: float = 0.0
    time_zone: str | None = None


class Row(NamedTuple):
    key: tuple[Any, ...]
    file: bytes | None


class Details(NamedTuple):
    """What is worth knowing of a row that may go: its companions and who owns it."""

    key: tuple[Any, ...]
    companions: tuple[bytes | None, ...]
    owner: str | None


# A row as the quarantine keeps it: its key columns, and each value in a form that JSON can
# carry and that the same database turns back into exactly that value.
StoredRow = Dict[str, Any]
