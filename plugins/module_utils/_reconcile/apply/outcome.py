# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What became of a plan that was carried out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Iterable, Sequence

from ..errors import UnseenError
from ..media.local import Changed, FileState, MediaTree, NotFollowed
from ..plan.plan import Skipped, Totals
from ..spool import Listed


class Taker(ABC):
    """What becomes of the files and rows that a run removes. A context manager."""

    # The name of the batch that keeps them, empty if nothing does.
    name = ""

    def __enter__(self) -> Taker:
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
    def announce(self, tree: MediaTree, files: Iterable[tuple[bytes, str]]) -> None:
        """Hear which files come next, each with the reason why it goes."""

    @abstractmethod
    def archive(self, rows: Iterable[dict[str, Any]]) -> None:
        """Hear which rows go or change with the next commit; they are read only if asked for."""

    @abstractmethod
    def roll_back(self) -> None:
        """Hear that the rows that were archived have not gone."""

    @abstractmethod
    def take(self, tree: MediaTree, path: bytes, state: FileState) -> None:
        """Take a file out of the tree; raises Changed if it is not the one that was looked at."""

    @abstractmethod
    def settle(self) -> None:
        """Make what was taken last."""

    @abstractmethod
    def close(self) -> None:
        """End the run."""


class Deleting(Taker):
    """Files are deleted for good: there is no quarantine."""

    def announce(self, tree: MediaTree, files: Iterable[tuple[bytes, str]]) -> None:
        """Nothing to prepare."""

    def archive(self, rows: Iterable[dict[str, Any]]) -> None:
        """Nothing to keep."""

    def roll_back(self) -> None:
        """Nothing was kept."""

    def take(self, tree: MediaTree, path: bytes, state: FileState) -> None:
        tree.remove(path, state)

    def settle(self) -> None:
        """Nothing to keep."""

    def close(self) -> None:
        """Nothing to close."""


class Outcome:
    """Counts what was removed, and lists what was left alone or could not be removed."""

    def __init__(self, max_listed: int, taker: Taker) -> None:
        self.taker = taker
        self.removed = Totals()
        self.skipped: Listed[Skipped] = Listed(max_listed)
        self.gone: Listed[Any] = Listed(max_listed)
        self.failed: Listed[Skipped] = Listed(max_listed)
        self.error = ""
        self.dependents: dict[str, dict[str, int]] = {}

    def skip(self, name: bytes, reason: str) -> None:
        self.skipped.add(Skipped(name, reason))

    def remove(self, tree: MediaTree, path: bytes, state: FileState) -> bool:
        """Remove a file, or note why it stays; says whether it went."""
        try:
            self.taker.take(tree, path, state)
        except Changed as error:
            self.skip(path, f"it was left alone: {error}")
        except (NotFollowed, UnseenError, FileNotFoundError) as error:
            self.skip(path, f"it was left alone: the way to it has changed ({error})")
        except OSError as error:
            self.failed.add(Skipped(path, f"it could not be removed: {error.strerror}"))
        else:
            self.removed.files += 1
            self.removed.bytes += state.size
            return True
        return False

    @property
    def batch(self) -> str:
        """The batch that keeps what was removed, empty if there is none."""
        return self.taker.name
