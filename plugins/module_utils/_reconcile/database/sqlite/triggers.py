# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Which triggers of SQLite fire when rows of a table are deleted."""

from __future__ import annotations

import re

# Those of foreign keys and other constraints are the database's own; so is what only a replica fires.
# A rewrite rule does the same as a trigger.
TRIGGERS = "SELECT name, sql FROM main.sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = lower(?)"

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
