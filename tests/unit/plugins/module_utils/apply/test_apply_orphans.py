# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Files first, references after, and both once more at the moment of removal."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.apply import orphans
from helpers.builders import Hindrance, Media, Site, found, planned, reasons, run
from helpers.users import as_nobody


@pytest.mark.promise(2)
def test_a_row_that_comes_during_the_walk_protects(site_with_orphan: Site) -> None:
    def upload(_files: int) -> None:
        for thread in threading.enumerate():
            if thread.name.startswith("references"):
                thread.join()
        site_with_orphan.insert("p/lost.jpg")

    with planned(site_with_orphan.orphans(), progress=upload) as made:
        assert found(made.plan) == []
        assert reasons(made.plan.kept) == {b"p/lost.jpg": "a row references it"}


@pytest.mark.promise(2)
@pytest.mark.parametrize("value", ["p/lost.jpg", "p/lost.JPG"])
def test_a_row_that_comes_after_the_plan_protects(site_with_orphan: Site, value: str) -> None:
    with planned(site_with_orphan.orphans()) as made:
        site_with_orphan.insert(value)
        outcome = made.apply()
    is_named = value == "p/lost.jpg"
    assert reasons(outcome.kept) == ({b"p/lost.jpg": "a row references it"} if is_named else {})
    assert (b"p/lost.jpg" in site_with_orphan.media.files) == is_named


@pytest.mark.promise(2)
def test_each_handful_of_files_is_looked_up_once_more(
    site_with_orphan: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "AT_ONCE", 2)
    site_with_orphan.media.write(*[f"p/{number}.jpg" for number in range(6)])

    def upload(path: bytes) -> None:
        if path == b"p/1.jpg":
            site_with_orphan.insert("p/4.jpg")

    with planned(site_with_orphan.orphans()) as made:
        outcome = made.apply(Hindrance(upload))
    assert site_with_orphan.media.files == {b"p/kept.jpg", b"p/4.jpg"}
    assert outcome.removed.files == 6


@pytest.mark.promise(2)
@pytest.mark.parametrize("what", ["rewritten", "replaced", "touched", "gone", "link", "directory"])
def test_a_file_that_changed_after_the_plan_stays(sqlite_with_orphan: Site, outside: Path, what: str) -> None:
    path = sqlite_with_orphan.media.path("p/lost.jpg")
    with planned(sqlite_with_orphan.orphans()) as made:
        if what == "rewritten":
            sqlite_with_orphan.media.write("p/lost.jpg", content=b"PICTURE")
        elif what == "replaced":
            shutil.copy2(path, path + b".new")
            os.replace(path + b".new", path)
        elif what == "touched":
            os.utime(path, (1, 1))
        else:
            os.unlink(path)
        if what == "link":
            os.symlink(os.fsencode(outside / "precious.jpg"), path)
        if what == "directory":
            os.mkdir(path)
        outcome = made.apply()
    assert outcome.removed.as_dict() == {"records": 0, "files": 0, "bytes": 0}
    told = "it was already removed" if what == "gone" else "another file is in its place"
    assert told in reasons(outcome.kept)[b"p/lost.jpg"]
    assert os.path.lexists(path) == (what != "gone")
    assert (outside / "precious.jpg").read_bytes() == b"precious"


@pytest.mark.promise(5)
@pytest.mark.parametrize("is_same", [True, False])
def test_a_directory_that_became_a_link_after_the_plan_is_not_followed(
    sqlite_with_orphan: Site, tmp_path: Path, is_same: bool
) -> None:
    """Even where the very same files lie behind the link."""
    with planned(sqlite_with_orphan.orphans()) as made:
        moved = tmp_path / "moved"
        if is_same:
            os.rename(sqlite_with_orphan.media.path("p"), moved)
        else:
            shutil.copytree(sqlite_with_orphan.media.path("p"), os.fsencode(moved))
            shutil.rmtree(sqlite_with_orphan.media.path("p"))
        sqlite_with_orphan.media.link("p", moved)
        outcome = made.apply()
    assert "the way to it has changed ('p' is a symbolic link)" in reasons(outcome.kept)[b"p/lost.jpg"]
    assert sorted(os.listdir(moved)) == ["kept.jpg", "lost.jpg"]


@pytest.mark.promise(2)
def test_a_directory_that_was_moved_after_the_plan_keeps_its_files(sqlite_with_orphan: Site) -> None:
    with planned(sqlite_with_orphan.orphans()) as made:
        sqlite_with_orphan.media.rename("p", "q")
        outcome = made.apply()
    assert outcome.removed.files == 0
    assert sqlite_with_orphan.media.files == {b"q/kept.jpg", b"q/lost.jpg"}


@pytest.mark.promise(1)
def test_a_lost_connection_ends_the_removal_and_is_told(postgresql: Any, media: Media) -> None:
    site = Site(postgresql, media)
    media.write("p/lost.jpg")
    with planned(site.orphans()) as made:
        postgresql.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        outcome = made.apply()
    assert "failed: server closed the connection" in outcome.error
    assert media.files == {b"p/lost.jpg"}


def test_a_file_that_cannot_be_removed_does_not_keep_the_others(public_site: Site) -> None:
    media = public_site.media
    media.write("closed/lost.jpg", "open/lost.jpg")
    os.chmod(media.path("closed"), 0o555)
    os.chmod(media.path("open"), 0o777)
    os.chmod(media.root, 0o777)

    def remove() -> Any:
        _plan, outcome = run(public_site.orphans())
        return outcome.removed.files, outcome.error, reasons(outcome.failed)

    assert as_nobody(remove) == (
        1,
        "",
        {b"closed/lost.jpg": "it could not be removed: Permission denied"},
    )
    assert media.files == {b"closed/lost.jpg"}


def test_a_run_that_is_stopped_at_a_file_leaves_it_and_the_rest(sqlite_with_orphan: Site) -> None:
    sqlite_with_orphan.media.write("p/a.jpg")

    def stop(path: bytes) -> None:
        if path == b"p/lost.jpg":
            raise KeyboardInterrupt

    with planned(sqlite_with_orphan.orphans()) as made, pytest.raises(KeyboardInterrupt):
        made.apply(Hindrance(stop))
    assert {b"p/kept.jpg", b"p/lost.jpg"} <= sqlite_with_orphan.media.files
    run(sqlite_with_orphan.orphans(max_removal_percent=10))
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg", b"p/a.jpg"}
