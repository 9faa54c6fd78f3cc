# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Disks that are mounted, read-only or full, and files that cannot go: nothing is lost or hidden."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from test_hostile_tree import ORPHANS, needs_root, reasons

from helpers.clock import let_clock_tick
from helpers.faults import Fault, in_child
from helpers.full_sites import FullSite
from helpers.mounts import immutable, mounted, tmpfs
from helpers.rounds import losses


@pytest.fixture
def full_site(sqlite_full_site: FullSite) -> FullSite:
    """On SQLite alone: the database does not matter here."""
    return sqlite_full_site


# Mounts and attributes.


@pytest.mark.promise(5)
@needs_root
def test_a_file_system_mounted_below_the_root_is_not_entered(full_site: FullSite):
    place = full_site.media / "photos" / "mounted"
    with tmpfs(place, "1m"):
        (place / "left over.jpg").write_bytes(b"on another file system")
        os.utime(place / "left over.jpg", (1, 1))
        plan, outcome = full_site.run("orphans")
        assert (place / "left over.jpg").exists()
    assert outcome.removed_items.total == 4
    assert "another file system" in reasons(plan.kept)["photos/mounted"]


@pytest.mark.promise(10)
@needs_root
@pytest.mark.parametrize("kept", ["same", "other", "nowhere"])
def test_a_file_that_cannot_go_is_told_and_the_others_go(full_site: FullSite, kept: str):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        if kept == "other":
            full_site.quarantine = Path(elsewhere) / "quarantine"
            full_site.options["quarantine"] = str(full_site.quarantine)
        if kept == "nowhere":
            del full_site.options["quarantine"]
        with immutable(
            full_site.path("photos/left over.jpg"), full_site.path("photos/2/a/never attached.jpg")
        ):
            let_clock_tick()
            _plan, outcome = full_site.run("orphans")
            assert reasons(outcome.failed) == {
                "photos/left over.jpg": "it could not be removed: Operation not permitted"
            }
            assert outcome.removed_items.total == 3
            _plan, incomplete = full_site.run("incomplete")
            assert "photos/2/a/never attached.jpg" in reasons(incomplete.failed)
            assert incomplete.removed.records == 3
            assert os.path.exists(full_site.path("photos/left over.jpg"))
            if kept != "nowhere":
                assert (
                    not {b"photos/left over.jpg", b"photos/2/a/never attached.jpg"} & full_site.kept().keys()
                )
                assert list(losses(full_site)) == []


@pytest.mark.promise(10)
@needs_root
@pytest.mark.parametrize("kept", ["same", "other"])
def test_a_tree_that_is_mounted_read_only_loses_nothing(full_site: FullSite, kept: str):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere, mounted(
        full_site.media, "--bind", str(full_site.media)
    ):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(full_site.media)], check=True)
        if kept == "other":
            full_site.quarantine = Path(elsewhere) / "quarantine"
            full_site.options["quarantine"] = str(full_site.quarantine)
        _plan, outcome = full_site.run("orphans")
        assert reasons(outcome.failed).keys() == ORPHANS
        assert outcome.removed_items.total == 0
        assert full_site.kept() == {}
        assert full_site.state() == full_site.start


# A quarantine that is full.


@pytest.mark.promise(10)
@needs_root
@pytest.mark.parametrize("room", [0, 4096, 8192, 16384, 40960])
@pytest.mark.parametrize("job", ["orphans", "incomplete"])
def test_a_full_quarantine_loses_nothing(full_site: FullSite, tmp_path: Path, job: str, room: int):
    """The files take 30 kB each; the archive of the rows some kB."""
    full_site.write(
        "photos/left over.jpg",
        "photos/never attached.jpg",
        "photos/2/a/never attached.jpg",
        content=b"x" * 30000,
    )
    notes = [{"id": 100 + n, "photo_id": 11, "note": "n" * 100} for n in range(50)]
    full_site.database.insert("favorite", notes)
    full_site.start = full_site.state()
    let_clock_tick()
    full_site.quarantine = tmp_path / "full" / "quarantine"
    full_site.options["quarantine"] = str(full_site.quarantine)
    with tmpfs(tmp_path / "full", "64k"):
        full_site.quarantine.mkdir(mode=0o700)
        _fill_up(tmp_path / "full" / "ballast", room)
        ended = in_child(lambda: _told(full_site, job))
        assert list(losses(full_site)) == []
        assert ended.how in ("done", "failed"), ended.trouble
        _all_rows_are_there_or_kept(full_site)
        os.unlink(tmp_path / "full" / "ballast")
        full_site.restore_all()
    assert full_site.state() == full_site.start


def _told(full_site: FullSite, job: str) -> None:
    """Run a job that cannot do all of its work, which it must not hide."""
    _plan, outcome = full_site.run(job)
    assert outcome.error or outcome.failed.total


def _fill_up(file: Path, room: int) -> None:
    with open(file, "wb", buffering=0) as ballast:
        with suppress(OSError):
            while True:
                ballast.write(b"\0" * 4096)
        ballast.truncate(max(0, ballast.tell() - room))


def _all_rows_are_there_or_kept(full_site: FullSite) -> None:
    there = {key for (key,) in full_site.database.rows("SELECT id FROM favorite")}
    archived = set()
    for rows in full_site.quarantine.glob("*/rows.jsonl"):
        archived |= {number for number in range(200) if f'"id": {number}'.encode() in rows.read_bytes()}
    before = {row[0] for row in full_site.start[1]["favorite"]}
    assert before <= there | archived


@pytest.mark.promise(4)
@pytest.mark.promise(10)
@needs_root
def test_a_full_quarantine_takes_no_row(full_site: FullSite, tmp_path: Path):
    full_site.quarantine = tmp_path / "full" / "quarantine"
    full_site.options["quarantine"] = str(full_site.quarantine)
    with tmpfs(tmp_path / "full", "64k"):
        full_site.quarantine.mkdir(mode=0o700)
        _fill_up(tmp_path / "full" / "ballast", 0)
        for job in ("orphans", "incomplete", "missing"):
            assert in_child(lambda job=job: _told(full_site, job)).how == "failed"
    assert full_site.state() == full_site.start


@pytest.mark.promise(4)
def test_the_archive_that_cannot_be_synced_takes_no_row(full_site: FullSite):
    for error in (errno.EIO, errno.ENOSPC):
        for step in range(1, 6):
            fault = Fault("error", step, "fsync", error, lasting=True)
            ended = in_child(lambda: _told(full_site, "incomplete"), fault)
            assert ended.how in ("done", "failed"), ended.trouble
            assert list(losses(full_site)) == []
            full_site.restore_all()
            assert full_site.state() == full_site.start
            let_clock_tick()
