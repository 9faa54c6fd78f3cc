# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Purges batches without asking a database, for tests of other things."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Collection

from engine.quarantine import purging
from engine.quarantine import store as quarantine
from engine.quarantine.store import BatchInfo
from engine.text import escaped


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
        selected = [
            info
            for info in purging.found(folder, names)
            if (names is None or info.name in names)
            and (days is None or info.moment <= time.time() - days * 86400)
            and (media_root is None or info.media_root == escaped(media_root))
        ]
        if not check:
            folder.lock()
            for info in selected:
                purging.delete(folder, info.name)
            purging.tidy(folder)
    return selected


def announce(place: str | os.PathLike[str], days: float = 2) -> None:
    """Let purges have announced all batches of a quarantine so many days ago."""
    folder = Path(place)
    names = [batch.name for batch in folder.glob("*Z-*")]
    for file in (folder / ".state").glob("*.json"):
        state = json.loads(file.read_text())
        state["announced_purge"] = {name: time.time() - days * 86400 for name in names}
        file.write_text(json.dumps(state))
