# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What was removed comes back exactly as it was, and never over something else."""

from __future__ import annotations

import os
import shutil
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
from engine.system import locks
from helpers.clock import let_clock_tick
from helpers.faults import Fault, in_child
from helpers.full_sites import FullSite, cleaned, cleaning, everything, finish, restoring
from helpers.rounds import losses

pytestmark = pytest.mark.promise(10)

is_root = os.geteuid() == 0


# The round trip.


def test_all_that_the_three_jobs_remove_comes_back_as_it_was(full_site: FullSite):
    cleaned(full_site)
    assert full_site.state() != full_site.start
    assert len(full_site.batches()) == 3
    full_site.restore_all()
    assert full_site.state() == full_site.start
    assert full_site.batches() == []


def test_across_file_systems_owner_mode_times_and_content_survive(two_disk_site: FullSite):
    stamps = {
        path: os.stat(two_disk_site.path(path))
        for path, file in two_disk_site.start[0].items()
        if file[0][0] == "-"
    }
    cleaned(two_disk_site)
    assert list(losses(two_disk_site)) == []
    assert two_disk_site.kept()
    two_disk_site.restore_all()
    assert two_disk_site.state() == two_disk_site.start
    for path, before in stamps.items():
        now = os.stat(two_disk_site.path(path))
        assert (now.st_mtime_ns, now.st_atime_ns) == (before.st_mtime_ns, before.st_atime_ns), path


def test_a_move_keeps_the_time_of_access(full_site: FullSite):
    before = os.stat(full_site.path("photos/left over.jpg"))
    full_site.run("orphans")
    full_site.restore_all()
    assert os.stat(full_site.path("photos/left over.jpg")).st_atime_ns == before.st_atime_ns


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


@pytest.mark.promise(8)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree=trees)
def test_any_tree_of_orphans_comes_back(
    sqlite_full_site: FullSite, tree: dict[bytes, tuple[bytes, int, int]]
):
    shutil.rmtree(sqlite_full_site.media)
    sqlite_full_site.write(
        *(os.fsencode(image) for (image,) in sqlite_full_site.database.rows("SELECT image FROM photo"))
    )
    sqlite_full_site.write("thumbs/one.jpg")
    for path, (content, mode, moment) in tree.items():
        _write_odd(sqlite_full_site, b"photos/odd/" + path, content, mode, moment)
    let_clock_tick()
    before = sqlite_full_site.state()
    sqlite_full_site.run("orphans", older_than_hours=0)
    sqlite_full_site.restore_all()
    assert sqlite_full_site.state() == before


def _write_odd(full_site: FullSite, path: bytes, content: bytes, mode: int, moment: int) -> None:
    file = full_site.path(path)
    try:
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "xb") as opened:
            opened.write(content)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        # A name that is a file here and a directory there.
        return
    os.chmod(file, mode)
    os.utime(file, ns=(moment * 10**8, moment * 10**8 + 7))


@pytest.mark.promise(8)
def test_names_that_are_hard_to_carry_come_back(sqlite_full_site: FullSite):
    depth, handles = 30, [os.open(sqlite_full_site.media / "photos", os.O_RDONLY)]
    for _level in range(depth):
        os.mkdir("d" * 200, dir_fd=handles[-1])
        handles.append(os.open("d" * 200, os.O_RDONLY, dir_fd=handles[-1]))
    for name in (b"n" * 255, b"\xff\n\x01", "ü".encode()):
        with open(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=handles[-1]), "wb") as file:
            file.write(b"deep " + name)
        os.utime(name, (1, 1), dir_fd=handles[-1])
    for handle in handles:
        os.close(handle)
    let_clock_tick()
    before = sqlite_full_site.state()
    assert max(map(len, before[0])) > 4096

    sqlite_full_site.run("orphans")
    assert max(map(len, everything(sqlite_full_site.media))) < 255
    sqlite_full_site.restore_all()
    assert sqlite_full_site.state() == before


# Never over something else.


@pytest.mark.promise(6)
def test_a_file_in_the_way_stays_and_the_rest_comes_back(full_site: FullSite):
    full_site.run("orphans")
    full_site.write("photos/left over.jpg", content=b"a new upload")
    [batch] = full_site.batches()

    for check in (True, False):
        found = full_site.restore(batch, check=check)
        assert [name for name, *_why in found.kept.items] == [b"photos/left over.jpg"]
        assert found.totals.files == 3
    assert Path(os.fsdecode(full_site.path("photos/left over.jpg"))).read_bytes() == b"a new upload"

    os.unlink(full_site.path("photos/left over.jpg"))
    full_site.restore(batch)
    assert full_site.state() == full_site.start
    assert full_site.batches() == []


def test_a_row_in_the_way_stays_and_the_rest_comes_back(full_site: FullSite):
    full_site.run("incomplete")
    full_site.photo(99, "photos/new.jpg", slug="photo-13")
    [batch] = full_site.batches()

    found = full_site.restore(batch)

    stays = {name.decode() for name, *_why in found.kept.items}
    assert stays == {"photo 13", "favorite 3"}
    assert full_site.database.rows("SELECT id FROM photo WHERE slug = 'photo-13'") == [(99,)]
    assert full_site.database.rows("SELECT count(*) FROM photo WHERE id IN (11, 12)") == [(2,)]

    full_site.database.run("DELETE FROM photo WHERE id = 99")
    os.unlink(full_site.path("photos/new.jpg"))
    full_site.restore(batch)
    assert full_site.state() == full_site.start
    assert full_site.batches() == []


def test_a_record_that_stays_does_not_keep_the_others_from_coming_back(full_site: FullSite):
    """Album 1 had the photo 12 as its cover: without the photo, it cannot get it back."""
    full_site.run("incomplete")
    full_site.photo(99, "photos/new.jpg", slug="photo-12")
    [batch] = full_site.batches()
    found = full_site.restore(batch)
    assert {name.decode() for name, *_why in found.kept.items} == {"photo 12", "album 1"}
    assert full_site.database.rows("SELECT count(*) FROM photo WHERE id IN (11, 13)") == [(2,)]


def test_a_changed_row_is_not_set_back(full_site: FullSite):
    full_site.run("incomplete")
    full_site.database.run("UPDATE album SET cover_id = 1 WHERE id = 1")
    [batch] = full_site.batches()
    found = full_site.restore(batch)
    assert [name for name, *_why in found.kept.items] == [b"album 1"]
    assert full_site.database.rows("SELECT cover_id FROM album WHERE id = 1") == [(1,)]


def test_a_row_does_not_come_back_without_its_file(full_site: FullSite):
    full_site.run("incomplete")
    shutil.rmtree(full_site.media / "photos" / "2" / "a")
    (full_site.media / "photos" / "2" / "a").write_bytes(b"a file where the directory was")
    [batch] = full_site.batches()
    found = full_site.restore(batch)
    assert {name.decode() for name, *_why in found.kept.items} >= {
        "photo 13",
        "photos/2/a/never attached.jpg",
    }
    assert full_site.database.rows("SELECT id FROM photo WHERE id = 13") == []


def test_a_row_does_not_come_back_without_a_companion(full_site: FullSite):
    full_site.run("incomplete")
    shared = (full_site.media / "thumbs" / "shared.jpg").read_bytes()
    shutil.rmtree(full_site.media / "thumbs")
    (full_site.media / "thumbs").write_bytes(b"a file where the directory was")
    [batch] = full_site.batches()
    found = full_site.restore(batch)
    assert {name.decode() for name, *_why in found.kept.items} >= {
        "thumbs/never attached.jpg",
        "photo 11",
        "favorite 2",
    }
    assert full_site.database.rows("SELECT id FROM photo WHERE id = 11") == []

    (full_site.media / "thumbs").unlink()
    full_site.write("thumbs/shared.jpg", "thumbs/" + 250 * "t", content=shared)
    full_site.restore(batch)
    assert full_site.state()[1] == full_site.start[1]
    assert full_site.batches() == []


def test_a_row_of_some_paths_comes_back_with_its_companions(full_site: FullSite):
    full_site.run("incomplete")
    [batch] = full_site.batches()
    found = full_site.restore(batch, "photos/never attached.jpg")
    assert set(found.paths.items) == {b"photos/never attached.jpg", b"thumbs/never attached.jpg"}
    assert full_site.database.rows("SELECT id FROM photo WHERE id IN (11, 12, 13)") == [(11,)]


@pytest.mark.parametrize("at_once", [1, 100_000])
def test_a_row_does_not_come_back_while_its_file_is_in_another_batch(
    full_site: FullSite, monkeypatch: pytest.MonkeyPatch, at_once: int
):
    """A crash after the commit leaves the files, and the next run takes them as orphans."""
    monkeypatch.setattr(restore, "PATHS_AT_ONCE", at_once)
    rows_only = _killed_after_the_commit(full_site)
    full_site.run("orphans")
    found = full_site.restore(rows_only)
    assert full_site.database.rows("SELECT id FROM photo WHERE id = 11") == []
    assert found.kept.total
    full_site.restore_all()
    full_site.restore_all()
    assert full_site.state() == full_site.start


def _killed_after_the_commit(full_site: FullSite) -> str:
    work = cleaning(full_site, "incomplete")
    commits = in_child(work, Fault("none", call="sql")).steps
    full_site.restore_all()
    let_clock_tick()
    for step in range(commits, 0, -1):
        in_child(work, Fault("kill", step, "sql"))
        if len(everything(full_site.media)) == len(full_site.files_at_start):
            break
        finish(full_site.restore_all)
        let_clock_tick()
    [batch] = full_site.batches()
    assert full_site.database.rows("SELECT id FROM photo WHERE id = 11") == []
    return batch


# Parts, parents, interruptions.


def test_some_paths_come_back_with_the_rows_that_name_them(full_site: FullSite):
    full_site.run("incomplete")
    [batch] = full_site.batches()
    full_site.restore(batch, "photos/näver attached.jpg", "photos/never attached.jpg")
    assert full_site.database.rows("SELECT id FROM photo WHERE id IN (11, 12, 13) ORDER BY 1") == [
        (11,),
        (12,),
    ]
    assert full_site.database.rows("SELECT cover_id FROM album WHERE id = 1") == [(12,)]
    assert full_site.database.rows("SELECT id FROM favorite WHERE id IN (2, 3)") == [(2,)]
    with pytest.raises(SiteError, match="nothing of these paths"):
        full_site.restore(batch, "photos/unheard of.jpg")
    full_site.restore(batch)
    assert full_site.state() == full_site.start


def test_missing_parents_are_made_again_like_their_parent(full_site: FullSite):
    full_site.run("orphans")
    shutil.rmtree(full_site.media / "photos" / "2" / "b")
    os.chmod(full_site.media / "photos" / "2", 0o2750)
    if is_root:
        os.chown(full_site.media / "photos" / "2", -1, 1004)
    full_site.restore_all()
    made, parent = os.stat(full_site.media / "photos" / "2" / "b"), os.stat(full_site.media / "photos" / "2")
    assert (made.st_mode, made.st_uid, made.st_gid) == (parent.st_mode, parent.st_uid, parent.st_gid)
    assert everything(full_site.media).keys() == full_site.files_at_start


@pytest.mark.untraced
@pytest.mark.parametrize("job", ["orphans", "incomplete", "missing"])
def test_a_restore_that_is_killed_anywhere_goes_on_from_there(sqlite_full_site: FullSite, job: str):
    _restore_killed_everywhere(sqlite_full_site, job)


@pytest.mark.untraced
@pytest.mark.parametrize("job", ["orphans"])
def test_a_restore_across_file_systems_that_is_killed_anywhere_goes_on_from_there(
    two_disk_site: FullSite, job: str
):
    _restore_killed_everywhere(two_disk_site, job)


def _restore_killed_everywhere(full_site: FullSite, job: str) -> None:
    full_site.run(job)
    steps = in_child(restoring(full_site)).steps
    assert full_site.state() == full_site.start
    for step in range(1, steps + 1, 2):
        let_clock_tick()
        full_site.run(job)
        assert in_child(restoring(full_site), Fault("kill", step)).how == "killed"
        full_site.restore_all()
        assert full_site.state() == full_site.start, f"step {step}"
        assert not any(
            info.files or info.rows for info in quarantine.batches(os.fsencode(full_site.quarantine))
        )
        full_site.forget_batches()


def test_a_restore_reads_the_batch_only_when_the_run_that_fills_it_is_over(
    sqlite_full_site: FullSite, monkeypatch: pytest.MonkeyPatch
):
    sqlite_full_site.run("incomplete")
    [batch] = sqlite_full_site.batches()
    rows = sqlite_full_site.quarantine / batch / quarantine.ROWS
    written, lock = rows.read_bytes(), locks.lock
    rows.write_bytes(b"".join(written.splitlines(True)[:1]))

    def lock_that_waits(*arguments: Any) -> None:
        rows.write_bytes(written)
        lock(*arguments)

    monkeypatch.setattr(locks, "lock", lock_that_waits)
    sqlite_full_site.restore(batch)
    assert sqlite_full_site.state() == sqlite_full_site.start
