# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The format of a batch, and how it is read."""

from __future__ import annotations

import json
import os
from array import array
from itertools import islice
from typing import Any, Iterator, NamedTuple

from ..errors import QuarantineError, SiteError
from ..text import escaped

MANIFEST, FILES, ROWS = "manifest.jsonl", "files", "rows.jsonl"


FORMAT = 1


ROLLED_BACK = {"rows": "rolled back"}


# Files in one folder of a batch.
_FOLDER = 10_000


class KeptFile(NamedTuple):
    """A line of the manifest: a file as it was in the media tree."""

    number: int
    path: bytes
    size: int
    mtime_ns: int
    atime_ns: int
    uid: int
    gid: int
    mode: int
    reason: str

    def as_json(self) -> dict[str, Any]:
        return {**self._asdict(), "path": as_text(self.path)}

    @property
    def stored(self) -> str:
        return stored_name(self.number)


def as_text(path: bytes) -> str:
    """A path as JSON can carry it, every byte of it."""
    return path.decode("utf-8", "surrogateescape")


def as_path(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def stored_name(number: int) -> str:
    return f"{number // _FOLDER:05d}/{number:09d}"


def manifest(folder: str) -> tuple[dict[str, Any], Iterator[KeptFile]]:
    """The first line of a batch's manifest, and its files. Raises CleanupError if it has no such line."""
    lines = _lines(os.path.join(folder, MANIFEST))
    header = next(lines, None)
    if header is None:
        raise QuarantineError(
            f"batch {os.path.basename(folder)} was left by a run that was killed at its beginning, before it "
            "took anything. The next purge removes it."
        )
    if header.get("format") != FORMAT:
        raise SiteError(
            f"batch {os.path.basename(folder)} has the format {header.get('format')!r}, this release "
            f"reads {FORMAT}. Use the release that wrote it."
        )
    files = (line for line in lines if line != ROLLED_BACK)
    return header, (KeptFile(**{**line, "path": as_path(line["path"])}) for line in files)


def has_rows(folder: str) -> bool:
    """Whether the rows that are listed in a batch have gone."""
    return ROLLED_BACK not in _lines(os.path.join(folder, MANIFEST))


def archived(folder: str) -> Iterator[dict[str, Any]]:
    """The rows of a batch, one after the other; none if they have not gone."""
    return _lines(os.path.join(folder, ROWS)) if has_rows(folder) else iter(())


class ArchivedRows:
    """The rows of a batch by their numbers: memory holds where each begins, however many they are.

    All are read once at the beginning: raises QuarantineError if a line is broken.
    """

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, ROWS)
        self._starts = array("Q")
        start = 0
        for line in _whole_lines(self._path) if has_rows(folder) else ():
            _read(self._path, line)
            self._starts.append(start)
            start += len(line)

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: int) -> dict[str, Any]:
        with open(self._path, "rb") as file:
            file.seek(self._starts[number])
            return _read(self._path, file.readline())

    def __iter__(self) -> Iterator[dict[str, Any]]:
        # None at all, where those that are listed have not gone.
        return islice(_lines(self._path), len(self))


def has(folder: str, kept: KeptFile) -> bool:
    """Whether a file of the manifest is in the batch."""
    return os.path.lexists(os.path.join(folder, FILES, kept.stored))


def _lines(path: str) -> Iterator[dict[str, Any]]:
    return (_read(path, line) for line in _whole_lines(path))


def _whole_lines(path: str) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            # A crash can cut the last line short; nothing was moved on its account.
            yield from (line for line in file if line.endswith(b"\n"))
    except (FileNotFoundError, NotADirectoryError):
        return


def _read(path: str, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise QuarantineError(
            f"'{escaped(os.fsencode(path))}' holds a line that is no JSON object, as after a damage of the "
            "disk. The files of the batch are beside it, in the folder files."
        )
    return found
