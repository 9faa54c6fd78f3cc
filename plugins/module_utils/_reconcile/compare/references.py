# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Who names a file at this moment: a row, a row in another spelling, or a row that names its source."""

from __future__ import annotations

from collections import Counter
from typing import Iterable, Mapping, NamedTuple, Sequence

from ..config.site import Column
from ..database.base import Database
from ..media.derived import DerivedPattern, sources_of
from ..media.paths import canonical, stem
from ..text import escaped


class Stay(NamedTuple):
    """Why a file stays; ``is_derived`` if only because its source does."""

    reason: str
    is_derived: bool = False


class ReferenceCheck:
    """One fresh read of the database about some files.

    ``leaving`` says how many rows that are about to go name a path: those do not count.
    """

    def __init__(
        self,
        database: Database,
        columns: Sequence[Column],
        derived: Sequence[DerivedPattern],
        paths: Iterable[bytes],
        leaving: Mapping[bytes, int] | None = None,
    ) -> None:
        self._leaving = Counter(leaving or {})
        self._leaving_stems: Counter[bytes] = Counter()
        for path, count in self._leaving.items():
            self._leaving_stems[stem(path)] += count
        self._canonical = {path: canonical(path) for path in paths}
        self._sources = {path: sources_of(derived, path) for path in self._canonical} if derived else {}
        wanted = {source for sources in self._sources.values() for source in sources}
        exact = {source.path for source in wanted if not source.is_stem}
        stems = {source.path for source in wanted if source.is_stem}
        everything = {*self._canonical, *self._canonical.values(), *exact}
        self._named = database.count_references(columns, everything)
        self._named_stems = database.count_references(columns, stems, stems=True)

    def reason_to_keep(self, path: bytes) -> Stay | None:
        if self._staying(path):
            return Stay("a row names it")
        plain = self._canonical[path]
        if plain != path and self._staying(plain):
            return Stay(f"the database names it in another spelling: '{escaped(plain)}'")
        for source in self._sources.get(path, ()):
            if self._staying_stem(source.path) if source.is_stem else self._staying(source.path):
                shown = escaped(source.path)
                return Stay(f"it is derived from '{shown}', which a row names", is_derived=True)
        return None

    def _staying(self, path: bytes) -> bool:
        return self._named.get(path, 0) > self._leaving.get(path, 0)

    def _staying_stem(self, path: bytes) -> bool:
        return self._named_stems.get(path, 0) > self._leaving_stems.get(path, 0)
