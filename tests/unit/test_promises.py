# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The page of promises names the tests that carry their marks."""

from __future__ import annotations

from pathlib import Path

import pytest
from update_promises import PAGE, Mark, marks, marks_of, page

# Promises of the design whose tests come with the work that keeps them.
TO_COME = {"13", "14", "15"}
ON_A_TEST = """\
@pytest.mark.promise(1)
@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.promise("locks")
def test_one(n): ...
"""


def test_the_tests_that_hold_the_promises_are_there() -> None:
    found, text = marks(), PAGE.read_text(encoding="utf-8")
    assert page(text, found) == text, "docs/promises.md is out of date: run make generate."
    promises = {str(number) for number in range(1, 16)} | {"guards", "moves", "locks"}
    assert promises - {mark.promise for mark in found} <= TO_COME


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (ON_A_TEST, [Mark("1", "test_a", "test_one"), Mark("locks", "test_a", "test_one")]),
        ("pytestmark = pytest.mark.promise(2)", [Mark("2", "test_a")]),
        (
            "pytestmark = [pytest.mark.slow, pytest.mark.promise(2, 3)]",
            [Mark("2", "test_a"), Mark("3", "test_a")],
        ),
        ("@pytest.mark.untraced\ndef test_one(): ...", []),
    ],
)
def test_marks_are_read_from_tests_and_files(tmp_path: Path, source: str, expected: list[Mark]) -> None:
    file = tmp_path / "test_a.py"
    file.write_text(source)
    assert list(marks_of(file, tmp_path)) == expected


@pytest.mark.parametrize(
    "source",
    [
        "@pytest.mark.promise(1)\ndef helper(): ...",
        "class TestA:\n    @pytest.mark.promise(1)\n    def test_one(self): ...",
        "CASES = [pytest.param(1, marks=pytest.mark.promise(1))]",
    ],
)
def test_a_mark_that_would_not_be_read_is_an_error(tmp_path: Path, source: str) -> None:
    file = tmp_path / "test_a.py"
    file.write_text(source)
    with pytest.raises(ValueError, match="belongs on a test function"):
        list(marks_of(file, tmp_path))


def test_a_mark_without_a_place_on_the_page_is_an_error() -> None:
    with pytest.raises(ValueError, match="no table for 99"):
        page("<!-- tests: 1 -->\n<!-- end -->\n", [Mark("99", "test_a", "test_one")])
