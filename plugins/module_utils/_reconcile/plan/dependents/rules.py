# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the rules of a description and of a Django project come to in a database."""

from __future__ import annotations

from typing import Iterable, Iterator, Sequence

from ...config.options import SET_CALLABLE, SET_VALUE, TREE_MODEL
from ...config.site import DependentRule
from ...database.base import Database
from ...database.catalog import ForeignKey, Table
from ...errors import SiteError
from .link import UPDATING, unconstrained

_BY_DATABASE = {
    "CASCADE": "delete",
    "SET NULL": "set_null",
    "SET DEFAULT": "set_default",
    "RESTRICT": "restrict",
}
_KEEPING = ("restrict", SET_CALLABLE, TREE_MODEL)


def with_table(rules: Iterable[DependentRule], database: Database) -> Iterator[DependentRule]:
    """The rules without those of a project for tables that its database does not have: no row is in them."""
    for rule in rules:
        tables = [rule.column.table, *([rule.target] if rule.target else [])]
        if not rule.is_implied or all(map(database.has_table, tables)):
            yield rule


def of_database(key: ForeignKey) -> str | None:
    """The action that the database itself enforces for a foreign key; None where it only refuses."""
    return _BY_DATABASE.get(key.on_delete)


def possible_action(rule: DependentRule, table: Table) -> str:
    """The action of a rule; of a project's rule that SQL cannot carry out, that the record is kept.

    Raises SiteError for a user's rule.
    """
    if rule.is_implied and not table.has_primary_key and rule.action not in _KEEPING:
        # Such as an unmanaged model of a view, of which nobody knows what a statement would change.
        return "restrict"
    if rule.action == SET_VALUE and rule.column.name in table.key:
        # The row would have another key, by which it could not be found again to be set back.
        return "restrict"
    if rule.action == "set_default" and table.columns[rule.column.name].default == "NULL":
        raise SiteError(
            f"dependents: the database knows no default of {rule.column} (db_default in the model), so it "
            "cannot be set. Choose restrict."
        )
    return rule.action


def why_kept(rule: DependentRule, table: Table) -> str:
    """Why rows keep records where ``possible_action`` is not the action that the rule has, or it says so."""
    if rule.is_implied and not table.has_primary_key:
        return f"{table.name} has no primary key by which its rows could be told apart"
    if rule.action == SET_VALUE and rule.column.name in table.key:
        return "on_delete would change the primary key of these rows"
    return rule.why


def key_without_constraint(
    rule: DependentRule, child: Table, target: Table, database: Database
) -> ForeignKey:
    """What the foreign key would be of which no catalog knows. Raises SiteError where it cannot be one."""
    if rule.target_column:
        database.column(target, rule.target_column)
    held = (rule.target_column,) if rule.target_column else target.key
    if len(held) != 1 and not rule.holds_path:
        raise SiteError(
            f"dependents: {rule.column} is one column, and the key of {target.name} has {len(held)}, so it "
            "cannot name one of its rows."
        )
    return unconstrained(child, (rule.column.name,), target, held)


def require_key(table: Table, column: str) -> None:
    """Raise SiteError where a row that is changed could not be found again to be set back."""
    if not table.has_primary_key:
        raise SiteError(
            f"dependents: {table.name} has no primary key, so a row of it that is set to NULL could "
            f"not be restored. Choose delete or restrict for {table.name}.{column}."
        )


def require_nullable(table: Table, columns: Sequence[str]) -> None:
    """Raise SiteError where none of the columns can be NULL."""
    if not any(table.columns[name].nullable for name in columns):
        raise SiteError(
            f"dependents: {table.name}.{', '.join(columns)} cannot be set to NULL, the table forbids it. "
            "Choose delete or restrict."
        )


def changed_columns(key: ForeignKey, table: Table, action: str) -> tuple[str, ...]:
    """The columns of a foreign key that an action changes. Raises SiteError where it cannot be done."""
    if action == "set_null":
        require_nullable(table, key.columns)
    if action in UPDATING:
        require_key(table, ", ".join(key.columns))
    if action == of_database(key) and key.set_columns:
        return key.set_columns
    if action == "set_null":
        return tuple(name for name in key.columns if table.columns[name].nullable)
    return key.columns
