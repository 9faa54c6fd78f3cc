# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A row without its file and a file without a row: when they are taken for a move, and when not."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Iterator, Mapping

import pytest

from engine.compare.moves import Content
from engine.compare.without_file import ListedFiles
from engine.errors import SiteError
from engine.media import walk
from engine.media.disk import copy
from engine.media.local import LocalStore
from engine.plan import missing
from helpers.builders import Site, found, reasons, run
from helpers.clock import let_clock_tick

pytestmark = pytest.mark.promise("moves")

PICTURE, OTHER = b"a picture", b"b picture"
SUMS = {name: hashlib.new(name, PICTURE).hexdigest() for name in ("md5", "sha1", "sha256", "sha512")}
TOLD: Mapping[str, str] = MappingProxyType({"size_column": "size", "checksum_column": "checksum"})
WATCHED = {"include_likely_moves": False}


@pytest.fixture
def site_with_checksums(site: Site) -> Site:
    """A site whose rows may hold the size and the checksum of their file, with one lost file."""
    site.database.run(
        "ALTER TABLE photo ADD COLUMN size bigint; ALTER TABLE photo ADD COLUMN checksum varchar(200)"
    )
    site.media.write("p/kept.jpg")
    site.insert("p/kept.jpg")
    return site


def orphans(site_with_checksums: Site, told: Mapping[str, str] = TOLD, **options: Any) -> Any:
    return site_with_checksums.orphans(
        references=[{"table": "photo", "column": "image", **told}], **{**WATCHED, **options}
    )


def moved(site_with_checksums: Site, told: Mapping[str, str] = TOLD) -> tuple[str, str]:
    """In what an orphan and a row are alike, as each of the two jobs says it; empty where they are not."""
    plan, _outcome = run(orphans(site_with_checksums, told), check=True)
    missing, _outcome = run(site_with_checksums.missing(**told, **WATCHED), check=True)
    return _alike(plan, len(plan.items) == 0), _alike(missing, len(missing.items) == 0)


def _alike(plan: Any, stays: bool) -> str:
    told = [reason for reason in reasons(plan.kept).values() if "likely a move" in reason]
    assert bool(told) == stays
    for alike in ("size and checksum", "name"):
        if told and f"a file of this {alike}" in told[0]:
            return alike
    return ""


@pytest.mark.parametrize(
    ("size", "checksum", "alike"),
    [
        (None, None, "name"),
        (len(PICTURE), None, "name"),
        (len(PICTURE) + 1, None, ""),
        *((None, value, "name") for value in SUMS.values()),
        (None, SUMS["md5"].upper(), "name"),
        (None, hashlib.sha256(OTHER).hexdigest(), ""),
        (len(PICTURE), SUMS["sha1"], "name"),
        (len(PICTURE) + 1, SUMS["sha1"], ""),
        (len(PICTURE), hashlib.md5(OTHER).hexdigest(), ""),
        # What is no checksum that is known says nothing.
        (None, "crc:17", "name"),
        (None, "", "name"),
        (None, "z" * 64, "name"),
    ],
)
def test_of_one_name_they_are_a_move_unless_the_row_says_of_another_content(
    site_with_checksums: Site, size: int | None, checksum: str | None, alike: str
) -> None:
    site_with_checksums.media.write("elsewhere/lost.jpg", content=PICTURE)
    site_with_checksums.insert("p/lost.jpg", size=size, checksum=checksum)
    assert moved(site_with_checksums) == (alike, alike)


@pytest.mark.parametrize(
    ("size", "checksum", "alike"),
    [
        (len(PICTURE), SUMS["sha256"], "size and checksum"),
        (len(PICTURE), hashlib.sha256(OTHER).hexdigest(), ""),
        (len(PICTURE) + 1, SUMS["sha256"], ""),
        # Of the checksum alone, every file would have to be read.
        (None, SUMS["sha256"], ""),
        (len(PICTURE), None, ""),
    ],
)
def test_of_another_name_they_are_a_move_if_size_and_checksum_agree(
    site_with_checksums: Site, size: int | None, checksum: str | None, alike: str
) -> None:
    site_with_checksums.media.write("p/renamed.jpg", content=PICTURE)
    site_with_checksums.insert("p/lost.jpg", size=size, checksum=checksum)
    assert moved(site_with_checksums) == (alike, alike)


@pytest.mark.parametrize(
    ("told", "alike"),
    [
        ({}, "name"),
        ({"size_column": "size"}, ""),
        ({"checksum_column": "checksum"}, "name"),
    ],
)
def test_only_columns_that_are_named_are_asked(
    site_with_checksums: Site, told: dict[str, str], alike: str
) -> None:
    site_with_checksums.media.write("elsewhere/lost.jpg", content=PICTURE)
    site_with_checksums.insert("p/lost.jpg", size=1, checksum=SUMS["md5"])
    assert moved(site_with_checksums, told) == (alike, alike)


def test_a_file_that_a_row_names_is_no_other_rows_file(site_with_checksums: Site) -> None:
    site_with_checksums.media.write("p/copy.jpg", content=PICTURE)
    site_with_checksums.insert("p/copy.jpg")
    site_with_checksums.insert("p/lost.jpg", size=len(PICTURE), checksum=SUMS["md5"])
    plan, _outcome = run(site_with_checksums.missing(**TOLD, **WATCHED), check=True)
    assert found(plan) == [b"p/lost.jpg"]


def test_one_of_several_rows_is_enough(site_with_checksums: Site) -> None:
    site_with_checksums.media.write("elsewhere/lost.jpg", content=PICTURE)
    site_with_checksums.insert("p/lost.jpg", size=1)
    site_with_checksums.insert("p/lost.jpg", size=len(PICTURE))
    assert moved(site_with_checksums) == ("name", "name")


def test_what_the_references_say_of_the_file_column_holds_for_its_records(site_with_checksums: Site) -> None:
    site_with_checksums.media.write("elsewhere/lost.jpg", content=PICTURE)
    site_with_checksums.insert("p/lost.jpg", size=1)
    references = [{"table": "photo", "column": "image", "size_column": "size"}]
    plan, _outcome = run(site_with_checksums.missing(references=references, **WATCHED), check=True)
    assert found(plan) == [b"p/lost.jpg"]
    plan, _outcome = run(site_with_checksums.missing(**WATCHED), check=True)
    assert found(plan) == []


def test_to_read_a_file_does_not_touch_it(site_with_checksums: Site) -> None:
    site_with_checksums.media.write("elsewhere/lost.jpg", content=PICTURE)
    site_with_checksums.insert("p/lost.jpg", checksum=SUMS["md5"])
    path = site_with_checksums.media.path("elsewhere/lost.jpg")
    os.utime(path, (1, 2))
    moved(site_with_checksums)
    assert os.stat(path).st_atime == 1


def test_where_no_checksum_can_be_computed_the_name_counts(
    site_with_checksums: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(name: str) -> Any:
        raise ValueError(f"unsupported hash type {name}")

    monkeypatch.setattr(copy.hashlib, "new", forbidden)
    site_with_checksums.media.write("elsewhere/lost.jpg", "p/renamed.jpg", content=PICTURE)
    site_with_checksums.insert("p/lost.jpg", size=len(PICTURE), checksum=hashlib.md5(OTHER).hexdigest())
    plan, _outcome = run(orphans(site_with_checksums), check=True)
    assert found(plan) == [b"p/renamed.jpg"]
    plan, _outcome = run(site_with_checksums.missing(**TOLD, **WATCHED), check=True)
    assert found(plan) == []


@pytest.mark.parametrize("option", ["size_column", "checksum_column"])
def test_a_column_that_is_not_there_is_an_error(site_with_checksums: Site, option: str) -> None:
    for job in (
        orphans(site_with_checksums, {option: "nowhere"}),
        site_with_checksums.missing(**{option: "nowhere"}, **WATCHED),
    ):
        with pytest.raises(SiteError, match="table photo has no column 'nowhere'"):
            run(job, check=True)


@pytest.mark.parametrize(
    ("size", "checksum", "content"),
    [
        ("12", " AB" + 30 * "0" + "\n", Content(12, "ab" + 30 * "0")),
        ("1.5", "0" * 31, Content()),
        ("-1", None, Content()),
        (None, "0" * 128, Content(None, "0" * 128)),
    ],
)
def test_what_a_row_says_is_read_as_people_write_it(size: Any, checksum: Any, content: Content) -> None:
    assert Content.of(size, checksum) == content


class Reversed:
    """Stands in for ``os`` with a file system that lists directories the other way round."""

    def __getattr__(self, attribute: str) -> Any:
        return getattr(os, attribute)

    @staticmethod
    @contextmanager
    def scandir(path: bytes) -> Iterator[Iterator[os.DirEntry[bytes]]]:
        with os.scandir(path) as entries:
            yield reversed(list(entries))


def test_of_several_files_that_may_be_the_lost_one_the_same_is_told_each_time(
    site_with_checksums: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever order the file system lists them in: a plan must not change by itself."""
    site_with_checksums.media.write("p/one.jpg", "p/two.jpg", content=PICTURE)
    site_with_checksums.insert("p/lost.jpg", size=len(PICTURE), checksum=SUMS["sha256"])
    told = []
    for module in (os, Reversed()):
        monkeypatch.setattr(walk, "os", module)
        plan, _outcome = run(site_with_checksums.missing(**TOLD, **WATCHED), check=True)
        told += [reasons(plan.kept)[b"p/lost.jpg"]]
    assert told[0] == told[1]
    assert "is at 'p/two.jpg'" in told[0]


# The listing that was compared with the references serves the search as long as it is what is there.


@pytest.fixture
def site_that_is_listed(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site whose files are listed beside the references, with one lost file."""
    monkeypatch.setattr(missing, "FEW_REFERENCES", 0)
    site.media.write("p/kept.jpg", "elsewhere/kept.jpg")
    site.media.mkdir("empty")
    site.insert("p/kept.jpg", "before/lost.jpg")
    return site


def _walks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The folders that are walked through from now on, apart from those that are listed in order."""
    walked: list[bytes] = []
    walk_of_store = LocalStore.walk

    def noted(store: LocalStore, folder: bytes, exclude: Any, in_order: bool = True) -> Iterator[Any]:
        if not in_order:
            walked.append(folder)
        return walk_of_store(store, folder, exclude, in_order)

    monkeypatch.setattr(LocalStore, "walk", noted)
    return walked


@pytest.mark.parametrize("is_there", [True, False])
def test_what_was_listed_is_not_walked_through_again(
    site_that_is_listed: Site, is_there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_there:
        site_that_is_listed.media.write("elsewhere/lost.jpg")
    walked = _walks(monkeypatch)
    plan, _outcome = run(site_that_is_listed.missing(**WATCHED), check=True)
    assert _alike(plan, is_there) == ("name" if is_there else "")
    assert walked == []


@pytest.mark.parametrize("to", ["", "p", "empty", "elsewhere", "new/folder", "p/new"])
@pytest.mark.parametrize("is_alone", [True, False])
def test_a_file_that_moves_while_the_files_are_listed_is_found(
    site_that_is_listed: Site, to: str, is_alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where its new folder is listed before it comes, and its old one when it has gone."""
    compare = ListedFiles.compare

    def moved_meanwhile(self: ListedFiles, *given: Any) -> None:
        compare(self, *given)
        if is_alone:
            site_that_is_listed.media.write(os.path.join(to, "lost.jpg"))
        else:
            site_that_is_listed.media.write("aside/lost.jpg")
            site_that_is_listed.media.mkdir(to)
            os.rename(
                site_that_is_listed.media.path("aside"),
                site_that_is_listed.media.path(os.path.join(to, "renamed")),
            )

    monkeypatch.setattr(ListedFiles, "compare", moved_meanwhile)
    plan, _outcome = run(site_that_is_listed.missing(**WATCHED), check=True)
    assert _alike(plan, stays=True) == "name"


def test_where_the_listing_was_given_up_all_files_are_walked_through(
    site_that_is_listed: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "FILES_FOR_A_REFERENCE", 0)
    site_that_is_listed.media.write("z/lost.jpg")
    let_clock_tick()
    plan, _outcome = run(site_that_is_listed.missing(**WATCHED), check=True)
    assert _alike(plan, stays=True) == "name"


def test_where_a_folder_could_not_be_listed_the_files_are_not_known(tree: LocalStore) -> None:
    for reason in (None, "Permission denied"):
        if reason:
            tree.unreadable.add((b"p", reason))
        listed = ListedFiles(100)
        let_clock_tick()
        listed.compare(tree, iter([]), lambda references: references)
        assert (listed.unreferenced(tree) is None) == bool(reason)


def test_where_only_one_file_is_to_have_the_name_all_are_looked_at(
    site_that_is_listed: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked = _walks(monkeypatch)
    run(site_that_is_listed.missing(relink=True), check=True)
    assert walked == [b""]
