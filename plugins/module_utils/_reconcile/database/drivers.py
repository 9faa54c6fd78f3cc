# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Opens the database that a URL names, by the driver that this interpreter has.

This is the one place that chooses among databases and their drivers. Each is imported only where it
is used: a module of Ansible compiles all that it imports at each start, and psycopg 3 alone takes
longer than all of the engine.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Callable, Sequence

from ..config.jobs import sqlite_path
from ..errors import DatabaseError, SiteError
from .base import Database

if TYPE_CHECKING:
    from .postgresql.libpq import LibpqConnection


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
            "Use postgresql://USER@HOST/DATABASE, mysql://USER@HOST/DATABASE or sqlite:////PATH/TO/db.sqlite3."
        )
    return opener(url, read_only)


def psycopg2_connection() -> type[LibpqConnection]:
    from .postgresql.psycopg_2 import Psycopg2Connection

    return Psycopg2Connection


def psycopg3_connection() -> type[LibpqConnection]:
    from .postgresql.psycopg_3 import Psycopg3Connection

    return Psycopg3Connection


# In this order: both do the same, and psycopg2 starts faster and takes less memory.
POSTGRESQL_DRIVERS: Sequence[Callable[[], type[LibpqConnection]]] = (
    psycopg2_connection,
    psycopg3_connection,
)


def _open_postgresql(url: str, read_only: bool) -> Database:
    from .postgresql.database import PostgreSQL

    connection = _postgresql_driver()(url)
    try:
        return PostgreSQL(connection, read_only)
    except DatabaseError:
        connection.close()
        raise


def _postgresql_driver() -> type[LibpqConnection]:
    """The first driver that this interpreter has."""
    reasons = []
    for find in POSTGRESQL_DRIVERS:
        found = find()
        try:
            found.driver()
        except ImportError as error:
            reasons.append(" ".join(str(error).split()))
        else:
            return found
    raise SiteError(
        f"neither psycopg2 nor psycopg 3 can be imported by {sys.executable} on this host "
        f"({'; '.join(reasons)}); PostgreSQL needs one of them. "
        "Install the package python3-psycopg2 or python3-psycopg of the distribution, or psycopg2-binary "
        "or psycopg[binary] by pip, or set python of the site to an interpreter that has one."
    )


def _open_mysql(url: str, read_only: bool) -> Database:
    from .mysql.database import MySQL

    return MySQL(url, read_only)


def _open_sqlite(url: str, read_only: bool) -> Database:
    from .sqlite.database import SQLite

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
    "mysql": _open_mysql,
    "mariadb": _open_mysql,
    "sqlite": _open_sqlite,
}
