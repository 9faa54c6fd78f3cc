# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A folder that lost all its files counts as one, however many folders it was divided into."""

from __future__ import annotations

import pytest

from engine.compare.folders.emptied import EmptiedFolders
from engine.media.local import LocalStore
from helpers.builders import Media, Site, guards, run

DAYS = [f"photos/2024/01/{day:02}" for day in range(1, 29)]


@pytest.mark.promise("guards")
@pytest.mark.parametrize("left", ["gone", "empty folders", "one file"])
def test_a_folder_that_lost_its_files_in_small_pieces_refuses_the_plan(site: Site, left: str) -> None:
    """As where a disk is not mounted at photos/2024, and each day has 9 rows."""
    for day in DAYS:
        site.insert(*(f"{day}/{number}.jpg" for number in range(9)))
    kept = [f"photos/2023/{number}.jpg" for number in range(253)]
    site.insert(*kept)
    site.media.write(*kept)
    site.media.mkdir("photos/2024", *(DAYS if left == "empty folders" else []))
    if left == "one file":
        site.media.write("photos/2024/02/there.jpg")
    plan, outcome = run(site.missing(max_removal_percent=50))
    assert (guards(plan), outcome) == (["max_removal_percent"], None)
    folder = "photos/2024/01" if left == "one file" else "photos/2024"
    assert f"({folder} 252)" in plan.refusals[0].message
    assert len(site.images) == 505


@pytest.mark.promise("guards")
def test_files_that_are_missing_here_and_there_refuse_nothing(sqlite_site: Site) -> None:
    for day in DAYS:
        sqlite_site.insert(*(f"{day}/{number}.jpg" for number in range(4)))
        sqlite_site.media.write(*(f"{day}/{number}.jpg" for number in range(3)))
    plan, outcome = run(sqlite_site.missing(max_removal_percent=50))
    assert (guards(plan), outcome.removed.records) == ([], 28)


def test_each_folder_counts_with_what_is_below_the_highest_of_them(media: Media, tree: LocalStore) -> None:
    media.write("a-b/there.jpg", "b/there.jpg", "b/d/e/there.jpg")
    media.mkdir("a/empty/below")
    lost = [b"a-b/1", b"a/1", b"a/empty/1", b"a/gone/2", b"b/1", b"b/c/1", b"b/d/1", b"b/d/f/g/1", b"e/1"]
    found = list(EmptiedFolders(tree).with_losses(lost))
    assert found == [(b"a", 3), (b"b/c", 1), (b"b/d/f", 1), (b"e", 1)]
    assert tree.unreadable.total == 0


@pytest.mark.parametrize("path", [b"/", b"/p/a.jpg", b"", b"a.jpg", b"../a.jpg", b"a\0b/c"])
def test_a_path_that_leads_nowhere_ends_the_search(media: Media, tree: LocalStore, path: bytes) -> None:
    media.write("b/there.jpg")
    assert len(list(EmptiedFolders(tree).with_losses([path]))) <= 1


def test_a_media_root_without_any_file_is_one_folder(media: Media, tree: LocalStore) -> None:
    media.mkdir("a/b", "c")
    assert list(EmptiedFolders(tree).with_losses([b"a/b/1", b"c/1", b"d"])) == [(b"", 3)]


def test_only_the_folders_on_the_way_are_remembered(media: Media, tree: LocalStore) -> None:
    media.write(*(f"{day}/there.jpg" for day in DAYS))
    folders = EmptiedFolders(tree)
    assert list(folders.with_losses(f"{day}/gone.jpg".encode() for day in DAYS)) == []
    assert len(folders._filled) <= 4
