# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A batch that is being filled: what a run removes is written down first, and then kept."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import time
from contextlib import suppress
from typing import IO, Any, Iterable

from ..config.site import Site
from ..errors import CleanupError
from ..media.copy import copy_over
from ..media.local import Blocked, Changed, FileState, LocalStore, require_same
from ..text import counted
from .batches import created, new_folder, prepare, sync, write_lines, writing
from .format import FILES, FORMAT, MANIFEST, ROLLED_BACK, ROWS, KeptFile, as_text


class QuarantineWriter:
    """A batch that is being filled; also the place that takes the files of a run."""

    def __init__(self, site: Site, job: str, plan_id: str, file_system: int) -> None:
        quarantine = site.quarantine or b""
        prepare(quarantine)
        self.name = f"{plan_id.partition('-')[0]}-{job}-{plan_id.partition('-')[2][:8]}"
        self._folder = new_folder(quarantine, self.name)
        self.name = os.path.basename(self._folder)
        self._number = 0
        self._announced: dict[bytes, KeptFile] = {}
        self._obstacles: dict[bytes, Exception] = {}
        self._without_attributes = 0
        # Handles of the folders that took files since these were last made to last.
        self._places: dict[str, int] = {}
        self._has_files = False
        self._rows: IO[bytes] | None = None
        header = {
            "format": FORMAT,
            "batch": self.name,
            "plan_id": plan_id,
            "job": job,
            "site": site.name,
            "media_root": as_text(site.media_root),
            "file_system": file_system,
            "moment": time.time(),
            "host": socket.gethostname(),
        }
        with writing():
            self._handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            self._manifest = created(os.path.join(self._folder, MANIFEST))
            os.mkdir(FILES, 0o700, dir_fd=self._handle)
            write_lines(self._manifest, [header])
            os.fsync(self._handle)

    def __enter__(self) -> QuarantineWriter:
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self.close()

    def close(self) -> None:
        """Let the handles go; a batch that kept nothing leaves no trace."""
        self._leave_places()
        os.close(self._handle)
        for file in (self._manifest, self._rows):
            # What a full disk kept from being written was told when it was written.
            with suppress(OSError):
                if file:
                    file.close()
        if not self._has_files and not self._rows:
            shutil.rmtree(self._folder)
            self.name = ""

    def announce(self, tree: LocalStore, files: Iterable[tuple[bytes, str]]) -> None:
        """Write down which files are about to come, and why; returns when that is on disk."""
        self._announced, self._obstacles = {}, {}
        for path, reason in files:
            try:
                handle, name = tree.parent_of(path)
                status = os.stat(name, dir_fd=handle, follow_symlinks=False)
            except FileNotFoundError:
                continue
            except (OSError, Blocked) as error:
                self._obstacles[path] = error
                continue
            self._announced[path] = KeptFile(
                self._number,
                path,
                status.st_size,
                status.st_mtime_ns,
                status.st_atime_ns,
                status.st_uid,
                status.st_gid,
                stat.S_IMODE(status.st_mode),
                reason,
            )
            self._number += 1
        with writing():
            write_lines(self._manifest, [kept.as_json() for kept in self._announced.values()])

    def take(self, tree: LocalStore, path: bytes, state: FileState) -> None:
        """Move a file in here. Raises Changed if it is not the one that was looked at."""
        if path in self._obstacles:
            raise self._obstacles[path]
        kept = self._announced.get(path)
        if kept is None:
            raise Changed("it was gone already")
        folder, name = kept.stored.split("/")
        place = self._place(folder)
        handle, source = tree.parent_of(path)
        require_same(handle, source, state)
        try:
            os.rename(source, name, src_dir_fd=handle, dst_dir_fd=place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._without_attributes += not copy_over(handle, source, place, name, state, kept.atime_ns)
            return
        _verify_moved(handle, source, place, name, state)

    def settle(self) -> None:
        """Make what was moved in here survive a power failure."""
        with writing():
            for handle in self._places.values():
                os.fsync(handle)
        self._leave_places()

    def _leave_places(self) -> None:
        for handle in self._places.values():
            os.close(handle)
        self._places = {}

    def archive(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write rows down; returns when they are on disk."""
        with writing():
            if self._rows is None:
                self._rows = created(os.path.join(self._folder, ROWS))
                os.fsync(self._handle)
            write_lines(self._rows, rows)

    @property
    def notes(self) -> list[str]:
        if not self._without_attributes:
            return []
        return [
            f"of {counted(self._without_attributes, 'file')}, not all extended attributes or ACLs are kept, "
            "because the quarantine's file system does not take them. Choose a place beside the media root."
        ]

    def roll_back(self) -> None:
        """Mark the batch: it lists rows that never went, and no file was touched."""
        if self._rows:
            # Without the mark, a restore finds the rows in their place, and says so.
            with suppress(CleanupError), writing():
                write_lines(self._manifest, [ROLLED_BACK])
            self.name = ""

    def _place(self, folder: str) -> int:
        if folder not in self._places:
            path = os.path.join(self._folder, FILES, folder)
            # It is there where it could be made and then not be opened.
            with suppress(FileExistsError):
                os.mkdir(path, 0o700)
            sync(os.path.dirname(path))
            self._has_files = True
            self._places[folder] = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        return self._places[folder]


def _verify_moved(handle: int, source: bytes, place: int, name: str, state: FileState) -> None:
    """Put back what was exchanged between the last look and the move; a move sets the ctime."""
    moved = FileState.of(os.stat(name, dir_fd=place, follow_symlinks=False))
    if moved[:-1] == state[:-1]:
        return
    if moved.kind == "directory":
        # It cannot be linked; a rename of a directory replaces an empty directory at most.
        os.rename(name, source, src_dir_fd=place, dst_dir_fd=handle)
        raise Changed("a directory came into its place at the last moment")
    try:
        os.link(name, source, src_dir_fd=place, dst_dir_fd=handle, follow_symlinks=False)
    except FileExistsError:
        raise Changed("it was exchanged at the last moment; what was moved is in quarantine") from None
    os.unlink(name, dir_fd=place)
    raise Changed("another file came into its place at the last moment")
