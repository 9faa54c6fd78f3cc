# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""SQLite through Python's own sqlite3."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Iterator, Sequence
from urllib.parse import quote as percent_encode

from ...config.site import Column
from ...errors import DatabaseError, SiteError
from ...media.paths import stem
from ...system.host import host_id
from ...text import escaped
from ..catalog import BATCH, ColumnType, ForeignKey, Table
from ..zones import zone_of
from .dialect import is_plain, text_placeholder
from .sweep import SQLiteSweep
from .triggers import TRIGGERS, fires_on_delete

# Seconds to wait while another process writes.
BUSY_TIMEOUT = 10


class SQLite(SQLiteSweep):
    """A database in a file, whose path is absolute."""

    def __init__(self, path: str, read_only: bool) -> None:
        super().__init__()
        self._path = path
        # SQLite puts its journals beside the file itself, not beside a link to it.
        self._wal = os.path.realpath(path) + "-wal"
        had_wal = os.path.exists(self._wal)
        try:
            self._connection = sqlite3.connect(
                self._address("ro" if read_only else "rw"),
                uri=True,
                timeout=BUSY_TIMEOUT,
                isolation_level=None,
                # One thread at a time: the first answer of a long query is awaited beside the walk.
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise DatabaseError(
                f"opening the SQLite database {self._path!r} failed: {error}. "
                "Check that this user may read it and its directory."
            ) from None
        # Bytes that are not UTF-8 must come through: they are somebody's file name.
        self._connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
        self._connection.create_function("media_cleanup_seconds", 2, _seconds)
        self._connection.create_function("media_cleanup_stem", 1, _stem)
        self._connection.create_function("media_cleanup_name", 1, _name)
        with self._doing("opening the database"):
            self._connection.execute("PRAGMA foreign_keys = ON")
            # A commit is on disk when it is reported, however this library was built.
            self._connection.execute("PRAGMA synchronous = FULL")
            encoding = self._connection.execute("PRAGMA encoding").fetchone()[0]
            self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        # In WAL mode, who only reads makes both of these files, and leaves them.
        self._leaves_wal = read_only and not had_wal and os.path.exists(self._wal)
        if self._leaves_wal and not os.access(path, os.W_OK):
            self.notes = [
                f"'{escaped(os.fsencode(self._wal))}' and the file -shm beside it were made to read the "
                "database, and are left: this user may not write to it, so SQLite does not delete them"
            ]
        if encoding != "UTF-8":
            raise DatabaseError(
                f"the SQLite database {self._path!r} keeps its text as {encoding}, in which "
                "paths have no byte order. Rebuild it as UTF-8 (PRAGMA encoding, then .dump)."
            )

    def _address(self, mode: str) -> str:
        return f"file:{percent_encode(self._path)}?mode={mode}"

    def close(self) -> None:
        self._stop_watching()
        self._connection.close()
        if self._leaves_wal:
            self._leaves_wal = False
            self._close_as_writer()

    def _close_as_writer(self) -> None:
        """Let SQLite delete what its last connection leaves: it does so safely, where that one may write."""
        # Where this fails, somebody else is at work and has these files; or the note has said it.
        with suppress(sqlite3.Error), closing(
            sqlite3.connect(self._address("rw"), uri=True, timeout=0, isolation_level=None)
        ) as last:
            last.execute("PRAGMA query_only = ON")
            last.execute("SELECT count(*) FROM sqlite_master").fetchone()

    # The catalog.

    def _look_up(self, name: str) -> Table:
        relation = name[len("main.") :] if name.startswith("main.") else name
        with self._doing(f"looking up table {name}"):
            found = self._connection.execute(
                "SELECT name FROM main.sqlite_master "
                "WHERE type IN ('table', 'view') AND lower(name) = lower(?)",
                [relation],
            ).fetchone()
            if found is None:
                raise SiteError(
                    f"there is no table {name!r} in {self._path!r}. "
                    "Django calls a table APP_MODEL in lower case."
                )
            described = self._connection.execute(
                'SELECT name, type, "notnull", pk, hidden, dflt_value '
                "FROM pragma_table_xinfo(?) ORDER BY cid",
                [found[0]],
            ).fetchall()
        columns = {
            column: ColumnType(
                declared,
                not (notnull or pk),
                _affinity(declared) in ("TEXT", "BLOB"),
                hidden > 1,
                default="NULL" if default is None else default,
            )
            for column, declared, notnull, pk, hidden, default in described
        }
        key = tuple(row[0] for row in sorted(described, key=lambda row: row[3]) if row[3])
        return Table("main", found[0], columns, key or ("rowid",), bool(key))

    def delete_triggers(self, table: Table) -> list[str]:
        with self._doing(f"reading the triggers of {table.name}"):
            triggers = self._connection.execute(TRIGGERS, [table.relation]).fetchall()
        return [name for name, sql in triggers if fires_on_delete(sql)]

    def foreign_keys(self) -> list[ForeignKey]:
        with self._doing("reading the foreign keys"):
            rows = self._connection.execute(
                'SELECT m.name, f.id, f."table", f."from", f."to", f.on_delete '
                "FROM main.sqlite_master AS m JOIN pragma_foreign_key_list(m.name) AS f "
                "WHERE m.type = 'table' ORDER BY m.name, f.id, f.seq"
            ).fetchall()
        links: dict[tuple[str, int], list[Any]] = {}
        for row in rows:
            links.setdefault((row[0], row[1]), []).append(row)
        return [self._link(parts) for parts in links.values()]

    def _link(self, parts: list[Any]) -> ForeignKey:
        child, _id, target, _from, _to, on_delete = parts[0]
        theirs = tuple(part[4] for part in parts)
        # The target comes as it was written: in any case, and maybe without a column, or not there.
        with suppress(SiteError):
            table = self.table(target)
            names = {name.lower(): name for name in table.columns}
            target = table.relation
            # A reference that names no column means the primary key.
            theirs = table.key if None in theirs else tuple(names.get(name.lower(), name) for name in theirs)
        columns = tuple(part[3] for part in parts)
        return ForeignKey("main", child, columns, "main", target, theirs, on_delete)

    def _not_comparable(self, table: Table, name: str, value: Any) -> str:
        declared = table.columns[name].declared
        if "BOOL" in declared.upper():
            return "" if value in (0, 1) else "it is neither true nor false."
        is_whole = isinstance(value, int) or (isinstance(value, str) and re.fullmatch(r"-?\d+", value))
        return "it is no whole number." if _affinity(declared) == "INTEGER" and not is_whole else ""

    def estimate_references(self, columns: Sequence[Column]) -> int:
        with self._doing("counting references"):
            counts = [
                next(self._stream(f"SELECT count(*) FROM {self._filled_rows_of(column)}", []))
                for column in columns
            ]
        return int(sum(count for ((count,),) in counts))

    # What the database is, and who uses it.

    def identity(self) -> str:
        return f"sqlite:{host_id()}:{percent_encode(os.path.realpath(self._path))}"

    def own_files(self) -> frozenset[tuple[int, int]]:
        found = set()
        real = os.path.realpath(self._path)
        for suffix in ("", "-wal", "-shm", "-journal"):
            try:
                status = os.stat(real + suffix)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise DatabaseError(
                    f"checking which files belong to the SQLite database failed at {real + suffix!r}: "
                    f"{error.strerror}. Nothing is removed while they are not known; check the disk."
                ) from None
            found.add((status.st_dev, status.st_ino))
        return frozenset(found)

    def is_replica(self) -> bool:
        return False

    def lock(self) -> None:
        """Nothing to do: the private lock of the site serves, as a SQLite file has one host."""

    def open_transactions(self) -> dict[str, str]:
        """The one writer, if there is one. Who may not write here cannot ask, and does not know of any."""
        address = self._address("rw")
        with self._doing("asking for open transactions"):
            try:
                with closing(sqlite3.connect(address, uri=True, timeout=0, isolation_level=None)) as asking:
                    asking.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if "locked" in str(error):
                    return {"writer": "another process writes to the SQLite database"}
                if "readonly" not in str(error) and "unable to open" not in str(error):
                    raise
        return {}

    # Transactions.

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._begun():
            yield
            with self._doing("committing"):
                self._connection.execute("COMMIT")

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        with self._doing("preparing a transaction that is rolled back"):
            # So that neither a changed page nor a journal reaches the disk.
            self._connection.execute("PRAGMA cache_spill = OFF")
            if self._connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                self._connection.execute("PRAGMA journal_mode = MEMORY")
        with self._begun():
            yield

    @contextmanager
    def _begun(self) -> Iterator[None]:
        """A transaction, which is rolled back unless it is committed inside."""
        with self._doing("starting the transaction"):
            self._connection.execute("BEGIN IMMEDIATE")
        self._in_transaction = True
        try:
            yield
        finally:
            self._in_transaction = False
            # Where the file cannot be written to any more, SQLite rolls back by itself.
            with suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def defer_foreign_keys(self) -> None:
        self._execute("deferring the check of foreign keys", "PRAGMA defer_foreign_keys = ON", [])

    # Statements.

    def _stream(self, statement: str, parameters: Sequence[Any]) -> Iterator[list[Any]]:
        cursor = self._connection.execute(statement, parameters)
        try:
            rows = cursor.fetchmany(BATCH)
            while rows:
                yield rows
                rows = cursor.fetchmany(BATCH)
        finally:
            cursor.close()

    def _stream_copy(self, statement: str, parameters: Sequence[Any]) -> Iterator[list[Any]]:
        self._copy(statement, parameters)
        return self._stream("SELECT * FROM temp.copy ORDER BY rowid", [])

    def _copy(self, statement: str, parameters: Sequence[Any]) -> None:
        # A reader of a SQLite file holds up every commit until it has read all: so a copy is read. The
        # statement has its values as parameters, and its names quoted by the dialect.
        self._connection.execute("DROP TABLE IF EXISTS temp.copy")
        self._connection.execute(f"CREATE TEMP TABLE copy AS {statement}", parameters)

    def _stream_paths(self, statement: str) -> Iterator[list[bytes]]:
        self._copy(statement, [])
        last = self._connection.execute("SELECT coalesce(max(rowid), 0) FROM temp.copy").fetchone()[0]
        for start in range(0, last, BATCH):
            # Many rows as one value: Python's own loop over rows costs more than the query.
            joined, count = self._connection.execute(
                "SELECT CAST(group_concat(path, char(10)) AS BLOB), count(*) "
                "FROM temp.copy WHERE rowid > ? AND rowid <= ?",
                [start, start + BATCH],
            ).fetchone()
            paths = joined.split(b"\n")
            yield paths if len(paths) == count else self._one_by_one(start)

    def _one_by_one(self, start: int) -> list[bytes]:
        """A batch of paths one of which holds a line feed."""
        rows = self._connection.execute(
            "SELECT path FROM temp.copy WHERE rowid > ? AND rowid <= ? ORDER BY rowid",
            [start, start + BATCH],
        )
        return [path for (path,) in rows]

    def _execute(self, doing: str, statement: str, parameters: Sequence[Any]) -> int:
        with self._doing(doing):
            return self._connection.execute(statement, parameters).rowcount

    def _keys(self, types: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
        # Text of ours alone goes into these statements: names k0, k1, … and one of five affinities.
        names = [f"k{position}" for position in range(len(types))]
        with self._doing("passing keys"), self._together():
            self._connection.execute("DROP TABLE IF EXISTS temp.keys")
            # The affinity of the column that is met, or no index would serve the comparison.
            fields = ", ".join(f"{name} {_affinity(kind)}" for name, kind in zip(names, types))
            self._connection.execute(f"CREATE TEMP TABLE keys ({fields})")
            insert = f"INSERT INTO temp.keys VALUES ({', '.join('?' for _name in names)})"
            self._connection.executemany(insert, (row for row in rows if all(map(is_plain, row))))
            for row in rows:
                if not all(map(is_plain, row)):
                    self._connection.execute(
                        f"INSERT INTO temp.keys VALUES ({', '.join(map(text_placeholder, row))})",
                        list(map(self.dialect.archived_parameter, row)),
                    )
            self._connection.execute(f"CREATE INDEX temp.keys_by_value ON keys ({', '.join(names)})")
        return "temp.keys AS wanted", []

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Make several statements one transaction: else each row that is written is one of its own.

        They are about temporary tables alone, so that nobody waits for the lock of the file.
        """
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN")
        # The connection commits, or rolls back after an error.
        with self._connection:
            yield

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            advice = _advice(error)
            if "readonly" in str(error) and os.path.exists(f"{self._path}-journal"):
                advice = (
                    f"A writer was killed and has left {self._path}-journal, which only a run that "
                    "may write can roll back: let the site, or a run outside of check mode, open it once."
                )
            raise DatabaseError(f"{what} failed in {self._path!r}: {error}. {advice}") from None


def _affinity(declared: str) -> str:
    """SQLite's own rules of affinity (sqlite.org/datatype3.html, 3.1)."""
    kind = declared.upper()
    if "INT" in kind:
        return "INTEGER"
    if any(word in kind for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if not kind or "BLOB" in kind:
        return "BLOB"
    return "REAL" if any(word in kind for word in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


def _advice(error: sqlite3.Error) -> str:
    text = str(error)
    if "locked" in text:
        return f"Another process kept it locked for {BUSY_TIMEOUT} s; try again later."
    if "not a database" in text:
        return "Set database_url to Django's database file."
    if "readonly" in text or "unable to open" in text:
        return "This user needs write permission on the file and its directory."
    if "disk is full" in text:
        return (
            "Free some space beside the database, and where temporary files lie; the environment variable "
            "TMPDIR may name a directory for these that has room."
        )
    if "FOREIGN KEY" in text:
        return "Rows of another table still reference these; say what becomes of them in dependents."
    return "Nothing of this step was kept."


def _stem(path: bytes | None) -> bytes | None:
    return path if path is None else stem(path)


def _name(path: bytes | None) -> bytes | None:
    return path if path is None else path.rpartition(b"/")[2]


def _seconds(value: Any, zone: str) -> float | None:
    """Seconds since 1970 of Django's text form of a time; None, never old, for anything else.

    What can be read as two moments is read as the later one: the hour that comes twice when summer
    ends, and a date, which may mean the last moment of that day.
    """
    if not isinstance(value, str):
        return None
    text = value.strip().replace("Z", "+00:00")
    try:
        moment = datetime.fromisoformat(text)
        if len(text) <= len("2026-11-21"):
            moment += timedelta(days=1)
        if moment.tzinfo is not None:
            return moment.timestamp()
        local = moment.replace(tzinfo=zone_of(zone))
        return max(local.replace(fold=fold).timestamp() for fold in (0, 1))
    except (ValueError, OverflowError):
        return None
