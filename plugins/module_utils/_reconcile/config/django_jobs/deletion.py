# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What becomes of dependent rows when Django deletes records: the rules of its Collector, as data.

A rule that SQL cannot carry out keeps the record, and so does one that is not known.
"""

from __future__ import annotations

from typing import Iterable, Iterator, Mapping, NamedTuple

from ...errors import SiteError
from ...kept import Code, Doubt
from ..django.facts import Facts, ForeignKeyFacts, GenericRelationFacts, ModelFacts
from ..options import RESTRICT_UNLESS_DELETED, SET_CALLABLE, SET_VALUE, TREE_MODEL
from ..site import Column, DependentRule

# Schemas that a description may leave out.
_USUAL = ("public.", "main.")

_ACTIONS = {
    "CASCADE": "delete",
    "SET_NULL": "set_null",
    "PROTECT": "restrict",
    "RESTRICT": RESTRICT_UNLESS_DELETED,
    # Nobody may rely on what is none of Django's own rules.
    "unknown": "restrict",
}
# Why a row keeps its record, in words for people.
_WHY = {
    "PROTECT": "on_delete is PROTECT",
    "RESTRICT": "on_delete is RESTRICT",
    "DO_NOTHING": "on_delete is DO_NOTHING, and the database forbids that",
    "unknown": "on_delete is code of the project, which does not say what it does",
    "SET_NULL": "on_delete sets NULL, which the field does not take",
}
# What can be done where rows of a model cannot be removed.
_POSSIBLE = "The job orphans, and on_missing: clear, are possible all the same."
_WHY_ONE = "on_delete sets a value that only one row can have"
_WHY_SIBLING = "it is a part of another child of the same parent, which Django does not search for"
# What removes or changes a row; all else keeps its record.
_CHANGING = ("delete", "set_null", SET_VALUE)
# What the database itself does, as its catalog says.
_BY_DATABASE = ("DB_CASCADE", "DB_SET_NULL", "DB_SET_DEFAULT")


class Deletion(NamedTuple):
    """What becomes of the rows that depend on the records of a model."""

    rules: tuple[DependentRule, ...]
    # Whether the rows of its parents are deleted with them.
    parents: str
    # The columns of each table of the project that lead to parents: no other column does.
    parent_links: tuple[tuple[str, tuple[str, ...]], ...]
    # Why none of the records may be removed.
    doubt: Doubt | None
    notes: tuple[str, ...]


def said_key(table: str, column: str) -> tuple[str, str]:
    """By what a rule of the description replaces one of the project."""
    for usual in _USUAL:
        if table.startswith(usual):
            table = table[len(usual) :]
    return table, column


def deletion_of(
    facts: Facts,
    model: ModelFacts,
    database: str,
    accept: tuple[str, ...],
    said: Mapping[tuple[str, str], str],
) -> Deletion:
    """The rules for the records of a model; ``said`` are actions of the description, which come first.

    Raises SiteError where a row has parents that the database does not show.
    """
    collector = _Collector(facts, database, accept, said)
    collector.collect(model)
    is_kept = bool(model.tree) and not collector.accepts(TREE_MODEL, model.label)
    return Deletion(
        rules=tuple(collector.rules()),
        parents="delete" if model.parents else "keep",
        parent_links=tuple(_parent_links(collector.models).items()),
        doubt=_tree_doubt(model) if is_kept else None,
        notes=tuple(collector.notes()),
    )


class _Collector:
    """Follows the models from which rows are deleted, and the rules of what references them."""

    def __init__(
        self, facts: Facts, database: str, accept: tuple[str, ...], said: Mapping[tuple[str, str], str]
    ) -> None:
        self._facts = facts
        self._accept = accept
        self._said = said
        self.models = [model for model in facts.models if not model.swapped and database in model.databases]
        self._by_label = {model.label: model for model in facts.models}
        # Models from which rows are deleted, in the order in which they are met; and those that are met only
        # as parents of such rows, of which Django collects nothing else.
        self._deleted: dict[str, ModelFacts] = {}
        self._above: dict[str, ModelFacts] = {}

    def accepts(self, code: str, name: str) -> bool:
        return f"{code}:{name}" in self._accept

    def collect(self, root: ModelFacts) -> None:
        pending = [root]
        while pending:
            model = pending.pop()
            if model.label in self._deleted:
                continue
            self._deleted[model.label] = model
            for parent in self._parents(model):
                self._above[parent.label] = parent
            pending += [
                child
                for child, key in self._referencing(model)
                if self._action(child, key) == "delete" and not self._is_sibling(child, key)
            ]
            pending += [self._by_label[relation.to] for relation in model.generic_relations]

    def rules(self) -> Iterator[DependentRule]:
        found: dict[Column, list[DependentRule]] = {}
        for model in self._deleted.values():
            for child, key in self._referencing(model):
                action = self._action(child, key)
                if action:
                    rule = self._rule(child, key, action)
                    found.setdefault(rule.column, []).append(rule)
        for rules in found.values():
            # Several models may be of one table, and Django obeys each of them.
            yield max(rules, key=_strictness)
        for model in self._deleted.values():
            for relation in model.generic_relations:
                yield self._generic_rule(model, relation)

    def notes(self) -> Iterator[str]:
        models = list({**self._deleted, **self._above}.values())
        listening: dict[tuple[str, ...], list[str]] = {}
        for model in models:
            listening.setdefault(model.delete_receivers, []).append(model.label)
        for receivers, labels in listening.items():
            if receivers:
                yield f"receivers of delete signals of {', '.join(labels)} do not run: {', '.join(receivers)}"
        overriding = ", ".join(model.label for model in models if model.overrides_delete)
        if overriding:
            yield f"delete() of {overriding} is overridden and does not run, as with queryset.delete()"
        root = models[0]
        if root.queryset_with_delete:
            yield (
                f"queryset.delete() of {root.label} is overridden by {root.queryset_with_delete} and does "
                "not run: the rows themselves are deleted"
            )

    def _parents(self, model: ModelFacts) -> list[ModelFacts]:
        """The models whose rows go with the rows of a model, over any number of levels."""
        found = []
        columns = [column for _label, column in model.parents]
        if columns and model.primary_key not in columns:
            raise SiteError(
                f"django: {model.label} inherits from another model and has a primary key of its own, so its "
                "rows do not share the key of their parents. Such rows are not removed yet: delete them with "
                f"Django. {_POSSIBLE}"
            )
        for label, _column in model.parents:
            parent = self._by_label[label]
            found += [parent, *self._parents(parent)]
        return found

    def _referencing(self, model: ModelFacts) -> Iterator[tuple[ModelFacts, ForeignKeyFacts]]:
        """The foreign keys to the rows of a model, and to the rows of its parents, which go with them."""
        labels = {model.label, *(parent.label for parent in self._parents(model))}
        for child in self.models:
            for key in child.foreign_keys:
                if key.to in labels and not (key.is_parent_link and child.label in labels):
                    self._require_plain(child, key)
                    yield child, key

    def _require_plain(self, child: ModelFacts, key: ForeignKeyFacts) -> None:
        """Refuse a key that is not one column."""
        if not key.column:
            raise SiteError(
                f"django: {child.label}.{key.name} references {key.to} by several columns. Rows with such "
                f"dependents are not removed yet: delete them with Django. {_POSSIBLE}"
            )

    def _is_sibling(self, child: ModelFacts, key: ForeignKeyFacts) -> bool:
        """Whether a row is another child of a parent: Django does not look for such."""
        return key.is_parent_link and key.to not in self._deleted

    def _action(self, child: ModelFacts, key: ForeignKeyFacts) -> str:
        """What becomes of a row; empty where nothing does, or the database itself sees to it."""
        said = self._said.get(said_key(child.table, key.column))
        if said:
            return said
        if key.on_delete in _BY_DATABASE:
            return ""
        if key.on_delete == "DO_NOTHING":
            return "restrict" if key.db_constraint else ""
        if key.on_delete in ("SET", "SET_DEFAULT"):
            return self._set(child, key)
        action = _ACTIONS[key.on_delete]
        if action == "delete" and child.tree and not self.accepts(TREE_MODEL, child.label):
            return TREE_MODEL
        return action

    def _set(self, child: ModelFacts, key: ForeignKeyFacts) -> str:
        """What SET and SET_DEFAULT come to in SQL."""
        if key.value.kind == "none" or (key.value.kind == "value" and key.value.value is None):
            return "set_null" if key.null else "restrict"
        if key.value.kind == "value":
            # Two rows cannot reference one where that is unique.
            return "restrict" if key.unique else SET_VALUE
        accepted = self.accepts(SET_CALLABLE, f"{child.label}.{key.name}")
        return "set_null" if accepted and key.null else SET_CALLABLE

    def _rule(self, child: ModelFacts, key: ForeignKeyFacts, action: str) -> DependentRule:
        why = _why(key)
        if self._is_sibling(child, key) and child.label not in {*self._deleted, *self._above}:
            action, why = "restrict", _WHY_SIBLING
        return DependentRule(
            column=Column(child.table, key.column),
            action=action,
            parents="delete" if child.parents else "keep",
            target=self._by_label[key.to].table,
            target_column=key.to_column,
            name=child.label if action == TREE_MODEL else f"{child.label}.{key.name}",
            value=key.value.value if action == SET_VALUE else None,
            why=why if action in ("restrict", RESTRICT_UNLESS_DELETED) else "",
            is_implied=True,
        )

    def _generic_rule(self, model: ModelFacts, relation: GenericRelationFacts) -> DependentRule:
        child = self._by_label[relation.to]
        app, _dot, name = relation.content_type.partition(".")
        is_tree = bool(child.tree) and not self.accepts(TREE_MODEL, child.label)
        return DependentRule(
            column=Column(child.table, relation.object_id_column),
            action=TREE_MODEL if is_tree else "delete",
            content_type=(app, name),
            content_type_column=relation.content_type_column,
            parents="delete" if child.parents else "keep",
            target=model.table,
            name=child.label,
            is_implied=True,
        )


def _why(key: ForeignKeyFacts) -> str:
    """Why a row keeps its record, if it does."""
    if key.on_delete in ("SET", "SET_DEFAULT"):
        return _WHY_ONE if key.value.kind == "value" and key.value.value is not None else _WHY["SET_NULL"]
    return _WHY.get(key.on_delete, "")


def _parent_links(models: Iterable[ModelFacts]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for model in models:
        columns = [column for _label, column in model.parents]
        found[model.table] = (*found.get(model.table, ()), *columns)
    return found


def _strictness(rule: DependentRule) -> int:
    """How much a rule keeps: always, unless the row is deleted over another way, or nothing."""
    if rule.action in _CHANGING:
        return 0
    return 1 if rule.action == RESTRICT_UNLESS_DELETED else 2


def _tree_doubt(model: ModelFacts) -> Doubt:
    return Doubt(
        Code.TREE_MODEL,
        f"{model.label} is a tree ({model.tree}), whose other rows only Django's delete() keeps right. "
        f"Delete it there; if rows may go as they are, set accept: ['{TREE_MODEL}:{model.label}']",
    )
