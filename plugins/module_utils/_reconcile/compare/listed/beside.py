# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Candidates from a list, and the references beside them: what a listing shows of the files beside a file."""

from __future__ import annotations

from bisect import bisect_left
from typing import Iterator, Sequence

from ...media.paths import outside
from ...media.store import MediaStore
from ..merge import Merge

# References that are tried for a file at the least; at the most twice as many.
SAMPLE = 200


class ReferencesBeside(Merge):
    """One pass over references and candidates, both in byte order, with the references next to candidates.

    What is next to a file in a listing shows the folders in which something is referenced. Where nobody has
    listed the files, the references show it as well.
    """

    # Whether the last candidate was unreferenced, so that the reference behind it is next to it.
    _follows_unreferenced = False

    def beside(self, candidates: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
        """Yield the candidates and what is next to unreferenced ones, in byte order: is it referenced?"""
        for path in candidates:
            first, last = self._passed_before(path)
            if first is not None and self._follows_unreferenced:
                yield first, True
            is_referenced = self._is_next(path)
            if last is not None and not is_referenced:
                yield last, True
            yield path, is_referenced
            self._follows_unreferenced = not is_referenced

    def behind(self) -> Iterator[tuple[bytes, bool]]:
        """Yield what is next to the last candidate, behind it."""
        if self._follows_unreferenced and self._has_next():
            yield self._list[self._start], True

    def _passed_before(self, path: bytes) -> tuple[bytes | None, bytes | None]:
        """Pass over the references before a path; the first and the last of them."""
        first = last = None
        while self._has_next():
            end = bisect_left(self._list, path, self._start)
            if end > self._start:
                first, last = first or self._list[self._start], self._list[end - 1]
            self._start = end
            if end < len(self._list):
                break
        return first, last

    def _is_next(self, path: bytes) -> bool:
        return self._has_next() and self._list[self._start] == path

    def _has_next(self) -> bool:
        return self._start < len(self._list) or self._fetch()


class EvenSample:
    """Values from all over what passes by, each as far from the next as from the one before."""

    def __init__(self) -> None:
        self.count = 0
        self.values: list[bytes] = []
        self._step = 1

    def add(self, values: Sequence[bytes]) -> None:
        self.values += values[-self.count % self._step :: self._step]
        self.count += len(values)
        while len(self.values) > 2 * SAMPLE:
            self.values = self.values[::2]
            self._step *= 2


class ReferencedFiles:
    """Estimates how many files in each directory are referenced, where nobody has listed them.

    There are as many as different references, times the share of some of them that lead to a file. So the
    references of another site, which lead to none here, count for nothing.
    """

    def __init__(self, directories: Sequence[bytes]) -> None:
        self._samples = {directory: EvenSample() for directory in directories}
        self._last: bytes | None = None

    def hear(self, references: Sequence[bytes]) -> None:
        """Hear of the next references in byte order."""
        different = list(dict.fromkeys(references))
        if different and different[0] == self._last:
            del different[0]
        self._last = references[-1] if references else self._last
        for directory, sample in self._samples.items():
            start, end = range_below(directory, different)
            sample.add(different[start:end])

    def estimates(self, store: MediaStore) -> dict[bytes, int]:
        """How many referenced files are in each directory."""
        return {directory: _estimate(sample, store) for directory, sample in self._samples.items()}


def _estimate(sample: EvenSample, store: MediaStore) -> int:
    if not sample.values:
        return 0
    there = store.files_among(path for path in sample.values if not outside(path))
    return sample.count * sum(path in there for path in sample.values) // len(sample.values)


def range_below(directory: bytes, paths: Sequence[bytes]) -> tuple[int, int]:
    """From where to where paths in byte order are below a directory."""
    if not directory:
        return 0, len(paths)
    # A zero comes right behind a slash.
    start = bisect_left(paths, directory + b"/")
    return start, bisect_left(paths, directory + b"0", start)
