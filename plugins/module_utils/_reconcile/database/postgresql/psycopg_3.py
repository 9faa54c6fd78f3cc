# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""PostgreSQL through psycopg 3, whose module has the name psycopg."""

from __future__ import annotations

import select
from typing import Any, Callable

from ..base import Lines
from .libpq import LibpqConnection

try:
    import psycopg
    import psycopg.conninfo
    import psycopg.errors

    WHY_NOT = "" if hasattr(psycopg, "ClientCursor") else f"psycopg {psycopg.__version__} is too old"
except ImportError as missing:
    WHY_NOT = str(missing)


class Psycopg3Connection(LibpqConnection):
    """A connection of psycopg 3.1 or later."""

    @classmethod
    def driver(cls) -> Any:
        if WHY_NOT:
            raise ImportError(WHY_NOT)
        return psycopg

    def _connect(self, url: str, settings: dict[str, Any]) -> Any:
        return psycopg.connect(
            url,
            # Puts parameters into the statement, as psycopg2 does.
            cursor_factory=psycopg.ClientCursor,
            # Behind a pooler, a prepared statement may be another session's.
            prepare_threshold=None,
            **settings,
        )

    def _parse(self, url: str) -> None:
        psycopg.conninfo.conninfo_to_dict(url)

    def set_mode(self, read_only: bool) -> None:
        with self._translated():
            self._connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            self._connection.read_only = read_only

    def copy_to(self, file: Lines, query: str) -> None:
        with self._translated(), self._connection.cursor() as cursor:
            # Without parameters, COPY would leave percent signs written twice.
            written = cursor.mogrify(query, [])
            with cursor.copy(f"COPY ({written}) TO STDOUT"):
                _copy_rows(self._connection.pgconn, file.write)


def _copy_rows(connection: Any, write: Callable[[bytes], object]) -> None:
    """Write the rows of a COPY, as they arrive at a connection of libpq.

    The driver's own reader begins anew for each row, which takes four times as long.
    """
    arrival = select.poll()
    arrival.register(connection.socket, select.POLLIN)
    size, row = connection.get_copy_data(1)
    while size >= 0:
        if size:
            # A view of the driver's memory takes whoever reads it longer than the copy does.
            write(bytes(row))
        else:
            arrival.poll()
            connection.consume_input()
        size, row = connection.get_copy_data(1)
    result = connection.get_result()
    # Nothing follows it; asking for that is how libpq is told that the statement is done.
    connection.get_result()
    if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(result)
