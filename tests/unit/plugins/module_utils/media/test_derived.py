# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import posixpath
import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from engine.errors import SiteError
from engine.media.derived import (
    DerivedPattern,
    Source,
    patterns,
    sources_of,
)
from engine.media.paths import stem
from helpers.builders import NAMES

# Of imagekit, easy-thumbnails, filebrowser and versatileimagefield, and some that people write.
COMMON = [
    "CACHE/images/{dir}/{stem}/*",
    "{dir}/{name}.*_q*.*",
    "_versions/{dir}/{stem}_*.{ext}",
    "__sized__/{dir}/{stem}-*-*x*.{ext}",
    "{dir}/{stem}.avif",
    "{dir}/{name}.webp",
    "{dir}/.thumbs/{stem}_?.{ext}",
    "{dir}/{stem}*",
    "cache(+)/{dir}/{name}/[0]-*.jpg",
]
WILD = st.lists(st.sampled_from([b"_", b"-", b".", b"a", b"\xff", b"\n"]), max_size=4).map(b"".join)
NAME_WITH_EXTENSION = st.builds(lambda name, ext: name + b"." + ext, NAMES, st.sampled_from([b"a", b"\xff0"]))
SOURCES = st.lists(NAMES, max_size=3).flatmap(
    lambda parts: NAME_WITH_EXTENSION.map(lambda name: b"/".join([*parts, name]))
)


def filled(pattern: str, source: bytes, wild: list[bytes]) -> bytes:
    """The path of a derived file, put together without a look at the code under test."""
    directory, name = posixpath.split(source)
    root, extension = posixpath.splitext(name)
    path = pattern.replace("{dir}/", "{dir}" + "/" * bool(directory)).encode()
    for field, value in (("dir", directory), ("name", name), ("stem", root), ("ext", extension[1:])):
        path = path.replace(b"{%s}" % field.encode(), value.replace(b"*", b"").replace(b"?", b""))
    fillings = iter(wild)
    return re.sub(rb"[*?]", lambda found: next(fillings)[: 1 if found[0] == b"?" else None], path)


def matches(pattern: str, source: bytes, path: bytes) -> bool:
    parts, given_parts = DerivedPattern(pattern).globs(source), path.split(b"/")
    return len(parts) == len(given_parts) and all(
        part == name if isinstance(part, bytes) else part.fullmatch(name)
        for part, name in zip(parts, given_parts)
    )


def comes_from(pattern: str, path: bytes, source: bytes) -> bool:
    found = set(DerivedPattern(pattern).sources(path))
    return bool(found & {Source(source, False), Source(stem(source), True)})


@given(st.sampled_from(COMMON), SOURCES, st.lists(WILD.filter(bool), min_size=4, max_size=4))
@example("CACHE/images/{dir}/{stem}/*", b"a.jpg", [b"x"] * 4)
@example("{dir}/{name}.*_q*.*", b"d/a.jpg_q.b", [b"100x100", b"85", b"jpg", b""])
@example("{dir}/{stem}*", b"d/aaa.jpg", [b"aa.jpg"] * 4)
def test_a_pattern_reads_the_same_both_ways(pattern: str, source: bytes, wild: list[bytes]) -> None:
    assume(posixpath.splitext(source)[1] not in (b"", b"."))
    path = filled(pattern, source, wild)
    assert matches(pattern, source, path)
    assert comes_from(pattern, path, source)


@given(
    st.sampled_from(COMMON), SOURCES, WILD.filter(bool), st.lists(WILD.filter(bool), min_size=4, max_size=4)
)
def test_a_path_that_several_files_may_have_made_has_them_all_as_sources(
    pattern: str, source: bytes, more: bytes, wild: list[bytes]
) -> None:
    """What is derived from ``a_b.jpg`` may as well look derived from ``a.jpg``."""
    assume(posixpath.splitext(source)[1] not in (b"", b"."))
    longer = stem(source) + more + posixpath.splitext(source)[1]
    path = filled(pattern, longer, wild)
    assert comes_from(pattern, path, longer)
    assert comes_from(pattern, path, source) or not matches(pattern, source, path)


@pytest.mark.parametrize(
    ("pattern", "source", "path"),
    [
        ("{dir}_cache/{name}", b"a.jpg", b"_cache/a.jpg"),
        ("{dir}/{stem}_t.{ext}", b"d/a", b"d/a_t."),
    ],
)
def test_unusual_patterns_read_the_same_both_ways(pattern: str, source: bytes, path: bytes) -> None:
    assert matches(pattern, source, path)
    assert comes_from(pattern, path, source)


@pytest.mark.parametrize(
    "pattern", ["{dir}/{stem}_{ext}*", "{dir}-*/{name}", "*{dir}/{name}", "{dir}/{name}/{dir}/x"]
)
def test_a_pattern_that_can_be_split_in_too_many_ways_is_refused(pattern: str) -> None:
    with pytest.raises(SiteError, match="more than one way"):
        DerivedPattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("CACHE/images/{dir}/{stem}/*", b"CACHE/images/p/2024/a/b.jpg", {Source(b"p/2024/a", True)}),
        ("CACHE/images/{dir}/{stem}/*", b"CACHE/images/a/b.jpg", {Source(b"a", True)}),
        ("CACHE/images/{dir}/{stem}/*", b"CACHE/images/b.jpg", set()),
        ("CACHE/images/{dir}/{stem}/*", b"x/CACHE/images/p/a/b.jpg", set()),
        ("{dir}/{name}.*_q*.*", b"p/a.jpg.20x20_q85.jpg", {Source(b"p/a.jpg", False)}),
        ("{dir}/{name}.*_q*.*", b"p/a.jpg", set()),
        ("{dir}/{stem}_*.{ext}", b"p/a_b_c.png", {Source(b"p/a_b.png", False), Source(b"p/a.png", False)}),
        ("{dir}/{stem}_?.{ext}", b"p/a_bc.png", set()),
        ("{dir}/{name}.webp", b"p/a.webp", {Source(b"p/a", False)}),
        ("{dir}/{name}.webp", b"p/awebp", set()),
        ("{dir}/{stem}.avif", b"p/\xff\n.avif", {Source(b"p/\xff\n", True)}),
        ("{dir}/*.ts", b"v/1/0.ts", {Source(b"v/1", False, True)}),
        ("{dir}/*.ts", b"0.ts", {Source(b"", False, True)}),
        ("{dir}/*.ts", b"v/1/0.tsx", set()),
        ("{dir}/*/*.ts", b"v/1/720p/0.ts", {Source(b"v/1", False, True)}),
    ],
)
def test_the_sources_of_a_path(pattern: str, path: bytes, expected: set[Source]) -> None:
    found = set(DerivedPattern(pattern).sources(path))
    assert expected == found if not expected else expected <= found
    assert not expected or max(found, key=lambda source: len(source.path)) in expected


def test_a_wildcard_does_not_cross_a_directory() -> None:
    assert not comes_from("CACHE/{dir}/{stem}/*", b"CACHE/d/a/b/c.jpg", b"d/a.jpg")
    assert not matches("{dir}/{name}*", b"d/a", b"d/a/b")


def test_nothing_is_derived_from_itself() -> None:
    known = patterns(["{dir}/{name}*"])
    assert Source(b"d/abc", False) not in sources_of(known, b"d/abc")
    assert Source(b"d/ab", False) in sources_of(known, b"d/abc")


def test_sources_of_all_patterns_are_gathered() -> None:
    known = patterns(["{dir}/{name}.webp", "{dir}/{stem}.*"])
    assert sources_of(known, b"d/a.jpg.webp") >= {Source(b"d/a.jpg", False), Source(b"d/a", True)}
    assert sources_of([], b"d/a.jpg.webp") == set()


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "*",
        "thumbs/*",
        "thumbs/*.ts",
        "{dir}/*",
        "{dir}/*.*",
        "{dir}/*.?s",
        "{dir}/0.ts",
        "{dir}/*.{ext}",
        "{dir}/*.ts/0",
        "{stem}.webp",
        "{name}",
        "{dir}/{base}.webp",
        "{dir}/{name}/{size}",
    ],
)
def test_a_pattern_must_name_its_source(pattern: str) -> None:
    with pytest.raises(SiteError, match=r"must give its source by \{dir\} and by \{name\}"):
        DerivedPattern(pattern)


@pytest.mark.parametrize(
    ("source", "is_source"),
    [(b"v/a.m3u8", True), (b"v/a.M3U8", True), (b"v/a.mpd", True), (b"v/a.jpg", False)],
)
def test_segments_are_derived_from_playlists_alone(source: bytes, is_source: bool) -> None:
    assert DerivedPattern("{dir}/*.ts").may_come_from(source) == is_source
    assert DerivedPattern("{dir}/{stem}.ts").may_come_from(source)


@pytest.mark.parametrize("pattern", ["/cache/{dir}/{name}", "../{dir}/{name}", "{dir}/../{name}"])
def test_a_pattern_must_stay_below_the_root(pattern: str) -> None:
    with pytest.raises(SiteError, match="below media_root"):
        DerivedPattern(pattern)


def test_each_way_to_split_a_long_name_is_tried_once() -> None:
    found = list(DerivedPattern("{dir}/{stem}*").sources(b"d/" + b"a" * 255))
    assert sorted(len(source.path) for source in found) == list(range(3, 258))
