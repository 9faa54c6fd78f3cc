# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the plans of the jobs ``missing`` and ``incomplete`` share: records, with files and dependent rows."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections import Counter
from datetime import datetime, timezone
from itertools import chain
from typing import Any, Iterator

from ..compare.age import AgeCheck, age_column
from ..compare.mentions.unlisted import RecordMentions, RowName
from ..compare.missing import MissingCheck
from ..compare.names.other_names import OtherNames
from ..compare.names.references import ReferenceCheck
from ..config.site import RecordsJob
from ..database.catalog import Row, Selection, Table
from ..kept import Code, Doubt
from ..media.paths import is_too_long, no_path
from ..media.walk import NAMES_IN_MEMORY
from ..session import Session
from ..spool import CHUNK, ExternalSort, Spool
from ..text import counted
from .dependents import undeclared
from .dependents.cascade import Cascade, cascade_of
from .dependents.link import Link
from .dependents.links import Dependents
from .guards import guard_cascade, guard_durable, guard_share, guard_tables
from .planner import Planner
from .records import (
    DependentsFound,
    Record,
    RecordFile,
    RecordsPlan,
    add_counts,
    apart,
    item_name,
    owner_path,
    reference_check,
    require_same_prefixes,
    restriction,
    spellings_of,
    spool,
    triggered,
)

# How many scans have to find a row whose age nobody knows, unless the user says otherwise.
SCANS_WITHOUT_AGE = 2
# What calendars and databases can show, in every time zone: no row is older.
_FIRST_DAYS = datetime(1, 1, 3, tzinfo=timezone.utc).timestamp()


class RecordsPlanner(Planner):
    """Which rows meet the condition of the job; then all that is removed with them."""

    plan: RecordsPlan
    # Whether the file that decides is proven to be absent, so that only other files of a record can be there.
    is_absent = False

    def __init__(self, session: Session, job: RecordsJob, approved: str | None = None) -> None:
        self.job = job
        scope = _scope(job)
        super().__init__(session, job, scope, approved)
        self.spellings = spellings_of(job)
        selection = self._selection()
        self.database.require_comparable(selection)
        self.age = AgeCheck(self.store, job.age_limit, self.moment)
        self.owner_path = owner_path(job, selection, self.database)
        self.plan = RecordsPlan(job, scope, self.moment, selection)
        self.plan.links = Dependents(job, selection.table, self.database)
        for table in (selection.table, *self.plan.links.order, *self.plan.links.order_after):
            self.database.require_transactions(table)
        self.plan.warnings += self.plan.links.warnings
        # The links for which records are kept, in the order in which they are met.
        self.undeclared: dict[Link, None] = {}
        self.check = MissingCheck(self.store, self.spellings, self.derived, self.plan.keep)
        self.candidates = spool()
        # Records that are to reference another file.
        self.moved = spool()
        # The files that may be removed with each candidate.
        self.candidate_files: Spool[tuple[bytes, ...]] = Spool(tuple, lambda *paths: paths)
        self.mentions = RecordMentions(self.unlisted)
        for column in job.referencing_columns:
            self.database.path_column(column)
        require_same_prefixes(job, self.database)

    @property
    def _examined(self) -> Selection:
        """The rows that are examined, of which those of the selection may be removed."""
        return self.plan.selection

    @abstractmethod
    def _selection(self) -> Selection:
        """What every statement about the records repeats."""

    def _with_age(self, table: Table, unattached_columns: tuple[str, ...] = ()) -> Selection:
        """The selection of rows that are older than the limit, where their age can be known."""
        column = age_column(self.job, table, self.database)
        cutoff = max(self.moment - self.job.age_limit.seconds, _FIRST_DAYS)
        return Selection(
            table,
            self.job.file_column,
            unattached_columns,
            column,
            cutoff,
            self.job.time_zone,
            self.job.only,
            prefix=self.job.deciding_column.prefix,
        )

    @abstractmethod
    def _selected(self) -> Iterator[list[Row]]:
        """The rows that meet the condition of the job; notes in the plan how many were examined."""

    def _not_doubtful(self, records: Iterator[Record]) -> Iterator[Record]:
        """Keep records about which this kind of job has a doubt."""
        return records

    def _plan_relinks(self, records: Spool[Record]) -> None:
        """Plan to point these records at the files that they were moved to."""

    def _check_finding(self) -> None:
        """The guards that this kind of job has besides those of all."""

    def item_of_row(self, table: str, key: str) -> bytes | None:
        return item_name(key) if table == self.job.table else None

    def find(self) -> None:
        has_age = self.plan.selection.uploaded_at_column is not None
        self.require_confirmation(scans=1 if has_age else SCANS_WITHOUT_AGE)
        for record in self.confirmed(self._not_young(self._not_listed(self._detailed(self._selected())))):
            (self.moved if record.moved_to else self.candidates).append(record)
        for record in self.candidates if self.unlisted.is_on else ():
            self.candidate_files.append(self._files_of(record))
        deletes_from = () if self.job.clears else (*self.plan.links.order, *self.plan.links.order_after)
        self.unlisted.search_for(chain.from_iterable(self.candidate_files), deletes_from)

    def finish(self) -> RecordsPlan:
        files = iter(self.candidate_files)
        for some in apart(self.candidates, self.plan.links):
            self.mentions.of({record.key: next(files, ()) for record in some})
            for record in self._with_dependents(some):
                self._add(record)
            self.mentions.count()
        for file in self._files():
            self._add_file(file)
        self._plan_relinks(self.moved)
        self._complete()
        return self.plan

    def _files_of(self, record: Record) -> tuple[bytes, ...]:
        """The files of a record that are there, and those that are derived from its own."""
        paths = self.check.with_derived(path for path in record.paths if not no_path(path))
        return tuple(path for path in paths if not no_path(path) and self._has_file_at(record, path))

    def _has_file_at(self, record: Record, path: bytes) -> bool:
        """Whether a regular file is at a path that goes with a record."""
        return self.store.check(path).is_file

    def _not_listed(self, records: Iterator[Record]) -> Iterator[Record]:
        """Keep what the option ``keep`` lists: the row of a record, or a file of its."""
        for record in records:
            doubt = self.keep.doubt_of_record(self.plan.selection.table, record.key, record.paths)
            if self.is_listed_in_keep(doubt, record):
                self._keep_row(record)
            else:
                yield record

    def _keep_row(self, record: Record) -> None:
        """Let the row of a record not be deleted with another one, on which it depends."""
        if self.approval:
            self.approval.note_files(b"file\0" + path for path in record.paths)
        table = self.plan.selection.table
        if any(link.child == table for link in self.plan.links.links()):
            self.keep.add_row(table, record.key)

    def _not_young(self, records: Iterator[Record]) -> Iterator[Record]:
        """Keep a record one of whose files is younger than the limit."""
        for record in self._not_doubtful(records):
            doubt = self.age.doubt_of_record(record.other_paths if self.is_absent else record.paths)
            if doubt:
                self.plan.keep_for(record.name, doubt)
            else:
                yield record

    def _add(self, record: Record) -> None:
        self.plan.items.append(record)
        self.plan.count_in(record.item())
        self.plan.found.records += 1
        if self.job.label:
            self.plan.labels[record.owner or "(none)"] += 1

    def _add_file(self, file: RecordFile) -> None:
        self.plan.files.append(file)
        self.plan.count_in(file.item())
        self.plan.found.files += 1
        self.plan.found.bytes += file.state.size

    def _all_rows(self) -> Iterator[list[Row]]:
        for rows in self._counted(self.database.rows(self._examined)):
            self.sample.look_at([row.file or b"" for row in rows])
            yield rows

    def _is_kept_as_too_long(self, path: bytes) -> bool:
        """Whether a value is longer than a path can be, so that its record is kept."""
        if is_too_long(path):
            self.check.keep_record_of(path, no_path(path) or "")
        return is_too_long(path)

    def _counted(self, lists: Iterator[list[Any]]) -> Iterator[list[Any]]:
        """Count what is examined, while it comes."""
        seen = 0
        for some in lists:
            seen += len(some)
            yield some
            self.examined(seen)
        self.plan.examined = {"records": seen}

    def _detailed(self, batches: Iterator[list[Row]]) -> Iterator[Record]:
        # All rows are read first: what follows asks the same connection other things.
        selected: Spool[Row] = Spool(tuple, Row)
        for rows in batches:
            selected.extend(rows)
        for chunk in selected.chunks():
            if not self.job.companions and not self.owner_path:
                yield from (Record(row.key, row.file, (), None) for row in chunk)
                continue
            details = {
                detail.key: detail
                for detail in self.database.details(
                    self.plan.selection, self.job.companions, self.owner_path, chunk
                )
            }
            for row in chunk:
                detail = details.get(row.key)
                # Otherwise the row is gone since it was read.
                if detail:
                    yield Record(row.key, row.file, detail.companions, detail.owner)

    def _with_dependents(self, records: list[Record]) -> list[Record]:
        """Those of the records that may be removed, together with their dependent rows."""
        doubt = self._doubt_of_all()
        if doubt:
            for record in records:
                self.keep_noted(record, doubt)
            return []
        cascade, found, left = self._cascade(records)
        records = [record for record in left if self.is_approved(record)]
        while len(records) < len(left):
            # Without the others, rows may depend on a record that were to be removed for their own sake.
            cascade, found, left = self._cascade(records)
            approved = {record.key: record.dependents for record in records}
            records = [record for record in left if self._still_has(record, approved[record.key])]
        add_counts(self.plan.dependents, cascade.counts())
        self.plan.dependents_listed.add_all(found.listed)
        return records

    def _doubt_of_all(self) -> Doubt | None:
        """Why no record may be removed, whatever depends on it."""
        root = self.plan.links.root
        if self.plan.links.triggers.get(root):
            return triggered(root, self.plan.links)
        return None if self.job.clears else self.job.doubt

    def _cascade(self, records: list[Record]) -> tuple[Cascade, DependentsFound, list[Record]]:
        """The cascade of the records, its rows, and the records without those that are kept for a row or a
        mention: rows that are deleted keep nothing, and those of a record that is kept are not deleted."""
        cascade, found, left = self._followed(records)
        while True:
            doubts = {**self.mentions.doubts(self._going(left, found)), **_held(found)}
            kept = [record for record in left if record.key in doubts]
            if not kept:
                return cascade, found, left
            for record in kept:
                self.keep_noted(record, doubts[record.key])
                self._keep_row(record)
            cascade, found, left = self._followed([record for record in left if record.key not in doubts])

    def _going(self, records: list[Record], found: DependentsFound) -> set[RowName]:
        """The rows that would be deleted, of the tables that mention files."""
        root = self.plan.selection.table
        if self.job.clears or root.identity not in self.mentions.tables:
            return found.deleted
        return found.deleted.union((root.identity, record.key) for record in records)

    def _followed(self, records: list[Record]) -> tuple[Cascade, DependentsFound, list[Record]]:
        """The cascade of the records, its rows, and the records without those that are restricted."""
        cascade, restricted = cascade_of(self.plan.links, self.database, [record.row for record in records])
        found = DependentsFound(cascade, self.site.max_listed, self.keep, self.mentions.tables)
        left: list[Record] = []
        for record in records:
            if record.key in restricted:
                self._keep_restricted(record, restricted[record.key])
            else:
                left.append(found.added_to(record))
        return cascade, found, left

    def _keep_restricted(self, record: Record, links: list[Link]) -> None:
        self.keep_noted(record, restriction(links, self.plan.links))
        self.undeclared.update(dict.fromkeys(links))

    def _still_has(self, record: Record, dependents: str) -> bool:
        """Whether the dependent rows of a record are those that were approved; else it is kept."""
        if record.dependents != dependents:
            reason = "rows would be removed with it that are records themselves, and these are kept"
            self.plan.keep(record.name, Code.NOT_APPROVED, reason)
        return record.dependents == dependents

    def _files(self) -> Iterator[RecordFile]:
        """The files on disk that nothing references any more once the records are gone."""
        if self.is_absent and not self.job.companions and not self.derived:
            return
        check = None
        for own in self._own_paths():
            paths = self.check.with_derived(sorted(own))
            states = ((path, self.check.file_at(path)) for path in paths)
            there = [
                RecordFile(path, state)
                for path, state in states
                if state and not self.is_of_database(path, state)
            ]
            if there and check is None:
                check = reference_check(self.job, self.database, self.store)
                check.read(self._own_references_to_remember(check))
            doubts = self._doubts(check, there, own) if check and there else {}
            # Those that came after the candidates were found are in no answer of the search so far.
            doubts.update(self.unlisted.doubts(self.unlisted.not_searched({file.path for file in there})))
            for file in there:
                listed = self.keep.doubt_of_file(file.path)
                doubt = listed or doubts.get(file.path) or self.age.doubt_of_file(file.state)
                if doubt:
                    self.plan.keep_for(file.path, doubt)
                elif self.is_approved(file):
                    yield file

    def _doubts(
        self, check: ReferenceCheck, files: list[RecordFile], own: Counter[bytes]
    ) -> dict[bytes, Doubt]:
        """Why some of these files are kept: rows reference them, by this name or by another one."""
        doubts = check.doubts([file.path for file in files], own)
        left = [file for file in files if file.path not in doubts]
        if left:
            names = OtherNames(self.store, check, check.spellings)
            names.read(left, self.database.references(self.job.referencing_columns))
            doubts.update(names.doubts(left))
        return doubts

    def _own_references_to_remember(self, check: ReferenceCheck) -> Iterator[bytes]:
        """What the records themselves reference that the check would remember, in byte order."""
        odd = ExternalSort(NAMES_IN_MEMORY)
        for some in self.plan.items.chunks():
            paths = sorted(path for record in some for path in record.paths if b"\0" not in path)
            odd.extend(check.to_remember(paths))
        for values in odd.lists():
            yield from values

    def _own_paths(self) -> Iterator[Counter[bytes]]:
        """The paths that the records reference, and how many of them do; in order, a few at a time."""
        paths = ExternalSort(NAMES_IN_MEMORY)
        for record in self.plan.items:
            paths.extend([path for path in record.paths if not self._is_no_path(path)])
        own: Counter[bytes] = Counter()
        for path in (path for paths in paths.lists() for path in paths):
            if len(own) >= CHUNK and path not in own:
                yield own
                own = Counter()
            own[path] += 1
        if own:
            yield own

    def _is_no_path(self, path: bytes) -> bool:
        # Names with a NUL cannot be sorted on disk, nor be on one.
        return b"\0" in path and self.check.file_at(path) is None

    def _complete(self) -> None:
        plan, site = self.plan, self.site
        if self.approval and self.approval.left:
            items = counted(self.approval.left, "item")
            plan.warnings.append(f"deleted, attached or not missing any more: {items} of the approved plan")
        plan.warnings += undeclared.notes(self.undeclared, plan.links)
        # What does not run when rows are deleted is no news where none is.
        plan.warnings += self.job.notes if len(plan.items) else ()
        self.seal()
        guard_durable(plan, self.database.lost_by_crash(), site.accept)
        most = site.max_removal_percent
        what = f"rows of {self.job.table}"
        guard_share(plan, what, plan.found.records, plan.examined["records"], most)
        self._check_finding()
        guard_cascade(plan, plan.dependents, self.job.max_dependents)
        deleted = {name: counts["deleted"] for name, counts in plan.dependents.items()}
        guard_tables(plan, deleted, self._count, most, site.accept)

    def _count(self, table: str) -> int:
        """All rows of a table of dependent rows."""
        found = next(link.child for link in self.plan.links.links() if link.child.name == table)
        return self.database.count_rows(Selection(found, ""))


def _held(found: DependentsFound) -> dict[tuple[Any, ...], Doubt]:
    """Why records are kept with which a row would be deleted that is to be kept."""
    return {
        key: Doubt(Code.KEEP, f"keep lists the row {row}, which would be deleted with its record")
        for key, row in found.held.items()
    }


def _scope(job: RecordsJob) -> str:
    parts = [os.fsdecode(job.site.media_root), job.table, job.file_column, *job.companion_columns]
    # Approving a plan approves what becomes of all rows that depend on its records.
    if job.dangling:
        parts.append("dangling")
    parts += [f"{column}:{prefix}" for column, prefix in job.prefixes]
    return "\0".join([*parts, repr(job.dependents), str(job.parents), repr(job.only), job.on_missing])
