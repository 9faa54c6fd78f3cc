# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The jobs ``missing`` and ``incomplete``: rows that name a file, with all that hangs on them.

Rows go first, in one transaction, and their files only after it is committed: whatever happens in
between leaves an orphan at the worst, which the job ``orphans`` collects, and never a row without
its file.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from itertools import groupby
from typing import AbstractSet, Any, Callable, Iterable, Iterator, Mapping, NamedTuple
from urllib.parse import quote

from .database.base import Database, ForeignKey, Row, Selection, StoredRow, Table
from .dependents import Cascade, Dependents
from .derived import patterns
from .errors import CleanupError, CommitUnknown, DatabaseError, SiteError, UnseenError
from .misfit import Sample, better_reading
from .moves import Twin, files_like
from .naming import Naming
from .outcome import Outcome, Taker
from .plan import (
    FEW_FILES,
    Approval,
    Item,
    Plan,
    counted,
    guard_approval,
    guard_emptied,
    guard_empty_root,
    guard_file_system,
    guard_marker,
    guard_reading,
    guard_replica,
    guard_share,
    guard_sight,
    guard_tables,
)
from .quarantine import as_text, last_file_system
from .site import Column, RecordsJob
from .spelling import Spellings, decomposed, escaped, escaped_value, outside
from .spool import CHUNK, SortedNames, Spool
from .tree import NAMES_IN_MEMORY, FileState, MediaTree, NotFollowed

Progress = Callable[[int], None]

# A cascade over few records is never called far larger than they are.
FEW_RECORDS = 10
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


class DoomedFile(NamedTuple):
    """A file that goes with the records that name it."""

    path: bytes
    state: FileState

    def item(self) -> Item:
        return Item(b"file\0" + self.path, repr(tuple(self.state)).encode())


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
    tree: MediaTree,
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
        tree: MediaTree,
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
        self.looks = Looks(job, tree)
        self.sample = Sample()
        for column in (*job.own_columns, *job.references):
            database.path_column(column)
        patterns(job.derived)

    def plan_made(self) -> RecordsPlan:
        approved = _spool()
        approved.extend(self._approved(self._not_moved(self._detailed(self._selected()))))
        for some in _handfuls(approved, self.plan.hanging):
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
        selection = self.plan.selection
        rows_seen = 0
        for rows in self.database.rows(selection):
            rows_seen += len(rows)
            self.sample.look_at([row.file or b"" for row in rows])
            if self.job.select == "missing":
                rows = self.looks.missing(rows, self.plan)
            if rows:
                yield rows
            if self.progress:
                self.progress(rows_seen)
        self.plan.examined = {"records": rows_seen}
        if self.job.select == "incomplete":
            self.plan.examined = {"records": self.database.count_rows(selection)}

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
        if self.job.select != "missing" or self.job.site.include_likely_moves:
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
                    self.plan.skip(_name(record), _moved_to(found))

    def _moved(self, missing: set[bytes]) -> dict[bytes, Twin]:
        # A tree of its own: what this search cannot see says nothing about the rows' own files.
        with MediaTree(self.job.site.media_root, 0, [self.job.site.quarantine_in_root or b""]) as tree:
            moved = files_like(
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
                self.plan.skip(_name(record), objection)
            else:
                yield record

    def _unrestricted(self, records: list[Record]) -> Iterator[Record]:
        cascade, staying = _cascade(self.plan.hanging, [record.row for record in records])
        _add_counts(self.plan.dependents, cascade.counts())
        for record in records:
            if record.key in staying:
                self.plan.skip(_name(record), _restricted(staying[record.key]))
            else:
                yield record

    def _files(self) -> Iterator[DoomedFile]:
        """The files on disk that nothing names any more once the records are gone."""
        for own in self._own_paths():
            paths = self.looks.with_derived(sorted(own))
            there = [file for file in (self.looks.present(path, self.plan) for path in paths) if file]
            naming = _naming(self.job, self.database, [file.path for file in there], own)
            for file in there:
                stay = naming.reason_to_stay(file.path)
                objection = self.approval.objection(file.item()) if self.approval and not stay else None
                if stay:
                    self.plan.skip(file.path, stay.reason)
                elif objection:
                    self.plan.skip(file.path, objection)
                else:
                    yield file

    def _own_paths(self) -> Iterator[Counter[bytes]]:
        """The paths that the records name, and how many of them do; in order, a few at a time."""
        paths = SortedNames(NAMES_IN_MEMORY)
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
        guard_sight(plan, self.tree.unseen)
        guard_replica(plan, self.database.is_replica())
        if job.site.marker is not None:
            present = self.tree.has_file(job.site.marker)
            guard_marker(plan, escaped(job.site.marker), present)
        if job.select == "missing" and len(plan.items):
            guard_empty_root(plan, self._root_is_empty(), job.site.accept)
            reading = better_reading(self.sample, self.tree, self.looks.spellings)
            guard_reading(plan, reading, job.site.accept)
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
            if rows >= FEW_FILES and not self.tree.names(directory, _ANY)
        }

    def _root_is_empty(self) -> bool:
        own = {self.job.site.quarantine_in_root, self.job.site.marker}
        return not [name for name in self.tree.names(b"", _ANY) if name not in own]


class Looks:
    """Looks at the files that records name, in whatever spelling."""

    def __init__(self, job: RecordsJob, tree: MediaTree) -> None:
        self._tree = tree
        self.spellings = Spellings(job.site.media_root, job.site.media_url)
        self._patterns = patterns(job.derived)

    def missing(self, rows: list[Row], plan: Plan) -> list[Row]:
        """Those of some rows, in the order of their files, whose file is proven not to exist."""
        missing: list[Row] = []
        for directory, some in groupby(rows, key=_directory):
            together = list(some)
            there = self._names_there(directory, len(together))
            missing += [
                row for row in together if _base_name(row) not in there and self.is_missing(row, plan)
            ]
        return missing

    def _names_there(self, directory: bytes, wanted: int) -> AbstractSet[bytes]:
        # What leads outside is looked at, and told, row by row.
        return frozenset() if outside(directory + b"/") else self._tree.names_there(directory, wanted)

    def is_missing(self, row: Row, plan: Plan) -> bool:
        """Whether it is proven that the row's file does not exist; notes what prevents the proof."""
        path = row.file or b""
        if self._tree.is_next_to_last(path):
            # The common case in a directory too full to be read for a few rows.
            return False
        why = outside(path)
        if not why and self._is_there(path, path, plan):
            return False
        spellings = self._other_spellings(path)
        if not why and any(b"\0" in other for other in spellings):
            why = "means a NUL byte"
        if why:
            plan.skip(path, f"the database holds this path, which {why}; its row stays")
            return False
        for spelling in spellings:
            if self._is_there(spelling, path, plan):
                shown = escaped(spelling)
                plan.skip(path, f"the file is there in another spelling: '{shown}'; its row stays")
                return False
        return True

    def _other_spellings(self, path: bytes) -> list[bytes]:
        """The other paths under which the file may lie; asked for what seems to be missing only."""
        meant = list(self.spellings.meant_by(path))
        apart = [other for plain in meant for other in decomposed(plain)]
        encoded = [quote(plain).encode() for plain in meant]
        return [other for other in dict.fromkeys((*meant, *apart, *encoded)) if other != path]

    def _is_there(self, path: bytes, told_of: bytes, plan: Plan) -> bool:
        """Anything but "no such file" counts as there: a row goes on proof alone."""
        try:
            return self._tree.state(path) is not None
        except NotFollowed as error:
            plan.skip(told_of, f"it cannot be judged, for on its way {error}; its row stays")
        except UnseenError as error:
            self._tree.unseen.add((path, str(error)))
        return True

    def present(self, path: bytes, plan: Plan) -> DoomedFile | None:
        """The regular file at a path, if one is there and may be acted on."""
        why = outside(path)
        if why:
            plan.skip(path, f"the database holds this path, which {why}")
            return None
        try:
            state = self._tree.state(path)
        except NotFollowed as error:
            plan.skip(path, f"it is left alone, for on its way {error}")
            return None
        except UnseenError as error:
            self._tree.unseen.add((path, str(error)))
            return None
        if state is not None and state.kind != "file":
            plan.skip(path, f"it is a {state.kind}, and only regular files are removed")
            return None
        return None if state is None else DoomedFile(path, state)

    def with_derived(self, paths: Iterable[bytes]) -> Iterator[bytes]:
        """The paths, and those of the files derived from them; each once."""
        given: set[bytes] = set()
        for path in paths:
            if path not in given:
                given.add(path)
                yield path
            if outside(path):
                continue
            for pattern in self._patterns:
                for derived in self._tree.matching(pattern.globs(path)):
                    if derived not in given:
                        given.add(derived)
                        yield derived


def carry_out(
    plan: RecordsPlan,
    job: RecordsJob,
    tree: MediaTree,
    database: Database,
    taker: Taker,
) -> Outcome:
    """Delete the plan's records in one transaction, and then the files that nothing names."""
    outcome = Outcome(job.site.max_listed, taker)
    try:
        with database.transaction():
            stayed: set[bytes] = set()
            for some in _handfuls(plan.items, plan.hanging):
                stayed |= _delete_records(some, plan, job, tree, database, outcome)
        outcome.removed.records = outcome.gone.total
    except CommitUnknown as error:
        outcome = Outcome(job.site.max_listed, taker)
        outcome.error = (
            f"{error} So either all rows of this job are gone or none is; no file was touched. Run the job "
            "again: rows that are still there go then, and files whose rows are gone are orphans."
        )
        return outcome
    except CleanupError as error:
        taker.roll_back()
        outcome = Outcome(job.site.max_listed, taker)
        outcome.error = f"{error} All rows of this job were rolled back, and no file was touched."
        return outcome
    try:
        _remove_files(stayed, plan, job, tree, database, outcome)
    except CleanupError as error:
        outcome.error = f"{error} The rows are gone; files left over are orphans from now on."
    return outcome


def _delete_records(
    records: list[Record],
    plan: RecordsPlan,
    job: RecordsJob,
    tree: MediaTree,
    database: Database,
    outcome: Outcome,
) -> set[bytes]:
    """Delete those of the records that are still what the plan says, and all that hangs on them.

    Returns the paths that the other records name.
    """
    selection = plan.selection
    selected = database.still_selected(selection, [record.row for record in records])
    if job.select == "missing":
        selected -= _returned(records, job, tree)
    cascade, staying = _cascade(plan.hanging, [record.row for record in records if record.key in selected])
    going: list[Record] = []
    stayed: set[bytes] = set()
    for record in records:
        if record.key in selected and record.key not in staying:
            going.append(record)
            outcome.gone.add(record)
            continue
        stayed.update(record.paths)
        if record.key in staying:
            outcome.skip(_name(record), _restricted(staying[record.key]))
        else:
            outcome.skip(_name(record), "it is no longer what the plan says, and stays")
    rows = [record.row for record in going]
    if not rows:
        return stayed
    outcome.taker.archive(_rows_to_keep(plan, going, cascade, database))
    plan.hanging.carry_out(cascade)
    _add_counts(outcome.dependents, cascade.counts())
    database.delete_selected(selection, rows)
    left = database.count_keys(selection.table, [row.key for row in rows])
    if left:
        raise DatabaseError(
            f"deleting rows of {job.table} left {left:,} of {counted(len(rows), 'row')} locked for it. "
            "A trigger or a row security policy interferes; let this database user delete them."
        )
    return stayed


def _rows_to_keep(
    plan: RecordsPlan, records: list[Record], cascade: Cascade, database: Database
) -> Iterator[dict[str, Any]]:
    """The rows as they are now, records first; each has the files of the records for which it goes."""
    table = plan.selection.table
    files = {record.key: record.paths for record in records}

    def line(action: str, of: Table, found: StoredRow, origins: Iterable[Any]) -> dict[str, Any]:
        paths = sorted({as_text(path) for key in origins for path in files[key]})
        return {"action": action, "schema": of.schema, "table": of.relation, "files": paths, **found}

    for key, found in database.snapshot(table, list(files)):
        yield line("deleted", table, found, [key])
    for child, keys in reversed(list(cascade.deleted.items())):
        for key, found in database.snapshot(child, sorted(keys, key=repr)):
            yield line("deleted", child, found, cascade.origins[child, key])
    for (child, columns), keys in cascade.cleared.items():
        staying = keys - cascade.deleted.get(child, set())
        for key, found in database.snapshot(child, sorted(staying, key=repr)):
            kept = {"row": {name: found["row"][name] for name in {*child.key, *columns}}}
            yield line("cleared", child, {**found, **kept}, cascade.origins[child, key])


def _returned(records: list[Record], job: RecordsJob, tree: MediaTree) -> set[tuple[Any, ...]]:
    """The records whose file is there after all, or can no longer be looked for."""
    tree.forget()
    looks = Looks(job, tree)
    unheard = Plan(job.name, "", 0.0, Spool(tuple, Record), 0)
    back = {record.key for record in records if not looks.is_missing(record.row, unheard)}
    tree.verify_root()
    if tree.unseen.total:
        path, reason = tree.unseen.items[0] if tree.unseen.items else (b"", "")
        raise UnseenError(
            f"the media tree cannot be seen any more ({escaped(path) or 'media root'}: {reason})."
        )
    return back


def _remove_files(
    stayed: set[bytes],
    plan: RecordsPlan,
    job: RecordsJob,
    tree: MediaTree,
    database: Database,
    outcome: Outcome,
) -> None:
    """Remove the plan's files, each only if its record went and no row names it or its source now."""
    staying = set(Looks(job, tree).with_derived(sorted(stayed)))
    for chunk in plan.files.chunks():
        tree.forget()
        outcome.taker.announce(tree, ((file.path, job.select) for file in chunk))
        naming = _naming(job, database, [file.path for file in chunk])
        for file in chunk:
            stay = naming.reason_to_stay(file.path)
            if stay:
                outcome.skip(file.path, stay.reason)
            elif file.path in staying:
                outcome.skip(file.path, "its record stayed, and so does the file")
            else:
                outcome.remove(tree, file.path, file.state)
        outcome.taker.settle()


def _naming(
    job: RecordsJob,
    database: Database,
    paths: Iterable[bytes],
    leaving: Mapping[bytes, int] | None = None,
) -> Naming:
    return Naming(database, _naming_columns(job), patterns(job.derived), paths, leaving)


def _handfuls(records: Spool[Record], hanging: Dependents) -> Iterator[list[Record]]:
    """The records a few at a time; all at once where a row may hang on two of them."""
    if hanging.hang_on_one:
        yield from records.chunks()
    elif len(records):
        yield list(records)


def _add_counts(total: dict[str, dict[str, int]], more: dict[str, dict[str, int]]) -> None:
    for table, counts in more.items():
        known = total.setdefault(table, dict.fromkeys(counts, 0))
        for action, count in counts.items():
            known[action] += count


def _naming_columns(job: RecordsJob) -> tuple[Column, ...]:
    """All columns that may name the files of the records."""
    return tuple(dict.fromkeys((*job.own_columns, *job.references)))


def _cascade(hanging: Dependents, rows: list[Row]) -> tuple[Cascade, dict[tuple[Any, ...], str]]:
    """What goes with the rows, without those on which a restricted row hangs, and which those are."""
    staying: dict[tuple[Any, ...], str] = {}
    cascade = hanging.cascade(rows)
    while cascade.restricted:
        staying.update(cascade.restricted)
        rows = [row for row in rows if row.key not in staying]
        cascade = hanging.cascade(rows)
    return cascade, staying


def guard_dependents(plan: RecordsPlan, most: int) -> None:
    """Turn the plan down when far more rows hang on the records than there are records."""
    hanging = sum(sum(counts.values()) for counts in plan.dependents.values())
    if hanging > most * max(plan.found.records, FEW_RECORDS):
        tables = ", ".join(f"{table} {sum(n.values()):,}" for table, n in plan.dependents.items())
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
        moment - job.patience.seconds,
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


def _directory(row: Row) -> bytes:
    return (row.file or b"").rpartition(b"/")[0]


def _base_name(row: Row) -> bytes:
    return (row.file or b"").rpartition(b"/")[2]


def _name(record: Record) -> bytes:
    return record.file or f"row {record.shown_key}".encode()


def _moved_to(found: Twin) -> str:
    return (
        f"a file of this {found.alike} that no row names lies at '{escaped(found.path)}': likely a move. "
        "Correct the row or move the file back; include_likely_moves removes the row all the same"
    )


def _restricted(link: str) -> str:
    return f"rows that must not go hang on its record: {link} is set to restrict"


def _scope(job: RecordsJob) -> str:
    parts = [os.fsdecode(job.site.media_root), job.table, job.file_column, *job.companion_columns]
    # Approving a plan approves what becomes of all that hangs on its records.
    return "\0".join([*parts, repr(job.dependents)])
