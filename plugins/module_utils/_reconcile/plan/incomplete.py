# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The plan of the job ``incomplete``: old records that were never attached."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator

from ..database.catalog import Dangling, Row, Selection, Table
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
        return replace(selection, dangling=tuple(self._dangling(table)))

    def _dangling(self, table: Table) -> Iterator[Dangling]:
        """The ways in which a row may point at an object that is gone, one for each content type in use."""
        targets = self.job.dangling
        if targets is None:
            return
        for name in (targets.content_type_column, targets.object_id_column):
            self.database.column(table, name)
        known = dict(targets.tables)
        for number, model in self.database.content_types(table, targets.content_type_column):
            column = known.get(model or "")
            if column is None or not self.database.has_table(column.table):
                raise SiteError(
                    f"dangling: rows of {table.name} have the content type {model or number}, and the table "
                    "of such objects is not known, so nor is whether they are gone. Leave dangling out, or "
                    "delete that content type with Django (remove_stale_contenttypes)."
                )
            target = self.database.table(column.table)
            self.database.column(target, column.name)
            yield Dangling(targets.content_type_column, targets.object_id_column, number, target, column.name)

    def _selected(self) -> Iterator[list[Row]]:
        for rows in self._all_rows():
            # Rows are removed by a statement that repeats their path, which was not read in full here.
            yield [row for row in rows if not self._is_kept_as_too_long(row.file or b"")]
        self.plan.examined = {"records": self.database.count_rows(self.plan.selection)}
