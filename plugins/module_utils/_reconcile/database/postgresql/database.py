# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""PostgreSQL, through the connection of a driver."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import Any, Iterator, Sequence
from urllib.parse import quote as percent_encode

from ...config.site import Column
from ...errors import BusyError, CommitUnknown, DatabaseError
from ...spool import blocks, temporary_file, working_on_disk
from ...system.host import host_id
from ..base import PREPARED, Connection, DriverError
from ..catalog import BATCH, Table
from .dialect import PostgreSQLDialect, type_name, unescaped
from .settled import SettledConnection
from .sweep import PostgreSQLSweep

# A site must not stall because of a cleanup: wait this long for a lock, work this long at most.
LOCK_TIMEOUT = "10s"
STATEMENT_TIMEOUT = "15min"

# Anybody may have made operators, functions and types in the schemas of the site that are chosen before
# the system's own, and that run with the rights of whoever uses them.
_SAFE_SEARCH_PATH = "pg_catalog, pg_temp"

_SETTINGS = {
    "search_path": _SAFE_SEARCH_PATH,
    # Values as text that gives exactly the same value again.
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "array_nulls": "on",
    # An index that returns some of the rows only.
    "gin_fuzzy_search_limit": "0",
    # An index that is damaged may lack rows, whose files would look like orphans: all rows are the table's.
    "enable_indexonlyscan": "off",
    # A row that a policy hides would count as no row: let it be an error.
    "row_security": "off",
}

# The two numbers of the advisory lock; any will do that no other program uses.
_LOCK = [0x646A6D63, 1]

_ADVICE = {
    "42501": "Grant the privilege to this database user, or name another user in database_url.",
    "55P03": f"Another session held a lock for {LOCK_TIMEOUT}; try again when the site is quieter.",
    "57014": f"It took longer than {STATEMENT_TIMEOUT}, or somebody cancelled it.",
    "23503": "Rows of another table still reference these; say what becomes of them in dependents.",
    "25006": "The server accepts no changes (a replica?); point database_url at the primary.",
    "57P05": "A large tree takes its time: ALTER ROLE … SET idle_session_timeout = 0 for this database user.",
}
_SUBSCRIBED = (
    "SELECT EXISTS (SELECT 1 FROM unnest(%s::name[], %s::name[]) AS w(nspname, relname) "
    "JOIN pg_namespace AS n ON n.nspname = w.nspname "
    "JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = w.relname "
    "JOIN pg_subscription_rel AS s ON s.srrelid = c.oid)"
)
# Stands between texts that are passed as one; few names hold it.
_SEPARATOR = "\x1f"
_LOCAL_HOSTS = ("", "localhost", "127.0.0.1", "::1")


class PostgreSQL(PostgreSQLSweep):
    """A database of PostgreSQL 12 or later."""

    def __init__(self, connection: Connection, read_only: bool) -> None:
        super().__init__()
        self._connection = SettledConnection(connection, {})
        with self._doing("preparing the session"):
            # A replica accepts no other mode; what may not be planned there is refused later, in words.
            self._connection.set_mode(read_only or self.is_replica())
            self._schemas, self._search_path = self._first(
                "SELECT pg_catalog.current_schemas(true)::text[], pg_catalog.current_setting('search_path')",
                [],
            )
            limits = {
                "lock_timeout": LOCK_TIMEOUT,
                "statement_timeout": STATEMENT_TIMEOUT,
                "idle_in_transaction_session_timeout": STATEMENT_TIMEOUT,
            }
            self._connection = SettledConnection(connection, {**_SETTINGS, **limits})
            encoding, time_zone = self._first(
                "SELECT current_setting('server_encoding'), current_setting('TimeZone')", []
            )
        self.dialect = PostgreSQLDialect(encoding == "UTF8", time_zone)

    def close(self) -> None:
        # The server releases a lock only some time after it sees the connection closed.
        with suppress(DriverError):
            self._connection.rollback()
            self._connection.release()
            self._connection.execute("SELECT pg_advisory_unlock_all()", [])
            self._connection.commit()
        with suppress(DriverError):
            self._connection.close()

    def _not_comparable(self, table: Table, name: str, value: Any) -> str:
        column = table.columns[name]
        given = self.dialect.given_placeholder(column)
        equals = self.dialect.equals(self.dialect.field("t", name), "g.given", column.equality)
        with self._doing(f"comparing {table.name}.{name}"):
            try:
                self._all(
                    f"SELECT g.given, {equals} FROM (SELECT {given} AS given) AS g "
                    f"LEFT JOIN {self.dialect.relation(table)} AS t ON false",
                    [self.dialect.given_parameter(value)],
                )
            except DriverError as error:
                # A value that is none of the type, or a type that has no equality.
                if error.code[:2] not in ("22", "42") or error.code == "42501":
                    raise
                self._connection.rollback()
                return str(error)
        return ""

    def estimate_references(self, columns: Sequence[Column]) -> int:
        # The planner's estimate costs nothing; counting would read whole tables.
        with self._doing("estimating the number of references"):
            plans = [
                self._one(f"EXPLAIN (FORMAT JSON) SELECT 1 FROM {self._filled_rows_of(column)}")[0]
                for column in columns
            ]
        return int(sum(plan["Plan"]["Plan Rows"] for plan in plans))

    def restore_all_cleared(
        self, table: Table, rows: Sequence[dict[str, Any]], to_default: bool = False
    ) -> int:
        # One statement for each row would take the server longer to hear of than to carry out.
        key, names = table.key, [name for name in rows[0] if name not in table.key]
        types = [table.columns[name].declared for name in (*key, *names)]
        source, parameters = self._keys(types, [self._values(row, (*key, *names)) for row in rows])
        values = ", ".join(
            f"{self.dialect.quote(name)} = wanted.k{number}" for number, name in enumerate(names, len(key))
        )
        still_cleared = [self._is_cleared(table, name, to_default) for name in names]
        condition = " AND ".join([self.dialect.key_join(table), *still_cleared])
        statement = f"UPDATE {self.dialect.relation(table)} AS t SET {values} FROM {source} WHERE {condition}"
        return self._change(f"setting back rows of {table.name}", table, statement, parameters)

    # What the database is, and who uses it.

    def identity(self) -> str:
        with self._doing("reading the identity of the database"):
            # A managed server may keep this from its users.
            is_permitted = self._one(
                "SELECT coalesce(has_function_privilege(to_regprocedure('pg_control_system()'), 'EXECUTE'), "
                "false)"
            )
            system = self._one("SELECT system_identifier FROM pg_control_system()") if is_permitted else ""
            name = self._one("SELECT current_database()")
        place = f"{self._place(is_exact=not system)}:{self._connection.port}"
        return f"postgresql:{system}@{place}/{percent_encode(name, safe='')}"

    def _place(self, is_exact: bool) -> str:
        """The host of the server; where it is this one, its id, and the socket's folder if asked."""
        host = self._connection.host
        is_socket = host.startswith(("/", "@"))
        if not is_socket and host not in _LOCAL_HOSTS:
            return percent_encode(host, safe="")
        return f"{host_id()}({percent_encode(host, safe='/')})" if is_socket and is_exact else host_id()

    def is_replica(self) -> bool:
        with self._doing("asking whether this is a replica"):
            return bool(self._one("SELECT pg_is_in_recovery()")) or self._is_subscribed()

    def _is_subscribed(self) -> bool:
        """Whether another server fills one of the tables that were looked up, by logical replication."""
        if not self._tables:
            return False
        known = {name for table in self._tables.values() for name in (table.identity, *self.relatives(table))}
        schemas, names = zip(*known)
        return bool(self._first(_SUBSCRIBED, [list(schemas), list(names)])[0])

    def superuser(self) -> str:
        with self._doing("asking what this user may do"):
            return str(
                self._one(
                    "SELECT coalesce(max(current_user::text), '') FROM pg_roles "
                    "WHERE rolsuper AND pg_has_role(current_user, oid, 'MEMBER')"
                )
            )

    def lock(self) -> None:
        with self._doing("taking the lock of the site"):
            if self._is_locked_by_us():
                return
            holder = self._first(
                "SELECT a.application_name, a.pid, a.backend_start::timestamp(0)::text "
                "FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid "
                "WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = %s AND l.granted "
                "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                _LOCK,
            )
        who = f" ({holder[0]}, server process {holder[1]}, since {holder[2]})" if holder else ""
        raise BusyError(f"another run cleans a site of this database{who}. Try again later.")

    def _is_locked_by_us(self) -> bool:
        """Take the lock, unless another run has it, maybe in the same server process of a pool."""
        connection = self._connection
        is_taken = connection.fetch("SELECT pg_try_advisory_lock(%s, %s)", _LOCK)[0][0]
        if is_taken and not connection.hold():
            connection.execute("SELECT pg_advisory_unlock(%s, %s)", _LOCK)
            is_taken = False
        connection.commit()
        return bool(is_taken)

    def lost_by_crash(self) -> str:
        with self._doing("asking whether commits are durable"):
            is_off = self._one("SELECT current_setting('fsync') = 'off'")
        return "fsync is off on the database server" if is_off else ""

    def open_transactions(self) -> dict[str, str]:
        with self._doing("asking for open transactions"):
            # Locks are shown to everybody, unlike the times in pg_stat_activity. What is prepared comes
            # last: a transaction is prepared before its session lets go of it.
            sessions = self._all(
                "SELECT l.virtualtransaction, a.application_name, a.pid FROM pg_locks AS l "
                "JOIN pg_stat_activity AS a ON a.pid = l.pid "
                "WHERE l.locktype = 'virtualxid' AND l.mode = 'ExclusiveLock' AND l.granted "
                "AND a.datname = current_database() AND a.usesysid IS NOT NULL "
                "AND a.pid <> pg_backend_pid() ORDER BY a.backend_start",
                [],
            )
            prepared = self._all(
                "SELECT transaction::text, gid FROM pg_prepared_xacts WHERE database = current_database()", []
            )
        found = {name: f"{who or 'no name'}, server process {pid}" for name, who, pid in sessions}
        found.update((f"{PREPARED}{name}", f"prepared as {gid!r}") for name, gid in prepared)
        return found

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

    def _check_foreign_keys(self) -> None:
        # Django's foreign keys are deferred; this names the one that is broken.
        self._execute_for_site("committing", "SET CONSTRAINTS ALL IMMEDIATE", [])

    @contextmanager
    def _begun(self) -> Iterator[None]:
        """A transaction, which is rolled back unless it is committed inside."""
        with self._doing("starting the transaction"):
            self._connection.rollback()
        self._in_transaction = True
        try:
            yield
        finally:
            self._in_transaction = False
            # Where the connection is lost, the server rolls back by itself.
            with suppress(DriverError):
                self._connection.rollback()

    def _commit(self) -> None:
        try:
            self._connection.commit()
        except DriverError as error:
            if not error.is_lost:
                raise
            raise CommitUnknown(f"committing failed: {error} Whether it was done is not known.") from None

    def defer_foreign_keys(self) -> None:
        self._execute("deferring the check of foreign keys", "SET CONSTRAINTS ALL DEFERRED", [])

    # Statements.

    def _stream(self, statement: str, parameters: Sequence[Any]) -> Iterator[list[Any]]:
        try:
            yield from self._connection.stream(statement, parameters, BATCH)
        finally:
            self._end_reading()

    def _stream_paths(self, statement: str) -> Iterator[list[bytes]]:
        # COPY is the fastest way out of PostgreSQL, and its transaction ends with the last row.
        with working_on_disk, temporary_file() as copy:
            self._connection.copy_to(copy, statement)
            self._end_reading()
            copy.seek(0)
            for lines in blocks(copy, b"\n"):
                as_they_are = self.dialect.is_utf8 and not _has_escapes(lines)
                yield lines if as_they_are else list(map(self._copied, lines))

    def _copied(self, line: bytes) -> bytes:
        """A value of one column, from the text format of COPY (PostgreSQL's manual, SQL COPY)."""
        value = unescaped(line)
        return value if self.dialect.is_utf8 else bytes.fromhex(value[len(rb"\x") :].decode())

    def _execute(self, doing: str, statement: str, parameters: Sequence[Any]) -> int:
        with self._doing(doing):
            return self._connection.execute(statement, parameters)

    def _change(self, doing: str, table: Table, statement: str, parameters: Sequence[Any]) -> int:
        return self._execute_for_site(doing, statement, parameters)

    def _execute_for_site(self, doing: str, statement: str, parameters: Sequence[Any]) -> int:
        # The site's triggers name its tables without a schema. The system's objects come first all the same.
        path = f"pg_catalog, {self._search_path}" if self._search_path else "pg_catalog"
        with self._doing(doing):
            self._set_search_path(path)
            changed = self._connection.execute(statement, parameters)
            self._set_search_path(_SAFE_SEARCH_PATH)
        return changed

    def _set_search_path(self, path: str) -> None:
        """Choose another search path until the transaction ends, or rolls back to before."""
        self._connection.execute("SELECT pg_catalog.set_config('search_path', %s, true)", [path])

    def _keys(self, types: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
        arrays: list[str] = []
        parameters: list[Any] = []
        for kind, values in zip(types, zip(*rows) if rows else [()] * len(types)):
            joined = _joined(values)
            if joined is None:
                arrays.append("%s::bytea[]" if kind == "bytea" else "%s::text[]")
                parameters.append(list(values))
            else:
                arrays.append("pg_catalog.string_to_array(%s, %s)")
                parameters += [joined, _SEPARATOR]
        fields = ", ".join(f"w.w{n}::{type_name(kind)} AS k{n}" for n, kind in enumerate(types))
        names = ", ".join(f"w{n}" for n in range(len(types)))
        unnested = ", ".join(f"pg_catalog.unnest({array})" for array in arrays)
        return f"(SELECT {fields} FROM ROWS FROM ({unnested}) AS w({names})) AS wanted", parameters

    def _all(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        rows = self._connection.fetch(statement, parameters)
        self._end_reading()
        return rows

    def _first(self, statement: str, parameters: Sequence[Any]) -> Any:
        rows = self._all(statement, parameters)
        return rows[0] if rows else None

    def _one(self, statement: str) -> Any:
        return self._first(statement, [])[0]

    def _end_reading(self) -> None:
        """End the transaction that reading began: an open one would keep vacuum back."""
        connection = self._connection
        if not self._in_transaction and not connection.is_streaming and not connection.is_closed:
            connection.rollback()

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        try:
            yield
        except DriverError as error:
            advice = _ADVICE.get(error.code, "Nothing of this step was kept.")
            raise DatabaseError(f"{what} failed: {error} {advice}") from None


def _joined(values: Sequence[Any]) -> str | None:
    """Many texts as one, which the driver passes on much faster; None where they are not fit for that."""
    if not values or not all(isinstance(value, str) and value for value in values):
        return None
    joined = _SEPARATOR.join(values)
    return joined if joined.count(_SEPARATOR) == len(values) - 1 else None


def _has_escapes(lines: list[bytes]) -> bool:
    return b"\\" in b"\n".join(lines)
