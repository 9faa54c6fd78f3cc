# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What depends on a removed record fares as it would with Django's own ``delete()``.

Django keeps its rules in Python, the engine takes them from the catalog and from ``dependents``: the
same random site is cleaned by both, and every row of every table must be the same afterwards. Django
goes first, in a transaction that is rolled back, as a copy of the database would take much longer.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Model, ProtectedError
from django.db.models.deletion import Collector
from django_site import making
from django_site.album.models import Album, CustomAlbum, Note, Photo, Video
from django_site.filling import Described, albums, fill
from django_site.project import Project, Run, changes
from hypothesis import HealthCheck, given, settings

from engine import spool
from engine.errors import (
    SiteError,
)
from helpers.builders import rules

pytest_plugins = ["django_site.fixtures"]

PHOTOS = {
    "table": "album_photo",
    "file_column": "image",
    "companion_columns": ["thumbnail"],
    "references": [{"table": "album_video", "column": "thumbnail"}],
    # What ``on_delete`` says in the models.
    "dependents": [
        *rules(
            "album_photo.edited_from_id set_null",
            "album_album.cover_id set_null",
            "album_favorite.photo_id delete",
            "album_comment.favorite_id delete",
            "album_comment.pictured_id set_null",
            "album_translation.caption_id delete",
            "album_exif.photo_id delete",
            "album_embed.photo_id delete",
            "album_embed.instead_id set_null",
            "album_comparison.left_id delete",
            "album_comparison.right_id set_null",
            "album_viewing.photo_id delete",
        ),
        {"table": "album_photo", "column": "best_of_burst_id", "action": "delete"},
        {"table": "album_caption", "column": "photo_id", "action": "delete"},
        {"table": "album_comment", "column": "reply_to_id", "action": "delete"},
        {"table": "album_order", "column": "photo_id", "action": "restrict"},
        {"table": "album_award", "column": "favorite_id", "action": "restrict"},
        {"table": "album_note", "column": "object_id", "action": "delete", "content_type": "album.photo"},
        {"table": "album_album", "column": "cover_image", "action": "set_null", "holds": "path"},
        {"table": "album_customalbum", "column": "cover_path", "action": "set_null", "holds": "path"},
    ],
}
VIDEOS = {
    "table": "album_video",
    "file_column": "video",
    "companion_columns": ["thumbnail"],
    "references": [{"table": "album_photo", "column": "thumbnail"}],
    "dependents": [
        {"table": "album_note", "column": "object_id", "action": "delete", "content_type": "album.video"},
    ],
}


def delete_with_django(project: Project) -> None:
    """What the command ``cleanup_orphaned_media`` does, and what a site does about its cover paths."""
    for photo in _without_file(project, Photo.objects.exclude(image=""), "image"):
        photo.delete()
        Album.objects.filter(cover_image=photo.image.name).update(cover_image=None)
        CustomAlbum.objects.filter(cover_path=photo.image.name).update(cover_path="")
    for video in _without_file(project, Video.objects.exclude(video=""), "video"):
        video.delete()


def _without_file(project: Project, rows: Any, column: str) -> list[Any]:
    lost = [row for row in rows if not (project.media / getattr(row, column).name).exists()]
    return [row for row in lost if not _is_protected(row)]


def _is_protected(row: Model) -> bool:
    """Whether Django's ``delete()`` would raise ProtectedError, so that the row stays."""
    try:
        Collector(using="default").collect([row])
    except ProtectedError:
        return True
    return False


@pytest.mark.promise(6)
@settings(
    max_examples=60,
    deadline=None,
    # The tables are emptied for each example, so the database may be the same.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(described=albums)
def test_every_row_fares_as_with_djangos_own_delete_and_as_predicted(
    project: Project, described: Described
) -> None:
    fares_as_with_django(project, described)


@pytest.mark.promise(6)
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(described=albums)
def test_every_row_on_mariadb_fares_as_with_djangos_own_delete(
    mariadb_project: Project, described: Described
) -> None:
    fares_as_with_django(mariadb_project, described)


def fares_as_with_django(project: Project, described: Described) -> None:
    fill(described, project)
    wanted = project.rows_after(lambda: delete_with_django(project))
    for job in (PHOTOS, VIDEOS):
        rows, files = project.rows(), project.files
        predicted = project.records(check=True, **job)
        assert (project.rows(), project.files) == (rows, files)

        run = project.records(**job)
        assert run.problems == ""
        assert run["removed"] == predicted["found"]
        assert run["dependents"] == predicted["dependents"]
        assert run.reasons() == predicted.reasons()
        assert counted(run, job["table"]) == changes(rows, project.rows())
        assert run["removed"]["files"] == len(files - project.files)
    assert project.rows() == wanted


@pytest.mark.promise(13)
@settings(
    max_examples=30,
    deadline=None,
    # The tables are emptied for each example, so the database may be the same.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(described=albums)
def test_undeclared_rules_keep_the_record_and_all_its_rows(project: Project, described: Described) -> None:
    """Nothing is worse than before: of what depends on a record, only rows of join tables are removed."""
    fill(described, project)
    before = project.rows()
    for job in (PHOTOS, VIDEOS):
        run = project.records(**{**job, "dependents": []})
        assert run.problems == ""
        # A file that another row references is kept besides.
        assert {entry["code"] for entry in run["left_alone"]} <= {"undeclared_dependents", "referenced"}
    assert changes(before, project.rows()).keys() <= {"album_photo", "album_video", *JOIN_TABLES}


# Two foreign keys and a key of their own: a favorite is such a row, too.
JOIN_TABLES = (
    "album_photo_tags",
    "album_customalbum_photos",
    "album_customalbum_videos",
    "album_favorite",
)


def counted(run: Run, table: str) -> dict[str, dict[str, int]]:
    """Rows that went or changed by their table, as a run counts them, with the records themselves."""
    counts = {name.rpartition(".")[2]: dict(numbers) for name, numbers in run["dependents"].items()}
    if run["removed"]["records"]:
        counts.setdefault(table, {"deleted": 0, "updated": 0})["deleted"] += run["removed"]["records"]
    return counts


def test_rule_for_a_path_bears_with_a_cascade_within_the_table(project: Project) -> None:
    lost = making.photo("lost")
    project.write("photos/burst.jpg")
    making.photo("burst", best_of_burst=lost)
    Album.objects.update(cover_image=lost.image.name)

    run = project.records(**PHOTOS)

    assert run["removed"]["records"] == 1
    assert run["dependents"]["album_photo"] == {"deleted": 1, "updated": 0}
    assert run["dependents"]["album_album"] == {"deleted": 0, "updated": 1}
    assert not Photo.objects.exists()


def test_generic_relation_finds_a_key_that_is_a_uuid(project: Project) -> None:
    lost, kept = making.video("lost"), making.video("kept")
    project.write("videos/kept.mp4")
    for video in (lost, kept):
        Note.objects.create(text="a note", about=video)

    assert project.records(**VIDEOS)["dependents"] == {"album_note": {"deleted": 1, "updated": 0}}

    assert [note.about for note in Note.objects.all()] == [kept]


def test_row_that_loses_two_columns_is_one_row(project: Project) -> None:
    lost = making.photo("lost")
    Album.objects.update(cover=lost, cover_image=lost.image.name)

    assert project.records(**PHOTOS)["dependents"] == {"album_album": {"deleted": 0, "updated": 1}}

    assert list(Album.objects.values_list("cover", "cover_image")) == [(None, None)]


def test_restricted_path_keeps_every_record_that_names_it(project: Project) -> None:
    for name in ("first", "second"):
        making.photo(name, image="photos/same.jpg")
    Album.objects.update(cover_image="photos/same.jpg")
    rule = {"table": "album_album", "column": "cover_image", "action": "restrict", "holds": "path"}

    dependents = [rule if each.get("column") == "cover_image" else each for each in PHOTOS["dependents"]]
    run = project.records(**{**PHOTOS, "dependents": dependents})

    assert run["removed"]["records"] == 0
    assert Photo.objects.count() == 2


def test_records_of_several_batches_are_one_cascade(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "CHUNK", 1)
    first = making.photo("first")
    making.photo("second", best_of_burst=first)
    making.photo("third", edited_from=first)

    predicted = project.records(check=True, **PHOTOS)
    run = project.records(**PHOTOS)

    assert predicted["found"]["records"] == run["removed"]["records"] == 3
    assert run.reasons() == {}


def test_rules_of_the_database_itself_are_respected(project: Project) -> None:
    lost, sold = making.photo("lost"), making.photo("sold")
    project.database.run(
        "CREATE TABLE shop_print (id integer PRIMARY KEY, photo_id bigint"
        " REFERENCES album_photo (id) ON DELETE CASCADE);"
        "CREATE TABLE shop_poster (id integer PRIMARY KEY, photo_id bigint"
        " REFERENCES album_photo (id) ON DELETE SET NULL);"
        "CREATE TABLE shop_sale (id integer PRIMARY KEY, photo_id bigint"
        " REFERENCES album_photo (id) ON DELETE RESTRICT)"
    )
    for table, photo in (("print", lost), ("poster", lost), ("sale", sold)):
        project.database.insert(f"shop_{table}", [{"id": 1, "photo_id": photo.id}])
    before = project.rows()

    run = project.records(**PHOTOS)

    assert run.reasons().keys() == {"photos/sold.jpg"}
    assert run["dependents"] == {
        "shop_poster": {"deleted": 0, "updated": 1},
        "shop_print": {"deleted": 1, "updated": 0},
    }
    assert counted(run, "album_photo") == changes(before, project.rows())


def test_database_may_cascade_within_the_table_of_the_records(project: Project) -> None:
    project.database.run(
        "CREATE TABLE shop_scan (id integer PRIMARY KEY, image varchar(100),"
        " previous_id integer REFERENCES shop_scan (id) ON DELETE CASCADE)"
    )
    project.write("photos/2.jpg")
    scans = [{"id": n, "image": f"photos/{n}.jpg", "previous_id": n - 1 or None} for n in (1, 2, 3)]
    project.database.insert("shop_scan", scans)

    run = project.records(table="shop_scan", file_column="image")

    assert run.problems == ""
    assert run["removed"]["records"] == 2
    assert run["dependents"] == {"shop_scan": {"deleted": 1, "updated": 0}}
    assert project.database.rows("SELECT * FROM shop_scan") == []


def test_dependents_need_no_single_key_of_their_own(project: Project) -> None:
    lost, kept = making.photo("lost"), making.photo("kept")
    project.write("photos/kept.jpg")
    project.database.run(
        "CREATE TABLE shop_page (book integer, number integer,"
        " photo_id bigint NOT NULL REFERENCES album_photo (id), PRIMARY KEY (book, number));"
        "CREATE TABLE shop_log (photo_id bigint NOT NULL REFERENCES album_photo (id))"
    )
    photos = [lost.id, kept.id, lost.id]
    pages = [{"book": 1, "number": number, "photo_id": photo} for number, photo in enumerate(photos)]
    project.database.insert("shop_page", pages)
    project.database.insert("shop_log", [{"photo_id": photo} for photo in photos])

    more = rules("shop_page.photo_id delete", "shop_log.photo_id delete")
    described = {**PHOTOS, "dependents": [*PHOTOS["dependents"], *more]}
    assert project.records(**described)["dependents"] == {
        "shop_log": {"deleted": 2, "updated": 0},
        "shop_page": {"deleted": 2, "updated": 0},
    }

    for table in ("shop_page", "shop_log"):
        assert project.database.rows(f"SELECT photo_id FROM {table}") == [(kept.id,)]


def test_rule_for_a_key_that_leads_elsewhere_is_no_silent_nothing(project: Project) -> None:
    making.photo("lost")
    rule = {"table": "album_album", "column": "owner_id", "action": "delete"}

    with pytest.raises(SiteError, match="owner_id"):
        project.records(check=True, **{**PHOTOS, "dependents": [rule]})


@pytest.mark.parametrize("rule", [{}, {"content_type": "album.photo"}])
def test_key_in_one_column_cannot_name_a_record_with_two(project: Project, rule: dict[str, str]) -> None:
    project.database.run(
        "CREATE TABLE shop_scan (book integer, page integer, image varchar(100), PRIMARY KEY (book, page))"
    )
    project.database.insert("shop_scan", [{"book": 1, "page": 2, "image": "photos/lost.jpg"}])
    options = {"table": "shop_scan", "file_column": "image"}
    rule = {"table": "album_note", "column": "object_id", "action": "delete", **rule}

    with pytest.raises(SiteError, match="object_id"):
        project.records(check=True, **options, dependents=[rule])
