# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Purges of a site's quarantine, and others that ask no database, for tests of other things."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Collection

from engine.apply.purge_items import carry_out
from engine.config.purge import purge_of
from engine.quarantine import purging
from engine.quarantine import store as quarantine
from engine.quarantine.store import BatchInfo
from engine.text import escaped
from helpers.builders import Site, run


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


class Purging:
    """A site whose orphans were removed into a quarantine, and purges of it."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site = site
        self.folder = folder

    def clean(self, *paths: str | bytes, **options: Any) -> str:
        """Remove files that nothing references, and return the name of their batch."""
        self.site.media.write(*paths)
        _plan, outcome = run(self.site.orphans(quarantine=str(self.folder), **options))
        return str(outcome.batch)

    def purge(self, check: bool = False, **options: Any) -> Any:
        """By age, of what was announced two days ago."""
        announce(self.folder)
        return self.first_purge(check, **options)

    def contents(self, batch: str) -> bytes:
        """All that the files of a batch say, its lists and its digests included."""
        return b"".join(file.read_bytes() for file in (self.folder / batch).rglob("*") if file.is_file())

    def first_purge(self, check: bool = False, **options: Any) -> Any:
        named = "batch" in options or "batches" in options
        columns = [{"table": "photo", "column": name} for name in ("image", "thumbnail")]
        basics = {**self.site.basics, "accept": [], "references": columns, "quarantine": str(self.folder)}
        age = {} if named or "older_than_days" in options else {"older_than_days": 0}
        return carry_out(purge_of({**basics, **age, **options}), check)

    @property
    def names(self) -> list[str]:
        return [info.name for info in quarantine.batches(os.fsencode(self.folder))]

    @property
    def held(self) -> list[str]:
        """The paths that are in quarantine."""
        return [path for name in self.names for path in quarantine.paths_in(os.fsencode(self.folder), name)]
