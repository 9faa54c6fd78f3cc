# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A connection to PostgreSQL whose settings hold in each transaction, through a pooler too.

A pooler in transaction mode gives each transaction to another process of the server. What was set for the
session then is another session's, and so is a lock that the session holds.
"""

from __future__ import annotations

import secrets
from typing import Any, Iterator, Mapping, Sequence

from ..base import Connection, DriverError, Lines

# A setting of our own, by which a session knows itself again.
_MARK = "media_cleanup.run"
# What a server or a role may have chosen, when that has to change, and to what. Else it is left as it is:
# some of these may be changed by a superuser only, and not every server has all.
_OVERRIDDEN = (
    # A commit is on disk when it is reported.
    ("synchronous_commit", "= 'off'", "on"),
    # Foreign keys are checked, and the site's triggers work.
    ("session_replication_role", "= 'replica'", "origin"),
    # Rows of a page that cannot be read are an error.
    ("zero_damaged_pages", "= 'on'", "off"),
    # A statement has its limit, and a transaction has several of them.
    ("transaction_timeout", "<> '0'", "0"),
)


def _overridden(name: str, condition: str, value: str) -> str:
    operator, bad = condition.split()
    is_bad = f"pg_catalog.current_setting('{name}', true) OPERATOR(pg_catalog.{operator}) {bad}"
    return f"CASE WHEN {is_bad} THEN pg_catalog.set_config('{name}', '{value}', true) END"


class SettledConnection(Connection):
    """Chooses the settings anew at the beginning of each transaction, and until its end only."""

    def __init__(self, connection: Connection, settings: Mapping[str, str]) -> None:
        self._inner = connection
        self.host, self.port = connection.host, connection.port
        chosen = ["pg_catalog.set_config(%s, %s, true)" for _setting in settings]
        mark = f"pg_catalog.current_setting('{_MARK}', true)"
        overridden = (_overridden(*setting) for setting in _OVERRIDDEN)
        self._beginning = f"SELECT {', '.join(['pg_catalog.pg_backend_pid()', mark, *chosen, *overridden])}"
        self._parameters = [part for setting in settings.items() for part in setting]
        self._held: tuple[int, str] | None = None

    def hold(self) -> bool:
        """From now on, raise DriverError where a transaction reaches another process of the server.

        False if this process is held by another run already. The caller commits.
        """
        if self.fetch(f"SELECT pg_catalog.current_setting('{_MARK}', true)", [])[0][0]:
            return False
        mark = secrets.token_hex(8)
        taken = "SELECT pg_catalog.pg_backend_pid(), pg_catalog.set_config(%s, %s, false)"
        self._held = (self._inner.fetch(taken, [_MARK, mark])[0][0], mark)
        return True

    def release(self) -> None:
        """End that. The caller commits."""
        if self._held:
            self.execute("SELECT pg_catalog.set_config(%s, '', false)", [_MARK])
            self._held = None

    def _begin(self) -> None:
        if self._inner.is_in_transaction:
            return
        process, mark = self._inner.fetch(self._beginning, self._parameters)[0][:2]
        if self._held and self._held != (process, mark):
            self._inner.rollback()
            raise DriverError(
                "the connection has reached another process of the server than the one that holds the lock "
                "of this run, as through a pooler in transaction mode. Point database_url at the server "
                "itself, or at a pool in session mode."
            )

    @property
    def is_closed(self) -> bool:
        return self._inner.is_closed

    @property
    def is_streaming(self) -> bool:
        return self._inner.is_streaming

    @property
    def is_in_transaction(self) -> bool:
        return self._inner.is_in_transaction

    def set_mode(self, read_only: bool) -> None:
        self._inner.set_mode(read_only)

    def execute(self, statement: str, parameters: Sequence[Any]) -> int:
        self._begin()
        return self._inner.execute(statement, parameters)

    def fetch(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        self._begin()
        return self._inner.fetch(statement, parameters)

    def stream(self, statement: str, parameters: Sequence[Any], size: int) -> Iterator[list[Any]]:
        self._begin()
        yield from self._inner.stream(statement, parameters, size)

    def copy_to(self, file: Lines, query: str) -> None:
        self._begin()
        self._inner.copy_to(file, query)

    def commit(self) -> None:
        self._inner.commit()

    def rollback(self) -> None:
        self._inner.rollback()

    def close(self) -> None:
        self._inner.close()
