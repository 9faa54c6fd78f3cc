# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Which rows of other tables depend on a record, and what becomes of them when it is removed.

Django keeps its ``on_delete`` rules in Python and declares every foreign key NO ACTION, so the
catalog has only which table references which. What becomes of a row is known from the user, from a
rule that the database itself enforces, or because its table only joins two others. Where it is not
known, the record is kept: nothing is removed on a guess.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Iterable, Iterator, Sequence

from ...config.options import SET_VALUE
from ...config.site import Column, DependentRule, RecordsJob
from ...database.base import Database
from ...database.catalog import ForeignKey, Table, TableIdentity, usual_name
from ...errors import SiteError
from ...kept import Code
from .link import (
    ATTACHED,
    NO_REPLACEMENT,
    TRIGGERED,
    UNDECLARED,
    UNDECLARED_PARENTS,
    UPDATING,
    Link,
    Replacement,
)
from .parents import Parents, upwards
from .rules import (
    changed_columns,
    key_without_constraint,
    of_database,
    possible_action,
    require_key,
    require_nullable,
    why_kept,
    with_table,
)
from .update import replacement_of


class Dependents:
    """The links that lead, step by step, from a table to all rows that depend on its records.

    It holds what the catalog and the user said, and no open database.
    """

    def __init__(self, job: RecordsJob, table: Table, database: Database) -> None:
        self.root = table
        self._foreign_keys = database.foreign_keys()
        self._hidden = database.hidden_foreign_keys()
        rules = list(with_table(job.dependents, database))
        # What the user says comes after what the project says, and replaces it under whatever name.
        rules.sort(key=lambda rule: not rule.is_implied)
        self._rules = {(database.table(rule.column.table).identity, rule.column.name): rule for rule in rules}
        self.parents = Parents(job, rules, table, database)
        self._site = job.site
        # Each table from which rows would be deleted and whose triggers are not known.
        self.triggers: dict[Table, str] = {}
        self._links: dict[Table, list[Link]] = {}
        self.warnings: list[str] = []
        self._with_parents: set[Table] = set()
        # The tables to whose rows nothing must be attached.
        self._unattached = {table} if job.select == "incomplete" else set()
        # Nothing depends on the files of rows that are kept.
        if not job.clears:
            self._unless_triggered("delete", table, database)
            self._collect(rules, database)
            self._require_effect([rule for rule in rules if not rule.is_implied], database)
        in_order = list(self._children_first())
        # Tables from which rows are deleted before those of the records, and after them.
        self.order = in_order[: in_order.index(table) + 1]
        self.order_after = in_order[in_order.index(table) + 1 :]

    def links(self) -> Iterator[Link]:
        """All ways in which a row may come to depend on a record."""
        for links in self._links.values():
            yield from links

    def links_to(self, table: Table) -> list[Link]:
        """The ways in which a row may depend on a row of this table that is deleted."""
        return self._links.get(table, [])

    @property
    def on_one_record(self) -> bool:
        """Whether no row can depend on two records, so that records can be handled a few at a time."""
        links = [link for link in self.links() if not self._leads_back(link)]
        reached = [link.child for link in links]
        return (
            len(set(reached)) == len(reached)
            and self.root not in reached
            and not any(link.holds_path for link in links)
        )

    @property
    def fit_sets(self) -> bool:
        """Whether joins along foreign keys that the database itself enforces lead to each row once.

        A row that others are to reference instead may be found among those that are deleted by its key only.
        """
        return self.on_one_record and not any(
            link.foreign_key is None or link.replacement or (link.is_upwards and link.action == "delete")
            for link in self.links()
        )

    def links_along(self, table: Table) -> list[Link]:
        """The links by which rows of a table are deleted."""
        return [link for link in self.links() if link.child == table and link.action == "delete"]

    def _leads_back(self, link: Link) -> bool:
        """Whether a link finds nothing but the rows of which this one's are the parents."""
        key = link.foreign_key
        return key is not None and any(
            up.is_upwards and up.action == "delete" and up.foreign_key == upwards(key)
            for up in self.links_to(link.child)
        )

    def _collect(self, rules: Iterable[DependentRule], database: Database) -> None:
        """Collect all links: each table from which rows are deleted may lead to others."""
        self._follow(self.root, database)
        left, met = self._unconstrained(rules, database), 0
        while met < len(self._links):
            met = len(self._links)
            left = [rule for rule in left if not self._add_unconstrained(rule, database)]
            self._add_parents(database)

    def _follow(self, table: Table, database: Database) -> None:
        """Collect the links to a table and, where rows would be deleted, the links to those."""
        if table in self._links:
            return
        near = {table.identity, *database.relatives(table)}
        for key in self._hidden:
            if (key.target_schema, key.target_table) in near:
                raise SiteError(
                    f"rows of {usual_name(key.schema, key.table)} reference rows of {table.name} by a "
                    "foreign key, and this database user may not see them: what becomes of them is not "
                    "known. Let it read that table (GRANT SELECT), or drop the foreign key."
                )
        self._links[table] = [
            self._link(key, table, database)
            for key in self._foreign_keys
            if (key.target_schema, key.target_table) in near
        ]
        for link in self._links[table]:
            if link.action == "delete":
                self._follow(link.child, database)

    @staticmethod
    def _points_at(key: ForeignKey, table: Table) -> bool:
        return (key.target_schema, key.target_table) == table.identity

    def _link(self, key: ForeignKey, parent: Table, database: Database) -> Link:
        child = database.table(f"{key.schema}.{key.table}")
        rules = [self._rules[name] for name in _columns_of(key) if name in self._rules]
        action, replacement = self._action_without_rule(key, child), None
        for rule in rules:
            action, replacement = self._action(rule, key, child, database)
        if action != "delete" or not self._attaches_nothing(key, child, rules):
            action = self._unless_attached(action, parent, f"{child.name}.{key.columns[0]}")
        if action != of_database(key):
            # What the database does is about the rows that it binds; other rules are about all rows.
            key = replace(key, own_tables=())
        action = self._unless_triggered(action, child, database)
        columns = changed_columns(key, child, action)
        name, why = next(((rule.name, why_kept(rule, child)) for rule in rules), ("", ""))
        return Link(
            parent, child, columns, action, foreign_key=key, name=name, why=why, replacement=replacement
        )

    def _action_without_rule(self, key: ForeignKey, child: Table) -> str:
        """What becomes of rows for which neither the user nor the project has a rule."""
        if self.parents.is_one_thing(key, child):
            return "delete"
        action = of_database(key) or UNDECLARED
        return "delete" if action == UNDECLARED and self._only_joins(child) else action

    def _attaches_nothing(self, key: ForeignKey, child: Table, rules: Sequence[DependentRule]) -> bool:
        """Whether rows that are deleted with a record do not mean that it was attached to something.

        Only a deletion that the user declared says so, or a row that is a part of the same thing.
        """
        return self.parents.is_one_thing(key, child) or any(not rule.is_implied for rule in rules)

    @staticmethod
    def _action(
        rule: DependentRule, key: ForeignKey, child: Table, database: Database
    ) -> tuple[str, Replacement | None]:
        """What a rule comes to, and the row that dependent rows are to reference instead, if any."""
        action = possible_action(rule, child)
        if action != SET_VALUE:
            return action, None
        replacement = replacement_of(rule, key, database)
        return (SET_VALUE if replacement.key else NO_REPLACEMENT), replacement

    def _only_joins(self, table: Table) -> bool:
        """Whether the rows of a table say nothing but that two others belong together.

        Django makes such a table for a many-to-many field: two foreign keys, and at most a key of its
        own. A child of multi-table inheritance is none: its key is one of its foreign keys.
        """
        keys = [key for key in self._foreign_keys if (key.schema, key.table) == table.identity]
        joined = {name for key in keys for name in key.columns}
        own = set(table.columns) - joined
        return (
            len(keys) == 2
            and not any(self._points_at(key, table) or set(key.columns) == set(table.key) for key in keys)
            and not any(table.columns[name].nullable for name in joined)
            and (not own or (table.has_primary_key and own == set(table.key) and len(own) == 1))
        )

    def _unconstrained(self, rules: Iterable[DependentRule], database: Database) -> list[DependentRule]:
        """The rules for what no catalog knows: generic relations, paths, keys without a constraint."""
        declared = {((key.schema, key.table), name) for key in self._foreign_keys for name in key.columns}
        return [
            rule
            for rule in rules
            if (database.table(rule.column.table).identity, rule.column.name) not in declared
        ]

    def _add_unconstrained(self, rule: DependentRule, database: Database) -> bool:
        """Add the link of such a rule; False where its target is no table from which rows are deleted."""
        child = database.table(rule.column.table)
        database.column(child, rule.column.name)
        target = database.table(rule.target) if rule.target else self.root
        if target not in self._links:
            return False
        if rule.action == "set_null" and not rule.holds_path:
            require_nullable(child, (rule.column.name,))
        key = key_without_constraint(rule, child, target, database)
        action, replacement = self._action(rule, key, child, database)
        if action in UPDATING:
            require_key(child, rule.column.name)
        if rule.holds_path:
            database.path_column(rule.column)
        action = self._unless_triggered(action, child, database)
        if action != "delete":
            action = self._unless_attached(action, target, f"{child.name}.{rule.column.name}")
        content_type = self._content_type(rule, child, database)
        if rule.content_type and content_type is None:
            return True
        self._links[target].append(
            Link(
                target,
                child,
                (rule.column.name,),
                action,
                target_columns=key.target_columns,
                content_type=content_type,
                content_type_column=rule.content_type_column,
                holds_path=rule.holds_path,
                name=rule.name,
                why=why_kept(rule, child),
                replacement=replacement,
            )
        )
        if action == "delete":
            self._follow(child, database)
        return True

    def _content_type(self, rule: DependentRule, child: Table, database: Database) -> int | None:
        """The number of a rule's content type; None if it has none, or no row can have it."""
        if not rule.content_type:
            return None
        database.column(child, rule.content_type_column)
        if rule.is_implied:
            # Django numbers a content type when the first row needs it.
            return database.content_type_or_none(*rule.content_type)
        found = database.content_type(*rule.content_type)
        self._check_model(rule.column, rule.content_type, database)
        return found

    def _unless_attached(self, action: str, table: Table, column: str) -> str:
        """The action, or that a row which references one of a table by this column keeps it as attached."""
        counts = table in self._unattached and action not in ("restrict", TRIGGERED)
        if not counts or self._site.accepts(Code.REFERENCED_ROW, column.encode()):
            return action
        return ATTACHED

    def _unless_triggered(self, action: str, table: Table, database: Database) -> str:
        """The action, or that a trigger keeps rows of a table from being deleted."""
        if action != "delete" or self._site.accepts(Code.DELETE_TRIGGER, table.name.encode()):
            return action
        if table not in self.triggers:
            self.triggers[table] = ", ".join(database.delete_triggers(table))
        return TRIGGERED if self.triggers[table] else action

    def _add_parents(self, database: Database) -> None:
        """Add the ways from rows that are deleted to their parents, and to what depends on these."""
        while self._with_parents != self._links.keys():
            table = next(table for table in self._links if table not in self._with_parents)
            self._with_parents.add(table)
            for key in self.parents.keys_of(table):
                # A row that goes because its parent does needs no word about it.
                along = self.links_along(table)
                if table != self.root and all(link.foreign_key == key for link in along):
                    continue
                said = self.parents.said_of(table) or UNDECLARED_PARENTS
                if said != "keep":
                    self._add_parent(table, key, said, database)

    def _add_parent(self, table: Table, key: ForeignKey, action: str, database: Database) -> None:
        parent = database.table(f"{key.target_schema}.{key.target_table}")
        action = self._unless_triggered(action, parent, database)
        link = Link(table, parent, key.columns, action, foreign_key=upwards(key), is_upwards=True)
        self._links[table].append(link)
        if action == "delete":
            if table in self._unattached:
                self._unattached.add(parent)
            self._follow(parent, database)

    def _check_model(self, column: Column, content_type: tuple[str, str], database: Database) -> None:
        """Rows of another model may have the same keys: a content type of theirs would take their rows."""
        app_label, model = content_type
        table = f"{app_label}_{model}"
        if table == self.root.relation:
            return
        said = f"dependents: content_type {app_label}.{model} of {column}"
        try:
            other = database.table(f"{self.root.schema}.{table}")
        except SiteError:
            self.warnings.append(
                f"{said} is read as the rows of {self.root.name}, though Django would call its table "
                f"{table} if nothing else was said"
            )
            return
        if not self.parents.inherits(self.root, other) and not self.parents.inherits(other, self.root):
            raise SiteError(
                f"{said} means the rows of {other.name}, and the records are rows of {self.root.name}: "
                f"dependent rows of others would be removed. Write the content type of {self.root.name}."
            )

    def _require_effect(self, rules: Iterable[DependentRule], database: Database) -> None:
        """Raise SiteError for a rule about a foreign key that does not lead to any row that is deleted."""
        met = {
            (link.child.identity, name)
            for links in self._links.values()
            for link in links
            for name in (link.foreign_key.columns if link.foreign_key else link.columns)
        }
        kept = self._below_kept()
        for rule in rules:
            column = (database.table(rule.column.table).identity, rule.column.name)
            if column not in met and not any(column in _columns_of(key) for key in kept):
                raise SiteError(
                    f"dependents: {rule.column} is a foreign key that does not lead to rows which are "
                    f"deleted with those of {self.root.name}, so the rule has no effect. "
                    "Correct it, or leave it out."
                )

    def _below_kept(self) -> list[ForeignKey]:
        """The foreign keys that lead to rows which are kept, and to what would be deleted with these."""
        stopping = (TRIGGERED, ATTACHED, UNDECLARED_PARENTS)
        reached: set[tuple[str, str]] = set()
        for link in self.links():
            if link.action in stopping:
                reached |= self.parents.ancestors(link.child)
        found: list[ForeignKey] = []
        while True:
            more = [key for key in self._foreign_keys if key not in found and _target(key) in reached]
            if not more:
                return found
            found += more
            reached |= {(key.schema, key.table) for key in more}

    def _children_first(self) -> Iterator[Table]:
        """The tables in an order in which rows can be deleted; a cycle needs deferred constraints."""
        seen: set[Table] = set()
        deleted = {link.child for link in self.links() if link.action == "delete"}

        def below(table: Table) -> Iterator[Link]:
            for link in self._links.get(table, ()):
                is_deleted = link.action == "delete" or (link.keeps_unless_deleted and link.child in deleted)
                if is_deleted and link.child not in seen:
                    yield link

        def visit(table: Table) -> Iterator[Table]:
            seen.add(table)
            for link in below(table):
                if not link.is_upwards:
                    yield from visit(link.child)
            yield table
            for link in below(table):
                yield from visit(link.child)

        return visit(self.root)


def _target(key: ForeignKey) -> tuple[str, str]:
    return key.target_schema, key.target_table


def _columns_of(key: ForeignKey) -> list[tuple[TableIdentity, str]]:
    return [((key.schema, key.table), name) for name in key.columns]
