# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""References that protect more than one file: a folder, and a playlist with its segments; in every job."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.builders import Site, planned, reasons, run

ALBUM = {"references": [{"table": "album", "column": "cover"}]}
SEGMENTS = {"derived": ["{dir}/*.ts"]}
FOLDERS = ["g/2024", "g/2024/", "/media/g/2024/", "g//2024", "g/%32024/", " g/2024/ ", "g/2024/?page=2"]


@pytest.fixture
def albums(sqlite_site: Site) -> Site:
    """A site with albums, which reference folders or playlists."""
    sqlite_site.database.run("CREATE TABLE album (cover text)")
    return sqlite_site


def _job(site: Site, job: str, path: str, **options: Any) -> Any:
    """A job that removes the file at a path, which nothing but a record of the job references."""
    if job == "orphans":
        columns = [{"table": "photo", "column": "image"}, *ALBUM["references"]]
        return site.orphans(**{**options, "references": columns})
    if job == "incomplete":
        site.insert(path)
        return site.incomplete(**ALBUM, **options)
    site.insert("p/gone.jpg", thumbnail=path)
    return site.missing(companion_columns=["thumbnail"], **ALBUM, **options)


@pytest.mark.promise(9)
@pytest.mark.parametrize("job", ["orphans", "incomplete", "missing"])
@pytest.mark.parametrize("value", FOLDERS)
def test_a_reference_that_is_a_folder_protects_what_is_below_it_in_every_job(
    albums: Site, job: str, value: str
) -> None:
    albums.media.write("g/2024/deep/a.jpg")
    albums.database.insert("album", [{"cover": value}])
    plan, _outcome = run(_job(albums, job, "g/2024/deep/a.jpg"))
    assert plan.found.files == 0
    assert albums.media.files == {b"g/2024/deep/a.jpg"}


@pytest.mark.promise(2)
@pytest.mark.promise(9)
@pytest.mark.parametrize("job", ["orphans", "incomplete", "missing"])
@pytest.mark.parametrize("value", FOLDERS[:3])
def test_a_folder_that_is_referenced_after_the_plan_protects_what_is_below_it(
    albums: Site, job: str, value: str
) -> None:
    albums.media.write("g/2024/deep/a.jpg")
    with planned(_job(albums, job, "g/2024/deep/a.jpg")) as made:
        assert made.plan.found.files == 1
        albums.database.insert("album", [{"cover": value}])
        made.apply()
    assert albums.media.files == {b"g/2024/deep/a.jpg"}


@pytest.mark.promise(9)
def test_a_record_whose_file_is_a_folder_is_not_missing(albums: Site) -> None:
    albums.media.write("g/2024/a.jpg")
    albums.insert("g/2024", "g/2024/")
    assert run(albums.missing())[0].found.records == 0


@pytest.mark.parametrize("value", ["v/1/index.m3u8", "/media/v/1/INDEX.M3U8", "v/1/index.mpd?x=1"])
def test_segments_are_kept_as_long_as_a_playlist_of_their_folder_is_referenced(
    albums: Site, value: str
) -> None:
    albums.media.write("v/1/index.m3u8", "v/1/INDEX.M3U8", "v/1/index.mpd", "v/1/0.ts", "v/2/0.ts")
    albums.database.insert("album", [{"cover": value}])
    plan, _outcome = run(_job(albums, "orphans", "", **SEGMENTS))
    assert plan.examined["derived"] == 1
    assert b"v/1/0.ts" in albums.media.files
    assert b"v/2/0.ts" not in albums.media.files


@pytest.mark.parametrize(
    "value", ["v/1/poster.jpg", "v/1/index.m3u8.jpg", "v/index.m3u8", "v/1/sub/index.m3u8"]
)
def test_no_other_reference_protects_segments(albums: Site, value: str) -> None:
    albums.media.write("v/1/0.ts")
    albums.database.insert("album", [{"cover": value}])
    run(_job(albums, "orphans", "", **SEGMENTS))
    assert albums.media.files == set()


@pytest.mark.promise(2)
def test_a_playlist_that_is_referenced_after_the_plan_protects_its_segments(albums: Site) -> None:
    albums.media.write("v/1/0.ts")
    with planned(_job(albums, "orphans", "", **SEGMENTS)) as made:
        assert made.plan.found.files == 1
        albums.database.insert("album", [{"cover": "v/1/index.m3u8"}])
        outcome = made.apply()
    assert "derived from 'v/1/index.m3u8'" in reasons(outcome.kept)[b"v/1/0.ts"]
    assert albums.media.files == {b"v/1/0.ts"}


@pytest.mark.parametrize("job", ["incomplete", "missing"])
@pytest.mark.parametrize("other", [None, "v/1/other.m3u8", "/media/v/1/other.m3u8"])
def test_segments_go_with_the_last_playlist_that_is_referenced(
    albums: Site, job: str, other: str | None
) -> None:
    albums.media.write("v/1/index.m3u8", "v/1/0.ts", "v/1/note.txt")
    if other:
        albums.database.insert("album", [{"cover": other}])
    run(_job(albums, job, "v/1/index.m3u8", **SEGMENTS))
    assert albums.media.files == ({b"v/1/note.txt", b"v/1/0.ts"} if other else {b"v/1/note.txt"})


def test_segments_do_not_go_with_a_file_that_is_no_playlist(albums: Site) -> None:
    albums.media.write("v/1/poster.jpg", "v/1/0.ts")
    run(_job(albums, "incomplete", "v/1/poster.jpg", **SEGMENTS))
    assert albums.media.files == {b"v/1/0.ts"}
