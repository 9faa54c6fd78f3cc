# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What became of a plan that was applied."""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Protocol, TypeVar

from ..errors import UnreadableError
from ..kept import Code, Doubt, Kept
from ..media.store import Blocked, Changed, FileState, MediaStore, OtherMount
from ..plan.plan import Totals
from ..spool import Listed
from .remover import Remover


class File(Protocol):
    """A file of a plan."""

    @property
    def path(self) -> bytes: ...

    @property
    def state(self) -> FileState: ...


AnyFile = TypeVar("AnyFile", bound=File)


class Outcome:
    """Counts what was removed, and lists what was kept or could not be removed."""

    def __init__(self, max_listed: int, remover: Remover) -> None:
        self.remover = remover
        self.removed = Totals()
        self.kept: Listed[Kept] = Listed(max_listed)
        self.removed_items: Listed[Any] = Listed(max_listed)
        self.failed: Listed[Kept] = Listed(max_listed)
        # Records that reference another file now.
        self.relinks: Listed[Any] = Listed(max_listed)
        self.error = ""
        # What the run has recorded of the site, if anything, for the summary.
        self.recorded = ""
        self.dependents: dict[str, dict[str, int]] = {}
        # The first of these rows, in words.
        self.dependents_listed: Listed[str] = Listed(max_listed)

    def keep(self, name: bytes, code: Code, reason: str) -> None:
        """Note an item of the plan that is kept after all."""
        self.kept.add(Kept(name, code, reason))

    def keep_for(self, name: bytes, doubt: Doubt) -> None:
        self.keep(name, *doubt)

    def move(self, store: MediaStore, files: Iterable[AnyFile]) -> Iterator[AnyFile]:
        """Move files out of the store, and yield those that were moved; why others are kept is noted."""

        def moved(file: AnyFile) -> Exception | None:
            try:
                self.remover.remove(store, file.path, file.state)
            except (Changed, Blocked, UnreadableError, OSError) as error:
                return error
            return None

        for file, error in store.each(moved, files):
            if error is None:
                yield file
            else:
                self._note_kept(file.path, error)

    def _note_kept(self, path: bytes, error: Exception) -> None:
        if isinstance(error, Changed):
            self.keep(path, Code.CHANGED, f"it is kept: {error}")
        elif isinstance(error, OtherMount):
            self.keep(path, Code.OTHER_MOUNT, f"it is kept: {error}")
        elif isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            reason = f"it could not be removed: {error.strerror}"
            self.failed.add(Kept(path, Code.NOT_REMOVABLE, reason))
        else:
            self.keep(path, Code.BLOCKED, f"it is kept: the way to it has changed ({error})")

    def put_back(self, store: MediaStore, paths: Iterable[bytes]) -> Iterator[tuple[bytes, bool | None]]:
        """Put files back that were moved, each with whether it is back; None where another file has its name.

        One that cannot be put back is noted as failed, and stays where it is. Raises CleanupError where it
        is not certain that they stay back.
        """

        def put_back(path: bytes) -> Exception | None:
            try:
                self.remover.put_back(store, path)
            except (Blocked, OSError) as error:
                return error
            return None

        for path, error in store.each(put_back, paths):
            if isinstance(error, FileExistsError):
                yield path, None
                continue
            if error:
                why = error.strerror if isinstance(error, OSError) else error
                reason = f"it could not be put back ({why}), which the next run tries again; {self._place}"
                self.failed.add(Kept(path, Code.NOT_WRITABLE, reason))
            yield path, error is None
        store.sync()

    def note_replaced(self, path: bytes) -> None:
        """Note a file that was moved and cannot be put back, because another one has its name by now."""
        reason = f"the run failed after it was moved, and another file has its name by now; {self._place}"
        self.failed.add(Kept(path, Code.IN_THE_WAY, reason))

    @property
    def _place(self) -> str:
        name = self.remover.name
        return f"it is in batch {name}" if name else "it waits in the media root, as the next run reports"

    def confirm(self, store: MediaStore, files: Iterable[File]) -> None:
        """Count files that were moved as removed: nothing references them, asked once more."""
        for file, _nothing in store.each(lambda file: self.remover.confirm(file.path), files):
            self.removed.files += 1
            self.removed.bytes += file.state.size

    @property
    def batch(self) -> str:
        """The batch that keeps what was removed, empty if there is none."""
        return self.remover.name
