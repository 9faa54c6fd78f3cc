# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Records whose files lie below a folder of the media root: that of a storage of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.apply.restore import restore
from engine.config.site import RecordsJob
from engine.errors import SiteError
from engine.kept import Code
from helpers.builders import Site, found, planned, run

BELOW = {"table": "photo", "column": "image", "prefix": "private"}
SMALL = {"table": "photo", "column": "thumbnail", "prefix": "small"}


def job_of(site: Site, kind: str, tmp_path: Path, **options: Any) -> RecordsJob:
    """The job on photos in one storage, with a thumbnail each in another one."""
    own = {
        "companion_columns": ["thumbnail"],
        "references": [BELOW, SMALL],
        "quarantine": str(tmp_path / "kept"),
    }
    job: RecordsJob = getattr(site, kind)(**{**own, **options})
    return job


def fill(site: Site) -> None:
    """A photo with all its files, one without its own, and what none of them means at the root."""
    site.insert("in/there.jpg", thumbnail="there.webp")
    site.insert("in/gone.jpg", thumbnail="gone.webp")
    site.media.write("private/in/there.jpg", "small/there.webp", "small/gone.webp")
    site.media.write("there.webp", "gone.webp", "in/there.jpg")


@pytest.mark.promise(1)
@pytest.mark.promise(6)
@pytest.mark.promise(10)
def test_a_record_goes_with_its_files_below_their_prefixes_and_comes_back(site: Site, tmp_path: Path) -> None:
    fill(site)
    before, files = site.database.dump(), site.media.files
    job = job_of(site, "missing", tmp_path)
    checked, _outcome = run(job, check=True)
    plan, outcome = run(job, approved=checked.token)
    assert (found(plan), outcome.error, site.images) == ([b"private/in/gone.jpg"], "", ["in/there.jpg"])
    assert files - site.media.files == {b"small/gone.webp"}
    restored = restore(job.site, outcome.batch, [], check=False)
    assert (restored.kept.items, site.database.dump(), site.media.files) == ([], before, files)


@pytest.mark.promise(10)
def test_columns_are_emptied_and_filled_again(site: Site, tmp_path: Path) -> None:
    fill(site)
    before, files = site.database.dump(), site.media.files
    job = job_of(site, "missing", tmp_path, on_missing="clear")
    _plan, outcome = run(job)
    assert site.database.rows("SELECT image, thumbnail FROM photo ORDER BY id") == [
        ("in/there.jpg", "there.webp"),
        (None, None),
    ]
    assert files - site.media.files == {b"small/gone.webp"}
    restored = restore(job.site, outcome.batch, [], check=False)
    assert (restored.kept.items, site.database.dump(), site.media.files) == ([], before, files)


@pytest.mark.promise(3)
def test_incomplete_records_go_with_their_files(site: Site, tmp_path: Path) -> None:
    fill(site)
    site.insert("in/attached.jpg", content_type_id=7)
    site.insert("in/young.jpg")
    site.insert(None, "", thumbnail="")
    site.media.write("private/in/attached.jpg")
    site.media.write("private/in/young.jpg", hours=0)
    _plan, outcome = run(job_of(site, "incomplete", tmp_path))
    assert (outcome.error, site.images) == ("", ["in/attached.jpg", "in/young.jpg"])
    assert site.media.files == {
        *(b"private/in/attached.jpg", b"private/in/young.jpg"),
        *(b"there.webp", b"gone.webp", b"in/there.jpg"),
    }


@pytest.mark.promise(1)
@pytest.mark.promise(5)
@pytest.mark.parametrize(
    "value",
    [
        *("/in/gone.jpg", "../in/gone.jpg", "https://cdn.example.org/gone.jpg", "/etc/passwd"),
        *("/media/private/in/there.jpg", "in%2Fthere.jpg", "private/in/there.jpg", "in//there.jpg?v=2"),
    ],
)
def test_what_may_mean_another_file_keeps_its_record(sqlite_site: Site, tmp_path: Path, value: str) -> None:
    sqlite_site.insert("in/there.jpg", value)
    sqlite_site.media.write("private/in/there.jpg")
    plan, _outcome = run(job_of(sqlite_site, "missing", tmp_path))
    assert (found(plan), sqlite_site.images) == ([], ["in/there.jpg", value])
    assert {kept.code for kept in plan.kept.items} <= {Code.OUTSIDE, Code.OTHER_SPELLING}


@pytest.mark.promise(5)
def test_no_companion_is_taken_from_another_place(sqlite_site: Site, tmp_path: Path) -> None:
    for value in ("/there.webp", "../private/in/there.jpg", "small//there.webp"):
        sqlite_site.insert("in/gone.jpg", thumbnail=value)
    sqlite_site.media.write("private/in/there.jpg", "small/there.webp", "there.webp")
    files = sqlite_site.media.files
    run(
        job_of(
            sqlite_site, "missing", tmp_path, accept=sqlite_site.accepting("shared_path:private/in/gone.jpg")
        )
    )
    assert (sqlite_site.images, sqlite_site.media.files) == ([], files)


@pytest.mark.promise(2)
def test_what_another_column_references_by_its_whole_path_stays(sqlite_site: Site, tmp_path: Path) -> None:
    fill(sqlite_site)
    sqlite_site.database.run(
        "CREATE TABLE page (id integer PRIMARY KEY, picture varchar(100));"
        "INSERT INTO page VALUES (1, 'small/gone.webp')"
    )
    references = [BELOW, SMALL, {"table": "page", "column": "picture"}]
    run(job_of(sqlite_site, "missing", tmp_path, references=references))
    assert sqlite_site.images == ["in/there.jpg"]
    assert b"small/gone.webp" in sqlite_site.media.files


@pytest.mark.promise(2)
def test_a_file_that_comes_back_before_the_removal_keeps_its_record(
    sqlite_site: Site, tmp_path: Path
) -> None:
    fill(sqlite_site)
    with planned(job_of(sqlite_site, "missing", tmp_path)) as made:
        sqlite_site.media.write("private/in/gone.jpg")
        outcome = made.apply()
    assert (outcome.removed.records, sqlite_site.images) == (0, ["in/there.jpg", "in/gone.jpg"])


@pytest.mark.promise(10)
@pytest.mark.parametrize(("place", "image"), [("private/new", "new/gone.jpg"), ("new", "in/gone.jpg")])
def test_a_record_is_pointed_at_a_file_below_its_prefix_only(
    site: Site, tmp_path: Path, place: str, image: str
) -> None:
    fill(site)
    site.media.write(f"{place}/gone.jpg")
    job = job_of(site, "missing", tmp_path, relink=True, include_likely_moves=False)
    plan, outcome = run(job)
    assert (found(plan), outcome.error, site.images[1]) == ([], "", image)
    if outcome.batch:
        assert restore(job.site, outcome.batch, [], check=False).kept.items == []
    assert site.images[1] == "in/gone.jpg"


@pytest.mark.promise(7)
def test_a_plan_that_was_approved_with_another_prefix_is_none(sqlite_site: Site, tmp_path: Path) -> None:
    fill(sqlite_site)
    one = job_of(sqlite_site, "missing", tmp_path, references=[SMALL])
    checked, _outcome = run(one, check=True)
    with pytest.raises(SiteError, match="another site, table or other options"):
        run(job_of(sqlite_site, "missing", tmp_path), check=True, approved=checked.token)


@pytest.mark.promise(1)
@pytest.mark.parametrize("job", ["missing", "incomplete"])
@pytest.mark.parametrize(
    "references",
    [
        [{**BELOW, "table": "main.photo"}, SMALL],
        [BELOW, {**BELOW, "prefix": ""}],
        [BELOW, {**SMALL, "column": "image"}],
    ],
)
def test_two_prefixes_of_one_column_are_refused(
    sqlite_site: Site, tmp_path: Path, job: str, references: list[dict[str, Any]]
) -> None:
    fill(sqlite_site)
    with pytest.raises(SiteError, match=r"references lists the column photo\.image with the prefix"):
        run(job_of(sqlite_site, job, tmp_path, references=references), check=True)
