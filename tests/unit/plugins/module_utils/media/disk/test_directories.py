# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Directories on the way to the last one are opened once, and never used for another one in their place."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.errors import SiteError
from engine.media.disk import directories
from engine.media.disk.directories import MOST_LEVELS
from engine.media.local import LocalStore
from engine.media.store import Answer
from helpers.builders import Media


def test_a_directory_beside_the_last_one_is_opened_alone(
    media: Media, tree: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [f"photos/2024/01/{day:02}" for day in range(20)]
    media.write(*(f"{day}/a.jpg" for day in days))
    opened: list[Any] = []
    monkeypatch.setattr(directories, "os", CountingOs(opened))
    assert all(tree.check(f"{day}/a.jpg".encode()).is_file for day in days)
    assert opened == [b"photos", b"2024", b"01", *(f"{day:02}".encode() for day in range(20))]


class CountingOs:
    """The module os, which notes what is opened."""

    def __init__(self, opened: list[Any]) -> None:
        self._opened = opened

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, name: Any, *arguments: Any, **options: Any) -> int:
        self._opened.append(name)
        return os.open(name, *arguments, **options)


@pytest.mark.promise(1)
@pytest.mark.parametrize("moved", ["photos", "photos/2024", "photos/2024/01"])
def test_a_file_is_looked_for_where_its_path_leads_now(media: Media, tree: LocalStore, moved: str) -> None:
    media.write("photos/2024/01/a.jpg")
    assert tree.check(b"photos/2024/01/a.jpg").is_file
    os.rename(media.path(moved), media.path("old"))
    media.write("photos/2024/02/b.jpg", "photos/2024/01/c/d.jpg")
    assert tree.check(b"photos/2024/02/b.jpg").is_file
    assert tree.check(b"photos/2024/01/c/d.jpg").is_file
    assert tree.check(b"photos/2024/01/a.jpg").is_absent


@pytest.mark.promise(5)
def test_a_link_that_took_the_place_of_a_directory_is_not_followed(
    media: Media, tree: LocalStore, tmp_path: Path
) -> None:
    media.write("photos/2024/01/a.jpg", "photos/2024/02/a.jpg")
    assert tree.check(b"photos/2024/01/a.jpg").is_file
    shutil.move(os.fsdecode(media.path("photos/2024")), tmp_path / "outside")
    os.symlink(tmp_path / "outside", media.path("photos/2024"))
    assert tree.check(b"photos/2024/02/a.jpg").answer is Answer.BLOCKED


@pytest.mark.promise(15)
def test_root_checks_each_directory_on_the_way_again(
    media: Media, tree: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    media.write("photos/2024/a.jpg", "photos/2025/a.jpg")
    monkeypatch.setattr(directories.os, "geteuid", lambda: directories.ROOT)
    monkeypatch.setattr(directories, "ROOT", os.getuid())
    assert tree.check(b"photos/2024/a.jpg").is_file
    os.chmod(media.path("photos"), 0o777)
    with pytest.raises(SiteError, match="can be written by others"):
        tree.check(b"photos/2025/a.jpg")


def test_few_directories_are_open_however_deep_they_are(media: Media, tree: LocalStore) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for depth in (MOST_LEVELS, MOST_LEVELS + 1, 3 * MOST_LEVELS):
        path = "/".join(["d"] * depth)
        media.write(f"{path}/a.jpg", f"{path}/e/b.jpg")
        assert tree.check(f"{path}/a.jpg".encode()).is_file
        assert tree.check(f"{path}/e/b.jpg".encode()).is_file
        assert len(os.listdir("/proc/self/fd")) <= before + MOST_LEVELS
    tree.forget()
    assert len(os.listdir("/proc/self/fd")) == before
