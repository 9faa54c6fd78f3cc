# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""placeholder until the media room arrives"""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple


class Answer(Enum):
    FOUND = "found"
    ABSENT = "absent"
    BLOCKED = "blocked"
    UNREADABLE = "unreadable"


class Look(NamedTuple):
    answer: Answer
    state: Any = None
    reason: str = ""

    @property
    def is_found(self) -> bool:
        return self.answer is Answer.FOUND

    @property
    def is_absent(self) -> bool:
        return self.answer is Answer.ABSENT

    @property
    def is_file(self) -> bool:
        return self.state is not None and self.state.kind == "file"
