# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A file that is written to a bucket piece by piece.

An object cannot be appended to, so the file NAME is a row of objects ``NAME/GENERATION-PART``. A file that
is written anew is another generation, which counts once its part 0 is there: to put that one is what replaces
a file as a whole. The parts of earlier generations are deleted afterwards, or by the next that writes.
"""

from __future__ import annotations

import errno
import io
import re
from contextlib import closing
from typing import IO, Any, NamedTuple

from ...private_folder import NewFile
from ..client import quoted
from .bucket import PrivateBucket

# Bytes that are written to one object before anybody asks for it.
LARGEST_PART = 64 << 20
# Bytes that are read at once: at first, and at most where one reads on and on.
_FIRST_READ, _LONGEST_READ = 64 << 10, 8 << 20
_PART = re.compile(r"(\d{6})-(\d{6})")


class Part(NamedTuple):
    key: str
    generation: int
    number: int
    size: int
    tag: str


def all_parts(bucket: PrivateBucket, name: str) -> list[Part]:
    """All parts below the key of a file, those of old and of unfinished generations too."""
    found = []
    for page in bucket.pages(f"{name}/"):
        for entry in page.entries:
            match = _PART.fullmatch(entry.key[len(name) + 1 :])
            if match:
                found.append(Part(entry.key, int(match[1]), int(match[2]), entry.size, entry.tag))
    return sorted(found, key=lambda part: (part.generation, part.number))


def current(parts: list[Part]) -> list[Part]:
    """Of all parts those that are the file, in order; none where there is no such file."""
    generation = max((part.generation for part in parts if part.number == 0), default=None)
    return [part for part in parts if part.generation == generation]


def in_order_of_removal(parts: list[Part]) -> list[str]:
    """The keys of all parts: the file is gone with the first one, and no older one takes its place."""
    ends = [part for part in parts if part.number == 0]
    return [part.key for part in [*sorted(ends), *(part for part in parts if part.number)]]


class PartsFile(NewFile):
    """A new file. Each ``sync`` puts what was written since the last one as an object of its own."""

    def __init__(self, bucket: PrivateBucket, name: str) -> None:
        self._bucket = bucket
        self._name = name
        self._older = all_parts(bucket, name)
        self._generation = max((part.generation for part in self._older), default=0) + 1
        self._number = 0
        self._size = 0
        self._waiting = bytearray()
        self._is_closed = False

    def write(self, data: bytes) -> object:
        if self._is_closed:
            raise ValueError("the file is closed")
        self._waiting += data
        self._size += len(data)
        if len(self._waiting) >= LARGEST_PART:
            self._put()
        return len(data)

    def fill_to(self, size: int) -> None:
        if size < self._size:
            raise OSError(errno.EINVAL, "what was written to a bucket cannot be written again")
        self.write(bytes(size - self._size))

    def sync(self) -> None:
        if self._waiting or not self._number:
            self._put()

    def close(self) -> None:
        if not self._is_closed:
            # Also where that fails: who closes a file twice has heard of it.
            self._is_closed = True
            self.sync()

    def _put(self) -> None:
        self._bucket.put(part_key(self._name, self._generation, self._number), bytes(self._waiting))
        self._waiting.clear()
        self._number += 1
        for key in in_order_of_removal(self._older):
            self._bucket.erase(key)
        self._older = []


def part_key(name: str, generation: int, number: int) -> str:
    return f"{name}/{generation:06d}-{number:06d}"


def rename(bucket: PrivateBucket, old: str, new: str) -> None:
    """Replace the file ``new`` by ``old``: part 0 comes last, and is what replaces it."""
    parts, replaced = all_parts(bucket, old), all_parts(bucket, new)
    moving = current(parts)
    if not moving:
        raise FileNotFoundError(errno.ENOENT, "there is no such file")
    generation = max((part.generation for part in replaced), default=0) + 1
    for part in reversed(moving):
        bucket.copy(part.key, part_key(new, generation, part.number), if_match=part.tag)
    for key in [*in_order_of_removal(replaced), *in_order_of_removal(parts)]:
        bucket.erase(key)


class _PartsReader(io.RawIOBase):
    """Reads a file from any place; each time it goes on where it was, it reads more at once."""

    def __init__(self, bucket: PrivateBucket, parts: list[Part]) -> None:
        self._bucket = bucket
        self._parts = parts
        self._size = sum(part.size for part in parts)
        self._position = 0
        # What was read ahead, and where that begins.
        self._ahead, self._begin = b"", 0
        self._length = _FIRST_READ

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, target: Any) -> int:
        within = self._position - self._begin
        if not 0 <= within < len(self._ahead):
            self._read_ahead()
            within = 0
        found = self._ahead[within : within + len(target)]
        target[: len(found)] = found
        self._position += len(found)
        return len(found)

    def _read_ahead(self) -> None:
        goes_on = self._position == self._begin + len(self._ahead)
        self._length = min(self._length * 2, _LONGEST_READ) if goes_on else _FIRST_READ
        self._ahead, self._begin = self._read(self._position, self._length), self._position

    def _read(self, position: int, length: int) -> bytes:
        start = 0
        for part in self._parts:
            if start <= position < start + part.size:
                first = position - start
                last = min(first + length, part.size) - 1
                return _range(self._bucket, part, first, last)
            start += part.size
        return b""


def _range(bucket: PrivateBucket, part: Part, first: int, last: int) -> bytes:
    asked = {"Key": part.key, "Range": f"bytes={first}-{last}", "IfMatch": quoted(part.tag)}
    said = bucket.ask("get_object", asked)
    with closing(said["Body"]) as body:
        found = bucket.read(body)
    if len(found) != last - first + 1:
        raise OSError(errno.EIO, "the service sent another part of an object than it was asked for")
    return found


def opened(bucket: PrivateBucket, name: str) -> IO[bytes]:
    """Open a file for reading. Raises FileNotFoundError; OSError where it is replaced meanwhile."""
    parts = current(all_parts(bucket, name))
    if not parts:
        raise FileNotFoundError(errno.ENOENT, "there is no such file")
    if [part.number for part in parts] != list(range(len(parts))):
        raise OSError(errno.EIO, "parts of the file are gone")
    return io.BufferedReader(_PartsReader(bucket, parts), _FIRST_READ)
