# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What both drivers for PostgreSQL have in common: libpq, and the interface that Python has for databases.

Parameters are put into statements on this side, so that a statement means the same through either driver.
"""

from __future__ import annotations

import os
import re
import socket
from abc import abstractmethod
from contextlib import contextmanager
from typing import Any, Iterator, Sequence
from urllib.parse import parse_qsl, unquote, urlsplit

from ...errors import DatabaseError, SiteError
from ..base import Connection, DriverError

# The piece of the statement, with a mark below it, that the server adds to some errors.
_EXCERPT = re.compile(r"^\S+ \d+: .*\n\s*\^\s*$", re.MULTILINE)
# What a server adds to an error of a connection, up to its hint.
_MORE = re.compile(r"^(?:DETAIL|CONTEXT|QUERY):.*?(?=^HINT:|\Z)", re.MULTILINE | re.DOTALL)
# Errors of a connection that ends: on the way, or because the server or its process shuts down.
_LOST = ("08", "57P")

# The server's own code for a text that it cannot hold, where a driver has not even sent it.
_NO_SUCH_TEXT = "22021"
# The states of a transaction, as libpq numbers them: none is open, one is open and without an error.
_IDLE, _IN_TRANSACTION = 0, 2


class LibpqConnection(Connection):
    """A connection of a driver, opened by a URL whose secrets no error shows."""

    _connection: Any

    def __init__(self, url: str) -> None:
        self._api = self.driver()
        try:
            self._secrets = _secrets(url)
            self._connection = self._connect(
                f"postgresql://{url.partition('://')[2]}",
                {
                    "fallback_application_name": f"media-cleanup@{socket.gethostname()}:{os.getpid()}"[:63],
                    "client_encoding": "UTF8",
                },
            )
        except (self._api.ProgrammingError, ValueError):
            unknown = self._unknown_parameters(url)
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
        except self._api.Error as error:
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

    @classmethod
    @abstractmethod
    def driver(cls) -> Any:
        """The driver's module; raises ImportError where this interpreter cannot use it."""

    @abstractmethod
    def _connect(self, url: str, settings: dict[str, Any]) -> Any:
        """Open a connection of the driver."""

    @abstractmethod
    def _parse(self, url: str) -> None:
        """Let libpq parse a URL; raises ProgrammingError where it does not understand it."""

    @property
    def is_closed(self) -> bool:
        return bool(self._connection.closed)

    @property
    def is_in_transaction(self) -> bool:
        return self._status != _IDLE

    @property
    def _status(self) -> int:
        return int(self._connection.info.transaction_status)

    @property
    def is_streaming(self) -> bool:
        return self._streams > 0

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
        # The drivers' own named cursors differ in how they pass parameters, and these in SQL do not.
        self._streams += 1
        name = f"media_cleanup_{self._streams}"
        try:
            self.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {statement}", parameters)
            rows = self.fetch(f"FETCH FORWARD {size} FROM {name}", [])
            while rows:
                yield rows
                rows = self.fetch(f"FETCH FORWARD {size} FROM {name}", [])
        finally:
            self._streams -= 1
            if self._status == _IN_TRANSACTION:
                self.execute(f"CLOSE {name}", [])

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
        except ValueError as error:
            # As psycopg2 says that no text of PostgreSQL can be this one.
            raise DriverError(self._sentence(error), _NO_SUCH_TEXT) from None
        except self._api.Error as error:
            code = error.diag.sqlstate or (_NO_SUCH_TEXT if isinstance(error, self._api.DataError) else "")
            # A server that answers says that it rolled back; one that is lost may have committed.
            is_lost = isinstance(error, self._api.DatabaseError) and (not code or code.startswith(_LOST))
            raise DriverError(self._sentence(error), code, is_lost) from None

    def _sentence(self, error: Exception) -> str:
        """The server's words on one line: no statement, no content of rows, no secret of the URL."""
        text = " ".join(_server_words(error).split()) or type(error).__name__
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text if text.endswith((".", "?", "!")) else f"{text}."

    def _unknown_parameters(self, url: str) -> list[str]:
        """The names of parameters that libpq does not take; none where they may be a part of a password."""
        query = url.partition("?")[2]
        if "@" in query or _is_ambiguous(url):
            return []
        names = [part.partition("=")[0] for part in query.split("&") if "=" in part]
        return [name for name in names if re.fullmatch(r"\w+", name, re.ASCII) and not self._takes(name)]

    def _takes(self, parameter: str) -> bool:
        try:
            self._parse(f"postgresql:///?{parameter}=1")
        except self._api.ProgrammingError:
            return False
        return True


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


def _is_ambiguous(url: str) -> bool:
    """Whether libpq may have read a part of the password as something else, and would show it."""
    address = url.partition("://")[2].partition("?")[0]
    authority, _slash, path = address.partition("/")
    user, at, host = authority.rpartition("@")
    if "@" in user or "@" in path:
        return True
    port = host.rpartition("]")[2].rpartition(":")[2] if ":" in host else ""
    return not at and bool(port) and not all(part.isdigit() for part in port.split(","))
