# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A link: one way in which rows of one table depend on rows of another, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...config.options import RESTRICT_UNLESS_DELETED, SET_CALLABLE, SET_VALUE, TREE_MODEL
from ...database.catalog import ForeignKey, Key, Table
from ...kept import Code
from ...text import escaped_value

# What becomes of the rows is not known.
UNDECLARED = "undeclared"
UNDECLARED_PARENTS = "undeclared_parents"
# Rows would be deleted from a table with a trigger that is not known.
TRIGGERED = "delete_trigger"
# Of the job incomplete: the record was attached to the row.
ATTACHED = "referenced_row"
# The rows would reference another one instead, and that does not exist, or would be deleted itself.
NO_REPLACEMENT = "no_replacement"
REPLACEMENT = "replacement"
# What leaves a row and changes it.
UPDATING = ("set_null", "set_default", SET_VALUE)
_KEEPS = {
    "restrict": Code.RESTRICTED,
    RESTRICT_UNLESS_DELETED: Code.RESTRICTED,
    UNDECLARED: Code.UNDECLARED_DEPENDENTS,
    UNDECLARED_PARENTS: Code.UNDECLARED_PARENTS,
    TRIGGERED: Code.DELETE_TRIGGER,
    ATTACHED: Code.REFERENCED_ROW,
    SET_CALLABLE: Code.SET_CALLABLE,
    TREE_MODEL: Code.TREE_MODEL,
    NO_REPLACEMENT: Code.NO_REPLACEMENT,
    REPLACEMENT: Code.REPLACEMENT,
}


@dataclass(frozen=True)
class Replacement:
    """The row that dependent rows reference instead of a deleted one: the key that on_delete sets.

    ``given`` is how the project writes it, ``value`` what the archive would have of it. Where there is no
    such row, ``key`` is empty.
    """

    table: Table
    given: Any
    key: Key
    value: Any = field(compare=False)

    def __str__(self) -> str:
        return f"the row {escaped_value(self.given)} of {self.table.name}"


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
    # What the columns hold of the parent where no foreign key of the catalog says it; else its primary key.
    target_columns: tuple[str, ...] = ()
    content_type: int | None = None
    content_type_column: str = ""
    holds_path: bool = False
    is_upwards: bool = False
    # What ``accept`` calls the doubt about it.
    name: str = ""
    # Why it keeps records, in words for people; empty where the action says it.
    why: str = ""
    replacement: Replacement | None = None

    def __str__(self) -> str:
        table = self.parent if self.is_upwards else self.child
        return f"{table.name}.{', '.join(self.columns)}"

    @property
    def keeps(self) -> Code | None:
        """For which reason a row keeps the record on which it depends; None if it does not."""
        return _KEEPS.get(self.action)

    @property
    def keeps_unless_deleted(self) -> bool:
        """Whether a row keeps the record only if nothing else deletes it together with records."""
        return self.action == RESTRICT_UNLESS_DELETED

    @property
    def changes_rows(self) -> bool:
        """Whether rows are deleted or updated along it."""
        return self.action == "delete" or self.action in UPDATING

    @property
    def can_be_null(self) -> bool:
        return all(self.child.columns[name].nullable for name in self.columns)

    @property
    def key(self) -> ForeignKey:
        """The foreign key of the catalog, or what one would be that the user names."""
        return self.foreign_key or unconstrained(
            self.child, self.columns, self.parent, self.target_columns or self.parent.key
        )


def unconstrained(
    child: Table, columns: tuple[str, ...], parent: Table, target_columns: tuple[str, ...]
) -> ForeignKey:
    """What a foreign key would be that the database does not enforce."""
    return ForeignKey(*child.identity, columns, *parent.identity, target_columns, "NO ACTION")
