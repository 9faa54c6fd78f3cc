# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What hangs on a record, and what becomes of it when the record goes.

Django keeps its ``on_delete`` rules in Python and declares every foreign key NO ACTION, so the
catalog tells only who points at whom. The rule here: a row that cannot exist without the record (NOT
NULL) goes with it, a row that can (nullable) is detached, a rule that the database itself enforces
is respected, and whatever the user says of a column comes before all that.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, Iterator, Sequence, Set, Tuple

from .database.base import Database
from .database.model import ForeignKey, Row, Table
from .errors import DatabaseError, SiteError
from .plan import counted
from .site import Column, DependentRule, RecordsJob

RowKey = Tuple[Any, ...]
# Rows, each with the records for whose sake it was reached.
Reached = Dict[RowKey, Set[RowKey]]
_BY_DATABASE = {"CASCADE": "delete", "SET NULL": "set_null", "RESTRICT": "restrict"}


@dataclass(frozen=True)
class Link:
    """One way in which rows of ``child`` hang on rows of ``parent``."""

    parent: Table
    child: Table
    columns: tuple[str, ...]
    action: str
    foreign_key: ForeignKey | None = None
    content_type: int | None = None
    content_type_column: str = ""
    holds_path: bool = False

    def __str__(self) -> str:
        return f"{self.child.name}.{', '.join(self.columns)}"


@dataclass
class Cascade:
    """The rows that go or change together with some records, table by table."""

    deleted: dict[Table, set[RowKey]] = field(default_factory=lambda: defaultdict(set))
    cleared: dict[tuple[Table, tuple[str, ...]], set[RowKey]] = field(
        default_factory=lambda: defaultdict(set)
    )
    restricted: dict[RowKey, str] = field(default_factory=dict)
    followed: dict[tuple[Table, RowKey], set[RowKey]] = field(default_factory=lambda: defaultdict(set))
    # For whose sake a row goes or changes.
    origins: dict[tuple[Table, RowKey], set[RowKey]] = field(default_factory=lambda: defaultdict(set))

    def counts(self) -> dict[str, dict[str, int]]:
        """Rows to delete and to update, by table."""
        result: dict[str, dict[str, int]] = {}
        for table, keys in self.deleted.items():
            if keys:
                result.setdefault(table.name, {"deleted": 0, "updated": 0})["deleted"] += len(keys)
        updated: dict[Table, set[RowKey]] = defaultdict(set)
        for (table, _columns), keys in self.cleared.items():
            # A row that loses two columns is one row.
            updated[table] |= keys - self.deleted.get(table, set())
        for table, keys in updated.items():
            if keys:
                result.setdefault(table.name, {"deleted": 0, "updated": 0})["updated"] += len(keys)
        return result


class Dependents:
    """The links that lead, step by step, from a table to all rows that hang on its records."""

    def __init__(self, job: RecordsJob, table: Table, database: Database) -> None:
        self._database = database
        self._root = table
        self._foreign_keys = database.foreign_keys()
        self._rules = {
            (database.table(rule.column.table).identity, rule.column.name): rule for rule in job.dependents
        }
        self._links: dict[Table, list[Link]] = {}
        self.warnings: list[str] = []
        self._follow(table)
        self._add_undeclared(job.dependents)
        self._require_effect(job.dependents)
        self._order = list(self._children_first())

    def links(self) -> Iterator[Link]:
        """All ways in which a row may come to hang on a record."""
        for links in self._links.values():
            yield from links

    @property
    def hang_on_one(self) -> bool:
        """Whether no row can hang on two records, so that records can be handled a few at a time."""
        links = list(self.links())
        reached = [link.child for link in links]
        return (
            len(set(reached)) == len(reached)
            and self._root not in reached
            and not any(link.holds_path for link in links)
        )

    def _follow(self, table: Table) -> None:
        """Collect the links to a table and, where rows would be deleted, the links to those."""
        if table in self._links:
            return
        self._links[table] = [
            self._link(key, table) for key in self._foreign_keys if self._points_at(key, table)
        ]
        for link in self._links[table]:
            if link.action == "delete":
                self._follow(link.child)

    @staticmethod
    def _points_at(key: ForeignKey, table: Table) -> bool:
        return (key.target_schema, key.target_table) == table.identity

    def _link(self, key: ForeignKey, parent: Table) -> Link:
        child = self._database.table(f"{key.schema}.{key.table}")
        nullable = tuple(name for name in key.columns if child.columns[name].nullable)
        action = _BY_DATABASE.get(key.on_delete) or ("set_null" if nullable else "delete")
        for name in key.columns:
            rule = self._rules.get((child.identity, name))
            if rule:
                action = rule.action
        if action == "set_null" and not nullable:
            raise SiteError(
                f"dependents: {child.name}.{', '.join(key.columns)} cannot be set to NULL, the table "
                "forbids it. Choose delete or restrict."
            )
        if action == "set_null":
            _require_key(child, ", ".join(key.columns))
        columns = nullable if action == "set_null" else key.columns
        return Link(parent, child, columns, action, foreign_key=key)

    def _add_undeclared(self, rules: Iterable[DependentRule]) -> None:
        """Add what no catalog knows: generic relations, paths, keys without a constraint."""
        declared = {((key.schema, key.table), name) for key in self._foreign_keys for name in key.columns}
        for rule in rules:
            child = self._database.table(rule.column.table)
            column = self._database.column(child, rule.column.name)
            if (child.identity, rule.column.name) in declared:
                continue
            if rule.action == "set_null" and not column.nullable and not rule.holds_path:
                raise SiteError(
                    f"dependents: {rule.column} cannot be set to NULL, the table forbids it. "
                    "Choose delete or restrict."
                )
            if rule.action == "set_null":
                _require_key(child, rule.column.name)
            if rule.holds_path:
                self._database.path_column(rule.column)
            elif len(self._root.key) != 1:
                raise SiteError(
                    f"dependents: {rule.column} is one column, and the key of {self._root.name} has "
                    f"{len(self._root.key)}, so it cannot name one of its rows."
                )
            content_type = None
            if rule.content_type:
                self._database.column(child, rule.content_type_column)
                content_type = self._database.content_type(*rule.content_type)
                self._check_model(rule.column, *rule.content_type)
            self._links[self._root].append(
                Link(
                    self._root,
                    child,
                    (rule.column.name,),
                    rule.action,
                    content_type=content_type,
                    content_type_column=rule.content_type_column,
                    holds_path=rule.holds_path,
                )
            )
            if rule.action == "delete":
                self._follow(child)

    def _check_model(self, column: Column, app_label: str, model: str) -> None:
        """Rows of another model may have the same keys: a content type of theirs would take their rows."""
        table = f"{app_label}_{model}"
        if table == self._root.relation:
            return
        said = f"dependents: content_type {app_label}.{model} of {column}"
        try:
            other = self._database.table(f"{self._root.schema}.{table}")
        except SiteError:
            self.warnings.append(
                f"{said} is taken to mean the rows of {self._root.name}, though Django would call its table "
                f"{table} if nothing else was said"
            )
            return
        if not self._share_keys(self._root, other) and not self._share_keys(other, self._root):
            raise SiteError(
                f"{said} means the rows of {other.name}, and the records are rows of {self._root.name}: what "
                f"hangs on others would go. Write the content type of {self._root.name}."
            )

    def _share_keys(self, child: Table, parent: Table) -> bool:
        """Whether a model inherits from another, so that a row of each has the same key."""
        return any(
            (key.schema, key.table) == child.identity
            and key.columns == child.key
            and self._points_at(key, parent)
            for key in self._foreign_keys
        )

    def _require_effect(self, rules: Iterable[DependentRule]) -> None:
        """Raise SiteError for a rule about a foreign key that does not lead to any row that goes."""
        met = {
            (link.child.identity, name)
            for links in self._links.values()
            for link in links
            for name in (link.foreign_key.columns if link.foreign_key else link.columns)
        }
        for rule in rules:
            if (self._database.table(rule.column.table).identity, rule.column.name) not in met:
                raise SiteError(
                    f"dependents: {rule.column} is a foreign key that does not lead to rows which go with "
                    f"those of {self._root.name}, so the rule would do nothing. Correct or remove it."
                )

    def _children_first(self) -> Iterator[Table]:
        """The tables in an order in which rows can be deleted; a cycle needs deferred constraints."""
        seen: set[Table] = set()

        def visit(table: Table) -> Iterator[Table]:
            seen.add(table)
            for link in self._links.get(table, ()):
                if link.action == "delete" and link.child not in seen:
                    yield from visit(link.child)
            yield table

        return visit(self._root)

    def cascade(self, rows: Sequence[Row]) -> Cascade:
        """Follow the links from some records to the end, reading only.

        A record on which a restricted row hangs, however far away, is in ``restricted``; nothing
        else of the result counts it, so ask again without it.
        """
        cascade = Cascade()
        origins = {row.key: {row.key} for row in rows}
        files: dict[bytes, set[RowKey]] = defaultdict(set)
        for row in rows:
            if row.file:
                files[row.file].add(row.key)
        pending: dict[Table, Reached] = {self._root: origins}
        own = set(origins)
        while pending:
            table, parents = pending.popitem()
            for link in self._links.get(table, ()):
                reached: Reached = defaultdict(set)
                for parent, child in self._hanging(link, parents, files):
                    reached[child] |= parents[parent]
                if link.child == self._root:
                    reached = {key: found for key, found in reached.items() if key not in own}
                self._take(link, reached, cascade, pending)
        return cascade

    def _take(
        self,
        link: Link,
        reached: Reached,
        cascade: Cascade,
        pending: dict[Table, Reached],
    ) -> None:
        if link.action == "restrict":
            for origins in reached.values():
                cascade.restricted.update(dict.fromkeys(origins, str(link)))
        elif link.action == "set_null":
            if reached:
                cascade.cleared[link.child, link.columns] |= set(reached)
            for key, origins in reached.items():
                cascade.origins[link.child, key] |= origins
        else:
            cascade.deleted[link.child].update(reached)
            for key, origins in reached.items():
                # A row that was reached before is followed again only for records new to it.
                fresh = origins - cascade.followed[link.child, key]
                if fresh:
                    cascade.followed[link.child, key] |= fresh
                    cascade.origins[link.child, key] |= fresh
                    pending.setdefault(link.child, {}).setdefault(key, set()).update(fresh)

    def _hanging(
        self,
        link: Link,
        parents: Reached,
        files: dict[bytes, set[RowKey]],
    ) -> list[tuple[RowKey, RowKey]]:
        database, keys = self._database, list(parents)
        if link.holds_path:
            held = database.holders(link.child, link.columns[0], files)
            return [(parent, key) for path, key in held for parent in files[path] if parent in parents]
        if link.content_type is not None:
            return list(
                database.generic_children(
                    link.child, link.columns[0], link.content_type_column, link.content_type, keys
                )
            )
        foreign_key = link.foreign_key or ForeignKey(
            *link.child.identity, link.columns, *self._root.identity, self._root.key, "NO ACTION"
        )
        return list(database.children(foreign_key, link.child, link.parent, keys))

    def carry_out(self, cascade: Cascade) -> None:
        """Update and delete what hangs on the records; to be called inside the transaction."""
        for (table, columns), keys in cascade.cleared.items():
            staying = keys - cascade.deleted.get(table, set())
            if staying:
                cleared = self._database.clear(table, columns, sorted(staying, key=repr))
                self._must_be_all(f"updating rows of {table.name}", cleared, len(staying))
        for table in self._order:
            keys = cascade.deleted.get(table, set())
            if keys:
                ordered = sorted(keys, key=repr)
                self._database.delete(table, ordered)
                left = self._database.count_keys(table, ordered)
                self._must_be_all(f"deleting rows of {table.name}", len(keys) - left, len(keys))

    @staticmethod
    def _must_be_all(doing: str, done: int, wanted: int) -> None:
        if done != wanted:
            raise DatabaseError(
                f"{doing} took {counted(done, 'row')} where {wanted:,} hang on the records. A trigger or a "
                "row security policy interferes; let this database user change them."
            )


def _require_key(table: Table, column: str) -> None:
    """A row that is changed must be found again to be set back."""
    if not table.has_primary_key:
        raise SiteError(
            f"dependents: {table.name} has no primary key, so a row of it that is detached could not be "
            f"set back. Choose delete or restrict for {table.name}.{column}."
        )
