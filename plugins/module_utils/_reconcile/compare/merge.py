# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The ordered merge: files and references, both in byte order, in one pass and bounded memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Iterator

from ..errors import DatabaseError
from ..spool import Ordered


@contextmanager
def begun(lists: Iterator[list[bytes]]) -> Iterator[Iterator[list[bytes]]]:
    """Lend the lists, the first of which is fetched in the background from now on.

    A database needs nearly all its time for sorting, before its first answer. Only that is left to
    a thread: rows fetched one by one beside other work would make both wait for each other.
    """
    with ThreadPoolExecutor(1, "references") as background:
        first = background.submit(next, lists, None)
        # No more comes: the thread ends with this.
        background.shutdown(wait=False)

        def all_lists() -> Iterator[list[bytes]]:
            beginning = first.result()
            if beginning is not None:
                yield beginning
                yield from lists

        yield all_lists()


class References(Ordered):
    """The references, while files come by."""

    def __init__(self, lists: Iterator[list[bytes]]) -> None:
        super().__init__(lists)
        self.count = 0

    def unnamed(self, paths: list[bytes]) -> list[bytes]:
        """Those of some paths in byte order that no reference names, in byte order."""
        left = set(paths)
        for references in self._between(paths[0], paths[-1]):
            left.difference_update(references)
        return sorted(left)

    def finish(self) -> None:
        """Consume what lies behind the last run, so that every reference has been counted."""
        while self._fetch():
            pass

    def _fetch(self) -> bool:
        before = self._list
        if not super()._fetch():
            return False
        following = self._list
        if following != sorted(following) or (before and before[-1] > following[0]):
            raise DatabaseError(
                "the database did not return the references in byte order, so a comparison would be "
                "wrong. Please report this with the database's version and its encoding."
            )
        self.count += len(following)
        return True
