# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
import tracemalloc
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import session
from engine.errors import CleanupError, SiteError
from engine.plan import approval as approvals
from engine.plan import orphans, planner
from helpers.builders import (
    SPELLINGS,
    TREES,
    Media,
    Site,
    found,
    guards,
    on_full_disk,
    planned,
    reasons,
    run,
)

LONGEST = b"n" * 251 + b".jpg"
IMAGE = {"table": "photo", "column": "image"}


def later(hours: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the job's clock go ahead: no test can set a ctime back."""
    seconds = hours * 3600
    ahead = SimpleNamespace(
        time=lambda: time.time() + seconds, time_ns=lambda: time.time_ns() + int(seconds * 1e9)
    )
    for module in (orphans, planner):
        monkeypatch.setattr(module, "time", ahead)


# What is an orphan.


def test_a_file_that_no_row_names_goes_and_others_stay(site_with_orphan: Site) -> None:
    site_with_orphan.media.write("other/lost.jpg")
    plan, outcome = run(site_with_orphan.orphans(directories=["p"]))
    assert found(plan) == [b"p/lost.jpg"]
    assert site_with_orphan.media.files == {b"p/kept.jpg", b"other/lost.jpg"}
    assert plan.examined == {"files": 2, "referenced": 1, "references": 1, "derived": 0}
    assert plan.found.as_dict() == outcome.removed.as_dict() == {"records": 0, "files": 1, "bytes": 7}
    assert [orphan.path for orphan in outcome.removed_items.items] == [b"p/lost.jpg"]
    assert (outcome.error, outcome.kept.total, outcome.failed.total) == ("", 0, 0)


def test_every_listed_column_protects(site_with_orphan: Site) -> None:
    site_with_orphan.media.write("p/thumb.jpg")
    site_with_orphan.insert(None, thumbnail="p/thumb.jpg")
    both = [IMAGE, {"table": "photo", "column": "thumbnail"}]
    assert found(run(site_with_orphan.orphans(references=both), check=True)[0]) == [b"p/lost.jpg"]
    # Not listed, it protects by the sweep alone.
    unswept = site_with_orphan.orphans(sweep=False)
    assert found(run(unswept, check=True)[0]) == [b"p/lost.jpg", b"p/thumb.jpg"]
    assert found(run(site_with_orphan.orphans(), check=True)[0]) == [b"p/lost.jpg"]


def test_empty_values_name_nothing_and_harm_nothing(site_with_orphan: Site) -> None:
    site_with_orphan.insert("", None)
    plan, _outcome = run(site_with_orphan.orphans(), check=True)
    assert found(plan) == [b"p/lost.jpg"]
    assert plan.kept.total == 0


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


@pytest.mark.promise(8)
@pytest.mark.parametrize(
    "name", [b"\xff\xfe.jpg", b"line\nbreak.jpg", LONGEST, "Ünï.jpg".encode(), b"-rf", b"'"]
)
def test_orphans_of_any_name_go(site_with_orphan: Site, name: bytes) -> None:
    site_with_orphan.media.write(b"p/" + name)
    plan, _outcome = run(site_with_orphan.orphans())
    assert set(found(plan)) == {b"p/" + name, b"p/lost.jpg"}
    assert site_with_orphan.media.files == {b"p/kept.jpg"}


def test_directories_are_walked_in_the_order_of_the_references(site: Site) -> None:
    directories = ["a", "a-", "a.b", "a0"]
    for directory in directories:
        site.media.write(f"{directory}/kept.jpg", f"{directory}/lost.jpg")
        site.insert(f"{directory}/kept.jpg")
    plan, _outcome = run(site.orphans(directories=directories), check=True)
    assert found(plan) == [b"a-/lost.jpg", b"a.b/lost.jpg", b"a/lost.jpg", b"a0/lost.jpg"]


@pytest.mark.promise(5)
def test_only_regular_files_are_judged(sqlite_with_orphan: Site, outside: Path) -> None:
    sqlite_with_orphan.media.link("p/link", outside / "precious.jpg")
    sqlite_with_orphan.media.link("p/folder", outside)
    os.mkfifo(sqlite_with_orphan.media.path("p/fifo"))
    plan, _outcome = run(sqlite_with_orphan.orphans())
    assert found(plan) == [b"p/lost.jpg"]
    assert reasons(plan.kept) == {
        b"p/link": "it is a symbolic link, and only regular files are judged",
        b"p/folder": "it is a symbolic link, and only regular files are judged",
        b"p/fifo": "it is a FIFO, and only regular files are judged",
    }
    assert plan.examined["files"] == 2
    assert os.listdir(outside) == ["precious.jpg"]


def test_excluded_files_are_not_judged(sqlite_with_orphan: Site) -> None:
    sqlite_with_orphan.media.write("p/.hidden", "p/cache/x", "p/a.tmp")
    plan, _outcome = run(sqlite_with_orphan.orphans(exclude=[".*", "cache", "p/*.tmp"]), check=True)
    assert found(plan) == [b"p/lost.jpg"]
    assert plan.examined["files"] == 2


@pytest.mark.promise(9)
@pytest.mark.parametrize(
    "entry", ["p/x/", "./p/x", "p//x", "x/", "**/x", "**/x/", "**/p/x/**", "**/lost.jpg"]
)
def test_what_is_excluded_may_be_written_as_other_programs_have_it(
    sqlite_with_orphan: Site, entry: str
) -> None:
    sqlite_with_orphan.media.mkdir("p/x")
    sqlite_with_orphan.media.rename("p/lost.jpg", "p/x/lost.jpg")
    plan, _outcome = run(sqlite_with_orphan.orphans(exclude=[entry]), check=True)
    assert found(plan) == []


@pytest.mark.parametrize("directory", ["gone", "p/kept.jpg", "link"])
def test_a_listed_directory_that_is_none_ends_the_run(
    sqlite_with_orphan: Site, outside: Path, directory: str
) -> None:
    sqlite_with_orphan.media.link("link", outside)
    with pytest.raises(SiteError, match=f"directory '{directory}'"):
        run(sqlite_with_orphan.orphans(directories=["p", directory][directory.startswith("p/") :]))
    assert b"p/lost.jpg" in sqlite_with_orphan.media.files


# Young things stay.


@pytest.mark.promise(3)
@pytest.mark.parametrize(
    ("hours", "is_young"), [(0, True), (23.9, True), (24.1, False), (1e5, False), (-1, True), (-1e5, True)]
)
def test_a_file_is_young_by_its_mtime(sqlite_with_orphan: Site, hours: float, is_young: bool) -> None:
    sqlite_with_orphan.media.write("p/lost.jpg", hours=hours)
    plan, _outcome = run(sqlite_with_orphan.orphans(age_stamp="mtime"))
    assert (plan.young, found(plan)) == (is_young, [b"p/lost.jpg"] * (not is_young))
    assert (b"p/lost.jpg" in sqlite_with_orphan.media.files) == is_young


@pytest.mark.promise(3)
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
    sqlite_with_orphan: Site, age_stamp: str, mtime: float, is_young: bool
) -> None:
    sqlite_with_orphan.media.write("p/lost.jpg", hours=mtime)
    plan, _outcome = run(sqlite_with_orphan.orphans(age_stamp=age_stamp), check=True)
    assert plan.young == is_young


@pytest.mark.promise(3)
@pytest.mark.parametrize("age_stamp", ["ctime", "newest"])
@pytest.mark.parametrize(("mtime", "ahead"), [(48, 23), (48, 25), (-30, 25), (1, 25)])
def test_a_file_is_young_by_its_ctime_or_the_newest_of_both(
    sqlite_with_orphan: Site, monkeypatch: pytest.MonkeyPatch, age_stamp: str, mtime: float, ahead: float
) -> None:
    sqlite_with_orphan.media.write("p/lost.jpg", hours=mtime)
    later(ahead, monkeypatch)
    plan, _outcome = run(sqlite_with_orphan.orphans(age_stamp=age_stamp), check=True)
    is_young = ahead < 24 or (age_stamp == "newest" and mtime + ahead < 24)
    assert plan.young == is_young


@pytest.mark.promise(3)
def test_what_is_made_during_the_run_is_young_however_old_it_looks(
    sqlite_with_orphan: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(-1, monkeypatch)
    plan, _outcome = run(sqlite_with_orphan.orphans(age_stamp="mtime", older_than_hours=0), check=True)
    assert (plan.young, found(plan)) == (1, [])


@pytest.mark.promise(3)
def test_without_a_limit_every_file_made_before_the_run_is_old(sqlite_with_orphan: Site) -> None:
    sqlite_with_orphan.media.write("p/new.jpg", hours=0)
    plan, _outcome = run(sqlite_with_orphan.orphans(age_stamp="newest", older_than_hours=0), check=True)
    assert found(plan) == [b"p/lost.jpg", b"p/new.jpg"]


# The same file in another spelling.


@pytest.mark.promise(9)
@pytest.mark.parametrize(("on_disk", "in_database"), SPELLINGS)
def test_a_file_that_a_row_names_in_another_spelling_stays(
    site: Site, on_disk: str, in_database: str
) -> None:
    site.media.write(on_disk)
    site.insert(in_database)
    plan, _outcome = run(site.orphans())
    assert found(plan) == []
    assert "the database references it in another spelling" in reasons(plan.kept)[on_disk.encode()]
    assert site.media.files == {on_disk.encode()}


@pytest.mark.promise(9)
def test_a_file_below_the_media_root_as_the_database_writes_it_stays(site_with_orphan: Site) -> None:
    site_with_orphan.insert(os.fsdecode(site_with_orphan.media.path("p/lost.jpg")))
    plan, _outcome = run(site_with_orphan.orphans(), check=True)
    assert found(plan) == []


@pytest.mark.promise(5)
@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("/etc/passwd", "is absolute"),
        ("../outside/precious.jpg", "holds '..'"),
        ("p/../../outside/precious.jpg", "holds '..'"),
        ("https://cdn.example.org/a.jpg", "is a URL"),
    ],
)
def test_a_value_that_leads_outside_is_reported(
    site_with_orphan: Site, outside: Path, value: str, why: str
) -> None:
    site_with_orphan.insert(value)
    plan, _outcome = run(site_with_orphan.orphans())
    assert reasons(plan.kept) == {value.encode(): f"the database holds this path, which {why}"}
    assert site_with_orphan.media.files == {b"p/kept.jpg"}
    assert (outside / "precious.jpg").exists()


@pytest.mark.promise(11)
@pytest.mark.parametrize("value", ["/a" * 80_000, "a/" * 80_000, "x" * 4097, "%2F" * 60_000, "é" * 2049])
def test_a_value_that_is_longer_than_a_path_is_kept_by_its_beginning(
    site_with_orphan: Site, value: str
) -> None:
    site_with_orphan.lift_limits()
    site_with_orphan.insert(value)
    tracemalloc.start()
    plan, _outcome = run(site_with_orphan.orphans())
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    ((name, reason),) = reasons(plan.kept).items()
    assert name == value.encode()[:80] + b"..."
    assert reason == "the database holds this path, which is longer than a path can be (4,096 bytes)"
    assert site_with_orphan.media.files == {b"p/kept.jpg"}
    assert peak < 8 << 20


def test_a_value_as_long_as_a_path_can_be_is_none_too_long(site_with_orphan: Site) -> None:
    site_with_orphan.lift_limits()
    site_with_orphan.insert("/".join(["x"] * 2047) + "/yz")
    plan, _outcome = run(site_with_orphan.orphans(), check=True)
    assert reasons(plan.kept) == {}


@pytest.mark.promise(5)
def test_a_value_with_a_nul_byte_is_reported(sqlite_with_orphan: Site) -> None:
    sqlite_with_orphan.database.run("INSERT INTO photo (id, image) VALUES (99, CAST(x'702f610062' AS text))")
    plan, _outcome = run(sqlite_with_orphan.orphans(), check=True)
    assert reasons(plan.kept) == {b"p/a\0b": "the database holds this path, which holds a NUL byte"}


# Derived files.


def test_a_derived_file_lives_as_long_as_its_source(site_with_orphan: Site) -> None:
    site_with_orphan.media.write(
        "CACHE/images/p/kept/1.jpg", "CACHE/images/p/lost/2.jpg", "p/kept.jpg.9x9_q85.jpg"
    )
    derived = ["CACHE/images/{dir}/{stem}/*", "{dir}/{name}.*_q*.*"]
    plan, _outcome = run(site_with_orphan.orphans(derived=derived))
    assert found(plan) == [b"CACHE/images/p/lost/2.jpg", b"p/lost.jpg"]
    assert plan.examined["derived"] == 2
    assert plan.kept.total == 0, "they are no news"
    assert site_with_orphan.media.files == {
        b"CACHE/images/p/kept/1.jpg",
        b"p/kept.jpg",
        b"p/kept.jpg.9x9_q85.jpg",
    }


@pytest.mark.promise(2)
def test_a_derived_file_of_a_photo_that_comes_after_the_plan_stays(site_with_orphan: Site) -> None:
    site_with_orphan.media.write("CACHE/images/p/new/1.jpg")
    with planned(site_with_orphan.orphans(derived=["CACHE/images/{dir}/{stem}/*"])) as made:
        site_with_orphan.insert("p/new.png")
        outcome = made.apply()
    assert list(reasons(outcome.kept)) == [b"CACHE/images/p/new/1.jpg"]


# Check mode.


@pytest.mark.promise(6)
def test_a_check_run_changes_nothing_and_predicts_the_real_one(site_with_orphan: Site) -> None:
    site_with_orphan.media.write("p/\xff.jpg", "q/deep/er.jpg", hours=99)
    before = site_with_orphan.media.untouched, site_with_orphan.database.dump()
    checked, nothing = run(site_with_orphan.orphans(), check=True)
    assert nothing is None
    assert (site_with_orphan.media.untouched, site_with_orphan.database.dump()) == before
    applied, outcome = run(site_with_orphan.orphans())
    assert (checked.digest, found(checked)) == (applied.digest, found(applied))
    assert outcome.removed == checked.found


@pytest.mark.promise(6)
@pytest.mark.parametrize("check", [True, False])
def test_this_job_never_writes_to_the_database(
    sqlite_with_orphan: Site, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    asked = []
    connect = session.connect
    monkeypatch.setattr(
        session, "connect", lambda url, read_only: asked.append(read_only) or connect(url, read_only)
    )
    run(sqlite_with_orphan.orphans(), check=check)
    assert asked == [True]


# What was approved is the most that is removed.


def approved(site: Site, **options: Any) -> str:
    return run(site.orphans(**options), check=True)[0].token


@pytest.mark.promise(7)
def test_an_approved_plan_is_carried_out(sqlite_with_orphan: Site) -> None:
    plan, outcome = run(sqlite_with_orphan.orphans(), approved=approved(sqlite_with_orphan))
    assert outcome.removed.files == 1
    assert plan.warnings == []


@pytest.mark.promise(7)
def test_what_is_not_in_the_approved_plan_waits(sqlite_with_orphan: Site) -> None:
    token = approved(sqlite_with_orphan)
    sqlite_with_orphan.media.write("p/later.jpg")
    plan, _outcome = run(sqlite_with_orphan.orphans(), approved=token)
    assert reasons(plan.kept) == {b"p/later.jpg": "it is not in the approved plan; review it in the next one"}
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/later.jpg"}


@pytest.mark.promise(7)
def test_what_changed_since_the_approval_stays(sqlite_with_orphan: Site) -> None:
    token = approved(sqlite_with_orphan)
    sqlite_with_orphan.media.write("p/lost.jpg", content=b"another")
    plan, outcome = run(sqlite_with_orphan.orphans(), approved=token)
    assert "no longer what was approved" in reasons(plan.kept)[b"p/lost.jpg"]
    assert outcome.removed.files == 0
    assert b"p/lost.jpg" in sqlite_with_orphan.media.files


@pytest.mark.promise(7)
def test_what_left_the_plan_since_the_approval_is_told(site_with_orphan: Site) -> None:
    site_with_orphan.media.write("p/gone.jpg", "p/young.jpg")
    token = approved(site_with_orphan)
    os.unlink(site_with_orphan.media.path("p/gone.jpg"))
    site_with_orphan.media.write("p/young.jpg", hours=0)
    site_with_orphan.insert("p/lost.jpg")
    plan, _outcome = run(site_with_orphan.orphans(), approved=token)
    since = "it was in the approved plan and is referenced or young by now"
    assert reasons(plan.kept) == {b"p/lost.jpg": since, b"p/young.jpg": since}
    assert plan.warnings == ["already removed: 1 file of the approved plan"]
    assert found(plan) == []


@pytest.mark.promise(7)
def test_ages_are_judged_as_of_the_moment_of_the_approval(
    sqlite_with_orphan: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_with_orphan.media.write("p/young.jpg", hours=23)
    token = approved(sqlite_with_orphan)
    later(2, monkeypatch)
    assert found(run(sqlite_with_orphan.orphans(), check=True)[0]) == [b"p/lost.jpg", b"p/young.jpg"]
    plan, _outcome = run(sqlite_with_orphan.orphans(), approved=token)
    assert (found(plan), plan.young, plan.kept.total) == ([b"p/lost.jpg"], 1, 0)


@pytest.mark.promise(7)
@pytest.mark.parametrize(
    "change", [{"directories": ["p"]}, {"references": [IMAGE, {**IMAGE, "column": "thumbnail"}]}]
)
def test_an_approved_plan_of_other_options_is_refused(
    sqlite_with_orphan: Site, change: dict[str, Any]
) -> None:
    token = approved(sqlite_with_orphan)
    with pytest.raises(SiteError, match="other options"):
        run(sqlite_with_orphan.orphans(**change), approved=token)
    assert b"p/lost.jpg" in sqlite_with_orphan.media.files


@pytest.mark.promise(7)
@pytest.mark.parametrize("is_same", [True, False])
def test_a_plan_too_large_for_a_token_is_carried_out_as_it_was_or_not_at_all(
    sqlite_with_orphan: Site, monkeypatch: pytest.MonkeyPatch, is_same: bool
) -> None:
    monkeypatch.setattr(approvals, "ITEMS_IN_TOKEN", 2)
    sqlite_with_orphan.media.write("p/1.jpg", "p/2.jpg", "p/3.jpg")
    token = approved(sqlite_with_orphan)
    if not is_same:
        sqlite_with_orphan.media.write("p/later.jpg")
    plan, outcome = run(sqlite_with_orphan.orphans(), approved=token)
    assert guards(plan) == ([] if is_same else ["approved_plan"])
    assert (outcome is not None) == is_same
    assert (sqlite_with_orphan.media.files == {b"p/kept.jpg"}) == is_same


@pytest.mark.promise("moves")
@pytest.mark.parametrize("include", [True, False])
def test_what_may_be_the_file_that_a_row_has_lost_stays(site_with_orphan: Site, include: bool) -> None:
    site_with_orphan.insert("elsewhere/lost.jpg")
    plan, _outcome = run(site_with_orphan.orphans(include_likely_moves=include))
    assert found(plan) == [b"p/lost.jpg"] * include
    assert ("elsewhere/lost.jpg" in reasons(plan.kept).get(b"p/lost.jpg", "")) == (not include)
    assert (b"p/lost.jpg" in site_with_orphan.media.files) == (not include)


def test_progress_is_told(sqlite_with_orphan: Site) -> None:
    told: list[int] = []
    with planned(sqlite_with_orphan.orphans(), progress=told.append):
        assert told == [2]


@pytest.mark.promise(11)
def test_a_full_disk_for_temporary_files_removes_nothing_and_is_reported(
    site_with_orphan: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Enough to be written before all is there.
    site_with_orphan.insert(*["p/kept.jpg"] * 3)
    site_with_orphan.media.write(*[f"p/{number:0200}.jpg" for number in range(100)])
    there = site_with_orphan.media.files
    monkeypatch.setattr(tempfile, "TemporaryFile", on_full_disk)
    with pytest.raises(CleanupError, match=r"temporary file in /.* failed: No space left.* TMPDIR"):
        run(site_with_orphan.orphans())
    assert site_with_orphan.media.files == there
