# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A batch is written down before it is filled, and leaves no trace if it keeps nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from engine.errors import QuarantineError
from engine.media import local as tree_module
from engine.media.disk import folder as disk_folder
from engine.media.store import Blocked, Changed
from engine.quarantine import leftovers
from engine.quarantine import store as quarantine
from helpers.builders import FailingOs, open_handles


def state_of(kept: Any, path: bytes) -> Any:
    return kept.store.check(path).state


def drop_after_moves(kept: Any, patch: pytest.MonkeyPatch) -> None:
    """Let each move of a file out of the media end with an error, although it was done."""
    move_out = kept.store.move_out

    def dropped(*arguments: Any) -> None:
        move_out(*arguments)
        raise OSError(errno.EIO, "Input/output error")

    patch.setattr(kept.store, "move_out", dropped)


def test_a_file_is_written_down_before_it_moves(kept: Any) -> None:
    kept.media.write(b"a", content=b"four")
    os.chmod(kept.media.path(b"a"), 0o640)
    status = os.stat(kept.media.path(b"a"))
    with kept.writer() as writer:
        writer.prepare(kept.store, [(b"a", "orphan"), (b"gone", "orphan")])
        with quarantine.opened(kept.quarantine, writer.name) as batch:
            [file] = batch.files()
            assert not batch.holds(file)
        assert file[1:] == (
            *(b"a", 4, status.st_mtime_ns, status.st_atime_ns, status.st_uid, status.st_gid, 0o640, "orphan"),
        )
        writer.remove(kept.store, b"a", state_of(kept, b"a"))
        with pytest.raises(Changed, match="already removed"):
            writer.remove(kept.store, b"gone", state_of(kept, b""))
        writer.sync()
    assert writer.notes == []
    assert kept.names == [writer.name] == ["20261121T020003Z-orphans-4f1c9d07"]
    assert kept.media.files == set()


def test_numbers_go_on_over_all_that_is_prepared(kept: Any) -> None:
    kept.media.write(b"a", b"b", b"c")
    with kept.writer() as writer:
        for path in (b"a", b"b", b"c"):
            writer.prepare(kept.store, [(path, "orphan")])
            writer.remove(kept.store, path, state_of(kept, path))
            writer.sync()
    with quarantine.opened(kept.quarantine, writer.name) as batch:
        assert [(file.number, batch.holds(file)) for file in batch.files()] == [
            (0, True),
            (1, True),
            (2, True),
        ]


def test_a_batch_that_keeps_nothing_leaves_no_trace(kept: Any) -> None:
    kept.media.write(b"a")
    before = open_handles()
    with kept.writer() as writer:
        assert writer.name
        writer.prepare(kept.store, [(b"a", "orphan")])
        kept.store.forget()
    assert (writer.name, os.listdir(kept.folder)) == ("", [])
    assert open_handles() == before


@pytest.mark.promise(2)
def test_what_an_error_left_in_a_batch_belongs_back(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that drops after the move: nobody has asked for the file once more."""
    kept.media.write(b"a")
    drop_after_moves(kept, monkeypatch)
    with kept.writer() as writer:
        writer.prepare(kept.store, [(b"a", "orphan")])
        with pytest.raises(OSError, match="Input/output error"):
            writer.remove(kept.store, b"a", state_of(kept, b"a"))
        writer.sync()
        writer.finish()
    assert kept.media.files == set()
    leftovers.put_back(kept.store, kept.site)
    assert kept.media.files == {b"a"}
    assert kept.names == []


@pytest.mark.promise(2)
def test_what_a_batch_may_hold_is_asked_for_afresh(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another thread has listed before this file came says nothing of it."""
    kept.media.write(b"a")
    drop_after_moves(kept, monkeypatch)
    with kept.writer() as writer:
        writer.prepare(kept.store, [(b"a", "orphan")])
        with monkeypatch.context() as patch:
            patch.setattr(disk_folder.DiskFolder, "has", lambda _folder, _name: False)
            with pytest.raises(OSError, match="Input/output error"):
                writer.remove(kept.store, b"a", state_of(kept, b"a"))
        writer.sync()
    assert kept.names == [writer.name], "and it is not deleted as a batch that holds nothing"
    leftovers.put_back(kept.store, kept.site)
    assert kept.media.files == {b"a"}


def test_what_cannot_be_described_fails_when_its_turn_comes(
    kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.media.write(b"a", b"b", b"file")
    states = {path: state_of(kept, path) for path in (b"a", b"b")}
    with kept.writer() as writer:
        with monkeypatch.context() as patch:
            patch.setattr(tree_module, "os", FailingOs("stat", errno.EIO, b"a"))
            writer.prepare(kept.store, [(path, "orphan") for path in (b"a", b"file/x", b"b")])
        with pytest.raises(OSError, match="Input/output error"):
            writer.remove(kept.store, b"a", states[b"a"])
        with pytest.raises(Blocked, match="'file' is a file"):
            writer.remove(kept.store, b"file/x", states[b"a"])
        writer.remove(kept.store, b"b", states[b"b"])
        writer.sync()
    assert kept.media.files == {b"a", b"file"}


def test_batches_of_one_moment_get_numbers(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = kept.batch(b"a"), kept.batch(b"b")
    assert second == f"{first}-1"
    for number in range(2, 100):
        (kept.folder / f"{first}-{number}").mkdir()
    with pytest.raises(QuarantineError, match="holds a hundred batches"):
        kept.writer()


def test_rows_are_on_disk_when_they_are_archived(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    sync = os.fsync

    def seen(handle: int) -> None:
        synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{handle}")))
        sync(handle)

    with kept.writer("missing") as writer:
        monkeypatch.setattr(os, "fsync", seen)
        writer.archive([{"row": 1}])
    assert synced == [writer.name, "rows.jsonl"]
    assert [info.rows for info in quarantine.batches(kept.quarantine)] == [1]


@pytest.mark.parametrize("failing", [("open", "manifest.jsonl"), ("mkdir", "files")])
def test_a_batch_that_cannot_be_begun_is_told(
    kept: Any, monkeypatch: pytest.MonkeyPatch, failing: tuple[str, str]
) -> None:
    before = open_handles()
    monkeypatch.setattr(disk_folder, "os", FailingOs(failing[0], errno.ENOSPC, failing[1]))
    with pytest.raises(QuarantineError, match="could not be written to: No space left on device"):
        kept.writer()
    assert open_handles() == before


def test_a_folder_that_was_exchanged_for_a_link_takes_no_file(kept: Any, tmp_path: Path) -> None:
    """A run that goes on after somebody has exchanged the folder that is filled next."""
    (tmp_path / "private").mkdir()
    kept.media.write(b"a")
    with kept.writer() as writer:
        writer.prepare(kept.store, [(b"a", "orphan")])
        (kept.folder / writer.name / "files" / "00000").symlink_to(tmp_path / "private")
        with pytest.raises(NotADirectoryError, match="00000' is a symbolic link, not a directory"):
            writer.remove(kept.store, b"a", state_of(kept, b"a"))
    assert os.listdir(tmp_path / "private") == []
    assert kept.media.files == {b"a"}


def test_a_batch_that_was_exchanged_while_it_is_filled_keeps_what_it_gets(kept: Any, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    kept.media.write(b"a")
    with kept.writer() as writer:
        writer.prepare(kept.store, [(b"a", "orphan")])
        (kept.folder / writer.name).rename(kept.folder / "moved")
        (kept.folder / writer.name).symlink_to(tmp_path / "private")
        writer.remove(kept.store, b"a", state_of(kept, b"a"))
        writer.sync()
    assert os.listdir(tmp_path / "private") == []
    assert (kept.folder / "moved" / "files" / "00000" / "000000000").read_bytes() == b"picture"
