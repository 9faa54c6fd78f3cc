# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lists that keep to a bounded memory: on disk once they are long, or cut short but counted."""

from __future__ import annotations

import marshal
import tempfile
from bisect import bisect_right
from typing import IO, Any, Callable, Generic, Iterable, Iterator, Sequence, TypeVar

Item = TypeVar("Item")

# A thousand candidates make a normal run; what is beyond goes to an unnamed temporary file.
CHUNK = 10_000


class Spool(Generic[Item]):
    """A list to append to and to read as often as wanted; memory holds one chunk of it.

    ``pack`` turns an item into a tuple of plain values, ``unpack`` builds the item again.
    """

    def __init__(self, pack: Callable[[Item], tuple[Any, ...]], unpack: Callable[..., Item]) -> None:
        self._pack = pack
        self._unpack = unpack
        self._tail: list[Item] = []
        self._file: IO[bytes] | None = None
        self._chunks = 0
        self._length = 0

    def append(self, item: Item) -> None:
        self._tail.append(item)
        self._length += 1
        if len(self._tail) >= CHUNK:
            self._flush()

    def extend(self, items: Iterable[Item]) -> None:
        for item in items:
            self.append(item)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Item]:
        for chunk in self.chunks():
            yield from chunk

    def chunks(self) -> Iterator[list[Item]]:
        """Yield the items in lists of a bounded length."""
        if self._file is not None:
            offset = 0
            for _number in range(self._chunks):
                self._file.seek(offset)
                packed = marshal.load(self._file)  # noqa: S302 (our own unnamed file)
                offset = self._file.tell()
                yield [self._unpack(*values) for values in packed]
            self._file.seek(0, 2)
        if self._tail:
            yield list(self._tail)

    def _flush(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="media-cleanup-")  # noqa: SIM115
        self._file.seek(0, 2)
        marshal.dump([self._pack(item) for item in self._tail], self._file)
        self._chunks += 1
        self._tail = []


class Listed(Generic[Item]):
    """The first ``limit`` of the items added, and the count of all."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.items: list[Item] = []
        self.total = 0

    def add(self, item: Item) -> None:
        self.total += 1
        if len(self.items) < self._limit:
            self.items.append(item)

    @property
    def truncated(self) -> bool:
        return self.total > len(self.items)


class SortedNames:
    """Names of one directory, sorted; on disk when they are too many for memory.

    Names hold no NUL, which therefore separates them on disk.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._names: list[bytes] = []
        self._runs: list[IO[bytes]] = []

    def extend(self, names: Sequence[bytes]) -> None:
        self._names += names
        if len(self._names) >= self._limit:
            self._spill()

    def _spill(self) -> None:
        run = tempfile.TemporaryFile(prefix="media-cleanup-")  # noqa: SIM115
        run.write(b"\0".join(sorted(self._names)) + b"\0")
        run.seek(0)
        self._runs.append(run)
        self._names = []

    def lists(self) -> Iterator[list[bytes]]:
        """Yield the names in sorted lists, each list after the one before it. To be read once."""
        if not self._runs:
            self._names.sort()
            if self._names:
                yield self._names
            return
        if self._names:
            self._spill()
        # Together the blocks stay below what one unspilled directory may take.
        block = max(1, self._limit // len(self._runs)) * 32
        yield from _merged([_blocks(run, block) for run in self._runs])
        for run in self._runs:
            run.close()


def _blocks(run: IO[bytes], size: int) -> Iterator[list[bytes]]:
    rest = b""
    while True:
        block = run.read(size)
        if not block:
            return
        names = (rest + block).split(b"\0")
        rest = names.pop()
        if names:
            yield names


def _merged(runs: list[Iterator[list[bytes]]]) -> Iterator[list[bytes]]:
    """Merge sorted runs block by block: sorting presorted pieces is linear, and done in C."""
    heads = [(run, next(run, [])) for run in runs]
    heads = [(run, names) for run, names in heads if names]
    while heads:
        bound = min(names[-1] for _run, names in heads)
        ready: list[bytes] = []
        rest = []
        for run, names in heads:
            cut = bisect_right(names, bound)
            ready += names[:cut]
            left = names[cut:] or next(run, [])
            if left:
                rest.append((run, left))
        ready.sort()
        yield ready
        heads = rest
