# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A record is pointed at the file that was moved, where it is certain which one that is."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Callable

import pytest

from engine.apply.restore import restore
from engine.kept import Code
from engine.report import data, words
from engine.report.describe import describe
from helpers.builders import Site, found, guards, planned, run

NEW = "2024/gone.jpg"


@pytest.fixture
def moved(site_with_missing_file: Site) -> Site:
    """A site whose second row has lost its file, which was moved."""
    site_with_missing_file.media.write(NEW)
    return site_with_missing_file


def relinked(plan: Any) -> list[bytes]:
    return [relink.record.moved_to for relink in plan.relinks]


@pytest.fixture
def sqlite_moved(sqlite_with_missing_file: Site) -> Site:
    """The same on SQLite alone."""
    sqlite_with_missing_file.media.write(NEW)
    return sqlite_with_missing_file


def test_a_record_is_pointed_at_its_file_and_back(moved: Site, tmp_path: Path) -> None:
    job = moved.missing(relink=True, quarantine=str(tmp_path / "kept"))
    checked, _outcome = run(job, check=True)
    assert (relinked(checked), found(checked), moved.images) == (
        [NEW.encode()],
        [],
        ["p/there.jpg", "p/gone.jpg"],
    )
    before = moved.media.untouched
    plan, outcome = run(job, approved=checked.token)
    assert (relinked(plan), outcome.error, outcome.relinks.total) == ([NEW.encode()], "", 1)
    assert (moved.images, moved.media.untouched) == (["p/there.jpg", NEW], before)
    assert outcome.removed.as_dict() == {"records": 0, "files": 0, "bytes": 0}
    again, _outcome = run(job)
    assert (relinked(again), found(again)) == ([], [])
    back = restore(job.site, outcome.batch, [], check=False)
    assert (back.updated, back.kept.total, moved.images) == (1, 0, ["p/there.jpg", "p/gone.jpg"])


@pytest.mark.promise(10)
def test_a_restore_overwrites_no_later_change(moved: Site, tmp_path: Path) -> None:
    job = moved.missing(relink=True, quarantine=str(tmp_path / "kept"))
    _plan, outcome = run(job)
    moved.database.run("UPDATE photo SET image = 'p/chosen.jpg' WHERE id = 2")
    back = restore(job.site, outcome.batch, [], check=False)
    assert ([kept.code for kept in back.kept.items], moved.images[1]) == ([Code.CHANGED], "p/chosen.jpg")


@pytest.mark.promise(13)
@pytest.mark.parametrize(
    ("happens", "code"),
    [
        # Another file of the name, though a row references it.
        (lambda site: (site.media.write("2025/gone.jpg"), site.insert("2025/gone.jpg")), Code.LIKELY_MOVE),
        (lambda site: site.media.write("2025/gone.jpg"), Code.LIKELY_MOVE),
        # Another record that has lost a file of the name, or the same one.
        (lambda site: site.insert("q/gone.jpg"), Code.LIKELY_MOVE),
        (lambda site: site.insert("p/there.jpg", thumbnail="p/gone.jpg"), Code.LIKELY_MOVE),
        # A file that may be an upload whose row comes later.
        (lambda site: site.media.write(NEW, hours=0), Code.YOUNG),
        # A row that references the file in another spelling.
        (lambda site: site.insert("/media/2024/gone%2Ejpg"), Code.OTHER_SPELLING),
        (
            lambda site: site.database.run("UPDATE photo SET image = 'p//gone.jpg' WHERE id = 2"),
            Code.OTHER_SPELLING,
        ),
    ],
)
def test_a_move_that_is_not_certain_leaves_the_record_as_it_is(
    sqlite_moved: Site, happens: Callable[[Site], Any], code: Code
) -> None:
    happens(sqlite_moved)
    before = sqlite_moved.images
    plan, outcome = run(
        sqlite_moved.missing(relink=True, include_likely_moves=False, companion_columns=["thumbnail"])
    )
    assert (relinked(plan), found(plan), outcome.error) == ([], [], "")
    kept = {kept.code for kept in plan.kept.items if kept.name in (b"p/gone.jpg", b"p//gone.jpg")}
    assert (kept, sqlite_moved.images) == ({code}, before)


@pytest.mark.parametrize(
    ("known", "is_relinked"), [("size", True), ("other size", False), ("other checksum", False)]
)
def test_size_and_checksum_of_the_row_are_those_of_the_file(
    sqlite_moved: Site, known: str, is_relinked: bool
) -> None:
    sqlite_moved.database.run(
        "ALTER TABLE photo ADD COLUMN size integer; ALTER TABLE photo ADD COLUMN sha varchar(64)"
    )
    size = len(b"picture") + (known == "other size")
    checksum = hashlib.sha256(b"picture" if known != "other checksum" else b"another").hexdigest()
    sqlite_moved.database.run(f"UPDATE photo SET size = {size}, sha = '{checksum}'")
    # Another file of that name with another content is no obstacle.
    sqlite_moved.media.write("2025/gone.jpg", content=b"another picture")
    plan, _outcome = run(
        sqlite_moved.missing(relink=True, size_column="size", checksum_column="sha"), check=True
    )
    assert relinked(plan) == [NEW.encode()] * is_relinked


@pytest.mark.promise(2)
@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (lambda site: site.media.write("p/gone.jpg"), Code.CHANGED),
        (lambda site: site.media.write(NEW, content=b"another"), Code.CHANGED),
        (lambda site: site.insert(NEW), Code.REFERENCED),
        (lambda site: site.insert("p/gone.jpg"), Code.CHANGED),
        (lambda site: site.database.run("UPDATE photo SET image = 'p/other.jpg' WHERE id = 2"), Code.CHANGED),
        (
            lambda site: site.database.run("UPDATE photo SET uploaded_at = '2999-01-01' WHERE id = 2"),
            Code.CHANGED,
        ),
    ],
)
def test_what_changes_after_the_plan_is_respected(
    sqlite_moved: Site, happens: Callable[[Site], Any], code: Code
) -> None:
    with planned(sqlite_moved.missing(relink=True)) as made:
        happens(sqlite_moved)
        before = sqlite_moved.images
        outcome = made.apply()
    assert [kept.code for kept in outcome.kept.items] == [code]
    assert (outcome.relinks.total, sqlite_moved.images) == (0, before)


@pytest.mark.promise(7)
def test_an_approval_covers_the_file_that_was_shown(sqlite_moved: Site) -> None:
    job = sqlite_moved.missing(relink=True, include_likely_moves=True)
    approved, _outcome = run(job, check=True)
    sqlite_moved.media.rename(NEW, "gone.jpg")
    plan, _outcome = run(job, approved=approved.token)
    assert ([kept.code for kept in plan.kept.items], sqlite_moved.images[1]) == (
        [Code.NOT_APPROVED],
        "p/gone.jpg",
    )
    # Nor does the approval of a removal cover it, or the reverse.
    plan, _outcome = run(sqlite_moved.missing(include_likely_moves=True), check=True)
    assert found(plan) == [b"p/gone.jpg"]
    plan, _outcome = run(job, approved=plan.token)
    assert [kept.code for kept in plan.kept.items] == [Code.NOT_APPROVED]


def test_a_path_that_is_too_long_for_the_column_keeps_the_record(postgresql: Any, media: Any) -> None:
    site = Site(postgresql, media)
    media.write("p/there.jpg", f"{'d' * 200}/{'e' * 200}/gone.jpg", "q/also.jpg")
    site.insert("p/there.jpg", "p/gone.jpg", "p/also.jpg")
    plan, outcome = run(site.missing(relink=True))
    assert len(plan.relinks) == 2
    assert ([kept.code for kept in outcome.kept.items], outcome.error) == ([Code.NOT_WRITABLE], "")
    assert site.images == ["p/there.jpg", "p/gone.jpg", "q/also.jpg"]


@pytest.mark.promise("guards")
def test_a_large_share_that_seems_to_have_moved_refuses_the_plan(sqlite_site: Site) -> None:
    sqlite_site.media.write(
        *(f"new/{number}.jpg" for number in range(6)), *(f"p/{n}.jpg" for n in range(6, 10))
    )
    sqlite_site.insert(*(f"p/{number}.jpg" for number in range(10)))
    plan, outcome = run(sqlite_site.missing(relink=True, max_removal_percent=50))
    assert (guards(plan), outcome, len(plan.relinks)) == (["max_removal_percent"], None, 6)


def test_the_report_shows_where_records_are_pointed(sqlite_moved: Site) -> None:
    job = sqlite_moved.missing(relink=True)
    plan, _outcome = run(job, check=True)
    result = data.result(describe(job, plan, None), verbose=False, with_diff=True)
    assert (result["changed"], result["found"]["records"], result["relinked"]) == (
        True,
        0,
        {"found": 1, "done": 0},
    )
    assert [(relink["path"], relink["to"]) for relink in result["relinks"]] == [("p/gone.jpg", NEW)]
    assert result["diff"]["before"] == "photo 2: p/gone.jpg\n"
    assert result["diff"]["after"] == f"photo 2: {NEW}\n"
    assert f"p/gone.jpg -> {NEW}" in result["summary"]
    assert "1 row to point at the file that was moved" in words.removal(describe(job, plan, None))
    plan, outcome = run(job)
    result = data.result(describe(job, plan, outcome), verbose=False, with_diff=False)
    assert (result["changed"], result["relinked"]) == (True, {"found": 1, "done": 1})
    assert "pointed at the file that was moved: 1 row" in result["summary"]
