# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A list of candidates that somebody else has made: one path a line, each with a NUL behind it, or as CSV.

Nothing in it is believed. It only says which files are to be judged; what is said there and is no path of the
media store is reported.
"""

from __future__ import annotations

import csv
import os
import stat
from itertools import chain
from typing import IO, Callable, Iterable, Iterator, NamedTuple

from ...config.site import OrphansJob
from ...errors import SiteError
from ...media.paths import no_path
from ...spool import BLOCK, ExternalSort
from ...text import escaped, reason_of
from .inventory import KEY, InventoryKeys

# Paths that memory holds; more are sorted on disk.
PATHS_IN_MEMORY = 100_000
# Bytes of a line: a key of the greatest length, URL-encoded, and what else an inventory says of it.
LONGEST_LINE = 1 << 16
_BUCKET = "bucket"

# Hears of a line that is no path, and why.
Refuse = Callable[[bytes, str], object]


class _Line(NamedTuple):
    """What a line says: a path, or why it is none."""

    path: bytes
    why_none: str | None = None


class CandidateList:
    """The list of a job. Raises SiteError where it cannot be read, or is no list."""

    def __init__(self, job: OrphansJob) -> None:
        self._path = job.candidates or b""
        self._keys = InventoryKeys(job.site.media_root)

    def paths(self, refuse: Refuse) -> Iterator[list[bytes]]:
        """The paths in byte order, each once, in lists of a bounded length."""
        names = ExternalSort(PATHS_IN_MEMORY)
        try:
            with self._opened() as file:
                for some in self._lines(file):
                    names.extend([*_fit(some, refuse)])
        except OSError as error:
            raise self._unusable(
                f"cannot be read: {reason_of(error)}. Let the user who does the work read it"
            ) from None
        return _each_once(names.lists())

    def _opened(self) -> IO[bytes]:
        # Without waiting: somebody may have put a FIFO there.
        handle = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise self._unusable("is no regular file. Write the list to a file first")
        return os.fdopen(handle, "rb")

    def _unusable(self, why: str) -> SiteError:
        return SiteError(f"candidates: the list '{escaped(self._path)}' {why}.")

    def _lines(self, file: IO[bytes]) -> Iterator[Iterable[_Line]]:
        """What the lines say, whatever form the list has."""
        beginning = file.read(LONGEST_LINE)
        if b"\0" in beginning:
            return self._plain(self._pieces(file, beginning, b"\0"))
        header = _header(beginning.partition(b"\n")[0])
        pieces = self._pieces(file, beginning, b"\n")
        return self._of_csv(pieces, header) if KEY in header else self._plain(pieces)

    def _plain(self, pieces: Iterable[list[bytes]]) -> Iterator[Iterable[_Line]]:
        return ([_Line(path) for path in some if path] for some in pieces)

    def _of_csv(self, pieces: Iterable[list[bytes]], header: list[str]) -> Iterator[Iterable[_Line]]:
        # A quoted field may go on in the next line.
        lines = (f"{line.decode('utf-8', 'surrogateescape')}\n" for some in pieces for line in some)
        rows = csv.reader(lines)
        next(rows, None)
        try:
            for row in rows:
                if row:
                    yield (self._of_row(dict(zip(header, row))),)
        except csv.Error as error:
            raise self._unusable(f"is no CSV in line {rows.line_num:,}: {error}") from None

    def _of_row(self, row: dict[str, str]) -> _Line:
        key = row.get(KEY, "")
        shown = key.encode("utf-8", "surrogateescape")
        if self._keys.bucket and row.get(_BUCKET, self._keys.bucket) != self._keys.bucket:
            return _Line(shown, "is in another bucket")
        path = self._keys.path_of(key)
        return _Line(shown, "is not below the prefix of media_root") if path is None else _Line(path)

    def _pieces(self, file: IO[bytes], beginning: bytes, separator: bytes) -> Iterator[list[bytes]]:
        """What is between the separators, in lists of a bounded length."""
        rest = b""
        for block in chain([beginning], iter(lambda: file.read(BLOCK), b"")):
            *some, rest = (rest + block).split(separator)
            if len(rest) > LONGEST_LINE:
                raise self._unusable(f"has a line of more than {LONGEST_LINE:,} bytes, which is no path")
            yield some
        yield [rest] if rest else []


def _fit(lines: Iterable[_Line], refuse: Refuse) -> Iterator[bytes]:
    """The paths of lines; of those that have none, ``refuse`` hears."""
    for path, why_none in lines:
        why = why_none or why_no_candidate(path)
        if why is None:
            yield path
        else:
            refuse(path, why)


def why_no_candidate(path: bytes) -> str | None:
    """Why a path is none as a listing of the store has it, as words behind "it"; None if it may be one."""
    why = no_path(path)
    if why:
        return why
    parts = path.split(b"/")
    if b"" in parts:
        return "has an empty part, or a slash at an end"
    return "has a part that is '.'" if b"." in parts else None


def _header(line: bytes) -> list[str]:
    """The names of columns that a line has, if it is one of CSV."""
    text = line.decode("utf-8-sig", "surrogateescape").rstrip("\r")
    try:
        return [name.strip().lower() for name in next(csv.reader([text]), [])]
    except csv.Error:
        return []


def _each_once(lists: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
    last = None
    for some in lists:
        unique = list(dict.fromkeys(some))
        left = unique[1:] if unique[0] == last else unique
        last = unique[-1]
        if left:
            yield left
