# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What becomes of the files and rows that a run removes: they are deleted for good, or kept in a batch."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Iterable, Protocol, Sequence

from ..media.store import FileState, MediaStore


class Remover(Protocol):
    """Removes the files and rows of one run. A context manager.

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
        """Remove a file from the store; raises Changed if it is not the one that was checked."""

    def sync(self) -> None:
        """Make what was removed durable."""


class PermanentRemover:
    """Files are deleted for good: there is no quarantine."""

    name = ""
    notes: Sequence[str] = ()

    def __enter__(self) -> PermanentRemover:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing to close."""

    def prepare(self, store: MediaStore, files: Iterable[tuple[bytes, str]]) -> None:
        """Nothing to prepare."""

    def archive(self, rows: Iterable[dict[str, Any]]) -> None:
        """Nothing to keep."""

    def roll_back(self) -> None:
        """Nothing was kept."""

    def remove(self, store: MediaStore, path: bytes, state: FileState) -> None:
        store.remove(path, state)

    def sync(self) -> None:
        """Nothing to keep."""
