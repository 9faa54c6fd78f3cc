# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Tasks that must fail, and the words that their errors must have."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from helpers.modules import Task, not_told, run_module
from helpers.sites import Site

# A password as a URL holds it; no error may show even a part of it.
WRITTEN = "Hush-42%2F%21"

# Cases by name: the task, and words that its error must have.
Cases = Mapping[str, "tuple[Task, Sequence[str]]"]


def wrongly_told(cases: Cases) -> dict[str, str]:
    """Run all cases, each of which must fail, and return what is not told as it should be."""
    return misjudged(cases, [run_module(task) for task in of(cases)])


def misjudged(cases: Cases, results: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    assert [case for case, result in zip(cases, results) if not result["failed"]] == []
    messages = {case: result["msg"] for case, result in zip(cases, results)}
    assert [message for message in messages.values() if "Hush" in message] == []
    return not_told(messages, {case: words for case, (_task, words) in cases.items()})


def of(cases: Cases) -> list[Task]:
    return [task for task, _words in cases.values()]


def fill(site: Site) -> None:
    """A site on which every job has something to do, if it gets that far."""
    site.keep(*(f"photos/{number}.jpg" for number in range(6)))
    site.write("photos/orphan.jpg", "photos/2024/orphan.jpg")
    site.insert("photos/missing.jpg")
    site.keep("photos/incomplete.jpg", attached=False)
