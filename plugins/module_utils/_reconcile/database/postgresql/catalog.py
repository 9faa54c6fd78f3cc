# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What is asked of the catalog of PostgreSQL: foreign keys, and which tables hold rows of others."""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Tuple

# Schema and name.
Identity = Tuple[str, str]

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


class Hierarchy:
    """The tables that stand above or below others, as ``HIERARCHY`` selects them; it knows no others."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._oids: dict[Identity, int] = {}
        self._names: dict[int, Identity] = {}
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

    def relatives(self, table: Identity) -> frozenset[Identity]:
        """The tables below and above a table."""
        oid = self._oids.get(table)
        if oid is None:
            return frozenset()
        found = {*_reached(self._below, oid), *_reached(self._above, oid)}
        return frozenset(self._names[each] for each in found)

    def heirs(self, table: Identity) -> list[Identity]:
        """The tables that inherit from a table and may have columns of their own; partitions have none."""
        oid = self._oids.get(table)
        if oid is None or oid in self._partitioned:
            return []
        return [self._names[each] for each in dict.fromkeys(_reached(self._below, oid))]

    def bound_by(self, table: Identity) -> tuple[int, ...]:
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
