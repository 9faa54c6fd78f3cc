# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What the tree changes: files that are removed, at any depth, and directories on the way back."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from engine.media import walk
from engine.media.disk.folder import DiskFolder
from engine.media.local import LocalStore
from engine.media.store import Blocked, Changed
from helpers.builders import DEEP, Media, open_handles, state_of, walked

LONGEST = b"n" * 255


@pytest.fixture
def media_with_deep_file(tmp_path: Path) -> Iterator[Media]:
    """A media root with a file further down than any path can say."""
    media = Media(tmp_path / "deep")
    handle = os.open(media.root, os.O_RDONLY)
    for name in DEEP:
        os.mkdir(name, dir_fd=handle)
        inner = os.open(name, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(os.open("bottom.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=handle))
    os.close(handle)
    yield media
    subprocess.run(["rm", "-rf", media.root], check=True)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DiskFolder]:
    """A private folder with a file on its way back."""
    with DiskFolder.make(os.fsencode(tmp_path / "kept"), "the quarantine") as opened:
        with opened.create("1") as file:
            file.write(b"picture")
        yield opened


# Removal.


@pytest.mark.promise(8)
@pytest.mark.parametrize(
    "name", [b"a.jpg", b"\xff\xfe.jpg", b"line\nbreak", LONGEST, "Café".encode(), b"-rf", b" ", b"\\", b"%2F"]
)
def test_a_file_of_any_name_is_found_and_removed(tree: LocalStore, media: Media, name: bytes) -> None:
    path = b"photos/" + name
    media.write(path)
    assert walked(tree) == [path]
    tree.remove(path, state_of(tree, path))
    assert media.files == set()


@pytest.mark.promise(2)
@pytest.mark.parametrize(
    "what", ["rewritten", "replaced", "touched", "chmod", "hard link", "link", "directory"]
)
def test_a_file_that_is_no_longer_the_same_stays(tree: LocalStore, media: Media, what: str) -> None:
    media.write("photos/a")
    path, state = media.path("photos/a"), state_of(tree, b"photos/a")
    if what == "rewritten":
        media.write("photos/a", content=b"PICTURE")
    elif what == "replaced":
        shutil.copy2(path, path + b".new")
        os.replace(path + b".new", path)
    elif what == "touched":
        os.utime(path, (1, 1))
    elif what == "chmod":
        os.chmod(path, 0o600)
    elif what == "hard link":
        os.link(path, path + b".other")
    else:
        os.unlink(path)
        (os.mkdir if what == "directory" else lambda p: os.symlink(b"/etc/passwd", p))(path)
    with pytest.raises(Changed, match="another file is in its place, or it was written to"):
        tree.remove(b"photos/a", state)
    assert os.path.lexists(path)


def test_a_file_that_is_gone_already_is_told_so(tree: LocalStore, media: Media) -> None:
    media.write("a")
    state = state_of(tree, b"a")
    os.unlink(media.path("a"))
    with pytest.raises(Changed, match="already removed"):
        tree.remove(b"a", state)


@pytest.mark.promise(5)
def test_nothing_is_removed_through_a_link_that_came_into_the_way(
    tree: LocalStore, media: Media, outside: Path
) -> None:
    media.write("photos/in/precious.jpg", content=b"precious")
    os.link(media.path("photos/in/precious.jpg"), outside / "same.jpg")
    os.replace(outside / "same.jpg", outside / "precious.jpg")
    state = state_of(tree, b"photos/in/precious.jpg")
    shutil.rmtree(media.path("photos/in"))
    media.link("photos/in", outside)
    tree.forget()
    with pytest.raises(Blocked, match="'in' is a symbolic link"):
        tree.remove(
            b"photos/in/precious.jpg", state._replace(ctime_ns=os.stat(outside / "precious.jpg").st_ctime_ns)
        )
    assert (outside / "precious.jpg").read_bytes() == b"precious"


# Depth, and handles.


@pytest.mark.promise(8)
def test_a_file_deeper_than_any_path_is_found_and_removed(media_with_deep_file: Media) -> None:
    before = open_handles()
    with LocalStore(media_with_deep_file.root, 10) as tree:
        runs = tree.walk(b"", None)
        run = next(runs)
        assert open_handles() - before < walk.OPEN_LEVELS + 5
        path = run.prefix + run.names[0]
        assert len(path) > 4096
        assert path == b"/".join([*DEEP, b"bottom.jpg"])
        state = tree.check_in(run, b"bottom.jpg").state
        assert state is not None
        assert list(runs) == []
        assert state == tree.check(path).state
        assert tree.unreadable.total == 0
        tree.remove(path, state)
        assert walked(tree) == []
    assert open_handles() == before


def test_a_walk_that_is_given_up_leaves_no_handle_open(media_with_deep_file: Media) -> None:
    with LocalStore(media_with_deep_file.root, 10) as tree:
        before = open_handles()
        runs = tree.walk(b"", None)
        next(runs)
        runs.close()
        assert open_handles() == before


# The way back: directories that are missing are made.


@pytest.mark.promise(10)
def test_missing_directories_are_made_as_their_parent_is(
    tree: LocalStore, media: Media, folder: DiskFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    media.write("photos/a")
    os.chmod(media.path("photos"), 0o2750)
    if os.geteuid() == 0:
        os.chown(media.path("photos"), -1, 2345)
    parent = os.stat(media.path("photos"))
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    before = open_handles()
    tree.put_back(folder, "1", b"photos/new/newer/b")
    with folder.create("2"):
        pass
    tree.put_back(folder, "2", b"photos/new/newer/c")
    tree.sync()
    tree.forget()
    assert open_handles() == before
    made = [os.stat(media.path(path)) for path in ("photos/new", "photos/new/newer")]
    for status in made:
        assert (status.st_mode, status.st_uid, status.st_gid) == (
            parent.st_mode,
            parent.st_uid,
            parent.st_gid,
        )
    way = [parent.st_ino, made[0].st_ino, made[1].st_ino]
    assert synced == way, "each is on disk in its parent, before what is in it, and that once for all"
    assert media.files == {b"photos/a", b"photos/new/newer/b", b"photos/new/newer/c"}


@pytest.mark.promise(10)
def test_a_new_directory_is_private_until_it_is_as_its_parent(
    tree: LocalStore, media: Media, folder: DiskFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    media.mkdir("photos")
    modes: list[int] = []
    monkeypatch.setattr(os, "fchown", lambda handle, *_owner: modes.append(os.fstat(handle).st_mode & 0o7777))
    tree.put_back(folder, "1", b"photos/new/b")
    assert modes == [0o700]


def test_nothing_is_made_unless_it_is_asked_for(tree: LocalStore, media: Media, folder: DiskFolder) -> None:
    with pytest.raises(FileNotFoundError):
        tree.describe(b"new/b")
    assert tree.check(b"new/b").is_absent
    assert os.listdir(media.root) == []
    tree.put_back(folder, "1", b"b")
    assert os.listdir(media.root) == [b"b"]


@pytest.mark.promise(5)
@pytest.mark.parametrize("path", [b"link/new/b", b"file/new/b", b"link/b"])
def test_no_directory_is_made_through_what_stands_in_the_way(
    tree: LocalStore, media: Media, folder: DiskFolder, outside: Path, path: bytes
) -> None:
    media.write("file")
    media.link("link", outside)
    before = open_handles()
    with pytest.raises(Blocked):
        tree.put_back(folder, "1", path)
    tree.forget()
    assert open_handles() == before
    assert os.listdir(outside) == ["precious.jpg"]
    assert folder.names() == ["1"]


@pytest.mark.promise(8)
def test_directories_of_any_depth_are_made_again(tree: LocalStore, media: Media, folder: DiskFolder) -> None:
    path = b"/".join([b"d"] * 1200)
    tree.check_put_back(folder, "1", path)
    try:
        tree.put_back(folder, "1", path)
        assert walked(tree) == [path]
    finally:
        # pytest cannot: its own removal of the folder is recursive.
        subprocess.run(["rm", "-rf", media.path("d")], check=True)
