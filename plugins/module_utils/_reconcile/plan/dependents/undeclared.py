# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a description must say before records can be removed, in the form in which it can be pasted.

What is pasted without a choice is refused as an unknown value.
"""

from __future__ import annotations

import json
import re
from typing import Iterable

from ...config.options import ACTIONS, PARENTS
from .link import UNDECLARED, UNDECLARED_PARENTS, Link
from .links import Dependents

_PARENTS = f"parents: {'|'.join(PARENTS)}"


def notes(links: Iterable[Link], dependents: Dependents) -> list[str]:
    """What is to be said about the links for which records are kept."""
    found = list(links)
    undeclared = [_rule_to_choose(link) for link in found if link.action == UNDECLARED]
    parents = [link for link in found if link.action == UNDECLARED_PARENTS]
    lines = []
    if undeclared:
        lines.append(
            "records are kept because rows depend on them, and what becomes of these rows is not known. "
            f"Choose as on_delete says in the models, and add: dependents: [{', '.join(undeclared)}]"
        )
    if parents:
        tables = ", ".join(dict.fromkeys(f"{link.parent.name} of {link.child.name}" for link in parents))
        lines.append(
            "records are kept because rows would be deleted whose primary key references a row of another "
            f"table ({tables}), and whether that goes too is not known. Choose delete for a model that "
            "inherits from the other, keep for a OneToOneField(primary_key=True), and add: "
            f"{_parents_to_choose(parents, dependents)}"
        )
    return lines


def _rule_to_choose(link: Link) -> str:
    columns = [link.child.columns[name] for name in link.columns]
    impossible = set()
    if not any(column.nullable for column in columns):
        impossible.add("set_null")
    if any(column.default == "NULL" for column in columns):
        impossible.add("set_default")
    return _rule(link, "|".join(action for action in ACTIONS if action not in impossible))


def _parents_to_choose(links: Iterable[Link], dependents: Dependents) -> str:
    said: dict[str, None] = {}
    rules: dict[str, None] = {}
    for link in links:
        along = dependents.links_along(link.parent)
        if link.parent == dependents.root or not along:
            said[_PARENTS] = None
        else:
            rules[_rule(along[0], f"delete, {_PARENTS}")] = None
    return "; ".join([*said, *([f"dependents: [{', '.join(rules)}]"] if rules else [])])


def _rule(link: Link, action: str) -> str:
    return f"{{table: {_quoted(link.child.name)}, column: {_quoted(link.columns[0])}, action: {action}}}"


def _quoted(name: str) -> str:
    """A name as YAML reads it back."""
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", name) else json.dumps(name)
