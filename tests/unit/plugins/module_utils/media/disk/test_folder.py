# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A private folder is its owner's alone, and what is exchanged in it leads nowhere."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any, Iterator

import pytest

from engine.errors import BusyError, QuarantineError
from engine.media.disk import folder as disk_folder
from engine.media.disk.folder import DiskFolder
from helpers.builders import open_handles
from helpers.mounts import tmpfs
from helpers.users import NOBODY, as_nobody

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")


def opened(path: Path) -> DiskFolder:
    return DiskFolder.open(os.fsencode(path), "the quarantine")


def made(path: Path) -> DiskFolder:
    return DiskFolder.make(os.fsencode(path), "the quarantine")


def enter(place: Path) -> None:
    """Open a folder, the batch in it, and the files in that."""
    with opened(place) as folder, folder.folder("batch") as batch, batch.folder("files"):
        pass


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def folder(place: Path) -> Iterator[DiskFolder]:
    with made(place) as private:
        yield private


@pytest.fixture
def public(tmp_path: Path) -> Iterator[Path]:
    """A folder that any user may enter and write in, as in /tmp."""
    made_for_all = Path(tempfile.mkdtemp(prefix="media-cleanup-"))
    made_for_all.chmod(0o1777)
    yield made_for_all
    shutil.rmtree(made_for_all)


# The way to it.


def test_what_is_missing_is_made_and_the_last_folder_is_private(place: Path) -> None:
    before = open_handles()
    with made(place / "of" / "this site") as folder:
        assert folder.names() == []
    assert open_handles() == before
    assert (place / "of" / "this site").stat().st_mode & 0o7777 == 0o700
    with made(place / "of" / "this site"):
        pass


def test_each_folder_that_is_made_is_on_disk(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}")))
    made(place / "a" / "b").close()
    assert synced == [str(place.parent), str(place), str(place / "a")]


def test_nothing_is_made_to_read(place: Path) -> None:
    before = open_handles()
    with pytest.raises(FileNotFoundError):
        opened(place / "a" / "b")
    assert open_handles() == before
    assert not place.exists()


@pytest.mark.parametrize("what", ["file", "link", "dangling link", "fifo"])
def test_what_is_no_folder_is_told(place: Path, tmp_path: Path, what: str) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    if what == "file":
        place.write_text("")
    elif what == "fifo":
        os.mkfifo(place)
    else:
        place.symlink_to("elsewhere" if what == "link" else "nowhere")
    before = open_handles()
    kind = {"fifo": "FIFO", "file": "file"}.get(what, "symbolic link")
    for way in (opened, made):
        with pytest.raises(NotADirectoryError, match=f"kept' is a {kind}, not a directory"):
            way(place)
    if kind != "symbolic link":
        with pytest.raises(NotADirectoryError, match=f"kept' is a {kind}, not a directory"):
            opened(place / "below")
    assert open_handles() == before


@pytest.mark.parametrize("target", ["elsewhere/in", "{here}/elsewhere/in", "./elsewhere/../elsewhere/in"])
def test_a_link_of_the_administrators_on_the_way_is_followed(tmp_path: Path, target: str) -> None:
    (tmp_path / "elsewhere" / "in").mkdir(parents=True)
    (tmp_path / "link").symlink_to(target.format(here=tmp_path))
    made(tmp_path / "link" / "kept").close()
    assert (tmp_path / "elsewhere" / "in" / "kept").is_dir()
    opened(tmp_path / "link" / "kept").close()


@needs_root
def test_a_link_of_another_user_on_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "kept").mkdir(parents=True, mode=0o700)
    (tmp_path / "link").symlink_to("elsewhere")
    os.chown(tmp_path / "link", NOBODY, NOBODY, follow_symlinks=False)
    before = open_handles()
    with pytest.raises(QuarantineError, match=r"leads over the link '.*/link', which the user \w+ has made"):
        opened(tmp_path / "link" / "kept")
    assert open_handles() == before


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("other")
    (tmp_path / "other").symlink_to("one")
    before = open_handles()
    with pytest.raises(OSError, match=re.escape(os.strerror(errno.ELOOP))):
        opened(tmp_path / "one" / "kept")
    assert open_handles() == before


def test_a_way_on_which_everybody_may_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o777)
    with pytest.raises(
        QuarantineError, match=r"cannot be below '.*/shared', where everybody may exchange it"
    ):
        made(tmp_path / "shared" / "kept")
    (tmp_path / "shared").chmod(0o1777)
    made(tmp_path / "shared" / "kept").close()


def test_to_go_through_a_folder_takes_no_right_to_read_it(public: Path) -> None:
    (public / "closed").mkdir()
    (public / "closed" / "open").mkdir()
    (public / "closed" / "open").chmod(0o1777)
    (public / "closed").chmod(0o711)

    def make() -> list[str]:
        with made(public / "closed" / "open" / "kept") as folder, folder.create("1"):
            return folder.names()

    assert as_nobody(make) == ["1"]


# Whose it is.


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o720, 0o777])
@pytest.mark.parametrize("below", ["", "batch", "batch/files"])
def test_a_folder_that_others_may_write_to_is_refused(place: Path, mode: int, below: str) -> None:
    (place / "batch" / "files").mkdir(parents=True)
    place.chmod(0o700)
    (place / below).chmod(mode)
    before = open_handles()
    words = rf"the quarantine '.*{below}' can be written by others \(mode {mode:o}\). Make it private"
    with pytest.raises(QuarantineError, match=words):
        enter(place)
    assert open_handles() == before


@needs_root
@pytest.mark.parametrize("below", ["", "batch"])
def test_a_folder_of_another_user_is_refused(place: Path, below: str) -> None:
    (place / "batch" / "files").mkdir(parents=True)
    place.chmod(0o700)
    os.chown(place / below, NOBODY, NOBODY)
    with pytest.raises(
        QuarantineError, match=r"belongs to the user \w+, and this is a process of the user root"
    ), opened(place) as folder, folder.folder("batch"):
        pass


@needs_root
def test_a_folder_of_root_may_be_used_by_another_user_who_may(public: Path) -> None:
    (public / "kept").mkdir(mode=0o755)
    (public / "theirs").mkdir(mode=0o700)
    os.chown(public / "theirs", 1, 1)

    def read() -> list[str]:
        with pytest.raises(PermissionError):
            opened(public / "theirs")
        with opened(public / "kept") as folder:
            return folder.names()

    assert as_nobody(read) == []


# What is in it.


@pytest.mark.parametrize("what", ["file", "link", "fifo"])
def test_a_folder_that_was_exchanged_leads_nowhere(
    folder: DiskFolder, place: Path, tmp_path: Path, what: str
) -> None:
    (tmp_path / "private").mkdir(mode=0o700)
    if what == "file":
        (place / "batch").write_text("")
    elif what == "fifo":
        os.mkfifo(place / "batch")
    else:
        (place / "batch").symlink_to(tmp_path / "private")
    kind = {"fifo": "FIFO", "file": "file"}.get(what, "symbolic link")
    with pytest.raises(NotADirectoryError, match=f"kept/batch' is a {kind}, not a directory"):
        folder.folder("batch")
    with pytest.raises(FileNotFoundError):
        folder.folder("gone")


def test_the_descriptor_stays_with_the_folder_whatever_comes_into_its_place(
    folder: DiskFolder, place: Path, tmp_path: Path
) -> None:
    folder.make_folder("batch")
    with folder.folder("batch") as batch:
        (place / "batch").rename(place / "moved")
        (tmp_path / "private").mkdir()
        (place / "batch").symlink_to(tmp_path / "private")
        batch.create("1").close()
        batch.rename("1", "2")
        batch.make_folder("3")
    assert sorted(os.listdir(place / "moved")) == ["2", "3"]
    assert os.listdir(tmp_path / "private") == []


@pytest.mark.parametrize("what", ["link", "directory", "fifo", "socket"])
def test_only_regular_files_are_read(folder: DiskFolder, place: Path, tmp_path: Path, what: str) -> None:
    (tmp_path / "secret").write_text("secret")
    if what == "link":
        (place / "1").symlink_to(tmp_path / "secret")
    elif what == "directory":
        (place / "1").mkdir()
    elif what == "fifo":
        os.mkfifo(place / "1")
    else:
        os.mknod(place / "1", 0o140600)
    before = open_handles()
    with pytest.raises(OSError, match=r"kept/1' is a .*, not a regular file"):
        folder.read("1")
    assert open_handles() == before


def test_a_new_file_is_private_and_takes_the_place_of_what_was_left(
    folder: DiskFolder, place: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    (place / "1").symlink_to(tmp_path / "secret")
    os.link(tmp_path / "secret", place / "2")
    for name in ("1", "2", "3"):
        with folder.create(name) as file:
            file.write(b"new")
        with folder.read(name) as file:
            assert file.read() == b"new"
        assert (place / name).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secret").read_text() == "secret"


def test_what_is_there_is_told_apart_from_what_cannot_be_looked_at(
    folder: DiskFolder, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "dangling").symlink_to("nowhere")
    assert [folder.has(name) for name in ("dangling", "gone")] == [True, False]

    def failing(*_arguments: Any, **_how: Any) -> Any:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(disk_folder.os, "stat", failing)
    with pytest.raises(OSError, match="Input/output error"):
        folder.has("gone")


def test_one_process_at_a_time_has_the_lock(folder: DiskFolder, place: Path) -> None:
    folder.lock()
    words = rf"the quarantine '{place}' is in use by another run \(process {os.getpid()}\)"
    with opened(place) as other, pytest.raises(BusyError, match=words):
        other.lock()
    folder.close()
    folder.close()
    with opened(place) as other:
        other.lock()


# What goes from it.


def test_a_tree_goes_with_all_that_is_in_it_and_nothing_that_it_points_at(
    folder: DiskFolder, place: Path, tmp_path: Path
) -> None:
    private = tmp_path / "private"
    private.mkdir()
    (private / "precious").write_text("precious")
    deep = place / "batch" / "/".join("d" * 50)
    deep.mkdir(parents=True)
    for number in range(3):
        (place / "batch" / f"folder {number}").mkdir()
        (place / "batch" / f"folder {number}" / "file").write_text("")
    (deep / "file").write_text("")
    (deep / "to a folder").symlink_to(private)
    (place / "batch" / "to a file").symlink_to(private / "precious")
    os.mkfifo(place / "batch" / "fifo")
    (place / "other").write_text("")
    before = open_handles()
    folder.remove_tree("batch")
    assert open_handles() == before
    assert folder.names() == ["other"]
    assert (private / "precious").read_text() == "precious"
    folder.remove("other")
    assert folder.names() == []


def test_a_link_in_the_place_of_a_tree_is_not_followed(
    folder: DiskFolder, place: Path, tmp_path: Path
) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "precious").write_text("precious")
    (place / "batch").symlink_to(tmp_path / "private")
    before = open_handles()
    with pytest.raises(NotADirectoryError):
        folder.remove_tree("batch")
    assert open_handles() == before
    assert (tmp_path / "private" / "precious").exists()


@needs_root
def test_a_mounted_file_system_in_a_tree_is_not_entered(folder: DiskFolder, place: Path) -> None:
    mounted = place / "batch" / "mounted"
    mounted.mkdir(parents=True)
    with tmpfs(mounted):
        (mounted / "precious").write_text("precious")
        before = open_handles()
        with pytest.raises(OSError, match="another file system is mounted at 'mounted'"):
            folder.remove_tree("batch")
        assert open_handles() == before
        assert (mounted / "precious").exists()


@pytest.mark.promise(15)
def test_a_link_in_the_place_of_a_lock_is_not_followed(
    folder: DiskFolder, place: Path, tmp_path: Path
) -> None:
    (place / "site.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), folder.locked_file("site.lock", "the site"):
        pytest.fail("it was locked")
    assert not (tmp_path / "elsewhere").exists()
