# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The option keep: no job removes what it lists, a record of a listed file, or a file of a listed record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.errors import SiteError
from engine.kept import Code
from helpers.builders import CAFE, DECOMPOSED, TO_PHOTO, Site, found, run

pytestmark = pytest.mark.promise(7)


def codes(listed: Any) -> dict[bytes, Code]:
    return {kept.name: kept.code for kept in listed.items}


LISTED = [
    ("p/a.jpg", ["p/a.jpg"]),
    ("p", ["p/a.jpg", "p/q/b.jpg"]),
    ("p/", ["p/a.jpg", "p/q/b.jpg"]),
    ("./p//q", ["p/q/b.jpg"]),
    ("*.pdf", ["c.pdf", "r/d.pdf"]),
    ("p/*.jpg", ["p/a.jpg", "p/q/b.jpg"]),
    ("a.jpg", []),
    ("?.pdf", ["c.pdf", "r/d.pdf"]),
    ("r/[x].jpg", ["r/[x].jpg"]),
    ("**/c.pdf", ["c.pdf"]),
    ("**/p/a.jpg", ["p/a.jpg"]),
    ("p/?", ["p/q/b.jpg"]),
    ("[q]", ["p/q/b.jpg"]),
    ("p*", ["p/a.jpg", "p/q/b.jpg"]),
    ("p/%61.jpg", ["p/a.jpg"]),
    (".", ["c.pdf", "p/a.jpg", "p/q/b.jpg", "r/[x].jpg", "r/d.pdf"]),
]


@pytest.mark.parametrize(("entry", "kept"), LISTED)
def test_orphans_that_are_listed_are_kept(sqlite_site: Site, entry: str, kept: list[str]) -> None:
    files = ["c.pdf", "p/a.jpg", "p/q/b.jpg", "r/[x].jpg", "r/d.pdf"]
    sqlite_site.media.write(*files)
    job = sqlite_site.orphans(keep=[entry])
    for check in (True, False):
        plan, _outcome = run(job, check)
        assert codes(plan.kept) == {path.encode(): Code.KEEP for path in kept}
        assert [path.decode() for path in found(plan)] == sorted(set(files) - set(kept))
    assert sqlite_site.media.files == {path.encode() for path in kept}


@pytest.mark.parametrize(("written", "on_disk"), [(CAFE, DECOMPOSED), (DECOMPOSED, CAFE)])
def test_a_path_is_listed_in_each_normalization(sqlite_site: Site, written: str, on_disk: str) -> None:
    sqlite_site.media.write(on_disk)
    run(sqlite_site.orphans(keep=[written]))
    assert sqlite_site.media.files == {on_disk.encode()}


@pytest.mark.parametrize("value", ["p/gone.jpg", "media/p/gone.jpg", "p//gone.jpg", "p/gone.jpg?v=2"])
@pytest.mark.parametrize("entry", ["p/gone.jpg", "p", "*.jpg", "row:photo:1", "row:main.photo:1"])
def test_a_record_is_kept_by_its_row_or_by_its_file(sqlite_site: Site, entry: str, value: str) -> None:
    sqlite_site.media.mkdir("p")
    sqlite_site.insert(value, "q/gone.png")
    for check in (True, False):
        plan, _outcome = run(sqlite_site.missing(keep=[entry]), check)
        assert codes(plan.kept) == {value.encode(): Code.KEEP}
    assert sqlite_site.images == [value]


@pytest.mark.parametrize("entry", ["p/a.jpg", "t/a.jpg", "row:photo:1"])
def test_all_files_of_a_kept_record_are_kept(site: Site, entry: str) -> None:
    site.media.write("p/a.jpg", "t/a.jpg", "p/b.jpg")
    site.insert("p/a.jpg", thumbnail="t/a.jpg")
    site.insert("p/b.jpg")
    run(site.incomplete(companion_columns=["thumbnail"], keep=[entry]))
    assert site.images == ["p/a.jpg"]
    assert site.media.files == {b"p/a.jpg", b"t/a.jpg"}


@pytest.mark.parametrize("action", ["delete", "set_null"])
def test_a_listed_row_is_not_removed_with_another_one(site_with_missing_files: Site, action: str) -> None:
    site = site_with_missing_files
    site.database.run(f"CREATE TABLE favorite (id integer PRIMARY KEY, photo_id integer {TO_PHOTO})")
    site.database.insert("favorite", [{"id": 7, "photo_id": 2}, {"id": 8, "photo_id": 3}])
    rule = {"table": "favorite", "column": "photo_id", "action": action}
    plan, _outcome = run(site.missing(dependents=[rule], keep=["row:favorite:7"]))
    # A row that only loses its reference is not removed.
    is_kept = action == "delete"
    assert codes(plan.kept) == ({b"p/2.jpg": Code.KEEP} if is_kept else {})
    assert site.images == (["p/1.jpg", "p/2.jpg"] if is_kept else ["p/1.jpg"])
    assert (7,) in site.database.rows("SELECT id FROM favorite")
    assert sum(plan.dependents["favorite"].values()) == (1 if is_kept else 2)


def test_a_derived_file_that_is_listed_is_kept(sqlite_site: Site) -> None:
    sqlite_site.media.write("p/a.jpg", "CACHE/p/a.webp")
    sqlite_site.insert("p/a.jpg")
    run(sqlite_site.incomplete(derived=["CACHE/{dir}/{stem}.webp"], keep=["CACHE"]))
    assert sqlite_site.media.files == {b"CACHE/p/a.webp"}


@pytest.mark.parametrize("kind", ["orphans", "missing"])
def test_what_is_listed_after_it_was_approved_is_kept_for_that_reason(sqlite_site: Site, kind: str) -> None:
    sqlite_site.media.write("p/lost.jpg")
    sqlite_site.insert("q/gone.jpg")
    job = getattr(sqlite_site, kind)
    token = run(job(), check=True)[0].token
    plan, outcome = run(job(keep=["p", "q"]), approved=token)
    assert set(codes(plan.kept).values()) == {Code.KEEP}
    assert plan.warnings == []
    assert outcome.removed.files + outcome.removed.records == 0


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("/srv/media/a.jpg", "is absolute"),
        ("../a.jpg", "holds '..'"),
        ("row:photo", "row:TABLE:KEY"),
        ("row::1", "row:TABLE:KEY"),
        ("row:photo:", "row:TABLE:KEY"),
        ("row:phto:1", "no table 'phto'"),
    ],
)
def test_an_entry_that_would_keep_nothing_is_refused(
    sqlite_with_orphan: Site, entry: str, words: str
) -> None:
    for kind in ("orphans", "missing"):
        with pytest.raises(SiteError, match=words):
            run(getattr(sqlite_with_orphan, kind)(keep=[entry]))
    assert b"p/lost.jpg" in sqlite_with_orphan.media.files


def test_a_listed_file_still_counts_among_those_of_its_folder(sqlite_site: Site) -> None:
    """Otherwise an entry of keep would lift the protection of a folder in which nothing is referenced."""
    names = [f"manuals/{number:02}.pdf" for number in range(12)]
    sqlite_site.media.write(*names, "photos/kept.jpg")
    sqlite_site.database.run("INSERT INTO photo (id, image) VALUES (90, 'photos/kept.jpg')")
    plan, _outcome = run(sqlite_site.orphans(directories=["."], keep=names[:3]), check=True)
    assert found(plan) == []
    assert Code.UNREFERENCED_FOLDER in codes(plan.kept).values()


def with_default(job: Any, *paths: str) -> Any:
    """The job of a project whose file fields have these defaults."""
    keep = replace(job.site.keep, defaults=tuple(path.encode() for path in paths))
    return replace(job, site=replace(job.site, keep=keep))


@pytest.mark.parametrize("written", ["p/none.png", "media/p/none.png", "p//none.png"])
def test_a_record_with_the_default_of_its_field_is_never_missing(site: Site, written: str) -> None:
    site.media.mkdir("p")
    site.insert(written, "p/gone.jpg")
    plan, _outcome = run(with_default(site.missing(), "p/none.png"))
    assert codes(plan.kept) == {written.encode(): Code.DEFAULT_FILE}
    assert site.images == [written]


def test_a_default_in_another_column_keeps_no_record(site: Site) -> None:
    site.media.write("p/none.png")
    site.insert("p/gone.jpg", thumbnail="p/none.png")
    plan, _outcome = run(with_default(site.missing(companion_columns=["thumbnail"]), "p/none.png"))
    assert codes(plan.kept) == {b"p/none.png": Code.DEFAULT_FILE}
    assert (site.images, site.media.files) == ([], {b"p/none.png"})


def test_an_incomplete_record_goes_without_the_default_that_it_holds(site: Site) -> None:
    site.media.write("p/none.png")
    site.insert("p/none.png")
    run(with_default(site.incomplete(), "p/none.png"))
    assert (site.images, site.media.files) == ([], {b"p/none.png"})


def test_a_default_that_nothing_references_is_no_orphan(site: Site) -> None:
    site.media.write("p/none.png", "p/a.jpg", "p/lost.jpg")
    site.insert("p/a.jpg")
    plan, _outcome = run(with_default(site.orphans(), "p/none.png"))
    assert codes(plan.kept) == {b"p/none.png": Code.DEFAULT_FILE}
    assert site.media.files == {b"p/none.png", b"p/a.jpg"}
