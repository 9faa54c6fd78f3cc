# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.compare.folders.claimed import claimed_folders
from engine.config.jobs import orphans_job
from engine.config.site import Claims, Column
from engine.session import open_session
from helpers.options import or_for_good

FILE = Column("filer_file", "file")


@pytest.mark.promise(13)
def test_a_reference_shows_its_folder_only_where_its_file_is_there(sqlite: Any, tmp_path: Path) -> None:
    """A row whose file is in another storage may name a folder that is somebody else's here."""
    media = tmp_path / "media"
    for path in ("public/a.jpg", "11/somebody.jpg"):
        (media / path).parent.mkdir(parents=True)
        (media / path).write_bytes(b"picture")
    sqlite.run("CREATE TABLE filer_file (id integer PRIMARY KEY, file text)")
    sqlite.insert("filer_file", [{"file": path} for path in ("public/a.jpg", "11/2d/b.jpg", "34/c.jpg")])
    options = {
        "database_url": sqlite.url,
        "media_root": str(media),
        "directories": ["."],
        "references": [{"table": "filer_file", "column": "file"}],
    }
    job = orphans_job(or_for_good(options))

    with open_session(job.site, read_only=True) as session:
        claims = Claims((FILE,), ())
        folders, notes = claimed_folders(job, claims, session.media, session.database)

    assert b"public" in folders
    assert not {b"11", b"34"} & set(folders)
    assert notes == []
