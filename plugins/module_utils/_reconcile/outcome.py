# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What became of a plan that was carried out."""

from __future__ import annotations

from typing import Any

from .errors import UnseenError
from .plan import Skipped, Totals
from .spool import Listed
from .tree import Changed, FileState, MediaTree, NotFollowed


class Outcome:
    """Counts what was removed, and lists what was left alone or could not be removed."""

    def __init__(self, max_listed: int) -> None:
        self.removed = Totals()
        self.skipped: Listed[Skipped] = Listed(max_listed)
        self.gone: Listed[Any] = Listed(max_listed)
        self.failed: Listed[Skipped] = Listed(max_listed)
        self.error = ""
        self.batch = ""

    def skip(self, name: bytes, reason: str) -> None:
        self.skipped.add(Skipped(name, reason))

    def remove(self, tree: MediaTree, path: bytes, state: FileState) -> bool:
        """Remove a file, or note why it stays; says whether it went."""
        try:
            tree.remove(path, state)
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
