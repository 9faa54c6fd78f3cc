# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
import tracemalloc
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Iterable

import pytest
from builders import (
    SPELLINGS,
    TREES,
    Hindrance,
    Media,
    Site,
    as_nobody,
    found,
    guards,
    planned,
    reasons,
    run,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile import (
    jobs,
    orphans,
    spool,
    walk,
)
from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile import (
    plan as plan_module,
)
from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile.database import (
    sqlite as sqlite_module,
)
from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile.errors import SiteError
from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile.tree import MediaTree

LONGEST = b"n" * 251 + b".jpg"
IMAGE = {"table": "photo", "column": "image"}


@pytest.fixture
def kept(site: Site) -> Site:
    """A site where a row names ``p/kept.jpg`` and none names ``p/lost.jpg``."""
    site.media.write("p/kept.jpg", "p/lost.jpg")
    site.insert("p/kept.jpg")
    return site


@pytest.fixture
def lost(sqlite_site: Site) -> Site:
    """The same on SQLite alone."""
    sqlite_site.media.write("p/kept.jpg", "p/lost.jpg")
    sqlite_site.insert("p/kept.jpg")
    return sqlite_site


def later(hours: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the job's clock go ahead: no test can set a ctime back."""
    seconds = hours * 3600
    ahead = SimpleNamespace(
        time=lambda: time.time() + seconds, time_ns=lambda: time.time_ns() + int(seconds * 1e9)
    )
    monkeypatch.setattr(orphans, "time", ahead)


# What is an orphan.


def test_a_file_that_no_row_names_goes_and_others_stay(kept: Site) -> None:
    kept.media.write("other/lost.jpg")
    plan, outcome = run(kept.orphans(directories=["p"]))
    assert found(plan) == [b"p/lost.jpg"]
    assert kept.media.files == {b"p/kept.jpg", b"other/lost.jpg"}
    assert plan.examined == {"files": 2, "referenced": 1, "references": 1, "derived": 0}
    assert plan.found.as_dict() == outcome.removed.as_dict() == {"records": 0, "files": 1, "bytes": 7}
    assert [orphan.path for orphan in outcome.gone.items] == [b"p/lost.jpg"]
    assert (outcome.error, outcome.skipped.total, outcome.failed.total) == ("", 0, 0)


def test_every_listed_column_protects(kept: Site) -> None:
    kept.media.write("p/thumb.jpg")
    kept.insert(None, thumbnail="p/thumb.jpg")
    both = [IMAGE, {"table": "photo", "column": "thumbnail"}]
    assert found(run(kept.orphans(references=both), check=True)[0]) == [b"p/lost.jpg"]
    assert found(run(kept.orphans(), check=True)[0]) == [b"p/lost.jpg", b"p/thumb.jpg"]


def test_empty_values_name_nothing_and_harm_nothing(kept: Site) -> None:
    kept.insert("", None)
    plan, _outcome = run(kept.orphans(), check=True)
    assert found(plan) == [b"p/lost.jpg"]
    assert plan.skipped.total == 0


@settings(max_examples=25)
@given(TREES, st.data())
def test_orphans_are_the_files_without_the_named_ones(paths: list[bytes], data: st.DataObject) -> None:
    named = data.draw(st.sets(st.sampled_from(paths))) if paths else set()
    with tempfile.TemporaryDirectory() as folder:
        with closing(sqlite3.connect(f"{folder}/db")) as connection:
            connection.execute("CREATE TABLE photo (image text)")
            rows = [(path,) for path in named]
            connection.executemany("INSERT INTO photo VALUES (CAST(? AS text))", rows)
            connection.commit()
        media = Media(f"{folder}/media")
        media.write(*paths)
        database = SimpleNamespace(url=f"sqlite:///{folder}/db", run=lambda _script: None)
        job = Site(database, media).orphans(exclude=[])
        plan, outcome = run(job)
        assert found(plan) == sorted(set(paths) - named)
        assert media.files == named
        assert outcome.removed.files == len(paths) - len(named)


@pytest.mark.parametrize(
    "name", [b"\xff\xfe.jpg", b"line\nbreak.jpg", LONGEST, "Ünï.jpg".encode(), b"-rf", b"'"]
)
def test_orphans_of_any_name_go(kept: Site, name: bytes) -> None:
    kept.media.write(b"p/" + name)
    plan, _outcome = run(kept.orphans())
    assert set(found(plan)) == {b"p/" + name, b"p/lost.jpg"}
    assert kept.media.files == {b"p/kept.jpg"}


def test_directories_are_walked_in_the_order_of_the_references(site: Site) -> None:
    directories = ["a", "a-", "a.b", "a0"]
    for directory in directories:
        site.media.write(f"{directory}/kept.jpg", f"{directory}/lost.jpg")
        site.insert(f"{directory}/kept.jpg")
    plan, _outcome = run(site.orphans(directories=directories), check=True)
    assert found(plan) == [b"a-/lost.jpg", b"a.b/lost.jpg", b"a/lost.jpg", b"a0/lost.jpg"]


def test_only_regular_files_are_judged(lost: Site, outside: Path) -> None:
    lost.media.link("p/link", outside / "precious.jpg")
    lost.media.link("p/folder", outside)
    os.mkfifo(lost.media.path("p/fifo"))
    plan, _outcome = run(lost.orphans())
    assert found(plan) == [b"p/lost.jpg"]
    assert reasons(plan.skipped) == {
        b"p/link": "it is a symbolic link, and only regular files are judged",
        b"p/folder": "it is a symbolic link, and only regular files are judged",
        b"p/fifo": "it is a FIFO, and only regular files are judged",
    }
    assert plan.examined["files"] == 2
    assert os.listdir(outside) == ["precious.jpg"]


def test_excluded_files_are_not_judged(lost: Site) -> None:
    lost.media.write("p/.hidden", "p/cache/x", "p/a.tmp")
    plan, _outcome = run(lost.orphans(exclude=[".*", "cache", "p/*.tmp"]), check=True)
    assert found(plan) == [b"p/lost.jpg"]
    assert plan.examined["files"] == 2


@pytest.mark.parametrize("directory", ["gone", "p/kept.jpg", "link"])
def test_a_listed_directory_that_is_none_ends_the_run(lost: Site, outside: Path, directory: str) -> None:
    lost.media.link("link", outside)
    with pytest.raises(SiteError, match=f"directory '{directory}'"):
        run(lost.orphans(directories=["p", directory][directory.startswith("p/") :]))
    assert b"p/lost.jpg" in lost.media.files


# Young things stay.


@pytest.mark.parametrize(
    ("hours", "is_young"), [(0, True), (23.9, True), (24.1, False), (1e5, False), (-1, True), (-1e5, True)]
)
def test_a_file_is_young_by_its_mtime(lost: Site, hours: float, is_young: bool) -> None:
    lost.media.write("p/lost.jpg", hours=hours)
    plan, _outcome = run(lost.orphans(age_stamp="mtime"))
    assert (plan.young, found(plan)) == (is_young, [b"p/lost.jpg"] * (not is_young))
    assert (b"p/lost.jpg" in lost.media.files) == is_young


@pytest.mark.parametrize(
    ("age_stamp", "mtime", "is_young"),
    [
        ("mtime", 48, False),
        ("ctime", 48, True),
        ("newest", 48, True),
        ("mtime", 1, True),
        ("newest", 1, True),
    ],
)
def test_a_file_that_was_copied_a_moment_ago_is_young_unless_its_mtime_is_asked(
    lost: Site, age_stamp: str, mtime: float, is_young: bool
) -> None:
    lost.media.write("p/lost.jpg", hours=mtime)
    plan, _outcome = run(lost.orphans(age_stamp=age_stamp), check=True)
    assert plan.young == is_young


@pytest.mark.parametrize("age_stamp", ["ctime", "newest"])
@pytest.mark.parametrize(("mtime", "ahead"), [(48, 23), (48, 25), (-30, 25), (1, 25)])
def test_a_file_is_young_by_its_ctime_or_the_newest_of_both(
    lost: Site, monkeypatch: pytest.MonkeyPatch, age_stamp: str, mtime: float, ahead: float
) -> None:
    lost.media.write("p/lost.jpg", hours=mtime)
    later(ahead, monkeypatch)
    plan, _outcome = run(lost.orphans(age_stamp=age_stamp), check=True)
    is_young = ahead < 24 or (age_stamp == "newest" and mtime + ahead < 24)
    assert plan.young == is_young


def test_what_is_made_during_the_run_is_young_however_old_it_looks(
    lost: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(-1, monkeypatch)
    plan, _outcome = run(lost.orphans(age_stamp="mtime", older_than_hours=0), check=True)
    assert (plan.young, found(plan)) == (1, [])


def test_without_a_limit_every_file_made_before_the_run_is_old(lost: Site) -> None:
    lost.media.write("p/new.jpg", hours=0)
    plan, _outcome = run(lost.orphans(age_stamp="newest", older_than_hours=0), check=True)
    assert found(plan) == [b"p/lost.jpg", b"p/new.jpg"]


# Files first, references after, and once more at the moment of removal.


def test_a_row_that_comes_during_the_walk_protects(kept: Site) -> None:
    def upload(_files: int) -> None:
        for thread in threading.enumerate():
            if thread.name.startswith("references"):
                thread.join()
        kept.insert("p/lost.jpg")

    with planned(kept.orphans(), progress=upload) as made:
        assert found(made.plan) == []
        assert reasons(made.plan.skipped) == {b"p/lost.jpg": "a row names it"}


@pytest.mark.parametrize("value", ["p/lost.jpg", "p/lost.JPG"])
def test_a_row_that_comes_after_the_plan_protects(kept: Site, value: str) -> None:
    with planned(kept.orphans()) as made:
        kept.insert(value)
        outcome = made.carry_out()
    is_named = value == "p/lost.jpg"
    assert reasons(outcome.skipped) == ({b"p/lost.jpg": "a row names it"} if is_named else {})
    assert (b"p/lost.jpg" in kept.media.files) == is_named


def test_each_handful_of_files_is_looked_up_once_more(kept: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "LAST_LOOK", 2)
    kept.media.write(*[f"p/{number}.jpg" for number in range(6)])

    def upload(path: bytes) -> None:
        if path == b"p/1.jpg":
            kept.insert("p/4.jpg")

    with planned(kept.orphans()) as made:
        outcome = made.carry_out(Hindrance(upload))
    assert kept.media.files == {b"p/kept.jpg", b"p/4.jpg"}
    assert outcome.removed.files == 6


@pytest.mark.parametrize("what", ["rewritten", "replaced", "touched", "gone", "link", "directory"])
def test_a_file_that_changed_after_the_plan_stays(lost: Site, outside: Path, what: str) -> None:
    path = lost.media.path("p/lost.jpg")
    with planned(lost.orphans()) as made:
        if what == "rewritten":
            lost.media.write("p/lost.jpg", content=b"PICTURE")
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
        outcome = made.carry_out()
    assert outcome.removed.as_dict() == {"records": 0, "files": 0, "bytes": 0}
    told = "it was gone already" if what == "gone" else "another file stands in its place"
    assert told in reasons(outcome.skipped)[b"p/lost.jpg"]
    assert os.path.lexists(path) == (what != "gone")
    assert (outside / "precious.jpg").read_bytes() == b"precious"


@pytest.mark.parametrize("is_same", [True, False])
def test_a_directory_that_became_a_link_after_the_plan_is_not_followed(
    lost: Site, tmp_path: Path, is_same: bool
) -> None:
    """Even where the very same files lie behind the link."""
    with planned(lost.orphans()) as made:
        moved = tmp_path / "moved"
        if is_same:
            os.rename(lost.media.path("p"), moved)
        else:
            shutil.copytree(lost.media.path("p"), os.fsencode(moved))
            shutil.rmtree(lost.media.path("p"))
        lost.media.link("p", moved)
        outcome = made.carry_out()
    assert "the way to it has changed ('p' is a symbolic link)" in reasons(outcome.skipped)[b"p/lost.jpg"]
    assert sorted(os.listdir(moved)) == ["kept.jpg", "lost.jpg"]


def test_a_directory_that_was_moved_after_the_plan_keeps_its_files(lost: Site) -> None:
    with planned(lost.orphans()) as made:
        lost.media.rename("p", "q")
        outcome = made.carry_out()
    assert outcome.removed.files == 0
    assert lost.media.files == {b"q/kept.jpg", b"q/lost.jpg"}


def test_a_lost_connection_ends_the_removal_and_is_told(postgresql: Any, media: Media) -> None:
    site = Site(postgresql, media)
    media.write("p/lost.jpg")
    with planned(site.orphans()) as made:
        postgresql.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        outcome = made.carry_out()
    assert "photo.image failed" in outcome.error
    assert media.files == {b"p/lost.jpg"}


def test_a_file_that_cannot_be_removed_does_not_keep_the_others(public_site: Site) -> None:
    media = public_site.media
    media.write("closed/lost.jpg", "open/lost.jpg")
    os.chmod(media.path("closed"), 0o555)
    os.chmod(media.path("open"), 0o777)

    def remove() -> Any:
        _plan, outcome = run(public_site.orphans())
        return outcome.removed.files, outcome.error, reasons(outcome.failed)

    assert as_nobody(remove) == (
        1,
        "",
        {b"closed/lost.jpg": "it could not be removed: Permission denied"},
    )
    assert media.files == {b"closed/lost.jpg"}


# The same file in another spelling.


@pytest.mark.parametrize(("on_disk", "in_database"), SPELLINGS)
def test_a_file_that_a_row_names_in_another_spelling_stays(
    site: Site, on_disk: str, in_database: str
) -> None:
    site.media.write(on_disk)
    site.insert(in_database)
    plan, _outcome = run(site.orphans())
    assert found(plan) == []
    assert "the database names it in another spelling" in reasons(plan.skipped)[on_disk.encode()]
    assert site.media.files == {on_disk.encode()}


def test_a_file_below_the_media_root_as_the_database_writes_it_stays(kept: Site) -> None:
    kept.insert(os.fsdecode(kept.media.path("p/lost.jpg")))
    plan, _outcome = run(kept.orphans(), check=True)
    assert found(plan) == []


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("/etc/passwd", "is absolute"),
        ("../outside/precious.jpg", "holds '..'"),
        ("p/../../outside/precious.jpg", "holds '..'"),
        ("https://cdn.example.org/a.jpg", "is a URL"),
    ],
)
def test_a_value_that_leads_outside_is_reported(kept: Site, outside: Path, value: str, why: str) -> None:
    kept.insert(value)
    plan, _outcome = run(kept.orphans())
    assert reasons(plan.skipped) == {value.encode(): f"the database holds this path, which {why}"}
    assert kept.media.files == {b"p/kept.jpg"}
    assert (outside / "precious.jpg").exists()


def test_a_value_with_a_nul_byte_is_reported(lost: Site) -> None:
    lost.database.run("INSERT INTO photo (id, image) VALUES (99, CAST(x'702f610062' AS text))")
    plan, _outcome = run(lost.orphans(), check=True)
    assert reasons(plan.skipped) == {b"p/a\0b": "the database holds this path, which holds a NUL byte"}


# Derived files.


def test_a_derived_file_lives_as_long_as_its_source(kept: Site) -> None:
    kept.media.write("CACHE/images/p/kept/1.jpg", "CACHE/images/p/lost/2.jpg", "p/kept.jpg.9x9_q85.jpg")
    derived = ["CACHE/images/{dir}/{stem}/*", "{dir}/{name}.*_q*.*"]
    plan, _outcome = run(kept.orphans(derived=derived))
    assert found(plan) == [b"CACHE/images/p/lost/2.jpg", b"p/lost.jpg"]
    assert plan.examined["derived"] == 2
    assert plan.skipped.total == 0, "they are no news"
    assert kept.media.files == {b"CACHE/images/p/kept/1.jpg", b"p/kept.jpg", b"p/kept.jpg.9x9_q85.jpg"}


def test_a_derived_file_of_a_photo_that_comes_after_the_plan_stays(kept: Site) -> None:
    kept.media.write("CACHE/images/p/new/1.jpg")
    with planned(kept.orphans(derived=["CACHE/images/{dir}/{stem}/*"])) as made:
        kept.insert("p/new.png")
        outcome = made.carry_out()
    assert list(reasons(outcome.skipped)) == [b"CACHE/images/p/new/1.jpg"]


# Half a view removes nothing.


def test_a_directory_that_must_not_be_read_turns_the_plan_down(public_site: Site) -> None:
    media = public_site.media
    media.write("p/lost.jpg", "closed/x.jpg")
    os.chmod(media.path("closed"), 0)
    os.chmod(media.path("p"), 0o777)

    def remove() -> Any:
        plan, outcome = run(public_site.orphans())
        return outcome, guards(plan), plan.refusals[0].message

    outcome, refused, message = as_nobody(remove)
    assert (outcome, refused) == (None, ["partial"])
    assert "closed" in message
    assert "Permission denied" in message
    assert os.path.exists(media.path("p/lost.jpg"))


def test_a_directory_that_vanishes_during_the_walk_turns_the_plan_down(lost: Site) -> None:
    lost.media.write("a/1.jpg", "z/2.jpg")
    with planned(lost.orphans(), progress=lambda _files: shutil.rmtree(lost.media.path("z"), True)) as made:
        assert guards(made.plan) == ["partial"]
        assert "the directory vanished during the run" in made.plan.refusals[0].message


def test_a_media_root_that_is_replaced_during_the_walk_turns_the_plan_down(lost: Site) -> None:
    def unmount(_files: int) -> None:
        os.rename(lost.media.root, lost.media.root + b".old")
        os.mkdir(lost.media.root)

    with planned(lost.orphans(), progress=unmount) as made:
        assert guards(made.plan) == ["partial"]


def test_another_file_system_is_told_and_its_files_stay(mounted: Media, sqlite: Any) -> None:
    mounted.write("mounted/lost.jpg", "p/lost.jpg")
    plan, _outcome = run(Site(sqlite, mounted).orphans())
    assert reasons(plan.skipped) == {b"mounted": "another file system is mounted here; it was not entered"}
    assert mounted.files == {b"mounted/lost.jpg"}


@pytest.mark.parametrize("present", [True, False])
def test_without_its_marker_nothing_goes_and_the_marker_never_does(lost: Site, present: bool) -> None:
    if present:
        lost.media.write("p/.mounted.txt")
    plan, outcome = run(lost.orphans(marker="p/.mounted.txt"))
    assert guards(plan) == ([] if present else ["marker"])
    assert lost.media.files == (
        {b"p/kept.jpg", b"p/.mounted.txt"} if present else {b"p/kept.jpg", b"p/lost.jpg"}
    )
    assert (outcome is None) == (not present)


@pytest.mark.parametrize("present", [True, False])
def test_where_the_media_is_not_mounted_the_marker_is_spoken_of_first(site: Site, present: bool) -> None:
    if present:
        site.media.write(".mounted")
    with pytest.raises(SiteError) as refusal:
        run(site.orphans(marker=".mounted", directories=["p"]))
    said = str(refusal.value)
    assert ("the marker '.mounted' is not below the media root" in said) == (not present)
    assert "directory 'p' does not exist" in said
    assert said.startswith("directory" if present else "the marker")


@pytest.mark.parametrize(("most", "goes"), [(49, False), (50, True), (100, True)])
def test_a_share_that_is_too_large_turns_the_plan_down(lost: Site, most: int, goes: bool) -> None:
    plan, outcome = run(lost.orphans(max_removal_percent=most))
    assert guards(plan) == ([] if goes else ["max_removal_percent"])
    assert (outcome is not None) == goes
    assert (b"p/lost.jpg" in lost.media.files) == (not goes)


# Check mode.


def test_a_check_run_changes_nothing_and_predicts_the_real_one(kept: Site) -> None:
    kept.media.write("p/\xff.jpg", "q/deep/er.jpg", hours=99)
    before = kept.media.untouched, kept.database.dump()
    checked, nothing = run(kept.orphans(), check=True)
    assert nothing is None
    assert (kept.media.untouched, kept.database.dump()) == before
    applied, outcome = run(kept.orphans())
    assert (checked.digest, found(checked)) == (applied.digest, found(applied))
    assert outcome.removed == checked.found


@pytest.mark.parametrize("check", [True, False])
def test_this_job_never_writes_to_the_database(
    lost: Site, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    asked = []
    connect = jobs.connect
    monkeypatch.setattr(
        jobs, "connect", lambda url, read_only: asked.append(read_only) or connect(url, read_only)
    )
    run(lost.orphans(), check=check)
    assert asked == [True]


# What was approved is the most that is removed.


def approved(site: Site, **options: Any) -> str:
    return run(site.orphans(**options), check=True)[0].token


def test_an_approved_plan_is_carried_out(lost: Site) -> None:
    plan, outcome = run(lost.orphans(), approved=approved(lost))
    assert outcome.removed.files == 1
    assert plan.warnings == []


def test_what_is_not_in_the_approved_plan_waits(lost: Site) -> None:
    token = approved(lost)
    lost.media.write("p/later.jpg")
    plan, _outcome = run(lost.orphans(), approved=token)
    assert reasons(plan.skipped) == {
        b"p/later.jpg": "it is not in the approved plan and waits for the next one"
    }
    assert lost.media.files == {b"p/kept.jpg", b"p/later.jpg"}


def test_what_changed_since_the_approval_stays(lost: Site) -> None:
    token = approved(lost)
    lost.media.write("p/lost.jpg", content=b"another")
    plan, outcome = run(lost.orphans(), approved=token)
    assert "no longer what was approved" in reasons(plan.skipped)[b"p/lost.jpg"]
    assert outcome.removed.files == 0
    assert b"p/lost.jpg" in lost.media.files


def test_what_left_the_plan_since_the_approval_is_told(kept: Site) -> None:
    kept.media.write("p/gone.jpg", "p/young.jpg")
    token = approved(kept)
    os.unlink(kept.media.path("p/gone.jpg"))
    kept.media.write("p/young.jpg", hours=0)
    kept.insert("p/lost.jpg")
    plan, _outcome = run(kept.orphans(), approved=token)
    since = "it was in the approved plan and is referenced or young by now"
    assert reasons(plan.skipped) == {b"p/lost.jpg": since, b"p/young.jpg": since}
    assert plan.warnings == ["gone already: 1 file of the approved plan"]
    assert found(plan) == []


def test_ages_are_judged_as_of_the_moment_of_the_approval(
    lost: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost.media.write("p/young.jpg", hours=23)
    token = approved(lost)
    later(2, monkeypatch)
    assert found(run(lost.orphans(), check=True)[0]) == [b"p/lost.jpg", b"p/young.jpg"]
    plan, _outcome = run(lost.orphans(), approved=token)
    assert (found(plan), plan.young, plan.skipped.total) == ([b"p/lost.jpg"], 1, 0)


@pytest.mark.parametrize(
    "change", [{"directories": ["p"]}, {"references": [IMAGE, {**IMAGE, "column": "thumbnail"}]}]
)
def test_an_approved_plan_of_other_options_is_refused(lost: Site, change: dict[str, Any]) -> None:
    token = approved(lost)
    with pytest.raises(SiteError, match="other options"):
        run(lost.orphans(**change), approved=token)
    assert b"p/lost.jpg" in lost.media.files


@pytest.mark.parametrize("is_same", [True, False])
def test_a_plan_too_large_for_a_token_is_carried_out_as_it_was_or_not_at_all(
    lost: Site, monkeypatch: pytest.MonkeyPatch, is_same: bool
) -> None:
    monkeypatch.setattr(plan_module, "ITEMS_IN_TOKEN", 2)
    lost.media.write("p/1.jpg", "p/2.jpg", "p/3.jpg")
    token = approved(lost)
    if not is_same:
        lost.media.write("p/later.jpg")
    plan, outcome = run(lost.orphans(), approved=token)
    assert guards(plan) == ([] if is_same else ["approved_plan"])
    assert (outcome is not None) == is_same
    assert (lost.media.files == {b"p/kept.jpg"}) == is_same


# Memory.


SHAPES = {
    "flat": lambda number: "",
    "deep": lambda number: "d/" * (number % 5),
    "wide": lambda number: f"{number}/",
    # Each directory has files to come while the walk is below it.
    "stairs": lambda number: "-/" * (number // 500),
}


def peak_of_a_plan(folder: Path, count: int, shape: str, is_named: bool) -> int:
    """The most memory that Python had taken while a plan over so many files was made."""
    media = Media(folder / "media")
    names = [f"{SHAPES[shape](number)}{number * 7919 % count:060}.jpg" for number in range(count)]
    root = os.fsdecode(media.root)
    for name in names:
        os.makedirs(os.path.dirname(f"{root}/{name}"), exist_ok=True)
        os.close(os.open(f"{root}/{name}", os.O_CREAT | os.O_WRONLY))
    with closing(sqlite3.connect(folder / "db")) as connection:
        connection.execute("CREATE TABLE photo (image text)")
        if is_named:
            connection.executemany("INSERT INTO photo VALUES (?)", ((name,) for name in names))
        connection.commit()
    database = SimpleNamespace(url=f"sqlite:///{folder}/db", run=lambda _script: None)
    job = Site(database, media).orphans(older_than_hours=0, age_stamp="newest")
    del names
    time.sleep(0.02)
    tracemalloc.start()
    try:
        plan, _outcome = jobs.run(job, check=True)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (plan.examined["files"], plan.found.files) == (count, 0 if is_named else count)
    return peak


def test_a_plan_over_30000_files_holds_the_names_once_and_not_all_references(tmp_path: Path) -> None:
    """The names of a directory, the set of them, and a batch of references; a list more is too much."""
    a_list_of_all = 30_000 * (sys.getsizeof(b"%064d" % 0) + 8)
    assert peak_of_a_plan(tmp_path, 30_000, "flat", is_named=True) < 3.6 * a_list_of_all


def test_memory_does_not_hold_what_is_to_come_in_the_directories_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "NAMES_ABOVE", 1_000)
    monkeypatch.setattr(spool, "BLOCK", 7_000)
    monkeypatch.setattr(sqlite_module, "BATCH", 100)
    a_list_of_all = 20_000 * (sys.getsizeof(b"%064d" % 0) + 8)
    assert peak_of_a_plan(tmp_path, 20_000, "stairs", is_named=True) < a_list_of_all / 3


def test_names_above_are_put_aside_once_and_then_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two directories above hold about as many names as they may; below the second are many small ones."""
    media = Media(tmp_path / "media")
    media.write(*[f"a/b/{number:04}/x" for number in range(300)])
    media.write(
        *[f"a/b/~{number:04}" for number in range(900)], *[f"a/~{number:04}" for number in range(990)]
    )
    monkeypatch.setattr(walk, "NAMES_ABOVE", 1_000)
    monkeypatch.setattr(spool, "FEW", 100)
    put: list[int] = []
    put_aside = spool.Aside.put

    def counted(*arguments: Any) -> None:
        put.append(len(arguments[2]))
        put_aside(*arguments)

    monkeypatch.setattr(spool.Aside, "put", counted)
    with MediaTree(media.root, 10) as tree:
        found = [run.prefix + name for run in tree.walk(b"", None) for name in run.names]
    assert found == sorted(media.files)
    assert 1 <= len(put) <= 2 + 300
    assert sum(put) < 1_900 + 300 * 60


@pytest.mark.parametrize("shape", sorted(SHAPES))
@pytest.mark.parametrize("is_named", [True, False])
def test_memory_does_not_grow_with_the_number_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: str, is_named: bool
) -> None:
    """With all that is kept in memory made small, four times the files need as much as once."""
    for module, name in (
        (walk, "NAMES_IN_MEMORY"),
        (walk, "NAMES_ABOVE"),
        (walk, "ENTRIES"),
        (spool, "CHUNK"),
        (sqlite_module, "BATCH"),
        (plan_module, "ITEMS_IN_TOKEN"),
        (orphans, "LAST_LOOK"),
    ):
        monkeypatch.setattr(module, name, 100)
    monkeypatch.setattr(spool, "BLOCK", 7_000)
    few, many = (tmp_path / "few", tmp_path / "many")
    few.mkdir()
    many.mkdir()
    small, large = peak_of_a_plan(few, 600, shape, is_named), peak_of_a_plan(many, 2_400, shape, is_named)
    assert large < small * 1.4


# Guards against wrong settings.


def numbered(count: int, folder: str = "p") -> Iterable[str]:
    return [f"{folder}/{number}.jpg" for number in range(count)]


@pytest.mark.parametrize(
    ("count", "accept", "refused"), [(9, [], []), (10, [], ["no_references"]), (10, ["no_references"], [])]
)
def test_a_directory_that_nothing_names_turns_the_plan_down(
    lost: Site, count: int, accept: list[str], refused: list[str]
) -> None:
    lost.media.write(*numbered(count, "q"))
    plan, _outcome = run(lost.orphans(directories=["p", "q"], accept=accept), check=True)
    assert guards(plan) == refused


@pytest.mark.parametrize(("accept", "refused"), [([], ["misfit"]), (["misfit"], [])])
def test_references_that_would_fit_with_a_prefix_turn_the_plan_down(
    sqlite_site: Site, accept: list[str], refused: list[str]
) -> None:
    sqlite_site.media.write(*numbered(5, "uploads/p"))
    sqlite_site.insert(*numbered(5))
    plan, _outcome = run(sqlite_site.orphans(accept=accept), check=True)
    assert guards(plan) == refused


@pytest.mark.parametrize("include", [True, False])
def test_what_may_be_the_file_that_a_row_has_lost_stays(kept: Site, include: bool) -> None:
    kept.insert("elsewhere/lost.jpg")
    plan, _outcome = run(kept.orphans(include_likely_moves=include))
    assert found(plan) == [b"p/lost.jpg"] * include
    assert ("elsewhere/lost.jpg" in reasons(plan.skipped).get(b"p/lost.jpg", "")) == (not include)
    assert (b"p/lost.jpg" in kept.media.files) == (not include)


def test_progress_is_told(lost: Site) -> None:
    told: list[int] = []
    with planned(lost.orphans(), progress=told.append):
        assert told == [2]


def test_a_run_that_is_stopped_at_a_file_leaves_it_and_the_rest(lost: Site) -> None:
    lost.media.write("p/a.jpg")

    def stop(path: bytes) -> None:
        if path == b"p/lost.jpg":
            raise KeyboardInterrupt

    with planned(lost.orphans()) as made, pytest.raises(KeyboardInterrupt):
        made.carry_out(Hindrance(stop))
    assert lost.media.files == {b"p/kept.jpg", b"p/lost.jpg"}
