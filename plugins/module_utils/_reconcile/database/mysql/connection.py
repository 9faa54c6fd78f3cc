# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A connection to MySQL or MariaDB, through the driver that this interpreter has."""

from __future__ import annotations

import configparser
import importlib
import re
import sys
from contextlib import contextmanager, suppress
from typing import Any, Callable, Iterator, Mapping, Sequence
from urllib.parse import parse_qsl, unquote, urlsplit

from ...errors import DatabaseError, SiteError
from ..base import DriverError

# In this order: the one that is written in C is several times faster.
DRIVERS = ("MySQLdb", "pymysql")
# Of the protocol: an UPDATE counts the rows that it found, and not only those that it changed.
_FOUND_ROWS = 2
ACCESS_DENIED = ("1044", "1142", "1143", "1227")
# The server is gone, or ends this connection.
_LOST = (0, 1053, 1927, 2006, 2013, 2055, 4031)
# What rows hold, in the words of the server.
_CONTENT = re.compile(r"(entry|value:?) '.*?'(?= (?:for|at)\b)", re.DOTALL)
_SECONDS_TO_CONNECT = 30

_Convert = Callable[[str], Any]
_PARAMETERS: Mapping[str, _Convert] = {
    "unix_socket": str,
    "read_default_file": str,
    "read_default_group": str,
    "connect_timeout": int,
    "password": str,
    # A server sends its texts as they are asked for: Django's choice makes no difference.
    "charset": str,
    "ssl_mode": str.upper,
    "ssl_ca": str,
    "ssl_cert": str,
    "ssl_key": str,
}
_SSL_MODES = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")


_AMBIGUOUS = (
    "database_url cannot be split into user, password, host and port. Percent-encode special "
    "characters in it (%40 for @, %2F for /, %3A for :, %3F for ?, %23 for #), and write USER:PASSWORD@HOST."
)


class Address:
    """What a ``database_url`` says of how to connect; raises SiteError where it cannot be used."""

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise SiteError(_AMBIGUOUS) from None
        userinfo, at, _host = parts.netloc.rpartition("@")
        user, _colon, password = userinfo.partition(":")
        # A part of the password may have been taken for something else, and would be shown.
        if "@" in userinfo or "@" in parts.path or "@" in parts.query or parts.fragment:
            raise SiteError(_AMBIGUOUS)
        self.options: dict[str, Any] = {
            "user": unquote(user) if at else "",
            "password": unquote(password),
            "database": unquote(parts.path[1:]),
            "port": port,
        }
        host = unquote(parts.hostname or "")
        self.options["unix_socket" if host.startswith("/") else "host"] = host
        self._add_parameters(parts.query)
        self.ssl_mode = self.options.pop("ssl_mode", "")
        self.ssl = {
            name[len("ssl_") :]: self.options.pop(name)
            for name in ("ssl_ca", "ssl_cert", "ssl_key")
            if name in self.options
        }
        self.options = {name: value for name, value in self.options.items() if value not in ("", None)}
        self.secrets = _written_forms(url, password, str(self.options.get("password", "")))

    def _add_parameters(self, query: str) -> None:
        given = {name.replace("-", "_"): value for name, value in parse_qsl(query)}
        unknown = sorted(name for name in given if name not in _PARAMETERS and re.fullmatch(r"\w+", name))
        if unknown:
            raise SiteError(
                f"database_url has parameters that are not known: {', '.join(unknown)}. "
                f"Known are {', '.join(sorted(_PARAMETERS))}."
            )
        for name, value in given.items():
            if name != "charset":
                try:
                    self.options[name] = _PARAMETERS[name](value)
                except ValueError:
                    raise SiteError(f"database_url: {name} must be a whole number.") from None
        if self.options.get("ssl_mode", "PREFERRED") not in _SSL_MODES:
            raise SiteError(f"database_url: ssl_mode must be one of {', '.join(_SSL_MODES)}.")
        self._require_readable(self.options.get("read_default_file", ""))

    def _require_readable(self, file: str) -> None:
        # The drivers go on without, as another user.
        try:
            if file:
                with open(file, "rb"):
                    pass
        except OSError as error:
            raise SiteError(
                f"database_url: read_default_file names {file!r}, which cannot be read: {error.strerror}. "
                "Let it exist, and be readable for the user who does the work on this site."
            ) from None


def _written_forms(*secrets: str) -> list[str]:
    """Secrets in each way in which they may be written, the longest first."""
    found = {form for secret in secrets for form in (secret, unquote(secret))}
    return sorted(found - {""}, key=len, reverse=True)


def driver() -> Any:
    """The first driver that this interpreter has; raises SiteError where it has none."""
    reasons = []
    for name in DRIVERS:
        try:
            module = importlib.import_module(name)
            importlib.import_module(f"{name}.cursors")
        except ImportError as error:  # noqa: PERF203
            reasons.append(" ".join(str(error).split()))
        else:
            return module
    raise SiteError(
        f"neither mysqlclient nor PyMySQL can be imported by {sys.executable} on this host "
        f"({'; '.join(reasons)}); MySQL and MariaDB need one of them. "
        "Install the package python3-mysqldb or python3-pymysql of the distribution, or mysqlclient or "
        "PyMySQL by pip, or set python of the site to an interpreter that has one."
    )


class MySQLConnection:
    """An open connection; every method but the first raises DriverError only.

    Each statement is committed by itself unless a transaction was begun. Placeholders are ``%s``, and a
    percent sign is written twice. A DriverError's code is the server's own number.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._driver = driver()
        address = Address(url)
        self._secrets = address.secrets
        options = {
            "connect_timeout": _SECONDS_TO_CONNECT,
            **address.options,
            **self._ssl_options(address),
            "charset": "utf8mb4",
            "use_unicode": True,
            "autocommit": True,
            "client_flag": _FOUND_ROWS,
        }
        try:
            self._connection = self._driver.connect(**options)
        except configparser.Error:
            # It would quote the line, which may be that of the password.
            raise SiteError(
                "database_url: the file that read_default_file names cannot be understood. Correct it: lines "
                "like user = NAME below [client]."
            ) from None
        except (self._driver.Error, OSError, ValueError, RuntimeError) as error:
            raise DatabaseError(
                f"connecting to the database failed: {self._sentence(error)} "
                "Check database_url, that the server runs, and that it lets this user in."
            ) from None
        self.host = str(address.options.get("unix_socket") or address.options.get("host") or "")
        self.port = str(address.options.get("port") or 3306)
        if address.ssl_mode not in ("", "DISABLED", "PREFERRED"):
            self._require_encryption()

    def _ssl_options(self, address: Address) -> dict[str, Any]:
        mode, files = address.ssl_mode, address.ssl
        if self._driver.__name__ == "MySQLdb":
            return {**({"ssl_mode": mode} if mode else {}), **({"ssl": files} if files else {})}
        # Over a socket, nobody is between the two, and to get ready for TLS takes longer than to connect.
        is_left_to_us = not (mode or files or "read_default_file" in address.options)
        if mode == "DISABLED" or (is_left_to_us and "unix_socket" in address.options):
            return {"ssl_disabled": True}
        if mode in ("", "PREFERRED") and not files:
            return {}
        is_verified = mode.startswith("VERIFY") or (not mode and "ca" in files)
        verify = {"verify_mode": "required" if is_verified else "none"}
        return {"ssl": {**files, **verify, "check_hostname": mode == "VERIFY_IDENTITY"}}

    def _require_encryption(self) -> None:
        # A driver may go on without, where the server has none.
        try:
            cipher = self.fetch("SHOW SESSION STATUS LIKE 'Ssl_cipher'", [])
        except DriverError as error:
            raise DatabaseError(f"asking whether the connection is encrypted failed: {error}") from None
        if not cipher or not cipher[0][1]:
            self.close()
            raise DatabaseError(
                "the connection to the database is not encrypted, which ssl_mode of database_url asks for. "
                "Enable TLS on the server."
            )

    def another(self) -> MySQLConnection:
        """One more connection to the same database; raises DatabaseError where there can be none."""
        return MySQLConnection(self._url)

    def execute(self, statement: str, parameters: Sequence[Any]) -> int:
        """Run a statement, and return how many rows it found to change."""
        with self._cursor("Cursor") as cursor:
            cursor.execute(statement, tuple(parameters))
            return int(cursor.rowcount)

    def fetch(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        """Run a query, and return all its rows."""
        with self._cursor("Cursor") as cursor:
            cursor.execute(statement, tuple(parameters))
            return list(cursor.fetchall())

    def stream(self, statement: str, parameters: Sequence[Any], size: int) -> Iterator[list[Any]]:
        """Yield the rows as the server sends them, in lists of at most ``size``, none of them empty.

        Nothing else may be asked on this connection before the last was yielded: that would end the
        rows without an error. Nor may the reader be slow.
        """
        with self._cursor("SSCursor") as cursor:
            cursor.execute(statement, tuple(parameters))
            rows = cursor.fetchmany(size)
            while rows:
                yield list(rows)
                rows = cursor.fetchmany(size)

    def close(self) -> None:
        with suppress(self._driver.Error, OSError):
            self._connection.close()

    @contextmanager
    def _cursor(self, kind: str) -> Iterator[Any]:
        try:
            cursor = self._connection.cursor(getattr(self._driver.cursors, kind))
            try:
                yield cursor
            finally:
                # Reads what was not read; on a connection that is lost, there is nothing.
                with suppress(self._driver.Error, OSError):
                    cursor.close()
        except (self._driver.Error, OSError) as error:
            number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
            is_lost = number in _LOST or isinstance(error, OSError)
            raise DriverError(self._sentence(error), str(number), is_lost) from None

    def _sentence(self, error: Exception) -> str:
        """The server's words on one line: no content of rows, no secret of the URL."""
        words = str(error.args[-1]) if error.args else type(error).__name__
        text = " ".join(_CONTENT.sub(r"\1", words).split()) or type(error).__name__
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text if text.endswith((".", "?", "!")) else f"{text}."
