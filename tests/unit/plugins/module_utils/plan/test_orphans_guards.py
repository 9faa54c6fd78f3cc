# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Half a view and wrong settings: plans of orphans that are refused."""

from __future__ import annotations

import os
import shutil
from typing import Any, Iterable, Iterator

import pytest

from engine.database.sqlite.database import SQLite
from engine.errors import SiteError
from engine.media.local import LocalStore
from engine.media.store import Run
from helpers.builders import Media, Site, guards, planned, reasons, run
from helpers.users import as_nobody

# Half a view removes nothing.


@pytest.mark.promise(1)
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


@pytest.mark.promise(1)
def test_a_directory_that_vanishes_during_the_walk_turns_the_plan_down(
    sqlite_with_orphan: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_with_orphan.media.write("a/1.jpg", "z/2.jpg")
    walk = LocalStore.walk

    def walked(*given: Any) -> Iterator[Run]:
        for files in walk(*given):
            shutil.rmtree(sqlite_with_orphan.media.path("z"), True)
            yield files

    monkeypatch.setattr(LocalStore, "walk", walked)
    with planned(sqlite_with_orphan.orphans()) as made:
        assert guards(made.plan) == ["partial"]
        assert "the directory vanished during the run" in made.plan.refusals[0].message


@pytest.mark.promise(1)
def test_a_media_root_that_is_replaced_during_the_walk_turns_the_plan_down(sqlite_with_orphan: Site) -> None:
    def unmount(_files: int) -> None:
        os.rename(sqlite_with_orphan.media.root, sqlite_with_orphan.media.root + b".old")
        os.mkdir(sqlite_with_orphan.media.root)

    with planned(sqlite_with_orphan.orphans(), progress=unmount) as made:
        assert guards(made.plan) == ["partial"]


@pytest.mark.promise(5)
def test_another_file_system_is_told_and_its_files_stay(media_with_mount: Media, sqlite: Any) -> None:
    media_with_mount.write("mounted/lost.jpg", "p/lost.jpg")
    plan, _outcome = run(Site(sqlite, media_with_mount).orphans())
    assert reasons(plan.kept) == {b"mounted": "another file system is mounted here; it was not entered"}
    assert media_with_mount.files == {b"mounted/lost.jpg"}


@pytest.mark.promise("guards")
@pytest.mark.parametrize("present", [True, False])
def test_without_its_marker_nothing_goes_and_the_marker_never_does(
    sqlite_with_orphan: Site, present: bool
) -> None:
    if present:
        sqlite_with_orphan.media.write("p/.mounted.txt")
    plan, outcome = run(sqlite_with_orphan.orphans(marker="p/.mounted.txt"))
    assert guards(plan) == ([] if present else ["marker"])
    assert sqlite_with_orphan.media.files == (
        {b"p/kept.jpg", b"p/.mounted.txt"} if present else {b"p/kept.jpg", b"p/lost.jpg"}
    )
    assert (outcome is None) == (not present)


@pytest.mark.promise("guards")
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


@pytest.mark.promise("guards")
@pytest.mark.parametrize(("most", "goes"), [(49, False), (50, True), (100, True)])
def test_a_share_that_is_too_large_turns_the_plan_down(
    sqlite_with_orphan: Site, most: int, goes: bool
) -> None:
    plan, outcome = run(sqlite_with_orphan.orphans(max_removal_percent=most))
    assert guards(plan) == ([] if goes else ["max_removal_percent"])
    assert (outcome is not None) == goes
    assert (b"p/lost.jpg" in sqlite_with_orphan.media.files) == (not goes)


@pytest.mark.promise("guards")
@pytest.mark.parametrize(("most", "goes"), [(19, False), (20, True)])
def test_young_files_count_among_the_files_and_not_among_what_goes(
    sqlite_with_orphan: Site, most: int, goes: bool
) -> None:
    """An import of a thousand photos that waits for its rows is no reason to refuse a plan."""
    sqlite_with_orphan.media.write("p/1.jpg", "p/2.jpg", "p/3.jpg", hours=1)
    plan, _outcome = run(sqlite_with_orphan.orphans(max_removal_percent=most), check=True)
    assert (plan.found.files, plan.young) == (1, 3)
    assert guards(plan) == ([] if goes else ["max_removal_percent"])


# Guards against wrong settings.


def numbered(count: int, folder: str = "p") -> Iterable[str]:
    return [f"{folder}/{number}.jpg" for number in range(count)]


@pytest.mark.promise("guards")
@pytest.mark.parametrize(
    ("count", "accept", "refused"), [(9, [], []), (10, [], ["no_references"]), (10, ["no_references"], [])]
)
def test_a_directory_that_nothing_names_turns_the_plan_down(
    sqlite_with_orphan: Site, count: int, accept: list[str], refused: list[str]
) -> None:
    sqlite_with_orphan.media.write(*numbered(count, "q"))
    plan, _outcome = run(sqlite_with_orphan.orphans(directories=["p", "q"], accept=accept), check=True)
    assert guards(plan) == refused


UNREFERENCED = "unreferenced_folder:q/banners"


@pytest.mark.promise(14)
@pytest.mark.parametrize(
    ("count", "options", "is_kept"),
    [
        (9, {}, False),
        (10, {}, True),
        (10, {"accept": [UNREFERENCED]}, False),
        (10, {"accept": ["unreferenced_folder:q/banners/"]}, False),
        (10, {"accept": ["unreferenced_folder:q/other", "no_references"]}, True),
        (10, {"directories": ["p", "q"]}, True),
        (10, {"directories": ["p", "q/banners"], "accept": ["no_references"]}, False),
    ],
)
def test_a_folder_that_nothing_references_is_kept_and_refuses_nothing(
    sqlite_with_orphan: Site, count: int, options: Any, is_kept: bool
) -> None:
    media = sqlite_with_orphan.media
    media.write(*numbered(count, "q/banners"), "q/x.jpg")
    sqlite_with_orphan.insert("q/x.jpg")
    plan, _outcome = run(sqlite_with_orphan.orphans(**{"accept": [], **options}))
    assert guards(plan) == []
    assert (b"q/banners" in reasons(plan.kept)) == is_kept
    assert len(media.files) == (2 + count if is_kept else 2)
    if is_kept:
        assert f"accept: ['{UNREFERENCED}']" in reasons(plan.kept)[b"q/banners"]


@pytest.mark.promise(9)
@pytest.mark.parametrize("value", ["/media/q/banners/3.jpg", "q/banners/", "q//banners/3.jpg"])
def test_a_reference_in_another_spelling_counts_for_its_folder(sqlite_with_orphan: Site, value: str) -> None:
    sqlite_with_orphan.media.write(*numbered(20, "q/banners"))
    sqlite_with_orphan.insert(value)
    plan, _outcome = run(sqlite_with_orphan.orphans(accept=[]), check=True)
    assert b"q/banners" not in reasons(plan.kept)


@pytest.mark.promise("guards")
@pytest.mark.parametrize(("accept", "refused"), [([], ["path_mismatch"]), (["path_mismatch"], [])])
def test_references_that_would_fit_with_a_prefix_turn_the_plan_down(
    sqlite_site: Site, accept: list[str], refused: list[str]
) -> None:
    sqlite_site.media.write(*numbered(5, "uploads/p"))
    sqlite_site.insert(*numbered(5))
    plan, _outcome = run(sqlite_site.orphans(accept=accept), check=True)
    assert guards(plan) == refused


@pytest.mark.promise("guards")
def test_a_replica_turns_the_plan_down(sqlite_with_orphan: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SQLite, "is_replica", lambda _database: True)
    plan, outcome = run(sqlite_with_orphan.orphans())
    assert (guards(plan), outcome) == (["replica"], None)
