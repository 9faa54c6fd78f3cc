# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A site with a quarantine, whose batches are listed, restored and purged by calling main()."""

from __future__ import annotations

import io
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.cli import described
from engine.cli import main as command
from engine.errors import Exit
from engine.quarantine import store as quarantine


class SiteWithBatches:
    """A small site on SQLite that was cleaned twice: each batch holds one orphan."""

    def __init__(self, folder: Path, database: Any) -> None:
        self.folder = folder
        self.photos = folder / "media" / "photos"
        self.photos.mkdir(parents=True)
        (folder / "config" / "sites").mkdir(parents=True)
        self.database = database
        database.run("CREATE TABLE photo (id integer PRIMARY KEY, image varchar(100) NOT NULL)")
        self.quarantine = folder / "quarantine"
        description = {
            "name": "kit",
            "database_url": database.url,
            "media_root": str(folder / "media"),
            "quarantine": str(self.quarantine),
            "age_stamp": "mtime",
            "max_removal_percent": 100,
            "accept": ["no_references", "path_mismatch"],
            "orphans": {"directories": ["photos"], "references": [{"table": "photo", "column": "image"}]},
        }
        (folder / "config" / "sites" / "kit.json").write_text(json.dumps(description))
        for name in ("first.jpg", "second.jpg"):
            self.write(name)
            assert self.run("orphans", "--force", "--quiet") == Exit.DONE
        assert self.files == set()

    def write(self, name: str) -> None:
        (self.photos / name).write_text("picture")
        os.utime(self.photos / name, (1e9, 1e9))
        # What changes while a run begins is young, whatever its mtime says.
        time.sleep(0.02)

    @property
    def files(self) -> set[str]:
        return {file.name for file in self.photos.iterdir()}

    @property
    def batches(self) -> list[str]:
        """The names of the batches, the oldest first."""
        return [info.name for info in quarantine.batches(os.fsencode(self.quarantine))]

    def run(self, subcommand: str, *arguments: str) -> int:
        return command.main([subcommand, "kit", *arguments, "--config", str(self.folder / "config")])


@pytest.fixture
def site_with_batches(tmp_path: Path, sqlite: Any, capsys: Any) -> SiteWithBatches:
    made = SiteWithBatches(tmp_path, sqlite)
    capsys.readouterr()
    return made


@pytest.fixture(params=["this process", "a process of its own"])
def site_by_any_process(
    site_with_batches: SiteWithBatches, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> SiteWithBatches:
    """A site that is worked on by this process, or by one that this one starts."""
    if request.param != "this process":
        worker = described.worker
        monkeypatch.setattr(
            described, "worker", lambda options: replace(worker(options), is_this_process=False)
        )
    return site_with_batches


class TerminalInput(io.StringIO):
    """What a person types at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets a person answer the next question."""

    def answer(text: str) -> None:
        monkeypatch.setattr("sys.stdin", TerminalInput(text))

    return answer
