# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

from typing import Any, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine import spool
from engine.compare.folders import unreferenced
from engine.compare.folders.unreferenced import FEW_FILES, Neighbours, Seen, UnreferencedFolders, seen_files
from engine.media.store import FileState
from helpers.builders import TREES, cut

STATE = FileState("file", 1, 2, 3, 4, 5)


def compared(paths: Sequence[bytes], referenced: set[bytes], sizes: Sequence[int]) -> list[Seen]:
    neighbours = Neighbours()
    return [
        Seen(path, None if is_referenced else STATE, is_referenced)
        for some in cut(list(paths), sizes)
        for path, is_referenced in neighbours.of(some, [path for path in some if path not in referenced])
    ]


def left(seen: list[Seen], listed: Sequence[bytes] = (b"",), accepted: Any = ()) -> tuple[list[bytes], Any]:
    kept: dict[bytes, int] = {}
    folders = UnreferencedFolders(listed, frozenset(accepted), lambda _path: False, kept.__setitem__)
    return [file.path for file in folders.left(seen)], kept


def expected(paths: Sequence[bytes], referenced: set[bytes]) -> tuple[list[bytes], dict[bytes, int]]:
    """The same by looking at each folder as a whole."""
    if not referenced:
        return list(paths), {}
    stay, kept = set(), {}
    for path in paths:
        parts = path.split(b"/")
        folders = [b"/".join(parts[:depth]) + b"/" for depth in range(1, len(parts))]
        empty = [folder for folder in folders if not any(other.startswith(folder) for other in referenced)]
        inside = [other for other in paths if empty and other.startswith(empty[0])]
        if len(inside) >= unreferenced.FEW_FILES:
            stay.update(inside)
            kept[empty[0][:-1]] = len(inside)
    return [path for path in paths if path not in referenced and path not in stay], kept


@given(TREES, st.data(), st.lists(st.integers(1, 3), max_size=4))
@example([b"a-b/x", b"a/b", b"a/c/d", b"a0"], None, [1])
def test_folders_are_decided_as_if_each_was_looked_at_as_a_whole(
    paths: list[bytes], data: Any, sizes: list[int]
) -> None:
    referenced = {path for path in paths if data and data.draw(st.booleans())}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unreferenced, "FEW_FILES", 2)
        patch.setattr(spool, "CHUNK", 2)
        assert left(compared(paths, referenced, sizes)) == expected(paths, referenced)


@given(TREES, st.data(), st.lists(st.integers(1, 3), max_size=4))
def test_only_neighbours_of_unreferenced_files_come_with_them(
    paths: list[bytes], data: Any, sizes: list[int]
) -> None:
    referenced = {path for path in paths if data.draw(st.booleans())}
    found = [file.path for file in compared(paths, referenced, sizes)]
    near = {
        path
        for before, path, after in zip([None, *paths], paths, [*paths[1:], None])
        if path not in referenced or not {before, after} <= {*referenced, None}
    }
    assert found == sorted(near)


def files(folder: str, count: int) -> list[bytes]:
    return [f"{folder}/{number}.jpg".encode() for number in range(count)]


@pytest.mark.parametrize(
    ("listed", "accepted", "is_kept"),
    [
        ([b""], [], True),
        ([b"a", b"b"], [], True),
        ([b"a", b"b"], [b"b/c"], False),
        ([b"a", b"b"], [b"b"], False),
        ([b"a", b"b"], [b"b/d"], True),
        ([b"a", b"b"], [b"b/c/0.jpg"], True),
        ([b"a", b"b/c"], [], False),
        ([b"a", b"b/c"], [b"a"], False),
    ],
)
def test_a_folder_is_kept_until_it_is_accepted_or_listed(
    listed: list[bytes], accepted: list[bytes], is_kept: bool
) -> None:
    paths = [b"a/x.jpg", *sorted(files("b/c", FEW_FILES)), b"b/d/x.jpg"]
    wanted = {b"a/x.jpg", b"b/d/x.jpg"}
    seen = compared([path for path in paths if listed != [b"a", b"b/c"] or path != b"b/d/x.jpg"], wanted, [3])
    assert left(seen, listed, accepted)[1] == ({b"b/c": FEW_FILES} if is_kept else {})


def test_a_part_that_is_accepted_goes_and_the_rest_is_kept() -> None:
    paths = [*sorted(files("b/1", FEW_FILES)), *sorted(files("b/2", FEW_FILES)), b"c/x.jpg"]
    gone, kept = left(compared(paths, {b"c/x.jpg"}, [5]), accepted=[b"b/1"])
    assert (gone, kept) == (sorted(files("b/1", FEW_FILES)), {b"b": FEW_FILES})


def test_generated_files_do_not_count_and_young_ones_do() -> None:
    seen = seen_files()
    seen.extend(Seen(path, STATE, False) for path in sorted(files("b", FEW_FILES)))
    seen.append(Seen(b"c/x.jpg", None, True))
    for derived, state, stay in ((b"b/1.jpg", STATE, False), (b"none", None, True)):
        kept: dict[bytes, int] = {}
        some = [
            Seen(file.path, state if file.path == b"b/1.jpg" else file.state, file.is_referenced)
            for file in seen
        ]
        folders = UnreferencedFolders(
            [b""], frozenset(), lambda path, derived=derived: path == derived, kept.__setitem__
        )  # type: ignore[misc]
        gone = list(folders.left(some))
        assert (bool(kept), bool(gone)) == (stay, not stay)


def test_nothing_is_reported_of_a_folder_without_a_candidate() -> None:
    seen = [*(Seen(path, None, False) for path in sorted(files("b", FEW_FILES))), Seen(b"c", None, True)]
    assert left(seen) == ([], {})
