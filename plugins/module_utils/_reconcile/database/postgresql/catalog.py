# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The catalog of PostgreSQL: tables, foreign keys, triggers, and which tables hold rows of others."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Iterable, Iterator, Sequence

from ...errors import SiteError
from ..base import Database
from ..catalog import ColumnType, ForeignKey, Table, TableIdentity

# The equality of a type's default operator class, which only a superuser can make; NULL for the system's.
EQUALITY = (
    "SELECT format('%%I.%%s', o.nspname, p.oprname) FROM pg_opclass AS k "
    "JOIN pg_am AS m ON m.oid = k.opcmethod AND m.amname = 'btree' "
    "JOIN pg_amop AS e ON e.amopfamily = k.opcfamily AND e.amopstrategy = 3 "
    "  AND e.amoplefttype = k.opcintype AND e.amoprighttype = k.opcintype "
    "JOIN pg_operator AS p ON p.oid = e.amopopr "
    "JOIN pg_namespace AS o ON o.oid = p.oprnamespace AND o.nspname <> 'pg_catalog' "
    "WHERE k.opcdefault AND k.opcintype = coalesce(nullif(t.typbasetype, 0), t.oid)"
)
ON_DELETE = {
    "a": "NO ACTION",
    "r": "RESTRICT",
    "c": "CASCADE",
    "n": "SET NULL",
    "d": "SET DEFAULT",
}
FOREIGN_KEYS = (
    "SELECT n.nspname, c.relname, own.names, tn.nspname, tc.relname, other.names, "
    "       k.confdeltype, "
    "       (SELECT array_agg(format('%%I.%%s', o.nspname, p.oprname) ORDER BY f.position) "
    "        FROM unnest(k.conpfeqop) WITH ORDINALITY AS f(operator, position) "
    "        JOIN pg_operator AS p ON p.oid = f.operator "
    "        JOIN pg_namespace AS o ON o.oid = p.oprnamespace), "
    # Since PostgreSQL 15 a rule may set some of the columns.
    "       (SELECT coalesce(array_agg(a.attname::text), '{}') "
    "        FROM jsonb_array_elements_text("
    "          coalesce(nullif(to_jsonb(k)->'confdelsetcols', 'null'), '[]')) AS s(attnum) "
    "        JOIN pg_attribute AS a "
    "          ON a.attrelid = k.conrelid AND a.attnum = s.attnum::int2) "
    "FROM pg_constraint AS k "
    "JOIN pg_class AS c ON c.oid = k.conrelid "
    "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
    "JOIN pg_class AS tc ON tc.oid = k.confrelid "
    "JOIN pg_namespace AS tn ON tn.oid = tc.relnamespace "
    "CROSS JOIN LATERAL (SELECT array_agg(a.attname::text ORDER BY p.position) AS names "
    "  FROM unnest(k.conkey) WITH ORDINALITY AS p(attnum, position) "
    "  JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = p.attnum) AS own "
    "CROSS JOIN LATERAL (SELECT array_agg(a.attname::text ORDER BY p.position) AS names "
    "  FROM unnest(k.confkey) WITH ORDINALITY AS p(attnum, position) "
    "  JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = p.attnum) AS other "
    "WHERE k.contype = 'f' AND k.conparentid = 0 ORDER BY 1, 2, k.conname"
)
# Each table with one that it is a partition of, or inherits from.
HIERARCHY = (
    "SELECT i.inhrelid::int8, cn.nspname, c.relname, i.inhparent::int8, pn.nspname, p.relname, "
    "       p.relkind = 'p' "
    "FROM pg_inherits AS i "
    "JOIN pg_class AS c ON c.oid = i.inhrelid JOIN pg_namespace AS cn ON cn.oid = c.relnamespace "
    "JOIN pg_class AS p ON p.oid = i.inhparent JOIN pg_namespace AS pn ON pn.oid = p.relnamespace "
    "WHERE c.relkind IN ('r', 'p', 'f') ORDER BY i.inhrelid, i.inhparent"
)
# Triggers and rules that fire when rows are deleted, but not those that foreign keys are made of.
TRIGGERS = (
    "SELECT n.nspname, c.relname, t.tgname FROM pg_trigger AS t "
    "JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace "
    "LEFT JOIN pg_constraint AS k ON k.oid = t.tgconstraint "
    "WHERE (t.tgtype & 8) <> 0 AND t.tgenabled NOT IN ('D', 'R') AND coalesce(k.contype, 't') = 't' "
    "UNION SELECT n.nspname, c.relname, r.rulename FROM pg_rewrite AS r "
    "JOIN pg_class AS c ON c.oid = r.ev_class JOIN pg_namespace AS n ON n.oid = c.relnamespace "
    "WHERE r.ev_type = '4' AND r.ev_enabled NOT IN ('D', 'R') ORDER BY 1, 2, 3"
)


class Hierarchy:
    """The tables that stand above or below others, as ``HIERARCHY`` selects them; it knows no others."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._oids: dict[TableIdentity, int] = {}
        self._names: dict[int, TableIdentity] = {}
        self._below: dict[int, list[int]] = {}
        self._above: dict[int, list[int]] = {}
        self._partitioned: set[int] = set()
        for child, child_schema, child_name, parent, parent_schema, parent_name, is_partitioned in rows:
            for oid, identity in (
                (child, (child_schema, child_name)),
                (parent, (parent_schema, parent_name)),
            ):
                self._oids[identity] = oid
                self._names[oid] = identity
            self._below.setdefault(parent, []).append(child)
            self._above.setdefault(child, []).append(parent)
            if is_partitioned:
                self._partitioned.add(parent)

    def relatives(self, table: TableIdentity) -> frozenset[TableIdentity]:
        """The tables below and above a table."""
        oid = self._oids.get(table)
        if oid is None:
            return frozenset()
        found = {*_reached(self._below, oid), *_reached(self._above, oid)}
        return frozenset(self._names[each] for each in found)

    def is_partitioned(self, table: TableIdentity) -> bool:
        """Whether a table has partitions."""
        return self._oids.get(table) in self._partitioned

    def heirs(self, table: TableIdentity) -> list[TableIdentity]:
        """The tables that inherit from a table and may have columns of their own; partitions have none."""
        oid = self._oids.get(table)
        if oid is None or oid in self._partitioned:
            return []
        return [self._names[each] for each in dict.fromkeys(_reached(self._below, oid))]

    def bound_by(self, table: TableIdentity) -> tuple[int, ...]:
        """The tables in which the rows lie that a foreign key of a table binds; () where there is but one.

        Partitions share the keys of their table, and tables that inherit do not.
        """
        oid = self._oids.get(table)
        if oid is None:
            return ()
        return (oid, *(_reached(self._below, oid) if oid in self._partitioned else ()))


def _reached(steps: dict[int, list[int]], start: int) -> Iterator[int]:
    for step in steps.get(start, ()):
        yield step
        yield from _reached(steps, step)


class PostgreSQLCatalog(Database):
    """A database whose tables are looked up in the catalog of PostgreSQL."""

    # Where a name without a schema is searched, as the session had it when it began.
    _schemas: Sequence[str]
    _search_path: str
    _read_hierarchy: Hierarchy | None = None

    @abstractmethod
    def _all(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        """All rows of a short answer."""

    @abstractmethod
    def _first(self, statement: str, parameters: Sequence[Any]) -> Any:
        """The first row, or None."""

    def _look_up(self, name: str) -> Table:
        with self._doing(f"looking up table {name}"):
            oid, schema, relation = self._find(name)
            columns = {
                column: ColumnType(
                    kind,
                    nullable,
                    category == "S",
                    generated,
                    (equality or "").replace("%", "%%"),
                    default.replace("%", "%%"),
                )
                for column, kind, nullable, category, generated, equality, default in self._all(
                    "SELECT a.attname, format_type(a.atttypid, -1), NOT a.attnotnull, t.typcategory, "
                    f"      coalesce(to_jsonb(a)->>'attgenerated', '') <> '', ({EQUALITY}), "
                    "      coalesce(pg_get_expr(d.adbin, d.adrelid), 'NULL') "
                    "FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid "
                    "LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
                    "WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
                    [oid],
                )
            }
            key = tuple(
                column
                for (column,) in self._all(
                    "SELECT a.attname FROM pg_index AS i "
                    "CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS part(attnum, position) "
                    "JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = part.attnum "
                    "WHERE i.indrelid = %s AND i.indisprimary ORDER BY part.position",
                    [oid],
                )
            )
        return Table(schema, relation, columns, key or ("tableoid", "ctid"), bool(key))

    def _find(self, name: str) -> tuple[int, str, str]:
        """The oid, schema and name of a table."""
        schema, _dot, relation = name.rpartition(".")
        # A name with a dot is a table of a schema, and if there is none, a table with a dot.
        places = [(schema, relation)] if schema else []
        schemas, relations = zip(*places, *((each, name) for each in self._schemas))
        found = self._first(
            "SELECT c.oid, n.nspname, c.relname "
            "FROM unnest(%s::name[], %s::name[]) WITH ORDINALITY AS w(nspname, relname, rank) "
            "JOIN pg_namespace AS n ON n.nspname = w.nspname "
            "JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = w.relname "
            "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY w.rank LIMIT 1",
            [list(schemas), list(relations)],
        )
        if found is None:
            raise SiteError(self._no_table(name, schema))
        oid, schema, relation = found
        return oid, schema, relation

    def _no_table(self, name: str, schema: str) -> str:
        if schema and self._first("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema]) is None:
            return f"the database has no schema {schema!r} (asked for table {name!r})."
        where = f"schema {schema!r}" if schema else f"the schemas {self._search_path}"
        return (
            f"there is no table {name!r} in {where}. "
            "Django calls a table APP_MODEL in lower case; write SCHEMA.TABLE for another schema."
        )

    def _hierarchy(self) -> Hierarchy:
        if self._read_hierarchy is None:
            with self._doing("reading which tables are partitions or inherit"):
                self._read_hierarchy = Hierarchy(self._all(HIERARCHY, []))
        return self._read_hierarchy

    def relatives(self, table: Table) -> frozenset[tuple[str, str]]:
        return self._hierarchy().relatives(table.identity)

    def heirs(self, table: Table) -> list[Table]:
        return [self.table(".".join(identity)) for identity in self._hierarchy().heirs(table.identity)]

    def delete_triggers(self, table: Table) -> list[str]:
        tables = {table.identity, *self.relatives(table)}
        with self._doing(f"reading the triggers of {table.name}"):
            triggers = self._all(TRIGGERS, [])
        return [name for schema, relation, name in triggers if (schema, relation) in tables]

    def foreign_keys(self) -> list[ForeignKey]:
        hierarchy = self._hierarchy()
        with self._doing("reading the foreign keys"):
            rows = self._all(FOREIGN_KEYS, [])
        return [
            ForeignKey(
                schema,
                table,
                tuple(names),
                to_schema,
                to_table,
                tuple(to_names),
                ON_DELETE[on],
                tuple(operator.replace("%", "%%") for operator in operators),
                tuple(set_columns),
                hierarchy.bound_by((schema, table)),
                hierarchy.bound_by((to_schema, to_table)),
            )
            for schema, table, names, to_schema, to_table, to_names, on, operators, set_columns in rows
        ]
