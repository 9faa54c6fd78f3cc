# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Opens the database that a URL names, by the driver that this interpreter has.

This is the one place that knows drivers for PostgreSQL, and what of a URL is secret.
"""

from __future__ import annotations

import os
import re
import socket
import sys
from contextlib import contextmanager
from typing import IO, Any, Callable, Iterator, Sequence
from urllib.parse import parse_qsl, unquote, urlsplit

from ..config.jobs import sqlite_path
from ..errors import DatabaseError, SiteError
from .base import Connection, Database, DriverError
from .postgresql.database import PostgreSQL
from .sqlite.database import SQLite

try:
    import psycopg2
    import psycopg2.extensions

    HAS_PSYCOPG2 = True
except ImportError:
    HAS_PSYCOPG2 = False

# The piece of the statement, with a mark below it, that the server adds to some errors.
_EXCERPT = re.compile(r"^\S+ \d+: .*\n\s*\^\s*$", re.MULTILINE)
# What a server adds to an error of a connection, up to its hint.
_MORE = re.compile(r"^(?:DETAIL|CONTEXT|QUERY):.*?(?=^HINT:|\Z)", re.MULTILINE | re.DOTALL)
# Errors of a connection that ends: on the way, or because the server or its process shuts down.
_LOST = ("08", "57P")


def connect(url: str, read_only: bool) -> Database:
    """Open the database that a ``DATABASE_URL`` names; a context manager.

    Raises SiteError for a URL that cannot be used, or a driver that is missing, and DatabaseError where
    connecting failed. Neither ever shows the password.
    """
    scheme, separator, _rest = url.partition("://")
    opener = _OPENERS.get(scheme.lower())
    if not separator or opener is None:
        # The scheme alone is shown: what follows may hold a password.
        is_scheme = separator and re.fullmatch("[A-Za-z][A-Za-z0-9+.-]*", scheme)
        shown = f"the scheme {scheme!r}" if is_scheme else "no scheme"
        raise SiteError(
            f"database_url has {shown}, which is not supported. "
            "Use postgresql://USER@HOST/DATABASE or sqlite:////PATH/TO/db.sqlite3."
        )
    return opener(url, read_only)


def _open_postgresql(url: str, read_only: bool) -> Database:
    if not HAS_PSYCOPG2:
        raise SiteError(
            f"the Python library psycopg2 is missing for {sys.executable} on this host. "
            "Install the package python3-psycopg2 of the distribution, or psycopg2-binary by pip, "
            "or set python of the site to an interpreter that has it."
        )
    connection = Psycopg2Connection(url)
    try:
        return PostgreSQL(connection, read_only)
    except DatabaseError:
        connection.close()
        raise


def _open_sqlite(url: str, read_only: bool) -> Database:
    path = sqlite_path(url)
    if not path.startswith("/"):
        raise SiteError(
            "database_url must name the SQLite file by its absolute path, with four slashes: "
            "sqlite:////var/www/site/db.sqlite3."
        )
    if not os.path.exists(path):
        raise SiteError(
            f"the SQLite database {path!r} does not exist, or this user may not see it. "
            "It is never created here; correct database_url."
        )
    if not os.path.isfile(path):
        raise SiteError(f"the SQLite database {path!r} is not a file; correct database_url.")
    return SQLite(path, read_only)


_OPENERS: dict[str, Callable[[str, bool], Database]] = {
    "postgresql": _open_postgresql,
    "postgres": _open_postgresql,
    "postgis": _open_postgresql,
    "sqlite": _open_sqlite,
}


class Psycopg2Connection(Connection):
    """A connection of psycopg2, opened by a URL whose secrets no error shows."""

    def __init__(self, url: str) -> None:
        try:
            self._secrets = _secrets(url)
            self._connection = psycopg2.connect(
                f"postgresql://{url.partition('://')[2]}",
                fallback_application_name=f"media-cleanup@{socket.gethostname()}:{os.getpid()}"[:63],
                client_encoding="UTF8",
            )
        except (psycopg2.ProgrammingError, ValueError):
            unknown = _unknown_parameters(url)
            if unknown:
                raise SiteError(
                    "database_url has parameters that PostgreSQL's client library does not know: "
                    f"{', '.join(unknown)}. Remove them; settings of Django's do not belong into it."
                ) from None
            # libpq quotes the URL in this error, and the URL may hold a password.
            raise SiteError(
                "database_url is not a URL that PostgreSQL's client library understands. "
                "Percent-encode special characters of the user and the password."
            ) from None
        except psycopg2.Error as error:
            if _is_ambiguous(url):
                raise SiteError(
                    "database_url cannot be split into user, password and host. Percent-encode special "
                    "characters in it (%40 for @, %2F for /, %3A for :), and write USER:PASSWORD@HOST."
                ) from None
            raise DatabaseError(
                f"connecting to the database failed: {self._sentence(error)} "
                "Check database_url, that the server runs, and that it lets this user in."
            ) from None
        self._streams = 0
        self.host = self._connection.info.host or ""
        self.port = str(self._connection.info.port)

    @property
    def is_closed(self) -> bool:
        return bool(self._connection.closed)

    @property
    def is_in_transaction(self) -> bool:
        idle = psycopg2.extensions.TRANSACTION_STATUS_IDLE
        return bool(self._connection.info.transaction_status != idle)

    @property
    def is_streaming(self) -> bool:
        return self._streams > 0

    def set_mode(self, read_only: bool) -> None:
        with self._translated():
            self._connection.set_session(isolation_level="READ COMMITTED", readonly=read_only)

    def execute(self, statement: str, parameters: Sequence[Any]) -> int:
        with self._translated(), self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return int(cursor.rowcount)

    def fetch(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        with self._translated(), self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            rows: list[Any] = cursor.fetchall()
            return rows

    def stream(self, statement: str, parameters: Sequence[Any], size: int) -> Iterator[list[Any]]:
        self._streams += 1
        name = f"media_cleanup_{self._streams}"
        try:
            with self._translated(), self._connection.cursor(name=name) as cursor:
                cursor.execute(statement, parameters)
                rows = cursor.fetchmany(size)
                while rows:
                    yield rows
                    rows = cursor.fetchmany(size)
        finally:
            self._streams -= 1

    def copy_to(self, file: IO[bytes], query: str) -> None:
        with self._translated(), self._connection.cursor() as cursor:
            written = cursor.mogrify(query, []).decode()
            cursor.copy_expert(f"COPY ({written}) TO STDOUT", file)

    def commit(self) -> None:
        with self._translated():
            self._connection.commit()

    def rollback(self) -> None:
        with self._translated():
            self._connection.rollback()

    def close(self) -> None:
        with self._translated():
            self._connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg2.Error as error:
            code = error.pgcode or ""
            # A server that answers says that it rolled back; one that is lost may have committed.
            is_lost = isinstance(error, psycopg2.DatabaseError) and (not code or code.startswith(_LOST))
            raise DriverError(self._sentence(error), code, is_lost) from None

    def _sentence(self, error: Exception) -> str:
        """The server's words on one line: no statement, no content of rows, no secret of the URL."""
        text = " ".join(_server_words(error).split()) or type(error).__name__
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text if text.endswith((".", "?", "!")) else f"{text}."


def _server_words(error: Exception) -> str:
    """The message of a server and its hint; its DETAIL and its CONTEXT may show what rows hold."""
    said = getattr(error, "diag", None)
    if said is None or not said.message_primary:
        return _MORE.sub("", _EXCERPT.sub("", str(error)))
    hint = f" HINT: {said.message_hint}" if said.message_hint else ""
    return f"{said.message_primary}{hint}"


def _secrets(url: str) -> list[str]:
    """What a message must not show of a URL: passwords, in each way they may be written."""
    userinfo = urlsplit(url).netloc.rpartition("@")[0]
    found = {url, userinfo.partition(":")[2]}
    query = url.partition("?")[2]
    found.update(value for key, value in parse_qsl(query) if "password" in key)
    found.update(unquote(value) for value in tuple(found))
    return sorted(found - {""}, key=len, reverse=True)


def _unknown_parameters(url: str) -> list[str]:
    """The names of parameters that libpq does not take; none where they may be a part of a password."""
    query = url.partition("?")[2]
    if "@" in query or _is_ambiguous(url):
        return []
    names = [part.partition("=")[0] for part in query.split("&") if "=" in part]
    return [name for name in names if re.fullmatch(r"\w+", name, re.ASCII) and not _takes(name)]


def _takes(parameter: str) -> bool:
    try:
        psycopg2.extensions.parse_dsn(f"postgresql:///?{parameter}=1")
    except psycopg2.ProgrammingError:
        return False
    return True


def _is_ambiguous(url: str) -> bool:
    """Whether libpq may have read a part of the password as something else, and would show it."""
    address = url.partition("://")[2].partition("?")[0]
    authority, _slash, path = address.partition("/")
    user, at, host = authority.rpartition("@")
    if "@" in user or "@" in path:
        return True
    port = host.rpartition("]")[2].rpartition(":")[2] if ":" in host else ""
    return not at and bool(port) and not all(part.isdigit() for part in port.split(","))
