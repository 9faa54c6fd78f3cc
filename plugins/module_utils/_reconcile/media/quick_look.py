# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""placeholder until the media room arrives"""

from __future__ import annotations

from itertools import groupby
from typing import AbstractSet

from ..compare.present import Presence
from .local import LocalStore
from .paths import outside


class QuickLook:
    def __init__(self, store: LocalStore) -> None:
        self._store = store
        self._presence = Presence(store)

    def not_found(self, paths: list[bytes]) -> list[bytes]:
        left: list[bytes] = []
        for prefix, some in groupby(paths, key=lambda path: path[: path.rfind(b"/") + 1]):
            together = list(some)
            names = [path[len(prefix) :] for path in together]
            there: AbstractSet[bytes] = (
                frozenset() if outside(prefix) else self._presence.those_there(prefix[:-1], names)
            )
            left += [
                path
                for path, name in zip(together, names)
                if name not in there and not self._store.is_next_to_last(path)
            ]
        return left
