# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The plan of the job ``missing``: records whose file is proven not to exist."""

from __future__ import annotations

import re
from itertools import chain, groupby, islice
from typing import Iterable, Iterator

from ..compare.folders.emptied import EmptiedFolders
from ..compare.missing import MissingCheck
from ..compare.moves import LikelyMove, MoveSearch
from ..compare.path_mismatch import Sample
from ..compare.without_file import ListedFiles
from ..database.catalog import Row, Selection
from ..kept import Code, Doubt
from ..session import open_store
from ..spool import Spool
from ..text import escaped
from .guards import guard_emptied, guard_empty_root, guard_relinks
from .records import Record, shared_paths, spool, table_of
from .records_planner import RecordsPlanner
from .relinks import RelinkPlanner

# Paths that a quick check did not find and that are asked for by name.
FEW_NOT_FOUND = 20_000
# References whose directories are read sooner than the whole store is listed.
FEW_REFERENCES = 10_000
# A listing is given up where it has more files than so many for each reference.
FILES_FOR_A_REFERENCE = 4
# Chunks of records for whose files the media store is searched in one listing.
CHUNKS_AT_ONCE = 5
_ANY = re.compile(rb".+", re.DOTALL)


class MissingPlanner(RecordsPlanner):
    """Records whose file is proven not to exist."""

    is_absent = True
    # The files of the site and its references, where they were compared.
    listed: ListedFiles | None = None

    def _selection(self) -> Selection:
        return self._with_age(table_of(self.job, self.database))

    @property
    def _examined(self) -> Selection:
        # Young rows that are missing their file are reported.
        return self.plan.selection.of_any_age

    def _selected(self) -> Iterator[list[Row]]:
        not_found = self._not_found()
        if not_found is None:
            # Too many to be asked for by name: all rows are examined again, with their keys.
            self.check = MissingCheck(self.store, self.spellings, self.derived, self.plan.keep)
            self.sample = Sample()
            batches: Iterable[list[Row]] = map(self.check.among_not_found, self._all_rows())
        else:
            batches = self.database.rows_by_file(self._examined, not_found)
        for rows in batches:
            missing = list(filter(self.check.is_missing, rows))
            if missing:
                yield missing

    def _not_found(self) -> list[bytes] | None:
        """The paths whose file a quick look did not find; None if they are many.

        Nearly all files are there, and of the rows that reference them nothing else needs to come here.
        """
        if self.job.only:
            # Only the rows that it is about are looked at.
            return None
        without_file = self.session.without_file(self.job.deciding_column)
        if without_file is None:
            return self._few(self._not_listed_references())
        self.plan.examined = {"records": self.database.count_rows(self._examined, condition=True)}
        return self._few(without_file)

    def _not_listed_references(self) -> Iterator[list[bytes]]:
        """The references that no listed file has; all of them where a listing is not worth it."""
        column = self.job.deciding_column
        references = self.database.references([column])
        # A bucket is asked for parts of a listing, each from a wanted key on.
        is_listed_fast = self.store.capabilities.directories
        count = self.database.estimate_references([column]) if is_listed_fast else 0
        if count < FEW_REFERENCES:
            return self._watched(references)
        self.listed = ListedFiles(FILES_FOR_A_REFERENCE * count)
        # A store of its own: what cannot be listed is looked at by its path.
        with open_store(self.site, max_listed=0) as store:
            self.listed.compare(store, references, self._watched)
        return self.listed.without_file.chunks()

    def _watched(self, references: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
        for paths in self._counted(references):
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
        """Keep a record whose file seems to be elsewhere now or is that of several, and young rows."""
        return self._old_enough(self._not_shared(self._not_moved(self._not_default(records))))

    def _not_default(self, records: Iterator[Record]) -> Iterator[Record]:
        """Keep records whose file was never uploaded for them."""
        for record in records:
            doubt = self.keep.doubt_of_default(record.file or b"")
            if doubt:
                self.keep_noted(record, doubt)
            else:
                yield record

    def _old_enough(self, records: Iterator[Record]) -> Iterator[Record]:
        """Keep records whose rows are younger than the limit, or of unknown age."""
        column = self.plan.selection.uploaded_at_column
        if column is None:
            yield from records
            return
        hours = self.job.age_limit.older_than_hours
        missing = spool()
        missing.extend(records)
        for some in missing.chunks():
            old = self.database.still_selected(self.plan.selection, [record.row for record in some])
            for record in some:
                if record.key in old:
                    yield record
                else:
                    reason = (
                        f"its row {record.shown_key} is younger than {hours} h by {column}, or of unknown age"
                    )
                    self.plan.keep(record.name, Code.YOUNG, reason)

    def _not_moved(self, records: Iterator[Record]) -> Iterator[Record]:
        includes = self.site.enabled("include_likely_moves")
        if includes and not self.job.relink:
            yield from records
            return
        missing = spool()
        missing.extend(records)
        chunks, ahead = missing.chunks(), missing.chunks()
        # A search asks for many paths, of which memory holds more than of their records.
        for files in iter(lambda: _files_of(islice(ahead, CHUNKS_AT_ONCE)), []):
            moved = self._moved({*chain.from_iterable(files)})
            for some in islice(chunks, len(files)):
                for record in some:
                    found = moved.get(record.file or b"")
                    if found and found.is_only and self.job.relink:
                        yield record._replace(moved_to=found.path)
                    elif found is None or includes:
                        yield record
                    else:
                        self.plan.keep(record.name, Code.LIKELY_MOVE, _moved_to(found), found.path)

    def _not_shared(self, records: Iterator[Record]) -> Iterator[Record]:
        """Keep records of one missing path, such as a default picture; they come in the order of paths."""
        if self.job.only:
            yield from self._not_shared_with_any(records)
            return
        for path, group in groupby(records, lambda record: record.file):
            same = iter(group)
            first_two = list(islice(same, 2))
            if len(first_two) == 1 or self.site.accepts(Code.SHARED_PATH, path or b""):
                yield from chain(first_two, same)
            else:
                for record in chain(first_two, same):
                    self.plan.keep(record.name, Code.SHARED_PATH, _shared_by(record))

    def _not_shared_with_any(self, records: Iterator[Record]) -> Iterator[Record]:
        """The same where the job is about some rows, and the others may reference the path as well."""
        missing = spool()
        missing.extend(records)
        for some in missing.chunks():
            shared = shared_paths(self.job, self.database, {record.file for record in some if record.file})
            for record in some:
                if record.file in shared:
                    self.plan.keep(record.name, Code.SHARED_PATH, _shared_by(record))
                else:
                    yield record

    def _moved(self, missing: set[bytes]) -> dict[bytes, LikelyMove]:
        # A store of its own: what this search cannot read says nothing about the records' own files.
        with open_store(self.site, max_listed=0) as store:
            search = MoveSearch(store, self.database, self.job.path_columns)
            # To know that only one file has a name, those with a reference are needed as well.
            listed = None if self.listed is None or self.job.relink else self.listed.unreferenced(store)
            moved = search.moved_files(missing, self.job.deciding_column, self.derived, listed)
            if self.job.relink:
                moved = search.with_certainty(moved)
            warning = "not every directory could be searched for files that were moved"
            if store.unreadable.total and warning not in self.plan.warnings:
                self.plan.warnings.append(warning)
        return moved

    def _has_file_at(self, record: Record, path: bytes) -> bool:
        # Its own file was proven to be absent. One that comes now is searched for when the plan is finished.
        return path != record.file and super()._has_file_at(record, path)

    def _plan_relinks(self, records: Spool[Record]) -> None:
        if not len(records):
            return
        planner = RelinkPlanner(self.job, self.store, self.database, self.age)
        for some in records.chunks():
            for record, judged in planner.judged(some):
                if isinstance(judged, Doubt):
                    self.plan.keep_for(record.name, judged)
                elif self.is_approved(judged):
                    self.plan.relinks.append(judged)
                    self.plan.count_in(judged.item())

    def _check_finding(self) -> None:
        relinks, examined = len(self.plan.relinks), self.plan.examined["records"]
        guard_relinks(self.plan, relinks, examined, self.site.max_removal_percent)
        if len(self.plan.items) or relinks:
            self.check_path_mismatch()
        if len(self.plan.items):
            guard_empty_root(self.plan, self._root_is_empty(), self.site.accept)
            guard_emptied(self.plan, self._emptied(), self.site.max_removal_percent)

    def _emptied(self) -> Iterator[tuple[bytes, int]]:
        """The highest folders in which no file is any more, each with the records of files below it."""
        # A store of its own: a folder that cannot be read counts as empty here, and makes no run partial.
        with open_store(self.site, max_listed=0) as store:
            # The records come in the order of their paths.
            yield from EmptiedFolders(store).with_losses(record.file or b"" for record in self.plan.items)

    def _root_is_empty(self) -> bool:
        own = {self.site.quarantine_in_root, self.site.marker}
        return not [name for name in self.store.names(b"", _ANY) if name not in own]


def _files_of(chunks: Iterable[list[Record]]) -> list[list[bytes]]:
    """The files of the records of each chunk."""
    return [[record.file for record in some if record.file] for some in chunks]


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
