# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Moved, not missing: a row whose file is missing, and a file without a reference that may be it.

They are a likely move if they have the same name, and the size and the checksum that the row holds,
if it holds any. With both of them, the name may be another one.
"""

from __future__ import annotations

import posixpath
from collections import Counter, defaultdict
from functools import partial
from typing import AbstractSet, Iterable, Iterator, Mapping, NamedTuple, Sequence

from ..config.site import Column
from ..database.base import Database
from ..media.derived import DerivedPattern, sources_of
from ..media.paths import no_path
from ..media.store import MediaStore, PathStatus
from ..media.walk import exclusion

# Which checksum has so many hexadecimal digits.
_ALGORITHMS = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
# Nobody moves a file of a site to a hidden folder.
HIDDEN = exclusion([".*"])
# In what two are alike.
_NAME = "name"
_HEXADECIMAL = frozenset("0123456789abcdef")


class LikelyMove(NamedTuple):
    """The other half of a likely move, and in what the two are alike."""

    path: bytes
    alike: str
    # Whether only this file has the name of the other, and only that one path has lost such a file.
    is_only: bool = False


class Content(NamedTuple):
    """What a row says of what is in its file, as far as it does."""

    size: int | None = None
    checksum: str | None = None

    @classmethod
    def of(cls, size: str | None, checksum: str | None) -> Content:
        digits = (checksum or "").strip().lower()
        known = len(digits) in _ALGORITHMS and _HEXADECIMAL.issuperset(digits)
        return cls(int(size) if size and size.isdecimal() else None, digits if known else None)

    @property
    def algorithm(self) -> str:
        return _ALGORITHMS[len(self.checksum or "")]


class _MissingPaths:
    """Paths where no file is, found by the name or the size of a file that may be theirs."""

    def __init__(self, paths: Iterable[bytes], database: Database, columns: Sequence[Column]) -> None:
        self._contents: dict[bytes, list[Content]] = {path: [] for path in paths}
        for path, size, checksum in database.recorded_contents(columns, self._contents):
            self._contents[path].append(Content.of(size, checksum))
        self.by_name: dict[bytes, list[bytes]] = defaultdict(list)
        self.by_size: dict[int, list[bytes]] = defaultdict(list)
        for path, contents in self._contents.items():
            self.by_name[posixpath.basename(path)].append(path)
            for content in contents:
                if content.size is not None and content.checksum:
                    self.by_size[content.size].append(path)

    def has_name_of(self, path: bytes) -> bool:
        """Whether one of them has the name of a file."""
        return path[path.rfind(b"/") + 1 :] in self.by_name

    def moves(self, path: bytes, size: int, store: MediaStore) -> dict[bytes, LikelyMove]:
        """The missing paths whose file seems to be at this path, each with that."""
        digests: dict[str, str | None] = {}

        def is_in_file(content: Content) -> bool:
            if content.size not in (None, size):
                return False
            if content.checksum is None:
                return True
            if content.algorithm not in digests:
                digests[content.algorithm] = store.checksum(path, content.algorithm)
            # What cannot be read may be anything.
            return digests[content.algorithm] in (None, content.checksum)

        namesakes = self.by_name.get(posixpath.basename(path), ())
        found = {
            lost: LikelyMove(path, _NAME)
            for lost in namesakes
            if any(map(is_in_file, self._contents[lost] or [Content()]))
        }
        for lost in self.by_size.get(size, ()):
            known = (content for content in self._contents[lost] if content.checksum)
            if lost not in found and any(
                is_in_file(content) and digests[content.algorithm] for content in known
            ):
                found[lost] = LikelyMove(path, "size and checksum")
        return found


class MoveSearch:
    """Searches a store and a database for likely moves; ``columns`` are all that may reference its files."""

    def __init__(self, store: MediaStore, database: Database, columns: Sequence[Column]) -> None:
        self._store = store
        self._database = database
        self._columns = columns

    def moved_files(
        self,
        missing: AbstractSet[bytes],
        column: Column,
        derived: Sequence[DerivedPattern],
        listed: Iterable[list[bytes]] | None = None,
    ) -> dict[bytes, LikelyMove]:
        """Find, for missing paths of a column, a file that no column references and that may be theirs.

        A derived file is none: a thumbnail often has the name of its photo. ``listed`` has the files that
        the column does not reference, where these are known; then nobody can say which move is the only one.
        """
        if not missing:
            return {}
        lost = _MissingPaths(missing, self._database, [column])
        sizes = self._sizes(self._found(lost) if listed is None else self._among(lost, listed), lost)
        referenced = self._database.count_references(self._columns, sizes)
        found: dict[bytes, LikelyMove] = {}
        namesakes: Counter[bytes] = Counter()
        for path, size in sorted(sizes.items()):
            if sources_of(derived, path):
                continue
            moves = lost.moves(path, size, self._store)
            namesakes.update(other for other, move in moves.items() if move.alike == _NAME)
            if path not in referenced:
                found.update(moves)
        return {
            other: move._replace(is_only=move.alike == _NAME and namesakes[other] == 1)
            for other, move in found.items()
        }

    def with_certainty(self, moves: Mapping[bytes, LikelyMove]) -> dict[bytes, LikelyMove]:
        """The moves again: none is the only one whose path, or name of a missing file, rows hold twice."""
        only = {path for path, move in moves.items() if move.is_only}
        lost: dict[bytes, list[bytes]] = defaultdict(list)
        for path in self._database.references_by_name(self._columns, set(map(posixpath.basename, only))):
            if path in only or not self._is_there(path):
                lost[posixpath.basename(path)].append(path)
        return {
            path: move._replace(is_only=move.is_only and lost[posixpath.basename(path)] == [path])
            for path, move in moves.items()
        }

    def _is_there(self, path: bytes) -> bool:
        return not no_path(path) and self._store.check(path).is_file

    def _sizes(self, checked: Iterable[tuple[bytes, PathStatus]], lost: _MissingPaths) -> dict[bytes, int]:
        """Those of some files that may be missing ones by their name or size, each with its size."""
        sizes: dict[bytes, int] = {}
        for path, status in checked:
            if status.state is None and not status.is_absent:
                self._store.unreadable.add((path, status.reason))
            if status.state and (lost.has_name_of(path) or status.state.size in lost.by_size):
                sizes[path] = status.state.size
        return sizes

    def _found(self, lost: _MissingPaths) -> Iterator[tuple[bytes, PathStatus]]:
        """The files of the store that may be missing ones, checked."""
        for run in self._store.walk(b"", HIDDEN, in_order=False):
            names = run.names if lost.by_size else sorted(lost.by_name.keys() & run.names)
            for name, status in self._store.each(partial(self._store.check_in, run), names):
                yield run.prefix + name, status

    def _among(
        self, lost: _MissingPaths, listed: Iterable[list[bytes]]
    ) -> Iterator[tuple[bytes, PathStatus]]:
        """Those of some files that may be missing ones, checked."""
        for paths in listed:
            likely = paths if lost.by_size else filter(lost.has_name_of, paths)
            yield from self._store.each(self._store.check, likely)

    def lost_references(self, orphans: Mapping[bytes, int]) -> dict[bytes, LikelyMove]:
        """Find, for orphans of known sizes, a reference without a file that may be theirs."""
        names = map(posixpath.basename, orphans)
        paths = {
            *self._database.references_by_name(self._columns, names),
            *self._database.references_by_size(self._columns, orphans.values()),
        }
        lost = _MissingPaths(filter(self._is_absent, paths), self._database, self._columns)
        found: dict[bytes, LikelyMove] = {}
        for orphan, size in orphans.items():
            for path, move in lost.moves(orphan, size, self._store).items():
                found.setdefault(orphan, move._replace(path=path))
        return found

    def _is_absent(self, path: bytes) -> bool:
        return not no_path(path) and self._store.check(path).is_absent
