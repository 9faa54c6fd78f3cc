# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The demo, from its making to the second run that finds nothing to do."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from helpers.ansible_runs import CLEANUP, Ansible, Run
from helpers.checkout import REPOSITORY
from helpers.sites import snapshot


def build(folder: Path, *options: str) -> Path:
    command = [sys.executable, REPOSITORY / "demo" / "build_sites.py", folder, *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def clean(ansible: Ansible, demo: Path, *arguments: str) -> Run:
    return ansible.run("ansible-playbook", "-i", demo / "inventory.yml", CLEANUP, *arguments)


def count(demo: Path, site: str, table: str) -> int:
    with closing(sqlite3.connect(demo / site / "db.sqlite3")) as database:
        [(number,)] = database.execute(f"SELECT count(*) FROM {table}")
    return int(number)


@pytest.mark.promise(6)
def test_the_demo_shows_the_figures_removes_just_that_and_then_finds_nothing(
    tmp_path: Path, ansible: Ansible
):
    demo = build(tmp_path / "demo")
    before = snapshot(demo)

    checked = clean(ansible, demo, "--check", "--diff")
    assert checked.status == 0, checked.output
    assert snapshot(demo) == before
    for words in (
        "261 files in item_photos, item_photos_avif; 245 referenced by collection_photo.image",
        "12 orphans, 1,847,912 bytes; 4 more are younger than 24 h and are kept",
        "item_photos/deleted_item_xyz.jpg 512,000 bytes",
        "125 rows of collection_photo: 6 never attached and older than 24 h",
        "414 rows of album_photo: 10 are missing their files (Evan Photos 8, Summer 2024 2)",
        "157 rows of album_video: 3 are missing their files (Evan Photos 2, Summer 2024 1)",
        "-item_photos/temp_abc123.jpg 245678 bytes",
        "-album_photo 309: photos/1000004108.jpg (Evan Photos)",
    ):
        assert words in checked.words

    done = clean(ansible, demo, "-e", "media_cleanup_force=true")
    assert done.status == 0, done.output
    assert "removed 12 files, 1,847,912 bytes" in done.words
    assert "removed 6 rows of collection_photo; 12 files" in done.words
    assert "removed 10 rows of album_photo;" in done.words
    assert "removed 3 rows of album_video;" in done.words
    assert count(demo, "album", "album_photo") == 404
    assert count(demo, "album", "album_video") == 154
    assert count(demo, "footycollect", "collection_photo") == 119
    gone = {path for path in before if not Path(path.decode()).exists()}
    assert len([path for path in gone if b"/footycollect/media/item_photos" in path]) == 12 + 12

    again = clean(ansible, demo)
    assert again.status == 0, again.output
    assert {host: numbers["changed"] for host, numbers in again.recap.items()} == {
        "footycollect": 0,
        "album": 0,
    }


@pytest.mark.promise("guards")
def test_a_total_loss_is_refused(tmp_path: Path, ansible: Ansible):
    demo = build(tmp_path / "demo", "--total-loss")

    checked = clean(ansible, demo, "--limit", "album", "--check")
    refused = clean(ansible, demo, "--limit", "album", "-e", "media_cleanup_force=true")

    for run in (checked, refused):
        assert "414 of 414 rows of album_photo would be removed, 100 %" in run.words
        assert "157 of 157 rows of album_video would be removed, 100 %" in run.words
        assert "set max_removal_percent to 100" in run.words
    assert checked.status == 0
    assert refused.status == 2
    assert refused.recap["album"]["failed"] == 1
    assert count(demo, "album", "album_photo") == 414
    assert count(demo, "album", "album_video") == 157
