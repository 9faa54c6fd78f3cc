# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the option ``keep`` lists: files and rows that no job removes, whatever it finds about them."""

from __future__ import annotations

import fnmatch
import os
import re
from typing import Any, Iterable, Iterator, Sequence

from ..config.site import Keep, Reviewed
from ..database.base import Database
from ..database.catalog import Table
from ..kept import Code, Doubt
from ..media.paths import Spellings, canonical
from ..text import escaped, escaped_value

_GLOB = re.compile(rb"[*?\[]")


class KeepList:
    """Knows by a path, or by the key of a row, whether it is listed.

    A path is also listed in another spelling, and below a folder that is, by a path or by a glob. Raises
    SiteError for a table that the database does not have: a row of it would not be kept.
    """

    def __init__(
        self, keep: Keep, database: Database, spellings: Spellings, reviewed: Reviewed | None = None
    ) -> None:
        self._spellings = spellings
        self._paths = {form: path for path in (*keep.paths, *keep.files) for form in (path, canonical(path))}
        self._globs = [
            (re.compile(fnmatch.translate(os.fsdecode(form)).encode("utf-8", "surrogateescape")), path)
            for path in keep.paths
            for form in (path, canonical(path))
            if _GLOB.search(form)
        ]
        self._defaults = {form for path in keep.defaults for form in (path, canonical(path))}
        self._rows = {(database.table(table).identity, key) for table, key in keep.rows}
        self._unticked = reviewed.keep if reviewed else Keep((), ())
        self._unticked_files = {*self._unticked.paths, *self._unticked.files}
        self._unticked_rows = {(database.table(table).identity, key) for table, key in self._unticked.rows}
        self._by_reviewer = f"a reviewer unticked it in the plan {reviewed.plan_id}" if reviewed else ""

    def doubt_of_file(self, path: bytes) -> Doubt | None:
        """Why a file is kept, by its path or by what a column says of it; None if it is not listed."""
        return self._doubt_of_path(path) or self.doubt_of_default(path)

    def doubt_of_default(self, path: bytes) -> Doubt | None:
        """Why a file is kept that is the default of a field, in whatever spelling; None if it is none."""
        if self._defaults and any(form in self._defaults for form in (path, *self._spellings.meant_by(path))):
            return Doubt(Code.DEFAULT_FILE, f"'{escaped(path)}' is the default of a file field in the models")
        return None

    def _doubt_of_path(self, path: bytes) -> Doubt | None:
        if path in self._unticked_files:
            return Doubt(Code.KEPT_BY_REVIEWER, self._by_reviewer)
        entry = next(filter(None, map(self._entry, self._meanings(path))), None)
        return None if entry is None else Doubt(Code.KEEP, f"keep lists it, by '{escaped(entry) or '.'}'")

    def doubt_of_record(self, table: Table, key: Sequence[Any], paths: Iterable[bytes]) -> Doubt | None:
        """Why a record is kept: it is listed, or a file of its is."""
        if self._unticked_rows and (table.identity, _shown(key)) in self._unticked_rows:
            return Doubt(Code.KEPT_BY_REVIEWER, self._by_reviewer)
        if self.lists_row(table, key):
            return Doubt(Code.KEEP, f"keep lists its row, {table.name} {_shown(key)}")
        for path in paths if self._paths else ():
            doubt = self._doubt_of_path(path)
            if doubt:
                return Doubt(Code.KEEP, f"its file '{escaped(path)}' is kept: {doubt.reason}")
        return None

    def add_row(self, table: Table, key: Sequence[Any]) -> None:
        """List a row that is kept for the sake of its file."""
        self._rows.add((table.identity, _shown(key)))

    @property
    def lists_rows(self) -> bool:
        """Whether any row is listed."""
        return bool(self._rows)

    def lists_row(self, table: Table, key: Sequence[Any]) -> bool:
        return bool(self._rows) and (table.identity, _shown(key)) in self._rows

    def _meanings(self, path: bytes) -> Iterator[bytes]:
        if self._paths:
            yield path
            yield from self._spellings.meant_by(path)

    def _entry(self, path: bytes) -> bytes | None:
        """The entry that a path matches, if any."""
        for form in _with_folders(path):
            if form in self._paths:
                return self._paths[form] or b"."
            name = form.rpartition(b"/")[2]
            for pattern, entry in self._globs:
                if pattern.match(form) or pattern.match(name):
                    return entry
        return None


def _with_folders(path: bytes) -> Iterator[bytes]:
    """A path, and each folder above it up to the media root."""
    yield path
    while path:
        path = path.rpartition(b"/")[0]
        yield path


def _shown(key: Sequence[Any]) -> str:
    return ", ".join(map(escaped_value, key))
