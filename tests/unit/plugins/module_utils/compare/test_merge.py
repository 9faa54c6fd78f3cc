# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import tempfile
import threading
from typing import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine import spool
from engine.compare.merge import (
    Merge,
    begun,
)
from engine.errors import DatabaseError
from engine.media import walk
from engine.media.local import LocalStore
from engine.spool import Paths
from helpers.builders import NAMES, TREES, Media, cut

SIZES = st.lists(st.integers(1, 7), min_size=1, max_size=4)


def listed(tree: LocalStore) -> Iterator[list[bytes]]:
    paths = Paths()
    for run in tree.walk(b"", None):
        paths.add(run.prefix, run.names)
    return paths.lists()


@given(TREES, st.data(), SIZES, st.integers(1, 4), st.integers(1, 9))
def test_the_merge_is_the_difference_of_the_sets(
    paths: list[bytes], data: st.DataObject, sizes: list[int], names_in_memory: int, block: int
) -> None:
    """Some files are named, some names have no file, some stand twice, and lists end anywhere."""
    named = data.draw(st.lists(st.sampled_from(paths))) if paths else []
    strangers = data.draw(st.lists(st.lists(NAMES, max_size=3).map(b"/".join), max_size=10))
    held = sorted(named + strangers)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "NAMES_IN_MEMORY", names_in_memory)
        patch.setattr(spool, "BLOCK", block)
        media = Media(folder)
        media.write(*paths)
        references = Merge(cut(held, sizes))
        with LocalStore(media.root, 10) as tree:
            unnamed = [path for piece in listed(tree) for path in references.unreferenced(piece)]
        references.finish()
    assert unnamed == sorted(set(paths) - set(held))
    assert references.count == len(held)


@given(
    st.lists(st.lists(NAMES, unique=True, min_size=1, max_size=6).map(sorted), max_size=5),
    st.lists(NAMES, max_size=12),
    SIZES,
)
@example([[b"a", b"c"], [b"b"]], [b"0/a", b"0/b", b"0/c", b"1/b"], [1])
def test_directories_may_skip_references_and_references_directories(
    directories: list[list[bytes]], named: list[bytes], sizes: list[int]
) -> None:
    prefixes = [b"%d/" % number for number in range(len(directories))]
    held = sorted({prefix + name for prefix in [*prefixes, b"+/", b"9/"] for name in named})
    references = Merge(cut(held, sizes))
    pieces = [[prefix + name for name in names] for prefix, names in zip(prefixes, directories)]
    unnamed = [path for piece in pieces for path in references.unreferenced(piece)]
    assert unnamed == [path for piece in pieces for path in piece if path not in held]


def test_a_reference_that_stands_twice_and_across_lists_is_one() -> None:
    references = Merge(iter([[b"a", b"b"], [b"b"], [b"b", b"c"]]))
    assert references.unreferenced([b"a", b"b", b"d"]) == [b"d"]
    assert references.unreferenced([b"e"]) == [b"e"]
    assert references.count == 5


def test_references_behind_the_last_file_are_counted_too() -> None:
    references = Merge(iter([[b"a"], [b"x", b"y"], [b"z"]]))
    assert references.unreferenced([b"a"]) == []
    references.finish()
    assert references.count == 4


def test_without_references_every_file_is_unnamed() -> None:
    references = Merge(iter([]))
    assert references.unreferenced([b"d/a", b"d/b"]) == [b"d/a", b"d/b"]


@pytest.mark.parametrize(
    "lists",
    [
        [[b"b", b"a"]],
        [[b"a", b"c", b"b"], [b"d"]],
        [[b"a", b"c"], [b"b", b"d"]],
        [[b"Z", b"a", b"B"]],
    ],
    ids=["swapped", "inside", "between lists", "by a dictionary"],
)
def test_references_in_another_order_end_the_run(lists: list[list[bytes]]) -> None:
    references = Merge(iter(lists))
    with pytest.raises(DatabaseError, match="byte order"):
        references.finish()


@pytest.mark.promise(11)
def test_references_are_only_read_as_far_as_the_walk_has_come() -> None:
    read = []

    def lists() -> object:
        for name in (b"a", b"m", b"z"):
            read.append(name)
            yield [name]

    references = Merge(lists())
    references.unreferenced([b"a", b"b"])
    assert read == [b"a", b"m"]


def test_the_first_list_is_fetched_while_other_work_is_done() -> None:
    other_work_is_done = threading.Event()

    def lists() -> Iterator[list[bytes]]:
        assert other_work_is_done.wait(60)
        yield [b"a"]
        yield [b"b"]

    with begun(lists()) as fetched:
        other_work_is_done.set()
        assert list(fetched) == [[b"a"], [b"b"]]


def test_what_went_wrong_in_the_background_is_told_where_the_lists_are_read() -> None:
    def fetch() -> list[bytes]:
        raise DatabaseError("the connection was cut")

    def lists() -> Iterator[list[bytes]]:
        yield fetch()

    with begun(lists()) as fetched, pytest.raises(DatabaseError, match="was cut"):
        next(fetched)


def test_an_error_of_the_other_work_waits_for_the_background() -> None:
    ended = []

    def lists() -> Iterator[list[bytes]]:
        ended.append(True)
        yield []

    with pytest.raises(OSError, match="the disk"), begun(lists()):
        raise OSError("the disk")
    assert ended == [True]
