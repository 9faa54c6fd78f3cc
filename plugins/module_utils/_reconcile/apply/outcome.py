# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What became of a plan that was carried out."""

from __future__ import annotations

from typing import Any

from ..errors import UnreadableError
from ..media.local import Blocked, Changed, FileState, LocalStore
from ..plan.plan import Kept, Totals
from ..spool import Listed
from .remover import Remover


class Outcome:
    """Counts what was removed, and lists what was left alone or could not be removed."""

    def __init__(self, max_listed: int, taker: Remover) -> None:
        self.taker = taker
        self.removed = Totals()
        self.skipped: Listed[Kept] = Listed(max_listed)
        self.gone: Listed[Any] = Listed(max_listed)
        self.failed: Listed[Kept] = Listed(max_listed)
        self.error = ""
        self.dependents: dict[str, dict[str, int]] = {}

    def skip(self, name: bytes, reason: str) -> None:
        self.skipped.add(Kept(name, reason))

    def remove(self, tree: LocalStore, path: bytes, state: FileState) -> bool:
        """Remove a file, or note why it stays; says whether it went."""
        try:
            self.taker.take(tree, path, state)
        except Changed as error:
            self.skip(path, f"it was left alone: {error}")
        except (Blocked, UnreadableError, FileNotFoundError) as error:
            self.skip(path, f"it was left alone: the way to it has changed ({error})")
        except OSError as error:
            self.failed.add(Kept(path, f"it could not be removed: {error.strerror}"))
        else:
            self.removed.files += 1
            self.removed.bytes += state.size
            return True
        return False

    @property
    def batch(self) -> str:
        """The batch that keeps what was removed, empty if there is none."""
        return self.taker.name
