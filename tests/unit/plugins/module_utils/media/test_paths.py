# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import os
import posixpath
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from engine.media.paths import LONGEST_PATH, Spellings, canonical, canonical_of, decomposed, outside, stem

SITE = Spellings(b"/srv/site/media", b"/media/")
PHOTO = "photos/Café.jpg".encode()
NFD = unicodedata.normalize("NFD", "photos/Café.jpg").encode()

# Pieces of which values that need a second look are made.
PIECES = [b"a", b"photos", b"media", b"srv", b"site", b"/", b"//", b".", b"..", b"\\", b"%", b"%2F", b"%252F"]
PIECES += [b"%C3%A9", "é".encode(), unicodedata.normalize("NFD", "é").encode(), b"\xff", b"http://h", b"\n"]
PIECES += [b"?", b"#", b" ", b"\r"]
VALUE = st.lists(st.sampled_from(PIECES), max_size=6).map(b"".join)
ANY_VALUE = VALUE | st.binary(max_size=12)


@pytest.mark.promise(9)
@pytest.mark.parametrize(
    "value",
    [
        PHOTO,
        NFD,
        b"/" + PHOTO,
        b"./" + PHOTO,
        b"photos//" + PHOTO[7:],
        b"photos/./" + PHOTO[7:],
        b"x/../" + PHOTO,
        PHOTO + b"/",
        PHOTO.replace(b"/", b"\\"),
        b"photos/Caf%C3%A9.jpg",
        b"photos%2fCaf%c3%a9.jpg",
        b"photos/Cafe%CC%81.jpg",
        b"%70hotos/Caf%C3%A9.jpg",
        b"/media/" + PHOTO,
        b"media/" + PHOTO,
        b"/media/photos/Caf%C3%A9.jpg",
        b"/srv/site/media/" + PHOTO,
        b"srv/site/media/" + PHOTO,
        b"/elsewhere/media/" + NFD,
        b"https://cdn.example.org/bucket/photos/Caf%C3%A9.jpg",
        b"HTTPS://cdn.example.org//photos/Caf%C3%A9.jpg",
        b"file:///srv/site/media/photos/Caf%C3%A9.jpg",
        PHOTO + b"?v=2",
        PHOTO + b"#t=10,20",
        PHOTO + b"?v=2#t=10",
        PHOTO + b"#t?v=2",
        b"/media/" + PHOTO + b"?next=/a/b.jpg",
        b"https://cdn.example.org/photos/Caf%C3%A9.jpg?Expires=1&Signature=a/b",
        b" " + PHOTO,
        b"\t" + PHOTO + b"\r\n",
        b" /media/" + PHOTO + b" ?v=2",
    ],
)
def test_a_value_means_the_file_that_it_spells_in_another_way(value: bytes) -> None:
    assert canonical(PHOTO) in set(SITE.meant_by(value))


@pytest.mark.promise(9)
@pytest.mark.parametrize("value", [b"photos/Cafe.jpg", b"photos/caf\xc3\xa9.jpg", b"thumbs/" + PHOTO, b""])
def test_a_value_does_not_mean_another_file(value: bytes) -> None:
    assert canonical(PHOTO) not in set(SITE.meant_by(value))


@pytest.mark.promise(9)
def test_a_prefix_is_only_taken_off_as_a_whole() -> None:
    assert set(SITE.meant_by(b"mediaphotos/a.jpg")) == {b"mediaphotos/a.jpg"}


@pytest.mark.promise(9)
@pytest.mark.parametrize("media_url", [b"", b"/", b"/files/", b"files", b"https://cdn.example.org/m/"])
def test_any_media_url_will_do(media_url: bytes) -> None:
    site = Spellings(b"/srv/uploads", media_url)
    told = posixpath.join(media_url, b"a b.jpg").replace(b" ", b"%20")
    assert b"a b.jpg" in set(site.meant_by(told))
    assert site.unusual([told, b"plain"]) == [told]


@pytest.mark.promise(9)
@given(st.lists(ANY_VALUE, max_size=5))
@example([b"photos/a.jpg", b"media/photos/a.jpg"])
@example([b"e", unicodedata.normalize("NFD", "é").encode()])
@example([b"\xff", b"a/."])
@example([b"\xff\xff", unicodedata.normalize("NFD", "é").encode()])
def test_no_value_that_may_mean_another_path_is_missed(values: list[bytes]) -> None:
    needed = [value for value in values if any(path != value for path in SITE.meant_by(value))]
    told = SITE.unusual(sorted(values))
    assert [value for value in needed if value not in told] == []
    assert [value for value in told if value not in values] == []


@pytest.mark.promise(11)
@pytest.mark.parametrize("before", [[], [b"a"], [b"a" * LONGEST_PATH] * 3])
@pytest.mark.parametrize("after", [[], [b"c"], [b"c" * LONGEST_PATH] * 3])
def test_a_value_that_is_too_long_is_odd_wherever_it_stands(before: list[bytes], after: list[bytes]) -> None:
    too_long = b"b" * (LONGEST_PATH + 1)
    assert SITE.unusual([*before, b"b" * LONGEST_PATH, *after]) == []
    assert SITE.unusual([*before, too_long, *after]) == [too_long]


@pytest.mark.promise(9)
@pytest.mark.parametrize("odd", [b" a.jpg", b"a.jpg\n", b"b\t"])
def test_white_space_around_a_value_is_seen_among_plain_ones(odd: bytes) -> None:
    assert SITE.unusual(sorted([b"a b.jpg", b"a\tb", odd])) == [odd]


def test_plain_values_are_not_odd() -> None:
    plain = [
        b"photos/a.jpg",
        PHOTO,
        b"a..b/c.jpg",
        b"photos/.hidden",
        b"x/media/y.jpg",
        b"100\xc3\xa9",
        b"p/a b . c.jpg",
    ]
    assert SITE.unusual(plain) == []


@given(ANY_VALUE)
@example(b"photos/a.jpg")
@example(b"media/a.jpg")
@example(b"photos/.a")
def test_what_has_no_other_spelling_means_itself(value: bytes) -> None:
    if SITE.has_no_other(value):
        assert {*SITE.meant_by(value), *decomposed(value), quote(value).encode()} == {value}


def test_usual_names_have_no_other_spelling() -> None:
    assert SITE.has_no_other(b"photos/2026/IMG_1-~a.b.jpg")
    assert not SITE.has_no_other(b"media/photos/a.jpg")


@pytest.mark.promise(5)
@given(ANY_VALUE)
def test_the_canonical_path_is_relative_and_leads_nowhere_else(value: bytes) -> None:
    parts = canonical(value).split(b"/")
    assert b".." not in parts
    assert b"." not in parts
    assert parts == [b""] or b"" not in parts


@given(ANY_VALUE)
def test_canonical_paths_are_their_own_canonical_path(value: bytes) -> None:
    assume(b"%" not in canonical(value))
    assert canonical(canonical(value)) == canonical(value)


@pytest.mark.promise(9)
@given(st.lists(ANY_VALUE | st.sampled_from([b"p/a.jpg", b"p/b.jpg"]), max_size=4))
@example([b"p/a.jpg", b"./b"])
@example([b"p/a/", b"b"])
@example([b"/p/a", b"b"])
def test_many_paths_have_the_same_canonical_paths_as_each(values: list[bytes]) -> None:
    assert canonical_of(values) == [canonical(value) for value in values]


@pytest.mark.parametrize("value", [b"a%2520b", b"%252F", b"a%25%32%30b"])
def test_canonical_paths_are_their_own_canonical_path_with_a_percent_sign_in_them(value: bytes) -> None:
    assert canonical(canonical(value)) == canonical(value)


@pytest.mark.promise(9)
@given(st.text("aäöé\u0301\u0308ﬁ", max_size=8))
def test_both_unicode_normalizations_are_one_path(text: str) -> None:
    composed, apart = (unicodedata.normalize(form, text).encode() for form in ("NFC", "NFD"))
    assert canonical(composed) == canonical(apart)
    assert list(decomposed(composed)) == [apart]


@pytest.mark.promise(8)
def test_what_is_not_utf8_has_no_other_normalization() -> None:
    assert list(decomposed(b"\xff")) == []
    assert canonical(b"\xff/e\xcc\x81") == b"\xff/e\xcc\x81"


@pytest.mark.promise(5)
@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"/etc/passwd", "is absolute"),
        (b"//etc/passwd", "is absolute"),
        (b"../secret", "holds '..'"),
        (b"photos/../../secret", "holds '..'"),
        (b"..", "holds '..'"),
        (b"photos/..", "holds '..'"),
        (b"a\0b", "holds a NUL byte"),
        (b"\0", "holds a NUL byte"),
        (b"/a\0b", "holds a NUL byte"),
        (b"https://cdn.example.org/a.jpg", "is a URL"),
        (b"s3://bucket/a.jpg", "is a URL"),
        (b"photos/a..b.jpg", None),
        (b"...", None),
        (b"http:/a", None),
        (b"photos/http://a", None),
        (b"-rf", None),
        (b"", None),
    ],
)
def test_what_cannot_be_below_the_root_is_called_outside(value: bytes, why: str | None) -> None:
    assert outside(value) == why


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"photos/a.jpg", b"photos/a"),
        (b"photos/a.tar.gz", b"photos/a.tar"),
        (b"photos.d/a", b"photos.d/a"),
        (b"photos/.hidden", b"photos/.hidden"),
        (b"a.", b"a"),
        (b"", b""),
    ],
)
def test_stem(path: bytes, expected: bytes) -> None:
    assert stem(path) == expected


@given(st.lists(st.sampled_from([b".", b"/", b"a", b"b", b"\xff"]), max_size=12).map(b"".join))
def test_the_stem_is_that_of_python(path: bytes) -> None:
    assert stem(path) == os.path.splitext(path)[0]
