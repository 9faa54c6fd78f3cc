# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Whole lists for other programs: every item, in three formats, written privately and as a whole."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine import work
from engine.config.trust.site_user import this_process
from engine.errors import CleanupError, SiteError
from engine.report import lists
from engine.report.lists import ListFile
from helpers.builders import Site
from helpers.clock import let_clock_tick

HOSTILE = b"p/caf\xe9\n.jpg"


@pytest.fixture(params=["this process", "a process of its own"])
def worker(request: pytest.FixtureRequest) -> Any:
    """Who does the work: this process, or one with another interpreter."""
    own = this_process()
    if request.param == "this process":
        return own
    return replace(own, is_this_process=False)


def done(site: Site, worker: Any, file: Path, form: str | None = None, **more: Any) -> Any:
    options = {**site.basics, "directories": ["."], "references": [{"table": "photo", "column": "image"}]}
    about = {"age_stamp": "mtime", "approved_plan": None, "list_file": str(file), "list_format": form}
    request = {"task": "orphans", "check": True, "verbose": False, "diff": False}
    let_clock_tick()
    return work.done_by(worker, {**request, "options": {**options, **about, "permanent": True, **more}})


@pytest.mark.promise(8)
def test_every_item_is_listed_in_each_format(sqlite_site: Site, worker: Any, tmp_path: Path) -> None:
    paths = [HOSTILE, *(f"p/{number:04}.jpg".encode() for number in range(2500))]
    sqlite_site.media.write(*paths)
    file = tmp_path / "list"
    answer = done(sqlite_site, worker, file, max_listed=3)
    assert len(answer["result"]["orphans"]) == 3
    lines = file.read_text().splitlines()
    assert len(lines) == 2501
    assert r"p/caf\xe9\n.jpg" in lines
    done(sqlite_site, worker, file, "nul")
    assert sorted(file.read_bytes().split(b"\0")[:-1]) == sorted(paths)
    done(sqlite_site, worker, file, "json")
    told = [json.loads(line) for line in file.read_text().splitlines()]
    assert {os.fsencode(path) for entry in told for path in entry["paths"]} == set(paths)
    assert {entry["job"] for entry in told} == {"orphans"}
    assert sum(entry["bytes"] for entry in told) == 7 * 2501


@pytest.mark.promise(5)
def test_a_list_is_private_and_follows_no_link(sqlite_site: Site, worker: Any, tmp_path: Path) -> None:
    sqlite_site.media.write("p/1.jpg")
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "list").symlink_to(precious)
    done(sqlite_site, worker, tmp_path / "list")
    assert precious.read_text() == "precious"
    status = os.lstat(tmp_path / "list")
    assert (stat.S_ISREG(status.st_mode), stat.S_IMODE(status.st_mode)) == (True, 0o600)


@pytest.mark.promise(1)
def test_no_list_is_written_that_would_not_be_whole(
    sqlite_site: Site, worker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_site.media.write("p/1.jpg")
    file = tmp_path / "list"
    file.write_text("earlier")
    with pytest.raises(CleanupError):
        done(sqlite_site, worker, file, references=[{"table": "nowhere", "column": "image"}])
    assert file.read_text() == "earlier"
    with suppress(CleanupError), ListFile(str(file)) as listed:
        listed.emit("whole")
        listed.emit(None)
        raise CleanupError("the connection was lost.")
    with ListFile(str(file)) as listed:
        listed.emit("half")
    monkeypatch.setattr(lists, "LONGEST", 3)
    with pytest.raises(CleanupError, match="longer than 3 characters"):
        done(sqlite_site, worker, file)
    assert file.read_text() == "earlier"
    assert [name for name in os.listdir(tmp_path) if name.startswith(".list")] == []


def test_a_place_that_cannot_be_written_is_told(sqlite_site: Site, worker: Any, tmp_path: Path) -> None:
    with pytest.raises(CleanupError, match=r"could not be written: No such file .* choose another place"):
        done(sqlite_site, worker, tmp_path / "nowhere" / "list")
    (tmp_path / "list").mkdir()
    with pytest.raises(CleanupError, match="could not be written"):
        done(sqlite_site, worker, tmp_path / "list")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes into folders of others")
def test_root_writes_no_list_where_others_may_write(sqlite_site: Site, worker: Any, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(SiteError, match="root does not write the list"):
        done(sqlite_site, worker, tmp_path / "open" / "list")


@pytest.mark.skipif(not shutil.which("rsync"), reason="rsync is not installed")
def test_rsync_copies_what_a_list_says(sqlite_site: Site, tmp_path: Path) -> None:
    sqlite_site.media.write(HOSTILE, "p/a b.jpg", "p/-c*.jpg")
    sqlite_site.insert("p/wanted.jpg")
    sqlite_site.media.write("p/wanted.jpg")
    done(sqlite_site, this_process(), tmp_path / "list", "nul")
    copied = tmp_path / "copied"
    command = [
        "rsync",
        "-a",
        "--from0",
        f"--files-from={tmp_path}/list",
        f"{sqlite_site.basics['media_root']}/",
    ]
    subprocess.run([*command, f"{copied}/"], check=True)
    assert set(os.listdir(os.fsencode(copied / "p"))) == {HOSTILE[2:], b"a b.jpg", b"-c*.jpg"}
