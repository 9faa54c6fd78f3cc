# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""PostgreSQL through psycopg2."""

from __future__ import annotations

from typing import Any

from ..base import Lines
from .libpq import LibpqConnection

try:
    import psycopg2
    import psycopg2.extensions

    WHY_NOT = ""
except ImportError as missing:
    WHY_NOT = str(missing)


class Psycopg2Connection(LibpqConnection):
    """A connection of psycopg2 2.8 or later."""

    @classmethod
    def driver(cls) -> Any:
        if WHY_NOT:
            raise ImportError(WHY_NOT)
        return psycopg2

    def _connect(self, url: str, settings: dict[str, Any]) -> Any:
        return psycopg2.connect(url, **settings)

    def _parse(self, url: str) -> None:
        psycopg2.extensions.parse_dsn(url)

    def set_mode(self, read_only: bool) -> None:
        with self._translated():
            self._connection.set_session(isolation_level="READ COMMITTED", readonly=read_only)

    def copy_to(self, file: Lines, query: str) -> None:
        with self._translated(), self._connection.cursor() as cursor:
            written = cursor.mogrify(query, []).decode()
            cursor.copy_expert(f"COPY ({written}) TO STDOUT", file)
