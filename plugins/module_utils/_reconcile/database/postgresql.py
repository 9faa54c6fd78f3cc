# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""PostgreSQL through psycopg2."""

from __future__ import annotations

import os
import re
import socket
import sys
from contextlib import contextmanager, suppress
from typing import Any, Iterator, Sequence
from urllib.parse import parse_qsl, unquote, urlsplit

from ..config.site import Column
from ..errors import BusyError, CommitUnknown, DatabaseError, SiteError
from ..spool import blocks, temporary_file
from .base import Database
from .catalog import BATCH, ColumnType, ForeignKey, Selection, Table

try:
    import psycopg2

    HAS_PSYCOPG2 = True
except ImportError:
    HAS_PSYCOPG2 = False

# A site must not stall because of a cleanup: wait this long for a lock, work this long at most.
LOCK_TIMEOUT = "10s"
STATEMENT_TIMEOUT = "15min"

_EXACT = {
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    # A row that a policy hides would look like no row: rather an error.
    "row_security": "off",
}

# The two numbers of the advisory lock; any will do that no other program uses.
_LOCK = [0x646A6D63, 1]

_ADVICE = {
    "42501": "Grant the privilege to this database user, or name another user in database_url.",
    "55P03": f"Another session held a lock for {LOCK_TIMEOUT}; try again when the site is quieter.",
    "57014": f"It took longer than {STATEMENT_TIMEOUT}, or somebody cancelled it.",
    "23503": "Rows of another table still point at these; say what becomes of them in dependents.",
    "25006": "The server accepts no changes (a replica?); point database_url at the primary.",
}
# What COPY writes as a backslash and a letter; a backslash stands for itself.
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
# The piece of the statement, with a mark below it, that the server adds to some errors.
_EXCERPT = re.compile(r"^\S+ \d+: .*\n\s*\^\s*$", re.MULTILINE)
# Stands between texts that are passed as one; few names hold it.
_SEPARATOR = "\x1f"
# Errors of a connection that ends: on the way, or because the server or its process shuts down.
_GONE = ("08", "57P")
_ON_DELETE = {
    "a": "NO ACTION",
    "r": "RESTRICT",
    "c": "CASCADE",
    "n": "SET NULL",
    "d": "SET DEFAULT",
}


class PostgreSQL(Database):
    placeholder = "%s"

    def __init__(self, url: str, read_only: bool) -> None:
        if not HAS_PSYCOPG2:
            raise SiteError(
                f"the Python library psycopg2 is missing for {sys.executable} on this host. "
                "Install the package python3-psycopg2 of the distribution, or psycopg2-binary by pip, "
                "or set ansible_python_interpreter to an interpreter that has it."
            )
        self._tables: dict[str, Table] = {}
        try:
            self._secrets = _secrets(url)
            self._connection = psycopg2.connect(
                f"postgresql://{url.partition('://')[2]}",
                fallback_application_name=f"media-cleanup@{socket.gethostname()}:{os.getpid()}"[:63],
                client_encoding="UTF8",
            )
        except (psycopg2.ProgrammingError, ValueError):
            # libpq quotes the URL in this error, and the URL may hold a password.
            raise SiteError(
                "database_url is not a URL that PostgreSQL's client library understands. "
                "Percent-encode special characters of the user and the password."
            ) from None
        except psycopg2.Error as error:
            if _is_ambiguous(url):
                raise SiteError(
                    "database_url cannot be told apart into user, password and host. Percent-encode special "
                    "characters in it (%40 for @, %2F for /, %3A for :), and write USER:PASSWORD@HOST."
                ) from None
            raise DatabaseError(
                f"connecting to the database failed: {self._told(error)} "
                "Check database_url, that the server runs, and that it lets this user in."
            ) from None
        self._in_transaction = False
        self._streams = 0
        # A replica takes no other session; what may not be planned there is told later, in words.
        self._connection.set_session(
            isolation_level="READ COMMITTED", readonly=read_only or self.is_replica()
        )
        self._write_values_exactly()
        with self._doing("preparing the session"):
            self._utf8 = self._one("SELECT current_setting('server_encoding')") == "UTF8"
            self._time_zone = str(self._one("SELECT current_setting('TimeZone')"))

    def _write_values_exactly(self) -> None:
        """Choose the text forms of values that can be read back without loss, whatever is set."""
        with self._doing("preparing the session"), self._connection.cursor() as cursor:
            limits = {"lock_timeout": LOCK_TIMEOUT, "statement_timeout": STATEMENT_TIMEOUT}
            for setting, value in {**_EXACT, **limits}.items():
                cursor.execute("SELECT set_config(%s, %s, false)", [setting, value])
            self._connection.commit()

    def close(self) -> None:
        # The server lets a lock go only some time after it sees the connection closed.
        with suppress(psycopg2.Error), self._connection.cursor() as cursor:
            self._connection.rollback()
            cursor.execute("SELECT pg_advisory_unlock_all()")
            self._connection.commit()
        self._connection.close()

    def quote(self, identifier: str) -> str:
        return super().quote(identifier).replace("%", "%%")

    def table(self, name: str) -> Table:
        if name not in self._tables:
            self._tables[name] = self._look_up(name)
        return self._tables[name]

    def _look_up(self, name: str) -> Table:
        schema, _dot, relation = name.rpartition(".")
        # A name with a dot is a table of a schema, and if there is none, a table with a dot.
        written = [f"{super().quote(schema)}.{super().quote(relation)}"] if schema else []
        with self._doing(f"looking up table {name}"):
            row = self._first(
                "SELECT c.oid, n.nspname, c.relname FROM unnest(%s::text[]) WITH ORDINALITY AS w(name, rank) "
                "JOIN pg_class AS c ON c.oid = to_regclass(w.name) "
                "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
                "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY w.rank LIMIT 1",
                [[*written, super().quote(name)]],
            )
            if row is None:
                raise SiteError(self._no_table(name, schema))
            oid, schema, relation = row
            columns = {
                column: ColumnType(kind, nullable, category == "S", generated)
                for column, kind, nullable, category, generated in self._all(
                    "SELECT a.attname, format_type(a.atttypid, -1), NOT a.attnotnull, t.typcategory, "
                    "       coalesce(to_jsonb(a)->>'attgenerated', '') <> '' "
                    "FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid "
                    "WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
                    [oid],
                )
            }
            key = tuple(
                column
                for (column,) in self._all(
                    "SELECT a.attname FROM pg_index AS i "
                    "CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS part(attnum, position) "
                    "JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = part.attnum "
                    "WHERE i.indrelid = %s AND i.indisprimary ORDER BY part.position",
                    [oid],
                )
            )
        return Table(schema, relation, columns, key or ("tableoid", "ctid"), bool(key))

    def _no_table(self, name: str, schema: str) -> str:
        if schema and self._first("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema]) is None:
            return f"the database has no schema {schema!r} (asked for table {name!r})."
        where = f"schema {schema!r}" if schema else "the schemas " + str(self._one("SHOW search_path"))
        return (
            f"there is no table {name!r} in {where}. "
            "Django calls a table APP_MODEL in lower case; write SCHEMA.TABLE for another schema."
        )

    def foreign_keys(self) -> list[ForeignKey]:
        with self._doing("reading the foreign keys"):
            rows = self._all(
                "SELECT n.nspname, c.relname, own.names, tn.nspname, tc.relname, other.names, "
                "       k.confdeltype "
                "FROM pg_constraint AS k "
                "JOIN pg_class AS c ON c.oid = k.conrelid "
                "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
                "JOIN pg_class AS tc ON tc.oid = k.confrelid "
                "JOIN pg_namespace AS tn ON tn.oid = tc.relnamespace "
                "CROSS JOIN LATERAL (SELECT array_agg(a.attname::text ORDER BY p.position) AS names "
                "  FROM unnest(k.conkey) WITH ORDINALITY AS p(attnum, position) "
                "  JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = p.attnum) AS own "
                "CROSS JOIN LATERAL (SELECT array_agg(a.attname::text ORDER BY p.position) AS names "
                "  FROM unnest(k.confkey) WITH ORDINALITY AS p(attnum, position) "
                "  JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = p.attnum) AS other "
                "WHERE k.contype = 'f' AND k.conparentid = 0 ORDER BY 1, 2, k.conname",
                [],
            )
        return [
            ForeignKey(schema, table, tuple(names), to_schema, to_table, tuple(to_names), _ON_DELETE[on])
            for schema, table, names, to_schema, to_table, to_names, on in rows
        ]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._doing("starting the transaction"):
            self._connection.rollback()
        self._in_transaction = True
        try:
            yield
            with self._doing("committing"), self._connection.cursor() as cursor:
                # Django's foreign keys are deferred; this names the one that is broken.
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                self._commit()
        finally:
            self._in_transaction = False
            # Where the connection is lost, the server rolls back by itself.
            with suppress(psycopg2.Error):
                self._connection.rollback()

    def _commit(self) -> None:
        try:
            self._connection.commit()
        except psycopg2.DatabaseError as error:
            # A server that answers says that it rolled back; one that goes away may have committed.
            if error.pgcode and not error.pgcode.startswith(_GONE):
                raise
            raise CommitUnknown(
                f"committing failed: {self._told(error)} Whether it was done is not known."
            ) from None

    def _stream(self, statement: str, parameters: Sequence[Any]) -> Iterator[list[Any]]:
        self._streams += 1
        try:
            with self._connection.cursor(name=f"media_cleanup_{self._streams}") as cursor:
                cursor.execute(statement, parameters)
                rows = cursor.fetchmany(BATCH)
                while rows:
                    yield rows
                    rows = cursor.fetchmany(BATCH)
        finally:
            self._streams -= 1
            self._end_reading()

    def _paths_apart(self, statement: str) -> Iterator[list[bytes]]:
        # COPY is the fastest way out of PostgreSQL, and its transaction ends with the last row.
        with temporary_file() as copy:
            with self._connection.cursor() as cursor:
                query = cursor.mogrify(statement, []).decode()
                cursor.copy_expert(f"COPY ({query}) TO STDOUT", copy)
            self._end_reading()
            copy.seek(0)
            for lines in blocks(copy, b"\n"):
                yield lines if self._utf8 and not _has_escapes(lines) else list(map(self._copied, lines))

    def _copied(self, line: bytes) -> bytes:
        """A value of one column, from the text format of COPY (PostgreSQL's manual, SQL COPY)."""
        value = _ESCAPE.sub(lambda found: _ESCAPES.get(found.group(1), found.group(1)), line)
        return value if self._utf8 else bytes.fromhex(value[len(rb"\x") :].decode())

    def _end_reading(self) -> None:
        """End the transaction that reading began: an open one would keep vacuum back."""
        if not self._in_transaction and not self._streams and not self._connection.closed:
            self._connection.rollback()

    def _execute(self, doing: str, statement: str, parameters: Sequence[Any]) -> int:
        with self._doing(doing), self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return int(cursor.rowcount)

    def _keys(self, types: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
        arrays: list[str] = []
        parameters: list[Any] = []
        for kind, values in zip(types, zip(*rows) if rows else [()] * len(types)):
            joined = _joined(values)
            if joined is None:
                arrays.append("%s::bytea[]" if kind == "bytea" else "%s::text[]")
                parameters.append(list(values))
            else:
                arrays.append("string_to_array(%s, %s)")
                parameters += [joined, _SEPARATOR]
        fields = ", ".join(f"w.w{n}::{kind} AS k{n}" for n, kind in enumerate(types))
        names = ", ".join(f"w{n}" for n in range(len(types)))
        return f"(SELECT {fields} FROM unnest({', '.join(arrays)}) AS w({names})) AS keys", parameters

    def _path(self, expression: str) -> str:
        if self._utf8:
            return f'{expression}::text COLLATE "C"'
        return f"convert_to({expression}::text, 'UTF8')"

    def _stem(self, expression: str) -> str:
        return self._path(f"regexp_replace({expression}::text, '([^/.][^/]*)\\.[^./]*$', '\\1')")

    def _name(self, expression: str) -> str:
        return self._path(f"regexp_replace({expression}::text, '^.*/', '')")

    def _path_type(self) -> str:
        return "text" if self._utf8 else "bytea"

    def _key_value(self, expression: str) -> str:
        return f"{expression}::text"

    def _mark(self, table: Table, name: str, value: Any) -> str:
        return f"%s::{table.columns[name].declared}"

    def _is_alike(self, expression: str) -> str:
        return f"{self._key_value(expression)} IS NOT DISTINCT FROM %s"

    def _explicit_keys(self) -> str:
        return "OVERRIDING SYSTEM VALUE"

    def check_now(self, immediate: bool) -> None:
        how = "IMMEDIATE" if immediate else "DEFERRED"
        self._execute("setting when constraints are checked", f"SET CONSTRAINTS ALL {how}", [])

    def lock(self) -> None:
        with self._doing("taking the lock of the site"):
            if self._first("SELECT pg_try_advisory_lock(%s, %s)", _LOCK)[0]:
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

    def estimate_references(self, columns: Sequence[Column]) -> int:
        # The planner's guess costs nothing; counting would read whole tables.
        with self._doing("asking how many paths there may be"):
            guesses = [
                self._one(f"EXPLAIN (FORMAT JSON) SELECT 1 FROM {self._holding(column)}")[0]
                for column in columns
            ]
        return int(sum(guess["Plan"]["Plan Rows"] for guess in guesses))

    def is_replica(self) -> bool:
        with self._doing("asking whether this is a replica"):
            return bool(self._one("SELECT pg_is_in_recovery()"))

    def _address_type(self, name: str) -> str:
        # A ctid is one row's only within a partition, or a table that others inherit from.
        return {"tableoid": "oid", "ctid": "tid"}[name]

    def _lock_clause(self) -> str:
        return " FOR UPDATE OF t"

    def _lock_children(self, alias: str) -> str:
        return f" FOR UPDATE OF {alias}" if self._in_transaction else ""

    def _is_before(self, selection: Selection, expression: str) -> tuple[str, list[Any]]:
        name = selection.uploaded_at_column or ""
        declared = selection.table.columns[name].declared
        if declared == "timestamp with time zone":
            return f"{expression} < to_timestamp(%s)", [selection.cutoff]
        zone = selection.time_zone or self._time_zone
        if declared == "timestamp without time zone":
            return f"{expression} AT TIME ZONE %s < to_timestamp(%s)", [zone, selection.cutoff]
        if declared == "date":
            # A date may mean the last moment of that day.
            return (
                f"({expression} + 1)::timestamp AT TIME ZONE %s < to_timestamp(%s)",
                [zone, selection.cutoff],
            )
        raise SiteError(
            f"column {selection.table.name}.{name} has the type {declared}, which is no point in time. "
            "Name the column in uploaded_at_column that says when the file was uploaded."
        )

    def _to_bytes(self, value: Any) -> bytes:
        return value.encode() if isinstance(value, str) else bytes(value)

    def _from_bytes(self, path: bytes) -> Any:
        if not self._utf8:
            return psycopg2.Binary(path)
        try:
            return None if b"\0" in path else path.decode()
        except UnicodeDecodeError:
            return None

    def _first(self, statement: str, parameters: Sequence[Any]) -> Any:
        rows = self._all(statement, parameters)
        return rows[0] if rows else None

    def _one(self, statement: str) -> Any:
        return self._first(statement, [])[0]

    def _all(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            rows: list[Any] = cursor.fetchall()
        self._end_reading()
        return rows

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        try:
            yield
        except psycopg2.Error as error:
            advice = _ADVICE.get(error.pgcode or "", "Nothing of this step was kept.")
            raise DatabaseError(f"{what} failed: {self._told(error)} {advice}") from None

    def _told(self, error: Exception) -> str:
        """The server's words as sentences on one line, without the statement and any secret of the URL."""
        text = " ".join(_EXCERPT.sub("", str(error)).split()) or type(error).__name__
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text if text.endswith((".", "?", "!")) else f"{text}."


def _joined(values: Sequence[Any]) -> str | None:
    """Many texts as one, which the driver passes on much faster; None where they are not fit for that."""
    if not values or not all(isinstance(value, str) and value for value in values):
        return None
    joined = _SEPARATOR.join(values)
    return joined if joined.count(_SEPARATOR) == len(values) - 1 else None


def _has_escapes(lines: list[bytes]) -> bool:
    return b"\\" in b"\n".join(lines)


def _secrets(url: str) -> list[str]:
    """What a message must not show of a URL: passwords, in each way they may be written."""
    userinfo = urlsplit(url).netloc.rpartition("@")[0]
    found = {url, userinfo.partition(":")[2]}
    query = url.partition("?")[2]
    found.update(value for key, value in parse_qsl(query) if "password" in key)
    found.update(unquote(value) for value in tuple(found))
    return sorted(found - {""}, key=len, reverse=True)


def _is_ambiguous(url: str) -> bool:
    """Whether libpq may have taken a part of the password for something else, and would show it."""
    address = url.partition("://")[2].partition("?")[0]
    authority, _slash, path = address.partition("/")
    user, at, host = authority.rpartition("@")
    if "@" in user or "@" in path:
        return True
    port = host.rpartition("]")[2].rpartition(":")[2] if ":" in host else ""
    return not at and bool(port) and not all(part.isdigit() for part in port.split(","))
