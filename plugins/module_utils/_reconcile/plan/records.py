# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The jobs ``missing`` and ``incomplete``: finds rows that name a file, with all that hangs on them."""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from typing import Any, Callable, Iterable, Iterator, Mapping, NamedTuple

from ..compare.missing import DoomedFile, MissingCheck
from ..compare.moves import LikelyMove, moved_files
from ..compare.path_mismatch import Sample, better_reading
from ..compare.references import ReferenceCheck
from ..config.site import Column, RecordsJob
from ..database.base import Database
from ..database.catalog import ForeignKey, Row, Selection
from ..errors import SiteError
from ..media.derived import patterns
from ..media.local import FileState, LocalStore
from ..media.walk import NAMES_IN_MEMORY
from ..quarantine.batches import last_file_system
from ..spool import CHUNK, ExternalSort, Spool
from ..text import counted, escaped, escaped_value
from .approval import Approval
from .cascade import cascade_of
from .dependents import Dependents
from .guards import (
    FEW_FILES,
    guard_approval,
    guard_emptied,
    guard_empty_root,
    guard_file_system,
    guard_marker,
    guard_partial,
    guard_path_mismatch,
    guard_replica,
    guard_share,
    guard_tables,
)
from .plan import Item, Plan

Progress = Callable[[int], None]

# A cascade over few records is never called far larger than they are.
FEW_RECORDS = 10
# Paths without a file that are asked for by name.
FEW_UNSEEN = 20_000
# Records for whose files the tree is searched in one walk.
MOVES_AT_ONCE = 50_000
_ANY = re.compile(rb".+", re.DOTALL)


class Record(NamedTuple):
    key: tuple[Any, ...]
    file: bytes | None
    companions: tuple[bytes | None, ...]
    owner: str | None

    @property
    def row(self) -> Row:
        return Row(self.key, self.file)

    @property
    def paths(self) -> list[bytes]:
        """The files that it names, the companions included."""
        return [path for path in (self.file, *self.companions) if path]

    @property
    def shown_key(self) -> str:
        return ", ".join(escaped_value(value) for value in self.key)

    def item(self) -> Item:
        identity = [os.fsdecode(path) if path else None for path in (self.file, *self.companions)]
        return Item(b"row\0" + self.shown_key.encode(), json.dumps(identity).encode())


def _spool(chunk: int | None = None) -> Spool[Record]:
    return Spool(tuple, Record, chunk)


class RecordsPlan(Plan):
    """A plan whose items are records; their files and dependents go with them."""

    def __init__(self, job: RecordsJob, scope: str, moment: float, selection: Selection) -> None:
        super().__init__(job.name, scope, moment, _spool(), job.site.max_listed)
        self.selection = selection
        self.files: Spool[DoomedFile] = Spool(
            lambda file: (file.path, tuple(file.state)),
            lambda path, state: DoomedFile(path, FileState(*state)),
        )
        self.labels: Counter[str] = Counter()
        self.dependents: dict[str, dict[str, int]] = {}
        self.hanging: Dependents


def make_plan(
    job: RecordsJob,
    tree: LocalStore,
    database: Database,
    approved_plan: str | None = None,
    progress: Progress | None = None,
) -> RecordsPlan:
    """Find the records of a site that a job would remove, without touching anything."""
    return _Planning(job, tree, database, approved_plan, progress).plan_made()


class _Planning:
    def __init__(
        self,
        job: RecordsJob,
        tree: LocalStore,
        database: Database,
        approved_plan: str | None,
        progress: Progress | None,
    ) -> None:
        self.job = job
        self.tree = tree
        self.database = database
        self.progress = progress
        scope = _scope(job)
        self.approval = Approval(approved_plan, job.name, scope) if approved_plan else None
        moment = self.approval.moment if self.approval else time.time()
        selection = _selection(job, database, moment)
        self.owner_path = _owner_path(job, selection, database)
        self.plan = RecordsPlan(job, scope, moment, selection)
        self.plan.hanging = Dependents(job, selection.table, database)
        self.plan.warnings += self.plan.hanging.warnings
        self.looks = MissingCheck(job, tree)
        self.sample = Sample()
        for column in (*job.own_columns, *job.references):
            database.path_column(column)
        patterns(job.derived)

    def plan_made(self) -> RecordsPlan:
        approved = _spool()
        approved.extend(self._approved(self._not_moved(self._detailed(self._selected()))))
        for some in handfuls(approved, self.plan.hanging):
            for record in self._unrestricted(some):
                self._add(record)
        for file in self._files():
            self._add_file(file)
        self._finish()
        return self.plan

    def _add(self, record: Record) -> None:
        self.plan.items.append(record)
        self.plan.count_in(record.item())
        self.plan.found.records += 1
        if self.job.label:
            self.plan.labels[record.owner or "(none)"] += 1

    def _add_file(self, file: DoomedFile) -> None:
        self.plan.files.append(file)
        self.plan.count_in(file.item())
        self.plan.found.files += 1
        self.plan.found.bytes += file.state.size

    def _selected(self) -> Iterator[list[Row]]:
        """The rows that meet the condition: of the database, and for ``missing`` of the disk."""
        if self.job.select == "incomplete":
            yield from self._all_rows()
            self.plan.examined = {"records": self.database.count_rows(self.plan.selection)}
            return
        unseen = self._unseen_paths()
        if unseen is None:
            # Too many to be asked for by name: all rows are looked at again, with their keys.
            self.looks, self.sample = MissingCheck(self.job, self.tree), Sample()
            batches = self._all_rows()
        else:
            batches = self.database.rows_naming(self.plan.selection, unseen)
        for rows in batches:
            missing = self.looks.missing(rows, self.plan)
            if missing:
                yield missing

    def _unseen_paths(self) -> list[bytes] | None:
        """The paths whose file a quick look did not find; None if they are many.

        Nearly all files are there, and of the rows that name them nothing else needs to come here.
        """
        unseen: list[bytes] = []
        for paths in self._counted(self.database.references([self.job.own_columns[0]])):
            self.sample.look_at(paths)
            unseen += self.looks.unseen(paths)
            if len(unseen) > FEW_UNSEEN:
                return None
        return unseen

    def _all_rows(self) -> Iterator[list[Row]]:
        for rows in self._counted(self.database.rows(self.plan.selection)):
            self.sample.look_at([row.file or b"" for row in rows])
            yield rows

    def _counted(self, lists: Iterator[list[Any]]) -> Iterator[list[Any]]:
        """Count what is examined, while it comes."""
        seen = 0
        for some in lists:
            seen += len(some)
            yield some
            if self.progress:
                self.progress(seen)
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
                # Otherwise the row went away since it was read.
                if detail:
                    yield Record(row.key, row.file, detail.companions, detail.owner)

    def _not_moved(self, records: Iterator[Record]) -> Iterator[Record]:
        """Leave alone a row whose file seems to lie elsewhere now."""
        if self.job.select != "missing" or self.job.site.enabled("include_likely_moves"):
            yield from records
            return
        missing = _spool(MOVES_AT_ONCE)
        missing.extend(records)
        for some in missing.chunks():
            moved = self._moved({record.file for record in some if record.file})
            for record in some:
                found = moved.get(record.file or b"")
                if found is None:
                    yield record
                else:
                    self.plan.skip(name_of(record), _moved_to(found))

    def _moved(self, missing: set[bytes]) -> dict[bytes, LikelyMove]:
        # A tree of its own: what this search cannot see says nothing about the rows' own files.
        with LocalStore(self.job.site.media_root, 0, [self.job.site.quarantine_in_root or b""]) as tree:
            moved = moved_files(
                missing,
                self.job.deciding_column,
                tree,
                self.database,
                _naming_columns(self.job),
                patterns(self.job.derived),
            )
            warning = "not every directory could be searched for files that were moved"
            if tree.unseen.total and warning not in self.plan.warnings:
                self.plan.warnings.append(warning)
        return moved

    def _approved(self, records: Iterator[Record]) -> Iterator[Record]:
        for record in records:
            objection = self.approval.objection(record.item()) if self.approval else None
            if objection:
                self.plan.skip(name_of(record), objection)
            else:
                yield record

    def _unrestricted(self, records: list[Record]) -> Iterator[Record]:
        along, staying = cascade_of(self.plan.hanging, [record.row for record in records])
        add_counts(self.plan.dependents, along.counts())
        for record in records:
            if record.key in staying:
                self.plan.skip(name_of(record), restricted(staying[record.key]))
            else:
                yield record

    def _files(self) -> Iterator[DoomedFile]:
        """The files on disk that nothing names any more once the records are gone."""
        for own in self._own_paths():
            paths = self.looks.with_derived(sorted(own))
            there = [file for file in (self.looks.present(path, self.plan) for path in paths) if file]
            naming = naming_of(self.job, self.database, [file.path for file in there], own)
            for file in there:
                stay = naming.reason_to_keep(file.path)
                objection = self.approval.objection(file.item()) if self.approval and not stay else None
                if stay:
                    self.plan.skip(file.path, stay.reason)
                elif objection:
                    self.plan.skip(file.path, objection)
                else:
                    yield file

    def _own_paths(self) -> Iterator[Counter[bytes]]:
        """The paths that the records name, and how many of them do; in order, a few at a time."""
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
        return b"\0" in path and self.looks.present(path, self.plan) is None

    def _finish(self) -> None:
        plan, job = self.plan, self.job
        self.tree.verify_root()
        if self.approval and self.approval.left:
            plan.warnings.append(
                f"gone, attached or back by now: {counted(self.approval.left, 'item')} of the approved plan"
            )
        plan.seal()
        guard_partial(plan, self.tree.unseen)
        guard_replica(plan, self.database.is_replica())
        if job.site.marker is not None:
            present = self.tree.has_file(job.site.marker)
            guard_marker(plan, escaped(job.site.marker), present)
        if job.select == "missing" and len(plan.items):
            guard_empty_root(plan, self._root_is_empty(), job.site.accept)
            reading = better_reading(self.sample, self.tree, self.looks.spellings)
            guard_path_mismatch(plan, reading, job.site.accept)
        guard_file_system(plan, last_file_system(job.site), self.tree.file_system, job.site.accept)
        examined = plan.examined["records"]
        guard_share(plan, f"rows of {job.table}", plan.found.records, examined, job.site.max_removal_percent)
        if job.select == "missing":
            guard_emptied(plan, self._emptied(), job.site.max_removal_percent)
        guard_dependents(plan, job.max_dependents)
        going = {name: counts["deleted"] for name, counts in plan.dependents.items()}
        guard_tables(plan, going, self._count, job.site.max_removal_percent, job.site.accept)
        guard_approval(plan, self.approval)

    def _count(self, table: str) -> int:
        """All rows of a table on which the cascade came."""
        found = next(link.child for link in self.plan.hanging.links() if link.child.name == table)
        return self.database.count_rows(Selection(found, ""))

    def _emptied(self) -> dict[bytes, int]:
        """The directories in which there is nothing any more, each with the rows that would go for it."""
        lost = Counter(os.path.dirname(record.file or b"") for record in self.plan.items)
        return {
            directory: rows
            for directory, rows in lost.items()
            if rows >= FEW_FILES and self.tree.is_empty(directory)
        }

    def _root_is_empty(self) -> bool:
        own = {self.job.site.quarantine_in_root, self.job.site.marker}
        return not [name for name in self.tree.names(b"", _ANY) if name not in own]


def naming_of(
    job: RecordsJob,
    database: Database,
    paths: Iterable[bytes],
    leaving: Mapping[bytes, int] | None = None,
) -> ReferenceCheck:
    return ReferenceCheck(database, _naming_columns(job), patterns(job.derived), paths, leaving)


def handfuls(records: Spool[Record], hanging: Dependents) -> Iterator[list[Record]]:
    """The records a few at a time; all at once where a row may hang on two of them."""
    if hanging.hang_on_one:
        yield from records.chunks()
    elif len(records):
        yield list(records)


def add_counts(total: dict[str, dict[str, int]], more: dict[str, dict[str, int]]) -> None:
    for table, counts in more.items():
        known = total.setdefault(table, dict.fromkeys(counts, 0))
        for action, count in counts.items():
            known[action] += count


def _naming_columns(job: RecordsJob) -> tuple[Column, ...]:
    """All columns that may name the files of the records."""
    return tuple(dict.fromkeys((*job.own_columns, *job.references)))


def guard_dependents(plan: RecordsPlan, most: int) -> None:
    """Turn the plan down when far more rows hang on the records than there are records."""
    hanging = sum(sum(counts.values()) for counts in plan.dependents.values())
    if hanging > most * max(plan.found.records, FEW_RECORDS):
        tables = ", ".join(f"{table} {sum(n.values()):,}" for table, n in sorted(plan.dependents.items()))
        plan.refuse(
            "max_dependents",
            f"{counted(hanging, 'row')} of other tables would go or change with "
            f"{counted(plan.found.records, 'record')} ({tables}), and "
            f"max_dependents allows {most:,} for each record. A cascade that wide often means that "
            "the rows hold more than the photos did. If it is what you mean, raise max_dependents.",
            "max_dependents",
        )


def _selection(job: RecordsJob, database: Database, moment: float) -> Selection:
    table = database.table(job.table)
    if not table.has_primary_key:
        raise SiteError(
            f"table {job.table} has no primary key, so its rows cannot be told apart with certainty. "
            "Name a table of Django's, or give this one a primary key."
        )
    if job.select == "missing":
        return Selection(table, job.file_column)
    for name in (job.unattached_column, job.uploaded_at_column):
        database.column(table, name)
    return Selection(
        table,
        job.file_column,
        job.unattached_column,
        job.uploaded_at_column,
        moment - job.age_limit.seconds,
        job.time_zone,
    )


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


def name_of(record: Record) -> bytes:
    return record.file or f"row {record.shown_key}".encode()


def _moved_to(found: LikelyMove) -> str:
    return (
        f"a file of this {found.alike} that no row names lies at '{escaped(found.path)}': likely a move. "
        "Correct the row or move the file back; include_likely_moves removes the row all the same"
    )


def restricted(link: str) -> str:
    return f"rows that must not go hang on its record: {link} is set to restrict"


def _scope(job: RecordsJob) -> str:
    parts = [os.fsdecode(job.site.media_root), job.table, job.file_column, *job.companion_columns]
    # Approving a plan approves what becomes of all that hangs on its records.
    return "\0".join([*parts, repr(job.dependents)])
