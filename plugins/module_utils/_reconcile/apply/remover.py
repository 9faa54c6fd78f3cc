# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What becomes of the files and rows that a run removes."""

from __future__ import annotations

from abc import abstractmethod
from types import TracebackType
from typing import Any, Iterable, Protocol, Sequence

from ..media.local import FileState, LocalStore


class Remover(Protocol):
    """What becomes of the files and rows that a run removes. A context manager."""

    # The name of the batch that keeps them, empty if nothing does.
    name: str = ""

    def __enter__(self) -> Remover:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def notes(self) -> Sequence[str]:
        """What a person should know of how they are kept."""
        return ()

    @abstractmethod
    def announce(self, tree: LocalStore, files: Iterable[tuple[bytes, str]]) -> None:
        """Hear which files come next, each with the reason why it goes."""

    @abstractmethod
    def archive(self, rows: Iterable[dict[str, Any]]) -> None:
        """Hear which rows go or change with the next commit; they are read only if asked for."""

    @abstractmethod
    def roll_back(self) -> None:
        """Hear that the rows that were archived have not gone."""

    @abstractmethod
    def take(self, tree: LocalStore, path: bytes, state: FileState) -> None:
        """Take a file out of the tree; raises Changed if it is not the one that was looked at."""

    @abstractmethod
    def settle(self) -> None:
        """Make what was taken last."""

    @abstractmethod
    def close(self) -> None:
        """End the run."""


class PermanentRemover(Remover):
    """Files are deleted for good: there is no quarantine."""

    def announce(self, tree: LocalStore, files: Iterable[tuple[bytes, str]]) -> None:
        """Nothing to prepare."""

    def archive(self, rows: Iterable[dict[str, Any]]) -> None:
        """Nothing to keep."""

    def roll_back(self) -> None:
        """Nothing was kept."""

    def take(self, tree: LocalStore, path: bytes, state: FileState) -> None:
        tree.remove(path, state)

    def settle(self) -> None:
        """Nothing to keep."""

    def close(self) -> None:
        """Nothing to close."""
