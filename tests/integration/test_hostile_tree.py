# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A tree that somebody shaped to do harm, cleaned by root: nothing outside is ever touched."""

from __future__ import annotations

import ctypes
import errno
import multiprocessing
import os
import shutil
import socket
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from engine.errors import CleanupError
from helpers.builders import before_removal
from helpers.clock import let_clock_tick
from helpers.faults import in_child
from helpers.full_sites import FullSite, everything

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts, devices and attributes need root")
ORPHANS = {
    "photos/left over.jpg",
    "photos/2/b/left over.jpg",
    "thumbs/" + 250 * "t",
    "photos/caf\udce9\n.jpg",
}


@pytest.fixture
def full_site(sqlite_full_site: FullSite) -> FullSite:
    """On SQLite alone: the database does not matter here."""
    return sqlite_full_site


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder beside the media, in which nothing may be touched, whatever leads there."""
    folder = tmp_path / "outside"
    (folder / "inner").mkdir(parents=True)
    for name in ("left over.jpg", "never attached.jpg", "inner/left over.jpg"):
        (folder / name).write_bytes(b"sentinel " + name.encode())
        os.utime(folder / name, (1, 1))
    before = everything(folder, directories=True)
    yield folder
    assert everything(folder, directories=True) == before


def reasons(listed: Any) -> dict[str, str]:
    return {os.fsdecode(item.name): item.reason for item in listed.items}


# Links.


@pytest.mark.promise(5)
def test_links_are_never_followed_and_never_removed(full_site: FullSite, outside: Path):
    photos = full_site.media / "photos"
    (photos / "linked directory").symlink_to(outside)
    (photos / "linked file.jpg").symlink_to(outside / "left over.jpg")
    (photos / "dangling.jpg").symlink_to("nowhere")
    (photos / "circle").symlink_to("circle")
    (photos / "2" / "up").symlink_to("../..")
    plan, outcome = full_site.run("orphans")
    assert outcome.removed_items.total == 4
    links = {
        f"photos/{name}" for name in ("linked directory", "linked file.jpg", "dangling.jpg", "circle", "2/up")
    }
    assert links <= reasons(plan.kept).keys()
    assert all(os.path.islink(full_site.media / link) for link in links)


@pytest.mark.promise(5)
def test_a_listed_directory_that_is_a_link_is_refused(full_site: FullSite, outside: Path):
    shutil.rmtree(full_site.media / "photos")
    (full_site.media / "photos").symlink_to(outside)
    with pytest.raises(CleanupError, match="Links are not followed"):
        full_site.run("orphans")


@pytest.mark.promise(5)
@pytest.mark.parametrize("job", ["missing", "incomplete"])
def test_a_record_whose_path_leads_over_a_link_stays_with_what_it_leads_to(
    full_site: FullSite, outside: Path, job: str
):
    shutil.rmtree(full_site.media / "photos" / "2" / "a")
    (full_site.media / "photos" / "2" / "a").symlink_to(outside)
    full_site.run(job)
    assert (full_site.media / "photos" / "2" / "a").is_symlink()
    if job == "missing":
        assert full_site.database.rows("SELECT id FROM photo WHERE id = 13") == [(13,)]


@pytest.mark.promise(5)
def test_records_that_name_what_lies_outside_touch_nothing(full_site: FullSite, outside: Path):
    for number, path in enumerate(
        ["../outside/left over.jpg", f"{outside}/left over.jpg", "photos/../../outside/x"]
    ):
        full_site.photo(50 + number, path, on_disk=False)
    for job in ("incomplete", "missing", "orphans"):
        full_site.run(job)


def swapping(path: bytes, other: bytes, pause: float, stop: Any) -> None:
    """Exchange a directory and a link again and again, so that the name never stands empty."""
    libc = ctypes.CDLL(None, use_errno=True)
    at_fdcwd, exchange = -100, 2
    while not stop.is_set():
        if libc.renameat2(at_fdcwd, path, at_fdcwd, other, exchange):
            os._exit(ctypes.get_errno())
        if pause:
            time.sleep(pause)


@contextmanager
def alongside(work: Callable[..., None], *arguments: Any) -> Iterator[None]:
    """Another process that does its work until the test is done with it."""
    context = multiprocessing.get_context("fork")
    stop = context.Event()
    process = context.Process(target=work, args=(*arguments, stop), daemon=True)
    process.start()
    try:
        yield
        assert process.exitcode in (None, 0), errno.errorcode.get(process.exitcode or 0)
    finally:
        stop.set()
        process.join()


@pytest.mark.promise(5)
@pytest.mark.parametrize("pause", [0.0, 0.001])
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "deleted"])
def test_directories_swapped_for_links_and_back_lead_nowhere(
    full_site: FullSite, outside: Path, pause: float, kept: bool
):
    """The link leads to files of the same names, which stand outside."""
    swapped = full_site.media / "photos" / "2" / "b"
    other = full_site.media / "swap"
    other.symlink_to(outside)
    if not kept:
        del full_site.options["quarantine"]
    crashes = []
    with alongside(swapping, os.fsencode(swapped), os.fsencode(other), pause):
        for number in range(20):
            for job in ("orphans", "incomplete", "missing"):
                ended = in_child(lambda job=job: full_site.run(job))
                crashes += [ended.trouble] if ended.trouble else []
            if number % 4 == 0:
                _left_over_again(
                    full_site, swapped if swapped.is_dir() and not swapped.is_symlink() else other
                )
    assert crashes == []


def _left_over_again(full_site: FullSite, directory: Path) -> None:
    """Write an orphan into the directory, wherever it stands at the moment; never through a link."""
    try:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        file = os.open("left over.jpg", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, dir_fd=handle)
        os.close(file)
        os.utime("left over.jpg", (1, 1), dir_fd=handle)
    finally:
        os.close(handle)


@pytest.mark.promise(5)
def test_a_directory_swapped_between_the_plan_and_the_removal_is_told(full_site: FullSite, outside: Path):
    """At the very step at which the run comes to announce what it will take."""

    def swap() -> None:
        os.rename(full_site.media / "photos" / "2" / "b", full_site.media / "moved")
        (full_site.media / "photos" / "2" / "b").symlink_to(outside)

    with pytest.MonkeyPatch.context() as patch:
        before_removal(patch, swap)
        _plan, outcome = full_site.run("orphans")
    assert "photos/2/b/left over.jpg" in reasons(outcome.kept)
    assert outcome.removed_items.total == 3


def exchanged_at_the_last_moment(full_site: FullSite, exchange: Callable[[bytes], None]) -> Any:
    """Run orphans; a file is exchanged between the last look at it and its move."""
    path = full_site.path("photos/left over.jpg")
    rename = os.rename

    def exchanging(source: Any, target: Any, **handles: Any) -> None:
        if source == b"left over.jpg" and os.path.samestat(
            os.fstat(handles["src_dir_fd"]), os.stat(full_site.media / "photos")
        ):
            exchange(path)
        rename(source, target, **handles)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "rename", exchanging)
        return full_site.run("orphans")[1]


@pytest.mark.promise(2)
def test_an_upload_that_comes_at_the_last_moment_is_put_back(full_site: FullSite):
    def upload(path: bytes) -> None:
        Path(os.fsdecode(path) + ".tmp").write_bytes(b"a new upload")
        os.replace(path + b".tmp", path)

    outcome = exchanged_at_the_last_moment(full_site, upload)
    assert Path(os.fsdecode(full_site.path("photos/left over.jpg"))).read_bytes() == b"a new upload"
    assert "photos/left over.jpg" in reasons(outcome.kept)
    assert b"photos/left over.jpg" not in full_site.kept()


@pytest.mark.promise(2)
def test_a_directory_that_comes_at_the_last_moment_is_put_back_with_all_in_it(full_site: FullSite):
    def directory(path: bytes) -> None:
        os.unlink(path)
        os.mkdir(path)
        Path(os.fsdecode(path), "wanted.jpg").write_bytes(b"wanted")

    outcome = exchanged_at_the_last_moment(full_site, directory)
    assert (full_site.media / "photos" / "left over.jpg" / "wanted.jpg").read_bytes() == b"wanted"
    assert "photos/left over.jpg" in {**reasons(outcome.kept), **reasons(outcome.failed)}


@pytest.mark.promise(2)
def test_a_link_that_comes_at_the_last_moment_is_put_back(full_site: FullSite, outside: Path):
    def link(path: bytes) -> None:
        os.unlink(path)
        os.symlink(outside / "left over.jpg", path)

    exchanged_at_the_last_moment(full_site, link)
    assert (full_site.media / "photos" / "left over.jpg").is_symlink()


def test_a_pipe_that_comes_at_the_last_moment_does_not_hang_a_copy(full_site: FullSite):
    """Across file systems the file is opened, and opening a FIFO waits for somebody who writes."""
    if os.stat("/dev/shm").st_dev == os.stat(full_site.media).st_dev:
        pytest.skip("there is no second file system here")

    def pipe(path: bytes) -> None:
        os.unlink(path)
        os.mkfifo(path)

    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        full_site.options["quarantine"] = f"{elsewhere}/quarantine"
        ended = in_child(lambda: exchanged_at_the_last_moment(full_site, pipe), disturb=_alarmed)
    assert ended.how == "done"


def _alarmed(pid: int) -> None:
    """End a child that hangs, long after it should have ended by itself."""
    if os.fork() == 0:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and os.path.exists(f"/proc/{pid}/fd/0"):
            time.sleep(0.05)
        if os.path.exists(f"/proc/{pid}/fd/0"):
            os.kill(pid, 9)
        os._exit(0)


# What is no plain file, or more than one.


@pytest.mark.promise(5)
def test_fifos_sockets_and_devices_stay(full_site: FullSite):
    photos = full_site.media / "photos"
    os.mkfifo(photos / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()
        try:
            os.chdir(photos)
            listening.bind("socket.jpg")
        finally:
            os.chdir(here)
    odd = {"photos/pipe.jpg": "FIFO", "photos/socket.jpg": "socket"}
    if os.geteuid() == 0:
        os.mknod(photos / "device.jpg", 0o20600, os.makedev(1, 3))
        odd["photos/device.jpg"] = "device"
    full_site.photo(60, "photos/pipe.jpg", on_disk=False)
    plan, outcome = full_site.run("orphans")
    _plan, _outcome = full_site.run("incomplete")
    assert outcome.removed_items.total == 4
    for path, kind in odd.items():
        if path != "photos/pipe.jpg":
            assert kind in reasons(plan.kept)[path]
        assert os.path.lexists(full_site.media / path)


@pytest.mark.promise(5)
@pytest.mark.promise(9)
def test_another_name_of_a_referenced_file_is_kept_and_one_of_a_removed_file_keeps_its_content(
    full_site: FullSite, outside: Path
):
    referenced = full_site.media / "photos" / "kept 1.jpg"
    os.link(referenced, full_site.media / "photos" / "second name.jpg")
    (outside / "shared.jpg").write_bytes(b"shared")
    try:
        os.link(outside / "shared.jpg", full_site.media / "photos" / "of outside.jpg")
        let_clock_tick()
        plan, outcome = full_site.run("orphans", older_than_hours=0)
        assert outcome.removed_items.total == 5
        assert "'photos/kept 1.jpg'" in reasons(plan.kept)["photos/second name.jpg"]
        assert referenced.read_bytes() == b"picture photos/kept 1.jpg"
        assert (outside / "shared.jpg").read_bytes() == b"shared"
        full_site.restore_all()
        assert (full_site.media / "photos" / "of outside.jpg").samefile(outside / "shared.jpg")
    finally:
        os.unlink(outside / "shared.jpg")


@pytest.mark.promise(9)
def test_two_names_of_one_orphan_go_at_the_latest_with_the_next_run(full_site: FullSite):
    os.link(full_site.path("photos/left over.jpg"), full_site.path("photos/its other name.jpg"))
    let_clock_tick()
    full_site.run("orphans")
    let_clock_tick()
    full_site.run("orphans")
    assert not [path for path in everything(full_site.media) if b"left over" in path or b"other name" in path]


def test_a_file_that_a_process_reads_can_go_and_be_read_to_its_end(full_site: FullSite):
    with open(full_site.path("photos/left over.jpg"), "rb") as opened:
        full_site.run("orphans")
        assert opened.read() == b"picture photos/left over.jpg"


@pytest.mark.promise(2)
def test_a_file_that_a_process_is_writing_stays(full_site: FullSite):
    with open(full_site.path("photos/left over.jpg"), "ab") as opened:
        plan, _outcome = full_site.run("orphans", check=True)
        opened.write(b"more")
        opened.flush()
        _plan, outcome = full_site.run("orphans", approved_plan=None)
    assert len(plan.items) == 4
    assert outcome.removed_items.total == 3
    assert os.path.exists(full_site.path("photos/left over.jpg"))
