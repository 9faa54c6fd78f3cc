# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A quarantine beside a media root, and batches that are filled without a plan."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Iterator

import pytest

from engine.config.jobs import site as site_of
from engine.config.site import Site
from engine.media.local import LocalStore
from engine.quarantine import store as quarantine
from engine.quarantine.writer import QuarantineWriter
from helpers.builders import Media

PLAN_ID = "20261121T020003Z-4f1c9d07aa"


class Kept:
    """A media root, its store, and its quarantine."""

    def __init__(self, media: Media, store: LocalStore, site: Site) -> None:
        self.media, self.store, self.site = media, store, site
        self.quarantine = site.quarantine or b""
        self.folder = Path(os.fsdecode(self.quarantine))

    def writer(self, job: str = "orphans", file_system: int = 7) -> QuarantineWriter:
        return QuarantineWriter(self.site, job, PLAN_ID, file_system)

    def batch(self, *paths: bytes, job: str = "orphans") -> str:
        """Move files into a new batch, and return its name."""
        self.media.write(*paths)
        with self.writer(job) as writer:
            writer.prepare(self.store, [(path, "orphan") for path in paths])
            for path in paths:
                state = self.store.check(path).state
                assert state is not None
                writer.remove(self.store, path, state)
            writer.sync()
        return writer.name

    @property
    def names(self) -> list[str]:
        return [info.name for info in quarantine.batches(self.quarantine)]


@pytest.fixture
def kept(media: Media, tmp_path: Path) -> Iterator[Kept]:
    options: dict[str, Any] = {
        "name": "kit",
        "database_url": f"sqlite:///{tmp_path}/none",
        "media_root": os.fsdecode(media.root),
        "quarantine": str(tmp_path / "quarantine"),
    }
    with LocalStore(media.root, 100) as store:
        yield Kept(media, store, site_of(options))
