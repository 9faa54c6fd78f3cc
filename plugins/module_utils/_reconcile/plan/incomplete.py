# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The plan of the job ``incomplete``: old records that were never attached."""

from __future__ import annotations

from typing import Iterator

from ..config.site import RecordsJob
from ..database.catalog import Row, Selection
from ..session import Session
from .records import RecordsPlan, table_of
from .records_planner import RecordsPlanner


def plan(session: Session, job: RecordsJob, approved: str | None = None) -> RecordsPlan:
    """Find the old records of a table that were never attached, without touching anything."""
    return _IncompletePlanner(session, job, approved).planned()


class _IncompletePlanner(RecordsPlanner):
    """Records that were never attached to anything and are older than the limit."""

    def _selection(self) -> Selection:
        job, table = self.job, table_of(self.job, self.database)
        for name in (job.unattached_column, job.uploaded_at_column):
            self.database.column(table, name)
        cutoff = self.moment - job.age_limit.seconds
        return Selection(
            table, job.file_column, job.unattached_column, job.uploaded_at_column, cutoff, job.time_zone
        )

    def _selected(self) -> Iterator[list[Row]]:
        for rows in self._all_rows():
            # Rows are removed by a statement that repeats their path, which was not read in full here.
            yield [row for row in rows if not self._is_kept_as_too_long(row.file or b"")]
        self.plan.examined = {"records": self.database.count_rows(self.plan.selection)}
