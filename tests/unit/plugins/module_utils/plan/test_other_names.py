# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Orphans that are none, since a row references them by another name of theirs."""

from __future__ import annotations

import os
from typing import Any

import pytest

from engine import spool
from engine.apply.files import require_readable
from engine.errors import UnreadableError
from engine.kept import Code
from engine.media.disk.links import Links
from engine.media.local import LocalStore
from engine.plan import orphans as orphans_module
from helpers.builders import Media, Site, planned, run, unseen
from helpers.users import as_nobody

PHOTO = b"photos/2024/a.jpg"


@pytest.fixture
def with_photo(sqlite_site: Site) -> Site:
    """A site with a photo that no row references by this name, and one that really is an orphan."""
    sqlite_site.media.write("photos/2024/a.jpg", "photos/2024/lost.jpg", "photos/kept.jpg")
    sqlite_site.insert("photos/kept.jpg")
    return sqlite_site


def codes(plan: Any) -> dict[bytes, Code]:
    return {kept.name: kept.code for kept in plan.kept.items if kept.code is Code.OTHER_NAME}


def links(media: Media) -> None:
    media.link("old", "photos/2024")
    media.link("absolute", media.path("photos"))
    media.link("deep/er/up", "../../photos")
    media.link("twice", "old")
    media.link("photos/cover.jpg", "2024/a.jpg")
    media.link("cover.jpg", "./photos/2024/../2024/a.jpg")


@pytest.mark.promise(9)
@pytest.mark.parametrize("directories", [["."], ["photos"]])
@pytest.mark.parametrize(
    "value",
    [
        *("old/a.jpg", "absolute/2024/a.jpg", "deep/er/up/2024/a.jpg", "twice/a.jpg", "cover.jpg"),
        *("photos/cover.jpg", "/media/old/a.jpg", "old//a.jpg?v=1", "/media/photos/cover.jpg"),
    ],
)
def test_a_file_that_is_referenced_over_a_link_is_kept(
    with_photo: Site, directories: list[str], value: str
) -> None:
    links(with_photo.media)
    with_photo.insert(value)
    plan, _outcome = run(with_photo.orphans(directories=directories))
    assert codes(plan) == {PHOTO: Code.OTHER_NAME}
    assert PHOTO in with_photo.media.files
    assert b"photos/2024/lost.jpg" not in with_photo.media.files


@pytest.mark.promise(9)
@pytest.mark.parametrize("value", ["absolute/2024", "old/", "twice"])
def test_a_folder_that_is_referenced_over_a_link_protects_what_is_below_it(
    with_photo: Site, value: str
) -> None:
    links(with_photo.media)
    with_photo.insert(value)
    plan, _outcome = run(with_photo.orphans(directories=["photos"]))
    assert set(codes(plan)) == {PHOTO, b"photos/2024/lost.jpg"}


@pytest.mark.promise(5)
@pytest.mark.parametrize("target", ["../outside", "loop", "/", "nowhere", "photos/kept.jpg/x", "."])
def test_a_link_that_leads_elsewhere_protects_nothing(with_photo: Site, target: str) -> None:
    with_photo.media.link("loop", target)
    with_photo.insert("loop/x.jpg", "loop/../x.jpg", "loop")
    plan, _outcome = run(with_photo.orphans(directories=["photos"]))
    assert (codes(plan), plan.found.files) == ({}, 2)


def test_a_link_that_no_row_references_protects_nothing(with_photo: Site) -> None:
    links(with_photo.media)
    plan, _outcome = run(with_photo.orphans())
    assert (codes(plan), plan.found.files) == ({}, 2)


@pytest.mark.promise(9)
@pytest.mark.parametrize("other", ["photos/b.jpg", "elsewhere/b.jpg"])
@pytest.mark.parametrize("value", ["", "/media/"])
def test_a_hard_link_to_a_referenced_file_is_kept(with_photo: Site, other: str, value: str) -> None:
    media = with_photo.media
    media.mkdir("elsewhere")
    os.link(media.path(PHOTO), media.path(other))
    with_photo.insert(value + other)
    plan, _outcome = run(with_photo.orphans(directories=["photos"]))
    assert codes(plan) == {PHOTO: Code.OTHER_NAME}


def test_all_names_of_a_file_that_no_row_references_go(with_photo: Site) -> None:
    os.link(with_photo.media.path(PHOTO), with_photo.media.path("photos/b.jpg"))
    plan, _outcome = run(with_photo.orphans())
    assert (codes(plan), plan.found.files) == ({}, 3)


@pytest.mark.promise(9)
def test_a_reference_in_another_case_protects_where_the_file_system_ignores_case(
    with_photo: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk of the tests does not, so the store answers as if it did."""
    followed = LocalStore.followed
    monkeypatch.setattr(LocalStore, "followed", lambda store, path: followed(store, path.lower()))
    with_photo.insert("Photos/2024/A.JPG")
    plan, _outcome = run(with_photo.orphans())
    assert codes(plan) == {PHOTO: Code.OTHER_NAME}


@pytest.mark.promise(11)
def test_any_number_of_names_and_files_is_followed(with_photo: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "CHUNK", 2)
    links(with_photo.media)
    with_photo.media.write(*(f"photos/2024/{number}.jpg" for number in range(9)))
    with_photo.insert(*(f"twice/{number}.jpg" for number in range(9)), *(f"gone/{n}.jpg" for n in range(9)))
    plan, _outcome = run(with_photo.orphans(accept=["unreferenced_folder:photos/2024"]))
    assert len(codes(plan)) == 9
    assert plan.found.files == 2


def test_without_candidates_nothing_is_followed(with_photo: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    links(with_photo.media)
    with_photo.insert("photos/2024/a.jpg", "photos/2024/lost.jpg", "gone.jpg", "old/a.jpg")
    monkeypatch.setattr(orphans_module, "OtherNames", None)
    with planned(with_photo.orphans()) as made:
        assert made.plan.found.files == 0


@pytest.mark.promise(1)
def test_a_name_that_cannot_be_followed_is_unreadable(public_media: Media) -> None:
    public_media.write("closed/a.jpg")
    os.chmod(public_media.path("closed"), 0)

    def follow() -> Any:
        with LocalStore(public_media.root, 10) as tree:
            return tree.followed(b"closed/a.jpg"), unseen(tree)

    assert as_nobody(follow) == (None, {b"closed/a.jpg": "Permission denied"})


@pytest.mark.promise(9)
@pytest.mark.parametrize("job", ["incomplete", "missing"])
@pytest.mark.parametrize("value", ["old/a.jpg", "photos/cover.jpg", "/media/twice/a.jpg", "b.jpg", "old/"])
def test_a_file_of_a_record_that_another_row_references_by_another_name_is_kept(
    with_photo: Site, job: str, value: str
) -> None:
    media = with_photo.media
    links(media)
    os.link(media.path(PHOTO), media.path("b.jpg"))
    with_photo.database.run("CREATE TABLE album (cover text)")
    with_photo.database.insert("album", [{"cover": value}])
    album = {"references": [{"table": "album", "column": "cover"}]}
    if job == "incomplete":
        with_photo.insert(PHOTO.decode())
        plan, outcome = run(with_photo.incomplete(only={"image": PHOTO.decode()}, **album))
    else:
        with_photo.insert("gone.jpg", thumbnail=PHOTO.decode())
        plan, outcome = run(with_photo.missing(companion_columns=["thumbnail"], **album))
    assert codes(plan) == {PHOTO: Code.OTHER_NAME}
    assert (outcome.removed.records, outcome.removed.files) == (1, 0)


def test_a_record_does_not_protect_its_own_file(with_photo: Site) -> None:
    links(with_photo.media)
    with_photo.insert(PHOTO.decode(), "/media/photos/2024/lost.jpg", "photos/2024/lost.jpg")
    plan, _outcome = run(with_photo.incomplete(), check=True)
    assert (codes(plan), plan.found.files) == ({}, 3)


OVER_LINKED_FOLDERS = [
    "old/a.jpg",
    "absolute/2024/a.jpg",
    "twice/a.jpg",
    "/media/old/a.jpg",
    "old//a.jpg?v=1",
]


@pytest.mark.promise(9)
@pytest.mark.parametrize("value", OVER_LINKED_FOLDERS)
@pytest.mark.parametrize("is_link_new", [True, False])
def test_a_row_that_comes_before_the_removal_protects_its_file_over_a_link(
    with_photo: Site, value: str, is_link_new: bool
) -> None:
    if not is_link_new:
        links(with_photo.media)
    with planned(with_photo.orphans(directories=["photos"])) as made:
        assert made.plan.found.files == 2
        if is_link_new:
            links(with_photo.media)
        with_photo.insert(value)
        outcome = made.apply()
    assert {kept.name: kept.code for kept in outcome.kept.items} == {PHOTO: Code.OTHER_NAME}
    assert PHOTO in with_photo.media.files
    assert b"photos/2024/lost.jpg" not in with_photo.media.files


@pytest.mark.promise(9)
def test_a_row_that_comes_while_its_file_is_moved_brings_it_back_over_a_link(
    with_photo: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_out = LocalStore.move_out

    def reference_and_move(store: LocalStore, path: bytes, *how: Any) -> Any:
        if path == PHOTO:
            links(with_photo.media)
            with_photo.insert("old/a.jpg")
        return move_out(store, path, *how)

    monkeypatch.setattr(LocalStore, "move_out", reference_and_move)
    _plan, outcome = run(with_photo.orphans(directories=["photos"]))
    assert {kept.name: kept.code for kept in outcome.kept.items} == {PHOTO: Code.OTHER_NAME}
    assert PHOTO in with_photo.media.files


@pytest.mark.promise(9)
@pytest.mark.parametrize("prefix", ["", "/media/"])
def test_what_is_derived_from_a_file_that_is_referenced_over_a_link_is_kept(
    sqlite_site: Site, prefix: str
) -> None:
    media = sqlite_site.media
    media.write("videos/7/master.m3u8", "videos/7/0.ts", "p/a.jpg", "p/kept.jpg", "thumbs/p/a.jpg.png")
    media.write("videos/8/0.ts", "thumbs/p/b.jpg.png")
    media.link("old", "videos")
    media.link("pics", "p")
    sqlite_site.insert("p/kept.jpg", prefix + "old/7/master.m3u8", prefix + "pics/a.jpg")
    _plan, outcome = run(sqlite_site.orphans(derived=["{dir}/*.ts", "thumbs/{dir}/{name}.png"]))
    assert outcome.removed.files == 2
    assert {b"videos/7/0.ts", b"thumbs/p/a.jpg.png"} <= set(media.files)


@pytest.mark.promise(11)
def test_each_folder_is_read_once_for_all_references_in_it(
    with_photo: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []
    target = Links._target
    monkeypatch.setattr(
        Links, "_target", lambda links, folder, name: read.append(name) or target(links, folder, name)
    )
    with LocalStore(with_photo.media.root, 10) as store:
        for number in range(500):
            assert store.real_directory(b"photos/2024") == b"photos/2024"
            assert store.real_directory(b"photos/%d" % (number % 2)) == b"photos/%d" % (number % 2)
    assert sorted(read) == [b"0", b"1", b"2024", b"photos"]


@pytest.mark.promise(1)
def test_a_folder_that_cannot_be_read_on_the_way_stops_the_removal(public_media: Media) -> None:
    public_media.write("closed/deep/a.jpg")
    os.chmod(public_media.path("closed"), 0)

    def follow() -> Any:
        with LocalStore(public_media.root, 10) as store:
            real = store.real_directory(b"closed/deep")
            with pytest.raises(UnreadableError, match="closed/deep: Permission denied"):
                require_readable(store)
            return real

    assert as_nobody(follow) is None
