# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The plans of the jobs ``missing`` and ``incomplete``: records, with their files and dependent rows."""

from __future__ import annotations

import os
import re
from abc import abstractmethod
from collections import Counter
from itertools import chain, groupby, islice
from typing import Any, Iterable, Iterator

from ..compare.age import AgeCheck
from ..compare.missing import MissingCheck
from ..compare.moves import LikelyMove, MoveSearch
from ..compare.path_mismatch import Sample
from ..config.site import RecordsJob
from ..database.base import Database
from ..database.catalog import ForeignKey, Row, Selection, Table
from ..errors import SiteError
from ..kept import Code
from ..media.paths import is_too_long, no_path
from ..media.walk import NAMES_IN_MEMORY
from ..session import Session, open_store
from ..spool import CHUNK, ExternalSort, Spool
from ..text import counted, escaped
from .cascade import cascade_of
from .dependents import UNDECLARED, Dependents, Link, rules_to_choose
from .guards import FEW_FILES, guard_cascade, guard_emptied, guard_empty_root, guard_share, guard_tables
from .planner import Planner
from .records import (
    Record,
    RecordFile,
    RecordsPlan,
    add_counts,
    apart,
    reference_check,
    referencing_columns,
    restriction,
    spool,
)

# Paths that a quick look did not find and that are asked for by name.
FEW_NOT_FOUND = 20_000
# Records for whose files the media store is searched in one listing.
MOVES_AT_ONCE = 50_000
_ANY = re.compile(rb".+", re.DOTALL)


def plan_missing(session: Session, job: RecordsJob, approved: str | None = None) -> RecordsPlan:
    """Find the records of a table whose file is proven not to exist, without touching anything."""
    return _MissingPlanner(session, job, approved).planned()


def plan_incomplete(session: Session, job: RecordsJob, approved: str | None = None) -> RecordsPlan:
    """Find the old records of a table that were never attached, without touching anything."""
    return _IncompletePlanner(session, job, approved).planned()


class _RecordsPlanner(Planner):
    """Which rows meet the condition of the job; then all that is removed with them."""

    plan: RecordsPlan

    def __init__(self, session: Session, job: RecordsJob, approved: str | None) -> None:
        scope = _scope(job)
        super().__init__(session, job, scope, approved)
        self.job = job
        selection = self._selection()
        self.age = AgeCheck(self.store, job.age_limit, self.moment)
        self.owner_path = _owner_path(job, selection, self.database)
        self.plan = RecordsPlan(job, scope, self.moment, selection)
        self.plan.links = Dependents(job, selection.table, self.database)
        self.plan.warnings += self.plan.links.warnings
        # The links for which a record is kept because no rule is known, in the order in which they are met.
        self.undeclared: dict[Link, None] = {}
        self.check = MissingCheck(self.store, self.spellings, self.derived, self.plan.keep)
        for column in (*job.own_columns, *job.references):
            self.database.path_column(column)

    @abstractmethod
    def _selection(self) -> Selection:
        """What every statement about the records repeats."""

    @abstractmethod
    def _selected(self) -> Iterator[list[Row]]:
        """The rows that meet the condition of the job; notes in the plan how many were examined."""

    def _not_doubtful(self, records: Iterator[Record]) -> Iterator[Record]:
        """Keep records about which this kind of job has a doubt."""
        return records

    def _check_finding(self) -> None:
        """The guards that this kind of job has besides those of all."""

    def planned(self) -> RecordsPlan:
        approved = spool()
        approved.extend(self.approved(self._not_young(self._detailed(self._selected()))))
        for some in apart(approved, self.plan.links):
            for record in self._unrestricted(some):
                self._add(record)
        for file in self._files():
            self._add_file(file)
        self._finish()
        return self.plan

    def _not_young(self, records: Iterator[Record]) -> Iterator[Record]:
        """Keep a record one of whose files is younger than the limit."""
        for record in self._not_doubtful(records):
            doubt = self.age.doubt_of_record(record.paths)
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
        for rows in self._counted(self.database.rows(self.plan.selection)):
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
            details = {
                detail.key: detail
                for detail in self.database.details(
                    self.plan.selection, self.job.companion_columns, self.owner_path, chunk
                )
            }
            for row in chunk:
                detail = details.get(row.key)
                # Otherwise the row is gone since it was read.
                if detail:
                    yield Record(row.key, row.file, detail.companions, detail.owner)

    def _unrestricted(self, records: list[Record]) -> Iterator[Record]:
        cascade, restricted = cascade_of(self.plan.links, self.database, [record.row for record in records])
        add_counts(self.plan.dependents, cascade.counts())
        for record in records:
            if record.key in restricted:
                links = restricted[record.key]
                self.plan.keep_for(record.name, restriction(links))
                self.undeclared.update((link, None) for link in links if link.action == UNDECLARED)
            else:
                yield record

    def _files(self) -> Iterator[RecordFile]:
        """The files on disk that nothing references any more once the records are gone."""
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
                check = reference_check(self.job, self.database)
                check.read(self._own_odd_references())
            doubts = check.doubts([file.path for file in there], own) if check else {}
            for file in there:
                doubt = doubts.get(file.path) or self.age.doubt_of_file(file.state)
                if doubt:
                    self.plan.keep_for(file.path, doubt)
                elif self.is_approved(file):
                    yield file

    def _own_odd_references(self) -> Iterator[bytes]:
        """What the records themselves reference in an odd spelling, in byte order."""
        odd = ExternalSort(NAMES_IN_MEMORY)
        for some in self.plan.items.chunks():
            paths = sorted(path for record in some for path in record.paths if b"\0" not in path)
            odd.extend(self.spellings.unusual(paths))
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

    def _finish(self) -> None:
        plan, site = self.plan, self.site
        if self.approval and self.approval.left:
            items = counted(self.approval.left, "item")
            plan.warnings.append(f"deleted, attached or not missing any more: {items} of the approved plan")
        if self.undeclared:
            plan.warnings.append(
                "records are kept because rows depend on them, and what becomes of these rows is not known. "
                f"Choose as on_delete says in the models, and add: {rules_to_choose(self.undeclared)}"
            )
        self.seal()
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


class _IncompletePlanner(_RecordsPlanner):
    """Records that were never attached to anything and are older than the limit."""

    def _selection(self) -> Selection:
        job, table = self.job, _table(self.job, self.database)
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


class _MissingPlanner(_RecordsPlanner):
    """Records whose file is proven not to exist."""

    def _selection(self) -> Selection:
        return Selection(_table(self.job, self.database), self.job.file_column)

    def _selected(self) -> Iterator[list[Row]]:
        not_found = self._not_found()
        if not_found is None:
            # Too many to be asked for by name: all rows are examined again, with their keys.
            self.check = MissingCheck(self.store, self.spellings, self.derived, self.plan.keep)
            self.sample = Sample()
            batches = self._all_rows()
        else:
            batches = self.database.rows_by_file(self.plan.selection, not_found)
        for rows in batches:
            missing = self.check.missing(rows)
            if missing:
                yield missing

    def _not_found(self) -> list[bytes] | None:
        """The paths whose file a quick look did not find; None if they are many.

        Nearly all files are there, and of the rows that reference them nothing else needs to come here.
        """
        without_file = self.session.without_file(self.job.deciding_column)
        if without_file is None:
            return self._few(self._references())
        self.plan.examined = {"records": self.database.count_rows(self.plan.selection, condition=True)}
        return self._few(without_file)

    def _references(self) -> Iterator[list[bytes]]:
        for paths in self._counted(self.database.references([self.job.deciding_column])):
            self.sample.look_at(paths)
            yield paths

    def _few(self, lists: Iterable[list[bytes]]) -> list[bytes] | None:
        not_found: list[bytes] = []
        for paths in lists:
            not_found += self.check.not_found(paths)
            if len(not_found) > FEW_NOT_FOUND:
                return None
        return [path for path in not_found if not self._is_kept_as_too_long(path)]

    def _not_doubtful(self, records: Iterator[Record]) -> Iterator[Record]:
        """Keep a record whose file seems to be elsewhere now, or is that of several records."""
        return self._not_shared(self._not_moved(records))

    def _not_moved(self, records: Iterator[Record]) -> Iterator[Record]:
        if self.site.enabled("include_likely_moves"):
            yield from records
            return
        missing = spool(MOVES_AT_ONCE)
        missing.extend(records)
        for some in missing.chunks():
            moved = self._moved({record.file for record in some if record.file})
            for record in some:
                found = moved.get(record.file or b"")
                if found is None:
                    yield record
                else:
                    self.plan.keep(record.name, Code.LIKELY_MOVE, _moved_to(found))

    def _not_shared(self, records: Iterator[Record]) -> Iterator[Record]:
        """Keep records of one missing path, such as a default picture; they come in the order of paths."""
        for path, group in groupby(records, lambda record: record.file):
            same = iter(group)
            first_two = list(islice(same, 2))
            if len(first_two) == 1 or self.site.accepts(Code.SHARED_PATH, path or b""):
                yield from chain(first_two, same)
            else:
                for record in chain(first_two, same):
                    self.plan.keep(record.name, Code.SHARED_PATH, _shared_by(record))

    def _moved(self, missing: set[bytes]) -> dict[bytes, LikelyMove]:
        # A store of its own: what this search cannot read says nothing about the records' own files.
        with open_store(self.site, max_listed=0) as store:
            search = MoveSearch(store, self.database, referencing_columns(self.job))
            moved = search.moved_files(missing, self.job.deciding_column, self.derived)
            warning = "not every directory could be searched for files that were moved"
            if store.unreadable.total and warning not in self.plan.warnings:
                self.plan.warnings.append(warning)
        return moved

    def _check_finding(self) -> None:
        if len(self.plan.items):
            guard_empty_root(self.plan, self._root_is_empty(), self.site.accept)
            self.check_path_mismatch()
        guard_emptied(self.plan, self._emptied(), self.site.max_removal_percent)

    def _emptied(self) -> dict[bytes, int]:
        """The directories in which there is nothing any more, each with the records of files in it."""
        lost = Counter(os.path.dirname(record.file or b"") for record in self.plan.items)
        return {
            directory: rows
            for directory, rows in lost.items()
            if rows >= FEW_FILES and self.store.is_empty(directory)
        }

    def _root_is_empty(self) -> bool:
        own = {self.site.quarantine_in_root, self.site.marker}
        return not [name for name in self.store.names(b"", _ANY) if name not in own]


def _table(job: RecordsJob, database: Database) -> Table:
    table = database.table(job.table)
    if not table.has_primary_key:
        raise SiteError(
            f"table {job.table} has no primary key, so its rows cannot be identified with certainty. "
            "Use a table of Django's, or give this one a primary key."
        )
    return table


def _owner_path(job: RecordsJob, selection: Selection, database: Database) -> list[ForeignKey | str]:
    """Follow ``album_id.title`` along the foreign keys of the catalog."""
    if job.label is None:
        return []
    *columns, last = job.label.split(".")
    table, steps = selection.table, []
    keys = database.foreign_keys()
    for column in columns:
        database.column(table, column)
        found = [
            key for key in keys if (key.schema, key.table) == table.identity and key.columns == (column,)
        ]
        if not found:
            raise SiteError(
                f"label {job.label!r}: {table.name}.{column} is no foreign key in the catalog, so the "
                "owner cannot be found over it."
            )
        steps.append(found[0])
        table = database.table(f"{found[0].target_schema}.{found[0].target_table}")
    database.column(table, last)
    return [*steps, last]


def _moved_to(found: LikelyMove) -> str:
    return (
        f"a file of this {found.alike} that no row references is at '{escaped(found.path)}': likely a move. "
        "Correct the row or move the file back; include_likely_moves removes the row all the same"
    )


def _shared_by(record: Record) -> str:
    path = escaped(record.file or b"")
    return (
        f"several records reference this missing file, as they do a default picture: row {record.shown_key} "
        f"is kept. Restore the file; if all of them are to be removed, set accept: ['shared_path:{path}']"
    )


def _scope(job: RecordsJob) -> str:
    parts = [os.fsdecode(job.site.media_root), job.table, job.file_column, *job.companion_columns]
    # Approving a plan approves what becomes of all rows that depend on its records.
    return "\0".join([*parts, repr(job.dependents)])
