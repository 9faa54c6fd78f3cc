# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Applies plans of records: deletes them with their dependent rows, and then their files.

Rows are deleted first, in one transaction, and their files only after it is committed: whatever happens
in between leaves an orphan at the worst, which the job ``orphans`` finds, and never a row without
its file.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any, Callable, Generator, Mapping, Sequence, Set, Tuple

from ..compare.age import AgeCheck
from ..compare.mentions.at_removal import MentionsAtRemoval
from ..compare.mentions.unlisted import NO_ROWS, RecordMentions, RowName, Unlisted
from ..compare.missing import MissingCheck
from ..config.site import RecordsJob
from ..errors import CleanupError, CommitUnknown, DatabaseError
from ..kept import Code, Doubt
from ..media.derived import patterns
from ..plan.dependents.cascade import Cascade, CascadeRow, cascade_of
from ..plan.dependents.update import only_columns
from ..plan.records import (
    ALTERED,
    DependentsFound,
    Record,
    RecordsPlan,
    add_counts,
    apart,
    reference_check,
    restriction,
    shared_paths,
    spellings_of,
)
from ..quarantine.format import as_text
from ..session import Session
from ..text import counted
from .files import FileRemoval, require_readable, require_searched
from .outcome import Outcome
from .relinks import Relinking
from .remover import Remover

# The keys of those of some records that are not missing any more.
Returned = Callable[[Session, RecordsJob, Sequence[Record]], Set[Tuple[Any, ...]]]


def apply(
    session: Session,
    job: RecordsJob,
    plan: RecordsPlan,
    remover: Remover,
    returned: Returned | None = None,
) -> Outcome:
    """Delete the plan's records in one transaction, and then the files that nothing references.

    With ``returned``, the job is about records whose file is absent.
    """
    return _Removal(session, job, plan, remover, returned).outcome_of_all()


def apply_missing(session: Session, job: RecordsJob, plan: RecordsPlan, remover: Remover) -> Outcome:
    """The same for records that are missing: each file is checked once more."""
    return apply(session, job, plan, remover, _returned)


class _Removal:
    """One application of a plan. Takes five parameters, as it is what ``apply`` is called with."""

    def __init__(
        self,
        session: Session,
        job: RecordsJob,
        plan: RecordsPlan,
        remover: Remover,
        returned: Returned | None,
    ) -> None:
        self.session = session
        self.job = job
        self.plan = plan
        self.returned = returned
        self.outcome = Outcome(job.site.max_listed, remover)
        self.age = AgeCheck(session.media, job.age_limit, plan.moment)
        # What was found to mention the files of the records since they were planned, if anything was written.
        self.unlisted: Unlisted | None = None
        # The paths that records reference which were in the plan and are kept.
        self.paths_kept: set[bytes] = set()

    def outcome_of_all(self) -> Outcome:
        remover = self.outcome.remover
        try:
            self._search_again()
            with self.session.database.transaction():
                for some in apart(self.plan.items, self.plan.links):
                    self._delete(some)
                Relinking(self.session, self.job, self.plan, self.outcome).carry_out(self._still_missing)
            self.outcome.removed.records = self.outcome.removed_items.total
        except CommitUnknown as error:
            self.outcome = Outcome(self.job.site.max_listed, remover)
            self.outcome.error = (
                f"{error} So either all rows of this job were deleted or none was; no file was touched. "
                "Run the job again: rows that are still there are removed then, and files whose rows were "
                "deleted are orphans."
            )
            return self.outcome
        except CleanupError as error:
            remover.roll_back()
            self.outcome = Outcome(self.job.site.max_listed, remover)
            self.outcome.error = f"{error} All rows of this job were rolled back, and no file was touched."
            return self.outcome
        try:
            self._remove_files()
        except CleanupError as error:
            self.outcome.error = f"{error} The rows were deleted; files left over are orphans from now on."
        return self.outcome

    def _search_again(self) -> None:
        """Search for the plan's files before any row goes: a record is kept with a file that is mentioned."""
        if not len(self.plan.files):
            return
        links = self.plan.links
        deletes_from = () if self.job.clears else (*links.order, *links.order_after)
        mentions = MentionsAtRemoval(self.session.sweep, self.job.path_columns, self.job.site)
        self.unlisted = mentions.search((file.path for file in self.plan.files), deletes_from)
        require_searched(mentions)

    def _mentions_of(self, records: Sequence[Record]) -> RecordMentions | None:
        """What mentions the files that would be removed with some records; None if nothing was written."""
        if not self.unlisted:
            return None
        mentions, check = RecordMentions(self.unlisted), _check(self.session, self.job)
        files = {record.key: {*check.with_derived(record.paths)} for record in records}
        # Others are none of the plan's files.
        others = self.unlisted.not_searched({path for paths in files.values() for path in paths})
        mentions.of({key: sorted(paths - others) for key, paths in files.items()})
        return mentions

    def _still_missing(self, records: Sequence[Record]) -> set[tuple[Any, ...]]:
        """Lock those of the records that are still what the plan says; returns their keys."""
        rows = [record.row for record in records]
        selected = self.session.database.still_selected(self.plan.selection, rows)
        return selected - self.returned(self.session, self.job, records) if self.returned else selected

    def _delete(self, records: list[Record]) -> None:
        """Delete those of the records that are still what the plan says, and their dependent rows."""
        selected = self._still_missing(records)
        selected &= self._with_same_companions([record for record in records if record.key in selected])
        young = self._young([record for record in records if record.key in selected])
        selected -= set(young)
        deleted: list[Record] = []
        for record in records:
            if record.key in young:
                self._keep(record, young[record.key])
            elif record.key not in selected:
                self._keep(record, Doubt(Code.CHANGED, "it is no longer what the plan says, and is kept"))
            else:
                deleted.append(record)
        if self.job.clears:
            self._clear(self._not_mentioned(deleted))
            return
        cascade, deleted = self._with_same_dependents(deleted)
        if not deleted:
            return
        with closing(self._rows_to_archive(deleted, cascade)) as rows_to_archive:
            self.outcome.remover.archive(rows_to_archive)
        cascade.apply()
        self._delete_selected(deleted)
        cascade.apply_after()
        for record in deleted:
            self.outcome.removed_items.add(record)
        add_counts(self.outcome.dependents, cascade.counts())

    def _with_same_companions(self, records: Sequence[Record]) -> set[tuple[Any, ...]]:
        """The keys of those whose companion columns still hold what the plan says; the rows are locked."""
        columns = self.job.companions
        if not columns or not records:
            return {record.key for record in records}
        rows = [record.row for record in records]
        now = {
            detail.key: detail.companions
            for detail in self.session.database.details(self.plan.selection, columns, (), rows)
        }
        return {record.key for record in records if now.get(record.key) == record.companions}

    def _clear(self, records: list[Record]) -> None:
        """Empty the file columns of records that are locked, and keep their rows."""
        if not records:
            return
        database, columns = self.session.database, self.job.file_columns
        with closing(self._columns_to_archive(records)) as rows_to_archive:
            self.outcome.remover.archive(rows_to_archive)
        done = database.clear_selected(self.plan.selection, [record.row for record in records], columns)
        if done != len(records):
            raise DatabaseError(
                f"emptying {', '.join(columns)} changed {done:,} of {counted(len(records), 'row')} of "
                f"{self.job.table} locked for it. A trigger or a row security policy interferes; let this "
                "database user change them."
            )
        for record in records:
            self.outcome.removed_items.add(record)

    def _columns_to_archive(self, records: list[Record]) -> Generator[dict[str, Any], None, None]:
        """The file columns as they are now."""
        table = self.plan.selection.table
        files = {record.key: record.paths for record in records}
        for key, row in self.session.database.rows_for_archive(table, list(files)):
            yield _line(CascadeRow("cleared", table, only_columns(self.job.file_columns, row), [key]), files)

    def _with_same_dependents(self, records: list[Record]) -> tuple[Cascade, list[Record]]:
        """The records whose dependent rows are those of the plan, and the cascade; the others are kept."""
        mentions = self._mentions_of(records)
        tables = mentions.tables if mentions else frozenset()
        while True:
            cascade, restricted = cascade_of(
                self.plan.links, self.session.database, [record.row for record in records]
            )
            found = DependentsFound(cascade, self.job.site.max_listed, named=tables)
            mentioned = mentions.doubts(found.deleted | self._rows_of(records)) if mentions else {}
            same: list[Record] = []
            for record in records:
                if record.key in restricted:
                    self._keep(record, restriction(restricted[record.key], self.plan.links))
                elif record.key in mentioned:
                    self._keep(record, mentioned[record.key])
                elif found.of(record) != record.dependents:
                    self._keep(record, Doubt(Code.CHANGED, f"{ALTERED} since the plan, and it is kept"))
                else:
                    same.append(record)
            # Without a record that is kept, it may itself depend on one of the others, or keep its file.
            if len(same) + len(restricted) == len(records):
                self.outcome.dependents_listed.add_all(found.listed)
                return cascade, same
            records = same

    def _rows_of(self, records: Sequence[Record]) -> set[RowName]:
        return {(self.plan.selection.table.identity, record.key) for record in records}

    def _not_mentioned(self, records: list[Record]) -> list[Record]:
        """The records without those that are kept because a file of theirs is mentioned now."""
        mentions = self._mentions_of(records)
        mentioned = mentions.doubts(NO_ROWS) if mentions else {}
        for record in records:
            if record.key in mentioned:
                self._keep(record, mentioned[record.key])
        return [record for record in records if record.key not in mentioned]

    def _young(self, records: Sequence[Record]) -> dict[tuple[Any, ...], Doubt]:
        """Why records are kept one of whose files has become young since the plan, by their keys."""
        self.session.media.forget()
        # Where the file was just found to be absent, only others can be there.
        doubts = {
            record.key: self.age.doubt_of_record(record.other_paths if self.returned else record.paths)
            for record in records
        }
        return {key: doubt for key, doubt in doubts.items() if doubt}

    def _keep(self, record: Record, doubt: Doubt) -> None:
        self.paths_kept.update(record.paths)
        self.outcome.keep_for(record.name, doubt)

    def _delete_selected(self, records: list[Record]) -> None:
        database, selection = self.session.database, self.plan.selection
        database.delete_selected(selection, [record.row for record in records])
        left = database.count_keys(selection.table, [record.key for record in records])
        if left:
            raise DatabaseError(
                f"deleting rows of {self.job.table} left {left:,} of {counted(len(records), 'row')} locked "
                "for it. A trigger or a row security policy interferes; let this database user delete them."
            )

    def _rows_to_archive(
        self, records: list[Record], cascade: Cascade
    ) -> Generator[dict[str, Any], None, None]:
        """The rows as they are now, records first; each has the files of its records."""
        table = self.plan.selection.table
        files = {record.key: record.paths for record in records}
        for part, key, row in self.session.database.whole_rows(table, list(files)):
            yield _line(CascadeRow("deleted", part, row, [key]), files)
        for dependent in cascade.rows_to_archive():
            yield _line(dependent, files)

    def _remove_files(self) -> None:
        """Remove the plan's files, each only if its record was deleted and no row references it now."""
        kept = set(_check(self.session, self.job).with_derived(sorted(self.paths_kept)))
        reason = Doubt(Code.RECORD_KEPT, "its record is kept, and so is the file")
        check = reference_check(self.job, self.session.database, self.session.media)
        removal = FileRemoval(self.session, check, self.outcome)
        removal.sweep((file.path for file in self.plan.files), self.job)
        for chunk in self.plan.files.chunks():
            of_kept = {file.path: reason for file in chunk if file.path in kept}
            removal.remove(chunk, self.job.name, of_kept)


def _line(row: CascadeRow, files: Mapping[tuple[Any, ...], list[bytes]]) -> dict[str, Any]:
    of = row.table
    paths = sorted({as_text(path) for key in row.records for path in files[key]})
    return {"action": row.action, "schema": of.schema, "table": of.relation, "files": paths, **row.row}


def _returned(session: Session, job: RecordsJob, records: Sequence[Record]) -> set[tuple[Any, ...]]:
    """The records whose file is there after all, or can no longer be checked."""
    store = session.media
    store.forget()
    check = _check(session, job)
    back = {record.key for record in records if not check.is_missing(record.row)}
    shared = shared_paths(job, session.database, {record.file for record in records if record.file})
    back |= {record.key for record in records if record.file in shared}
    store.verify_root()
    require_readable(store)
    return back


def _check(session: Session, job: RecordsJob) -> MissingCheck:
    """What keeps a record or a file now was reported with the plan, or is reported for its record."""
    spellings = spellings_of(job)
    return MissingCheck(session.media, spellings, patterns(job.derived), lambda _name, _code, _reason: None)
