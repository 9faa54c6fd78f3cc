# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A mention is found wherever it stands in a text, and however it is encoded there."""

from __future__ import annotations

import html
import json
import quopri
import unicodedata
from typing import Any, Callable, Sequence
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compare.mentions import Mentions
from engine.database.postgresql.sweep import CopiedRows
from engine.database.sweep import Rows
from engine.media.paths import Spellings

pytestmark = pytest.mark.promise(14)

SPELLINGS = Spellings(b"/srv/media", b"https://cdn.example/m/")


def found(text: str, *candidates: str) -> set[tuple[str, bool]]:
    mentions = Mentions([path.encode("utf-8", "surrogateescape") for path in candidates], SPELLINGS)
    return {
        (path.decode("utf-8", "surrogateescape"), is_strong)
        for path, is_strong, _text in mentions.in_text(text)
    }


def in_texts(mentions: Mentions, texts: Sequence[str | None]) -> list[tuple[int, bytes]]:
    """The numbers of the texts that mention a file, each with the file."""
    raw = [text if text is None else text.encode("utf-8", "surrogateescape") for text in texts]
    block = Rows(list(enumerate(raw)), 1, 1)
    return [(row.key[0], mention.path) for row, _column, mention in mentions.in_block(block)]


def is_found_in_copy(mentions: Mentions, path: bytes, text: str) -> bool:
    """Whether a file is found in a text as PostgreSQL's COPY writes it."""
    written = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    lines = [f"\t\t{line}\n".encode("utf-8", "surrogateescape") for line in ("x", written, r"\N")]
    found = [mention.path for _row, _column, mention in mentions.in_block(CopiedRows(lines, 0))]
    return path in found


STRONG = {("photos/a b.jpg", True)}
WEAK = {("photos/a b.jpg", False)}


@pytest.mark.parametrize(
    "text",
    [
        "photos/a b.jpg",
        "/m/photos/a b.jpg",
        "https://cdn.example/m/photos/a%20b.jpg?v=2#top",
        "file:///srv/media/photos//a b.jpg",
        '<img src="/m/photos/a%20b.jpg" alt="">',
        "<img srcset='/m/x.jpg 1x,/m/photos/a%20b.jpg 2x'>",
        "![text](</m/photos/a b.jpg>)",
        "url(/m/photos/a%20b.JPG)",
        json.dumps({"image": "photos/a b.jpg"}),
        json.dumps({"image": "photos/a b.jpg"}).replace("/", r"\/"),
        json.dumps(json.dumps({"image": json.dumps("photos/a b.jpg").replace("/", r"\/")})),
        html.escape(json.dumps({"image": "photos/a b.jpg"})),
        "photos&#x2F;a&nbsp;b.jpg".replace("&nbsp;", "&#32;"),
        "photos%2Fa%20b.jpg",
        "photos%252fa%2520b%252ejpg",
        r"C:\site\photos\a b.jpg",
        r"photos\u002fa\u0020b\u002ejpg",
        "photos/a+b.jpg",
        "photos/./a b.jpg",
        "{photos/a b.jpg,NULL}",
        '{"(1,\\"photos/a b.jpg\\")"}',
        "photos/a=20b.jpg",
        "photos/a =\nb.j=\r\npg",
        r"photos/a =\nb.j=\r\npg",
        "photos/a \u200bb.j\u00adpg",
        "".join(f"&#{ord(sign)};" for sign in "photos/a b.jpg"),
        "".join(f"%{ord(sign):02x}" for sign in "photos/a b.jpg"),
        "".join(f"\\x{ord(sign):02x}" for sign in "photos/a b.jpg"),
        "photos/a\u00a0b.jpg",
        "photos/a&nbsp;b.jpg",
        "photos%u002fa%u0020b.jpg",
        r"photos/a\ b\.jpg",
        r"photos/a\U00000020b.jpg",
        "photos/a b.jpg.300x200_q85.jpg",
        "_photos/a b.jpg_",
        "photos/a b.jpg.",
        "see photos/a b.jpg, please",
    ],
)
def test_a_whole_path_is_found(text: str) -> None:
    assert found(text, "photos/a b.jpg") == STRONG


@pytest.mark.parametrize(
    "text",
    [
        "a b.jpg",
        "_a b.jpg_",
        "other/a b.jpg",
        "thumb=a b.jpg;",
        "看a b.jpg看",
        r"x\na b.jpg",
        "x%0Aa%20b.jpg",
        "-a b.jpg",
    ],
)
def test_a_name_alone_is_found(text: str) -> None:
    assert found(text, "photos/a b.jpg") == WEAK


@pytest.mark.parametrize(
    "text", ["ba b.jpg", "a b.jpgx", "a b.jpeg", "a  b.jpg", "", "jpg", ".jpg", "1-a b.jpg"]
)
def test_another_name_is_no_mention(text: str) -> None:
    assert found(text, "photos/a b.jpg") == set()
    assert found(f"/m/photos/{text}".replace(" ", "_"), "photos/a_b.jpg") == set()


def test_the_path_tells_files_of_one_name_apart() -> None:
    candidates = "p/1/a.jpg", "p/2/a.jpg", "a.jpg"
    assert found("/m/p/1/a.jpg", *candidates) == {("p/1/a.jpg", True)}
    assert found("/m/a.jpg", *candidates) == {("a.jpg", True)}
    assert found("/m/a.jpg?x", *candidates) == {("a.jpg", True)}
    assert found("see a.jpg", *candidates) == {(path, False) for path in candidates}


def test_a_name_without_an_extension_is_found_by_its_path() -> None:
    assert found('<a href="/m/docs/Read%20me">', "docs/Read me") == {("docs/Read me", True)}
    assert found("docs/README, please", "docs/README") == {("docs/README", True)}
    assert found("https://cdn.example/m/README.", "README") == {("README", True)}
    assert found("Read the README or other/README", "docs/README") == set()


def test_many_different_extensions_are_anchors_too() -> None:
    many = [f"p/x.{number}" for number in range(500)]
    assert found("see /m/p/x.77, and more", *many) == {("p/x.77", True)}


def test_a_mention_is_shown_as_it_is_written() -> None:
    mentions = Mentions([b"p/a b.jpg"], SPELLINGS)
    [mention] = mentions.in_text(f'{"x" * 9000} src="/m/p/a%20b.jpg" {"x" * 9000}')
    assert mention == (b"p/a b.jpg", True, "/m/p/a%20b.jpg")


def test_many_candidates_of_one_name_are_yielded_once_for_each_column() -> None:
    many = [b"%d/image.jpg" % number for number in range(100)]
    mentions = Mentions([*many, b"1/other.jpg"], SPELLINGS)
    rows = [(b"x/image.jpg x/other.jpg", b"image.jpg"), (b"/m/7/image.jpg", b"x")] * 25
    found = list(mentions.in_block(Rows(rows, 0, 2), reported=[set(), set()]))
    weak = [(column, mention.path) for _row, column, mention in found if not mention.is_strong]
    assert sorted(set(weak)) == sorted(
        [(0, path) for path in [*many, b"1/other.jpg"]] + [(1, path) for path in many]
    )
    assert len(weak) == 200 + 25
    assert sum(mention.is_strong for _row, _column, mention in found) == 25
    assert len(list(mentions.in_block(Rows(rows, 0, 2)))) == 25 * (100 + 1 + 100 + 1)


def test_names_that_are_no_utf8_are_found() -> None:
    name = b"photos/caf\xe9.jpg".decode("utf-8", "surrogateescape")
    for text in (name, "photos/caf%E9.jpg", json.dumps(name), "/m/photos/caf%e9.jpg?x"):
        assert found(text, name) == {(name, True)}


@pytest.mark.parametrize(
    "written", ["my\\_photo\\-1.jpg", "my_photo\\u002D1.jpg", "my%5Fphoto%2d1.jpg", "my&#95;photo-1.jpg"]
)
def test_signs_of_a_name_that_need_no_encoding_may_be_encoded(written: str) -> None:
    assert found(f"/m/p/{written}", "p/my_photo-1.jpg") == {("p/my_photo-1.jpg", True)}


@pytest.mark.parametrize(
    "text",
    [
        "docs/Read me",
        "x docs/read%20me y",
        r'"docs\/Read me"',
        "docs%2FRead+me",
        "docs&#x2F;Read&#32;me",
        r"C:\docs\Read me",
        "docs%252fRead%2520me#top",
        "(docs/Read me)",
        "docs/Read me.",
        r"docs\u002fRead\u0020me",
    ],
)
def test_a_name_without_an_extension_is_found_among_other_texts(text: str) -> None:
    mentions = Mentions([b"docs/Read me", b"p/a.jpg"], SPELLINGS)
    texts = ["docs/Read", "other/Read me", "", text, "https://example.org/read/me/"]
    assert {number for number, _path in in_texts(mentions, texts)} == {3}


def test_a_name_without_an_extension_at_the_root_is_found_as_a_whole_text() -> None:
    mentions = Mentions([b"README"], SPELLINGS)
    assert {number for number, _path in in_texts(mentions, ["see README", " readme ", None])} == {1}


ENCODINGS: list[Callable[[str], str]] = [
    quote,
    lambda text: quote(text, safe=""),
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1].replace("/", r"\/"),
    html.escape,
    lambda text: html.escape(text).replace("/", "&#x2F;"),
    lambda text: text.encode("ascii", "xmlcharrefreplace").decode(),
    lambda text: unicodedata.normalize("NFD", text),
    lambda text: unicodedata.normalize("NFC", text),
    lambda text: text.encode("unicode_escape").decode(),
    lambda text: quopri.encodestring(text.encode()).decode("ascii"),
    lambda text: "".join(f"&#{ord(sign)};" for sign in text),
]
AROUND = [
    "{}",
    '<img src="/m/{}">',
    "<img srcset='/m/{} 2x, /m/x.jpg'>",
    "![x](/m/{})",
    'url("{}")',
    '[{{"type": "image", "value": "{}"}}]',
    '{{"{}",NULL}}',
    "see {}, please",
    "https://cdn.example/m/{}?x=1#y",
    "/srv/media/{}\n",
]
NAMES = st.text(
    st.one_of(
        st.sampled_from("abcXYZ019 _-.()'&+%#~@,;=!"),
        st.characters(min_codepoint=0xA0, max_codepoint=0x2FFF, blacklist_categories=("C", "Z", "M")),
        st.sampled_from("äéñ日本😀"),
    ),
    min_size=1,
    max_size=20,
).filter(lambda name: name.strip() == name and name.strip("."))


@given(
    directory=NAMES,
    name=NAMES,
    extension=st.sampled_from([".jpg", ".PNG", ".mp4", ""]),
    is_of_windows=st.booleans(),
    ways=st.lists(st.sampled_from(ENCODINGS), max_size=3),
    around=st.sampled_from(AROUND),
)
@settings(max_examples=300, deadline=None)
def test_no_encoding_hides_a_mention(
    directory: str, name: str, extension: str, is_of_windows: bool, ways: list[Any], around: str
) -> None:
    path = f"{directory}/{name}{extension}"
    written = path.replace("/", "\\") if is_of_windows else path
    for way in ways:
        written = way(written)
    candidates = (path, "p/other.jpg")
    text = around.format(written)
    assert (path, True) in found(text, *candidates)
    mentions = Mentions([path.encode()], SPELLINGS)
    assert 1 in {number for number, _path in in_texts(mentions, ["a.jpg", text, None, "50% = /&\\"])}
    assert is_found_in_copy(mentions, path.encode(), text)


def test_many_texts_are_searched_as_one() -> None:
    texts = [
        "p/a.jpg",
        None,
        "",
        "p/x.jpg",
        "p%2fa%2ejpg",
        "p/a",
        ".jpg",
        "x=",
        "p/a.jpg p/b.jpg",
        "p/\u200bb.jpg",
        "日",
    ]
    mentions = Mentions([b"p/a.jpg", b"p/b.jpg"], SPELLINGS)
    found = in_texts(mentions, texts)
    assert list(dict.fromkeys(found)) == [
        (0, b"p/a.jpg"),
        (4, b"p/a.jpg"),
        (8, b"p/a.jpg"),
        (8, b"p/b.jpg"),
        (9, b"p/b.jpg"),
    ]
    assert in_texts(mentions, []) == []
    assert in_texts(Mentions([b"p/a"], SPELLINGS), ["x", "see p/a"]) == [(1, b"p/a")]


@pytest.mark.parametrize(
    "text",
    [
        "x\nb.jpg",
        "\tp/b.jpg",
        "p/b.j=\r\npg",
        "p/b.j=\npg",
        "docs\\README\n",
        "\ndocs/README\n",
        r"docs\u002fREADME",
        "p/\u200bb.jpg",
        "p/b\u00ad.jpg",
        "film.m\u212av",
        "\\\n" * 500 + r"p\u002fb\u002ejpg",
        "%" * 3000 + "p%2fb%2ejpg",
    ],
)
def test_what_a_database_writes_with_a_backslash_hides_no_mention(text: str) -> None:
    candidates = [b"p/b.jpg", b"docs/README", b"p/film.mkv"]
    mentions = Mentions(candidates, SPELLINGS)
    [path] = {mention.path for mention in mentions.in_text(text)}
    assert is_found_in_copy(mentions, path, text)
    assert in_texts(mentions, ["x", text])[0] == (1, path)


def test_a_path_that_may_be_another_ones_hides_no_name() -> None:
    candidates = "photos/a.jpg", "2024/photos/a.jpg"
    both = {("photos/a.jpg", True), ("2024/photos/a.jpg", False)}
    for text in ("photos/a.jpg", "see photos%2Fa.jpg", "https://other.example/photos/a.jpg"):
        assert found(text, *candidates) == both
    assert found("/m/photos/a.jpg", *candidates) == {("photos/a.jpg", True)}
    assert found("a.jpg", "a.jpg", "2024/a.jpg") == {("a.jpg", True), ("2024/a.jpg", False)}
