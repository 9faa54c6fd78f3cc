# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Any, Iterator, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.compare.names.references import ReferenceCheck, by_folder, folders_of, with_folders
from engine.config.site import Column
from engine.database import connect
from engine.media.derived import patterns
from engine.media.local import LocalStore
from engine.media.paths import LONGEST_PATH, Spellings

IMAGE, COVER = Column("photo", "image"), Column("album", "cover")
SPELLINGS = Spellings(b"/srv/site/media", b"/media/")
IMAGEKIT, THUMBNAILS = "CACHE/images/{dir}/{stem}/*", "{dir}/{name}.*_q*.*"


PARTS = st.lists(st.sampled_from([b"a", b"b", b"a-", b"a0", b"", b"x" * 5000]), max_size=4).map(b"/".join)


@pytest.mark.promise(9)
@given(st.lists(PARTS))
@example([b"a/1", b"a/b/1", b"a/c"])
@example([b"/a", b"0", b"a//b", b"a/b", b"a0"])
def test_references_are_taken_folder_by_folder(values: list[bytes]) -> None:
    values.sort()
    below = [value for value in values if b"/" in value and len(value) <= LONGEST_PATH]
    expected = [(value.rpartition(b"/")[0], value) for value in below]
    assert [(folder, value) for folder, some in by_folder(values) for value in some] == expected


@pytest.mark.promise(9)
@given(st.lists(PARTS))
@example([b"a/b", b"a/b/c/1", b"a/b/d/1"])
def test_all_folders_are_asked_for_that_files_lie_in(paths: list[bytes]) -> None:
    assert with_folders(paths) == {*paths, *(folder for path in paths for folder in folders_of(path))}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    """A media root without anything in it."""
    with LocalStore(os.fsencode(tmp_path), 10) as opened:
        yield opened


@pytest.fixture
def reasons_to_keep(database: Any, store: LocalStore) -> Iterator[Any]:
    """A way to ask why some paths stay, of a database in which rows name files."""
    database.run("CREATE TABLE photo (image varchar(200)); CREATE TABLE album (cover text)")
    database.insert(
        "photo", [{"image": path} for path in ("p/a.jpg", "p/twice.jpg", "p/twice.jpg", "p/Café.jpg", "")]
    )
    database.insert("photo", [{"image": None}, {"image": "p/dotted.tar.gz"}, {"image": "p/a b.jpg"}])
    database.insert("album", [{"cover": "covers/c.png"}])
    with connect(database.url, read_only=True) as opened:

        def ask(
            paths: Sequence[bytes],
            derived: Sequence[str] = (),
            leaving: Any = None,
            columns: Sequence[Column] = (IMAGE, COVER),
        ) -> list[str]:
            check = ReferenceCheck(opened, columns, patterns(derived), SPELLINGS, store)
            check.read()
            doubts = check.doubts(paths, leaving)
            return [doubts[path].reason if path in doubts else "" for path in paths]

        yield ask


def test_what_a_row_names_stays_and_what_none_names_does_not(reasons_to_keep: Any) -> None:
    a_row = "a row references it"
    assert reasons_to_keep([b"p/a.jpg", b"covers/c.png", b"p/b.jpg", b"a.jpg"]) == [a_row, a_row, "", ""]


def test_a_column_that_is_not_listed_protects_nothing(reasons_to_keep: Any) -> None:
    assert reasons_to_keep([b"covers/c.png"], columns=[IMAGE]) == [""]


@pytest.mark.promise(8)
@pytest.mark.parametrize("path", [b"P/A.JPG", b"p/a.jpg ", b" p/a.jpg", b"p/a_jpg", b"p/%.jpg", b"p/a.jpgx"])
def test_names_are_compared_byte_by_byte(reasons_to_keep: Any, path: bytes) -> None:
    assert reasons_to_keep([path]) == [""]


@pytest.mark.promise(9)
@pytest.mark.parametrize(
    ("path", "spelling"),
    [
        (unicodedata.normalize("NFD", "p/Café.jpg").encode(), "p/Café.jpg"),
        (b"p/Caf%C3%A9.jpg", "p/Café.jpg"),
        (b"p/a%20b.jpg", "p/a b.jpg"),
        (b"p\\a.jpg", "p/a.jpg"),
    ],
)
def test_what_a_row_names_in_another_spelling_stays(reasons_to_keep: Any, path: bytes, spelling: str) -> None:
    assert reasons_to_keep([path]) == [f"the database references it in another spelling: '{spelling}'"]


@pytest.mark.promise(8)
def test_names_that_no_database_can_hold_are_named_by_none(reasons_to_keep: Any) -> None:
    assert reasons_to_keep([b"p/\xff.jpg", b"p/%00.jpg", b"p/%FF.jpg"]) == [""] * 3


@pytest.mark.parametrize(
    ("pattern", "path", "source"),
    [
        (IMAGEKIT, b"CACHE/images/p/a/0123.jpg", "p/a"),
        (IMAGEKIT, b"CACHE/images/p/a/0123.webp", "p/a"),
        (IMAGEKIT, b"CACHE/images/p/dotted.tar/1.jpg", "p/dotted.tar"),
        (THUMBNAILS, b"p/a.jpg.100x100_q85.jpg", "p/a.jpg"),
        (THUMBNAILS, b"covers/c.png.100x100_q85.png", "covers/c.png"),
        ("{dir}/{stem}_*.{ext}", b"p/a_big_one.jpg", "p/a.jpg"),
    ],
)
def test_what_is_derived_from_a_named_file_stays(
    reasons_to_keep: Any, pattern: str, path: bytes, source: str
) -> None:
    assert reasons_to_keep([path], [pattern]) == [f"it is derived from '{source}', which a row references"]
    assert reasons_to_keep([path]) == [""]


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (IMAGEKIT, b"CACHE/images/p/b/0123.jpg"),
        (IMAGEKIT, b"CACHE/images/p/dotted/1.jpg"),
        (IMAGEKIT, b"CACHE/images/p/a/deep/1.jpg"),
        (THUMBNAILS, b"p/b.jpg.100x100_q85.jpg"),
        (THUMBNAILS, b"p/a.100x100_q85.jpg"),
        ("{dir}/{stem}_*.{ext}", b"p/a_big.png"),
    ],
)
def test_what_is_derived_from_an_unnamed_file_does_not_stay(
    reasons_to_keep: Any, pattern: str, path: bytes
) -> None:
    assert reasons_to_keep([path], [pattern]) == [""]


@pytest.mark.parametrize(
    ("path", "leaving", "stays"),
    [
        (b"p/a.jpg", 0, True),
        (b"p/a.jpg", 1, False),
        (b"p/twice.jpg", 1, True),
        (b"p/twice.jpg", 2, False),
    ],
)
def test_a_file_goes_with_the_last_row_that_names_it(
    reasons_to_keep: Any, path: bytes, leaving: int, stays: bool
) -> None:
    thumbnail = b"CACHE/images/" + path[:-4] + b"/1.jpg"
    for asked in (path, thumbnail):
        assert [bool(reason) for reason in reasons_to_keep([asked], [IMAGEKIT], {path: leaving})] == [stays]


@pytest.mark.parametrize("count", [0, 1, 9, 11, 25_000])
def test_any_number_of_paths_can_be_asked_for(reasons_to_keep: Any, count: int) -> None:
    paths = [b"p/%d.jpg" % number for number in range(count)]
    assert [reason for reason in reasons_to_keep([*paths, b"p/a.jpg"], [IMAGEKIT]) if reason] == [
        "a row references it"
    ]


@pytest.mark.promise(9)
@pytest.mark.parametrize(
    ("value", "path", "is_kept"),
    [
        ("galleries/2024", b"galleries/2024/a.jpg", True),
        ("galleries/2024", b"galleries/2024/deep/er/a.jpg", True),
        ("galleries/2024/", b"galleries/2024/a.jpg", True),
        ("/media/galleries/2024/", b"galleries/2024/deep/a.jpg", True),
        ("galleries/2024/", b"galleries%2F2024/a.jpg", True),
        ("galleries/2024", b"galleries/2024.jpg", False),
        ("galleries/2024", b"galleries/20245/a.jpg", False),
        ("galleries/2024/", b"galleries/2025/a.jpg", False),
        ("/", b"galleries/2024/a.jpg", False),
        ("galleries/2024/", b"CACHE/images/galleries/2024/a.jpg/1.jpg", True),
        ("galleries/2024", b"CACHE/images/galleries/2024/a.jpg/1.jpg", True),
        ("galleries/2024", b"CACHE/images/galleries/2025/a.jpg/1.jpg", False),
    ],
)
def test_a_reference_that_is_a_folder_protects_what_is_below_it(
    database: Any, store: LocalStore, value: str, path: bytes, is_kept: bool
) -> None:
    database.run("CREATE TABLE gallery (folder varchar(200))")
    database.insert("gallery", [{"folder": value}])
    with connect(database.url, read_only=True) as opened:
        columns, derived = [Column("gallery", "folder")], patterns(["CACHE/images/{dir}/{name}/*"])
        check = ReferenceCheck(opened, columns, derived, SPELLINGS, store)
        check.read()
        assert list(check.doubts([path])) == [path] * is_kept
