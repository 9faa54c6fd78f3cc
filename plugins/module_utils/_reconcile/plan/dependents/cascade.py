# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The cascade: dependent rows that are deleted or updated with records; found, counted, archived, applied.

Where no row can depend on two records, the database does it with whole sets. Otherwise the rows are
followed one by one, by their keys.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from dataclasses import replace
from itertools import chain as chained
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Sequence, Set, Tuple

from ...config.options import SET_VALUE
from ...database.base import Database
from ...database.catalog import ForeignKey, GenericRelation, Row, StoredRow, Table
from ...errors import DatabaseError
from ...text import counted, escaped_value
from .link import REPLACEMENT, UPDATING, Link
from .links import Dependents
from .update import Update

RowKey = Tuple[Any, ...]
# Rows, each with the records for whose sake it was reached.
Reached = Dict[RowKey, Set[RowKey]]
Counts = Dict[str, Dict[str, int]]
# Records that dependent rows keep, each with the links of these rows.
Restricted = Dict[RowKey, List[Link]]


class DependentRows(NamedTuple):
    """Some rows of a table that are deleted or updated with records: the key of each, and these records."""

    verb: str
    table: Table
    rows: Sequence[tuple[RowKey, Iterable[RowKey]]]

    def shown(self, key: RowKey) -> str:
        """One of the rows in words for people: its table and its key."""
        return f"{self.table.name} {', '.join(map(escaped_value, key))}"


class CascadeRow(NamedTuple):
    """A row that is deleted, or cleared in some columns, with records."""

    action: str
    table: Table
    row: StoredRow
    records: Iterable[RowKey]


class Cascade(ABC):
    """The dependent rows of some records. Nothing changes before it is applied."""

    # Records with a dependent row that keeps them, however far away; nothing else here counts it, so ask
    # again without them.
    restricted: Restricted

    @abstractmethod
    def counts(self) -> Counts:
        """Rows to delete and to update, by table."""

    @abstractmethod
    def rows(self) -> Iterator[DependentRows]:
        """All these rows by their keys, each once; inside a transaction they are locked."""

    @abstractmethod
    def rows_to_archive(self) -> Iterator[CascadeRow]:
        """All these rows as they are now."""

    @abstractmethod
    def apply(self) -> None:
        """Update and delete them; to be called inside the transaction in which they were found."""

    @abstractmethod
    def apply_after(self) -> None:
        """Delete those that the records themselves reference; to be called when these are deleted."""


def cascade_of(dependents: Dependents, database: Database, rows: list[Row]) -> tuple[Cascade, Restricted]:
    """The cascade of the rows without those that are restricted, and which those are, each with the links."""
    restricted: Restricted = {}
    kind = SetCascade if dependents.fit_sets else KeyCascade
    cascade: Cascade = kind(dependents, database, rows)
    while cascade.restricted:
        restricted.update(cascade.restricted)
        fewer = [row for row in rows if row.key not in restricted]
        if len(fewer) == len(rows):
            raise DatabaseError(
                f"rows of {dependents.root.name} could not be found again by their keys. "
                "They are being changed; run again when the site is quieter."
            )
        rows = fewer
        cascade = kind(dependents, database, rows)
    return cascade, restricted


class _Chain(NamedTuple):
    """The links that lead from the records to the rows of one table."""

    links: tuple[Link, ...]

    @property
    def last(self) -> Link:
        return self.links[-1]

    @property
    def steps(self) -> list[tuple[ForeignKey, Table]]:
        return [(link.key, link.child) for link in self.links]


class SetCascade(Cascade):
    """Each table is reached by one way, along foreign keys: a join gives the rows.

    While a row is locked, the database lets no others come to reference it. So a row that is deleted
    needs no lock of its own, unless rows may depend on it or it is read first to be archived.
    """

    def __init__(self, dependents: Dependents, database: Database, rows: Sequence[Row]) -> None:
        self._database = database
        self._root = dependents.root
        self._keys = [row.key for row in rows]
        # A table comes after the one that it depends on.
        self._chains: list[_Chain] = []
        self._archived: dict[_Chain, int] = {}
        self._done: dict[_Chain, int] = {}
        self._read: dict[_Chain, int] = {}
        self.restricted = {}
        for chain in _chains(dependents, self._root, ()):
            if chain.last.keeps:
                self._restrict(chain)
            else:
                self._chains.append(chain)

    def _restrict(self, chain: _Chain) -> None:
        for length in range(1, len(chain.steps)):
            self._database.lock_dependents(self._root, chain.steps[:length], self._keys)
        for key in self._database.with_dependents(self._root, chain.steps, self._keys):
            self.restricted.setdefault(key, []).append(chain.last)

    def counts(self) -> Counts:
        result: Counts = {}
        for chain in self._chains:
            count = self._done.get(chain)
            if count is None:
                count = self._known(chain)
            if count:
                is_deleted = chain.last.action == "delete"
                result[chain.last.child.name] = {
                    "deleted": count if is_deleted else 0,
                    "updated": 0 if is_deleted else count,
                }
        return result

    def rows(self) -> Iterator[DependentRows]:
        for chain in self._chains:
            verb = "deleted" if chain.last.action == "delete" else "updated"
            count = 0
            for some in self._database.dependent_keys(self._root, chain.steps, self._keys):
                count += len(some)
                yield DependentRows(verb, chain.last.child, [(key, (record,)) for record, key in some])
            self._read[chain] = count

    def rows_to_archive(self) -> Iterator[CascadeRow]:
        for chain in self._chains:
            link = chain.last
            self._archived[chain] = 0
            for table, key, row in self._rows(chain):
                self._archived[chain] += 1
                if link.action == "delete":
                    yield CascadeRow("deleted", table, row, [key])
                else:
                    update = Update.along(link)
                    yield CascadeRow(update.action, table, update.to_archive(row), [key])
            if chain in self._read:
                # Replication writes past locks and foreign keys: what came since was compared with no plan.
                doing = f"reading rows of {link.child.name} for the quarantine found"
                _must_be_all(doing, self._archived[chain], self._read[chain])

    def _rows(self, chain: _Chain) -> Iterator[tuple[Table, RowKey, StoredRow]]:
        if chain.last.action == "delete":
            yield from self._database.whole_rows(self._root, self._keys, chain.steps)
        else:
            for key, row in self._database.rows_for_archive(self._root, self._keys, chain.steps):
                yield chain.last.child, key, row

    def apply(self) -> None:
        parents = {chain.last.parent for chain in self._chains}
        for chain in self._chains:
            if chain.last.child in parents:
                self._database.lock_dependents(self._root, chain.steps, self._keys)
        for chain in reversed(self._chains):
            self._done[chain] = self._apply(chain)

    def apply_after(self) -> None:
        """Nothing to do: a chain of joins leads to no row that records reference."""

    def _apply(self, chain: _Chain) -> int:
        link = chain.last
        # What was archived, or else read and locked, is what is removed, and no row beside it.
        wanted = self._known(chain)
        if link.action == "delete":
            doing = f"deleting rows of {link.child.name} changed"
            done = self._database.delete_dependents(self._root, chain.steps, self._keys)
        else:
            doing = f"updating rows of {link.child.name} changed"
            done = self._database.clear_dependents(
                self._root, chain.steps, self._keys, link.columns, Update.along(link).to_default
            )
        # Were rows left, a foreign key would point at nothing, and the database undoes that by itself.
        _must_be_all(doing, done, wanted)
        return done

    def _known(self, chain: _Chain) -> int:
        """How many rows are at the end of a chain, as far as that is known without counting them."""
        count = self._archived.get(chain, self._read.get(chain))
        if count is None:
            return self._database.count_dependents(self._root, chain.steps, self._keys)
        return count


def _chains(dependents: Dependents, table: Table, before: tuple[Link, ...]) -> Iterator[_Chain]:
    for link in dependents.links_to(table):
        yield _Chain((*before, link))
        if link.action == "delete":
            yield from _chains(dependents, link.child, (*before, link))


class KeyCascade(Cascade):
    """Rows that may be reached by several ways, or depend on several records: each is followed."""

    def __init__(self, dependents: Dependents, database: Database, rows: Sequence[Row]) -> None:
        self._dependents = dependents
        self._database = database
        self.restricted = {}
        self._deleted: dict[Table, set[RowKey]] = defaultdict(set)
        # Columns of one row may be changed for different records.
        self._updates: dict[Update, Reached] = defaultdict(lambda: defaultdict(set))
        self._followed: dict[tuple[Table, RowKey], set[RowKey]] = defaultdict(set)
        # The records with which a row is deleted.
        self._origins: dict[tuple[Table, RowKey], set[RowKey]] = defaultdict(set)
        self._files: dict[bytes, set[RowKey]] = defaultdict(set)
        for row in rows:
            if row.file:
                self._files[row.file].add(row.key)
        # Rows that keep records unless they turn out to be deleted themselves.
        self._perhaps_keeping: list[tuple[Link, Reached]] = []
        self._follow({row.key: {row.key} for row in rows})
        self._keep_replacements({row.key for row in rows})
        for link, reached in self._perhaps_keeping:
            deleted = self._deleted.get(link.child, set())
            self._restrict(link, {key: origins for key, origins in reached.items() if key not in deleted})

    def counts(self) -> Counts:
        result: Counts = {}
        for table, keys in self._deleted.items():
            if keys:
                result.setdefault(table.name, {"deleted": 0, "updated": 0})["deleted"] += len(keys)
        for table, reached in self._updated().items():
            if reached:
                result.setdefault(table.name, {"deleted": 0, "updated": 0})["updated"] += len(reached)
        return result

    def rows(self) -> Iterator[DependentRows]:
        for table, keys in self._deleted.items():
            rows = [(key, self._origins[table, key]) for key in sorted(keys, key=repr)]
            yield DependentRows("deleted", table, rows)
        for table, reached in self._updated().items():
            yield DependentRows("updated", table, [(key, reached[key]) for key in sorted(reached, key=repr)])

    def rows_to_archive(self) -> Iterator[CascadeRow]:
        for table, keys in self._deleted.items():
            for part, key, row in self._database.whole_rows(table, sorted(keys, key=repr)):
                yield CascadeRow("deleted", part, row, self._origins[table, key])
        for update, reached in self._updates.items():
            left = sorted(self._not_deleted(update.table, reached), key=repr)
            for key, row in self._database.rows_for_archive(update.table, left):
                yield CascadeRow(update.action, update.table, update.to_archive(row), reached[key])

    def apply(self) -> None:
        for update, reached in self._updates.items():
            left = self._not_deleted(update.table, reached)
            if left:
                done = update.make(self._database, sorted(left, key=repr))
                _must_be_all(f"updating rows of {update.table.name} changed", done, len(left))
        self._delete(self._dependents.order)

    def apply_after(self) -> None:
        self._delete(self._dependents.order_after)

    def _delete(self, tables: Iterable[Table]) -> None:
        for table in tables:
            keys = self._deleted.get(table, set())
            if keys:
                ordered = sorted(keys, key=repr)
                self._database.delete(table, ordered)
                deleted = len(keys) - self._database.count_keys(table, ordered)
                _must_be_all(f"deleting rows of {table.name} changed", deleted, len(keys))

    def _updated(self) -> dict[Table, Reached]:
        """The rows that are changed and not deleted; one that is changed in two columns is one row."""
        updated: dict[Table, Reached] = defaultdict(lambda: defaultdict(set))
        for update, reached in self._updates.items():
            for key in self._not_deleted(update.table, reached):
                updated[update.table][key] |= reached[key]
        return updated

    def _not_deleted(self, table: Table, reached: Reached) -> set[RowKey]:
        return reached.keys() - self._deleted.get(table, set())

    def _follow(self, records: Reached) -> None:
        root, own = self._dependents.root, set(records)
        pending: dict[Table, Reached] = {root: records}
        while pending:
            table, parents = pending.popitem()
            for link in self._dependents.links_to(table):
                reached: Reached = defaultdict(set)
                for parent, child in self._dependent_rows(link, parents):
                    reached[child] |= parents[parent]
                if link.child == root:
                    reached = {key: found for key, found in reached.items() if key not in own}
                self._take(link, reached, pending)

    def _take(self, link: Link, reached: Reached, pending: dict[Table, Reached]) -> None:
        if link.keeps_unless_deleted:
            self._perhaps_keeping.append((link, reached))
        elif link.keeps:
            self._restrict(link, reached)
        elif link.action in UPDATING:
            for key, origins in reached.items():
                self._updates[Update.along(link)][key] |= origins
        else:
            self._deleted[link.child].update(reached)
            for key, origins in reached.items():
                # A row that was reached before is followed again only for records new to it.
                fresh = origins - self._followed[link.child, key]
                if fresh:
                    self._followed[link.child, key] |= fresh
                    self._origins[link.child, key] |= fresh
                    pending.setdefault(link.child, {}).setdefault(key, set()).update(fresh)

    def _keep_replacements(self, records: set[RowKey]) -> None:
        """Keep the rows that others come to reference, at whatever time, as on_delete says."""
        for link in self._dependents.links():
            replacement = link.replacement
            if link.action == SET_VALUE and replacement:
                own = {replacement.key} & records if link.parent == self._dependents.root else set()
                origins = own | self._origins.get((link.parent, replacement.key), set())
                self._restrict(replace(link, action=REPLACEMENT), {replacement.key: origins})

    def _restrict(self, link: Link, reached: Reached) -> None:
        for record in {record for origins in reached.values() for record in origins}:
            links = self.restricted.setdefault(record, [])
            if link not in links:
                links.append(link)

    def _dependent_rows(self, link: Link, parents: Reached) -> list[tuple[RowKey, RowKey]]:
        database, keys = self._database, list(parents)
        if link.holds_path:
            held = database.rows_referencing(link.child, link.columns[0], self._files)
            return [(parent, key) for path, key in held for parent in self._files[path] if parent in parents]
        if link.content_type is not None:
            relation = GenericRelation(
                link.child, link.columns[0], link.content_type_column, link.content_type
            )
            return list(database.generic_dependent_keys(relation, keys))
        steps = [(link.key, link.child)]
        if link.keeps and not link.child.has_primary_key:
            # It matters only that there are such rows, and those of a view have no address.
            return [(parent, ()) for parent in database.with_dependents(link.parent, steps, keys)]
        return list(chained.from_iterable(database.dependent_keys(link.parent, steps, keys)))


def _must_be_all(doing: str, done: int, wanted: int) -> None:
    if done != wanted:
        raise DatabaseError(
            f"{doing} {counted(done, 'row')} where {wanted:,} depend on the records. A trigger or a "
            "row security policy interferes, or they were changed meanwhile. Run again; if it happens again, "
            "let this database user change them."
        )
