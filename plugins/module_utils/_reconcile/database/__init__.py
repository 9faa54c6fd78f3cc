# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The databases of Django sites behind one interface, chosen by the scheme of the URL."""

from __future__ import annotations

import re

from ..errors import SiteError
from .base import Database
from .postgresql import PostgreSQL
from .sqlite import SQLite

_BACKENDS: dict[str, type[Database]] = {
    "postgresql": PostgreSQL,
    "postgres": PostgreSQL,
    "postgis": PostgreSQL,
    "sqlite": SQLite,
}


def connect(url: str, read_only: bool) -> Database:
    """Open the database that a ``DATABASE_URL`` names; a context manager.

    Raises SiteError for a URL that cannot be used and DatabaseError where connecting failed,
    neither of which ever shows the password.
    """
    scheme, separator, _rest = url.partition("://")
    backend = _BACKENDS.get(scheme.lower())
    if not separator or backend is None:
        # The scheme alone is shown: what follows may hold a password.
        is_scheme = separator and re.fullmatch("[A-Za-z][A-Za-z0-9+.-]*", scheme)
        shown = f"the scheme {scheme!r}" if is_scheme else "no scheme"
        raise SiteError(
            f"database_url has {shown}, which is not supported. "
            "Use postgresql://USER@HOST/DATABASE or sqlite:////PATH/TO/db.sqlite3."
        )
    return backend(url, read_only)
