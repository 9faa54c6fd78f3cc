# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A listing by another process: the same as by this one, and never a part of it."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine import spool
from engine.errors import CleanupError, SiteError
from engine.media import listing
from engine.media.local import LocalStore
from engine.media.store import Run
from engine.media.walk import exclusion
from helpers.builders import TREES, Media, open_handles, unseen


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process lists, whatever threads the one of the tests has."""
    monkeypatch.setattr(listing, "is_single_thread", lambda: True)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The processes in which directories were listed; only this one is known here."""
    known: list[int] = []
    list_of_another = listing.listed_here

    def noted(*given: Any) -> Iterator[listing.Lists]:
        known.append(os.getpid())
        return list_of_another(*given)

    monkeypatch.setattr(listing, "listed_here", noted)
    return known


def listed(tree: LocalStore, *directories: bytes, exclude: str = "") -> list[list[bytes]]:
    with tree.listing(directories, exclusion([exclude] if exclude else []), lambda _count: None) as lists:
        return [[path for paths in each for path in paths] for each in lists]


def walk_and(tree: LocalStore, then: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let something happen after the first files of a walk."""
    walk = tree.walk

    def walked(*given: Any) -> Iterator[Run]:
        for number, run in enumerate(walk(*given)):
            yield run
            if number == 0:
                then()

    monkeypatch.setattr(tree, "walk", walked)


@pytest.mark.promise(8)
@given(TREES, st.sampled_from([1, 7, 1 << 18]))
@example([b"a-b/x", b"a.b", b"a/b", b"a0", b"a\n", b"a\xff", b"a/b-/c", b"a/b0"], 1)
def test_another_process_lists_all_in_the_byte_order_of_whole_paths(paths: list[bytes], block: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "is_single_thread", lambda: True)
        patch.setattr(spool, "BLOCK", block)
        media = Media(Path(folder))
        media.write(*map(os.fsdecode, paths))
        with LocalStore(os.fsencode(folder), 10) as tree:
            assert listed(tree, b"") == [sorted(paths)]


def test_directories_come_one_after_the_other_and_are_counted(
    tree: LocalStore, media: Media, here: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "BLOCK", 1)
    media.write("b/1", "b/2", "a/3", "a/c/4", "c/5")
    media.mkdir("empty")
    counted: list[int] = []
    before = open_handles()
    with tree.listing([b"b", b"empty", b"a"], exclusion(["4"]), counted.append) as lists:
        found = [[path for paths in each for path in paths] for each in lists]
    assert found == [[b"b/1", b"b/2"], [], [b"a/3", b"a/c/4"]]
    assert counted == [2, 3, 4]
    assert here == []
    assert open_handles() == before


@pytest.mark.promise(1)
def test_what_another_process_could_not_list_is_noted_here(
    tree: LocalStore, media: Media, here: list[int]
) -> None:
    media.write("a/1", "file", "c/3")
    media.link("c/link", "3")
    tree.unreadable.add((b"before", "it was noted before"))
    found = listed(tree, b"a", b"file", b"c", b"gone")
    assert found == [[b"a/1"], [], [b"c/3", b"c/link"], []]
    assert list(unseen(tree)) == [b"before", b"file", b"gone"]
    assert tree.unreadable.total == 3
    assert list(tree.links) == [b"c/link"]
    assert here == []


def test_what_cannot_be_kept_of_long_notes_is_counted(media: Media) -> None:
    with LocalStore(os.fsencode(media.root), 2) as tree:
        assert listed(tree, b"x", b"y", b"z") == [[], [], []]
        assert list(unseen(tree)) == [b"x", b"y"]
        assert tree.unreadable.total == 3


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse() -> None:
    raise SiteError("root does not work here")


@pytest.mark.promise(1)
@pytest.mark.promise(15)
@pytest.mark.parametrize(
    ("end", "error", "message"),
    [
        (die, CleanupError, "listing the files failed"),
        (refuse, SiteError, "root does not work here"),
    ],
)
def test_what_ends_the_listing_there_is_no_short_listing_here(
    tree: LocalStore,
    media: Media,
    monkeypatch: pytest.MonkeyPatch,
    end: Callable[[], None],
    error: type[CleanupError],
    message: str,
) -> None:
    monkeypatch.setattr(spool, "BLOCK", 1)
    media.write("a/1", "b/2")
    walk_and(tree, end, monkeypatch)
    with pytest.raises(error, match=message):
        listed(tree, b"")


@pytest.mark.promise(1)
def test_a_temporary_file_that_lost_something_is_no_short_listing(
    tree: LocalStore, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    media.write("a/1", "b/2")
    read = os.pread
    monkeypatch.setattr(os, "pread", lambda handle, size, start: read(handle, size - 5, start))
    with pytest.raises(CleanupError, match="does not hold what was written"):
        listed(tree, b"")


def test_where_no_process_can_be_had_this_one_lists(
    tree: LocalStore, media: Media, here: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    media.write("a/1")
    monkeypatch.setattr(os, "fork", refuse)
    before = open_handles()
    assert listed(tree, b"a") == [[b"a/1"]]
    assert here == [os.getpid()]
    assert open_handles() == before


def test_where_threads_are_at_work_this_process_lists(
    tree: LocalStore, media: Media, here: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    media.write("a/1")
    monkeypatch.setattr(listing, "is_single_thread", lambda: False)
    assert listed(tree, b"a") == [[b"a/1"]]
    assert here == [os.getpid()]
