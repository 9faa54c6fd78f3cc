# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the sweep found: columns that mention files which are about to go, and that are not listed."""

from __future__ import annotations

from typing import AbstractSet, Any, Collection, Iterable, Iterator, Mapping, NamedTuple, Sequence, Tuple

from ...config.site import Column, Site
from ...database.base import Database
from ...database.catalog import Table, TableIdentity
from ...database.sweep import Unsearchable
from ...errors import SiteError
from ...kept import Code, Doubt
from ...text import escaped, printable
from .sweep import Mentioned, Place, Sweep

# A row by its table's identity and its key.
RowName = Tuple[TableIdentity, Tuple[Any, ...]]
NO_ROWS: AbstractSet[RowName] = frozenset()
# Files about which it is noted what mentions them and keeps them not.
_MOST_REMARKS = 5_000


class Known:
    """What a job knows of columns: which it lists, and which are excluded from the sweep.

    Raises SiteError for a table or column that the database does not have.
    """

    def __init__(self, database: Database, listed: Iterable[Column], excluded: Iterable[str]) -> None:
        self._listed = {(database.table(column.table).identity, column.name) for column in listed}
        self._columns: set[tuple[TableIdentity, str]] = set()
        self._tables: set[TableIdentity] = set()
        for entry in excluded:
            self._exclude(database, entry)

    def _exclude(self, database: Database, entry: str) -> None:
        table, _dot, column = entry.rpartition(".")
        try:
            self._tables.add(database.table(entry).identity)
            return
        except SiteError:
            if not table:
                raise
        found = database.table(table)
        database.column(found, column)
        self._columns.add((found.identity, column))

    def lists(self, place: Place) -> bool:
        return tuple(place) in self._listed

    def excludes(self, place: Place) -> bool:
        return self.excludes_table(place.identity) or tuple(place) in self._columns

    def excludes_table(self, identity: TableIdentity) -> bool:
        return identity in self._tables


class UnlistedColumn(NamedTuple):
    """What one column mentions of the files of a job: by whole paths, or by their names alone."""

    place: Place
    is_strong: bool
    files: int
    example: bytes
    # Whether a file is kept for it: no cache keeps one, no log, and no row that is deleted itself.
    keeps: bool
    holds_paths: bool

    @property
    def strength(self) -> str:
        return "strong" if self.is_strong else "weak"

    @property
    def line(self) -> str:
        """The entry for ``references``, where the column holds nothing but paths."""
        return f"{{table: {self.place.table}, column: {self.place.column}}}" if self.holds_paths else ""

    @property
    def words(self) -> str:
        """What a summary says of it."""
        names, kept = ("name", "it is kept") if self.files == 1 else ("names", "they are kept")
        how = "" if self.is_strong else f"the {names} of "
        found = f"{self.place} mentions {how}{self.files:,} of these files, such as '{escaped(self.example)}'"
        if not self.keeps:
            return printable(f"{found}, and keeps none: {self.place.kind or 'the rows go with them'}")
        what = f"list it: add {self.line} to references" if self.line else kept
        return printable(f"{found}: {what}")

    def as_dict(self) -> dict[str, Any]:
        return {
            "table": printable(self.place.table),
            "column": printable(self.place.column),
            "strength": self.strength,
            "files": self.files,
            "example": escaped(self.example),
            "keeps": self.keeps,
            "reference": printable(self.line),
        }


class Unlisted:
    """What the columns that a job does not list mention of its files. Asked for nothing, it finds nothing."""

    def __init__(self, sweep: Sweep, listed: Iterable[Column], site: Site) -> None:
        self._sweep = sweep
        self._known = Known(sweep.database, listed, site.sweep_exclude)
        self.is_on = site.enabled("sweep")
        # Another job of the session may have files to search for where this one has none.
        self._has_files = False
        self._columns: dict[tuple[int, bool], UnlistedColumn] = {}
        # Of the first files that something mentions which keeps none: what that is.
        self.remarks: dict[bytes, str] = {}

    def search_for(self, paths: Iterable[bytes], deletes_from: Collection[Table] = ()) -> None:
        """Say what the job may remove, and the tables from which it may delete rows."""
        if self.is_on and self._sweep.search_for(paths, self._known, deletes_from):
            self._has_files = True

    def mentions(self, paths: Collection[bytes]) -> dict[bytes, list[Mentioned]]:
        """Where some files are mentioned; those that nothing mentions are left out."""
        found: dict[bytes, list[Mentioned]] = {}
        if self.is_on and paths:
            self._has_files = True
            for mentioned in self._sweep.found(paths):
                if not self._is_known(mentioned):
                    found.setdefault(mentioned.path, []).append(mentioned)
        return found

    def search(self) -> None:
        """Search now, for what nobody has searched for yet."""
        self.not_searched(frozenset())

    def kept(self) -> Iterator[bytes]:
        """All files that are kept because they are mentioned, where no row is deleted with them."""
        for mentioned in self._sweep.all_found() if self.is_on else ():
            if not self._is_known(mentioned) and self._keeps(mentioned, NO_ROWS):
                yield mentioned.path

    def not_searched(self, paths: AbstractSet[bytes]) -> AbstractSet[bytes]:
        """Those of some files that were not searched for yet."""
        return self._sweep.not_searched(paths) if self.is_on else frozenset()

    def doubts(self, paths: Collection[bytes]) -> dict[bytes, Doubt]:
        """Why some files are kept, where no row is deleted with them; it is counted for the report."""
        found = self.mentions(paths)
        self.count(found)
        return self.reasons(found)

    def reasons(
        self, found: Mapping[bytes, Sequence[Mentioned]], going: AbstractSet[RowName] = NO_ROWS
    ) -> dict[bytes, Doubt]:
        """Why files are kept that are mentioned so; rows that are deleted themselves keep nothing."""
        doubts: dict[bytes, Doubt] = {}
        for path, mentions in found.items():
            keeping = [mentioned for mentioned in mentions if self._keeps(mentioned, going)]
            if keeping:
                doubts[path] = self._doubt(max(keeping, key=lambda mentioned: mentioned.is_strong))
        return doubts

    def count(
        self, found: Mapping[bytes, Sequence[Mentioned]], going: AbstractSet[RowName] = NO_ROWS
    ) -> None:
        """Count mentions for the report."""
        for path, mentions in found.items():
            for mentioned in mentions:
                known = self._columns.get((mentioned.place, mentioned.is_strong))
                keeps = self._keeps(mentioned, going)
                if not keeps:
                    self._remark(mentioned)
                self._columns[mentioned.place, mentioned.is_strong] = UnlistedColumn(
                    self._place(mentioned),
                    mentioned.is_strong,
                    known.files + 1 if known else 1,
                    known.example if known else path,
                    (known.keeps if known else False) or keeps,
                    (known.holds_paths if known else True) and self._sweep.holds_paths(mentioned),
                )

    @property
    def columns(self) -> list[UnlistedColumn]:
        """The columns that mention files of the job, those first that keep the most."""
        return sorted(
            self._columns.values(),
            key=lambda column: (not column.keeps, -column.files, str(column.place), column.strength),
        )

    @property
    def unsearchable(self) -> list[Unsearchable]:
        """The tables that could not be searched for the job."""
        return self._sweep.unsearchable_but(self._known) if self._has_files else []

    def tables_of(self, found: Mapping[bytes, Sequence[Mentioned]]) -> frozenset[TableIdentity]:
        """The tables of which these mentions have the keys of rows."""
        return frozenset(
            self._place(mentioned).identity for some in found.values() for mentioned in some if mentioned.rows
        )

    def _is_known(self, mentioned: Mentioned) -> bool:
        """Whether that is a reference which is compared with the files, or is excluded."""
        place = self._place(mentioned)
        is_compared = mentioned.is_reference and self._known.lists(place)
        return is_compared or self._known.excludes(place)

    def _place(self, mentioned: Mentioned) -> Place:
        return self._sweep.places[mentioned.place]

    def _keeps(self, mentioned: Mentioned, going: AbstractSet[RowName]) -> bool:
        place = self._place(mentioned)
        if place.kind:
            return False
        return not mentioned.rows or not all((place.identity, key) in going for key in mentioned.rows)

    def _doubt(self, mentioned: Mentioned) -> Doubt:
        return Doubt(Code.UNLISTED, self._words(mentioned))

    def _words(self, mentioned: Mentioned) -> str:
        how = "it" if mentioned.is_strong else "a file of its name"
        return printable(f"{self._place(mentioned)} mentions {how}")

    def _remark(self, mentioned: Mentioned) -> None:
        if len(self.remarks) < _MOST_REMARKS:
            why = self._place(mentioned).kind or "the rows go with it"
            self.remarks.setdefault(mentioned.path, f"{self._words(mentioned)} and does not keep it: {why}")


class RecordMentions:
    """Where the files of some records are mentioned; the keys of records name them here."""

    def __init__(self, unlisted: Unlisted) -> None:
        self._unlisted = unlisted
        self._files: Mapping[Any, Sequence[bytes]] = {}
        self._found: Mapping[bytes, Sequence[Mentioned]] = {}
        self._going: AbstractSet[RowName] = NO_ROWS
        # The tables some of whose rows mention a file, where rows of theirs may be deleted.
        self.tables: AbstractSet[TableIdentity] = frozenset()

    def of(self, files: Mapping[Any, Sequence[bytes]]) -> None:
        """Go on to other records, each with its files."""
        self._files = files
        self._found = self._unlisted.mentions({path for paths in files.values() for path in paths})
        self.tables = self._unlisted.tables_of(self._found)

    def doubts(self, going: AbstractSet[RowName]) -> dict[Any, Doubt]:
        """Why records are kept, if these rows are deleted."""
        self._going = going
        reasons = self._unlisted.reasons(self._found, going) if self._found else {}
        doubts: dict[Any, Doubt] = {}
        for key, paths in self._files.items() if reasons else ():
            for path in paths:
                if path in reasons:
                    reason = f"its file '{escaped(path)}' is kept: {reasons[path].reason}"
                    doubts.setdefault(key, Doubt(Code.UNLISTED, reason))
        return doubts

    def count(self) -> None:
        """Count for the report what is mentioned of these records' files."""
        self._unlisted.count(self._found, self._going)
