# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What was removed comes back exactly as it was, and never over something else."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.apply import restore
from engine.errors import SiteError
from engine.quarantine import (
    store as quarantine,
)
from helpers.faults import Fault, in_child
from helpers.rounds import losses
from helpers.worlds import CLOCK_TICK, World, cleaned, cleaning, everything, finish, restoring

is_root = os.geteuid() == 0


# The round trip.


def test_all_that_the_three_jobs_remove_comes_back_as_it_was(world: World):
    cleaned(world)
    assert world.state() != world.start
    assert len(world.batches()) == 3
    world.restore_all()
    assert world.state() == world.start
    assert world.batches() == []


def test_across_file_systems_owner_mode_times_and_content_survive(divided: World):
    stamps = {
        path: os.stat(divided.path(path)) for path, file in divided.start[0].items() if file[0][0] == "-"
    }
    cleaned(divided)
    assert list(losses(divided)) == []
    assert divided.kept()
    divided.restore_all()
    assert divided.state() == divided.start
    for path, before in stamps.items():
        now = os.stat(divided.path(path))
        assert (now.st_mtime_ns, now.st_atime_ns) == (before.st_mtime_ns, before.st_atime_ns), path


def test_a_move_keeps_the_time_of_access(world: World):
    before = os.stat(world.path("photos/left over.jpg"))
    world.run("orphans")
    world.restore_all()
    assert os.stat(world.path("photos/left over.jpg")).st_atime_ns == before.st_atime_ns


names_of_files = st.one_of(
    st.binary(min_size=1, max_size=255).filter(lambda name: not {b"/"[0], 0} & set(name)),
    st.text("aé\n\t{%'\"\\ ", min_size=1, max_size=20).map(os.fsencode),
    st.just(b"x" * 255),
).filter(lambda name: name not in (b".", b"..") and not name.startswith(b".") and name != b"@eaDir")
trees = st.dictionaries(
    st.lists(names_of_files, min_size=1, max_size=3).map(b"/".join),
    st.tuples(st.binary(max_size=50), st.sampled_from([0o600, 0o644, 0o4755, 0o000]), st.integers(0, 2**33)),
    max_size=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree=trees)
def test_any_tree_of_orphans_comes_back(sqlite_world: World, tree: dict[bytes, tuple[bytes, int, int]]):
    shutil.rmtree(sqlite_world.media)
    sqlite_world.write(
        *(os.fsencode(image) for (image,) in sqlite_world.database.rows("SELECT image FROM photo"))
    )
    sqlite_world.write("thumbs/one.jpg")
    for path, (content, mode, moment) in tree.items():
        _write_odd(sqlite_world, b"photos/odd/" + path, content, mode, moment)
    time.sleep(CLOCK_TICK)
    before = sqlite_world.state()
    sqlite_world.run("orphans", older_than_hours=0)
    sqlite_world.restore_all()
    assert sqlite_world.state() == before


def _write_odd(world: World, path: bytes, content: bytes, mode: int, moment: int) -> None:
    file = world.path(path)
    try:
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "xb") as opened:
            opened.write(content)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        # A name that is a file here and a directory there.
        return
    os.chmod(file, mode)
    os.utime(file, ns=(moment * 10**8, moment * 10**8 + 7))


def test_names_that_are_hard_to_carry_come_back(sqlite_world: World):
    depth, handles = 30, [os.open(sqlite_world.media / "photos", os.O_RDONLY)]
    for _level in range(depth):
        os.mkdir("d" * 200, dir_fd=handles[-1])
        handles.append(os.open("d" * 200, os.O_RDONLY, dir_fd=handles[-1]))
    for name in (b"n" * 255, b"\xff\n\x01", "ü".encode()):
        with open(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=handles[-1]), "wb") as file:
            file.write(b"deep " + name)
        os.utime(name, (1, 1), dir_fd=handles[-1])
    for handle in handles:
        os.close(handle)
    time.sleep(CLOCK_TICK)
    before = sqlite_world.state()
    assert max(map(len, before[0])) > 4096

    sqlite_world.run("orphans")
    assert max(map(len, everything(sqlite_world.media))) < 255
    sqlite_world.restore_all()
    assert sqlite_world.state() == before


# Never over something else.


def test_a_file_in_the_way_stays_and_the_rest_comes_back(world: World):
    world.run("orphans")
    world.write("photos/left over.jpg", content=b"a new upload")
    [batch] = world.batches()

    for check in (True, False):
        found = world.restore(batch, check=check)
        assert [name for name, _reason in found.stays.items] == [b"photos/left over.jpg"]
        assert found.totals.files == 3
    assert Path(os.fsdecode(world.path("photos/left over.jpg"))).read_bytes() == b"a new upload"

    os.unlink(world.path("photos/left over.jpg"))
    world.restore(batch)
    assert world.state() == world.start
    assert world.batches() == []


def test_a_row_in_the_way_stays_and_the_rest_comes_back(world: World):
    world.run("incomplete")
    world.photo(99, "photos/new.jpg", slug="photo-13")
    [batch] = world.batches()

    found = world.restore(batch)

    stays = {name.decode() for name, _reason in found.stays.items}
    assert stays == {"photo 13", "favorite 3"}
    assert world.database.rows("SELECT id FROM photo WHERE slug = 'photo-13'") == [(99,)]
    assert world.database.rows("SELECT count(*) FROM photo WHERE id IN (11, 12)") == [(2,)]

    world.database.run("DELETE FROM photo WHERE id = 99")
    os.unlink(world.path("photos/new.jpg"))
    world.restore(batch)
    assert world.state() == world.start
    assert world.batches() == []


def test_a_record_that_stays_does_not_keep_the_others_from_coming_back(world: World):
    """Album 1 had the photo 12 as its cover: without the photo, it cannot get it back."""
    world.run("incomplete")
    world.photo(99, "photos/new.jpg", slug="photo-12")
    [batch] = world.batches()
    found = world.restore(batch)
    assert {name.decode() for name, _reason in found.stays.items} == {"photo 12", "album 1"}
    assert world.database.rows("SELECT count(*) FROM photo WHERE id IN (11, 13)") == [(2,)]


def test_a_changed_row_is_not_set_back(world: World):
    world.run("incomplete")
    world.database.run("UPDATE album SET cover_id = 1 WHERE id = 1")
    [batch] = world.batches()
    found = world.restore(batch)
    assert [name for name, _reason in found.stays.items] == [b"album 1"]
    assert world.database.rows("SELECT cover_id FROM album WHERE id = 1") == [(1,)]


def test_a_row_does_not_come_back_without_its_file(world: World):
    world.run("incomplete")
    shutil.rmtree(world.media / "photos" / "2" / "a")
    (world.media / "photos" / "2" / "a").write_bytes(b"a file where the directory was")
    [batch] = world.batches()
    found = world.restore(batch)
    assert {name.decode() for name, _reason in found.stays.items} >= {
        "photo 13",
        "photos/2/a/never attached.jpg",
    }
    assert world.database.rows("SELECT id FROM photo WHERE id = 13") == []


def test_a_row_does_not_come_back_without_a_companion(world: World):
    world.run("incomplete")
    shared = (world.media / "thumbs" / "shared.jpg").read_bytes()
    shutil.rmtree(world.media / "thumbs")
    (world.media / "thumbs").write_bytes(b"a file where the directory was")
    [batch] = world.batches()
    found = world.restore(batch)
    assert {name.decode() for name, _reason in found.stays.items} >= {
        "thumbs/never attached.jpg",
        "photo 11",
        "favorite 2",
    }
    assert world.database.rows("SELECT id FROM photo WHERE id = 11") == []

    (world.media / "thumbs").unlink()
    world.write("thumbs/shared.jpg", "thumbs/" + 250 * "t", content=shared)
    world.restore(batch)
    assert world.state()[1] == world.start[1]
    assert world.batches() == []


def test_a_row_of_some_paths_comes_back_with_its_companions(world: World):
    world.run("incomplete")
    [batch] = world.batches()
    found = world.restore(batch, "photos/never attached.jpg")
    assert set(found.paths.items) == {b"photos/never attached.jpg", b"thumbs/never attached.jpg"}
    assert world.database.rows("SELECT id FROM photo WHERE id IN (11, 12, 13)") == [(11,)]


@pytest.mark.parametrize("at_once", [1, 100_000])
def test_a_row_does_not_come_back_while_its_file_is_in_another_batch(
    world: World, monkeypatch: pytest.MonkeyPatch, at_once: int
):
    """A crash after the commit leaves the files, and the next run takes them as orphans."""
    monkeypatch.setattr(restore, "PATHS_AT_ONCE", at_once)
    rows_only = _killed_after_the_commit(world)
    world.run("orphans")
    found = world.restore(rows_only)
    assert world.database.rows("SELECT id FROM photo WHERE id = 11") == []
    assert found.stays.total
    world.restore_all()
    world.restore_all()
    assert world.state() == world.start


def _killed_after_the_commit(world: World) -> str:
    work = cleaning(world, "incomplete")
    commits = in_child(work, Fault("none", call="sql")).steps
    world.restore_all()
    time.sleep(CLOCK_TICK)
    for step in range(commits, 0, -1):
        in_child(work, Fault("kill", step, "sql"))
        if len(everything(world.media)) == len(world.files_at_start):
            break
        finish(world.restore_all)
        time.sleep(CLOCK_TICK)
    [batch] = world.batches()
    assert world.database.rows("SELECT id FROM photo WHERE id = 11") == []
    return batch


# Parts, parents, interruptions.


def test_some_paths_come_back_with_the_rows_that_name_them(world: World):
    world.run("incomplete")
    [batch] = world.batches()
    world.restore(batch, "photos/näver attached.jpg", "photos/never attached.jpg")
    assert world.database.rows("SELECT id FROM photo WHERE id IN (11, 12, 13) ORDER BY 1") == [(11,), (12,)]
    assert world.database.rows("SELECT cover_id FROM album WHERE id = 1") == [(12,)]
    assert world.database.rows("SELECT id FROM favorite WHERE id IN (2, 3)") == [(2,)]
    with pytest.raises(SiteError, match="nothing of these paths"):
        world.restore(batch, "photos/unheard of.jpg")
    world.restore(batch)
    assert world.state() == world.start


def test_missing_parents_are_made_again_like_their_parent(world: World):
    world.run("orphans")
    shutil.rmtree(world.media / "photos" / "2" / "b")
    os.chmod(world.media / "photos" / "2", 0o2750)
    if is_root:
        os.chown(world.media / "photos" / "2", 1003, 1004)
    world.restore_all()
    made, parent = os.stat(world.media / "photos" / "2" / "b"), os.stat(world.media / "photos" / "2")
    assert (made.st_mode, made.st_uid, made.st_gid) == (parent.st_mode, parent.st_uid, parent.st_gid)
    assert everything(world.media).keys() == world.files_at_start


@pytest.mark.untraced
@pytest.mark.parametrize("job", ["orphans", "incomplete", "missing"])
def test_a_restore_that_is_killed_anywhere_goes_on_from_there(sqlite_world: World, job: str):
    _restore_killed_everywhere(sqlite_world, job)


@pytest.mark.untraced
@pytest.mark.parametrize("job", ["orphans"])
def test_a_restore_across_file_systems_that_is_killed_anywhere_goes_on_from_there(divided: World, job: str):
    _restore_killed_everywhere(divided, job)


def _restore_killed_everywhere(world: World, job: str) -> None:
    world.run(job)
    steps = in_child(restoring(world)).steps
    assert world.state() == world.start
    for step in range(1, steps + 1, 2):
        time.sleep(CLOCK_TICK)
        world.run(job)
        assert in_child(restoring(world), Fault("kill", step)).how == "killed"
        world.restore_all()
        assert world.state() == world.start, f"step {step}"
        assert not any(info.files or info.rows for info in quarantine.batches(os.fsencode(world.quarantine)))
        world.forget_batches()


def test_a_restore_reads_the_batch_only_when_the_run_that_fills_it_is_over(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch
):
    from engine import run as jobs

    sqlite_world.run("incomplete")
    [batch] = sqlite_world.batches()
    rows = sqlite_world.quarantine / batch / quarantine.ROWS
    written, lock = rows.read_bytes(), jobs.lock
    rows.write_bytes(b"".join(written.splitlines(True)[:1]))

    def lock_that_waits(*arguments: Any) -> None:
        rows.write_bytes(written)
        lock(*arguments)

    monkeypatch.setattr(jobs, "lock", lock_that_waits)
    sqlite_world.restore(batch)
    assert sqlite_world.state() == sqlite_world.start
