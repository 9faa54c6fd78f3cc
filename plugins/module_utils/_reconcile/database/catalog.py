# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the engine knows of a database: its tables, columns, keys, foreign keys and rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, Dict, NamedTuple, Sequence, Tuple

from ..config.only import Only
from ..errors import SiteError

# Rows that are fetched, and keys that are sent, at a time.
BATCH = 10_000

# The schema and the name of a table.
TableIdentity = Tuple[str, str]
# The address of a row: the values of its key, as the database gives them.
Key = Tuple[Any, ...]
Keys = Sequence[Key]
# A row as the quarantine keeps it: its key columns (``key``), and each value by its column's name
# (``row``) in a form that JSON can carry and that the same database turns back into exactly that value.
StoredRow = Dict[str, Any]


@dataclass(frozen=True)
class ColumnType:
    """What a column may hold. ``declared`` is its type as the database writes it in a cast.

    ``equality`` is the operator of a type that has one of its own, such as one that ignores case, and
    ``default`` the expression of the value that a row gets which does not say one.
    """

    declared: str
    nullable: bool
    holds_paths: bool
    generated: bool = False
    equality: str = ""
    default: str = "NULL"


def usual_name(schema: str, relation: str) -> str:
    """The name of a table as people write it: without the schema where that is the usual one."""
    return relation if schema in ("public", "main", "") else f"{schema}.{relation}"


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
        return usual_name(self.schema, self.relation)

    @property
    def identity(self) -> TableIdentity:
        return self.schema, self.relation

    def equality(self, name: str) -> str:
        """The operator of a column's type, or of the row's address, if it has one of its own."""
        return self.columns[name].equality if name in self.columns else ""

    def __hash__(self) -> int:
        # Asked for each dependent row; text keeps its hash.
        return hash(self.relation)


@dataclass(frozen=True)
class ForeignKey:
    """A constraint by which rows of one table reference rows of another.

    ``on_delete`` is the rule that the database itself enforces: NO ACTION, RESTRICT, CASCADE, SET NULL
    or SET DEFAULT; ``set_columns`` are those that it sets, where these are not all. ``operators`` compare
    each pair of columns, where the database says which it uses. ``own_tables`` and ``target_tables`` are the
    numbers of the tables in which the rows lie that are bound and referenced, where there are several.
    """

    schema: str
    table: str
    columns: tuple[str, ...]
    target_schema: str
    target_table: str
    target_columns: tuple[str, ...]
    on_delete: str
    operators: tuple[str, ...] = field(default=(), compare=False)
    set_columns: tuple[str, ...] = field(default=(), compare=False)
    own_tables: tuple[int, ...] = field(default=(), compare=False)
    target_tables: tuple[int, ...] = field(default=(), compare=False)


# The foreign keys that lead from a table to another, each with the table that it is of.
Steps = Sequence[Tuple[ForeignKey, Table]]


class GenericRelation(NamedTuple):
    """Columns by which rows of ``table`` reference rows of one model: a content type, and a key."""

    table: Table
    column: str
    content_type_column: str
    content_type: int


class Dangling(NamedTuple):
    """That a row with this content type points at an object that its table does not have."""

    content_type_column: str
    object_id_column: str
    content_type: int
    target: Table
    key: str


@dataclass(frozen=True)
class Selection:
    """Which rows of a table a job is about; every statement repeats the whole of it.

    Without ``unattached_columns`` these are the rows that reference a file; with them, those in which one of
    them is NULL, or that are ``dangling`` in one of these ways. With ``uploaded_at_column``, it must be
    before ``cutoff`` (seconds since 1970). With ``only``, a row must have one of these values in each of
    these columns, or NULL. The file column holds paths below ``prefix``; those of rows begin with it.
    """

    table: Table
    file_column: str
    unattached_columns: tuple[str, ...] = ()
    uploaded_at_column: str | None = None
    cutoff: float = 0.0
    time_zone: str | None = None
    only: Only = ()
    dangling: tuple[Dangling, ...] = ()
    prefix: str = ""

    @property
    def of_any_age(self) -> Selection:
        """The same rows, and those that are too young."""
        return replace(self, uploaded_at_column=None)


class Row(NamedTuple):
    key: tuple[Any, ...]
    file: bytes | None


class Details(NamedTuple):
    """What a report says of a row that may go: its companion files, and who owns it."""

    key: tuple[Any, ...]
    companions: tuple[bytes | None, ...]
    owner: str | None


class Catalog(ABC):
    """The tables of a database, each looked up once."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}

    def table(self, name: str) -> Table:
        """Find a table or view by the name that the user wrote: TABLE or SCHEMA.TABLE.

        Raises SiteError if there is none, DatabaseError if the database could not be asked.
        """
        if name not in self._tables:
            self._tables[name] = self._look_up(name)
        return self._tables[name]

    def has_table(self, name: str) -> bool:
        """Whether there is such a table or view."""
        try:
            self.table(name)
        except SiteError:
            return False
        return True

    @abstractmethod
    def _look_up(self, name: str) -> Table: ...

    def column(self, table: Table, name: str) -> ColumnType:
        """The column of that name; raises SiteError, which lists the columns, if there is none."""
        if name not in table.columns:
            raise SiteError(
                f"table {table.name} has no column {name!r}. "
                f"Its columns are: {', '.join(sorted(table.columns))}."
            )
        return table.columns[name]

    def relatives(self, table: Table) -> frozenset[tuple[str, str]]:
        """The tables that hold rows of this one, or of which this one holds rows, by schema and name."""
        return frozenset()

    def heirs(self, table: Table) -> list[Table]:
        """The tables that hold rows of this one and may have columns that it has not."""
        return []

    def require_transactions(self, table: Table) -> None:  # noqa: B027 (only some databases have such)
        """Raise SiteError for a table whose changes cannot be rolled back."""

    @abstractmethod
    def delete_triggers(self, table: Table) -> list[str]:
        """The triggers that fire when rows of a table are deleted, those of foreign keys aside."""

    @abstractmethod
    def foreign_keys(self) -> list[ForeignKey]:
        """All foreign keys of the database, those of several columns included."""

    def hidden_foreign_keys(self) -> list[ForeignKey]:
        """Those of tables that this database user may not see, as far as the database says so."""
        return []
