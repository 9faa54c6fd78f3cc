# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a listing said of each object, so that those which turn out to be candidates need no request each.

While an object is listed, sorted and put aside it is one line of bytes. Lines sort as their keys do, and hold
no NUL.
"""

from __future__ import annotations

import marshal
from bisect import bisect_left
from typing import Sequence

from ...spool import temporary_file, working_on_disk
from .page_reader import Entry

# It ends a key, and sorts before all that a longer key could have there.
_END = "\1\1"
# In a key, what it could be mistaken for; nearly no key has any of it.
_ESCAPED = (("\1", "\1\3"), ("\0", "\1\2"))
# Lines that are read back at a time.
_CHUNK = 1000


def lines_of(entries: Sequence[Entry]) -> list[bytes]:
    """Objects as lines."""
    if _is_odd("".join([entry.key for entry in entries])):
        entries = [entry._replace(key=_escaped(entry.key)) for entry in entries]
    return [f"{key}{_END}{size} {modified_ns} {tag}".encode() for key, size, modified_ns, tag in entries]


def keys_of(lines: Sequence[bytes]) -> list[bytes]:
    """The keys of lines."""
    end = _END.encode()
    keys = [line[: line.index(end)] for line in lines]
    return [_unescaped(key) for key in keys] if b"\1" in b"".join(keys) else keys


def _is_odd(text: str) -> bool:
    return "\0" in text or "\1" in text


def _escaped(key: str) -> str:
    for what, instead in _ESCAPED:
        key = key.replace(what, instead)
    return key


def _unescaped(key: bytes) -> bytes:
    for what, instead in reversed(_ESCAPED):
        key = key.replace(instead.encode(), what.encode())
    return key


class ListedObjects:
    """All objects of a listing, on disk: they are added in byte order, and looked for in any."""

    def __init__(self) -> None:
        self._file = temporary_file()
        self._firsts: list[bytes] = []
        # Where each chunk begins in the file, and where the last one ends.
        self._bounds = [0]
        # The chunk that was read last: objects are looked for in their order, mostly.
        self._number = -1
        self._lines: list[bytes] = []

    def add(self, lines: Sequence[bytes]) -> None:
        """Add some objects as lines."""
        for start in range(0, len(lines), _CHUNK):
            packed = marshal.dumps(list(lines[start : start + _CHUNK]))
            with working_on_disk:
                self._file.write(packed)
            self._firsts.append(lines[start])
            self._bounds.append(self._bounds[-1] + len(packed))

    def get(self, key: str) -> Entry | None:
        """What the listing said of an object; None where it did not show it."""
        begin = (_escaped(key) + _END).encode()
        # No line of this key, nor of one before it, comes behind that.
        number = bisect_left(self._firsts, begin + b"\xff") - 1
        if number < 0:
            return None
        lines = self._chunk(number)
        at = bisect_left(lines, begin)
        if at == len(lines) or not lines[at].startswith(begin):
            return None
        size, modified_ns, tag = lines[at][len(begin) :].decode().split(" ", 2)
        return Entry(key, int(size), int(modified_ns), tag)

    def _chunk(self, number: int) -> list[bytes]:
        if number != self._number:
            start, end = self._bounds[number : number + 2]
            with working_on_disk:
                self._file.seek(start)
                packed = self._file.read(end - start)
            self._lines = marshal.loads(packed)  # noqa: S302 (our own unnamed file)
            self._number = number
        return self._lines
