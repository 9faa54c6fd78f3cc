# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A batch holds what it says, survives what a machine can do to it, and tells what did not happen."""

from __future__ import annotations

import errno
import inspect
import json
import os
import stat
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from engine.errors import CleanupError
from engine.media.disk import transfer
from engine.quarantine import (
    store as quarantine,
)
from engine.report import words
from engine.report.describe import describe
from helpers.clock import let_clock_tick
from helpers.faults import Fault, in_child
from helpers.full_sites import FullSite, cleaning
from helpers.modules import run_module
from helpers.mounts import mounted
from helpers.purging import purge
from helpers.rounds import losses

INFO = "django_media.cleanup.media_quarantine_info"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a mount needs root")


@pytest.fixture
def full_site(sqlite_full_site: FullSite) -> FullSite:
    """On SQLite alone: the database does not matter here."""
    return sqlite_full_site


def _told(listed: Any) -> dict[str, str]:
    return {os.fsdecode(item.name): item.reason for item in listed.items}


# Extended attributes and ACLs.

# As the kernel keeps it: owner rw, user 1005 rw, group r, mask rw, others nothing.
ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHi", tag, allowed, who)
    for tag, allowed, who in [(1, 6, -1), (2, 6, 1005), (4, 4, -1), (16, 6, -1), (32, 0, -1)]
)
ATTRIBUTES = {"user.caption": b"\x00summer\xff", "user.empty": b"", "system.posix_acl_access": ACL}


def _set_attributes(file: bytes) -> None:
    try:
        for name, value in ATTRIBUTES.items():
            os.setxattr(file, name, value)
    except OSError as error:
        pytest.skip(f"this file system takes no {name}: {error}")
    let_clock_tick()


def _attributes(file: bytes | Path) -> dict[str, bytes]:
    return {name: os.getxattr(file, name) for name in os.listxattr(file)}


@pytest.mark.promise(10)
@pytest.mark.parametrize("kept", ["full_site", "two_disk_site"])
def test_attributes_and_acls_come_back(kept: str, request: pytest.FixtureRequest):
    full_site = request.getfixturevalue(kept)
    left_over = full_site.path("photos/left over.jpg")
    _set_attributes(left_over)
    before = os.stat(left_over)
    _plan, outcome = full_site.run("orphans")
    assert outcome.remover.notes == []
    [stored] = [
        file
        for file in (full_site.quarantine / outcome.batch / "files").rglob("*")
        if _is_left_over(full_site, file)
    ]
    assert _attributes(stored) == ATTRIBUTES
    full_site.restore_all()
    after = os.stat(left_over)
    assert _attributes(left_over) == ATTRIBUTES
    assert (stat.S_IMODE(after.st_mode), after.st_uid) == (stat.S_IMODE(before.st_mode), before.st_uid)


def _is_left_over(full_site: FullSite, file: Path) -> bool:
    return file.is_file() and file.read_bytes() == full_site.start[0][b"photos/left over.jpg"][-1]


@pytest.mark.promise(10)
@needs_root
def test_attributes_that_the_quarantine_does_not_take_are_told(full_site: FullSite, tmp_path: Path):
    _set_attributes(full_site.path("photos/left over.jpg"))
    # A ramfs takes no attributes.
    with mounted(tmp_path / "plain", "-t", "ramfs", "ramfs"):
        full_site.options["quarantine"] = str(tmp_path / "plain" / "kept")
        plan, outcome = full_site.run("orphans")
        [note] = outcome.remover.notes
        assert "of 1 file, not all extended attributes or ACLs are kept" in note
        assert f"  note: {note}" in words.summary(describe(full_site.job("orphans"), plan, outcome), False)
        assert note in words.warnings(plan, False, outcome)
        assert outcome.removed.files == 4


# A power failure.


@pytest.mark.promise(10)
def test_the_way_to_a_file_is_on_disk_before_it_is_moved(
    full_site: FullSite, monkeypatch: pytest.MonkeyPatch
):
    events: list[Any] = []
    sync, rename = os.fsync, os.rename

    def seen_sync(handle: int) -> None:
        events.append(os.readlink(f"/proc/self/fd/{handle}"))
        sync(handle)

    def seen_rename(*arguments: Any, **handles: Any) -> None:
        # Not what is renamed in a folder, such as the state of the site.
        if handles.get("src_dir_fd") != handles.get("dst_dir_fd"):
            events.append("a file is moved")
        rename(*arguments, **handles)

    monkeypatch.setattr(os, "fsync", seen_sync)
    monkeypatch.setattr(os, "rename", seen_rename)
    full_site.quarantine = full_site.quarantine / "of" / "this site"
    full_site.options["quarantine"] = str(full_site.quarantine)
    _plan, outcome = full_site.run("orphans")

    batch = full_site.quarantine / outcome.batch
    before = events[: events.index("a file is moved")]
    parents = [*list(full_site.quarantine.parents)[:3], full_site.quarantine, batch, batch / "files"]
    assert {str(path) for path in parents} <= set(before)
    # A folder's entry is on disk only if the folder that holds it is synced after the entry was made.
    assert before.index(str(batch)) > before.index(str(full_site.quarantine))
    assert str(batch / "files" / "00000") in events[events.index("a file is moved") :]


@pytest.mark.promise(10)
@pytest.mark.parametrize("can_rename", [True, False], ids=["renamed", "linked"])
def test_the_way_back_is_on_disk_before_the_file_leaves_the_batch(
    full_site: FullSite, monkeypatch: pytest.MonkeyPatch, can_rename: bool
):
    full_site.run("orphans")
    for path in ("2/b", "2/a", "2"):
        for file in (full_site.media / "photos" / path).glob("*"):
            file.unlink()
        (full_site.media / "photos" / path).rmdir()
    events: list[str] = []
    sync, unlink = os.fsync, os.unlink

    def seen_sync(handle: int) -> None:
        events.append(os.readlink(f"/proc/self/fd/{handle}"))
        sync(handle)

    def seen_unlink(path: Any, **handles: Any) -> None:
        events.append(f"{os.fsdecode(path)} goes")
        unlink(path, **handles)

    def seen_rename(place: int, source: bytes, handle: int, target: bytes) -> None:
        if not can_rename:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        events.append(f"{os.fsdecode(source)} goes")
        rename(place, source, handle, target)

    rename = transfer.rename_to_new
    monkeypatch.setattr(transfer, "rename_to_new", seen_rename)
    [batch] = full_site.batches()
    with quarantine.opened(os.fsencode(full_site.quarantine), batch) as kept_in:
        kept = next(file for file in kept_in.files() if b"/b/" in file.path)
    monkeypatch.setattr(os, "fsync", seen_sync)
    monkeypatch.setattr(os, "unlink", seen_unlink)
    full_site.restore(batch, os.fsdecode(kept.path))
    going = events.index(f"{kept.name} goes")
    photos = full_site.media / "photos"
    assert {str(photos), str(photos / "2")} <= set(events[:going])
    # A rename is in one place or the other; a file that was linked must not be in neither.
    assert str(photos / "2" / "b") in (events[going:] if can_rename else events[:going])


# What a crash leaves of a batch.


@pytest.mark.parametrize("written", [b"", b'{"format": 1, "batch'])
def test_a_batch_without_its_first_line_is_told_and_goes_with_the_next_purge(
    full_site: FullSite, written: bytes
):
    full_site.run("orphans")
    [whole] = full_site.batches()
    stub = full_site.quarantine / "20261121T020003Z-orphans-4f1c9d07"
    (stub / "files").mkdir(parents=True)
    (stub / "manifest.jsonl").write_bytes(written)
    result = run_module({INFO: {"quarantine": str(full_site.quarantine)}})
    assert [batch["name"] for batch in result["batches"]] == [whole]
    assert f"{stub.name} was left by a run that was killed" in json.dumps(result["warnings"])
    assert list(purge(os.fsencode(full_site.quarantine), None, 1, False)) == []
    assert full_site.in_quarantine == [whole]


@pytest.mark.promise(10)
def test_a_purge_takes_no_folder_that_may_hold_something(full_site: FullSite):
    full_site.run("orphans")
    [batch] = full_site.batches()
    folder = full_site.quarantine / batch
    (folder / "manifest.jsonl").write_bytes(b"")
    (full_site.quarantine / "notes").mkdir()
    purge(os.fsencode(full_site.quarantine), None, 0, False)
    assert full_site.in_quarantine == sorted([batch, "notes"])


@pytest.mark.untraced
def test_every_step_at_which_a_run_may_be_killed_leaves_a_list_of_batches(full_site: FullSite):
    for step in range(1, 400):
        ended = in_child(cleaning(full_site, "orphans"), Fault("kill", step))
        result = run_module({INFO: {"quarantine": str(full_site.quarantine)}})
        assert not result["failed"], f"step {step}"
        assert list(losses(full_site)) == [], f"step {step}"
        if ended.how == "done":
            return
        if full_site.batches() and full_site.kept():
            return
        full_site.forget_batches()
        let_clock_tick()
    raise AssertionError("no run came to its end")


@pytest.mark.promise(10)
@pytest.mark.parametrize("name", ["manifest.jsonl", "rows.jsonl"])
def test_a_damaged_batch_is_told_and_the_others_are_listed(full_site: FullSite, name: str):
    full_site.run("orphans")
    full_site.run("incomplete")
    damaged = next(batch for batch in full_site.batches() if "-incomplete-" in batch)
    file = full_site.quarantine / damaged / name
    file.write_bytes(file.read_bytes()[:-20] + b"\0" * 19 + b"\n")
    result = run_module({INFO: {"quarantine": str(full_site.quarantine)}})
    assert [batch["job"] for batch in result["batches"]] == ["orphans"]
    assert f"{damaged}/{name}' holds a line that is no JSON object" in json.dumps(result["warnings"])
    with pytest.raises(CleanupError, match="no JSON object"):
        full_site.restore(damaged)
    purge(os.fsencode(full_site.quarantine), None, 0, False)
    assert damaged in os.listdir(full_site.quarantine)


# What stands in the way of a file.


@pytest.mark.parametrize("error", [errno.EIO, errno.EACCES, errno.ESTALE])
def test_a_file_that_cannot_be_looked_at_is_told_as_such(
    full_site: FullSite, monkeypatch: pytest.MonkeyPatch, error: int
):
    look = os.stat

    def failing(path: Any, **how: Any) -> os.stat_result:
        if path == b"left over.jpg" and _is_called_by("prepare"):
            raise OSError(error, os.strerror(error))
        return look(path, **how)

    monkeypatch.setattr(os, "stat", failing)
    _plan, outcome = full_site.run("orphans")
    assert set(_told(outcome.failed)) == {"photos/2/b/left over.jpg", "photos/left over.jpg"}
    assert os.strerror(error) in _told(outcome.failed)["photos/left over.jpg"]
    assert outcome.removed.files == 2


def _is_called_by(function: str) -> bool:
    return any(frame.function == function for frame in inspect.stack())


def test_a_folder_that_was_made_and_not_opened_serves_the_next_file(
    full_site: FullSite, monkeypatch: pytest.MonkeyPatch
):
    opening, failed = os.open, []

    def failing(path: Any, flags: int, *mode: Any, **how: Any) -> int:
        if path == b"00000" and not failed:
            failed.append(path)
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return opening(path, flags, *mode, **how)

    monkeypatch.setattr(os, "open", failing)
    _plan, outcome = full_site.run("orphans")
    assert len(failed) == 1
    assert (outcome.failed.total, outcome.removed.files) == (1, 3)


# The moment at which a copy becomes the only one.


@pytest.mark.promise(10)
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.EIO, "Input/output error")])
def test_a_copy_stays_if_its_original_went_with_an_error(
    two_disk_site: FullSite, monkeypatch: pytest.MonkeyPatch, error: BaseException
):
    unlink = os.unlink

    def interrupted(path: Any, **how: Any) -> None:
        unlink(path, **how)
        if path == b"left over.jpg":
            raise error

    monkeypatch.setattr(os, "unlink", interrupted)
    with suppress(KeyboardInterrupt):
        two_disk_site.run("orphans")
    monkeypatch.undo()
    assert list(losses(two_disk_site)) == []
    two_disk_site.restore_all()
    assert two_disk_site.state() == two_disk_site.start


def test_of_an_original_that_cannot_go_no_copy_is_kept(
    two_disk_site: FullSite, monkeypatch: pytest.MonkeyPatch
):
    unlink = os.unlink

    def failing(path: Any, **how: Any) -> None:
        if path == b"left over.jpg":
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        unlink(path, **how)

    monkeypatch.setattr(os, "unlink", failing)
    _plan, outcome = two_disk_site.run("orphans")
    assert set(_told(outcome.failed)) == {"photos/2/b/left over.jpg", "photos/left over.jpg"}
    assert len(two_disk_site.kept()) == outcome.removed.files == 2
    assert list(losses(two_disk_site)) == []
