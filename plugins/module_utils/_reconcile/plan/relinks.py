# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The plan of relinks: which records are pointed at the file that theirs was moved to."""

from __future__ import annotations

from typing import Iterator

from ..compare.age import AgeCheck
from ..config.site import RecordsJob
from ..database.base import Database
from ..kept import Code, Doubt
from ..media.store import MediaStore
from ..text import escaped
from .records import Record, Relink, held_by_column, reference_check, spellings_of


class RelinkPlanner:
    """Checks each record and its file: the file must be old enough, and no row may reference it."""

    def __init__(self, job: RecordsJob, store: MediaStore, database: Database, age: AgeCheck) -> None:
        self._store = store
        self._database = database
        self._age = age
        self._spellings = spellings_of(job)
        self._prefix = job.deciding_column.prefix
        self._check = reference_check(job, database, store)
        self._check.read()

    def judged(self, records: list[Record]) -> Iterator[tuple[Record, Relink | Doubt]]:
        """Each of the records with what is to be done, or why it is kept."""
        doubts = self._check.doubts([record.moved_to for record in records])
        for record in records:
            doubt = doubts.get(record.moved_to) or self._doubt_of_value(record)
            state = None if doubt else self._store.check(record.moved_to).state
            if doubt:
                reason = f"its file is likely at '{escaped(record.moved_to)}', but {doubt.reason}; it is kept"
                yield record, Doubt(doubt.code, reason)
            elif state is None or state.kind != "file":
                yield record, Doubt(Code.LIKELY_MOVE, f"'{escaped(record.moved_to)}' is no file any more")
            elif self._age.is_young(state):
                shown = escaped(record.moved_to)
                yield (
                    record,
                    Doubt(Code.YOUNG, f"its file is likely '{shown}', which is younger than the limit"),
                )
            else:
                yield record, Relink(record, state)

    def _doubt_of_value(self, record: Record) -> Doubt | None:
        """Why the column cannot hold the new path in the way in which it held the old one."""
        for path in (record.file or b"", record.moved_to):
            if self._spellings.unusual([path]):
                return Doubt(Code.OTHER_SPELLING, f"'{escaped(path)}' is not how a path is usually written")
        if not self._database.can_hold(record.moved_to):
            return Doubt(Code.OTHER_SPELLING, "the database can hold no such path")
        if held_by_column(record.moved_to, self._prefix) is None:
            return Doubt(
                Code.LIKELY_MOVE, f"that is not in '{self._prefix}', where the files of its column are"
            )
        return None
