# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Rows that were never attached, and the files that go with a row."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.plan import records_planner as records
from helpers.builders import Site, found, guards, planned, reasons, run
from helpers.users import as_nobody

TOO_LONG = "the database holds this path, which is longer than a path can be (4,096 bytes)"


# Rows that were never attached.


@pytest.mark.promise(3)
@pytest.mark.parametrize(
    ("hours", "is_old"), [(0, False), (23.9, False), (24.1, True), (-5, False), (1e5, True)]
)
def test_an_unattached_row_is_old_by_its_upload(site: Site, hours: float, is_old: bool) -> None:
    site.media.write("p/a.jpg")
    site.insert("p/a.jpg", hours=hours)
    plan, _outcome = run(site.incomplete())
    assert found(plan) == [b"p/a.jpg"] * is_old
    assert (site.images == []) == (site.media.files == set()) == is_old


@pytest.mark.parametrize("limit", [0, 1, 100])
def test_how_old_is_the_users_choice(site: Site, limit: int) -> None:
    site.insert("p/a.jpg", hours=50)
    plan, _outcome = run(site.incomplete(older_than_hours=limit), check=True)
    assert len(plan.items) == (limit < 50)


@pytest.mark.promise(3)
def test_attached_rows_and_rows_of_unknown_age_stay(site: Site) -> None:
    site.insert("p/attached.jpg", content_type_id=7)
    site.insert("p/unknown.jpg")
    site.database.run("UPDATE photo SET uploaded_at = NULL WHERE id = 2")
    plan, _outcome = run(site.incomplete())
    assert (found(plan), plan.examined) == ([], {"records": 2})


def test_an_unattached_row_without_a_file_goes_too(site: Site) -> None:
    site.insert(None, "", "p/gone.jpg")
    plan, outcome = run(site.incomplete())
    assert set(found(plan)) == {None, b"", b"p/gone.jpg"}
    assert (outcome.removed.records, site.images) == (3, [])


def test_files_and_companions_go_with_their_row(site: Site) -> None:
    site.media.write("p/a.jpg", "t/a.jpg", "p/b.jpg", "t/b.jpg")
    site.insert("p/a.jpg", thumbnail="t/a.jpg")
    site.insert("p/b.jpg", thumbnail="t/b.jpg", content_type_id=7)
    plan, outcome = run(site.incomplete(companion_columns=["thumbnail"]))
    assert plan.found.as_dict() == outcome.removed.as_dict() == {"records": 1, "files": 2, "bytes": 14}
    assert site.media.files == {b"p/b.jpg", b"t/b.jpg"}


def test_a_file_that_is_no_companion_stays(site: Site) -> None:
    site.media.write("p/a.jpg", "t/a.jpg")
    site.insert("p/a.jpg", thumbnail="t/a.jpg")
    run(site.incomplete())
    assert site.media.files == {b"t/a.jpg"}


def test_a_companion_never_decides(site_with_missing_file: Site) -> None:
    site_with_missing_file.insert("p/there.jpg", thumbnail="t/gone.jpg")
    plan, _outcome = run(site_with_missing_file.missing(companion_columns=["thumbnail"]), check=True)
    assert found(plan) == [b"p/gone.jpg"]


@pytest.mark.parametrize("where", ["image", "thumbnail", "album"])
def test_a_file_that_another_row_names_stays(site: Site, where: str) -> None:
    site.media.write("p/a.jpg", "t/a.jpg")
    site.insert("p/a.jpg", thumbnail="t/a.jpg")
    references = []
    if where == "album":
        site.database.run("CREATE TABLE album (cover text); INSERT INTO album VALUES ('t/a.jpg')")
        references = [{"table": "album", "column": "cover"}]
    else:
        site.insert("p/other.jpg", content_type_id=7)
        site.database.run(f"UPDATE photo SET {where} = 't/a.jpg' WHERE id = 2")
    plan, _outcome = run(site.incomplete(companion_columns=["thumbnail"], references=references))
    assert reasons(plan.kept) == {b"t/a.jpg": "a row references it"}
    assert site.media.files == {b"t/a.jpg"}


@pytest.mark.parametrize("at_a_time", [1, 10_000])
def test_a_file_of_several_rows_goes_with_the_last_of_them(
    site: Site, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    monkeypatch.setattr(records, "CHUNK", at_a_time)
    site.media.write("p/a.jpg", "p/b.jpg")
    site.insert("p/a.jpg", "p/a.jpg", "p/b.jpg")
    site.insert("p/b.jpg", content_type_id=7)
    plan, outcome = run(site.incomplete())
    assert (plan.found.records, plan.found.files) == (3, 1)
    assert outcome.removed == plan.found
    assert site.media.files == {b"p/b.jpg"}


@pytest.mark.parametrize("companions", [["image", "thumbnail"], ["thumbnail", "thumbnail"]])
def test_a_column_that_is_listed_twice_is_one(sqlite_site: Site, companions: list[str]) -> None:
    sqlite_site.media.write("p/a.jpg", "t/a.jpg")
    sqlite_site.insert("p/a.jpg", thumbnail="t/a.jpg")
    sqlite_site.insert("p/a.jpg", thumbnail="t/a.jpg", content_type_id=7)
    plan, _outcome = run(sqlite_site.incomplete(companion_columns=companions), check=True)
    assert plan.found.files == 0


@pytest.mark.promise(2)
def test_a_row_that_names_the_file_after_the_plan_protects_it(site: Site) -> None:
    site.media.write("p/a.jpg")
    site.insert("p/a.jpg")
    with planned(site.incomplete()) as made:
        site.insert("p/a.jpg", content_type_id=7)
        outcome = made.apply()
    assert (outcome.removed.records, reasons(outcome.kept)) == (1, {b"p/a.jpg": "a row references it"})
    assert site.media.files == {b"p/a.jpg"}


def test_derived_files_go_with_their_source(site: Site) -> None:
    site.media.write("p/a.jpg", "CACHE/images/p/a/1.jpg", "CACHE/images/p/a/2.webp", "CACHE/images/p/b/1.jpg")
    site.insert("p/a.jpg")
    site.insert("p/b.jpg", content_type_id=7)
    run(site.incomplete(derived=["CACHE/images/{dir}/{stem}/*"]))
    assert site.media.files == {b"CACHE/images/p/b/1.jpg"}


def test_derived_files_of_a_lost_file_go_with_its_row(site_with_missing_file: Site) -> None:
    site_with_missing_file.media.write("CACHE/images/p/gone/1.jpg")
    run(site_with_missing_file.missing(derived=["CACHE/images/{dir}/{stem}/*"]))
    assert site_with_missing_file.media.files == {b"p/there.jpg"}


@pytest.mark.promise(5)
@pytest.mark.parametrize(
    "companion",
    ["/etc/passwd", "../outside/precious.jpg", "p/../../outside/precious.jpg", "link/precious.jpg"],
)
def test_a_companion_outside_is_told_and_stays(site: Site, outside: Path, companion: str) -> None:
    site.media.link("link", outside)
    site.insert("p/a.jpg", thumbnail=companion)
    plan, outcome = run(site.incomplete(companion_columns=["thumbnail"]))
    assert companion.encode() in reasons(plan.kept)
    assert (plan.found.files, outcome.removed.files, outcome.removed.records) == (0, 0, 1)
    assert (outside / "precious.jpg").exists()


@pytest.mark.promise(6)
def test_a_row_whose_value_is_longer_than_a_path_is_kept(site: Site) -> None:
    value = "/a" * 80_000
    site.lift_limits()
    site.insert(value, "p/gone.jpg")
    plan, outcome = run(site.incomplete())
    assert reasons(plan.kept) == {value.encode()[:80] + b"...": f"{TOO_LONG}; its row is kept"}
    assert (found(plan), outcome.removed.records, outcome.kept.total) == ([b"p/gone.jpg"], 1, 0)
    assert site.images == [value]


@pytest.mark.promise(11)
def test_a_companion_that_is_longer_than_a_path_is_reported_by_its_beginning(site: Site) -> None:
    value = "t/" * 80_000
    site.lift_limits()
    site.insert("p/a.jpg", thumbnail=value)
    plan, outcome = run(site.incomplete(companion_columns=["thumbnail"]))
    assert reasons(plan.kept) == {value.encode()[:80] + b"...": TOO_LONG}
    assert (plan.found.files, outcome.removed.records) == (0, 1)


@pytest.mark.promise(5)
def test_only_regular_files_go_with_a_row(site: Site, outside: Path) -> None:
    site.media.mkdir("folder")
    site.media.link("link", outside / "precious.jpg")
    site.insert("folder", thumbnail="link")
    plan, _outcome = run(site.incomplete(companion_columns=["thumbnail"]))
    assert plan.found.files == 0
    assert "it is a directory" in reasons(plan.kept)[b"folder"]
    assert "it is a symbolic link" in reasons(plan.kept)[b"link"]
    assert (outside / "precious.jpg").exists()


@pytest.mark.promise(5)
def test_a_directory_that_became_a_link_after_the_plan_is_not_followed(site: Site, tmp_path: Path) -> None:
    site.media.write("p/a.jpg")
    site.insert("p/a.jpg")
    with planned(site.incomplete()) as made:
        os.rename(site.media.path("p"), tmp_path / "moved")
        site.media.link("p", tmp_path / "moved")
        outcome = made.apply()
    assert "'p' is a symbolic link" in reasons(outcome.kept)[b"p/a.jpg"]
    assert (tmp_path / "moved" / "a.jpg").exists()


@pytest.mark.promise(2)
def test_a_file_that_was_rewritten_after_the_plan_stays(site: Site) -> None:
    site.media.write("p/a.jpg")
    site.insert("p/a.jpg")
    with planned(site.incomplete()) as made:
        site.media.write("p/a.jpg", content=b"another")
        outcome = made.apply()
    assert outcome.removed.records == 1
    assert "another file is in its place" in reasons(outcome.kept)[b"p/a.jpg"]
    assert site.media.files == {b"p/a.jpg"}


@pytest.mark.promise(1)
def test_a_companion_that_cannot_be_looked_at_turns_the_plan_down(public_site: Site) -> None:
    public_site.media.write("p/a.jpg", "closed/a.jpg")
    public_site.insert("p/a.jpg", thumbnail="closed/a.jpg")
    os.chmod(public_site.media.path("closed"), 0)

    def planned_by_nobody() -> tuple[list[str], list[bytes]]:
        plan, _outcome = run(public_site.incomplete(companion_columns=["thumbnail"]))
        return guards(plan), found(plan)

    assert as_nobody(planned_by_nobody) == (["partial"], [b"p/a.jpg"])


def test_a_file_that_is_derived_in_two_ways_goes_once(site: Site) -> None:
    site.media.write("p/a.jpg", "p/a.png", "CACHE/p/a/1.jpg")
    site.insert("p/a.jpg", "p/a.png")
    plan, outcome = run(site.incomplete(derived=["CACHE/{dir}/{stem}/*", "CACHE/{dir}/{stem}/*.jpg"]))
    assert (plan.found.files, outcome.removed.files, plan.kept.total) == (3, 3, 0)
    assert site.media.files == set()


@pytest.mark.parametrize("in_memory", [1, 100_000])
def test_a_path_with_a_nul_byte_stands_for_no_other_file(
    sqlite_site: Site, monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    """What comes before and behind it may be names of files, and paths are kept apart by it on disk."""
    monkeypatch.setattr(records, "NAMES_IN_MEMORY", in_memory)
    sqlite_site.media.write("p/a.jpg", "b.jpg", "p/own.jpg")
    sqlite_site.insert("p/own.jpg", thumbnail="t")
    sqlite_site.database.run("UPDATE photo SET thumbnail = 'p/a.jpg' || char(0) || 'b.jpg'")
    plan, _outcome = run(sqlite_site.incomplete(companion_columns=["thumbnail"]))
    assert "holds a NUL byte" in reasons(plan.kept)[b"p/a.jpg\0b.jpg"]
    assert (sqlite_site.images, sqlite_site.media.files) == ([], {b"p/a.jpg", b"b.jpg"})
