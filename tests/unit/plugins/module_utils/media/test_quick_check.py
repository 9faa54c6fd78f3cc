# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Which paths are there at first sight, told by reading directories."""

from __future__ import annotations

import tempfile
from itertools import groupby
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.media import quick_check
from engine.media.local import LocalStore
from engine.media.quick_check import QuickCheck
from helpers.builders import TREES, Media


def split(path: bytes) -> tuple[bytes, bytes]:
    directory, _slash, name = path.rpartition(b"/")
    return directory, name


@given(TREES, st.lists(st.tuples(st.sampled_from([b"", b"d/", b"d/e/"]), st.binary(max_size=2))), st.data())
@pytest.mark.parametrize("worth", [1, 3, 1000])
def test_what_is_told_to_be_there_is_there_and_from_some_point_on_all_is_told(
    worth: int, paths: list[bytes], others: list[tuple[bytes, bytes]], data: st.DataObject
) -> None:
    """A directory is read at once, after some rows, or never; batches of rows end anywhere."""
    strange = [folder + name for folder, name in others if name.strip(b"/.") and not {0, 47} & set(name)]
    asked = sorted({*paths, *strange})
    # However few are asked for, a tree of a test is not too large to be held.
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(quick_check, "_MOST", 1000):
        media = Media(folder)
        media.write(*paths)
        with LocalStore(media.root, 10) as tree, mock.patch.object(tree, "is_worth_reading") as is_worth:
            is_worth.side_effect = lambda directory, wanted: wanted >= worth
            quick = QuickCheck(tree)
            for directory, some in groupby(asked, key=lambda path: split(path)[0]):
                names = [split(path)[1] for path in some]
                cut = data.draw(st.integers(0, len(names)))
                for part in filter(None, (names[:cut], names[cut:])):
                    there = quick.those_there(directory, part)
                    proven = {
                        name
                        for name in part
                        if tree.check(b"/".join(filter(None, [directory, name]))).is_file
                    }
                    assert there.intersection(part) <= {*proven, *directories_of(paths, directory)}
                    if worth == 1:
                        assert proven <= there


def directories_of(paths: list[bytes], directory: bytes) -> set[bytes]:
    """What else is in a directory."""
    prefix = directory + b"/" if directory else b""
    below = [path[len(prefix) :] for path in paths if path.startswith(prefix)]
    return {path.partition(b"/")[0] for path in below if b"/" in path}


@pytest.fixture
def no_more_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more names are expected than were asked for."""
    monkeypatch.setattr(quick_check, "_MORE_TO_COME", 1)


@pytest.mark.usefixtures("no_more_expected")
def test_a_large_directory_is_read_once_whatever_rows_of_a_subdirectory_come_between() -> None:
    with tempfile.TemporaryDirectory() as folder:
        media = Media(folder)
        names = [b"%03d" % number for number in range(60)]
        media.write(*[b"p/" + name for name in names], b"p/020-/a")
        with LocalStore(media.root, 10) as tree, mock.patch.object(tree, "is_worth_reading") as is_worth:
            is_worth.side_effect = lambda directory, wanted: wanted >= 20
            quick = QuickCheck(tree)
            with mock.patch.object(tree, "sorted_names_there", wraps=tree.sorted_names_there) as read:
                told = [
                    quick.those_there(directory, some) >= set(some)
                    for directory, some in (
                        (b"p", names[:10]),
                        (b"p", names[10:21]),
                        (b"p/020-", [b"a"]),
                        (b"p", names[21:30]),
                        (b"p", [*names[30:40], b"040-gone"]),
                        (b"p", names[50:51]),
                    )
                ]
    assert told == [False, True, False, True, False, True]
    assert [call.args for call in read.call_args_list] == [(b"p",)]


@pytest.mark.promise(11)
@pytest.mark.usefixtures("no_more_expected")
def test_one_listing_is_held_at_a_time() -> None:
    with tempfile.TemporaryDirectory() as folder:
        media = Media(folder)
        names = [b"%02d" % number for number in range(40)]
        media.write(*[b"p/" + name for name in names], *[b"p/10-/" + name for name in names])
        with LocalStore(media.root, 10) as tree, mock.patch.object(tree, "is_worth_reading") as is_worth:
            is_worth.side_effect = lambda directory, wanted: wanted >= 15
            quick = QuickCheck(tree)
            told = [
                quick.those_there(directory, some) >= set(some)
                for directory, some in (
                    (b"p", names[:10]),
                    (b"p", names[10:15]),
                    (b"p/10-", names[:10]),
                    (b"p/10-", names[10:20]),
                    (b"p", names[15:25]),
                    (b"p", names[25:35]),
                )
            ]
    # What was dropped for the one below is read again when as much is asked for again.
    assert told == [False, True, False, True, False, True]


@given(st.lists(st.text("ab/\0.", max_size=6).map(str.encode)))
@example([b"", b"/", b"/a", b"a", b"a-b/c", b"a.b/c", b"a/b", b"a/b-c", b"a/b/c", b"a/b0", b"a0"])
def test_paths_are_taken_together_as_their_directories_follow_each_other(paths: list[bytes]) -> None:
    paths.sort()
    taken = [(prefix, list(some)) for prefix, some in quick_check._by_directory(paths)]
    assert taken == [(prefix, list(some)) for prefix, some in groupby(paths, key=quick_check._prefix)]
