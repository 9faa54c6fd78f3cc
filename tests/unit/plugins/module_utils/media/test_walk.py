# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The walk over a media tree: its order, what it does not enter, and what it could not see."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import tempfile
from pathlib import Path
from typing import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine import spool
from engine.media import (
    local as tree_module,
)
from engine.media import walk
from engine.media.local import LocalStore
from engine.media.store import Answer, Run
from engine.media.walk import exclusion, is_excluded
from helpers.builders import TREES, FailingOs, Media, hand_over, open_handles, state_of, unseen, walked
from helpers.users import as_nobody


def until(runs: Iterator[Run], prefix: bytes) -> Run:
    return next(run for run in runs if run.prefix == prefix)


def check_in(tree: LocalStore, run: Run, name: bytes) -> bool:
    """Whether a file of a run is there; what cannot be looked at is noted, as in a run."""
    status = tree.check_in(run, name)
    if status.reason:
        tree.unreadable.add((run.prefix + name, status.reason))
    return status.is_found


def rest(runs: Iterator[Run]) -> list[bytes]:
    return [run.prefix + name for run in runs for name in run.names]


# The walk.


@pytest.mark.promise(8)
@given(TREES, st.integers(1, 4), st.integers(1, 3))
@example([b"a-b/x", b"a.b", b"a/b", b"a0", b"a\n", b"a\xff"], 1, 1)
def test_the_walk_yields_what_is_there_in_the_byte_order_of_whole_paths(
    paths: list[bytes], names_in_memory: int, open_levels: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "NAMES_IN_MEMORY", names_in_memory)
        patch.setattr(walk, "ENTRIES", names_in_memory)
        patch.setattr(walk, "NAMES_ABOVE", names_in_memory)
        patch.setattr(walk, "OPEN_LEVELS", open_levels)
        patch.setattr(spool, "FEW", names_in_memory)
        media = Media(folder)
        media.write(*paths)
        with LocalStore(media.root, 10) as tree:
            found = walked(tree)
            as_read = rest(tree.walk(b"", None, in_order=False))
            assert tree.unreadable.total == 0
        assert found == sorted(as_read) == sorted(media.files) == sorted(paths)


def test_what_is_as_read_comes_before_what_is_in_subdirectories(tree: LocalStore, media: Media) -> None:
    media.write("a/1", "a/m/x", "a/z")
    runs = []
    for run in tree.walk(b"a", None, in_order=False):
        runs.append((run.prefix, sorted(run.names)))
        assert all(tree.check_in(run, name).is_found for name in run.names)
    assert runs == [(b"a/", [b"1", b"z"]), (b"a/m/", [b"x"])]


@pytest.mark.promise(11)
@pytest.mark.parametrize("in_order", [True, False])
def test_a_walk_that_is_given_up_leaves_nothing_to_the_collector(
    tree: LocalStore, media: Media, in_order: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Which may not come for long, while the search for emptied folders goes on from folder to folder.
    monkeypatch.setattr(walk, "ENTRIES", 1)
    media.write("a/1", "a/2", "a/3")
    before = open_handles()
    gc.disable()
    try:
        for _round in range(3):
            next(tree.walk(b"a", None, in_order))
        assert len(os.listdir("/proc/self/fd")) == before
    finally:
        gc.enable()


def test_a_run_holds_the_names_of_one_directory_and_a_handle_to_look_at_them(
    tree: LocalStore, media: Media
) -> None:
    media.write("a/1", "a/2", "a/m/x", "a/z")
    runs = []
    for run in tree.walk(b"a", None):
        runs.append((run.prefix, run.names))
        assert all(tree.check_in(run, name).is_found for name in run.names)
    assert runs == [(b"a/", [b"1", b"2"]), (b"a/m/", [b"x"]), (b"a/", [b"z"])]


@pytest.mark.promise(5)
def test_links_and_special_files_are_named_but_not_entered(
    tree: LocalStore, media: Media, outside: Path
) -> None:
    media.link("to_directory", outside)
    media.link("to_file", outside / "precious.jpg")
    media.link("to_nothing", "nowhere")
    os.mkfifo(media.path("fifo"))
    assert walked(tree) == [b"fifo", b"to_directory", b"to_file", b"to_nothing"]
    kinds = [state_of(tree, path).kind for path in walked(tree)]
    assert kinds == ["FIFO", "symbolic link", "symbolic link", "symbolic link"]


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        ([], [b".a/x", b"b/.c", b"b/cache/y", b"cache/z", b"d"]),
        ([".*"], [b"b/.c", b"b/cache/y", b"cache/z", b"d"]),
        (["cache"], [b".a/x", b"b/.c", b"d"]),
        (["b/cache", "?a"], [b"b/.c", b"cache/z", b"d"]),
        (["b/*", "[ce]*"], [b".a/x", b"b/.c", b"d"]),
        (["b"], [b".a/x", b"cache/z", b"d"]),
    ],
)
def test_excluded_directories_are_not_entered(
    tree: LocalStore, media: Media, exclude: list[str], left: list[bytes]
) -> None:
    media.write(".a/x", "b/.c", "b/cache/y", "cache/z", "d")
    assert walked(tree, b"", *exclude) == left


@pytest.mark.parametrize(
    ("glob", "path", "is_it"),
    [
        (".*", b"photos/.hidden", True),
        (".*", b"photos/a.jpg", False),
        ("*.tmp", b"photos/a.tmp", True),
        ("*.tmp", b"photos/a.tmpx", False),
        ("photos/*", b"photos/2024/a", True),
        ("photos", b"photos2", False),
        ("*", b"\xff\n", True),
        ("a\n*", b"a\nb", True),
        ("é", "é".encode(), True),
        ("[!a]", b"b", True),
    ],
)
def test_a_glob_applies_to_the_name_or_to_the_whole_path(glob: str, path: bytes, is_it: bool) -> None:
    pattern = exclusion(["nothing like it", glob])
    assert pattern is not None
    assert is_excluded(pattern, path) is is_it


@pytest.mark.promise(5)
def test_the_quarantine_is_never_entered(media: Media) -> None:
    media.write("kept/a", "photos/kept/b")
    with LocalStore(media.root, 10, never=[b"kept"]) as tree:
        assert walked(tree) == [b"photos/kept/b"]


@pytest.mark.promise(5)
def test_other_file_systems_are_not_entered_and_that_is_told(media_with_mount: Media) -> None:
    media_with_mount.write("mounted/there", "mounted/deep/there", "photos/here")
    with LocalStore(media_with_mount.root, 10) as tree:
        assert walked(tree) == [b"photos/here"]
        assert [path for path, _reason in tree.not_entered.items] == [b"mounted"]
        assert tree.unreadable.total == 0


def test_a_listed_directory_may_be_a_mount_itself(media_with_mount: Media) -> None:
    media_with_mount.write("mounted/there")
    with LocalStore(media_with_mount.root, 10) as tree:
        assert walked(tree, b"mounted") == [b"mounted/there"]


# The walk, while others change the tree.


@pytest.mark.promise(1)
def test_a_directory_that_vanishes_before_its_turn_is_unseen(tree: LocalStore, media: Media) -> None:
    media.write("a/1", "b/2", "c/3")
    runs = tree.walk(b"", None)
    until(runs, b"a/")
    shutil.rmtree(media.path("b"))
    assert rest(runs) == [b"c/3"]
    assert unseen(tree) == {b"b": "the directory vanished during the run"}


@pytest.mark.promise(1)
def test_a_directory_that_vanishes_while_it_is_read_is_unseen(tree: LocalStore, media: Media) -> None:
    media.write("a/1", "b/2")
    runs = tree.walk(b"", None)
    until(runs, b"a/")
    shutil.rmtree(media.path("a"))
    assert rest(runs) == [b"b/2"]
    assert unseen(tree) == {b"a/": "the directory was removed during the run"}


@pytest.mark.promise(1)
@pytest.mark.parametrize("replacement", ["file", "link", "dangling link"])
def test_a_directory_that_is_swapped_before_its_turn_is_unseen(
    tree: LocalStore, media: Media, outside: Path, replacement: str
) -> None:
    media.write("a/1", "b/2", "c/3")
    runs = tree.walk(b"", None)
    until(runs, b"a/")
    shutil.rmtree(media.path("b"))
    if replacement == "file":
        media.write("b")
    else:
        media.link("b", outside if replacement == "link" else "nowhere")
    assert rest(runs) == [b"c/3"], "and nothing of what lies behind the link"
    assert list(unseen(tree)) == [b"b"]


@pytest.mark.promise(1)
def test_a_deep_directory_that_is_moved_is_noticed_on_the_way_back(
    tree: LocalStore, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "OPEN_LEVELS", 1)
    media.write("a/b/1", "a/z", "elsewhere/x")
    before = open_handles()
    runs = tree.walk(b"", None)
    until(runs, b"a/b/")
    media.rename("a/b", "elsewhere/b")
    assert b"a/z" not in rest(runs)
    assert unseen(tree) == {b"a/": "the directory was moved during the run"}
    assert open_handles() == before


@pytest.mark.promise(1)
def test_a_deep_tree_that_is_removed_is_unseen(
    tree: LocalStore, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "OPEN_LEVELS", 1)
    media.write("a/b/1", "a/z")
    runs = tree.walk(b"", None)
    until(runs, b"a/b/")
    shutil.rmtree(media.path("a"))
    rest(runs)
    assert tree.unreadable.total > 0


@pytest.mark.promise(1)
def test_a_deep_directory_that_is_closed_to_us_on_the_way_back_is_unseen(public_media: Media) -> None:
    media = public_media
    media.write("a/b/c/1", "a/z")

    def walk_on() -> tuple[int, int]:
        with pytest.MonkeyPatch.context() as patch, LocalStore(media.root, 10) as tree:
            patch.setattr(walk, "OPEN_LEVELS", 1)
            before = open_handles()
            runs = tree.walk(b"", None)
            until(runs, b"a/b/c/")
            os.chmod(media.path("a/b/c"), 0)
            rest(runs)
            return tree.unreadable.total, open_handles() - before

    hand_over(media)
    assert as_nobody(walk_on) == (1, 0)


@pytest.mark.promise(1)
def test_a_media_root_that_is_replaced_is_unseen(tree: LocalStore, media: Media) -> None:
    tree.verify_root()
    assert tree.unreadable.total == 0
    os.rename(media.root, media.root + b".old")
    os.mkdir(media.root)
    tree.verify_root()
    assert unseen(tree) == {b"": "the media root was replaced or unmounted during the run"}


@pytest.mark.promise(1)
def test_a_media_root_that_is_gone_is_unseen(tree: LocalStore, media: Media) -> None:
    os.rename(media.root, media.root + b".old")
    tree.verify_root()
    assert list(unseen(tree)) == [b""]


# What cannot be seen.


@pytest.mark.promise(1)
@pytest.mark.parametrize("mode", [0o000, 0o300, 0o400])
def test_a_directory_that_must_not_be_read_is_unseen(public_media: Media, mode: int) -> None:
    media = public_media
    media.write("a/1", "closed/2", "z/3")
    os.chmod(media.path("closed"), mode)

    def check() -> tuple[list[bytes], list[bytes]]:
        with LocalStore(media.root, 10) as tree:
            seen = []
            for run in tree.walk(b"", None):
                seen += [run.prefix + name for name in run.names if check_in(tree, run, name)]
            return seen, list(unseen(tree))

    hand_over(media)
    seen, missed = as_nobody(check)
    assert seen == [b"a/1", b"z/3"]
    assert [path.rstrip(b"/") for path in missed] in ([b"closed"], [b"closed/2"])


@pytest.mark.promise(1)
@pytest.mark.parametrize("function", ["open", "scandir"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE])
def test_a_directory_on_a_disk_out_of_order_is_unseen(
    tree: LocalStore, media: Media, monkeypatch: pytest.MonkeyPatch, function: str, number: int
) -> None:
    media.write("a/1", "b/2", "c/3")
    runs = tree.walk(b"", None)
    handle = until(runs, b"a/").handle
    name = b"b" if function == "open" else f"/proc/self/fd/{handle}".encode()
    monkeypatch.setattr(walk, "os", FailingOs(function, number, name))
    assert b"b/2" not in rest(runs)
    assert list(unseen(tree).values()) == [os.strerror(number)] * tree.unreadable.total
    assert [path.rstrip(b"/") for path in unseen(tree)][:1] == [b"b"]


@pytest.mark.promise(1)
def test_a_file_that_cannot_be_looked_at_is_unseen(
    tree: LocalStore, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    media.write("a/1", "a/2")
    runs = tree.walk(b"a", None)
    run = next(runs)
    monkeypatch.setattr(tree_module, "os", FailingOs("stat", errno.EIO, b"1"))
    statuses = [tree.check_in(run, name) for name in run.names]
    assert [status.answer for status in statuses] == [Answer.UNREADABLE, Answer.FOUND]
    assert statuses[0].reason == os.strerror(errno.EIO)


@pytest.mark.promise(11)
@pytest.mark.parametrize("listed", [0, 1])
def test_what_was_not_seen_is_counted_even_if_it_is_not_listed(media: Media, listed: int) -> None:
    with LocalStore(media.root, listed) as tree:
        assert walked(tree, b"gone") == walked(tree, b"gone too") == []
        assert (tree.unreadable.total, len(tree.unreadable.items)) == (2, listed)
