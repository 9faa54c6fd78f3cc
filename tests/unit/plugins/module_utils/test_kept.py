# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import re

from engine.kept import MEANING, Code, Kept


def test_each_code_has_a_meaning_and_is_fit_for_programs() -> None:
    assert set(MEANING) == set(Code)
    assert [code for code in Code if not re.fullmatch("[a-z]+(_[a-z]+)*", code.value)] == []
    assert len({code.value for code in Code}) == len(Code)


def test_an_entry_of_a_result_holds_text_only() -> None:
    entry = Kept(b"\xff", Code.REFERENCED, "a row references it").as_dict(r"\xff")
    assert entry == {"name": r"\xff", "code": "referenced", "reason": "a row references it"}
    assert {type(value) for value in entry.values()} == {str}
