# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Which files and rows are too young to be removed, in every job."""

from __future__ import annotations

from typing import Iterable

from ..config.site import AgeLimit, RecordsJob
from ..database.base import Database
from ..database.catalog import Table
from ..kept import Code, Doubt
from ..media.paths import outside
from ..media.store import FileState, MediaStore
from ..text import escaped

# What a column is usually called that Django sets when a row is made; nobody changes it later.
CREATED_COLUMNS = (
    *("uploaded_at", "uploaded_on", "uploaded", "date_uploaded"),
    *("created_at", "created_on", "created", "date_created", "creation_date"),
    *("added_at", "date_added", "added", "date_joined", "joined_at", "submit_date"),
)


def age_column(job: RecordsJob, table: Table, database: Database) -> str | None:
    """The column that says how old a row is: the one that the user names, or one that is usual; None if none.

    Raises SiteError if the table does not have the one that the user names.
    """
    if job.uploaded_at_column is None:
        return database.time_column(table, CREATED_COLUMNS)
    database.column(table, job.uploaded_at_column)
    return job.uploaded_at_column


class AgeCheck:
    """Compares the time stamps of files with the age limit of a job at one moment (seconds since 1970)."""

    def __init__(self, store: MediaStore, limit: AgeLimit, moment: float) -> None:
        self._store = store
        self._limit = limit
        self._old_ns = int((moment - limit.seconds) * 1e9)

    def is_young(self, state: FileState) -> bool:
        """Whether a file is younger than the limit; one with a time stamp in the future is."""
        return state.stamp_ns(self._limit.age_stamp) > self._old_ns

    def doubt_of_file(self, state: FileState) -> Doubt | None:
        """Why a file is kept that would be removed with a record."""
        if not self.is_young(state):
            return None
        return Doubt(Code.YOUNG, f"it is younger than {self._limit.older_than_hours} h")

    def doubt_of_record(self, paths: Iterable[bytes]) -> Doubt | None:
        """Why a record is kept that references these paths, by a fresh check of each of the files."""
        for path in paths:
            if outside(path):
                continue
            answer = self._store.check(path)
            if answer.state is not None and answer.is_file and self.is_young(answer.state):
                hours = self._limit.older_than_hours
                return Doubt(Code.YOUNG, f"its file '{escaped(path)}' is younger than {hours} h")
        return None
