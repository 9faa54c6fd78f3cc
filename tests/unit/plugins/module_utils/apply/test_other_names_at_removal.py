# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A row that comes after the plan and references a file by another name of its protects the file too."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Any, Callable, Iterator

import pytest

from engine.apply.outcome import Outcome
from engine.kept import Code
from engine.media.local import LocalStore
from engine.media.quick_check import QuickCheck
from helpers.builders import Site, planned, run

PHOTO = b"photos/2024/a.jpg"
LOST = b"photos/2024/lost.jpg"

pytestmark = [pytest.mark.promise(2), pytest.mark.promise(9)]


@pytest.fixture
def with_photo(sqlite_site: Site) -> Site:
    """A site with two files that no row references."""
    sqlite_site.media.write("photos/2024/a.jpg", "photos/2024/lost.jpg", "photos/kept.jpg")
    sqlite_site.insert("photos/kept.jpg")
    return sqlite_site


def link_to_photo(site: Site) -> str:
    site.media.link("cover.jpg", "photos/2024/a.jpg")
    return "cover.jpg"


def hard_link_to_photo(site: Site) -> str:
    site.media.mkdir("elsewhere")
    os.link(site.media.path(PHOTO), site.media.path("elsewhere/b.jpg"))
    return "elsewhere/b.jpg"


def linked_folder_as_url(site: Site) -> str:
    site.media.link("old", "photos")
    return "https://example.com/media/old/2024/a.jpg?v=1"


def codes(outcome: Outcome) -> dict[bytes, Code]:
    return {kept.name: kept.code for kept in outcome.kept.items}


@contextmanager
def at_the_move(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> Iterator[None]:
    """Do something right before the photo is moved."""
    move_out = LocalStore.move_out

    def do_and_move(store: LocalStore, path: bytes, *how: Any) -> Any:
        if path == PHOTO:
            do()
        return move_out(store, path, *how)

    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "move_out", do_and_move)
        yield


@pytest.mark.parametrize("other_name", [link_to_photo, linked_folder_as_url])
@pytest.mark.parametrize("is_link_new", [True, False])
def test_before_the_move(with_photo: Site, other_name: Callable[[Site], str], is_link_new: bool) -> None:
    value = "" if is_link_new else other_name(with_photo)
    with planned(with_photo.orphans(directories=["photos"])) as made:
        assert made.plan.found.files == 2
        with_photo.insert(value or other_name(with_photo))
        outcome = made.apply()
    assert codes(outcome) == {PHOTO: Code.OTHER_NAME}
    assert with_photo.media.files >= {PHOTO}
    assert LOST not in with_photo.media.files


@pytest.mark.parametrize("is_link_new", [True, False])
def test_while_files_are_moved(with_photo: Site, is_link_new: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The link leads nowhere then, and yet its file comes back, and no other."""
    if not is_link_new:
        link_to_photo(with_photo)

    def come() -> None:
        with_photo.insert(link_to_photo(with_photo) if is_link_new else "cover.jpg")

    with at_the_move(monkeypatch, come):
        _plan, outcome = run(with_photo.orphans(directories=["photos"]))
    assert codes(outcome) == {PHOTO: Code.OTHER_NAME}
    assert "'cover.jpg'" in outcome.kept.items[0].reason
    assert PHOTO in with_photo.media.files
    assert LOST not in with_photo.media.files


def test_what_led_nowhere_before_holds_nothing_up(with_photo: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with_photo.insert("gone/1.jpg", "gone/2.jpg", "/media/gone.jpg", "dangling.jpg", "../x.jpg", "a\x00b")
    with_photo.media.link("dangling.jpg", "gone.jpg")
    with at_the_move(monkeypatch, lambda: with_photo.insert("photos/kept.jpg", "gone/1.jpg")):
        _plan, outcome = run(with_photo.orphans(directories=["photos"]))
    assert outcome.removed.files == 2


def test_a_hard_link_keeps_the_content(with_photo: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with at_the_move(monkeypatch, lambda: with_photo.insert(hard_link_to_photo(with_photo))):
        run(with_photo.orphans(directories=["photos"]))
    assert b"elsewhere/b.jpg" in with_photo.media.files


def ignoring_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store answer as on a disk that ignores case; that of the tests does not."""
    for name in ("followed", "check", "names_there", "is_worth_reading"):
        asked = getattr(LocalStore, name)
        monkeypatch.setattr(
            LocalStore,
            name,
            lambda store, path, *more, _asked=asked: _asked(store, path.lower(), *more),
        )


@pytest.mark.parametrize("value", ["Photos/2024/A.JPG", "PHOTOS/2024/a.jpg"])
@pytest.mark.parametrize("when", ["before", "during"])
def test_in_another_case_where_the_disk_ignores_it(
    with_photo: Site, value: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ignoring_case(monkeypatch)
    with planned(with_photo.orphans(directories=["photos"])) as made:
        assert made.plan.found.files == 2
        if when == "before":
            with_photo.insert(value)
            outcome = made.apply()
        else:
            with at_the_move(monkeypatch, lambda: with_photo.insert(value)):
                outcome = made.apply()
    assert codes(outcome)[PHOTO] is Code.OTHER_NAME
    assert PHOTO in with_photo.media.files


def test_the_file_of_a_record(with_photo: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    link_to_photo(with_photo)
    with_photo.insert(PHOTO.decode())
    with at_the_move(monkeypatch, lambda: with_photo.insert("cover.jpg", content_type_id=7)):
        _plan, outcome = run(with_photo.incomplete(only={"image": PHOTO.decode()}))
    assert codes(outcome) == {PHOTO: Code.OTHER_NAME}
    assert (outcome.removed.records, outcome.removed.files) == (1, 0)
    assert PHOTO in with_photo.media.files


def test_references_that_have_their_file_are_not_followed(
    with_photo: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed: list[bytes] = []
    follow = LocalStore.followed
    with_photo.media.write(*(f"p/{number}.jpg" for number in range(50)))
    with_photo.insert(*(f"p/{number}.jpg" for number in range(50)), "gone.jpg")
    with planned(with_photo.orphans(directories=["photos"])) as made:
        monkeypatch.setattr(
            LocalStore, "followed", lambda store, path: followed.append(path) or follow(store, path)
        )
        outcome = made.apply()
    assert outcome.removed.files == 2
    assert b"gone.jpg" in followed
    assert not [path for path in followed if path.startswith(b"p/")]


def test_a_link_is_no_file_of_the_name(with_photo: Site) -> None:
    link_to_photo(with_photo)
    with LocalStore(with_photo.media.root, 10) as store:
        assert QuickCheck(store).not_found([b"cover.jpg", b"photos/kept.jpg"]) == [b"cover.jpg"]
