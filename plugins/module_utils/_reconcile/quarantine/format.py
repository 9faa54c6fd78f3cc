# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The format of a batch, and how it is read.

A batch is one private folder below the quarantine:

- ``manifest.jsonl``: a first line about the run, then a line for each file. A line is on disk
  before its file moves, so that every file in the batch is accounted for after a crash too. After some
  files, a line says below which number all are confirmed, except for a few: the database was asked once
  more for them. A last line says so if the deletion of the rows was rolled back.
- ``files/``: the files, by the numbers that the manifest gives them. Names from the media store,
  however long or hostile, are only ever data in here.
- ``digests``: for each file that was copied and not renamed, the digest of its content, at its number
  times the length of a digest.
- ``rows.jsonl``: the removed and changed rows, on disk before the database commits.
- ``pinned``, an empty file: no purge deletes the batch.
"""

from __future__ import annotations

import errno
import json
import os
import re
from contextlib import ExitStack
from io import BytesIO
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import IO, Any, Collection, Iterable, Iterator, Mapping, NamedTuple, Sequence

from ..closable import Closable
from ..config.site import Column, column_of
from ..errors import QuarantineError, SiteError
from ..media.disk.copy import DIGEST_SIZE
from ..media.private_folder import PrivateFolder
from .lines import damaged, lines_of

MANIFEST, FILES, ROWS, DIGESTS = "manifest.jsonl", "files", "rows.jsonl", "digests"
# An empty file: no purge deletes the batch.
PINNED = "pinned"

FORMAT = 1

ROLLED_BACK = {"rows": "rolled back"}
# In the first line of a manifest: that files are confirmed here.
CONFIRMS = {"confirms": True}
_CONFIRMED, _BUT = "confirmed", "but"

# Files in one folder of a batch.
_FOLDER = 10_000


class QuarantinedFile(NamedTuple):
    """A line of the manifest: a file as it was in the media store, and why it went."""

    number: int
    path: bytes
    size: int
    mtime_ns: int
    atime_ns: int
    uid: int
    gid: int
    mode: int
    reason: str

    def as_line(self) -> bytes:
        """Its line, put together by hand in a fifth of the time that a general encoder takes."""
        number, path, *numbers, reason = self
        return (_LINE % (number, _quoted(as_text(path)), *numbers, _quoted(reason))).encode()

    @property
    def folder(self) -> str:
        """The folder below ``files/`` that it is in."""
        return f"{self.number // _FOLDER:05d}"

    @property
    def name(self) -> str:
        """Its name in that folder."""
        return f"{self.number:09d}"

    @property
    def stored(self) -> str:
        """Both, as a path below ``files/``."""
        return f"{self.folder}/{self.name}"


_FILE_FIELDS = {*QuarantinedFile._fields}
_FILE_TYPES = [str if name in ("path", "reason") else int for name in QuarantinedFile._fields]
_in_order = itemgetter(*QuarantinedFile._fields)
_HEADER_FIELDS = {
    **dict.fromkeys(("job", "site", "media_root"), str),
    "moment": float,
    "file_system": int,
    "references": list,
}
_ALL_CONFIRMED = re.compile(rb'\{"confirmed": \d+, "but": \[\]\}\n')
_CONFIRMED_FIELDS = {_CONFIRMED: int, _BUT: list}
_ROW_FIELDS = {
    "action": str,
    "schema": str,
    "table": str,
    "files": list,
    "key": list,
    "row": dict,
}
# The same with what a row that was pointed at another file has, beside these.
_FIELDS_OF_ANY_ROW = {**_ROW_FIELDS, "now": dict}


_quoted = json.encoder.encode_basestring_ascii
_LINE = "{{{}}}\n".format(", ".join(f'"{name}": %s' for name in QuarantinedFile._fields))
# JSON writes a float without a fraction as an integer.
_ACCEPTED: dict[type, tuple[type, ...]] = {float: (float, int)}


def confirmed(below: int, but: Collection[int]) -> dict[str, Any]:
    """The line that says which files are confirmed: those with a number below this one, with exceptions."""
    return {_CONFIRMED: below, _BUT: sorted(but)}


def _has_types(line: Mapping[str, Any], fields: Mapping[str, type]) -> bool:
    """Whether values have these types; what a line does not have, its reader has a value for."""
    return all(
        name not in line or isinstance(line[name], _ACCEPTED.get(kind, kind)) for name, kind in fields.items()
    )


def _describes_run(header: Mapping[str, Any]) -> bool:
    columns = header.get("references", [])
    return _has_types(header, _HEADER_FIELDS) and all(
        isinstance(column, list) and len(column) in (2, 3) and set(map(type, column)) == {str}
        for column in columns
    )


def _described_file(line: Mapping[str, Any]) -> QuarantinedFile | None:
    """The file that a line describes; None if it describes none."""
    if line.keys() != _FILE_FIELDS:
        return None
    values = _in_order(line)
    number, path, size, *others = values
    if [*map(type, values)] != _FILE_TYPES or not path or min(number, size, line["mode"]) < 0:
        return None
    return QuarantinedFile(number, as_path(path), size, *others)


def describes_row(line: Mapping[str, Any]) -> bool:
    """Whether a line describes a row."""
    is_complete = _ROW_FIELDS.keys() <= line.keys() <= _FIELDS_OF_ANY_ROW.keys()
    return is_complete and _has_types(line, _FIELDS_OF_ANY_ROW)


def as_text(path: bytes) -> str:
    """A path as JSON can carry it, every byte of it."""
    return path.decode("utf-8", "surrogateescape")


def as_path(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


class HeldFile(NamedTuple):
    """A file of a batch, with what is needed to bring it back; the folder is lent, as by ``folder_of``."""

    file: QuarantinedFile
    folder: PrivateFolder
    # That of a file that was copied; nothing but NULs, or empty, for one that was renamed.
    digest: bytes

    def damage(self) -> str:
        """What is wrong with it; empty if it is the one that was removed."""
        try:
            state = self.folder.state(self.file.name)
        except FileNotFoundError:
            return "it is gone from the quarantine, as by a rule of the bucket that deletes what is old"
        if state.kind != "file":
            return f"in quarantine it is a {state.kind}"
        if state.size != self.file.size:
            return f"in quarantine it has {state.size} bytes, and it had {self.file.size}"
        if any(self.digest):
            is_same = self.folder.digest(self.file.name) == self.digest
            return "" if is_same else "its copy in quarantine has another content"
        if not self.folder.keeps_times:
            return ""
        return "" if state.mtime_ns == self.file.mtime_ns else "it was written to in quarantine"


class Batch(Closable):
    """A batch that is read, in an open quarantine. A context manager, which closes the batch's folder.

    Raises QuarantineError for what a damage has left unreadable, and OSError.
    """

    def __init__(self, quarantine: PrivateFolder, folder: PrivateFolder, name: str) -> None:
        self.quarantine = quarantine
        self.folder = folder
        self.name = name
        self._stack = ExitStack()
        self._stack.push(folder)
        self._files: PrivateFolder | None = None
        # Kept open once somebody has asked: files are asked for in a row.
        self._digests: IO[bytes] | None = None
        # The folder of the file that was asked for last: neighbours come in a row.
        self._last: tuple[str, PrivateFolder | None] = ("", None)

    def close(self) -> None:
        if self._last[1]:
            self._last[1].close()
        self._stack.close()

    def header(self) -> dict[str, Any] | None:
        """The first line of the manifest; None where a run was killed before it had written it."""
        header = next(lines_of(self.folder, MANIFEST), None)
        if header is not None and not _describes_run(header):
            raise damaged(self.folder, MANIFEST, "that describes no run")
        return header

    def manifest(self) -> tuple[dict[str, Any], Iterator[QuarantinedFile]]:
        """The first line of the manifest, and its files.

        Raises QuarantineError if it has no such line, SiteError if it is of another format.
        """
        lines = lines_of(self.folder, MANIFEST)
        header = next(lines, None)
        if header is None:
            raise QuarantineError(
                f"batch {self.name} was left by a run that was killed at its beginning, before it took "
                "anything. The next purge removes it."
            )
        if header.get("format") != FORMAT:
            raise SiteError(
                f"batch {self.name} has the format {header.get('format')!r}, this release reads {FORMAT}. "
                "Use the release that wrote it."
            )
        if not _describes_run(header):
            raise damaged(self.folder, MANIFEST, "that describes no run")
        return header, (self._file(line) for line in lines if line != ROLLED_BACK and _CONFIRMED not in line)

    def _file(self, line: dict[str, Any]) -> QuarantinedFile:
        file = _described_file(line)
        if file is None:
            raise damaged(self.folder, MANIFEST, "that describes no file")
        return file

    def columns(self) -> list[Column]:
        """The columns that were asked for references to its files."""
        return list(map(column_of, (self.header() or {}).get("references", [])))

    def files(self) -> Iterator[QuarantinedFile]:
        """The files that the manifest names, whether they are in the batch or not."""
        return self.manifest()[1]

    def holds(self, file: QuarantinedFile) -> bool:
        """Whether a file of the manifest is in the batch."""
        folder = self._lent(file.folder)
        return folder is not None and folder.has(file.name)

    def present(self, files: Iterable[QuarantinedFile]) -> Iterator[QuarantinedFile]:
        """Those of some files that are in the batch, by one look into each folder that comes in a row."""
        for name, some in groupby(files, key=attrgetter("folder")):
            folder = self._lent(name)
            if folder is not None:
                is_there = folder.finder()
                yield from (file for file in some if is_there(file.name))

    def unconfirmed(self) -> list[QuarantinedFile]:
        """The files in the batch for which a run that was killed has not asked the database once more."""
        # A release that did not confirm files has left all of its batches so.
        if self._ends_confirmed() or not CONFIRMS.items() <= (self.header() or {}).items():
            return []
        below = 0
        exceptions: frozenset[int] = frozenset()
        for line in lines_of(self.folder, MANIFEST):
            if _CONFIRMED in line:
                if not _has_types(line, _CONFIRMED_FIELDS):
                    raise damaged(self.folder, MANIFEST, "that confirms no files")
                below, exceptions = line[_CONFIRMED], frozenset(line[_BUT])
        files = (file for file in self.files() if file.number >= below or file.number in exceptions)
        return list(self.present(files))

    def _ends_confirmed(self) -> bool:
        """Whether the last line confirms all, which spares reading the others."""
        with self.folder.read(MANIFEST) as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - 100))
            last = file.read().splitlines(keepends=True)[-1:]
        return bool(last and _ALL_CONFIRMED.fullmatch(last[0]))

    def held(self, file: QuarantinedFile) -> HeldFile:
        """A file that the batch holds, to be brought back. Raises FileNotFoundError if its folder is gone."""
        return HeldFile(file, self.folder_of(file), self._digest_of(file))

    def damage(self, file: QuarantinedFile) -> str:
        """What is wrong with a file that the batch holds; empty if it is the one that was removed."""
        return self.held(file).damage()

    def locks(self, files: Sequence[QuarantinedFile]) -> dict[int, str]:
        """Why the store lets nobody delete some of these files, by their numbers."""
        held = ((file, self.folder_of(file)) for file in files)
        asked = self.folder.each(lambda one: one[1].lock_on(one[0].name), held)
        return {file.number: lock for (file, _folder), lock in asked if lock}

    def _digest_of(self, file: QuarantinedFile) -> bytes:
        """The digest of a file that was copied; nothing but NULs, or empty, for one that was renamed."""
        if self._digests is None:
            try:
                self._digests = self._stack.enter_context(self.folder.read(DIGESTS))
            except FileNotFoundError:
                self._digests = BytesIO()
        self._digests.seek(file.number * DIGEST_SIZE)
        return self._digests.read(DIGEST_SIZE)

    def folder_of(self, file: QuarantinedFile) -> PrivateFolder:
        """Lend the folder that a file is in, until another file is asked for. Raises FileNotFoundError."""
        folder = self._lent(file.folder)
        if folder is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return folder

    def _lent(self, name: str) -> PrivateFolder | None:
        known, folder = self._last
        if known != name:
            if folder:
                folder.close()
            self._last = ("", None)
            self._last = (name, self._opened(name))
        return self._last[1]

    def _opened(self, name: str) -> PrivateFolder | None:
        try:
            if self._files is None:
                self._files = self._stack.enter_context(self.folder.folder(FILES))
            return self._files.folder(name)
        except FileNotFoundError:
            return None

    def has_rows(self) -> bool:
        """Whether rows are listed in the batch, and were deleted."""
        return self.folder.has(ROWS) and ROLLED_BACK not in lines_of(self.folder, MANIFEST)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows of the batch, one after the other; none if they were not deleted."""
        return lines_of(self.folder, ROWS) if self.has_rows() else iter(())


def stored_in(folder: PrivateFolder) -> Iterator[str]:
    """All files in the folder of a batch, as ``QuarantinedFile.stored`` has them, whether known or not."""
    try:
        files = folder.folder(FILES)
    except FileNotFoundError:
        return
    with files:
        for name in files.names():
            with files.folder(name) as inner:
                yield from (f"{name}/{stored}" for stored in inner.names())
