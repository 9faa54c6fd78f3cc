# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Whether the files that rows reference are there: many at once, by reading their directory."""

from __future__ import annotations

from bisect import bisect_left
from itertools import groupby
from typing import TYPE_CHECKING, AbstractSet, Iterator, Protocol

from ..spool import Ordered
from .paths import outside

if TYPE_CHECKING:
    from .store import MediaStore

# Names of a directory that are kept for each name that is asked for.
_MOST = 16
# Of a directory that was asked for some names one by one, so many times more are likely to come.
_MORE_TO_COME = 4


class Finder(Protocol):
    """Finds paths that may be missing. Paths come in byte order, over all calls."""

    def not_found(self, paths: list[bytes]) -> list[bytes]:
        """Those of some paths in byte order that a quick check did not find; it proves nothing of them."""


class _Large:
    """A directory too large to be read for a few names; read once it was asked for a good part of them."""

    def __init__(self, directory: bytes) -> None:
        self.directory = directory
        self.asked = 0
        self.listing: Ordered | None = None


class QuickCheck:
    """Finds paths that may be missing. Paths come in byte order, over all calls."""

    def __init__(self, store: MediaStore) -> None:
        self._store = store
        # Each lies below the one before it: rows of a directory continue after those of a subdirectory.
        self._large: list[_Large] = []

    def not_found(self, paths: list[bytes]) -> list[bytes]:
        """Those of some paths in byte order that a quick check did not find; it proves nothing of them."""
        not_found: list[bytes] = []
        for prefix, some in _by_directory(paths):
            names = [path[len(prefix) :] for path in some]
            # What leads outside is checked, and reported, one by one.
            there: AbstractSet[bytes] = (
                frozenset() if outside(prefix) else self.those_there(prefix[:-1], names)
            )
            left = [prefix + name for name in names if name not in there]
            not_found += [path for path in left if not self._store.is_beside_last(path)]
        return not_found

    def those_there(self, directory: bytes, names: list[bytes]) -> AbstractSet[bytes]:
        """Those of some names in byte order that are proven to be there, maybe with others; none in doubt."""
        if self._store.is_worth_reading(directory, len(names)):
            return self._store.names_there(directory, len(names) * _MOST)
        large = self._large_directory(directory)
        large.asked += len(names)
        if large.listing is None and self._store.is_worth_reading(directory, large.asked * _MORE_TO_COME):
            self._drop_listings()
            large.listing = Ordered(self._store.sorted_names_there(directory))
        return large.listing.among(names) if large.listing else frozenset()

    def _drop_listings(self) -> None:
        # One is in memory at a time; another is read again if as many rows come again.
        for large in self._large:
            if large.listing:
                large.listing, large.asked = None, 0

    def _large_directory(self, directory: bytes) -> _Large:
        while self._large and not _is_in(directory, self._large[-1].directory):
            self._large.pop()
        if not self._large or self._large[-1].directory != directory:
            self._large.append(_Large(directory))
        return self._large[-1]


def _is_in(directory: bytes, other: bytes) -> bool:
    return directory == other or not other or directory.startswith(other + b"/")


def _by_directory(paths: list[bytes]) -> Iterator[tuple[bytes, list[bytes]]]:
    """The paths that lie one after the other in the same directory, each time with its prefix."""
    start = 0
    while start < len(paths):
        prefix = _prefix(paths[start])
        # What begins with the prefix ends before what has the next character in place of the slash.
        end = bisect_left(paths, prefix[:-1] + b"0", start) if prefix else len(paths)
        some = paths[start:end]
        # Nearly always none lies in a subdirectory, and nothing has to be done for each path.
        if b"".join(some).count(b"/") == len(some) * prefix.count(b"/"):
            yield prefix, some
        else:
            for inner, together in groupby(some, key=_prefix):
                yield inner, list(together)
        start = end


def _prefix(path: bytes) -> bytes:
    """The directory with its slash; what is left when the name is cut off."""
    return path[: path.rfind(b"/") + 1]
