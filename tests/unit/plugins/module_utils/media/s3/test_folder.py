# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A private folder in a bucket: its files in parts, its names, its lock."""

from __future__ import annotations

import io
import time
from contextlib import suppress
from typing import Any

import pytest

from engine.errors import BusyError
from engine.media.s3.private import lease as leases
from engine.media.s3.private import parts
from engine.media.s3.private.folder import BucketFolder
from helpers.s3_servers import MINISTACK, SEAWEEDFS


def write(folder: BucketFolder, name: str, *pieces: bytes) -> None:
    with folder.create(name) as file:
        for piece in pieces:
            file.write(piece)
            file.sync()


def content(folder: BucketFolder, name: str) -> bytes:
    with folder.read(name) as file:
        return file.read()


def test_a_file_is_there_from_each_sync_on(folder: BucketFolder, kit: Any) -> None:
    with folder.create("manifest.jsonl") as file:
        assert not folder.has("manifest.jsonl")
        file.write(b"1\n")
        file.sync()
        file.sync()
        assert content(kit.folder(), "manifest.jsonl") == b"1\n"
        file.write(b"2\n")
        assert content(folder, "manifest.jsonl") == b"1\n"
    assert content(folder, "manifest.jsonl") == b"1\n2\n"
    assert folder.names() == ["manifest.jsonl"]
    assert kit.keys() == [f"kept/manifest.jsonl/000001-00000{number}" for number in (0, 1)]


@pytest.mark.parametrize("kit", [MINISTACK, SEAWEEDFS], indirect=True, ids=lambda service: service.name)
def test_a_file_is_replaced_as_a_whole(folder: BucketFolder, kit: Any) -> None:
    write(folder, "rows.jsonl", b"1", b"2", b"3")
    write(folder, "rows.jsonl.new", b"4", b"5")
    folder.rename("rows.jsonl.new", "rows.jsonl")
    assert content(folder, "rows.jsonl") == b"45"
    assert folder.names() == ["rows.jsonl"]
    write(folder, "rows.jsonl", b"")
    assert content(folder, "rows.jsonl") == b""
    assert len(kit.keys()) == 1
    folder.remove("rows.jsonl")
    assert (folder.has("rows.jsonl"), folder.names(), kit.keys()) == (False, [], [])
    for attempt in (folder.read, folder.remove, folder.state):
        with pytest.raises(FileNotFoundError):
            attempt("rows.jsonl")


@pytest.mark.parametrize("kit", [MINISTACK], indirect=True)
@pytest.mark.parametrize("done", range(7))
def test_a_file_is_never_seen_half_replaced(
    folder: BucketFolder, kit: Any, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    """A run is killed after each request of a rename in turn: one reads the old file, or the new one."""
    write(folder, "rows.jsonl", b"1", b"2")
    write(folder, "rows.jsonl.new", b"3", b"4")
    left = [done]

    def until_killed(call: Any) -> Any:
        def counted(*arguments: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return call(*arguments, **more)

        return counted

    with monkeypatch.context() as patched:
        for name in ("copy", "erase"):
            patched.setattr(folder.bucket, name, until_killed(getattr(folder.bucket, name)))
        with suppress(KeyboardInterrupt):
            folder.rename("rows.jsonl.new", "rows.jsonl")
    is_new = done >= 2
    assert content(kit.folder(), "rows.jsonl") == (b"34" if is_new else b"12")
    if not is_new or done < 5:
        folder.rename("rows.jsonl.new", "rows.jsonl")
    assert content(folder, "rows.jsonl") == b"34"


@pytest.mark.parametrize("kit", [MINISTACK], indirect=True)
def test_a_file_is_read_from_any_place(folder: BucketFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_FIRST_READ", 8)
    monkeypatch.setattr(parts, "_LONGEST_READ", 32)
    whole = bytes(range(200))
    write(folder, "1", whole[:3], whole[3:150], b"", whole[150:])
    with folder.read("1") as file, folder.read_here("1") as here:
        assert here.fileno() > 0
        for place, length in ((0, 5), (149, 3), (2, 190), (199, 9), (200, 1), (70, 1)):
            for opened in (file, here):
                opened.seek(place)
                assert opened.read(length) == whole[place : place + length]
        assert file.seek(-3, io.SEEK_END) == 197
        assert file.read() == whole[-3:]
    assert content(folder, "1") == whole


@pytest.mark.parametrize("kit", [MINISTACK], indirect=True)
def test_a_file_of_which_a_part_is_gone_is_not_read(folder: BucketFolder, kit: Any) -> None:
    write(folder, "1", b"1", b"2", b"3")
    kit.bucket.delete("kept/1/000001-000001")
    with pytest.raises(OSError, match="parts of the file are gone"):
        folder.read("1")


@pytest.mark.parametrize("kit", [MINISTACK], indirect=True)
def test_nothing_that_was_written_is_written_again(folder: BucketFolder) -> None:
    with folder.create("digests") as file:
        file.fill_to(4)
        file.write(b"1")
        with pytest.raises(OSError, match="cannot be written again"):
            file.fill_to(4)
        file.fill_to(5)
    assert content(folder, "digests") == b"\0\0\0\0001"


@pytest.mark.parametrize("kit", [MINISTACK, SEAWEEDFS], indirect=True, ids=lambda service: service.name)
def test_folders_hold_what_was_put_into_them(folder: BucketFolder, kit: Any) -> None:
    folder.make_folder("batch")
    inner = folder.folder("batch").folder("files")
    write(inner, "1", b"1")
    write(folder, "batch-2", b"")
    with pytest.raises(FileExistsError):
        folder.make_folder("batch")
    assert (folder.names(), folder.has("batch"), folder.has("bat")) == (["batch", "batch-2"], True, False)
    folder.remove_tree("batch")
    assert (folder.names(), kit.keys()) == (["batch-2"], ["kept/batch-2/000001-000000"])
    assert folder.folder("gone").names() == []


@pytest.mark.promise(5)
@pytest.mark.parametrize("kit", [MINISTACK], indirect=True)
def test_a_file_goes_without_its_neighbour_of_a_longer_name(s3_servers: Any, kit: Any) -> None:
    for versioned in (False, True):
        made = type(kit)(s3_servers(kit.service), versioned)
        for name in ("1", "1~", "10", "1/000001-000000"):
            made.put(f"kept/{name}")
        with made.folder() as folder:
            folder.remove("1")
        assert made.keys() == ["kept/10"]
        made.bucket.close()


@pytest.mark.parametrize("kit", [MINISTACK], indirect=True)
def test_what_is_deleted_from_a_quarantine_is_gone_with_its_versions(s3_servers: Any, kit: Any) -> None:
    versioned = type(kit)(s3_servers(MINISTACK), versioned=True)
    with versioned.folder() as folder:
        write(folder, "1", b"1", b"2")
        write(folder, "1", b"3")
        write(folder.folder("batch"), "1", b"4")
        folder.remove("1")
        folder.remove_tree("batch")
    assert list(versioned.bucket.versions("")) == []


# The lock.


def test_one_run_at_a_time_has_the_lock(folder: BucketFolder, kit: Any) -> None:
    folder.lock()
    other = kit.folder()
    if kit.service.conditional_put:
        with pytest.raises(BusyError, match=r"'s3://.*/kept' is in use by another run \(process \d+ on .*\)"):
            other.lock()
    else:
        # The lock of the database is the only one there.
        other.lock()
    other.close()
    folder.close()
    assert kit.keys() == []
    with kit.folder() as third:
        third.lock()


@pytest.mark.parametrize("kit", [MINISTACK], indirect=True)
def test_the_lock_of_a_killed_run_is_free_after_a_while(
    folder: BucketFolder, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.lock()
    monkeypatch.setattr(leases, "FREE_AFTER", -5)
    with kit.folder() as second:
        second.lock()
        monkeypatch.setattr(leases, "FREE_AFTER", 900)
        # What the first one does at its end must not free the lock of the second.
        folder.close()
        with kit.folder() as third, pytest.raises(BusyError):
            third.lock()


@pytest.mark.parametrize("kit", [MINISTACK], indirect=True)
def test_a_lock_is_renewed_while_it_is_held(
    folder: BucketFolder, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_RENEWED_EVERY", 0.05)
    puts: list[dict[str, str]] = []
    ask = folder.bucket.ask

    def seen(operation: str, asked: Any, headers: Any = None) -> Any:
        if headers:
            puts.append(headers)
            if len(puts) == 4:
                # One that fails is tried again.
                raise OSError("no answer")
        return ask(operation, asked, headers)

    monkeypatch.setattr(folder.bucket, "ask", seen)
    folder.lock()
    while len(puts) < 6:
        time.sleep(0.02)
    folder.close()
    assert puts[:2] == [{"If-None-Match": "*"}] * 2
    assert {name for headers in puts[2:] for name in headers} == {"If-Match"}
    assert kit.keys() == []
