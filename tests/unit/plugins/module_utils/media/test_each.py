# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The same work on many items: a caller knows of all that was done, also where an error ends it."""

from __future__ import annotations

import threading
from functools import partial
from typing import Callable, Iterator

import pytest

from engine.media.each import in_threads, one_by_one

THREADS = 4
WAYS = [one_by_one, partial(in_threads, threads=THREADS)]


@pytest.mark.parametrize("each", WAYS, ids=["one by one", "in threads"])
def test_results_come_in_the_order_of_the_items(each: Callable[..., Iterator[tuple[int, int]]]) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(threading.get_ident())
            yield number

    assert list(each(lambda number: number * 2, items())) == [(number, number * 2) for number in range(100)]
    assert set(taken) == {threading.get_ident()}, "items are taken in the caller's thread"


def test_one_by_one_takes_an_item_when_the_result_of_the_one_before_was_used() -> None:
    seen: list[str] = []

    def items() -> Iterator[int]:
        for number in range(2):
            seen.append(f"take {number}")
            yield number

    for number, _nothing in one_by_one(lambda number: seen.append(f"do {number}"), items()):
        seen.append(f"use {number}")
    assert seen == ["take 0", "do 0", "use 0", "take 1", "do 1", "use 1"]


def test_threads_work_at_the_same_time_and_take_no_more_than_they_need() -> None:
    together = threading.Barrier(THREADS, timeout=10)
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(THREADS * 5):
            taken.append(number)
            yield number

    ahead = [
        len(taken) - number for number, _i in in_threads(lambda _number: together.wait(), items(), THREADS)
    ]
    assert max(ahead) <= 2 * THREADS + 1, "memory is bounded"


@pytest.mark.promise(2)
@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit()])
def test_an_error_ends_the_work_and_hides_nothing_that_was_done(error: BaseException) -> None:
    done: list[int] = []

    def work(number: int) -> None:
        if number == 5:
            raise error
        done.append(number)

    seen: list[int] = []
    with pytest.raises(type(error)):
        seen.extend(number for number, _nothing in in_threads(work, range(1000), THREADS))
    assert sorted(done) == seen
    assert len(done) < 100, "and what was not begun is not done"


def test_an_error_of_the_items_comes_after_the_results_of_those_before_it() -> None:
    def items() -> Iterator[int]:
        yield from range(10)
        raise OSError("unreadable")

    seen: list[int] = []
    with pytest.raises(OSError, match="unreadable"):
        seen.extend(number for number, _nothing in in_threads(lambda _number: None, items(), THREADS))
    assert seen == list(range(10))


def test_a_caller_that_ends_leaves_no_thread_at_work() -> None:
    done: list[int] = []
    working = in_threads(done.append, range(1000), THREADS)
    next(working)
    before = threading.active_count()
    working.close()  # type: ignore[attr-defined]
    count = len(done)
    assert threading.active_count() < before
    assert count < 100
    assert len(done) == count
