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

from dataclasses import dataclass, replace
from typing import Iterable, Iterator

from ...config.site import Column, DependentRule, RecordsJob
from ...database.base import Database
from ...database.catalog import ForeignKey, Table
from ...errors import SiteError
from ...kept import Code
from .parents import Parents, upwards

_BY_DATABASE = {
    "CASCADE": "delete",
    "SET NULL": "set_null",
    "SET DEFAULT": "set_default",
    "RESTRICT": "restrict",
}
# What becomes of the rows is not known.
UNDECLARED = "undeclared"
UNDECLARED_PARENTS = "undeclared_parents"
# Rows would be deleted from a table with a trigger that is not known.
TRIGGERED = "delete_trigger"
# Of the job incomplete: the record was attached to the row.
ATTACHED = "referenced_row"
_KEEPS = {
    "restrict": Code.RESTRICTED,
    UNDECLARED: Code.UNDECLARED_DEPENDENTS,
    UNDECLARED_PARENTS: Code.UNDECLARED_PARENTS,
    TRIGGERED: Code.DELETE_TRIGGER,
    ATTACHED: Code.REFERENCED_ROW,
}


# What leaves a row and changes it.
CLEARING = ("set_null", "set_default")


@dataclass(frozen=True)
class Link:
    """One way in which rows of ``child`` depend on rows of ``parent``.

    With ``is_upwards`` it is the other way round: the foreign key leads from ``parent``, as the rows of which
    this is about are called here, to ``child``, whose rows are deleted after those that reference them.
    """

    parent: Table
    child: Table
    columns: tuple[str, ...]
    action: str
    foreign_key: ForeignKey | None = None
    content_type: int | None = None
    content_type_column: str = ""
    holds_path: bool = False
    is_upwards: bool = False

    def __str__(self) -> str:
        table = self.parent if self.is_upwards else self.child
        return f"{table.name}.{', '.join(self.columns)}"

    @property
    def keeps(self) -> Code | None:
        """For which reason a row keeps the record on which it depends; None if it does not."""
        return _KEEPS.get(self.action)

    @property
    def to_default(self) -> bool:
        return self.action == "set_default"

    @property
    def key(self) -> ForeignKey:
        """The foreign key of the catalog, or what one would be that the user names."""
        return self.foreign_key or ForeignKey(
            *self.child.identity, self.columns, *self.parent.identity, self.parent.key, "NO ACTION"
        )


class Dependents:
    """The links that lead, step by step, from a table to all rows that depend on its records.

    It holds what the catalog and the user said, and no open database.
    """

    def __init__(self, job: RecordsJob, table: Table, database: Database) -> None:
        self.root = table
        self._foreign_keys = database.foreign_keys()
        self._rules = {
            (database.table(rule.column.table).identity, rule.column.name): rule for rule in job.dependents
        }
        self.parents = Parents(job, table, database, self._foreign_keys)
        self._site = job.site
        # Each table from which rows would be deleted and whose triggers are not known.
        self.triggers: dict[Table, str] = {}
        self._links: dict[Table, list[Link]] = {}
        self.warnings: list[str] = []
        # The tables to whose rows nothing must be attached.
        self._unattached = {table} if job.select == "incomplete" else set()
        # Nothing depends on the files of rows that are kept.
        if not job.clears:
            self._unless_triggered("delete", table, database)
            self._follow(table, database)
            self._add_unconstrained(job.dependents, database)
            self._add_parents(database)
            self._require_effect(job.dependents, database)
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
    def has_unconstrained(self) -> bool:
        """Whether rows depend on records without a foreign key that the database itself enforces."""
        return any(link.foreign_key is None for link in self.links())

    @property
    def delete_parents(self) -> bool:
        """Whether rows are deleted that deleted ones reference."""
        return any(link.is_upwards and link.action == "delete" for link in self.links())

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

    def _follow(self, table: Table, database: Database) -> None:
        """Collect the links to a table and, where rows would be deleted, the links to those."""
        if table in self._links:
            return
        near = {table.identity, *database.relatives(table)}
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
        nullable = tuple(name for name in key.columns if child.columns[name].nullable)
        action = _BY_DATABASE.get(key.on_delete, UNDECLARED)
        if action == UNDECLARED and self._only_joins(child):
            action = "delete"
        is_one_thing = self.parents.is_one_thing(key, child)
        if is_one_thing:
            action = "delete"
        said = [self._rules.get((child.identity, name)) for name in key.columns]
        for rule in filter(None, said):
            action = rule.action
            _require_default(rule, child)
        # Only a deletion that somebody declared says that the row attaches the record to nothing.
        if action != "delete" or not (is_one_thing or any(said)):
            action = self._unless_attached(action, parent, f"{child.name}.{key.columns[0]}")
        if action != _BY_DATABASE.get(key.on_delete):
            # What the database does is about the rows that it binds; other rules are about all rows.
            key = replace(key, own_tables=())
        action = self._unless_triggered(action, child, database)
        if action == "set_null" and not nullable:
            raise SiteError(
                f"dependents: {child.name}.{', '.join(key.columns)} cannot be set to NULL, the table "
                "forbids it. Choose delete or restrict."
            )
        if action in CLEARING:
            _require_key(child, ", ".join(key.columns))
        columns = nullable if action == "set_null" else key.columns
        if action == _BY_DATABASE.get(key.on_delete):
            columns = key.set_columns or columns
        return Link(parent, child, columns, action, foreign_key=key)

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

    def _add_unconstrained(self, rules: Iterable[DependentRule], database: Database) -> None:
        """Add what no catalog knows: generic relations, paths, keys without a constraint."""
        declared = {((key.schema, key.table), name) for key in self._foreign_keys for name in key.columns}
        for rule in rules:
            child = database.table(rule.column.table)
            column = database.column(child, rule.column.name)
            if (child.identity, rule.column.name) in declared:
                continue
            if rule.action == "set_null" and not column.nullable and not rule.holds_path:
                raise SiteError(
                    f"dependents: {rule.column} cannot be set to NULL, the table forbids it. "
                    "Choose delete or restrict."
                )
            _require_default(rule, child)
            if rule.action in CLEARING:
                _require_key(child, rule.column.name)
            if rule.holds_path:
                database.path_column(rule.column)
            elif len(self.root.key) != 1:
                raise SiteError(
                    f"dependents: {rule.column} is one column, and the key of {self.root.name} has "
                    f"{len(self.root.key)}, so it cannot name one of its rows."
                )
            action = self._unless_triggered(rule.action, child, database)
            if action != "delete":
                action = self._unless_attached(action, self.root, f"{child.name}.{rule.column.name}")
            content_type = None
            if rule.content_type:
                database.column(child, rule.content_type_column)
                content_type = database.content_type(*rule.content_type)
                self._check_model(rule.column, rule.content_type, database)
            self._links[self.root].append(
                Link(
                    self.root,
                    child,
                    (rule.column.name,),
                    action,
                    content_type=content_type,
                    content_type_column=rule.content_type_column,
                    holds_path=rule.holds_path,
                )
            )
            if action == "delete":
                self._follow(child, database)

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
        done: set[Table] = set()
        while done != self._links.keys():
            table = next(table for table in self._links if table not in done)
            done.add(table)
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

        def visit(table: Table) -> Iterator[Table]:
            seen.add(table)
            for link in self._links.get(table, ()):
                if link.action == "delete" and link.child not in seen and not link.is_upwards:
                    yield from visit(link.child)
            yield table
            for link in self._links.get(table, ()):
                if link.action == "delete" and link.child not in seen:
                    yield from visit(link.child)

        return visit(self.root)


def _require_default(rule: DependentRule, table: Table) -> None:
    """Django keeps most defaults in Python, where nobody knows them here."""
    if rule.action == "set_default" and table.columns[rule.column.name].default == "NULL":
        raise SiteError(
            f"dependents: the database knows no default of {rule.column} (db_default in the model), so it "
            "cannot be set. Choose restrict."
        )


def _require_key(table: Table, column: str) -> None:
    """A row that is changed must be found again to be set back."""
    if not table.has_primary_key:
        raise SiteError(
            f"dependents: {table.name} has no primary key, so a row of it that is set to NULL could "
            f"not be restored. Choose delete or restrict for {table.name}.{column}."
        )


def _target(key: ForeignKey) -> tuple[str, str]:
    return key.target_schema, key.target_table


def _columns_of(key: ForeignKey) -> set[tuple[tuple[str, str], str]]:
    return {((key.schema, key.table), name) for name in key.columns}
