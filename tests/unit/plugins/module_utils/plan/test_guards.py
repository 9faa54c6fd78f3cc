# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Each guard that can be accepted: what wakes it, what does not, and that accepting another is no help."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from engine.plan.guards import (
    FEW_FILES,
    FEW_ROWS,
    Tally,
    guard_directories,
    guard_emptied,
    guard_empty_root,
    guard_file_system,
    guard_path_mismatch,
    guard_replica,
    guard_share,
    guard_tables,
)
from engine.plan.plan import Item, Plan
from engine.spool import Spool
from helpers.builders import guards

pytestmark = pytest.mark.promise("guards")


def directory(files: int, referenced: int, going: int) -> Callable[..., None]:
    tallies = [Tally("photos", files, referenced, going)]
    return lambda plan, accepted: guard_directories(plan, tallies, 50, accepted)


def table(rows: int, of: int, most: int = 50) -> Callable[..., None]:
    return lambda plan, accepted: guard_tables(
        plan, {"album_caption": rows}, {"album_caption": of}.get, most, accepted
    )


def root(is_empty: bool) -> Callable[..., None]:
    return lambda plan, accepted: guard_empty_root(plan, is_empty, accepted)


def reading(words: str | None) -> Callable[..., None]:
    return lambda plan, accepted: guard_path_mismatch(plan, words, accepted)


def file_system(before: int, now: int) -> Callable[..., None]:
    return lambda plan, accepted: guard_file_system(plan, before, now, accepted)


WOKEN: dict[str, tuple[Callable[..., None], str]] = {
    "an unnamed directory": (directory(FEW_FILES, 0, FEW_FILES), "no_references"),
    "a table that is emptied": (table(FEW_ROWS, FEW_ROWS), "emptied_dependents"),
    "a row more than the share": (table(FEW_ROWS + 1, 2 * FEW_ROWS), "emptied_dependents"),
    "an empty root": (root(True), "empty_media_root"),
    "another reading": (reading("if the prefix 'media/' were added"), "path_mismatch"),
    "another file system": (file_system(7, 8), "other_file_system"),
}
ASLEEP: dict[str, Callable[..., None]] = {
    "too few files": directory(FEW_FILES - 1, 0, FEW_FILES - 1),
    "a directory that keeps its share": directory(2 * FEW_FILES, 1, FEW_FILES),
    "too few rows": table(FEW_ROWS - 1, FEW_ROWS - 1),
    "a table that keeps its share": table(FEW_ROWS, 2 * FEW_ROWS),
    "a share that is allowed": table(FEW_ROWS, FEW_ROWS, 100),
    "a root with something in it": root(False),
    "the paths as they are": reading(None),
    "the same file system": file_system(7, 7),
    "a first run": file_system(0, 7),
    "a file system without a number": file_system(7, 0),
}


def told(guard: Callable[..., None], *accepted: str) -> Plan:
    plan = Plan("missing", "/srv/media", 0.0, Spool(tuple, Item), 100)
    guard(plan, accepted)
    return plan


@pytest.mark.parametrize("case", WOKEN)
def test_a_guard_that_is_woken_refuses_until_it_is_accepted_itself(case: str) -> None:
    guard, name = WOKEN[case]
    refused = told(guard)
    assert guards(refused) == [name]
    assert refused.refusals[0].lifted_by == f"accept: [{name}]"
    assert f"accept: [{name}]" in refused.refusals[0].message
    others = [other for _guard, other in WOKEN.values() if other != name]
    assert guards(told(guard, *others)) == [name]
    assert guards(told(guard, name)) == []


@pytest.mark.parametrize("case", ASLEEP)
def test_a_guard_sleeps_where_nothing_is_wrong(case: str) -> None:
    assert guards(told(ASLEEP[case])) == []


def test_a_directory_of_which_too_much_goes_is_told_by_its_share() -> None:
    refused = told(directory(2 * FEW_FILES, 1, FEW_FILES + 1))
    assert guards(refused) == ["max_removal_percent"]
    assert "'photos'" in refused.refusals[0].message


def test_a_directory_is_judged_whatever_else_is_wrong_but_a_share_is_told_once() -> None:
    guard = directory(2 * FEW_FILES, 1, FEW_FILES + 1)
    for other, refused in (
        ("path_mismatch", ["path_mismatch", "max_removal_percent"]),
        ("max_removal_percent", ["max_removal_percent"]),
    ):
        plan = told(lambda made, _accepted, other=other: made.refuse(other, "for some reason"))
        guard(plan, ())
        assert guards(plan) == refused


def test_the_share_is_told_with_the_percentage_that_allows_it() -> None:
    [refusal] = told(lambda plan, _accepted: guard_share(plan, "files", 1_234, 5_000, 20)).refusals
    assert refusal.message.startswith(
        "1,234 of 5,000 files would be removed, 24.68 %, and max_removal_percent"
    )
    assert refusal.message.endswith("set max_removal_percent to 25.")


def emptied(most: int, **rows: int) -> Callable[..., None]:
    by_directory = [(directory.encode(), count) for directory, count in rows.items()]
    return lambda plan, _accepted: guard_emptied(plan, by_directory, most)


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        ({"p": FEW_FILES}, f"(p {FEW_FILES})"),
        ({"": 1_200}, "(. 1,200)"),
        ({"p": FEW_FILES, "few": FEW_FILES - 1}, f"(p {FEW_FILES})"),
        ({"a": 10, "b": 20, "c": 30}, "(a 10, b 20, c 30)"),
        ({"a": 10, "b": 20, "c": 30, "d": 40}, "(a 10, b 20, c 30 and 1 more)"),
        ({"a": 10, "b": 20, "c": 30, "d": 40, "e": 50}, "(a 10, b 20, c 30 and 2 more)"),
    ],
)
def test_directories_that_lost_all_their_files_turn_the_plan_down(rows: dict[str, int], shown: str) -> None:
    [refusal] = told(emptied(99, **rows)).refusals
    assert (refusal.guard, refusal.lifted_by) == ("max_removal_percent", "max_removal_percent")
    assert shown in refusal.message
    assert "max_removal_percent allows 99 %" in refusal.message
    assert guards(told(emptied(100, **rows))) == []


def test_a_handful_of_lost_files_says_nothing_of_their_directory() -> None:
    assert guards(told(emptied(50, p=FEW_FILES - 1, q=1))) == []


def test_lost_directories_are_told_beside_all_but_a_share_that_is_too_large() -> None:
    for other, refused in (
        ("path_mismatch", ["path_mismatch", "max_removal_percent"]),
        ("max_removal_percent", ["max_removal_percent"]),
    ):
        plan = told(lambda made, _accepted, other=other: made.refuse(other, "for some reason"))
        emptied(50, p=FEW_FILES)(plan, ())
        assert guards(plan) == refused


def test_the_tables_message_tells_the_share_and_the_limit() -> None:
    [refusal] = told(table(150, 200)).refusals
    assert "150 of 200 rows of album_caption would be deleted by cascade, 75 %" in refusal.message
    assert "max_removal_percent allows 50 %" in refusal.message


@pytest.mark.parametrize("is_replica", [True, False])
def test_no_option_lifts_the_guard_of_a_replica(is_replica: bool) -> None:
    def guard(plan: Any, _accepted: Any) -> None:
        guard_replica(plan, is_replica)

    refused = told(guard, *(name for _guard, name in WOKEN.values()))
    assert guards(refused) == ["replica"] * is_replica
    assert [refusal.lifted_by for refusal in refused.refusals] == [""] * is_replica
