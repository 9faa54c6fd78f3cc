# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Distinguishes orphans from uploads that an older copy of the database does not know yet.

A restored dump, or the copy that a staging site has, knows nothing of what was uploaded since. So many files
without a reference are newer than every file with one. On a live site abandoned uploads lie among others.
"""

from __future__ import annotations

from contextlib import closing
from heapq import heappush, heapreplace
from itertools import chain
from typing import Generator, Iterable, Iterator, NamedTuple, Sequence

from ..config.site import Column
from ..database.base import Database
from ..database.catalog import Table
from ..media.paths import Spellings, no_path
from ..media.store import FileState, MediaStore
from .age import CREATED_COLUMNS
from .folders.unreferenced import FEW_FILES

# Media that were copied without their time stamps are this new in any order.
_MARGIN_NS = 3_600 * 10**9
# Rows of each column that are tried before all of them: the newest file is nearly always theirs.
_NEWEST_ROWS = 100


class NewerOrphans(NamedTuple):
    """How many orphans are newer than every referenced file, and when the last of those was written (ns)."""

    files: int
    newest_reference_ns: int


class OlderDatabase:
    """Compares when orphans and referenced files were last written.

    That is the mtime: the ctime also changes where a backup or a quarantine is restored.
    """

    def __init__(
        self, store: MediaStore, database: Database, columns: Sequence[Column], spellings: Spellings
    ) -> None:
        self._store = store
        self._database = database
        self._columns = columns
        self._spellings = spellings
        # When the newest orphans were written, the earliest first.
        self._newest: list[int] = []
        self._newest_reference_ns = 0

    def note_orphan(self, state: FileState) -> None:
        """Note a file that would be removed."""
        if len(self._newest) < FEW_FILES:
            heappush(self._newest, state.mtime_ns)
        elif state.mtime_ns > self._newest[0]:
            heapreplace(self._newest, state.mtime_ns)

    def note_referenced(self, state: FileState) -> None:
        """Note a file that the database is known to reference or to mention."""
        self._newest_reference_ns = max(self._newest_reference_ns, state.mtime_ns)

    def newer_orphans(self, orphans: Iterable[FileState]) -> NewerOrphans | None:
        """Those of all orphans that are newer than every referenced file.

        None if they are fewer than ``FEW_FILES``, and if there is no file with a reference.
        """
        if len(self._newest) < FEW_FILES or self._is_reference_as_new() or not self._newest_reference_ns:
            return None
        older_ns = self._newest_reference_ns + _MARGIN_NS
        count = sum(state.mtime_ns > older_ns for state in orphans)
        return NewerOrphans(count, self._newest_reference_ns)

    def _is_reference_as_new(self) -> bool:
        """Whether a referenced file is as new as the earliest of the newest orphans; looks for one."""
        as_new_ns = self._newest[0] - _MARGIN_NS
        with closing(self._referenced()) as states:
            while self._newest_reference_ns < as_new_ns:
                state = next(states, None)
                if state is None:
                    return False
                self.note_referenced(state)
        return True

    def _referenced(self) -> Generator[FileState, None, None]:
        """The files that rows reference, those of the newest rows first; some more than once."""
        values = chain(self._of_newest_rows(), chain.from_iterable(self._database.references(self._columns)))
        for _value, state in self._store.each(self._file_of, values):
            if state:
                yield state

    def _of_newest_rows(self) -> Iterator[bytes]:
        for column in self._columns:
            order = _newest_last_by(self._database, self._database.path_column(column))
            if order:
                yield from self._database.newest_references(column, order, _NEWEST_ROWS)

    def _file_of(self, value: bytes) -> FileState | None:
        """The regular file that a value references, in any spelling or over a link; None if there is none."""
        for path in chain([value], self._spellings.meant_by(value)):
            if not path or no_path(path):
                continue
            answer = self._store.check(path)
            if answer.is_file:
                return answer.state
            followed = None if answer.is_absent else self._store.followed(path)
            if followed and followed[1].kind == "file":
                return followed[1]
        return None


def _newest_last_by(database: Database, table: Table) -> str | None:
    """The column by whose order the newest rows of a table come last; None where none is known for that."""
    if (
        len(table.key) == 1
        and table.has_primary_key
        and "int" in table.columns[table.key[0]].declared.lower()
    ):
        return table.key[0]
    return database.time_column(table, CREATED_COLUMNS)
