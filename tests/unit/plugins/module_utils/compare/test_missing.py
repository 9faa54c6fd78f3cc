# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Whether the files of rows are there: only proof counts as absence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from engine.plan import missing
from helpers.builders import SPELLINGS, Site, found, guards, keys, planned, reasons, run
from helpers.users import as_nobody

TOO_LONG = "n" * 256
GONE = [b".hidden/gone.jpg", b"a/gone.jpg", b"p/gone.jpg", b"z/gone.jpg"]


# Absence is proven.


@pytest.mark.promise(1)
@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/etc/passwd", "the database holds this path, which is absolute; its row is kept"),
        ("../gone.jpg", "the database holds this path, which holds '..'; its row is kept"),
        ("p/../../gone.jpg", "the database holds this path, which holds '..'; its row is kept"),
        ("https://cdn.example.org/gone.jpg", "the database holds this path, which is a URL; its row is kept"),
        ("link/gone.jpg", "on its way 'link' is a symbolic link; its row is kept"),
        ("dangling/gone.jpg", "on its way 'dangling' is a symbolic link; its row is kept"),
        ("p/there.jpg/gone.jpg", "on its way 'there.jpg' is a file; its row is kept"),
        (f"p/{TOO_LONG}", "longer than a file name can be; its row is kept"),
        (f"{TOO_LONG}/gone.jpg", "longer than a file name can be; its row is kept"),
    ],
)
def test_what_cannot_be_judged_stays_and_is_told(
    site_with_missing_file: Site, outside: Path, path: str, why: str
) -> None:
    site_with_missing_file.media.link("link", outside)
    site_with_missing_file.media.link("dangling", "nowhere")
    site_with_missing_file.insert(path)
    plan, _outcome = run(site_with_missing_file.missing())
    assert why in reasons(plan.kept)[path.encode()]
    assert (found(plan), guards(plan)) == ([b"p/gone.jpg"], [])
    assert site_with_missing_file.images == ["p/there.jpg", path]


@pytest.mark.promise(11)
@pytest.mark.parametrize("few", [20_000, 0])
@pytest.mark.parametrize("value", ["/a" * 80_000, "p/" * 80_000, "x" * 4097])
def test_a_value_that_is_longer_than_a_path_proves_no_absence(
    site_with_missing_file: Site, value: str, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "FEW_NOT_FOUND", few)
    site_with_missing_file.lift_limits()
    site_with_missing_file.insert(value)
    plan, _outcome = run(site_with_missing_file.missing())
    ((name, reason),) = reasons(plan.kept).items()
    assert name == value.encode()[:80] + b"..."
    assert reason.endswith("which is longer than a path can be (4,096 bytes); its row is kept")
    assert (found(plan), guards(plan)) == ([b"p/gone.jpg"], [])
    assert site_with_missing_file.images == ["p/there.jpg", value]


@pytest.mark.promise(1)
@pytest.mark.parametrize("path", ["link.jpg", "dangling.jpg", "folder", "fifo"])
def test_whatever_is_there_is_not_missing(sqlite_with_missing_file: Site, outside: Path, path: str) -> None:
    sqlite_with_missing_file.media.link("link.jpg", outside / "precious.jpg")
    sqlite_with_missing_file.media.link("dangling.jpg", "nowhere")
    sqlite_with_missing_file.media.mkdir("folder")
    os.mkfifo(sqlite_with_missing_file.media.path("fifo"))
    sqlite_with_missing_file.insert(path)
    assert found(run(sqlite_with_missing_file.missing(), check=True)[0]) == [b"p/gone.jpg"]


@pytest.mark.parametrize("written", ["x'702f74686572650062'", "'p/there%00.jpg'", "'%00'"])
def test_a_value_with_a_nul_byte_stays_and_is_told(sqlite_with_missing_file: Site, written: str) -> None:
    sqlite_with_missing_file.database.run(
        f"INSERT INTO photo (id, image) VALUES (99, CAST({written} AS text))"
    )
    plan, _outcome = run(sqlite_with_missing_file.missing(), check=True)
    assert "99" not in keys(plan)
    assert plan.kept.total == 1


def test_a_lone_value_with_a_nul_byte_stays_and_is_told(sqlite_with_missing_file: Site) -> None:
    sqlite_with_missing_file.database.run(
        "INSERT INTO photo (id, image) VALUES (99, CAST(x'7100ff' AS text))"
    )
    plan, _outcome = run(sqlite_with_missing_file.missing(), check=True)
    assert keys(plan) == ["2"]
    assert "holds a NUL byte" in reasons(plan.kept)[b"q\0\xff"]


@pytest.mark.promise(9)
@pytest.mark.parametrize(("on_disk", "in_database"), SPELLINGS)
def test_a_row_whose_file_is_there_in_another_spelling_stays(
    site_with_missing_file: Site, on_disk: str, in_database: str
) -> None:
    site_with_missing_file.media.write(on_disk)
    site_with_missing_file.insert(in_database)
    plan, _outcome = run(site_with_missing_file.missing())
    assert found(plan) == [b"p/gone.jpg"]
    assert site_with_missing_file.images == ["p/there.jpg", in_database]


@pytest.mark.promise(9)
def test_the_other_spelling_is_told(site_with_missing_file: Site) -> None:
    site_with_missing_file.media.write("p/a b.jpg")
    site_with_missing_file.insert("p/a%20b.jpg")
    plan, _outcome = run(site_with_missing_file.missing(), check=True)
    assert "another spelling: 'p/a b.jpg'" in reasons(plan.kept)[b"p/a%20b.jpg"]


@pytest.mark.promise(1)
@pytest.mark.parametrize("few", [0, missing.FEW_REFERENCES])
@pytest.mark.parametrize("mode", [0o000, 0o400, 0o200])
def test_a_closed_directory_turns_the_plan_down(
    public_site: Site, mode: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "FEW_REFERENCES", few)
    public_site.media.write("closed/there.jpg", "p/there.jpg")
    public_site.insert("closed/there.jpg", "closed/gone.jpg", "p/gone.jpg", "p/there.jpg")
    os.chmod(public_site.media.path("closed"), mode)

    def remove() -> Any:
        plan, outcome = run(public_site.missing())
        return outcome, guards(plan), found(plan), plan.refusals[0].message

    outcome, refused, candidates, message = as_nobody(remove)
    assert (outcome, refused, candidates) == (None, ["partial"], [b"p/gone.jpg"])
    assert "Permission denied" in message


@pytest.mark.promise(1)
def test_a_directory_that_is_closed_after_the_plan_rolls_all_back(public_site: Site) -> None:
    public_site.media.write("p/there.jpg")
    public_site.insert("p/gone.jpg", "q/gone.jpg")
    os.chmod(public_site.media.root, 0o777)

    def remove() -> Any:
        with planned(public_site.missing()) as made:
            assert (found(made.plan), guards(made.plan)) == ([b"p/gone.jpg", b"q/gone.jpg"], [])
            os.mkdir(public_site.media.path("q"), 0)
            outcome = made.apply()
            return outcome.removed.records, outcome.error

    count, error = as_nobody(remove)
    assert count == 0
    assert "cannot be read any more" in error
    assert "Permission denied" in error
    assert "All rows of this job were rolled back" in error
    assert len(public_site.images) == 2


@pytest.mark.promise(1)
@pytest.mark.parametrize("gone", [True, False])
def test_a_media_root_that_is_replaced_after_the_plan_rolls_all_back(
    site_with_missing_file: Site, gone: bool
) -> None:
    with planned(site_with_missing_file.missing()) as made:
        os.rename(site_with_missing_file.media.root, site_with_missing_file.media.root + b".old")
        if not gone:
            os.mkdir(site_with_missing_file.media.root)
        outcome = made.apply()
    assert "the media root was replaced or unmounted" in outcome.error
    assert site_with_missing_file.images == ["p/there.jpg", "p/gone.jpg"]


@pytest.mark.promise(1)
def test_a_media_root_that_is_replaced_during_the_look_turns_the_plan_down(
    site_with_missing_file: Site,
) -> None:
    def unmount(_rows: int) -> None:
        os.rename(site_with_missing_file.media.root, site_with_missing_file.media.root + b".old")
        os.mkdir(site_with_missing_file.media.root)

    with planned(site_with_missing_file.missing(), progress=unmount) as made:
        assert guards(made.plan) == ["partial"]


@pytest.mark.promise(2)
def test_a_file_that_is_back_after_the_plan_keeps_its_row(site_with_missing_file: Site) -> None:
    site_with_missing_file.insert("p/gone too.jpg")
    with planned(site_with_missing_file.missing()) as made:
        site_with_missing_file.media.write("p/gone.jpg")
        outcome = made.apply()
    assert reasons(outcome.kept) == {b"p/gone.jpg": "it is no longer what the plan says, and is kept"}
    assert site_with_missing_file.images == ["p/there.jpg", "p/gone.jpg"]


@pytest.mark.promise(2)
def test_a_file_that_is_back_in_a_directory_made_anew_keeps_its_row(site_with_missing_file: Site) -> None:
    with planned(site_with_missing_file.missing()) as made:
        site_with_missing_file.media.rename("p", "old")
        site_with_missing_file.media.write("p/gone.jpg")
        made.apply()
    assert site_with_missing_file.images == ["p/there.jpg", "p/gone.jpg"]


# One listing, beside the sort of the database, in place of many looks.


def _odd_site(site: Site, outside: Path) -> None:
    """Files and rows that a listing and a look at a path may see differently."""
    site.lift_limits()
    site.media.write("p/there.jpg", "p/q/there.jpg", ".hidden/there.jpg", "a-b/there.jpg", "spare.jpg")
    site.media.link("p/link.jpg", "there.jpg")
    site.media.link("p/dangling.jpg", "nowhere.jpg")
    site.media.link("over", outside)
    site.media.mkdir("p/empty")
    there = [
        "p/there.jpg",
        "p/q/there.jpg",
        ".hidden/there.jpg",
        "a-b/there.jpg",
        "p",
        "p/empty",
        "p/link.jpg",
    ]
    odd = [
        "p//there.jpg",
        "./p/there.jpg",
        "p/dangling.jpg",
        "over/a.jpg",
        "p/there.jpg/b.jpg",
        "../gone.jpg",
    ]
    site.insert(*there, *odd, "a/gone.jpg", "p/gone.jpg", ".hidden/gone.jpg", "z/gone.jpg", "/p/there.jpg")


@pytest.mark.promise(1)
@pytest.mark.promise(9)
@pytest.mark.parametrize("files_for_a_reference", [4, 0])
def test_a_listing_proves_no_absence(
    site: Site, outside: Path, files_for_a_reference: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether all is listed, or the listing is given up: what it did not show is looked at by its path."""
    _odd_site(site, outside)
    by_paths, _outcome = run(site.missing(), check=True)
    monkeypatch.setattr(missing, "FEW_REFERENCES", 0)
    monkeypatch.setattr(missing, "FILES_FOR_A_REFERENCE", files_for_a_reference)
    by_listing, _outcome = run(site.missing(), check=True)
    assert found(by_listing) == found(by_paths) == GONE
    assert reasons(by_listing.kept) == reasons(by_paths.kept)
    assert by_listing.examined == by_paths.examined
    assert guards(by_listing) == guards(by_paths)
    assert by_listing.digest == by_paths.digest
