# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The subcommand references: what all jobs of a site reference, as one whole file."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from engine.cli import references as command
from engine.errors import Exit


@pytest.fixture
def site(site_by_any_process: Any) -> Any:
    return site_by_any_process


def describe(site: Any, **more: Any) -> None:
    file = site.folder / "config" / "sites" / "kit.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **more}))


@pytest.fixture
def filled(site: Any, sqlite: Any) -> Any:
    """A site with a job whose companion files no column of the job orphans holds."""
    sqlite.run("CREATE TABLE video (id integer PRIMARY KEY, file varchar(100), still varchar(100))")
    sqlite.insert("photo", [{"id": 1, "image": "photos/a b.jpg"}, {"id": 2, "image": 'photos/"c",\nd.jpg'}])
    sqlite.insert("video", [{"id": 1, "file": "videos/a.mp4", "still": "stills/a.jpg"}])
    describe(site, missing=[{"table": "video", "file_column": "file", "companion_columns": ["still"]}])
    return site


def test_the_columns_of_all_jobs_are_exported(filled: Any, tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "references.csv"
    file.write_text("what was there")
    file.chmod(0o644)
    assert filled.run("references", "--export", str(file)) == Exit.DONE
    header, *keys = file.read_text().splitlines()
    assert header == "key"
    assert sorted(keys) == [
        "photos/%22c%22%2C%0Ad.jpg",
        "photos/a+b.jpg",
        "stills/a.jpg",
        "videos/a.mp4",
    ]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "4 keys" in capsys.readouterr().out


def test_an_export_that_breaks_off_leaves_what_was_there(
    filled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    file = tmp_path / "references.csv"
    file.write_text("what was there")
    describe(filled, missing=[{"table": "nowhere", "file_column": "file"}])
    assert filled.run("references", "--export", str(file)) == Exit.UNUSABLE
    assert "nowhere" in capsys.readouterr().err
    assert file.read_text() == "what was there"
    assert [path.name for path in tmp_path.glob(".references*")] == []


def test_jobs_of_several_media_roots_have_no_export_together(
    filled: Any, tmp_path: Path, capsys: Any
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    missing = {"table": "video", "file_column": "file", "media_root": str(other)}
    describe(filled, missing=[missing])
    assert filled.run("references", "--export", str(tmp_path / "file")) == Exit.UNUSABLE
    assert "several databases or media roots" in capsys.readouterr().err


def test_memory_does_not_grow_with_the_references(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts go out one by one: nothing waits for the last one."""
    emitted: list[Any] = []
    database = type("Database", (), {"notes": ()})()

    def keys(*_about: Any) -> Any:
        for number in range(3):
            yield [f"{number}.jpg"]
            assert emitted[-1] == f"{number}.jpg\n", "a part is emitted before the next one is read"

    monkeypatch.setattr(command, "referenced_keys", keys)
    monkeypatch.setattr(command, "connect", lambda *_about, **_how: _Opened(database))
    monkeypatch.setattr(command.described, "all_jobs", lambda _options: [_job()])
    options = command.argparse.Namespace(emit=emitted.append, json=False, quiet=True, site="kit")
    assert command.export_references(options) == Exit.DONE
    assert emitted == ["key\n", "0.jpg\n", "1.jpg\n", "2.jpg\n", None]


class _Opened:
    def __init__(self, database: Any) -> None:
        self._database = database

    def __enter__(self) -> Any:
        return self._database

    def __exit__(self, *_error: object) -> None: ...


def _job() -> Any:
    site = type("Site", (), {"database_url": "", "media_root": b"/m", "name": "kit"})()
    return type("Job", (), {"site": site, "path_columns": ()})()
