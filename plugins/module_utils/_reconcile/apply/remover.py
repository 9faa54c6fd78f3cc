# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What becomes of the files and rows that a run removes: they are deleted for good, or kept in a batch."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Iterable, Protocol, Sequence

from ..closable import Closable
from ..media.store import FileState, MediaStore
from ..quarantine import holding
from ..quarantine.writer import BatchWriter


class Remover(Protocol):
    """Removes the files and rows of one run. A context manager.

    Several threads may remove, put back and confirm different files at the same time.

    ``quarantine.writer.QuarantineWriter`` keeps them, ``PermanentRemover`` does not.
    """

    @property
    def name(self) -> str:
        """The name of the batch that keeps them; empty if nothing does."""

    @property
    def notes(self) -> Sequence[str]:
        """What a person should know of how they are kept."""

    def __enter__(self) -> Any: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def prepare(self, store: MediaStore, files: Iterable[tuple[bytes, str]]) -> None:
        """Get ready for the next files, each with the reason why it is removed."""

    def archive(self, rows: Iterable[dict[str, Any]]) -> None:
        """Archive the rows that the next commit changes; they are read only if something keeps them."""

    def roll_back(self) -> None:
        """Forget the rows that were archived: their transaction was rolled back."""

    def remove(self, store: MediaStore, path: bytes, state: FileState) -> None:
        """Move a file out of the store; raises Changed if it is not the one that was checked."""

    def sync(self) -> None:
        """Make what was removed durable."""

    def put_back(self, store: MediaStore, path: bytes) -> None:
        """Bring a file back that was removed since the last ``prepare``; overwrites nothing.

        Raises what ``MediaStore.put_back`` raises; the file is kept where it is, then.
        """

    def confirm(self, path: bytes) -> None:
        """Hear that a removed file may go: the database was asked once more."""

    def finish(self) -> None:
        """End what ``prepare`` began: all files were confirmed or put back, as far as that was possible."""


class PermanentRemover(Closable):
    """Files are deleted for good: there is no quarantine.

    Until the database was asked once more they wait in a private folder of the store, with a manifest
    of where they belong: what a run that is killed leaves there, the next run puts back.
    """

    name = ""
    notes: Sequence[str] = ()

    _writer: BatchWriter | None = None

    def close(self) -> None:
        if self._writer:
            self._writer.close()
            self._writer = None

    def prepare(self, store: MediaStore, files: Iterable[tuple[bytes, str]]) -> None:
        if self._writer is None:
            self._writer = holding.writer(store)
        self._writer.prepare(store, files)

    def archive(self, rows: Iterable[dict[str, Any]]) -> None:
        """Nothing to keep."""

    def roll_back(self) -> None:
        """Nothing was kept."""

    def remove(self, store: MediaStore, path: bytes, state: FileState) -> None:
        self._opened.remove(store, path, state)

    def sync(self) -> None:
        self._opened.sync()

    def put_back(self, store: MediaStore, path: bytes) -> None:
        self._opened.put_back(store, path)

    def confirm(self, path: bytes) -> None:
        self._opened.delete(path)

    def finish(self) -> None:
        if self._writer:
            self._writer.close()
            self._writer = None

    @property
    def _opened(self) -> BatchWriter:
        if self._writer is None:
            raise RuntimeError("a file is removed that was not prepared")
        return self._writer
