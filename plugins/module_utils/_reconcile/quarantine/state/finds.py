# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the scans of a job have found, so that a later one can confirm it.

It is a file beside the state of the site: a line with the format, then for each find the digest of its name
and identity, when it was first found, and by how many scans in a row. The digests are sorted, so one is found
without reading the file.
"""

from __future__ import annotations

import os
import struct
from hashlib import blake2b
from typing import IO, Iterator, NamedTuple

from ...spool import ExternalSort
from .site_state import State

_FORMAT = b"media-cleanup finds 1\n"
# A digest, seconds since 1970, and a number of scans.
_ENTRY = struct.Struct(">16sdI")
_DIGEST_BYTES = 16
# What is found beyond these is kept until some of them are removed.
MOST = 1_000_000
_IN_MEMORY = 100_000


class Find(NamedTuple):
    """When something was first found, and by how many scans in a row."""

    first: float
    scans: int


def digest_of(name: bytes, identity: bytes) -> bytes:
    """By what a find is known again; there is another one where what has this name is another thing."""
    whole = blake2b(len(name).to_bytes(8, "big") + name + identity, digest_size=_DIGEST_BYTES)
    return whole.digest()


class EarlierFinds:
    """The finds of the last scan that was recorded; to be closed.

    Raises StateError where they cannot be read. Nothing was found where there is no file.
    """

    def __init__(self, state: State, job: str) -> None:
        self._state = state
        self._suffix = f"finds-{blake2b(job.encode(), digest_size=8).hexdigest()}"
        self._file = state.opened(self._suffix)
        self._handle = self._file.fileno() if self._file else -1
        self._count = self._checked_count(self._file) if self._file else 0

    def _checked_count(self, file: IO[bytes]) -> int:
        size = os.fstat(file.fileno()).st_size - len(_FORMAT)
        if size < 0 or size % _ENTRY.size or os.pread(file.fileno(), len(_FORMAT), 0) != _FORMAT:
            file.close()
            raise self._state.damaged("it holds no finds of this format", self._state.beside(self._suffix))
        return size // _ENTRY.size

    def close(self) -> None:
        if self._file:
            self._file.close()

    def of(self, digest: bytes) -> Find | None:
        """What was found with this digest."""
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            found, first, scans = self._entry(middle)
            if found == digest:
                return Find(first, scans)
            if found < digest:
                low = middle + 1
            else:
                high = middle
        return None

    def _entry(self, number: int) -> tuple[bytes, float, int]:
        start = len(_FORMAT) + number * _ENTRY.size
        entry: tuple[bytes, float, int] = _ENTRY.unpack(os.pread(self._handle, _ENTRY.size, start))
        return entry

    def replace(self, found: Finds) -> None:
        """Record what this scan found instead."""
        with self._state.replaced(self._suffix) as file:
            file.write(_FORMAT)
            for number, digest in enumerate(found.digests()):
                if number == MOST:
                    break
                before = self.of(digest)
                now = Find(before.first, before.scans + 1) if before else Find(found.moment, 1)
                file.write(_ENTRY.pack(digest, *now))


class Finds:
    """What one scan finds, at a moment (seconds since 1970)."""

    def __init__(self, moment: float) -> None:
        self.moment = moment
        # In hexadecimal digits, as a NUL separates the lines on disk.
        self._digests = ExternalSort(_IN_MEMORY)

    def add(self, digest: bytes) -> None:
        self._digests.extend([digest.hex().encode()])

    def digests(self) -> Iterator[bytes]:
        """All of them once, sorted. To be read once."""
        last = b""
        for some in self._digests.lists():
            for digest in some:
                if digest != last:
                    yield bytes.fromhex(digest.decode())
                last = digest
