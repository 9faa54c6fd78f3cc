# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a folder offers that only its owner may write to, such as the quarantine, wherever it is.

It asks for nothing that a bucket cannot do: a file is written from its beginning to its end, what was
written is safe after ``sync``, and a file is replaced as a whole.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from typing import IO, Callable, Iterable, Iterator

from ..closable import Closable
from ..errors import RefusedError
from ..text import escaped
from .each import Item, Result, one_by_one
from .s3.place import UNCONDITIONAL_DELETE, why_unconditional
from .store import FileState


class NewFile(Closable):
    """A file that is being written. A context manager, which closes it."""

    @abstractmethod
    def write(self, data: bytes) -> object:
        """Write at the end."""

    @abstractmethod
    def fill_to(self, size: int) -> None:
        """Write NULs until the file has so many bytes, which are not fewer than it has."""

    @abstractmethod
    def sync(self) -> None:
        """Return when what was written survives a power failure."""

    @abstractmethod
    def close(self) -> None:
        """Write what is not written yet, and close the file; more than once does no harm."""


class PrivateFolder(Closable):
    """An open private folder. A context manager; ``path`` is where it was, for messages only.

    Raises OSError for what the disk or the bucket refuses, and QuarantineError for a folder that is not
    private. Names are those of entries of this folder, without a slash.
    """

    # Whether a file that was moved in has the time of its last change that it had before.
    keeps_times = True
    # Why a file that was moved in may have less than it had.
    why_less = "the quarantine's file system cannot hold them. Choose a place beside the media root"

    def __init__(self, path: bytes, what: str) -> None:
        self.path = path
        # Its name in messages: "the quarantine".
        self._what = what

    @abstractmethod
    def close(self) -> None:
        """Close the folder, which ends its lock; more than once does no harm."""

    def path_of(self, name: str) -> bytes:
        """The path of an entry, for messages."""
        return os.path.join(self.path, os.fsencode(name))

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
        """Do the same work on many entries, as ``MediaStore.each`` does."""
        return one_by_one(work, items)

    @abstractmethod
    def lock(self) -> None:
        """Lock the folder until it is closed; raises BusyError."""

    @abstractmethod
    def sync(self) -> None:
        """Return when the folder's new entries survive a power failure."""

    @abstractmethod
    def moves_safely(self) -> bool:
        """Whether a file that is moved here cannot take another one with it; a bucket tries that, once."""

    def require_safe_moves(self) -> None:
        """Raise RefusedError where a file that is moved here could take another one with it."""
        if not self.moves_safely():
            why = why_unconditional(escaped(self.path))
            raise RefusedError(f"refused by the guard {UNCONDITIONAL_DELETE}: {why} Nothing was removed.")

    # What is in it.

    @abstractmethod
    def names(self) -> list[str]:
        """The names of all entries, sorted."""

    @abstractmethod
    def has(self, name: str) -> bool:
        """Whether there is an entry of that name, whatever it is."""

    def finder(self) -> Callable[[str], bool]:
        """What says the same of many names in a row; it may know what was there when it was asked for."""
        return self.has

    @abstractmethod
    def state(self, name: str) -> FileState:
        """The state of an entry that was moved in. Raises FileNotFoundError."""

    @abstractmethod
    def digest(self, name: str) -> bytes:
        """What ``MovedOut`` says as the digest of a file that was moved in and has the same content."""

    def require_private(self) -> None:
        """Raise QuarantineError if others may read what is in it by now; else it is private when opened."""

    def lock_on(self, name: str) -> str:
        """Why nobody may delete an entry that was moved in yet, as words; empty if nothing forbids it."""
        return ""

    @abstractmethod
    def make_folder(self, name: str) -> None:
        """Make a folder in this one; raises FileExistsError if there is an entry of that name."""

    @abstractmethod
    def folder(self, name: str) -> PrivateFolder:
        """Open a folder in this one, which has to be private too.

        Where there is none, that raises FileNotFoundError, or opens one in which nothing is.
        """

    @abstractmethod
    def create(self, name: str) -> NewFile:
        """Begin a new file; a file of its name is left from a killed run, and is replaced."""

    @abstractmethod
    def read(self, name: str) -> IO[bytes]:
        """Open a file for reading that was made by ``create``, from its beginning or from where one seeks."""

    def content(self, name: str, most: int) -> bytes | None:
        """The content of a file that was moved in; None for one that is longer than this."""
        with self.read(name) as file:
            found = file.read(most + 1)
        return found if len(found) <= most else None

    @abstractmethod
    def read_here(self, name: str) -> IO[bytes]:
        """The same as a file of this host, with a descriptor: for what is read here and there."""

    # Removing.

    @abstractmethod
    def rename(self, old: str, new: str) -> None:
        """Rename a file that was made by ``create``; a file of the new name is replaced as a whole."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Delete a file."""

    @abstractmethod
    def remove_tree(self, name: str) -> None:
        """Delete a folder with all that is in it."""
