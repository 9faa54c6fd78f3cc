# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Points records at the files that were moved, in the transaction in which others are deleted."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Sequence

from ..config.site import RecordsJob
from ..errors import DatabaseError
from ..kept import Code, Doubt
from ..plan.records import Record, RecordsPlan, Relink, held_by_column, reference_check
from ..quarantine.format import as_text
from ..session import Session
from ..text import escaped
from .outcome import Outcome

# Those of some records that are still what the plan says.
StillMissing = Callable[[Sequence[Record]], "set[tuple[Any, ...]]"]


class Relinking:
    """Applies the relinks of a plan; each is checked again, and archived before it is done."""

    def __init__(self, session: Session, job: RecordsJob, plan: RecordsPlan, outcome: Outcome) -> None:
        self._session = session
        self._job = job
        self._plan = plan
        self._outcome = outcome

    def carry_out(self, still_missing: StillMissing) -> None:
        """Relink all records of the plan that are still missing and whose file is still the one planned."""
        if not len(self._plan.relinks):
            return
        check = reference_check(self._job, self._session.database, self._session.media)
        check.read()
        for some in self._plan.relinks.chunks():
            missing = still_missing([relink.record for relink in some])
            doubts = check.doubts([relink.record.moved_to for relink in some])
            ready: list[Relink] = []
            for relink in some:
                doubt = doubts.get(relink.record.moved_to) or self._doubt(relink, missing)
                if doubt:
                    self._outcome.keep_for(relink.record.name, doubt)
                else:
                    ready.append(relink)
            if ready:
                self._outcome.remover.archive(self._rows_to_archive(ready))
            for relink in ready:
                self._relink(relink)

    def _doubt(self, relink: Relink, missing: set[tuple[Any, ...]]) -> Doubt | None:
        if relink.record.key not in missing:
            return Doubt(Code.CHANGED, "it is no longer what the plan says, and is kept as it is")
        if self._session.media.check(relink.record.moved_to).state != relink.state:
            return Doubt(
                Code.CHANGED, "the file that it was to reference has changed, and it is kept as it is"
            )
        return None

    def _relink(self, relink: Relink) -> None:
        record, database = relink.record, self._session.database
        try:
            with database.savepoint():
                changed = database.set_file(self._plan.selection, record.row, self._held(record))
        except DatabaseError as error:
            self._outcome.keep(record.name, Code.NOT_WRITABLE, f"it is kept as it is: {error}")
            return
        if changed:
            self._outcome.relinks.add(relink)
        else:
            self._outcome.keep(record.name, Code.CHANGED, "the database left it as it was")

    def _rows_to_archive(self, relinks: Sequence[Relink]) -> Iterator[dict[str, Any]]:
        """The changed columns as they are now, and what they are changed to."""
        database, table = self._session.database, self._plan.selection.table
        column = self._job.file_column
        by_key = {relink.record.key: relink.record for relink in relinks}
        for key, row in database.rows_for_archive(table, list(by_key)):
            record = by_key[key]
            yield {
                "action": "relinked",
                "schema": table.schema,
                "table": table.relation,
                "files": [as_text(record.file or b"")],
                "key": row["key"],
                "row": {name: row["row"][name] for name in {*table.key, column}},
                "now": {column: as_text(self._held(record))},
            }

    def _held(self, record: Record) -> bytes:
        """What the column is to hold; nothing is planned of which it could hold none."""
        held = held_by_column(record.moved_to, self._job.deciding_column.prefix)
        if held is None:
            raise DatabaseError(f"{self._job.deciding_column} cannot reference '{escaped(record.moved_to)}'")
        return held
