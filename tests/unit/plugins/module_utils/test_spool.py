# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import tempfile
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import IO, Any, Callable, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine import spool
from engine.errors import CleanupError
from engine.spool import (
    Aside,
    ExternalSort,
    Listed,
    Part,
    Paths,
    Spool,
)
from helpers.builders import cut, on_full_disk

# What a directory entry may be called: any bytes but NUL and the slash.
NAME = st.binary(min_size=1, max_size=8).filter(lambda name: not set(name) & {0, 0x2F})


class OpenFiles:
    """Temporary files, counted while they are open."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._files: list[IO[bytes]] = []
        self.most = 0
        self._make = spool.temporary_file
        patch.setattr(spool, "temporary_file", self)

    def __call__(self) -> IO[bytes]:
        self._files = [*(file for file in self._files if not file.closed), self._make()]
        self.most = max(self.most, len(self._files))
        return self._files[-1]


def numbers() -> Spool[int]:
    return Spool(lambda number: (number,), lambda number: number)


def files() -> Spool[Any]:
    return Spool(tuple, lambda *values: values)


class Pair(NamedTuple):
    first: bytes
    second: int = 7


@pytest.mark.parametrize(
    ("empty", "items"),
    [
        (Spool(), [b"a", b"\xff", b""]),
        (Spool(tuple, Pair), [Pair(b"a", 1), Pair(b"b")]),
        (Spool(lambda pair: pair[::-1], lambda second, first: Pair(first, second)), [Pair(b"a", 1)]),
    ],
)
def test_items_come_back_as_they_were(empty: Spool[Any], items: list[Any]) -> None:
    empty.extend(items * spool.CHUNK)
    assert [*empty] == items * spool.CHUNK
    assert {*map(type, empty)} == {*map(type, items)}


@pytest.mark.parametrize("length", [0, 1, spool.CHUNK - 1, spool.CHUNK, spool.CHUNK + 1, 2 * spool.CHUNK + 7])
def test_a_spool_gives_back_what_was_put_in(length: int) -> None:
    spooled = numbers()
    spooled.extend(range(length))
    assert len(spooled) == length
    assert list(spooled) == list(range(length))
    assert list(spooled) == list(range(length)), "it can be read twice"


@pytest.mark.parametrize("before", [3, spool.CHUNK, spool.CHUNK + 3])
def test_a_spool_takes_more_after_it_was_read(before: int) -> None:
    spooled = numbers()
    spooled.extend(range(before))
    list(spooled)
    spooled.extend(range(before, before + spool.CHUNK))
    assert list(spooled) == list(range(before + spool.CHUNK))


def test_two_readers_of_a_spool_do_not_disturb_each_other() -> None:
    spooled = numbers()
    spooled.extend(range(3 * spool.CHUNK))
    assert [pair for pair in zip(spooled, spooled) if pair[0] != pair[1]] == []


@pytest.mark.promise(11)
def test_chunks_are_bounded_and_none_is_empty() -> None:
    spooled = numbers()
    spooled.extend(range(2 * spool.CHUNK))
    assert [len(chunk) for chunk in spooled.chunks()] == [spool.CHUNK] * 2


@given(st.lists(st.tuples(st.binary(max_size=5), st.integers(), st.none() | st.text("aé\n", max_size=3))))
def test_what_is_packed_comes_back_equal(items: list[tuple[Any, ...]]) -> None:
    spooled = files()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "CHUNK", 2)
        spooled.extend(items)
        assert list(spooled) == items


@pytest.mark.promise(11)
def test_a_long_spool_keeps_one_chunk_in_memory() -> None:
    spooled = files()
    tracemalloc.start()
    try:
        for number in range(4 * spool.CHUNK):
            spooled.append((b"%0100d" % number,))
        kept, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < spool.CHUNK * 250, "an item takes some 200 bytes"


def test_what_is_spooled_leaves_no_file_that_a_crash_would_leave_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    files, spooled, names = OpenFiles(monkeypatch), numbers(), ExternalSort(2)
    spooled.extend(range(spool.CHUNK))
    names.extend([b"b", b"a"])
    assert files.most == 2, "both are on disk"
    assert list(tmp_path.iterdir()) == []


def fill_spool() -> None:
    spooled = files()
    spooled.extend((b"%0100d" % number,) for number in range(2 * spool.CHUNK))
    list(spooled)


def fill_paths() -> None:
    paths = Paths()
    paths.add(b"p/", [b"%0100d" % number for number in range(spool.CHUNK)])
    list(paths.lists())


def fill_sort() -> None:
    names = ExternalSort(10)
    names.extend([b"%0100d" % number for number in range(spool.CHUNK)])


def fill_aside() -> None:
    aside, parts = Aside(), []
    aside.put(parts, [b"%0100d" % number for number in range(spool.CHUNK)])
    aside.take(parts)


@pytest.mark.promise(11)
@pytest.mark.parametrize("fill", [fill_spool, fill_paths, fill_sort, fill_aside])
def test_a_full_disk_is_reported_with_the_way_out(
    fill: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", "/tmp")
    monkeypatch.setattr(tempfile, "TemporaryFile", on_full_disk)
    with pytest.raises(CleanupError, match=r"temporary file in /.* failed: No space left.* TMPDIR"):
        fill()


@pytest.mark.parametrize("fill", [fill_spool, fill_paths, fill_sort, fill_aside])
def test_a_directory_for_temporary_files_that_is_gone_is_reported(
    fill: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", "is asked for")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone\x1b"))
    with pytest.raises(CleanupError, match=r"in .*gone\\x1b failed: No such file.* TMPDIR"):
        fill()


def test_that_no_directory_is_fit_for_temporary_files_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/no/such/directory")
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/no/such/directory"])
    with pytest.raises(CleanupError, match=r"failed: No usable temporary directory .* TMPDIR"):
        fill_paths()


@given(st.lists(NAME, unique=True, max_size=60), st.integers(1, 9), st.lists(st.integers(1, 9)))
@example([b"%03d" % number for number in range(400)], 7, [1])
@example([b"a" * 255, b"\xff", b"a\n", b"a"], 1, [4])
def test_names_come_sorted_whatever_the_limit(names: list[bytes], limit: int, sizes: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "RUNS", 3)
        by_directory = ExternalSort(limit)
        for piece in cut(names, sizes):
            by_directory.extend(piece)
        lists = list(by_directory.lists())
    assert [name for names in lists for name in names] == sorted(names)
    assert [] not in lists


@given(st.lists(st.lists(NAME, min_size=1, unique=True), max_size=5), st.integers(1, 5))
def test_sorted_runs_are_merged(runs: list[list[bytes]], size: int) -> None:
    blocks = [
        iter([run[start : start + size] for start in range(0, len(run), size)]) for run in map(sorted, runs)
    ]
    merged = [name for names in spool._merged(blocks) for name in names]
    assert merged == sorted(name for run in runs for name in run)


@pytest.mark.promise(11)
def test_a_large_directory_is_sorted_in_lists_of_a_bounded_length() -> None:
    names = ExternalSort(100)
    for number in range(5_000):
        names.extend([b"%032d" % (number * 7919 % 5_000)])
    assert max(map(len, names.lists())) <= 200


@pytest.mark.promise(11)
def test_a_sort_of_very_many_names_keeps_few_files_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "RUNS", 4)
    files, names = OpenFiles(monkeypatch), ExternalSort(10)
    for number in range(5_000):
        names.extend([b"%05d" % (number * 7919 % 5_000)])
    assert files.most <= 4 * 6, "of 500 pieces, in five levels of four runs"
    lists = list(names.lists())
    assert [name for some in lists for name in some] == [b"%05d" % number for number in range(5_000)]
    assert max(map(len, lists)) <= 20 * 5


def test_what_comes_in_order_is_not_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    files, names = OpenFiles(monkeypatch), ExternalSort(10)
    for number in range(0, 5_000, 7):
        names.extend([b"%05d" % one for one in range(number, min(number + 7, 5_000))])
    assert files.most == 1
    assert [name for some in names.lists() for name in some] == [b"%05d" % number for number in range(5_000)]


@pytest.mark.promise(11)
def test_listed_keeps_the_first_and_counts_all() -> None:
    listed: Listed[str] = Listed(2)
    for item in "ab":
        listed.add(item)
    assert (listed.items, listed.total, listed.truncated) == (["a", "b"], 2, False)
    listed.add("c")
    assert (listed.items, listed.total, listed.truncated) == (["a", "b"], 3, True)


@given(st.lists(st.lists(NAME, min_size=1, max_size=9), max_size=5), st.integers(1, 9))
def test_what_is_put_aside_comes_back_the_last_first(levels: list[list[bytes]], few: int) -> None:
    with pytest.MonkeyPatch.context() as patch, closing(Aside()) as aside:
        patch.setattr(spool, "FEW", few)
        parts: list[list[Part]] = [[] for _names in levels]
        for own, names in zip(parts, levels):
            aside.put(own, names)
        for own, names in zip(reversed(parts), reversed(levels)):
            back = []
            while own:
                some = aside.take(own)
                back.append(some[0])
                if some[1:]:
                    # What came back too early goes aside again, over the rest of its own.
                    aside.put(own, some[1:])
                    assert len(own) <= 2
            assert back == names
        assert aside._end == 0, "the place of all that came back is free"
