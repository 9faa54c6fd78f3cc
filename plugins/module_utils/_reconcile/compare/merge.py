# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The ordered merge: files and references, both in byte order, in one pass and bounded memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Iterator

from ..errors import DatabaseError
from ..spool import Ordered, Spool


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


class Merge(Ordered):
    """One pass over references and files, both in byte order: finds both differences.

    ``without_file``, where it is given, takes the references that none of the files has, in byte
    order. Raises DatabaseError where references do not come in byte order.
    """

    def __init__(self, references: Iterator[list[bytes]], without_file: Spool[bytes] | None = None) -> None:
        super().__init__(references)
        self._without_file = without_file
        self.count = 0

    def unreferenced(self, paths: list[bytes]) -> list[bytes]:
        """Those of some paths in byte order, the next files, that no reference has; in byte order."""
        left = set(paths)
        for references in self._between(paths[0], paths[-1]):
            before = len(left)
            left.difference_update(references)
            # Nearly always each of them has a file of its own.
            if self._without_file is not None and before - len(left) < len(references):
                files = frozenset(paths)
                self._without_file.extend(path for path in references if path not in files)
        return sorted(left)

    def finish(self) -> None:
        """Consume what comes after the last file, so that every reference has been counted."""
        self._passed_over(self._list[self._start :])
        while self._fetch():
            self._passed_over(self._list)

    def _passed_over(self, items: list[bytes]) -> None:
        if self._without_file is not None:
            self._without_file.extend(items)

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
