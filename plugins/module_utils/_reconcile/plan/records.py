# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Records, their files, and the plan to remove them; what planning and applying share."""

from __future__ import annotations

import json
import os
from collections import Counter
from hashlib import blake2b
from itertools import chain
from typing import AbstractSet, Any, Iterable, Iterator, NamedTuple, Sequence

from ..compare.keep import KeepList
from ..compare.mentions.unlisted import RowName
from ..compare.names.references import ReferenceCheck
from ..config.site import Column, RecordsJob
from ..database.base import Database
from ..database.catalog import ForeignKey, Row, Selection, Table, TableIdentity
from ..errors import SiteError
from ..kept import Code, Doubt
from ..media.derived import patterns
from ..media.paths import Spellings, no_path
from ..media.store import FileState, MediaStore
from ..session import Session
from ..spool import Listed, Spool
from ..text import escaped_value
from .approval import Item
from .dependents.cascade import Cascade, DependentRows
from .dependents.link import Link
from .dependents.links import Dependents
from .plan import Plan, PlannedFile, planned_files

# Of the digest of a record's dependent rows.
_DIGEST_BYTES = 16
_MODULUS = 1 << 8 * _DIGEST_BYTES

# Why a record that is no longer what was planned or approved is kept.
ALTERED = "its paths, or the rows that depend on it, have changed"


class Record(NamedTuple):
    """A row that references files, as it was when the plan was made."""

    key: tuple[Any, ...]
    file: bytes | None
    companions: tuple[bytes | None, ...]
    owner: str | None
    # The digest of the dependent rows that are removed with it; empty if there are none.
    dependents: str = ""
    # The file that it is to reference instead of being removed; empty if there is none.
    moved_to: bytes = b""
    # Its dependent rows: the table, what becomes of them, and how many they are.
    dependent_counts: tuple[tuple[str, str, int], ...] = ()

    @property
    def name(self) -> bytes:
        return self.file or f"row {self.shown_key}".encode()

    @property
    def row(self) -> Row:
        return Row(self.key, self.file)

    @property
    def paths(self) -> list[bytes]:
        """The files that it references, the companions included."""
        return [path for path in (self.file, *self.companions) if path]

    @property
    def other_paths(self) -> list[bytes]:
        """The same without the one that decides."""
        return [path for path in self.companions if path]

    @property
    def shown_key(self) -> str:
        return ", ".join(escaped_value(value) for value in self.key)

    def item(self) -> Item:
        paths = [os.fsdecode(path) if path else None for path in (self.file, *self.companions)]
        identity = json.dumps([paths, self.dependents, os.fsdecode(self.moved_to)])
        return Item(item_name(self.shown_key), identity.encode(), ALTERED)


def item_name(shown_key: str) -> bytes:
    """The name of a row as an item of a plan, by its key as reports show it."""
    return b"row\0" + shown_key.encode("utf-8", "surrogateescape")


class Relink(NamedTuple):
    """A record that is to reference the file that its own was moved to, and the state of that file."""

    record: Record
    state: FileState

    @property
    def name(self) -> bytes:
        return self.record.name

    def item(self) -> Item:
        item = self.record.item()
        return item._replace(identity=item.identity + repr(tuple(self.state)).encode())


class RecordFile(PlannedFile):
    """A file that is removed with the records that reference it."""

    __slots__ = ()

    def item(self) -> Item:
        item = super().item()
        return item._replace(name=b"file\0" + item.name)


def spool(chunk: int | None = None) -> Spool[Record]:
    return Spool(tuple, Record, chunk)


class RecordsPlan(Plan):
    """A plan whose items are records; their files and dependent rows are removed with them."""

    def __init__(self, job: RecordsJob, scope: str, moment: float, selection: Selection) -> None:
        super().__init__(job.name, scope, moment, spool(), job.site.max_listed)
        self.selection = selection
        self.files = planned_files(RecordFile)
        self.relinks: Spool[Relink] = Spool(
            lambda relink: (tuple(relink.record), tuple(relink.state)),
            lambda record, state: Relink(Record(*record), FileState(*state)),
        )
        self.labels: Counter[str] = Counter()
        # Rows that would be deleted and updated, by table.
        self.dependents: dict[str, dict[str, int]] = {}
        # The first of these rows, in words.
        self.dependents_listed: Listed[str] = Listed(self.max_listed)
        self.links: Dependents

    @property
    def changed_tables(self) -> Iterator[str]:
        yield self.selection.table.name
        yield from (link.child.name for link in self.links.links() if link.changes_rows)

    @property
    def dependent_tables(self) -> Iterator[str]:
        yield from (link.child.name for link in self.links.links())


def directories(session: Session, job: RecordsJob) -> Iterator[bytes]:
    """The directories in which the rows of the table reference files."""
    seen: set[bytes] = set()
    for paths in session.database.references(job.own_columns):
        for path in paths:
            directory = os.path.dirname(path)
            if directory not in seen and not no_path(path):
                seen.add(directory)
                yield directory


def reference_check(job: RecordsJob, database: Database, store: MediaStore) -> ReferenceCheck:
    """Who references the files of records."""
    return ReferenceCheck(database, job.referencing_columns, patterns(job.derived), spellings_of(job), store)


def held_by_column(path: bytes, prefix: str) -> bytes | None:
    """What a column holds that references a file; None where this is not below its prefix."""
    folder = prefix.encode() + b"/" if prefix else b""
    return path[len(folder) :] if path.startswith(folder) else None


def spellings_of(job: RecordsJob) -> Spellings:
    """How the files of records may be written."""
    folders = {column.prefix.encode() for column in job.own_columns if column.prefix}
    return Spellings(job.site.media_root, job.site.media_url, folders)


def apart(records: Spool[Record], links: Dependents) -> Iterator[list[Record]]:
    """The records a few at a time; all at once where a row may depend on two of them."""
    if links.on_one_record:
        yield from records.chunks()
    elif len(records):
        yield list(records)


def add_counts(total: dict[str, dict[str, int]], more: dict[str, dict[str, int]]) -> None:
    """Add the counts of a cascade to those of others, by table and by what becomes of the rows."""
    for table, counts in more.items():
        known = total.setdefault(table, dict.fromkeys(counts, 0))
        for action, count in counts.items():
            known[action] += count


class DependentsFound:
    """The dependent rows of a cascade, read once: a digest of them for each record, and the first of them.

    Inside a transaction they are locked, so that none comes, goes or changes until it ends.
    """

    def __init__(
        self,
        cascade: Cascade,
        most: int,
        keep: KeepList | None = None,
        named: AbstractSet[TableIdentity] = frozenset(),
    ) -> None:
        self.listed: Listed[str] = Listed(most)
        # Those of the rows that would be deleted from the ``named`` tables.
        self.deleted: set[RowName] = set()
        # Records with which a row would be deleted that is to be kept, each with such a row in words.
        self.held: dict[tuple[Any, ...], str] = {}
        self._sums: dict[tuple[Any, ...], int] = {}
        # By what becomes of rows of a table, how many of them a record has.
        self._counts: dict[tuple[str, str], Counter[tuple[Any, ...]]] = {}
        for some in cascade.rows():
            if some.verb == "deleted":
                self._note_deleted(some, keep, named)
            self._list(some, most)
            self._count(some)
            self._add_digests(some)

    def _note_deleted(
        self, some: DependentRows, keep: KeepList | None, named: AbstractSet[TableIdentity]
    ) -> None:
        if keep and keep.lists_rows:
            for key, records in some.rows:
                if keep.lists_row(some.table, key):
                    self.held.update(dict.fromkeys(records, some.shown(key)))
        if some.table.identity in named:
            self.deleted.update((some.table.identity, key) for key, _records in some.rows)

    def _list(self, some: DependentRows, most: int) -> None:
        # There may be very many, and words for the first of them are all that is wanted.
        first = some.rows[: most - len(self.listed.items)]
        for key, _records in first:
            self.listed.add(f"{some.shown(key)} ({some.verb})")
        self.listed.total += len(some.rows) - len(first)

    def _count(self, some: DependentRows) -> None:
        counts = self._counts.setdefault((some.table.name, some.verb), Counter())
        counts.update(chain.from_iterable(records for _key, records in some.rows))

    def _add_digests(self, some: DependentRows) -> None:
        """Add the digest of each row to those of its records."""
        sums, before = self._sums, repr((some.verb, some.table.identity))
        for key, records in some.rows:
            identity = f"{before}{key!r}".encode("utf-8", "surrogateescape")
            digest = int.from_bytes(blake2b(identity, digest_size=_DIGEST_BYTES).digest(), "big")
            for record in records:
                # A sum does not depend on the order in which the database returns rows.
                sums[record] = sums.get(record, 0) + digest

    def of(self, record: Record) -> str:
        """The digest of the record's dependent rows; empty if there are none."""
        found = self._sums.get(record.key)
        return "" if found is None else f"{found % _MODULUS:x}"

    def added_to(self, record: Record) -> Record:
        """The record with what depends on it."""
        listed = tuple(
            (table, verb, counts[record.key])
            for (table, verb), counts in sorted(self._counts.items())
            if record.key in counts
        )
        return record._replace(dependents=self.of(record), dependent_counts=listed)


_RESTRICTIONS = {
    Code.RESTRICTED: "dependent rows must not be removed with its record: {} is set to restrict",
    Code.UNDECLARED_DEPENDENTS: "rows depend on its record by {}, and what becomes of them is not known: "
    "say it in dependents",
    Code.UNDECLARED_PARENTS: "{} is a primary key that references a row of another table, and whether that "
    "row goes too is not known: say it in parents",
    Code.REFERENCED_ROW: "rows reference its record by {}, so it was attached to something. If such rows "
    "attach it to nothing, declare them in dependents with the action delete, or set accept: "
    "['referenced_row:{}']",
}
# Of a Django project; with what accept calls them.
_RESTRICTIONS_OF_PROJECT = {
    Code.SET_CALLABLE: "rows depend on its record by {}, and on_delete gives them a value that only the "
    "project's code knows. Delete it with Django",
    Code.TREE_MODEL: "rows of a tree would be deleted with it by {}, and only Django keeps the rest of the "
    "tree right. Delete it there; if rows may go as they are, set accept: ['tree_model:{}']",
}
# Of a Django project; with the row that dependent ones are to reference instead.
_RESTRICTIONS_OF_REPLACED = {
    Code.NO_REPLACEMENT: "rows depend on its record by {}, and on_delete lets them reference {}, which was "
    "not found. Create that row, or correct on_delete in the models",
    Code.REPLACEMENT: "{1} would be deleted, which on_delete lets rows reference by {0} when another one is "
    "deleted. If it is not needed any more, delete it with Django",
}


def shared_paths(job: RecordsJob, database: Database, paths: Iterable[bytes]) -> set[bytes]:
    """Those of a few paths that several rows of the table reference, unless that was accepted.

    Rows that the job is not about count, too.
    """
    asked = {path for path in paths if not job.site.accepts(Code.SHARED_PATH, path)}
    count: Counter[bytes | None] = Counter()
    of_any_row = Selection(database.table(job.table), job.file_column, prefix=job.deciding_column.prefix)
    for rows in database.rows_by_file(of_any_row, sorted(asked)):
        count.update(row.file for row in rows)
    return {path for path in asked if count[path] > 1}


def restriction(links: Sequence[Link], dependents: Dependents) -> Doubt:
    """Why a record is kept that dependent rows restrict, by one of their links."""
    code = links[0].keeps or Code.RESTRICTED
    if code is Code.DELETE_TRIGGER:
        return triggered(links[0].child, dependents)
    if code in _RESTRICTIONS_OF_PROJECT:
        reason = _RESTRICTIONS_OF_PROJECT[code].format(links[0], links[0].name)
        if code is Code.SET_CALLABLE and links[0].can_be_null:
            reason += f"; if NULL will do, set accept: ['set_callable:{links[0].name}']"
        return Doubt(code, reason)
    if code is Code.RESTRICTED and links[0].why:
        return Doubt(code, f"rows depend on its record by {links[0]}, and {links[0].why} ({links[0].name})")
    if code in _RESTRICTIONS_OF_REPLACED:
        return Doubt(code, _RESTRICTIONS_OF_REPLACED[code].format(links[0], links[0].replacement))
    return Doubt(code, _RESTRICTIONS[code].format(*[links[0]] * 2))


def triggered(table: Table, dependents: Dependents) -> Doubt:
    """Why a record is kept with which rows of a table with a trigger would be deleted."""
    return Doubt(
        Code.DELETE_TRIGGER,
        f"rows of {table.name} would be deleted, which fires {dependents.triggers[table]}, and what that "
        f"does is not known. If it does no harm, set accept: ['{Code.DELETE_TRIGGER.value}:{table.name}']",
    )


def table_of(job: RecordsJob, database: Database) -> Table:
    """The table of a job's records. Raises SiteError if its rows cannot be identified."""
    table = database.table(job.table)
    if not table.has_primary_key:
        raise SiteError(
            f"table {job.table} has no primary key, so its rows cannot be identified with certainty. "
            "Use a table of Django's, or give this one a primary key."
        )
    return table


def owner_path(job: RecordsJob, selection: Selection, database: Database) -> list[ForeignKey | str]:
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


def require_same_prefixes(job: RecordsJob, database: Database) -> None:
    """Refuse a job on columns that references list with another prefix: its files may be elsewhere.

    Of a field whose storage was such a folder once, the project knows better. Raises SiteError.
    """
    project = job.site.project.columns if job.site.project else ()
    listed: dict[tuple[TableIdentity, str], set[str]] = {}
    for column in job.references:
        listed.setdefault(_place(database, column), set()).add(column.prefix)
    by_path = (rule.column for rule in job.dependents if rule.holds_path)
    for column in (*job.own_columns, *by_path):
        others = listed.get(_place(database, column), set()) - {column.prefix}
        if others and column not in project:
            raise SiteError(
                f"references lists the column {column} with the prefix {min(others)!r}, and the job "
                f"{job.name} would search its files by the prefix {column.prefix!r}. Write its table in both "
                "places the same, and list it with one prefix; where rows differ, it is not for this job."
            )


def _place(database: Database, column: Column) -> tuple[TableIdentity, str]:
    return database.table(column.table).identity, column.name
