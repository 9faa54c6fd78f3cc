# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The list of the batches of a quarantine is bounded, however many there are."""

from __future__ import annotations

import pytest

from engine.quarantine.store import BatchInfo
from engine.report import quarantine


def info(number: int) -> BatchInfo:
    return BatchInfo(f"batch{number}", "orphans", "kit", "/srv/media", float(number), 1, 7, 0, False)


@pytest.mark.promise(11)
def test_only_the_newest_batches_are_listed_and_the_others_counted() -> None:
    found = quarantine.batches([info(number) for number in range(250)], 100)
    assert [batch["name"] for batch in found["batches"]] == [f"batch{number}" for number in range(150, 250)]
    assert (found["batches_total"], found["truncated"]) == (250, True)
    first, *lines = found["summary"].splitlines()
    assert first == "150 older batches not listed: raise max_listed"
    assert len(lines) == 100


def test_a_few_batches_are_listed_as_a_whole() -> None:
    found = quarantine.batches([info(0), info(1)], 2)
    assert len(found["batches"]) == found["batches_total"] == len(found["summary"].splitlines()) == 2
    assert not found["truncated"]
    assert quarantine.batches([], 2)["summary"] == "no batches"
    assert quarantine.batches([info(0)], 0)["batches"] == []


@pytest.mark.promise(11)
def test_what_is_wrong_with_many_batches_is_bounded() -> None:
    problems = [f"batch{number} is damaged" for number in range(5)]
    assert quarantine.unreadable_words(problems, 2) == [*problems[:2], "3 more batches cannot be read"]
    assert quarantine.unreadable_words(problems, 5) == problems
