# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Which tables have parents: tables whose rows may be a part of the same thing, and what becomes of these.

A child of Django's multi-table inheritance has a row in a table of its own, whose primary key is a foreign
key to the row of the parent; ``delete()`` deletes both. A one-to-one primary key looks the same in the
catalog, and there Django keeps the other row. So it is asked.
"""

from __future__ import annotations

from typing import Iterable

from ...config.site import DependentRule, RecordsJob
from ...database.base import Database
from ...database.catalog import ForeignKey, Table
from ...errors import SiteError

# Of several parents, the key of one is the primary key. Django calls the others so.
_FURTHER_PARENT = "_ptr_id"


class Parents:
    """The foreign keys that lead to parents, and what is said of these, by the table of the child."""

    def __init__(
        self, job: RecordsJob, rules: Iterable[DependentRule], table: Table, database: Database
    ) -> None:
        self._database = database
        self._keys: dict[tuple[str, str], list[ForeignKey]] = {}
        for key in database.foreign_keys():
            self._keys.setdefault((key.schema, key.table), []).append(key)
        self._known = dict(job.parent_links)
        self._said: dict[tuple[str, str], str] = {}
        if job.parents:
            self._say(table, job.parents)
        for rule in rules:
            if rule.parents:
                self._say(database.table(rule.column.table), rule.parents)
        self._say_of_ancestors()

    def keys_of(self, table: Table) -> list[ForeignKey]:
        """The foreign keys that lead from a table to its parents."""
        if not table.has_primary_key:
            return []
        keys = self._keys.get(table.identity, [])
        known = self._known.get(table.relation, self._known.get(table.name))
        if known is not None:
            # A project knows what the catalog only suggests.
            return [key for key in keys if len(key.columns) == 1 and key.columns[0] in known]
        found = [key for key in keys if set(key.columns) == set(table.key)]
        if found:
            found += [key for key in keys if key not in found and key.columns[0].endswith(_FURTHER_PARENT)]
        return found

    def said_of(self, table: Table) -> str | None:
        """What becomes of the parents of a table's rows: delete, keep, or None where nobody said it."""
        return self._said.get(table.identity)

    def is_one_thing(self, key: ForeignKey, child: Table) -> bool:
        """Whether rows that a foreign key joins are a child and its parent, which are deleted together."""
        return self.said_of(child) == "delete" and key in self.keys_of(child)

    def inherits(self, child: Table, other: Table) -> bool:
        """Whether a table is a child of another, over any number of levels, so that their rows share keys."""
        return other.identity in self.ancestors(child)

    def ancestors(self, table: Table) -> set[tuple[str, str]]:
        """A table, its parents whose rows have the same keys, theirs, and so on."""
        reached: set[tuple[str, str]] = set()
        pending = [table.identity]
        while pending:
            current = self._table(pending.pop())
            reached.add(current.identity)
            above = [key for key in self.keys_of(current) if key.columns == current.key]
            targets = [(key.target_schema, key.target_table) for key in above]
            pending += [target for target in targets if target not in reached]
        return reached

    def _say(self, table: Table, parents: str) -> None:
        if self._said.setdefault(table.identity, parents) != parents:
            raise SiteError(
                f"parents is said to be delete and keep for rows of {table.name}. Keep one of the two."
            )

    def _say_of_ancestors(self) -> None:
        """What is said of the parents of a row holds for their own parents."""
        pending = [identity for identity, said in self._said.items() if said == "delete"]
        while pending:
            table = self._table(pending.pop())
            for parent in self._parents_of(table):
                if parent not in self._said:
                    self._said[parent] = "delete"
                    pending.append(parent)

    def _parents_of(self, table: Table) -> Iterable[tuple[str, str]]:
        return [(key.target_schema, key.target_table) for key in self.keys_of(table)]

    def _table(self, identity: tuple[str, str]) -> Table:
        return self._database.table(".".join(identity))


def upwards(key: ForeignKey) -> ForeignKey:
    """A foreign key read from its other end, as if the referenced row were the one that references."""
    return ForeignKey(
        key.target_schema,
        key.target_table,
        key.target_columns,
        key.schema,
        key.table,
        key.columns,
        "NO ACTION",
        key.operators,
        own_tables=key.target_tables,
        target_tables=key.own_tables,
    )
