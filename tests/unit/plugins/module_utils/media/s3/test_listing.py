# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The listing of a bucket, by a service of the test's own that lists in any order."""

from __future__ import annotations

import posixpath
import time
import tracemalloc
from typing import Any, Iterator, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.media.s3 import listing
from engine.media.s3.client import LARGEST_PAGE, Page
from engine.media.s3.failures import BucketError
from engine.media.s3.listed import keys_of
from engine.media.s3.listing import Unlisted, objects_below
from engine.media.s3.listing_check import ListingCheck
from engine.media.s3.page_reader import Entry

PARTS = st.sampled_from(["a", "b", "-", ".", "0", "é", "\U0001f600", "\uffff", "photo"])
KEYS = st.sets(st.lists(PARTS, min_size=1, max_size=4).map("/".join), max_size=40)


class Service:
    """A bucket that lists its keys in this order, some at a time, and counts its answers."""

    def __init__(self, keys: Sequence[str], page: int = 3, broken: str = "nothing") -> None:
        self.keys = list(keys)
        self.page = page
        self.broken = broken
        self.answers = 0

    def pages(
        self, prefix: str = "", delimiter: str = "", start_after: str = "", most: int = LARGEST_PAGE
    ) -> Iterator[Page]:
        found: dict[str, bool] = {}
        for key in self.keys:
            if key.startswith(prefix) and key > start_after:
                end = key.find(delimiter, len(prefix)) if delimiter else -1
                found[key[: end + 1] if end >= 0 else key] = end >= 0
        names = list(found)
        size = min(self.page, most)
        for start in range(0, max(1, len(names)), size):
            self.answers += 1
            if prefix.startswith(self.broken):
                raise BucketError("the service asks to slow down")
            some = names[start : start + size]
            entries = [Entry(name, 1, 0, "tag") for name in some if not found[name]]
            yield Page(entries, [name for name in some if found[name]], start + size < len(names))


def listed(service: Any, prefix: str = "media/") -> list[bytes]:
    found = objects_below(service, prefix)
    return [key for lines in found if isinstance(lines, list) for key in keys_of(lines)]


@given(KEYS, st.randoms(use_true_random=False), st.integers(1, 50), st.integers(1, 8))
@example({"a-b", "a/b", "a0", "a"}, None, 3, 2)
@settings(max_examples=60, deadline=None)
def test_keys_come_in_byte_order_whatever_the_order_of_the_service(
    keys: set[str], random: Any, page: int, in_memory: int
) -> None:
    below = [f"media/{key}" for key in keys]
    others = ["media", "media-other/a", "medi/a", "other/media/a"]
    shuffled = [*below, *others]
    if random:
        random.shuffle(shuffled)
    patch = pytest.MonkeyPatch()
    with patch.context() as patched:
        patched.setattr(listing, "OBJECTS_IN_MEMORY", in_memory)
        assert listed(Service(shuffled, page)) == sorted(key.encode() for key in below)


def test_what_cannot_be_listed_is_said_and_all_else_is_listed() -> None:
    keys = [f"media/{folder}/{number}" for folder in "abc" for number in range(10)]
    found = list(objects_below(Service(keys, 100, broken="media/b/"), "media/"))  # type: ignore[arg-type]
    assert [part for part in found if isinstance(part, Unlisted)] == [
        Unlisted("media/b/", "the service asks to slow down")
    ]
    assert [key for part in found if isinstance(part, list) for key in keys_of(part)] == [
        key.encode() for key in sorted(keys) if "/b/" not in key
    ]


@pytest.mark.promise(5)
def test_a_service_that_lists_something_else_is_not_believed() -> None:
    class Careless(Service):
        def pages(self, prefix: str = "", *more: Any, **how: Any) -> Iterator[Page]:
            return super().pages("", *more, **how)

    found = list(objects_below(Careless(["media/a", "neighbour/b"], 100), "media/"))  # type: ignore[arg-type]
    assert [part.reason for part in found if isinstance(part, Unlisted)] == [
        "the service lists keys that do not begin with what was asked for"
    ]


def test_folders_are_listed_at_the_same_time() -> None:
    class Slow(Service):
        at_work = most_at_work = 0

        def pages(self, prefix: str = "", *more: Any, **how: Any) -> Iterator[Page]:
            self.at_work += 1
            self.most_at_work = max(self.at_work, self.most_at_work)
            time.sleep(0.02)
            self.at_work -= 1
            return super().pages(prefix, *more, **how)

    # Each of them has more than a page, so that none is split.
    keys = [f"media/{folder}/{number:02d}" for folder in range(40) for number in range(12)]
    service = Slow(keys, 40)
    assert len(listed(service)) == len(keys)
    assert service.most_at_work > 1


def test_few_requests_are_made_for_many_folders() -> None:
    keys = [f"media/photos/{folder:04d}/a.jpg" for folder in range(3000)]
    service = Service(keys, 1000)
    assert len(listed(service)) == 3000
    assert service.answers <= 8, "a request for each folder would be 3,000"


def _peak_of_listing(folders: int, in_each: int) -> int:
    """The bytes that a listing of simulated keys holds at most."""

    class Simulated:
        def pages(self, prefix: str, delimiter: str = "") -> Iterator[Page]:
            if prefix == "media/":
                yield Page([], [f"media/{folder:03}/" for folder in range(folders)])
                return
            for start in range(0, in_each, 100):
                yield Page(
                    [Entry(f"{prefix}{number:06}", 1, 0, "") for number in range(start, start + 100)],
                    [],
                    True,
                )

    tracemalloc.start()
    try:
        assert sum(map(len, objects_below(Simulated(), "media/"))) == folders * in_each  # type: ignore[arg-type]
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak


@pytest.mark.promise(11)
@pytest.mark.parametrize("folders", [1, 40])
def test_a_listing_holds_a_bounded_number_of_keys(folders: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "OBJECTS_IN_MEMORY", 200)
    assert _peak_of_listing(folders, 64_000 // folders) < 1 << 20, "all of them would be four times as much"


def _key_of(path: bytes) -> str | None:
    return None if b".." in path else posixpath.join("media", path.decode())


@given(KEYS, KEYS, st.randoms(use_true_random=False), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_a_quick_check_finds_only_what_is_there(
    keys: set[str], asked: set[str], random: Any, page: int
) -> None:
    there = [f"media/{key}" for key in keys]
    random.shuffle(there)
    service = Service(there, page)
    paths = sorted(key.encode() for key in {*asked, *keys})
    check = ListingCheck(service, "media/", _key_of)  # type: ignore[arg-type]
    left = [path for path in paths for path in check.not_found([path])]
    assert {path.decode() for path in set(paths) - set(left)} <= keys
    assert service.answers <= len(paths)


def test_a_quick_check_of_an_ordered_listing_finds_all_that_is_there_by_few_requests() -> None:
    keys = sorted(f"media/photos/{number:05d}.jpg" for number in range(20_000))
    service = Service(keys, LARGEST_PAGE)
    check = ListingCheck(service, "media/", _key_of)  # type: ignore[arg-type]
    wanted = [f"photos/{number:05d}.jpg".encode() for number in range(21_000)]
    assert check.not_found(wanted) == [path for path in wanted if path >= b"photos/20000"]
    assert service.answers <= 30
    # Where few are asked for, each costs a small page, unless there is nothing behind the last one.
    service.answers = 0
    check = ListingCheck(service, "media/", _key_of)  # type: ignore[arg-type]
    assert check.not_found([b"../a", b"photos/00007.jpg", b"photos/19999.jpg", b"zzz"]) == [b"../a", b"zzz"]
    assert service.answers == 2


def test_a_quick_check_that_fails_finds_nothing() -> None:
    check = ListingCheck(Service(["media/a"], broken="media/"), "media/", _key_of)  # type: ignore[arg-type]
    assert check.not_found([b"a", b"b"]) == [b"a", b"b"]
