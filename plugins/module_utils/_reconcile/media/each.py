# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The same work on many items, one after the other or several at the same time.

Either way the items are taken, and the results yielded, in the thread of the caller and in the order of the
items. Where work raises an error, no further item is begun; what was begun is yielded first, so that the
caller knows of all that was done, and then the error is raised.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, Callable, Iterable, Iterator, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def one_by_one(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
    """An item is taken only when the work on the one before it is done, and its result was used."""
    for item in items:
        yield item, work(item)


def in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[tuple[Item, Result]]:
    """So many at the same time, and as many again that wait for their turn."""
    failure: BaseException | None = None
    begun: deque[Any] = deque()
    with ThreadPoolExecutor(threads) as pool:
        waiting = _submitted(pool, work, items)
        try:
            begun.extend(islice(waiting, 2 * threads))
            while begun:
                item, future = begun.popleft()
                if not future.cancelled():
                    raised = future.exception()
                    if raised is None:
                        yield item, future.result()
                    elif failure is None:
                        failure = raised
                        _cancel(begun)
                if failure is None:
                    begun.extend(islice(waiting, 1))
        finally:
            # Where the caller takes no more of the results.
            _cancel(begun)
    if failure is not None:
        raise failure


def _submitted(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[tuple[Item | None, Future[Result]]]:
    """The items with their work; an error of the items themselves is as one of the work on the next."""
    try:
        for item in items:
            yield item, pool.submit(work, item)
    except Exception as error:
        # What makes the items may raise anything, and what was begun before has to be told first.
        failed: Future[Result] = Future()
        failed.set_exception(error)
        yield None, failed


def _cancel(begun: Iterable[tuple[object, Future[Any]]]) -> None:
    """Cancel what waits for its turn; what is at work goes on to its end."""
    for _item, future in begun:
        future.cancel()
