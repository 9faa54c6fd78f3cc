# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Who references a file: a row, one in another spelling or over a linked folder, or one with its source."""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections import Counter
from itertools import groupby
from typing import AbstractSet, Iterable, Iterator, Mapping, NamedTuple, Sequence

from ...config.site import Column
from ...database.base import Database
from ...kept import Code, Doubt
from ...media.derived import DerivedPattern, Source, is_playlist, sources_of
from ...media.paths import LONGEST_PATH, Spellings, canonical, canonical_of, is_too_long, no_path, stem
from ...media.store import MediaStore
from ...spool import Spool
from ...text import escaped
from .extensions import Extensions

# What is less than this and begins with a folder is in the folder: no byte is between the two.
_AFTER_SLASH = b"0"


class _Meaning(NamedTuple):
    """A canonical path that a value of the database may stand for, also by following linked folders."""

    path: bytes
    value: bytes
    is_over_link: bool

    def doubt(self) -> Doubt:
        return other_name(self.value) if self.is_over_link else other_spelling(self.value)


class ReferenceCheck:
    """Whether some files may be removed, by what the listed columns hold now.

    Plain references are counted by a fresh query for each call of ``doubts``. Those that are written
    otherwise or lead over a linked folder, and playlists that may have segments, are remembered from one
    reading of all references: call ``read`` first, or give ``collect`` what was read anyway. Folders that
    could not be read on the way are in ``unreadable`` of the store.
    """

    def __init__(
        self,
        database: Database,
        columns: Sequence[Column],
        derived: Sequence[DerivedPattern],
        spellings: Spellings,
        store: MediaStore,
    ) -> None:
        self._database = database
        self._columns = columns
        self._derived = derived
        self._prefixes = sorted({column.prefix.encode() for column in columns if column.prefix})
        self.spellings = spellings.with_folders(self._prefixes)
        self.store = store
        self._has_segments = any(pattern.is_of_segments for pattern in derived)
        self._meanings: Spool[_Meaning] = Spool(tuple, _Meaning)
        self._extensions = Extensions()

    def to_remember(self, references: list[bytes]) -> list[bytes]:
        """Those of some references in byte order that no query finds: odd ones, over links, and playlists."""
        odd = self.spellings.unusual(references)
        playlists = [value for value in references if is_playlist(value)] if self._has_segments else []
        over_links = self._over_links(references)
        if not playlists and not over_links:
            return odd
        # A reference comes as often as rows hold it, and so it must stay.
        wanted = {*odd, *playlists, *over_links}
        return [value for value in references if value in wanted]

    def collect(self, references: list[bytes]) -> Iterator[bytes]:
        """Remember what no query finds of some references in byte order, and yield each of these."""
        self._extensions.note(references)
        for value in self.to_remember(references):
            self._remember(value)
            yield value

    def read(self, leaving: Iterable[bytes] = ()) -> None:
        """Read all references, for those that no query finds.

        ``leaving`` has such references of rows that are about to be removed, in byte order, each as
        often as rows hold it: those do not count.
        """
        self._meanings = Spool(tuple, _Meaning)
        found = (
            value
            for references in self._database.references(self._columns)
            for value in self.to_remember(references)
        )
        for value in _without(found, leaving):
            self._remember(value)

    def reading(self) -> Iterator[list[bytes]]:
        """Read all references in the same way, and yield them in byte order."""
        self._meanings = Spool(tuple, _Meaning)
        for references in self._database.references(self._columns):
            for value in self.to_remember(references):
                self._remember(value)
            yield references

    def _remember(self, value: bytes) -> None:
        paths = [*self.spellings.meant_by(value)]
        self._meanings.extend(_Meaning(path, value, False) for path in paths)
        for path in dict.fromkeys(paths if no_path(value) else [value, *paths]):
            directory, _slash, name = path.rpartition(b"/")
            real = self.store.real_directory(directory)
            if real is not None and real != directory:
                plain = canonical(posixpath.join(real, name))
                if plain != canonical(path):
                    self._meanings.append(_Meaning(plain, value, True))

    def _over_links(self, references: list[bytes]) -> list[bytes]:
        """Those of some references in byte order whose folder is another one, or is in another one."""
        found: list[bytes] = []
        for directory, values in by_folder(references):
            real = self.store.real_directory(directory)
            if real is not None and real != directory:
                found += values
        return found

    def doubts(
        self, paths: Sequence[bytes], leaving: Mapping[bytes, int] | None = None
    ) -> dict[bytes, Doubt]:
        """Those of some files that must be kept, each with the reason.

        ``leaving`` says how many rows that are about to be removed reference a path: those do not count.
        """
        sources = {path: self._sources(path) for path in paths} if self._derived else {}
        wanted = {source for some in sources.values() for source in some}
        exact = [*paths, *(source.path for source in wanted if not (source.is_stem or source.is_folder))]
        stems = {source.path for source in wanted if source.is_stem}
        folders = {canonical(source.path) for source in wanted if source.is_folder}
        leaving_stems: Counter[bytes] = Counter()
        for path, rows in (leaving or {}).items() if stems else ():
            leaving_stems[stem(path)] += rows
        asked = with_folders({*exact, *canonical_of(exact)})
        counted = _Counted(
            self._database.count_references(self._columns, asked),
            self._database.count_references(self._columns, stems, stems=True),
            leaving or {},
            leaving_stems,
        )
        odd = self._remembered(exact, stems, folders)
        found = {}
        for path in paths:
            doubt = counted.doubt(path) or odd.doubt(path)
            for source in sources.get(path, ()):
                if doubt is None and (counted.has(source) or odd.has(source)):
                    shown = escaped(odd.shown(source))
                    doubt = Doubt(Code.DERIVED, f"it is derived from '{shown}', which a row references")
            if doubt:
                found[path] = doubt
        return found

    def stems_among(self, stems: AbstractSet[bytes]) -> set[bytes]:
        """Those of some paths without extension that references have, in any spelling."""
        paths = self._extensions.paths_with(stems)
        if paths is None:
            plain = {*self._database.count_references(self._columns, stems, stems=True)}
        else:
            plain = {*map(stem, self._database.count_references(self._columns, paths))}
        odd = self._remembered((), stems, frozenset())
        return {one for one in stems if one in plain or canonical(one) in odd.stems}

    def _sources(self, path: bytes) -> set[Source]:
        """What a file may be derived from: also from a file that its column names without the prefix."""
        found = sources_of(self._derived, path)
        below = [
            source._replace(path=posixpath.join(prefix, source.path))
            for source in found
            for prefix in self._prefixes
        ]
        return found.union(below)

    def _remembered(
        self, paths: Iterable[bytes], stems: Iterable[bytes], folders: AbstractSet[bytes]
    ) -> _Remembered:
        """What is remembered of some paths, of paths with these stems, and of playlists in these folders."""
        found = _Remembered({}, {}, {})
        if not len(self._meanings):
            return found
        plain_paths, plain_stems = with_folders(map(canonical, paths)), set(map(canonical, stems))
        for meaning in self._meanings:
            plain, value, _is_over_link = meaning
            if folders and is_playlist(plain) and posixpath.dirname(plain) in folders:
                found.playlists[posixpath.dirname(plain)] = value
            if plain == value:
                # As it is written, a fresh query counts it.
                continue
            if plain in plain_paths:
                found.paths[plain] = meaning
            if plain_stems and stem(plain) in plain_stems:
                found.stems[stem(plain)] = value
        return found


class _Counted(NamedTuple):
    """How many rows reference paths, and stems of paths, as they are written; how many of them leave."""

    paths: Mapping[bytes, int]
    stems: Mapping[bytes, int]
    leaving: Mapping[bytes, int]
    leaving_stems: Mapping[bytes, int]

    def doubt(self, path: bytes) -> Doubt | None:
        # So it is nearly always, and a comparison of spellings takes its time.
        if not self.paths:
            return None
        if self._is_referenced(path):
            return Doubt(Code.REFERENCED, "a row references it")
        plain = canonical(path)
        if plain != path and self._is_referenced(plain):
            return other_spelling(plain)
        for folder in folders_of(plain):
            if self._is_referenced(folder):
                return Doubt(Code.REFERENCED, f"a row references the folder '{escaped(folder)}'")
        return None

    def has(self, source: Source) -> bool:
        if source.is_folder:
            return False
        if source.is_stem:
            return self.stems.get(source.path, 0) > self.leaving_stems.get(source.path, 0)
        return self.doubt(source.path) is not None

    def _is_referenced(self, path: bytes) -> bool:
        return self.paths.get(path, 0) > self.leaving.get(path, 0)


class _Remembered(NamedTuple):
    """The values that may mean paths, by canonical path and by its stem; and playlists by their folder."""

    paths: dict[bytes, _Meaning]
    stems: dict[bytes, bytes]
    playlists: dict[bytes, bytes]

    def doubt(self, path: bytes) -> Doubt | None:
        if not self.paths:
            return None
        plain = canonical(path)
        for meant in (plain, *folders_of(plain)):
            if meant in self.paths:
                return self.paths[meant].doubt()
        return None

    def has(self, source: Source) -> bool:
        if source.is_folder:
            return canonical(source.path) in self.playlists
        if source.is_stem:
            return canonical(source.path) in self.stems
        return self.doubt(source.path) is not None

    def shown(self, source: Source) -> bytes:
        """A source as a message calls it."""
        return self.playlists[canonical(source.path)] if source.is_folder else source.path


def by_folder(references: Sequence[bytes]) -> Iterator[tuple[bytes, list[bytes]]]:
    """The folders of some references in byte order, each with those that are in it; it may come again.

    The end of a folder is searched for by halving: to take each reference apart took a tenth of a run.
    """
    start = 0
    while start < len(references):
        directory, slash, _name = references[start].rpartition(b"/")
        if not slash or is_too_long(references[start]):
            start += 1
            continue
        end = bisect_left(references, directory + _AFTER_SLASH, start)
        values = list(references[start:end])
        if max(map(len, values)) > LONGEST_PATH:
            values = [value for value in values if not is_too_long(value)]
        if b"".join(values).count(b"/") == len(values) * (directory.count(b"/") + 1):
            yield directory, values
        else:
            for deeper, some in groupby(values, key=lambda value: value.rpartition(b"/")[0]):
                yield deeper, list(some)
        start = end


def folders_of(path: bytes) -> Iterator[bytes]:
    """The folders that a path is in, the innermost first, without the media root."""
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        if path:
            yield path


def with_folders(paths: Iterable[bytes]) -> set[bytes]:
    """The paths and all folders that they are in: a reference to a folder protects what is below it."""
    found = set(paths)
    # Of very many files there are few folders.
    for innermost in {path[: path.rfind(b"/") + 1] for path in found}:
        for folder in folders_of(innermost):
            if folder in found:
                break
            found.add(folder)
    return found


def _without(values: Iterable[bytes], leaving: Iterable[bytes]) -> Iterator[bytes]:
    """The values without those that leave; both in byte order, each as often as there are rows."""
    left = iter(leaving)
    gone = next(left, None)
    for value in values:
        while gone is not None and gone < value:
            gone = next(left, None)
        if gone == value:
            gone = next(left, None)
        else:
            yield value


def other_name(value: bytes) -> Doubt:
    return Doubt(Code.OTHER_NAME, f"a row references it by another name: '{escaped(value)}'")


def other_spelling(value: bytes) -> Doubt:
    reason = f"the database references it in another spelling: '{escaped(value)}'"
    return Doubt(Code.OTHER_SPELLING, reason)
