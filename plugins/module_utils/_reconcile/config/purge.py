# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A purge as data: which batches of a site it may delete, and which columns protect the files in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Iterable, Mapping

from ..errors import SiteError
from .jobs import columns_of, site
from .options import QUARANTINE
from .site import Column, Site
from .values import checked

_NO_DATABASE = "no_database"


@dataclass(frozen=True)
class Purge:
    """Deletes batches for good: those of some ``names``, or all, where they are old enough.

    ``columns`` are all columns of the site that reference files. Only ``without_database`` is nobody
    asked whether a row references a file.
    """

    site: Site
    names: tuple[str, ...] | None
    older_than_days: int | None
    columns: tuple[Column, ...]
    derived: tuple[str, ...]
    without_database: bool
    # Only these of the one batch, written as in results.
    paths: tuple[str, ...]

    def only(self, names: Iterable[str]) -> Purge:
        """The same for no other batches than these."""
        return replace(self, names=tuple(names))


def purge_of(options: Mapping[str, Any]) -> Purge:
    """Build a purge from the options of media_quarantine. Raises SiteError."""
    values = checked({**options, "state": "purged"}, QUARANTINE)
    named = [values["batch"]] if values["batch"] is not None else options.get("batches")
    if named is None and values["older_than_days"] is None:
        raise SiteError("a purge needs a batch, or older_than_days.")
    if values["paths"] and values["batch"] is None:
        raise SiteError("single paths can only be purged of one batch: set batch too.")
    without_database = values["batch"] is not None and _NO_DATABASE in values["accept"]
    if without_database and values["older_than_days"] is not None:
        raise SiteError(
            "a purge without the database (accept: [no_database]) deletes its batch whatever its age, since "
            "what earlier purges announced is not known. Leave out older_than_days, or no_database."
        )
    columns = columns_of(values["references"])
    if not without_database:
        _require_database(values["database_url"], columns)
    return Purge(
        # A site has a database; here it may be gone for good.
        site=site({**options, "database_url": values["database_url"] or _NO_DATABASE}),
        # No batches named are all of them; an empty list of names is none.
        names=None if named is None else tuple(named),
        older_than_days=values["older_than_days"],
        columns=columns,
        derived=tuple(values["derived"]),
        without_database=without_database,
        paths=tuple(values["paths"]),
    )


def _require_database(url: str | None, columns: tuple[Column, ...]) -> None:
    if not url or not columns:
        lacking = "references" if url else "database_url"
        raise SiteError(
            f"{lacking} is missing: a purge asks the one database of a site whether a row references a file "
            "that it would delete. Set database_url, and in references all columns that hold paths. Without "
            "the database, one batch can be deleted by its name, with accept: [no_database]."
        )
