# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Restores the rows of a batch, each as soon as the rows that it references are there.

Rows go by their numbers in the batch: memory holds these, and some rows while it is at work on them. Rows of
one table are written together, where nothing is in the way of any of them; else one by one.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from itertools import chain
from typing import Any, Callable, Dict, Iterable, Iterator, Sequence, Tuple

from ..database.base import Database
from ..database.catalog import ForeignKey, Table
from ..errors import DatabaseError
from ..kept import Code, Kept
from ..plan.plan import Totals
from ..quarantine.archived_rows import ArchivedRows
from ..quarantine.format import as_path
from ..spool import Listed
from ..text import escaped, escaped_value

# Rows that are written by one statement, and the bytes that they take in the batch.
TOGETHER = 1_000
BYTES_TOGETHER = 256 * 1024
# A row of a batch, with its number there.
NumberedRow = Tuple[int, Dict[str, Any]]


@dataclass
class Restored:
    """What was restored, or would be, and what is kept in quarantine."""

    batch: str
    totals: Totals = field(default_factory=Totals)
    updated: int = 0
    # Files that are neither restored nor replaced by another: no row that references them is restored.
    absent: set[bytes] = field(default_factory=set)
    paths: Listed[bytes] = field(default_factory=lambda: Listed(100))
    kept: Listed[Kept] = field(default_factory=lambda: Listed(100))


_ALTERED = (
    "the database stores other values than those that were removed, as a trigger or a changed column makes "
    "it do, so it was taken out again"
)


class _Altered(DatabaseError):
    """What was written is not what was to be written."""


class RowRestorer:
    """Restores rows of a batch, in a transaction; ``is_restored`` says of each whether it is."""

    def __init__(self, database: Database, rows: ArchivedRows, result: Restored) -> None:
        self._database = database
        self._rows = rows
        self._result = result
        self.is_restored = bytearray(len(rows))
        self._links: dict[tuple[str, str], list[ForeignKey]] = {}
        self._targets: dict[tuple[str, str], set[tuple[str, ...]]] = {}
        self._alike: Counter[bytes] = Counter()
        for link in database.foreign_keys():
            self._links.setdefault((link.schema, link.table), []).append(link)
            target = (link.target_schema, link.target_table)
            self._targets.setdefault(target, set()).add(link.target_columns)

    def carry_out(self, numbers: Sequence[int]) -> None:
        """Restore rows; what cannot be restored is reported, and kept in quarantine."""
        pending, cleared = array("Q"), array("Q")
        for number in self._with_their_files(numbers):
            (pending if self._rows.is_deleted(number) else cleared).append(number)
        waiting = len(pending) + 1
        while pending and len(pending) < waiting:
            waiting = len(pending)
            pending = array("Q", chain.from_iterable(map(self._insert_some, self._in_lists(pending))))
        for number in self._insert_circles(pending):
            self._keep(self._rows[number], Code.ROW_MISSING, "a row that it references is missing")
        for some in self._in_lists(cleared):
            self._fill_some(some)

    def _with_their_files(self, numbers: Sequence[int]) -> Iterable[int]:
        """The rows whose files are restored, or are replaced by others."""
        if not self._result.absent:
            return numbers
        return (number for number, row in self._rows.of(numbers) if not self._lacks_its_file(row))

    def _in_lists(self, numbers: Sequence[int]) -> Iterator[list[NumberedRow]]:
        """The rows in lists of those that follow each other and that one statement can write."""
        some: list[NumberedRow] = []
        before, size = None, 0
        for number, row in self._rows.of(numbers):
            kind = (row["action"], row["schema"], row["table"], row["key"], list(row["row"]))
            if some and (kind != before or len(some) >= TOGETHER or size >= BYTES_TOGETHER):
                yield some
                some, size = [], 0
            before = kind
            some.append((number, row))
            size += self._rows.size(number)
        if some:
            yield some

    def _insert_some(self, some: list[NumberedRow]) -> list[int]:
        """Insert rows of one table; returns the numbers of those that must wait for others."""
        waiting = self._insert_together(some)
        if waiting is None:
            return [number for number, _row in some if not self._insert(number)]
        return waiting

    def _insert_together(self, some: list[NumberedRow]) -> list[int] | None:
        """The same by one statement; None if nothing was done, because each has to be looked at."""
        table = self._table(some[0][1])
        if not self._can_be_together(table, some):
            return None
        try:
            with self._database.savepoint():
                waiting = self._without_parents(table, some)
                ready = [(number, row) for number, row in some if number not in waiting]
                if ready:
                    self._write(table, ready, self._database.reinsert_all)
        except DatabaseError:
            # Which of them is refused, and why, is found out one by one.
            return None
        self._result.totals.records += len(ready)
        self._note_restored(ready)
        return sorted(waiting)

    def _write(
        self, table: Table, some: list[NumberedRow], write: Callable[[Table, Sequence[dict[str, Any]]], int]
    ) -> None:
        """Write rows; raises DatabaseError unless each is written, and is what was to be written."""
        values = [row["row"] for _number, row in some]
        if write(table, values) != len(some) or not self._database.have_identical_rows(table, values):
            raise _Altered(_ALTERED)

    def _can_be_together(self, table: Table, some: list[NumberedRow]) -> bool:
        """Whether rows have keys, and reference other tables than their own."""
        row = some[0][1]
        if len(some) == 1 or not row["key"] or tuple(row["key"]) != table.key:
            return False
        return all((link.target_schema, link.target_table) != table.identity for link in self._of(row))

    def _without_parents(self, table: Table, some: list[NumberedRow]) -> set[int]:
        """The numbers of those that reference a row which is not there; NULL references nothing."""
        lacking: set[int] = set()
        for link in self._of(some[0][1]):
            referencing = [
                (number, values)
                for number, row in some
                for values in [[row["row"].get(name) for name in link.columns]]
                if None not in values
            ]
            if referencing:
                target = self._database.table(f"{link.target_schema}.{link.target_table}")
                wanted = [values for _number, values in referencing]
                there = self._database.those_there(target, link.target_columns, wanted)
                lacking.update(
                    number for place, (number, _values) in enumerate(referencing) if place not in there
                )
        return lacking

    def _fill_some(self, some: list[NumberedRow]) -> None:
        """Set columns of rows of one table back."""
        if not self._fill_together(some):
            for number, row in some:
                self.is_restored[number] = self._fill(row)

    def _fill_together(self, some: list[NumberedRow]) -> bool:
        """The same by one statement; False if nothing was done, because each has to be looked at."""
        row = some[0][1]
        table = self._table(row)
        if row["action"] == "relinked" or not self._can_be_together(table, some):
            return False
        to_default = row["action"] == "defaulted"
        try:
            with self._database.savepoint():
                if self._without_parents(table, some):
                    return False
                self._write(table, some, partial(self._database.restore_all_cleared, to_default=to_default))
        except DatabaseError:
            # Which of them is refused, and why, is found out one by one.
            return False
        self._result.updated += len(some)
        self._note_restored(some)
        return True

    def _note_restored(self, some: list[NumberedRow]) -> None:
        for number, _row in some:
            self.is_restored[number] = True

    def _lacks_its_file(self, row: dict[str, Any]) -> bool:
        lacking = [path for path in map(as_path, row["files"]) if path in self._result.absent]
        if lacking:
            self._keep(row, Code.FILE_MISSING, f"its file '{escaped(lacking[0])}' could not be restored")
        return bool(lacking)

    def _insert(self, number: int, waits: bool = True) -> bool:
        """Try to insert a row; False if it must wait for another."""
        row = self._rows[number]
        table = self._table(row)
        if waits and any(not self._is_there(link, row) for link in self._of(row)):
            return False
        if not row["key"]:
            self.is_restored[number] = self._insert_keyless(table, row)
            return True
        try:
            with self._database.savepoint():
                is_new = self._database.reinsert(table, row["row"])
                if is_new:
                    self._require_identical(table, row)
        except DatabaseError as error:
            self._keep_refused(row, error)
            return True
        self._result.totals.records += is_new
        self.is_restored[number] = is_new or self._database.has_identical_row(table, row["key"], row["row"])
        if not self.is_restored[number]:
            self._keep(
                row, Code.IN_THE_WAY, "a row with its key, or with what must be unique in it, is there"
            )
        return True

    def _insert_keyless(self, table: Table, row: dict[str, Any]) -> bool:
        """Insert a row without a primary key, unless as many identical rows are there as were restored."""
        values = json.dumps([table.identity, row["row"]], sort_keys=True)
        alike = blake2b(values.encode(), digest_size=16).digest()
        self._alike[alike] += 1
        try:
            with self._database.savepoint():
                if self._database.count_identical_rows(table, row["row"]) < self._alike[alike]:
                    self._database.reinsert(table, row["row"])
                    if self._database.count_identical_rows(table, row["row"]) < self._alike[alike]:
                        raise _Altered(_ALTERED)
                    self._result.totals.records += 1
        except DatabaseError as error:
            self._keep_refused(row, error)
            return False
        return True

    def _insert_circles(self, pending: Sequence[int]) -> Iterable[int]:
        """Insert rows that wait for each other together; returns those that cannot be restored."""
        circle, waiting = pending, len(pending) + 1
        while len(circle) < waiting:
            waiting = len(circle)
            offered = self._offered(circle)
            circle = [number for number in circle if self._can_be_inserted(self._rows[number], offered)]
        if not circle:
            return pending
        records, kept = self._result.totals.records, self._result.kept.total
        try:
            with self._database.savepoint():
                self._database.defer_foreign_keys()
                for number in circle:
                    self._insert(number, waits=False)
                if self._result.kept.total > kept:
                    raise DatabaseError("one of the rows that reference each other could not be restored")
        except DatabaseError as error:
            self._result.totals.records = records
            for number in circle:
                self.is_restored[number] = False
                self._keep(self._rows[number], Code.NOT_WRITABLE, str(error))
        in_circle = frozenset(circle)
        return [number for number in pending if number not in in_circle]

    def _offered(self, numbers: Iterable[int]) -> set[bytes]:
        """What foreign keys can reference in some rows."""
        return {
            _place(row["schema"], row["table"], columns, [row["row"].get(name) for name in columns])
            for row in map(self._rows.__getitem__, numbers)
            for columns in self._targets.get((row["schema"], row["table"]), ())
        }

    def _can_be_inserted(self, row: dict[str, Any], offered: set[bytes]) -> bool:
        """Whether all rows that a row references are there, or offered by rows of this batch."""
        return all(
            self._is_there(link, row)
            or _place(
                link.target_schema,
                link.target_table,
                link.target_columns,
                [row["row"].get(name) for name in link.columns],
            )
            in offered
            for link in self._of(row)
        )

    def _of(self, row: dict[str, Any]) -> Sequence[ForeignKey]:
        return self._links.get(self._table(row).identity, ())

    def _fill(self, row: dict[str, Any]) -> bool:
        table = self._table(row)
        if self._database.has_identical_row(table, row["key"], row["row"]):
            return True
        if any(not self._is_there(link, row) for link in self._of(row)):
            self._keep(row, Code.ROW_MISSING, "a row that it referenced is missing")
            return False
        try:
            with self._database.savepoint():
                is_filled = self._set_back(table, row)
                if is_filled:
                    self._require_identical(table, row)
        except DatabaseError as error:
            self._keep_refused(row, error)
            return False
        if is_filled:
            self._result.updated += 1
            return True
        self._keep(row, Code.CHANGED, "the row was deleted, or references another row by now")
        return False

    def _set_back(self, table: Table, row: dict[str, Any]) -> bool:
        if row["action"] == "relinked":
            return self._database.restore_relinked(table, row["key"], row["row"], row.get("now", {}))
        to_default = row["action"] == "defaulted"
        return self._database.restore_cleared(table, row["key"], row["row"], to_default)

    def _require_identical(self, table: Table, row: dict[str, Any]) -> None:
        if not self._database.has_identical_row(table, row["key"], row["row"]):
            raise _Altered(_ALTERED)

    def _keep_refused(self, row: dict[str, Any], error: DatabaseError) -> None:
        code = Code.ALTERED if isinstance(error, _Altered) else Code.NOT_WRITABLE
        self._keep(row, code, str(error))

    def _is_there(self, link: ForeignKey, row: dict[str, Any]) -> bool:
        """Whether the row that a foreign key references exists; NULL references nothing."""
        values = [row["row"].get(name) for name in link.columns]
        if any(value is None for value in values):
            return True
        target = self._database.table(f"{link.target_schema}.{link.target_table}")
        wanted = dict(zip(link.target_columns, values))
        if target == self._table(row) and wanted.items() <= row["row"].items():
            return True
        return self._database.has_row(target, wanted)

    def _table(self, row: dict[str, Any]) -> Table:
        return self._database.table(f"{row['schema']}.{row['table']}")

    def _keep(self, row: dict[str, Any], code: Code, reason: str) -> None:
        key = ", ".join(escaped_value(row["row"][name]) for name in row["key"] or row["row"])
        self._result.kept.add(Kept(f"{row['table']} {key}".encode(), code, reason))


def _place(schema: str, table: str, columns: Sequence[str], values: Sequence[Any]) -> bytes:
    """A digest that identifies the values of some columns of a table."""
    identity = json.dumps([schema, table, columns, values]).encode()
    return blake2b(identity, digest_size=16).digest()
