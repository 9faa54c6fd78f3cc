# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Who references a file: a row, a row in another spelling, or a row that references its source."""

from __future__ import annotations

from collections import Counter
from typing import Iterable, Iterator, Mapping, Sequence

from ..config.site import Column
from ..database.base import Database
from ..kept import Code, Doubt
from ..media.derived import DerivedPattern, sources_of
from ..media.paths import Spellings, canonical, stem
from ..spool import Spool
from ..text import escaped


class ReferenceCheck:
    """One fresh read of the database about some files.

    ``leaving`` says how many rows that are about to be removed reference a path: those do not count.
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
        self._counts = database.count_references(columns, everything)
        self._stem_counts = database.count_references(columns, stems, stems=True)

    def reason_to_keep(self, path: bytes) -> Doubt | None:
        """Why one of the files must be kept; None where no row references it or its source."""
        if self._is_referenced(path):
            return Doubt(Code.REFERENCED, "a row references it")
        plain = self._canonical[path]
        if plain != path and self._is_referenced(plain):
            return other_spelling(plain)
        for source in self._sources.get(path, ()):
            kept = self._is_stem_referenced if source.is_stem else self._is_referenced
            if kept(source.path):
                shown = escaped(source.path)
                return Doubt(Code.DERIVED, f"it is derived from '{shown}', which a row references")
        return None

    def _is_referenced(self, path: bytes) -> bool:
        return self._counts.get(path, 0) > self._leaving.get(path, 0)

    def _is_stem_referenced(self, path: bytes) -> bool:
        return self._stem_counts.get(path, 0) > self._leaving_stems.get(path, 0)


class UnusualReferences:
    """References that are not written as plain paths, and what each may mean."""

    def __init__(self, spellings: Spellings) -> None:
        self._spellings = spellings
        # What a value may stand for, with the value.
        self._meanings: Spool[tuple[bytes, bytes]] = Spool(tuple, lambda *pair: pair)

    def collect(self, references: list[bytes]) -> Iterator[bytes]:
        """Remember the unusual ones of some references in byte order, and yield each of these."""
        for value in self._spellings.unusual(references):
            self._meanings.extend((plain, value) for plain in self._spellings.meant_by(value))
            yield value

    def doubts(self, paths: Sequence[bytes]) -> dict[bytes, Doubt]:
        """Those of some paths that an unusual reference may mean."""
        if not len(self._meanings):
            return {}
        by_spelling: dict[bytes, list[bytes]] = {}
        for path in paths:
            by_spelling.setdefault(canonical(path), []).append(path)
        return {
            path: other_spelling(value)
            for plain, value in self._meanings
            for path in by_spelling.get(plain, ())
        }


def unusual_references(
    database: Database, columns: Sequence[Column], spellings: Spellings
) -> UnusualReferences:
    """The unusual references of some columns as they are now: reads all that these columns hold."""
    unusual = UnusualReferences(spellings)
    for references in database.references(columns):
        for _value in unusual.collect(references):
            pass
    return unusual


def other_spelling(value: bytes) -> Doubt:
    reason = f"the database references it in another spelling: '{escaped(value)}'"
    return Doubt(Code.OTHER_SPELLING, reason)
