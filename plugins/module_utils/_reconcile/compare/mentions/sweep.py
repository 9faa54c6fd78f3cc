# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The sweep: the search of all columns for mentions of the files that the jobs of a session may remove."""

from __future__ import annotations

import re
import time
from itertools import chain
from typing import AbstractSet, Any, Callable, Collection, Iterable, Iterator, NamedTuple, Protocol

from ...database.base import Database
from ...database.catalog import Table, TableIdentity, usual_name
from ...database.sweep import SearchedTable, TextBlock, Unsearchable
from ...errors import DatabaseError
from ...media.paths import Spellings
from ...spool import CHUNK, Spool, path_spool
from .decoding import folded_path
from .search import CANDIDATES_AT_ONCE, Mention, Mentions

# Rows that mention one file in one column, up to which their keys are kept; with more, the file is kept.
MOST_ROWS = 100
# Seconds that one search may take: what has not ended then is incomplete. 1 GB of text takes some seconds.
LIMIT_SECONDS = 2 * 3600

_CACHES = re.compile(r"easy_thumbnails_\w+|thumbnail_kvstore")
_LOGS = frozenset(("django_session", "django_admin_log"))


class Place(NamedTuple):
    """A column that was searched."""

    identity: TableIdentity
    column: str

    @property
    def table(self) -> str:
        return usual_name(*self.identity)

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"

    @property
    def kind(self) -> str:
        """What a table is whose mentions keep no file; empty for all others."""
        if _CACHES.fullmatch(self.identity[1]):
            return "a cache of derived files"
        return "a log" if self.identity[1] in _LOGS else ""


class Mentioned(NamedTuple):
    """A file that a column mentions: by its whole path, or by its name alone.

    ``rows`` are the keys of the rows that do, where rows of that table may be deleted by the jobs; it is
    empty where the keys of rows are not read. ``is_whole`` says that each of these values is a path only, and
    ``is_reference`` that nothing is mentioned beside what a listed column is compared by.
    """

    path: bytes
    place: int
    is_strong: bool
    is_whole: bool
    is_reference: bool
    rows: tuple[tuple[Any, ...], ...] = ()


class KnownColumns(Protocol):
    """What a job knows of columns."""

    def lists(self, place: Place) -> bool:
        """Whether the references in a column are compared with the files."""

    def excludes(self, place: Place) -> bool:
        """Whether nothing in a column is to be searched."""

    def excludes_table(self, identity: TableIdentity) -> bool:
        """The same of a whole table."""


class Sweep:
    """Searches a database for the files of all jobs of a session, in one reading of its columns.

    It reads when it is first asked what it found, and only if there is something to search for. What was
    not searched for by then is searched for when it is asked for.
    """

    def __init__(self, database: Database, spellings: Spellings) -> None:
        self.database = database
        self.spellings = spellings
        self.places: list[Place] = []
        self._pending = path_spool()
        self._searched = path_spool()
        self._found: Spool[Mentioned] = Spool(tuple, Mentioned)
        self._known: list[KnownColumns] = []
        self._with_keys: set[TableIdentity] = set()
        # Tables that could not be searched.
        self._unsearchable: dict[TableIdentity, Unsearchable] = {}
        # What the database is known by as long as nothing is written, from before the first search.
        self._mark: str | None = None
        self._rows = 0
        # Called with the number of rows that were searched so far.
        self.progress: Callable[[int], None] | None = None

    def search_for(
        self, paths: Iterable[bytes], known: KnownColumns, deletes_from: Collection[Table] = ()
    ) -> bool:
        """Search for some files, too, and say whether there are any.

        ``deletes_from`` are tables from which their job may delete rows.
        """
        before = len(self._pending)
        self._pending.extend(paths)
        self._known.append(known)
        self._with_keys.update(table.identity for table in deletes_from)
        return len(self._pending) > before

    def found(self, paths: Collection[bytes]) -> Iterator[Mentioned]:
        """Where some files are mentioned. Searches now for those that were not searched for before."""
        wanted = set(paths)
        late = self.not_searched(wanted)
        if late:
            self._pending.extend(sorted(late))
            self._read()
        return (mentioned for mentioned in self._found if mentioned.path in wanted)

    def all_found(self) -> Iterator[Mentioned]:
        """All mentions of all files that were searched for."""
        self._read()
        return iter(self._found)

    def not_searched(self, paths: AbstractSet[bytes]) -> AbstractSet[bytes]:
        """Those of some files that were not searched for."""
        self._read()
        left = set(paths)
        for searched in self._searched.chunks() if left else ():
            left.difference_update(searched)
            if not left:
                break
        return left

    def is_fresh(self) -> bool:
        """Whether the database proves that nothing was written since it was searched, by nobody."""
        return self._mark is not None and self._mark == self.database.change_mark()

    def holds_paths(self, mentioned: Mentioned) -> bool:
        """Whether a column could be listed: it has the type of one, and its values are nothing but paths."""
        if not mentioned.is_whole or not mentioned.is_strong:
            return False
        identity, column = self.places[mentioned.place]
        return self.database.table(".".join(identity)).columns[column].holds_paths

    def unsearchable_but(self, known: KnownColumns) -> list[Unsearchable]:
        """The tables that could not be searched, without those in which a job wants nothing searched."""
        return [table for table in self._unsearchable.values() if not known.excludes_table(table.identity)]

    def _read(self) -> None:
        pending, self._pending = self._pending, path_spool()
        if len(pending) and not len(self._searched):
            self._mark = self.database.change_mark()
        some: set[bytes] = set()
        for chunk in pending.chunks():
            some.update(chunk)
            if len(some) + CHUNK > CANDIDATES_AT_ONCE:
                self._search(some)
                some = set()
        if some:
            self._search(some)
        self._searched.extend(pending)

    def _search(self, files: Collection[bytes]) -> None:
        """Search all columns for some files, as many as memory may hold."""
        until = time.monotonic() + LIMIT_SECONDS
        mentions = Mentions(files, self.spellings)
        searched = self.database.searched_columns()
        self._unsearchable.update((table.identity, table) for table in searched.unsearchable)
        for table in searched.tables:
            wanted = tuple(name for name in table.columns if self._is_wanted(Place(table.identity, name)))
            if wanted:
                self._found.extend(self._mentioned(table._replace(columns=wanted), mentions, until))

    def _is_wanted(self, place: Place) -> bool:
        return not all(known.excludes(place) for known in self._known)

    def _mentioned(self, table: SearchedTable, mentions: Mentions, until: float) -> Iterable[Mentioned]:
        """What the columns of one table mention, each file of each column once."""
        first = len(self.places)
        self.places += [Place(table.identity, name) for name in table.columns]
        found = [self._collected(place) for place in self.places[first:]]
        with_keys = table.identity in self._with_keys
        reported: list[set[str]] = [] if with_keys else [set() for _column in table.columns]

        def search(block: TextBlock) -> None:
            for row, column, mention in mentions.in_block(block, reported):
                found[column].add(mention, row.texts[column] or "", row.key)
            self._show(len(block))

        try:
            self.database.read_texts(table, search, with_keys, until)
        except DatabaseError as error:
            self._unsearchable[table.identity] = Unsearchable(table.identity, str(error), "")
        return chain.from_iterable(some.mentioned(first + column) for column, some in enumerate(found))

    def _collected(self, place: Place) -> _Collected:
        is_compared = any(known.lists(place) for known in self._known)
        return _Collected(self.spellings if is_compared else None)

    def _show(self, rows: int) -> None:
        self._rows += rows
        if self.progress:
            self.progress(self._rows)


# What is known of a file in a column: bits, for there may be very many.
_STRONG, _AMONG_OTHERS, _BESIDE = 1, 2, 4


class _Collected:
    """The files that one column mentions, while it is searched. Only with ``spellings`` it may be listed."""

    def __init__(self, spellings: Spellings | None) -> None:
        self._spellings = spellings
        self._bits: dict[bytes, int] = {}
        self._keys: dict[bytes, set[tuple[Any, ...]]] = {}

    def add(self, mention: Mention, text: str, key: tuple[Any, ...]) -> None:
        """Add a mention in a text, with the key of its row, or () where keys are not read."""
        bits = self._bits.get(mention.path, 0)
        if mention.text != text.strip():
            bits |= _AMONG_OTHERS
        if mention.is_strong:
            bits |= _STRONG
            if self._spellings and not _may_be_reference(text, mention.path, self._spellings):
                bits |= _BESIDE
        self._bits[mention.path] = bits
        keys = self._keys.setdefault(mention.path, set()) if key else set()
        if len(keys) <= MOST_ROWS:
            keys.add(key)

    def mentioned(self, place: int) -> Iterator[Mentioned]:
        for path, bits in self._bits.items():
            keys = self._keys.get(path, ())
            # One too many, and none of them counts.
            rows = tuple(keys) if len(keys) <= MOST_ROWS else ()
            yield Mentioned(
                path, place, bool(bits & _STRONG), not bits & _AMONG_OTHERS, not bits & _BESIDE, rows
            )


def _may_be_reference(text: str, path: bytes, spellings: Spellings) -> bool:
    """Whether a value means a path, in any case, so that it is compared if its column is listed."""
    value = text.encode("utf-8", "surrogateescape")
    return folded_path(path) in map(folded_path, spellings.meant_by(value))
