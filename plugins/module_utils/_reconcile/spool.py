# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lists that keep to a bounded memory: on disk once they are long, or cut short but counted."""

from __future__ import annotations

import marshal
import os
import tempfile
from bisect import bisect_left, bisect_right
from functools import partial
from itertools import islice, starmap
from types import TracebackType
from typing import IO, Any, Callable, Generic, Iterable, Iterator, NamedTuple, Sequence, TypeVar

from .errors import CleanupError
from .text import escaped

Item = TypeVar("Item")

# A thousand candidates make a normal run; what is beyond goes to an unnamed temporary file.
CHUNK = 10_000
# Bytes of paths that are read from a temporary file at a time.
BLOCK = 1 << 18
# Bytes of names that are read back at a time: they may have to be put aside again.
FEW = 1 << 12
# Runs of a sort that are open before they are merged into one.
RUNS = 32
_ON_DISK = "/var/tmp"  # noqa: S108 (nobody can open a file that has no name)


def _folder() -> str:
    """The folder for temporary files; /tmp often is in memory. Raises OSError where no folder is usable."""
    on_disk = "TMPDIR" not in os.environ and os.access(_ON_DISK, os.W_OK)
    return _ON_DISK if on_disk else tempfile.gettempdir()


class _WorkingOnDisk:
    """Turns what the disk says into a CleanupError. A class, because it is entered for each directory."""

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not isinstance(error, OSError):
            return
        try:
            place = f" in {escaped(os.fsencode(_folder()))}"
        except OSError:
            place = ""
        raise CleanupError(
            f"keeping a list that is too long for memory in a temporary file{place} failed: "
            f"{error.strerror}. Free some space there, or let the environment variable TMPDIR name a "
            "directory that this user may write to and that has room."
        ) from None


# For all that is done with a temporary file.
working_on_disk = _WorkingOnDisk()


def temporary_file() -> IO[bytes]:
    """Open an unnamed file for what is too long for memory; raises CleanupError where that fails."""
    with working_on_disk:
        return tempfile.TemporaryFile(prefix="media-cleanup-", dir=_folder())


class Spool(Generic[Item]):
    """A list to append to and to read as often as wanted; memory holds one chunk of it.

    ``pack`` turns an item into a tuple of plain values, ``unpack`` builds the item again; without them,
    the items themselves are plain values. A chunk is of ``CHUNK`` items unless said otherwise.
    """

    def __init__(
        self,
        pack: Callable[[Item], tuple[Any, ...]] | None = None,
        unpack: Callable[..., Item] | None = None,
        chunk: int | None = None,
    ) -> None:
        self._pack = pack
        self._unpacked = _unpacking(unpack)
        self._chunk = chunk or CHUNK
        self._tail: list[Item] = []
        self._file: IO[bytes] | None = None
        # Where each chunk begins in the file, and where the last one ends.
        self._bounds = [0]
        self._length = 0

    def append(self, item: Item) -> None:
        self._tail.append(item)
        self._length += 1
        if len(self._tail) >= self._chunk:
            self._flush()

    def extend(self, items: Iterable[Item]) -> None:
        left = iter(items)
        some = list(islice(left, self._chunk - len(self._tail)))
        while some:
            self._tail += some
            self._length += len(some)
            if len(self._tail) >= self._chunk:
                self._flush()
            some = list(islice(left, self._chunk - len(self._tail)))

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Item]:
        for chunk in self.chunks():
            yield from chunk

    def chunks(self) -> Iterator[list[Item]]:
        """Yield the items in lists of a bounded length."""
        if self._file is not None:
            for start, end in zip(self._bounds, self._bounds[1:]):
                with working_on_disk:
                    self._file.seek(start)
                    read = self._file.read(end - start)
                packed = marshal.loads(read)  # noqa: S302 (our own unnamed file)
                yield list(self._unpacked(packed))
        if self._tail:
            yield list(self._tail)

    def _flush(self) -> None:
        if self._file is None:
            self._file = temporary_file()
        packed = marshal.dumps([*map(self._pack, self._tail)] if self._pack else self._tail)
        with working_on_disk:
            self._file.seek(self._bounds[-1])
            self._file.write(packed)
            self._bounds.append(self._file.tell())
        self._tail = []


def _unpacking(unpack: Callable[..., Item] | None) -> Callable[[list[Any]], Iterable[Item]]:
    """What builds the items of a chunk again."""
    if unpack is None:
        return iter
    if not isinstance(unpack, type):
        build = unpack
        return lambda packed: starmap(build, packed)
    # A named tuple, made of the whole tuple at once: its constructor takes three times as long.
    return partial(map, partial(tuple.__new__, unpack))


def path_spool() -> Spool[bytes]:
    """An empty list of paths."""
    return Spool()


def in_chunks(items: Iterator[Item]) -> Iterator[list[Item]]:
    """The items in lists of a bounded length, none of them empty."""
    return iter(lambda: list(islice(items, CHUNK)), [])


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

    def add_all(self, other: Listed[Item]) -> None:
        """Add what another list holds, and the count of what it does not."""
        self.add_some(other.items, other.total)

    def add_some(self, items: Sequence[Item], total: int) -> None:
        """Add some of so many items, and the count of the others."""
        for item in items:
            self.add(item)
        self.total += total - len(items)

    @property
    def truncated(self) -> bool:
        return self.total > len(self.items)


class Paths:
    """Paths in the order in which they were added, packed on disk.

    Paths hold no NUL, which therefore separates them.
    """

    def __init__(self) -> None:
        self._file = temporary_file()
        self._length = 0

    def add(self, prefix: bytes, names: Sequence[bytes]) -> None:
        """Add the paths of some names of one directory, none of which is an empty list."""
        with working_on_disk:
            self._file.write(prefix + (b"\0" + prefix).join(names) + b"\0")
        self._length += len(names)

    def __len__(self) -> int:
        return self._length

    def lists(self) -> Iterator[list[bytes]]:
        """Yield the paths in lists of a bounded length, none of them empty."""
        with working_on_disk:
            self._file.seek(0)
        return blocks(self._file)


class ExternalSort:
    """Names of one directory, sorted; on disk when they are too many for memory.

    Names hold no NUL, which therefore separates them on disk. Each piece that memory held goes to a run, a
    file of sorted names. What goes on where the last run ended, as all of an ordered listing does, lengthens
    that one.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._names: list[bytes] = []
        # Those of each level were merged out of some of the level before it.
        self._levels: list[list[IO[bytes]]] = []
        self._last = b""

    def extend(self, names: Sequence[bytes]) -> None:
        self._names += names
        if len(self._names) >= self._limit:
            self._spill()

    def _spill(self) -> None:
        self._names.sort()
        if not self._levels or self._names[0] < self._last:
            self._add_run(0)
        self._last = self._names[-1]
        with working_on_disk:
            self._levels[0][-1].write(b"\0".join(self._names) + b"\0")
        self._names = []

    def _add_run(self, level: int) -> IO[bytes]:
        """Begin a run. Of too many runs, which are open files each, one of the next level is made."""
        if level == len(self._levels):
            self._levels.append([])
        runs = self._levels[level]
        if len(runs) >= RUNS:
            merged = self._add_run(level + 1)
            for names in self._merged(runs):
                with working_on_disk:
                    merged.write(b"\0".join(names) + b"\0")
            runs.clear()
        runs.append(temporary_file())
        return runs[-1]

    def _merged(self, runs: list[IO[bytes]]) -> Iterator[list[bytes]]:
        """Merge runs, and close them."""
        for run in runs:
            with working_on_disk:
                run.seek(0)
        # Together the blocks stay below what one unspilled directory may take.
        block = max(1, self._limit // len(runs)) * 32
        yield from _merged([blocks(run, size=block) for run in runs])
        for run in runs:
            run.close()

    def _handed_over(self) -> list[bytes]:
        # Whoever has read them may let them go: nothing here holds them any more.
        names, self._names = self._names, []
        names.sort()
        return names

    def lists(self) -> Iterator[list[bytes]]:
        """Yield the names in sorted lists, each list after the one before it. To be read once."""
        if not self._levels:
            while self._names:
                yield self._handed_over()
            return
        if self._names:
            self._spill()
        yield from self._merged([run for runs in self._levels for run in runs])


class Part(NamedTuple):
    """The bytes of a file that hold some names which were put aside, and where those begin that are left."""

    begin: int
    start: int
    end: int


class Aside:
    """Names that are put aside on disk, and read back the last ones first.

    So the place of names that were read back is free for the next ones. Names hold no NUL, which
    therefore separates them.
    """

    def __init__(self) -> None:
        self._file = temporary_file()
        self._end = 0

    def put(self, parts: list[Part], names: Sequence[bytes]) -> None:
        """Put some names aside, of which there are some, as the next to be read back from these parts."""
        packed = b"\0".join(names)
        parts.append(Part(self._end, self._end, self._end + len(packed)))
        with working_on_disk:
            self._file.seek(self._end)
            self._file.write(packed)
        self._end += len(packed)

    def take(self, parts: list[Part]) -> list[bytes]:
        """Take the next few names back, at least one; a part without any left is dropped."""
        begin, start, end = parts.pop()
        size = FEW
        while True:
            with working_on_disk:
                self._file.seek(start)
                packed = self._file.read(min(size, end - start))
            cut = packed.rfind(b"\0")
            if start + len(packed) == end:
                self._end = begin
                return packed.split(b"\0")
            if cut > 0:
                parts.append(Part(begin, start + cut + 1, end))
                return packed[:cut].split(b"\0")
            # A name may be longer than what is read of a few.
            size *= 2

    def close(self) -> None:
        """Close the file; what is in it is discarded."""
        with working_on_disk:
            self._file.close()


def blocks(file: IO[bytes], separator: bytes = b"\0", size: int | None = None) -> Iterator[list[bytes]]:
    """Yield what a separator ends in a file, in lists that stand for about ``size`` bytes of it."""
    size = size or BLOCK
    rest = b""
    while True:
        with working_on_disk:
            block = file.read(size)
        if not block:
            return
        names = (rest + block).split(separator)
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


class Ordered:
    """Something in byte order, consumed list by list while others come by in the same order."""

    def __init__(self, lists: Iterator[list[bytes]]) -> None:
        self._lists = lists
        self._list: list[bytes] = []
        self._start = 0

    def among(self, wanted: list[bytes]) -> set[bytes]:
        """Those of some in byte order, the next to come by, that are in the lists."""
        looked_for = set(wanted)
        found: set[bytes] = set()
        for some in self._between(wanted[0], wanted[-1]):
            found |= looked_for.intersection(some)
        return found

    def _between(self, lowest: bytes, highest: bytes) -> Iterator[list[bytes]]:
        while self._start < len(self._list) or self._fetch():
            start = bisect_left(self._list, lowest, self._start)
            if start > self._start:
                self._passed_over(self._list[self._start : start])
            end = bisect_right(self._list, highest, start)
            self._start = end
            if start < end:
                yield self._list[start:end]
            if end < len(self._list):
                return

    def _passed_over(self, items: list[bytes]) -> None:
        """Hear of items that nothing was asked of."""

    def _fetch(self) -> bool:
        following = next(self._lists, None)
        if following is None:
            return False
        self._list = following
        self._start = 0
        return True
