# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Which columns reference the files of a store, and which folders are judged for a project's sake."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config.django.answer import facts_of
from engine.config.django_jobs.files import Files, files_of, static_folder
from engine.config.django_jobs.place import place_of
from engine.errors import SiteError
from helpers.django_answers import answer, database, field, file_field, model, storage

STORE = storage(aliases=["default"])


def files(*models: Any, **parts: Any) -> Files:
    facts = facts_of(answer(*models, **parts))
    return files_of(facts, place_of(facts, None, None))


def columns(found: list[dict[str, str]]) -> list[str]:
    return [f"{column['table']}.{column['column']}" for column in found]


PHOTO = model("album.Photo", file_field("image", "photos/%Y"), field("title", "text"))


@pytest.mark.parametrize(
    ("upload_to", "folder"),
    [
        ("photos", "photos"),
        ("photos/", "photos"),
        ("./photos//new/", "photos/new"),
        ("photos/%Y/%m", "photos"),
        ("photos/y%Y/x", "photos"),
        ("%Y", ""),
        ("", ""),
        (".", ""),
        ("../outside", ""),
        ("/abs/photos", ""),
    ],
)
def test_the_folder_is_what_no_date_decides(upload_to: str, folder: str) -> None:
    assert static_folder(upload_to) == folder


def test_each_file_field_of_the_store_is_a_listed_column() -> None:
    elsewhere = storage("/srv/private")
    found = files(
        PHOTO,
        model("legacy.Doc", file_field("scan", "scans/in"), table='"legacy"."docs"', managed=False),
        model("album.Secret", file_field("paper", storage=1)),
        model("album.Swapped", file_field("image"), swapped=True),
        storages=[STORE, elsewhere],
    )
    assert columns(found.references) == ["album_photo.image", "legacy.docs.scan"]
    assert found.directories == ["photos", "scans/in"]
    assert found.claiming == found.notes == found.keep == found.derived == []


def test_a_folder_in_another_one_is_judged_once() -> None:
    both = model("album.Photo", file_field("image", "photos"), file_field("small", "photos/small"))
    assert files(both).directories == ["photos"]


def test_where_code_decides_the_folder_the_references_show_it() -> None:
    found = files(PHOTO, model("album.Video", file_field("video", None)))
    assert columns(found.claiming) == ["album_video.video"]
    assert found.directories == ["photos"]


def test_a_field_without_a_folder_claims_none() -> None:
    found = files(model("album.Photo", file_field("image", "")))
    assert found.directories == []
    assert columns(found.references) == ["album_photo.image"]
    assert "album.Photo.image has no folder of its own" in found.notes[0]


@pytest.mark.parametrize(
    "parts",
    [
        {"storage": 1},
        {"storage": None},
        {"storage": None, "storage_by_row": True, "other_storages": [0, 2]},
    ],
)
def test_what_may_be_in_the_store_is_a_reference_and_claims_nothing(parts: dict[str, Any]) -> None:
    storages = [STORE, storage("", kind="other"), storage("/srv/private")]
    found = files(PHOTO, model("filer.File", file_field("file", "filer", **parts)), storages=storages)
    assert columns(found.references) == ["album_photo.image", "filer_file.file"]
    assert found.directories == ["photos"]
    assert "filer.File.file" in found.notes[0]


def test_where_each_row_decides_the_references_show_the_folders() -> None:
    """As of filer, which may be the only one that has files."""
    by_row = {"storage": None, "storage_by_row": True, "other_storages": [0, 1]}
    found = files(
        model("filer.File", file_field("file", None, **by_row)), storages=[STORE, storage("/srv/private")]
    )
    assert columns(found.references) == columns(found.claiming) == ["filer_file.file"]


BELOW = storage("/srv/media/private")


def test_a_storage_below_the_store_completes_what_its_fields_hold() -> None:
    default = {"kind": "value", "value": "scans/none.png"}
    found = files(
        PHOTO,
        model(
            "album.Paper",
            file_field("scan", "scans/%Y", storage=1, default=default),
            file_field("draft", None, storage=1),
            file_field("note", "", storage=1),
        ),
        storages=[STORE, BELOW],
    )
    assert found.references[1:] == [
        {"table": "album_paper", "column": name, "prefix": "private"} for name in ("scan", "draft", "note")
    ]
    assert found.claiming == [found.references[2]]
    assert found.directories == ["photos", "private/scans"]
    assert found.defaults == ["private/scans/none.png"]
    assert ["the folder 'private' of its storage" in note for note in found.notes] == [True]


@pytest.mark.promise(14)
@pytest.mark.parametrize(
    ("folder", "others", "parts"),
    [
        ("pri vate", [], {}),
        # What these hold may be paths below that folder.
        ("private", [model("old.File", file_field("file", storage=None))], {}),
        (
            "private",
            [model("easy_thumbnails.Thumbnail", field("name", "text"))],
            {"thumbnails": {"easy_thumbnails": {"THUMBNAIL_NAMER": "own.namer"}}},
        ),
    ],
)
def test_a_storage_below_the_store_keeps_its_folder_where_references_do_not_say_all(
    folder: str, others: list[Any], parts: dict[str, Any]
) -> None:
    private = model("album.Paper", file_field("scan", "scans", storage=1))
    found = files(PHOTO, private, *others, storages=[STORE, storage(f"/srv/media/{folder}")], **parts)
    assert "album_paper.scan" not in columns(found.references)
    assert (found.keep, found.directories) == ([folder], ["photos"])
    assert any("album.Paper.scan" in note for note in found.notes)


@pytest.mark.parametrize(
    ("models", "parts", "words"),
    [
        (
            [model("album.Photo", file_field("image", storage=1))],
            {"storages": [STORE, storage("/srv/x")]},
            "no file field",
        ),
        (
            [PHOTO, model("a.B", file_field("c", storage=1))],
            {"storages": [STORE, storage("/srv")]},
            "holds the folder",
        ),
        (
            [PHOTO, model("old.Photo", file_field("image"), database="old", databases=["old"])],
            {"databases": {"default": database(), "old": database(name="/srv/old.sqlite3")}},
            "old.Photo.image references files of the store and is in the database 'old'",
        ),
        ([PHOTO, model("a.B", file_field("c"), database=None)], {}, "a database that a request decides"),
        ([PHOTO, model("a.B", file_field("c"), reads_from=None)], {}, "a database that a request decides"),
        (
            [model("old.Photo", file_field("image"), reads_from="old")],
            {"databases": {"default": database(), "old": database(name="/srv/old.sqlite3")}},
            "old.Photo.image references .* in the database 'old'.*'MIRROR'",
        ),
        (
            [PHOTO],
            {"databases": {"default": database(engine="django_tenants.postgresql_backend")}},
            "a schema of its own",
        ),
    ],
)
@pytest.mark.promise(14)
def test_a_store_with_references_that_cannot_be_read_is_refused(
    models: list[Any], parts: dict[str, Any], words: str
) -> None:
    with pytest.raises(SiteError, match=words):
        files(*models, **parts)


@pytest.mark.parametrize(
    "replica",
    [
        {"host": "replica.internal", "name": "album"},
        {"host": "replica.internal", "name": "album_copy", "mirror": "default"},
    ],
)
def test_a_replica_is_the_same_database(replica: dict[str, Any]) -> None:
    server = {"engine": "django.db.backends.postgresql", "host": "db.internal", "name": "album"}
    databases = {"default": database(**server), "replica": database(**{**server, **replica})}
    reading = model("album.Video", file_field("video", "videos"), reads_from="replica")
    found = files(PHOTO, reading, databases=databases)
    assert columns(found.references) == ["album_photo.image", "album_video.video"]


@pytest.mark.promise(14)
def test_where_no_router_says_that_rows_are_nowhere_else_a_note_does() -> None:
    databases = {"default": database(), "old": database(name="/srv/old.sqlite3")}
    anywhere = model("album.Video", file_field("video", "videos"), databases=["default", "old"])
    [note] = files(PHOTO, anywhere, databases=databases).notes
    assert "the database 'old' has no rows of album.Video:" in note
    assert files(PHOTO, databases=databases).notes == []


def test_a_folder_is_kept_although_its_name_looks_like_a_glob() -> None:
    private = model("album.Paper", file_field("scan", "scans", storage=1))
    found = files(PHOTO, private, storages=[STORE, storage("/srv/media/p[1]")])
    assert found.keep == ["p[[]1]", "p[[]1]/*"]


def test_a_default_is_kept_for_nobody_uploaded_it() -> None:
    found = files(
        model(
            "accounts.Profile",
            file_field("avatar", default={"kind": "value", "value": "/avatars/none[1].png"}),
            file_field("cover", default={"kind": "callable", "value": None}),
            file_field("logo", default={"kind": "value", "value": ""}),
        )
    )
    assert found.defaults == ["avatars/none[1].png"]
    assert [note for note in found.notes if "default" in note] == [
        "the default of accounts.Profile.cover is decided by code, which does not say it: if it is a file of "
        "the store, add it to keep"
    ]


@pytest.mark.parametrize(
    ("thumbnails", "derived", "directories"),
    [
        ({"imagekit": {}}, ["CACHE/images/{dir}/{stem}/*"], ["CACHE/images", "photos"]),
        (
            {"imagekit": {"IMAGEKIT_CACHEFILE_DIR": "made/"}},
            ["made/{dir}/{stem}/*"],
            ["made", "photos"],
        ),
        ({"easy_thumbnails": {}}, ["{dir}/{name}.*_q*.*"], ["photos"]),
        (
            {"easy_thumbnails": {"THUMBNAIL_BASEDIR": "thumbs", "THUMBNAIL_SUBDIR": "small"}},
            ["thumbs/{dir}/small/{name}.*_q*.*"],
            ["photos", "thumbs"],
        ),
    ],
)
def test_a_thumbnail_library_has_its_pattern_and_its_folder(
    thumbnails: dict[str, Any], derived: list[str], directories: list[str]
) -> None:
    found = files(PHOTO, thumbnails=thumbnails)
    assert (found.derived, found.directories) == (derived, directories)


def test_a_cache_whose_names_do_not_say_their_source_is_kept() -> None:
    odd = {"IMAGEKIT_SPEC_CACHEFILE_NAMER": "imagekit.cachefiles.namers.hash"}
    found = files(PHOTO, thumbnails={"sorl.thumbnail": {"THUMBNAIL_PREFIX": "cache/"}, "imagekit": odd})
    assert found.keep == ["cache", "CACHE/images"]
    assert found.derived == []


def test_easy_thumbnails_with_another_namer_are_kept_by_their_own_table() -> None:
    found = files(
        PHOTO,
        model("easy_thumbnails.Thumbnail", field("name", "text")),
        thumbnails={"easy_thumbnails": {"THUMBNAIL_NAMER": "easy_thumbnails.namers.alias"}},
    )
    assert columns(found.references) == ["album_photo.image", "easy_thumbnails_thumbnail.name"]
    assert found.derived == []
