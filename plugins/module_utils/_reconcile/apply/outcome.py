# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What became of a plan that was applied."""

from __future__ import annotations

from typing import Any

from ..errors import UnreadableError
from ..kept import Code, Doubt, Kept
from ..media.store import Blocked, Changed, FileState, MediaStore, OtherMount
from ..plan.plan import Totals
from ..spool import Listed
from .remover import Remover


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

    def move(self, store: MediaStore, path: bytes, state: FileState) -> bool:
        """Move a file out of the store, or note why it is kept; says whether it was moved."""
        try:
            self.remover.remove(store, path, state)
        except Changed as error:
            self.keep(path, Code.CHANGED, f"it is kept: {error}")
        except OtherMount as error:
            self.keep(path, Code.OTHER_MOUNT, f"it is kept: {error}")
        except (Blocked, UnreadableError, FileNotFoundError) as error:
            self.keep(path, Code.BLOCKED, f"it is kept: the way to it has changed ({error})")
        except OSError as error:
            reason = f"it could not be removed: {error.strerror}"
            self.failed.add(Kept(path, Code.NOT_REMOVABLE, reason))
        else:
            return True
        return False

    def put_back(self, store: MediaStore, path: bytes) -> bool | None:
        """Put a file back that was moved; None where another file has its name by now.

        One that cannot be put back is noted as failed, and stays where it is.
        """
        try:
            self.remover.put_back(store, path)
        except FileExistsError:
            return None
        except (Blocked, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            reason = f"it could not be put back ({why}), which the next run tries again; {self._place}"
            self.failed.add(Kept(path, Code.NOT_WRITABLE, reason))
            return False
        return True

    def note_replaced(self, path: bytes) -> None:
        """Note a file that was moved and cannot be put back, because another one has its name by now."""
        reason = f"the run failed after it was moved, and another file has its name by now; {self._place}"
        self.failed.add(Kept(path, Code.IN_THE_WAY, reason))

    @property
    def _place(self) -> str:
        name = self.remover.name
        return f"it is in batch {name}" if name else "it waits in the media root, as the next run reports"

    def confirm(self, path: bytes, state: FileState) -> None:
        """Count a file that was moved as removed: nothing references it, asked once more."""
        self.remover.confirm(path)
        self.removed.files += 1
        self.removed.bytes += state.size

    @property
    def batch(self) -> str:
        """The batch that keeps what was removed, empty if there is none."""
        return self.remover.name
