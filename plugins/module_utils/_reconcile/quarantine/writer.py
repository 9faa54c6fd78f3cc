# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A batch that is being filled: what a run removes is written down first, and then kept."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, Iterable, Mapping, Sequence

from ..closable import Closable
from ..config.site import Column, Site
from ..errors import CleanupError, QuarantineError
from ..media.private_folder import NewFile, PrivateFolder
from ..media.store import RENAMED, Blocked, Changed, FileMarks, FileState, MediaStore
from ..text import counted, escaped, remedy
from .format import (
    CONFIRMS,
    DIGESTS,
    FILES,
    FORMAT,
    MANIFEST,
    ROLLED_BACK,
    ROWS,
    QuarantinedFile,
    as_text,
    confirmed,
)
from .place import place_of
from .store import prepared, write_lines, write_whole, writing


class BatchWriter(Closable):
    """A new batch in an open folder, into which files are moved. A context manager; closes the folder too.

    ``name`` is that of the batch; empty once it is known that it holds nothing. Several threads may move
    different files in and out at the same time, between a ``prepare`` and the ``sync`` behind it.
    """

    def __init__(self, quarantine: PrivateFolder, name: str, header: Mapping[str, Any]) -> None:
        self.name = name
        self._quarantine = quarantine
        self._number = 0
        self._prepared: dict[bytes, QuarantinedFile] = {}
        self._obstacles: dict[bytes, Exception] = {}
        self._without_attributes = 0
        # The digests of files that were copied since the last sync, by their numbers.
        self._copied: dict[int, bytes] = {}
        # Held while what is counted here changes.
        self._counting = threading.Lock()
        # The folders into which files were moved since the last sync.
        self._filling: dict[str, PrivateFolder] = {}
        # How many files are in here; and the numbers of those for which nobody has asked once more.
        self._held = 0
        self._unconfirmed: set[int] = set()
        self._rows: NewFile | None = None
        self._digests: NewFile | None = None
        with writing(), ExitStack() as stack:
            stack.push(quarantine)
            quarantine.require_safe_moves()
            self.name = _new_folder(quarantine, name)
            self._folder = stack.enter_context(quarantine.folder(self.name))
            self._manifest = stack.enter_context(self._folder.create(MANIFEST))
            self._folder.make_folder(FILES)
            self._files = stack.enter_context(self._folder.folder(FILES))
            write_lines(self._manifest, [{**header, **CONFIRMS, "format": FORMAT, "batch": self.name}])
            self._folder.sync()
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Close all that is open; a batch that holds nothing is deleted."""
        self._close_filled()
        with self._stack:
            for file in (self._manifest, self._rows, self._digests):
                # An error of a full disk was reported when the line was written.
                with suppress(OSError):
                    if file:
                        file.close()
            if self.is_empty:
                with writing():
                    self._quarantine.remove_tree(self.name)
                self.name = ""

    def prepare(self, store: MediaStore, files: Iterable[tuple[bytes, str]]) -> None:
        """Write down which files are about to be moved in, and why; returns when that is on disk."""
        self._prepared, self._obstacles = {}, {}
        for (path, reason), found in store.each(partial(_described, store), files):
            if isinstance(found, FileMarks):
                self._prepared[path] = QuarantinedFile(self._number, path, *found, reason)
                self._number += 1
            elif not isinstance(found, FileNotFoundError):
                self._obstacles[path] = found
        with writing():
            write_whole(self._manifest, (file.as_line() for file in self._prepared.values()))

    def remove(self, store: MediaStore, path: bytes, state: FileState) -> None:
        """Move a file in here, as ``MediaStore.move_out`` does and with its errors."""
        if path in self._obstacles:
            raise self._obstacles[path]
        file = self._prepared.get(path)
        if file is None:
            raise Changed("it was already removed")
        folder = self._folder_for(file)
        # Before the move: whatever happens in it, a batch that may hold the file is not deleted as empty,
        # and nobody has asked for the file once more.
        self._count(1, file)
        try:
            moved = store.move_out(path, state, folder, file.name)
        except (Changed, Blocked, OSError, CleanupError) as error:
            if not _may_hold(folder, file.name):
                self._count(-1, file)
            elif not isinstance(error, OSError):
                self._count(0, file)
            raise
        if moved is not RENAMED:
            with self._counting:
                self._without_attributes += not moved.has_all_attributes
                if moved.digest:
                    self._copied[file.number] = moved.digest

    def _count(self, more: int, file: QuarantinedFile) -> None:
        """Note that so many more files are in here; nobody has asked once more for a file that has come."""
        with self._counting:
            self._held += more
            if more > 0:
                self._unconfirmed.add(file.number)
            else:
                self._unconfirmed.discard(file.number)

    def _note_digests(self) -> None:
        if self._digests is None:
            self._digests = self._folder.create(DIGESTS)
        for number, digest in sorted(self._copied.items()):
            self._digests.fill_to(number * len(digest))
            self._digests.write(digest)
        self._copied = {}
        self._digests.sync()

    def put_back(self, store: MediaStore, path: bytes) -> None:
        """Bring back a file that was removed since the last ``prepare``, as ``MediaStore.put_back`` does."""
        file = self._prepared[path]
        store.put_back(self._folder_for(file), file.name, path)
        self._count(-1, file)

    def delete(self, path: bytes) -> None:
        """Delete a file for good that was removed since the last ``prepare``."""
        file = self._prepared[path]
        with writing():
            self._folder_for(file).remove(file.name)
        self._count(-1, file)

    @property
    def is_empty(self) -> bool:
        """Whether it holds no file and no row."""
        return not self._held and not self._rows

    def sync(self) -> None:
        """Sync what was moved in here, so that it survives a power failure."""
        with writing():
            if self._copied:
                self._note_digests()
            for folder in self._filling.values():
                folder.sync()
        self._close_filled()

    def archive(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write rows down; returns when they are on disk."""
        with writing():
            if self._rows is None:
                self._rows = self._folder.create(ROWS)
                self._folder.sync()
            write_lines(self._rows, rows)

    @property
    def notes(self) -> list[str]:
        """What a person should know of how the files are kept."""
        if not self._without_attributes:
            return []
        return [
            f"of {counted(self._without_attributes, 'file')}, not all extended attributes or ACLs are kept, "
            f"because {self._quarantine.why_less}."
        ]

    def roll_back(self) -> None:
        """Mark the batch: it lists rows that were not removed, and no file was touched."""
        if self._rows:
            # Without the mark, a restore finds the rows in their place, and says so.
            with suppress(CleanupError), writing():
                write_lines(self._manifest, [ROLLED_BACK])
            self.name = ""

    def _folder_for(self, file: QuarantinedFile) -> PrivateFolder:
        name = file.folder
        folder = self._filling.get(name)
        if folder is not None:
            return folder
        with self._counting:
            if name not in self._filling:
                # It is there where it could be made and then not be opened.
                with suppress(FileExistsError):
                    self._files.make_folder(name)
                self._files.sync()
                self._filling[name] = self._files.folder(name)
            return self._filling[name]

    def _close_filled(self) -> None:
        for folder in self._filling.values():
            folder.close()
        self._filling = {}


class QuarantineWriter(BatchWriter):
    """A batch of a site's quarantine, which keeps what a run removes.

    ``columns`` are those that were asked for references: a purge asks them again.
    """

    def __init__(
        self, site: Site, job: str, plan_id: str, file_system: int, columns: Sequence[Column] = ()
    ) -> None:
        name = f"{plan_id.partition('-')[0]}-{job}-{plan_id.partition('-')[2][:8]}"
        header = {
            **_header(site, job, plan_id, file_system),
            "references": [column.written for column in columns],
        }
        super().__init__(prepared(place_of(site)), name, header)

    def confirm(self, path: bytes) -> None:
        """Keep a file in here for good."""
        self._unconfirmed.discard(self._prepared[path].number)

    def finish(self) -> None:
        """Write down which files are confirmed; what a run that is killed leaves unconfirmed belongs back."""
        with writing():
            write_lines(self._manifest, [confirmed(self._number, self._unconfirmed)])


def _described(store: MediaStore, file: tuple[bytes, str]) -> FileMarks | Exception:
    try:
        return store.describe(file[0])
    except (OSError, Blocked) as error:
        return error


def _may_hold(folder: PrivateFolder, name: str) -> bool:
    """Whether an entry may be there, asked now: what was listed before knows nothing of this move."""
    try:
        folder.state(name)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _new_folder(quarantine: PrivateFolder, name: str) -> str:
    """Make the folder of a batch, and return its name, which has a number if need be."""
    for number in range(100):
        numbered = f"{name}-{number}" if number else name
        try:
            quarantine.make_folder(numbered)
            quarantine.sync()
        except FileExistsError:
            continue
        except OSError as error:
            raise QuarantineError(
                f"the quarantine '{escaped(quarantine.path)}' cannot hold a new batch: {error.strerror}. "
                f"Nothing was removed. {remedy(error, 'Let this user write there.')}"
            ) from None
        return numbered
    raise QuarantineError(
        f"the quarantine '{escaped(quarantine.path)}' holds a hundred batches {name} already."
    )


def _header(site: Site, job: str, plan_id: str, file_system: int) -> dict[str, Any]:
    return {
        "plan_id": plan_id,
        "job": job,
        "site": site.name,
        "media_root": as_text(site.media_root),
        "file_system": file_system,
        "moment": time.time(),
        "host": socket.gethostname(),
    }
