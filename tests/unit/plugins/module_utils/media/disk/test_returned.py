# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Files on their way back: each of their directories is proven and synced once, and an error is not lost."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Iterator

import pytest

from engine.errors import CleanupError
from engine.media.disk import returned
from engine.media.disk.folder import DiskFolder
from engine.media.local import LocalStore
from engine.media.store import Blocked
from helpers.builders import Media

pytestmark = pytest.mark.promise(10)


@pytest.fixture
def media(tmp_path: Path) -> Media:
    return Media(tmp_path / "media")


@pytest.fixture
def tree(media: Media) -> Iterator[LocalStore]:
    with LocalStore(media.root, 10) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DiskFolder]:
    """A private folder with files on their way back."""
    with DiskFolder.make(os.fsencode(tmp_path / "kept"), "the quarantine") as opened:
        for number in range(6):
            opened.create(str(number)).close()
        yield opened


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inodes of what is synced."""
    found: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: found.append(os.fstat(handle).st_ino))
    return found


def inode(media: Media, path: str) -> int:
    return os.stat(media.path(path)).st_ino


def test_each_directory_is_synced_once_for_all_its_files(
    tree: LocalStore, media: Media, folder: DiskFolder, synced: list[int]
) -> None:
    media.mkdir("a", "b")
    for number, path in enumerate((b"a/0", b"a/1", b"b/2", b"b/3")):
        tree.put_back(folder, str(number), path)
    tree.sync()
    assert sorted(synced) == sorted([inode(media, "a"), inode(media, "b")])
    tree.sync()
    assert len(synced) == 2


def test_no_more_directories_are_open_than_a_process_may_have(
    tree: LocalStore, media: Media, folder: DiskFolder, synced: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(returned, "MOST_OPEN", 2)
    media.mkdir(*(str(number) for number in range(6)))
    before = len(os.listdir("/proc/self/fd"))
    for number in range(6):
        tree.put_back(folder, str(number), b"%d/a" % number)
        assert len(os.listdir("/proc/self/fd")) <= before + 3
    tree.forget()
    assert len(os.listdir("/proc/self/fd")) == before
    tree.sync()
    assert sorted(synced) == sorted(inode(media, str(number)) for number in range(6))


def test_a_directory_that_cannot_be_synced_is_reported_however_many_come_after_it(
    tree: LocalStore, media: Media, folder: DiskFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    media.mkdir("a", "b", "c")
    broken = inode(media, "a")

    def fsync(handle: int) -> None:
        if os.fstat(handle).st_ino == broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(returned, "MOST_OPEN", 1)
    for number, path in enumerate((b"a/0", b"b/1", b"c/2")):
        tree.put_back(folder, str(number), path)
    with pytest.raises(CleanupError, match="could not be synced: Input/output error"):
        tree.sync()
    assert media.files == {b"a/0", b"b/1", b"c/2"}


@pytest.mark.promise(5)
def test_a_directory_that_was_exchanged_meanwhile_is_proven_again(
    tree: LocalStore, media: Media, folder: DiskFolder, tmp_path: Path
) -> None:
    media.mkdir("a", "b")
    tree.put_back(folder, "0", b"a/0")
    tree.put_back(folder, "1", b"b/1")
    media.rename("a", "old")
    media.link("a", tmp_path)
    with pytest.raises(Blocked):
        tree.put_back(folder, "2", b"a/2")
    os.unlink(media.path("a"))
    media.mkdir("a")
    tree.put_back(folder, "2", b"a/2")
    assert media.files == {b"old/0", b"b/1", b"a/2"}
