# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The plan of the job ``incomplete``: old records that were never attached."""

from __future__ import annotations

from typing import Iterator

from ..database.catalog import Row, Selection
from ..errors import SiteError
from .records import table_of
from .records_planner import RecordsPlanner


class IncompletePlanner(RecordsPlanner):
    """Records that were never attached to anything and are older than the limit."""

    def _selection(self) -> Selection:
        table = table_of(self.job, self.database)
        for name in self.job.unattached_columns:
            self.database.column(table, name)
        selection = self._with_age(table, self.job.unattached_columns)
        if selection.uploaded_at_column is None:
            raise SiteError(
                f"no column of {table.name} is known to say when a row was made, so none is known to be old. "
                "Set uploaded_at_column to the column that says when the file was uploaded. "
                f"Its columns are: {', '.join(sorted(table.columns))}."
            )
        return selection

    def _selected(self) -> Iterator[list[Row]]:
        for rows in self._all_rows():
            # Rows are removed by a statement that repeats their path, which was not read in full here.
            yield [row for row in rows if not self._is_kept_as_too_long(row.file or b"")]
        self.plan.examined = {"records": self.database.count_rows(self.plan.selection)}
