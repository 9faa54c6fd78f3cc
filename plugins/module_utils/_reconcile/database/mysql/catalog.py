# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The catalog of MySQL and MariaDB: tables, keys, foreign keys and triggers.

The schema of a table is empty where it is in the site's own database.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Sequence

from ...errors import SiteError
from ..base import Database, DriverError
from ..catalog import ColumnType, ForeignKey, Table
from .connection import ACCESS_DENIED
from .dialect import TEXTS, MySQLDialect

_FIND = (
    "SELECT t.table_name, coalesce(e.transactions, 'NO') = 'YES', "
    "       CAST(t.table_schema AS BINARY) = CAST(database() AS BINARY) "
    "FROM information_schema.tables AS t "
    "LEFT JOIN information_schema.engines AS e ON e.engine = t.engine "
    "WHERE t.table_schema = coalesce(nullif(%s, ''), database()) AND t.table_name = %s"
)
_COLUMNS = (
    "SELECT column_name, lower(data_type), column_type, is_nullable = 'YES', character_set_name, "
    "       collation_name, upper(extra), column_default FROM information_schema.columns "
    "WHERE table_schema = coalesce(nullif(%s, ''), database()) AND table_name = %s ORDER BY ordinal_position"
)
# Keys that are unique and cannot be NULL; the primary one first.
_KEYS = (
    "SELECT index_name, column_name, coalesce(sub_part, 0), nullable = 'YES' "
    "FROM information_schema.statistics "
    "WHERE table_schema = coalesce(nullif(%s, ''), database()) AND table_name = %s AND non_unique = 0 "
    "ORDER BY index_name <> 'PRIMARY', index_name, seq_in_index"
)
_FOREIGN_KEYS = (
    "SELECT k.constraint_schema, k.constraint_name, k.table_schema, k.table_name, k.column_name, "
    "       k.referenced_table_schema, k.referenced_table_name, k.referenced_column_name, r.delete_rule, "
    "       database() "
    "FROM information_schema.key_column_usage AS k JOIN information_schema.referential_constraints AS r "
    "ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name "
    "AND r.table_name = k.table_name "
    "WHERE k.referenced_table_name IS NOT NULL "
    "AND database() IN (k.table_schema, k.referenced_table_schema) "
    "ORDER BY k.table_schema, k.table_name, k.constraint_name, k.ordinal_position"
)
# What the storage engine knows of all databases, by the names of files, and says to who has the privilege
# PROCESS. In MariaDB, then in MySQL.
_ENGINE_TABLES = (
    ("innodb_sys_foreign", "innodb_sys_foreign_cols"),
    ("innodb_foreign", "innodb_foreign_cols"),
)
_FOREIGN_KEYS_OF_ENGINE = (
    "SELECT f.id, IF(CAST({own_schema} AS BINARY) = CAST(database() AS BINARY), '', {own_schema}), "
    "       {own_table}, c.for_col_name, '', {target_table}, c.ref_col_name, f.type "
    "FROM information_schema.{keys} AS f JOIN information_schema.{columns} AS c ON c.id = f.id "
    "WHERE CAST({target_schema} AS BINARY) = CAST(database() AS BINARY) ORDER BY f.id, c.pos"
)
# The lowest bits of its type.
_RULES = {1: "CASCADE", 2: "SET NULL"}
_TRIGGERS = (
    "SELECT trigger_name FROM information_schema.triggers "
    "WHERE event_object_schema = coalesce(nullif(%s, ''), database()) AND event_object_table = %s "
    "AND event_manipulation = 'DELETE' ORDER BY trigger_name"
)
# Who has not this privilege is shown no trigger.
_SEES_TRIGGERS = (
    "SELECT (SELECT count(*) FROM information_schema.user_privileges WHERE privilege_type = 'TRIGGER') "
    "+ (SELECT count(*) FROM information_schema.schema_privileges "
    "   WHERE privilege_type = 'TRIGGER' AND coalesce(nullif(%s, ''), database()) LIKE table_schema) "
    "+ (SELECT count(*) FROM information_schema.table_privileges WHERE privilege_type = 'TRIGGER' "
    "   AND table_schema = coalesce(nullif(%s, ''), database()) AND table_name = %s)"
)
UNKNOWN_TRIGGERS = "unknown, as this database user has not the privilege TRIGGER"


class MySQLCatalog(Database):
    """A database whose tables are looked up in ``information_schema``."""

    dialect: MySQLDialect
    _is_mariadb: bool

    def __init__(self) -> None:
        super().__init__()
        # Whether a table has transactions, of those that were looked up.
        self._has_transactions: dict[tuple[str, str], bool] = {}

    @abstractmethod
    def _all(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        """All rows of a short answer."""

    def _look_up(self, name: str) -> Table:
        with self._doing(f"looking up table {name}"):
            schema, relation = self._find(name)
            columns = {row[0]: self._column(row) for row in self._all(_COLUMNS, [schema, relation])}
            key = self._key(schema, relation)
        return Table(schema, relation, columns, key, bool(key))

    def _find(self, name: str) -> tuple[str, str]:
        """The schema and name of a table."""
        schema, _dot, rest = name.rpartition(".")
        # A name with a dot is a table of another database, and if there is none, a table with a dot.
        for place, relation in ((schema, rest), ("", name)):
            found = self._all(_FIND, [place, relation])
            # Where the server ignores case, the name comes as it has it.
            exact = [row for row in found if row[0] == relation] or found
            if exact:
                relation, has_transactions, is_ours = exact[0]
                identity = "" if is_ours else place, relation
                self._has_transactions[identity] = bool(has_transactions)
                return identity
        raise SiteError(
            f"there is no table {name!r} in {f'the database {schema!r}' if schema else 'the database'}, or "
            "this database user may not see it. Django calls a table APP_MODEL in lower case."
        )

    def _column(self, row: Sequence[Any]) -> ColumnType:
        name, kind, declared, nullable, charset, collation, extra, default = row
        text = f" CHARACTER SET {charset} COLLATE {collation}" if charset else ""
        return ColumnType(
            f"{declared}{text}",
            bool(nullable),
            kind in TEXTS,
            "VIRTUAL GENERATED" in extra or "STORED GENERATED" in extra,
            default="NULL" if default in (None, "NULL") else f"DEFAULT({self.dialect.quote(name)})",
        )

    def _key(self, schema: str, relation: str) -> tuple[str, ...]:
        """The columns of the first key that tells each row from every other."""
        keys: dict[str, list[Any]] = {}
        for row in self._all(_KEYS, [schema, relation]):
            keys.setdefault(row[0], []).append(row[1:])
        for parts in keys.values():
            if all(column and not length and not nullable for column, length, nullable in parts):
                return tuple(column for column, _length, _nullable in parts)
        return ()

    def delete_triggers(self, table: Table) -> list[str]:
        with self._doing(f"reading the triggers of {table.name}"):
            if not self._all(_SEES_TRIGGERS, [table.schema, *table.identity])[0][0]:
                return [UNKNOWN_TRIGGERS]
            return [name for (name,) in self._all(_TRIGGERS, table.identity)]

    def foreign_keys(self) -> list[ForeignKey]:
        with self._doing("reading the foreign keys"):
            rows = self._all(_FOREIGN_KEYS, [])
        links: dict[tuple[str, ...], list[Any]] = {}
        for row in rows:
            links.setdefault(tuple(row[:4]), []).append(row[2:])
        return [_link(parts) for parts in links.values()]

    def hidden_foreign_keys(self) -> list[ForeignKey]:
        with self._doing("reading the foreign keys that this user may not see"):
            keys, columns = _ENGINE_TABLES[0 if self._is_mariadb else 1]
            names = {
                f"{side}_{part}": _name_of_file(f"f.{name}", number)
                for side, name in (("own", "for_name"), ("target", "ref_name"))
                for part, number in (("schema", 1), ("table", -1))
            }
            try:
                rows = self._all(_FOREIGN_KEYS_OF_ENGINE.format(keys=keys, columns=columns, **names), [])
            except DriverError as error:
                if error.code not in ACCESS_DENIED:
                    raise
                return []
        links: dict[str, list[Any]] = {}
        for row in rows:
            rule = _RULES.get(int(row[-1]) & 3, "RESTRICT")
            links.setdefault(row[0], []).append((*row[1:-1], rule, ""))
        seen = set(map(_of_columns, self.foreign_keys()))
        found = [_link(parts) for parts in links.values()]
        return [key for key in found if _of_columns(key) not in seen]

    def require_transactions(self, table: Table) -> None:
        if not self._has_transactions.get(table.identity, False):
            raise SiteError(
                f"table {table.name} is kept by a storage engine without transactions (MyISAM?), so a change "
                "of it could not be undone when the run fails. Nothing in it is changed; convert it: "
                f"ALTER TABLE {table.name} ENGINE = InnoDB."
            )


def _of_columns(key: ForeignKey) -> tuple[str, str, tuple[str, ...]]:
    """What tells a key from others; the case in which its columns were once written does not."""
    return key.schema, key.table, tuple(map(str.lower, key.columns))


def _link(parts: Sequence[Any]) -> ForeignKey:
    schema, table, _ours, target_schema, target, _theirs, rule, ours = parts[0]
    return ForeignKey(
        "" if schema == ours else schema,
        table,
        tuple(part[2] for part in parts),
        "" if target_schema == ours else target_schema,
        target,
        tuple(part[5] for part in parts),
        # MariaDB says RESTRICT where no rule was written, as Django writes none, and both do the same there.
        "NO ACTION" if rule == "RESTRICT" else rule,
    )


def _name_of_file(name: str, part: int) -> str:
    """The database (1) or the table (-1) in a name by which the storage engine knows a table."""
    written = f"CAST(SUBSTRING_INDEX({name}, '/', {part}) AS BINARY)"
    return f"CONVERT(CONVERT({written} USING filename) USING utf8mb4)"
