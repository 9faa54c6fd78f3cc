# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A database that lies in a listed directory."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.kept import Code
from helpers.builders import Media, Site, found, run


@pytest.fixture
def site_in_media(sqlite: Any, media: Media) -> Site:
    """A site whose database is a file in its media root, in WAL mode, with names that tell nothing."""
    return Site(replace(sqlite, url=f"sqlite:///{os.fsdecode(media.path('data.jpg'))}"), media)


@pytest.mark.promise(5)
@pytest.mark.parametrize("job", ["orphans", "incomplete"])
def test_the_sites_own_database_is_never_a_candidate(site_in_media: Site, tmp_path: Path, job: str) -> None:
    media = site_in_media.media
    media.write("lost.jpg")
    site_in_media.insert("lost.jpg" if job == "incomplete" else "kept.jpg", thumbnail="data.jpg")
    media.link("link.jpg", "data.jpg")
    os.link(media.path("data.jpg"), media.path("other name.jpg"))
    with closing(sqlite3.connect(os.fsdecode(media.path("data.jpg")))) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("UPDATE photo SET content_type_id = NULL")
        connection.commit()
        for path in media.files - {b"link.jpg"}:
            os.utime(media.path(path), (0, 0))
        made = (
            site_in_media.orphans()
            if job == "orphans"
            else site_in_media.incomplete(companion_columns=["thumbnail"])
        )
        plan, _outcome = run(made)
        kept = {entry.name for entry in plan.kept.items if entry.code is Code.DATABASE}
        assert found(plan) == [b"lost.jpg"]
        assert b"lost.jpg" not in media.files
        ours = {b"data.jpg", b"data.jpg-wal", b"data.jpg-shm", b"other name.jpg"}
        assert media.files == {b"link.jpg", *ours}
        assert kept == (ours if job == "orphans" else {b"data.jpg"})
