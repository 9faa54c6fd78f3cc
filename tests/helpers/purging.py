# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Purges batches without asking a database, for tests of other things."""

from __future__ import annotations

from typing import Collection

from engine.quarantine import purging
from engine.quarantine import store as quarantine
from engine.quarantine.purging import Wanted
from engine.quarantine.store import BatchInfo


def purge(
    place: bytes,
    names: Collection[str] | None = None,
    days: int | None = None,
    check: bool = False,
    media_root: bytes | None = None,
) -> list[BatchInfo]:
    """Delete the batches that are meant, whatever is referenced; return which."""
    with quarantine.in_words(), quarantine.opened_if_there(place) as folder:
        if folder is None:
            for name in names or ():
                quarantine.known(place, None, name)
            return []
        selected = purging.select(folder, Wanted(names, days, media_root))
        if not check:
            folder.lock()
            for info in selected:
                purging.delete(folder, info.name)
            purging.tidy(folder)
    return selected
