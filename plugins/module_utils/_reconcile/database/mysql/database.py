# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""MySQL and MariaDB, through the connection of a driver."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from itertools import chain, islice
from typing import Any, Iterable, Iterator, Sequence

from ...config.site import Column
from ...errors import CommitUnknown, DatabaseError
from ...spool import Spool
from ..base import DriverError
from ..catalog import BATCH, ForeignKey, Key, Keys, Steps, StoredRow, Table
from .connection import ACCESS_DENIED, MySQLConnection
from .deletion import LeavesFirst
from .dialect import INTEGERS, TEXTS, MySQLDialect, type_of
from .server import MySQLServer
from .session import LOCK_TIMEOUT, STATEMENT_TIMEOUT, settle
from .sweep import MySQLSweep

_DUPLICATE = "1062"
# A warning: a value is larger than ``max_allowed_packet``, and NULL came in its place.
_TOO_LARGE = 1301
_LOCK_WAIT = f"Another session held a lock for {LOCK_TIMEOUT} s; try again when the site is quieter."
_TOO_LONG = f"It took longer than {STATEMENT_TIMEOUT // 60} min, or somebody cancelled it."
_REFERENCED = "Rows of another table still reference these; say what becomes of them in dependents."
_ADVICE = {
    **dict.fromkeys(
        ACCESS_DENIED, "Grant the privilege to this database user, or name another user in database_url."
    ),
    "1205": _LOCK_WAIT,
    "1213": "Another session needed the same rows; try again when the site is quieter.",
    "1317": _TOO_LONG,
    "1969": _TOO_LONG,
    "3024": _TOO_LONG,
    "1451": _REFERENCED,
    "1290": "The server accepts no changes (a replica?); point database_url at the primary.",
    "1836": "The server accepts no changes (a replica?); point database_url at the primary.",
}
# With these, the server may have rolled back the whole transaction: a lock or a deadlock, no room for more
# locks, a row that changed, and a savepoint that is not there any more.
_ROLLED_BACK = ("1020", "1205", "1206", "1213", "1305")
# Rows of keys that one statement passes.
_KEYS_AT_ONCE = 1_000
# Paths that are fetched at a time: with more, Python looks too often for rows that are not used any more.
_PATHS_AT_ONCE = 1_000
# Bytes of paths that a statement holds itself at most, and those that it needs around each.
_LITERALS, _AROUND = 2 * 1024 * 1024, 16
# Only the beginning of a long part of a key is in its index.
_INDEXED = 250
_KEYS = "media_cleanup_keys"


class MySQL(MySQLServer, LeavesFirst, MySQLSweep):
    """A database of MariaDB 10.4 or later, or of MySQL 8.0.17 or later."""

    def __init__(self, url: str, read_only: bool) -> None:
        super().__init__()
        self._connection = MySQLConnection(url)
        self._is_read_only = read_only
        # Why nothing more may be asked in this transaction; empty where that is not so.
        self._rolled_back = ""
        # Tables that were changed while foreign keys were not checked; None while they are.
        self._unchecked: set[tuple[str, str]] | None = None
        try:
            with self._doing("preparing the session"):
                version, packet = self._all("SELECT version(), @@max_allowed_packet", [])[0]
                self._is_mariadb = "mariadb" in str(version).lower()
                # Escaped, a byte may take two; the rest of the statement has to fit into it, too.
                self._most_literals = min(_LITERALS, int(packet) // 4)
                self._require_all_rows()
                self._settle(self._connection)
            self.dialect = MySQLDialect("utf8mb4_nopad_bin" if self._is_mariadb else "utf8mb4_0900_bin")
            self._name = self._database_name()
            self.notes = self._limits(read_only)
        except DatabaseError:
            self._connection.close()
            raise

    def _settle(self, connection: MySQLConnection) -> None:
        settle(connection, self._is_mariadb, self._is_read_only)

    def _database_name(self) -> str:
        with self._doing("asking for the name of the database"):
            name = self._one("SELECT database()")
        if not name:
            raise DatabaseError(
                "database_url names no database. Write mysql://USER@HOST/DATABASE, or a database in the file "
                "that read_default_file names."
            )
        return str(name)

    def close(self) -> None:
        self._end_reading()
        # The server releases a lock only some time after it sees the connection closed.
        with suppress(DriverError):
            self._connection.execute("ROLLBACK", [])
            self._connection.execute("DO RELEASE_LOCK(%s)", [self._lock_name()])
        self._connection.close()

    def _not_comparable(self, table: Table, name: str, value: Any) -> str:
        column = table.columns[name]
        kind = type_of(column)
        if kind in TEXTS or kind in ("enum", "set"):
            return ""
        if kind in INTEGERS:
            return "" if _is_whole(value) else "it is no whole number."
        return "a column of this type cannot be compared; use one of a whole number or a text."

    def references(self, columns: Sequence[Column]) -> Iterator[list[bytes]]:
        last = b""
        for paths in super().references(columns):
            if paths[0] < last or paths != sorted(paths):
                raise DatabaseError(
                    f"reading {', '.join(map(str, columns))} failed: the server did not return references "
                    "in the order of their bytes. Nothing is removed; report this with the server's version."
                )
            last = paths[-1]
            yield paths

    def _among(self, expression: str, paths: Iterable[bytes]) -> tuple[str, list[Any]] | None:
        values = [value for value in map(self.dialect.path_parameter, paths) if value is not None]
        if not values or sum(map(len, values)) + len(values) * _AROUND > self._most_literals:
            return super()._among(expression, values)
        # The server looks a literal up in a quarter of the time that a table of keys takes.
        return f"{expression} IN ({', '.join(['%s'] * len(values))})", values

    def estimate_references(self, columns: Sequence[Column]) -> int:
        with self._doing("estimating the number of references"):
            counts = [
                self._all(
                    "SELECT coalesce(max(table_rows), 0) FROM information_schema.tables "
                    "WHERE table_schema = coalesce(nullif(%s, ''), database()) AND table_name = %s",
                    self.path_column(column).identity,
                )[0][0]
                for column in columns
            ]
        return int(sum(counts))

    def rows_for_archive(
        self, root: Table, keys: Keys, steps: Steps = (), part: Table | None = None
    ) -> Iterator[tuple[Key, StoredRow]]:
        table = steps[-1][1] if steps else root
        # The catalog leaves out columns that this user may not read; the server refuses to read all of them.
        statement = f"SELECT * FROM {self.dialect.relation(table)} LIMIT 0"
        self._execute(f"reading all columns of {table.name}", statement, [])
        return super().rows_for_archive(root, keys, steps, part)

    # Transactions.

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._begun():
            yield
            self._check_foreign_keys()
            with self._doing("committing"):
                self._commit()

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        with self._begun():
            yield
            self._check_foreign_keys()

    @contextmanager
    def _begun(self) -> Iterator[None]:
        """A transaction, which is rolled back unless it is committed inside."""
        self._execute("starting the transaction", "START TRANSACTION", [])
        self._in_transaction = True
        try:
            yield
        finally:
            self._in_transaction = False
            self._rolled_back = ""
            # Where the connection is lost, the server rolls back by itself.
            with suppress(DriverError):
                self._connection.execute("ROLLBACK", [])
                if self._unchecked is not None:
                    self._connection.execute("SET SESSION foreign_key_checks = 1", [])
            self._unchecked = None

    def _commit(self) -> None:
        self._require_not_rolled_back()
        try:
            self._connection.execute("COMMIT", [])
        except DriverError as error:
            if not error.is_lost:
                raise
            raise CommitUnknown(f"committing failed: {error} Whether it was done is not known.") from None

    def defer_foreign_keys(self) -> None:
        # The server itself cannot check them later: ``_check_foreign_keys`` does.
        self._execute("deferring the check of foreign keys", "SET SESSION foreign_key_checks = 0", [])
        if self._unchecked is None:
            self._unchecked = set()

    def _check_foreign_keys(self) -> None:
        if self._unchecked is None:
            return
        for link in self.foreign_keys():
            if {(link.schema, link.table), (link.target_schema, link.target_table)} & self._unchecked:
                self._check_foreign_key(link)

    def _check_foreign_key(self, link: ForeignKey) -> None:
        sql = self.dialect
        is_there = " AND ".join(f"{sql.field('c', name)} IS NOT NULL" for name in link.columns)
        missing = f"{sql.field('p', link.target_columns[0])} IS NULL"
        broken = self._number(
            f"checking the foreign keys of {link.table}",
            f"SELECT count(*) FROM (SELECT 1 FROM {sql.qualified(link.schema, link.table)} AS c "
            f"LEFT JOIN {sql.qualified(link.target_schema, link.target_table)} AS p "
            f"ON {sql.references(link, 'c', 'p')} WHERE {is_there} AND {missing} "
            "LIMIT 1 LOCK IN SHARE MODE) AS broken",
            [],
        )
        if broken:
            raise DatabaseError(
                f"committing failed: a row of {link.table} references a row of {link.target_table} by a "
                f"foreign key that is not there. {_REFERENCED}"
            )

    # Statements.

    def _stream(self, statement: str, parameters: Sequence[Any]) -> Iterator[list[Any]]:
        # All is read before the first is passed on: what is asked meanwhile would end the rows.
        self._require_not_rolled_back()
        rows: Spool[Any] = Spool(pack=tuple, unpack=lambda *row: row)
        for batch in self._connection.stream(statement, parameters, BATCH):
            rows.extend(batch)
        self._require_whole_values()
        yield from rows.chunks()

    def _require_whole_values(self) -> None:
        """Raise DatabaseError where the last statement returned NULL for what is too large to be read."""
        if any(number == _TOO_LARGE for _level, number, _text in self._connection.fetch("SHOW WARNINGS", [])):
            raise DatabaseError(
                "reading rows failed: one of them holds a value that is too large for max_allowed_packet of "
                "the server, and would be lost. Let that be more than twice the largest value, in bytes."
            )

    def _stream_paths(self, statement: str) -> Iterator[list[bytes]]:
        self._require_not_rolled_back()
        batches: Spool[list[bytes]] = Spool(pack=lambda paths: (paths,), unpack=lambda paths: paths, chunk=1)
        paths: list[bytes] = []
        for rows in self._connection.stream(statement, [], min(BATCH, _PATHS_AT_ONCE)):
            paths += chain.from_iterable(rows)
            if len(paths) >= BATCH:
                batches.append(paths)
                paths = []
        if paths:
            batches.append(paths)
        yield from batches

    def _execute(self, doing: str, statement: str, parameters: Sequence[Any]) -> int:
        with self._doing(doing):
            self._require_not_rolled_back()
            return self._connection.execute(statement, parameters)

    def _change(self, doing: str, table: Table, statement: str, parameters: Sequence[Any]) -> int:
        self.require_transactions(table)
        if self._unchecked is not None:
            self._unchecked.add(table.identity)
        return self._execute(doing, statement, parameters)

    def reinsert(self, table: Table, row: dict[str, Any]) -> bool:
        self._is_duplicate = False
        try:
            return super().reinsert(table, row)
        except DatabaseError:
            if not self._is_duplicate:
                raise
            return False

    def _keys(self, types: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
        # A text is a key or a number here.
        text = f"varchar(1000) CHARACTER SET utf8mb4 COLLATE {self.dialect.collation}"
        # For the driver, a percent sign in the values of an enum begins a placeholder.
        declared = [text if kind == "text" else kind.replace("%", "%%") for kind in types]
        fields = ", ".join(f"k{number} {kind}" for number, kind in enumerate(declared))
        indexes = "".join(
            f", KEY (k{number}({_INDEXED}))" for number, kind in enumerate(types) if kind in _LONG_KEYS
        )
        with self._doing("passing keys"):
            self._require_not_rolled_back()
            with self._temporary_tables():
                self._connection.execute(f"DROP TEMPORARY TABLE IF EXISTS {_KEYS}", [])
                self._connection.execute(
                    f"CREATE TEMPORARY TABLE {_KEYS} ({fields}{indexes}) ENGINE = InnoDB", []
                )
            for part in _parts(rows):
                marks = ", ".join(
                    f"({', '.join(map(self.dialect.key_placeholder, types, row))})" for row in part
                )
                values = [value for row in part for value in row]
                self._connection.execute(f"INSERT INTO {_KEYS} VALUES {marks}", values)
        return f"{_KEYS} AS wanted", []

    @contextmanager
    def _temporary_tables(self) -> Iterator[None]:
        """Allow to make temporary tables, which a session that only reads may fill but not make."""
        is_held_back = self._is_read_only and not self._in_transaction
        if is_held_back:
            self._connection.execute("SET SESSION TRANSACTION READ WRITE", [])
        try:
            yield
        finally:
            if is_held_back:
                self._connection.execute("SET SESSION TRANSACTION READ ONLY", [])

    def _all(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        self._require_not_rolled_back()
        return self._connection.fetch(statement, parameters)

    def _one(self, statement: str) -> Any:
        return self._all(statement, [])[0][0]

    def _require_not_rolled_back(self) -> None:
        # What followed would be committed by itself, each statement of it.
        if self._rolled_back:
            raise DatabaseError(f"the transaction was rolled back by the server: {self._rolled_back}")

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        try:
            yield
        except DriverError as error:
            self._is_duplicate = error.code == _DUPLICATE
            if self._in_transaction and (error.is_lost or error.code in _ROLLED_BACK):
                self._rolled_back = str(error)
            advice = _ADVICE.get(error.code, "Nothing of this step was kept.")
            raise DatabaseError(f"{what} failed: {error} {advice}") from None


_LONG_KEYS = (MySQLDialect.path_type, "text")


def _parts(rows: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(rows)
    return iter(lambda: list(islice(left, _KEYS_AT_ONCE)), [])


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) or str(value).lstrip("-").isdigit()
