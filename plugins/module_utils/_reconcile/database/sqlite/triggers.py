# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Which triggers fire when rows of a table are deleted."""

from __future__ import annotations

import re

# Those of foreign keys and other constraints are the database's own; so is what only a replica fires.
# A rewrite rule does the same as a trigger.
POSTGRESQL_TRIGGERS = (
    "SELECT n.nspname, c.relname, t.tgname FROM pg_trigger AS t "
    "JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace "
    "LEFT JOIN pg_constraint AS k ON k.oid = t.tgconstraint "
    "WHERE (t.tgtype & 8) <> 0 AND t.tgenabled NOT IN ('D', 'R') AND coalesce(k.contype, 't') = 't' "
    "UNION SELECT n.nspname, c.relname, r.rulename FROM pg_rewrite AS r "
    "JOIN pg_class AS c ON c.oid = r.ev_class JOIN pg_namespace AS n ON n.oid = c.relnamespace "
    "WHERE r.ev_type = '4' AND r.ev_enabled NOT IN ('D', 'R') ORDER BY 1, 2, 3"
)
SQLITE_TRIGGERS = (
    "SELECT name, sql FROM main.sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = lower(?)"
)

# What is left out before the event of a trigger is searched for: comments, and names in quotes.
_LEFT_OUT = re.compile(
    r"""--[^\n]*|/\*.*?(?:\*/|\Z)|"(?:[^"]|"")*"|'(?:[^']|'')*'|`(?:[^`]|``)*`|\[[^\]]*\]""", re.DOTALL
)
_EVENT = re.compile(r"\s(INSERT|UPDATE|DELETE)\s", re.IGNORECASE)
_HEAD = re.compile(r"\sTRIGGER\s(?:\s*IF\s+NOT\s+EXISTS\s)?\s*", re.IGNORECASE)


def fires_on_delete(sql: str) -> bool:
    """Whether a trigger of SQLite fires when rows are deleted, by the statement that made it.

    What cannot be read counts as if it did.
    """
    text = _LEFT_OUT.sub(lambda found: " " if found.group().startswith(("--", "/*")) else "quoted", sql)
    head = _HEAD.search(text)
    # The name of the trigger may be the word for an event.
    after_name = re.sub(r"\S+", "", text[head.end() :], count=1) if head else ""
    event = _EVENT.search(f" {after_name} ")
    return event is None or event.group(1).upper() == "DELETE"
