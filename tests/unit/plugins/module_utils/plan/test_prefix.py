# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Columns whose paths lie below a folder of the media root: that of a storage of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.apply.purge_items import carry_out
from engine.config.purge import purge_of
from engine.config.site import Claims, Column, ProjectParts
from engine.errors import SiteError
from helpers.builders import Site, found, guards, run
from helpers.purging import announce

IMAGE = {"table": "photo", "column": "image"}
BELOW = {"table": "photo", "column": "thumbnail", "prefix": "private"}
COLUMNS = [IMAGE, BELOW]


def hold(site: Site, *values: str) -> Site:
    for value in values:
        site.insert("p/there.jpg", thumbnail=value)
    site.media.write("p/there.jpg")
    return site


@pytest.mark.promise(2)
def test_the_files_below_the_prefix_are_referenced_and_no_others(site: Site) -> None:
    hold(site, "in/a.jpg", "in/b.jpg")
    site.media.write("private/in/a.jpg", "private/in/b.jpg", "private/in/orphan.jpg", "in/a.jpg")
    plan, outcome = run(site.orphans(references=COLUMNS))
    assert found(plan) == [b"in/a.jpg", b"private/in/orphan.jpg"]
    assert outcome is not None
    assert site.media.files == {b"p/there.jpg", b"private/in/a.jpg", b"private/in/b.jpg"}


@pytest.mark.promise(9)
@pytest.mark.parametrize(
    "value",
    [
        *("/in/a.jpg", "./in/a.jpg", "in//a.jpg", "in/a%2Ejpg", " in/a.jpg\n", "in/a.jpg?v=2", "in\\a.jpg"),
        *("private/in/a.jpg", "/private/in/a.jpg", "/media/private/in/a.jpg", "media/private/in/a.jpg"),
        *("%2Fmedia%2Fprivate%2Fin%2Fa.jpg", "https://cdn.example.org/media/private/in/a.jpg?v=2#t"),
        *("https://cdn.example.org/protected/in/a.jpg", "/protected/in/a.jpg", "../private/in/a.jpg", "in"),
    ],
)
def test_every_spelling_protects_the_file(sqlite_site: Site, value: str) -> None:
    hold(sqlite_site, value)
    sqlite_site.media.write("private/in/a.jpg", "private/in/orphan.jpg" if value != "in" else "x.jpg")
    # The sweep would keep it as well.
    run(sqlite_site.orphans(references=COLUMNS, sweep=False))
    assert b"private/in/a.jpg" in sqlite_site.media.files
    assert not sqlite_site.media.files & {b"private/in/orphan.jpg", b"x.jpg"}


@pytest.mark.promise(9)
def test_a_url_of_another_file_protects_that_one(sqlite_site: Site) -> None:
    hold(sqlite_site, "/media/q/a.jpg", "media/q/b.jpg")
    sqlite_site.media.write("q/a.jpg", "q/b.jpg", "q/orphan.jpg")
    assert found(run(sqlite_site.orphans(references=COLUMNS, sweep=False), check=True)[0]) == [
        b"q/orphan.jpg"
    ]


def test_what_is_derived_is_named_by_the_column_or_by_the_whole_path(sqlite_site: Site) -> None:
    hold(sqlite_site, "in/a.jpg")
    derived = ["CACHE/{dir}/{stem}/*"]
    sqlite_site.media.write(
        "private/in/a.jpg", "CACHE/in/a/1.jpg", "CACHE/private/in/a/1.jpg", "CACHE/in/b/1.jpg"
    )
    plan, _outcome = run(sqlite_site.orphans(references=COLUMNS, derived=derived), check=True)
    assert found(plan) == [b"CACHE/in/b/1.jpg"]


@pytest.mark.promise(10)
def test_a_purge_asks_as_the_run_did(site: Site, tmp_path: Path) -> None:
    hold(site, "in/a.jpg")
    site.media.write("private/in/a.jpg", "private/in/b.jpg", "private/in/c.jpg")
    folder = tmp_path / "quarantine"
    run(site.orphans(references=COLUMNS, quarantine=str(folder)))
    hold(site, "in/b.jpg")
    announce(folder)
    options = {**site.basics, "accept": [], "references": [IMAGE], "quarantine": str(folder), "sweep": False}
    result = carry_out(purge_of({**options, "older_than_days": 0}), False)
    assert [bytes(kept.name) for kept in result.kept.items] == [b"private/in/b.jpg"]


@pytest.mark.promise(14)
def test_a_column_of_an_earlier_field_keeps_its_prefix(sqlite_site: Site, tmp_path: Path) -> None:
    hold(sqlite_site, "in/a.jpg")
    sqlite_site.media.write("private/in/a.jpg", "private/in/b.jpg")
    columns = Column("photo", "image"), Column("photo", "thumbnail", prefix="private")

    def planned(count: int) -> list[bytes]:
        made = sqlite_site.orphans(
            references=COLUMNS[:count], quarantine=str(tmp_path / "kept"), sweep=False, older_than_hours=0
        )
        project = ProjectParts(columns[:count], ())
        return found(run(replace(made, site=replace(made.site, project=project)))[0])

    assert planned(2) == [b"private/in/b.jpg"]
    assert planned(1) == []


def test_references_show_the_folders_below_the_prefix(sqlite_site: Site) -> None:
    hold(sqlite_site, "in/a.jpg", "top.jpg", "/private/x/y.jpg")
    sqlite_site.media.write("private/in/a.jpg", "private/in/orphan.jpg", "private/top.jpg", "private/x/y.jpg")
    made = sqlite_site.orphans(references=COLUMNS, directories=["."])
    claims = Claims((Column("photo", "thumbnail", prefix="private"),), ())
    plan, _outcome = run(replace(made, claims=claims, directories=()), check=True)
    assert plan.directories == (b"private/in",)
    assert found(plan) == [b"private/in/orphan.jpg"]


@pytest.mark.promise("guards")
def test_a_prefix_makes_no_paths_of_texts(sqlite_site: Site) -> None:
    hold(sqlite_site, *(f"Summer-{number}" for number in range(100)))
    plan, _outcome = run(sqlite_site.orphans(references=COLUMNS, accept=[]), check=True)
    assert guards(plan) == ["no_paths"]


def test_where_the_storage_was_such_a_folder_once_records_are_judged(sqlite_site: Site) -> None:
    """An earlier field leaves its prefix in the state; that of today has none."""
    hold(sqlite_site, "in/a.jpg")
    sqlite_site.media.write("in/b.jpg")
    made = sqlite_site.missing(references=COLUMNS, file_column="thumbnail")
    project = ProjectParts((Column("photo", "thumbnail"),), ())
    plan, _outcome = run(replace(made, site=replace(made.site, project=project)), check=True)
    assert len(found(plan)) == 1


@pytest.mark.parametrize("prefix", ["/private", "a//b", "../x", ".hidden", "a'b", "a b", "a\\b", "é", "a%b"])
def test_a_prefix_that_is_not_plain_is_refused(sqlite_site: Site, prefix: str) -> None:
    with pytest.raises(SiteError, match="is no plain folder"):
        sqlite_site.orphans(references=[{**BELOW, "prefix": prefix}])
