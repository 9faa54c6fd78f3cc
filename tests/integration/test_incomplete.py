# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Uploads that were never attached: what the seed's statement removes, and what it should not."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django_site.collection.models import Banner, ContentType, Jersey, Photo
from django_site.fixtures import NOW
from django_site.project import Project, changes, file_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import DatabaseError
from helpers.builders import before_removal
from helpers.faults import Fault, in_child
from helpers.mounts import immutable

pytest_plugins = ["django_site.fixtures"]

pytestmark = pytest.mark.usefixtures("stopped_clock")

LIMIT = NOW - timedelta(hours=24)

INCOMPLETE = {
    "select": "incomplete",
    "table": "collection_photo",
    "file_column": "image",
    "companion_columns": ["image_avif"],
    "references": [{"table": "collection_banner", "column": "picture"}],
}


def upload(name: str, hours: float = 48, **fields: Any) -> Photo:
    """A photo that was uploaded so many hours ago and never attached."""
    paths = {"image": f"item_photos/{name}.jpg", "image_avif": f"item_photos_avif/{name}.avif"}
    return Photo.objects.create(**{**paths, "uploaded_at": NOW - timedelta(hours=hours), **fields})


def paths(name: str) -> list[str]:
    return [f"item_photos/{name}.jpg", f"item_photos_avif/{name}.avif"]


def attach(photo: Photo) -> None:
    jersey = Jersey.objects.create(name="Brazil 1970")
    photo.item = jersey
    photo.save()


def names(project: Project) -> list[str]:
    rows = project.database.rows("SELECT image FROM collection_photo ORDER BY id")
    return [Path(image).stem for (image,) in rows]


# As the seed's statement has it.


# Rows of any age and state, whose files may be shared, empty or gone.
number = st.integers(0, 3)
uploads = st.lists(
    st.fixed_dictionaries(
        {
            "image": number | st.none(),
            "image_avif": number | st.none(),
            "is_attached": st.booleans(),
            "minutes": st.sampled_from([3000, 1441, 1440, 1439, 1, 0, -60]),
        }
    ),
    min_size=2,
    max_size=6,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(uploads=uploads, on_disk=st.sets(number, min_size=2))
def test_rows_that_go_are_those_of_the_seeds_statement(
    project: Project, uploads: list[dict[str, Any]], on_disk: set[int]
) -> None:
    fill(project, uploads, on_disk)
    wanted = project.rows_after(delete_by_the_seeds_statement)
    before, files = project.rows(), project.files
    predicted = project.records(check=True, **INCOMPLETE)
    assert (project.rows(), project.files) == (before, files)
    run = project.records(**INCOMPLETE)
    assert project.rows() == wanted

    # A dry run and what follows it count the same, and both are right.
    assert predicted["found"] == run["removed"]
    gone = changes(before, project.rows()).get("collection_photo", {"deleted": 0})
    assert run["removed"]["records"] == gone["deleted"]
    assert run["removed"]["files"] == len(files - project.files)
    assert run["removed"]["bytes"] == sum(map(len, files - project.files))
    # Of the files, those go that a removed row named, and none names any more.
    assert project.files == files - (named(before) - named(project.rows()))


def delete_by_the_seeds_statement() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM collection_photo WHERE uploaded_at < %s AND content_type_id IS NULL",
            [connection.ops.adapt_datetimefield_value(LIMIT)],
        )


def fill(project: Project, uploads: list[dict[str, Any]], on_disk: set[int]) -> None:
    kind = ContentType.objects.get_for_model(Jersey)
    Photo.objects.all().delete()
    Photo.objects.bulk_create(
        Photo(
            image="" if row["image"] is None else paths(str(row["image"]))[0],
            image_avif=None if row["image_avif"] is None else paths(str(row["image_avif"]))[1],
            uploaded_at=NOW - timedelta(minutes=row["minutes"]),
            content_type=kind if row["is_attached"] else None,
            object_id=1 if row["is_attached"] else None,
        )
        for row in uploads
    )
    project.remove_files()
    for number in on_disk:
        for path in paths(str(number)):
            # As long as its name, so that the bytes can be counted by the names.
            project.write(path, content=path.encode())


def named(rows: Any) -> set[str]:
    columns = rows["collection_photo"].values()
    return {value for row in columns for value in row if isinstance(value, str) and "item_photos" in value}


# Better than the seed's statement.


def test_file_that_another_row_names_stays_and_is_told(project: Project) -> None:
    upload("by row")
    attach(upload("attached", image=paths("by row")[0]))
    upload("by companion")
    attach(upload("other", image_avif=paths("by companion")[0]))
    upload("by banner")
    Banner.objects.create(picture=paths("by banner")[1])
    shared = {paths("by row")[0], paths("by companion")[0], paths("by banner")[1]}
    project.write(*(path for name in ("by row", "by companion", "by banner") for path in paths(name)))

    run = project.records(**INCOMPLETE)

    assert names(project) == ["by row", "other"]
    assert project.files == shared
    assert run.reasons() == dict.fromkeys(shared, "a row references it")
    assert run["removed"]["files"] == 3


@pytest.mark.promise(2)
def test_row_that_is_attached_after_the_plan_stays(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    photo, _other = upload("finished"), upload("left")
    project.write(*paths("finished"), *paths("left"))
    before_removal(monkeypatch, lambda: attach(photo))

    run = project.records(**INCOMPLETE)

    assert names(project) == ["finished"]
    assert project.files == set(paths("finished"))
    assert run.reasons().keys() >= {paths("finished")[0]}
    assert run["removed"] == {"records": 1, "files": 2, "bytes": 14}


@pytest.mark.promise(2)
@pytest.mark.parametrize("change", [{"image": "item_photos/other.jpg"}, {"uploaded_at": NOW}])
def test_row_that_changes_after_the_plan_stays(
    project: Project, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    upload("changed")
    project.write(*paths("changed"))
    before_removal(monkeypatch, lambda: Photo.objects.update(**change))

    assert project.records(**INCOMPLETE)["removed"] == {"records": 0, "files": 0, "bytes": 0}

    assert Photo.objects.count() == 1


@pytest.mark.promise(7)
def test_row_that_is_attached_after_the_review_stays(project: Project) -> None:
    photo, _other = upload("finished"), upload("left")
    project.write(*paths("finished"), *paths("left"))
    reviewed = project.records(check=True, **INCOMPLETE)["plan"]
    attach(photo)
    upload("new")

    project.records(**INCOMPLETE, approved_plan=reviewed)

    assert names(project) == ["finished", "new"]
    assert project.files == set(paths("finished"))


@pytest.mark.promise(2)
def test_file_that_a_new_row_names_at_the_last_moment_stays(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload("left")
    project.write(*paths("left"))
    before_removal(monkeypatch, lambda: Banner.objects.create(picture=paths("left")[0]))

    run = project.records(**INCOMPLETE)

    assert names(project) == []
    assert project.files == {paths("left")[0]}
    assert run["removed"]["files"] == 1


@pytest.mark.promise(5)
def test_path_that_leads_outside_goes_with_its_row_and_no_file_does(project: Project) -> None:
    outside = project.media.parent / "outside.jpg"
    outside.write_text("not ours")
    upload("climbs", image="../outside.jpg", image_avif=str(outside))

    run = project.records(**INCOMPLETE)

    assert names(project) == []
    assert outside.read_text() == "not ours"
    assert run.reasons().keys() == {"../outside.jpg", str(outside)}


def test_file_that_cannot_be_unlinked_is_told_and_fails_the_run(project: Project) -> None:
    upload("immovable")
    project.write(*paths("immovable"))
    image, _avif = paths("immovable")

    with immutable(project.media / image):
        run = project.records(**INCOMPLETE)

    assert names(project) == []
    assert project.files == {image}
    assert [entry["name"] for entry in run["not_removed"]] == [image]
    assert run["removed"] == {"records": 1, "files": 1, "bytes": 7}
    assert "1 file could not be removed and was kept" in run.problems


# Whatever the moment of a kill.


ORPHANS = {
    "directories": ["CACHE", "item_photos", "item_photos_avif"],
    "references": [
        {"table": "collection_photo", "column": "image"},
        {"table": "collection_photo", "column": "image_avif"},
    ],
}
THUMBNAIL = "CACHE/images/item_photos/first/0123456789abcdef.jpg"


@pytest.mark.promise(4)
@pytest.mark.parametrize("keep", [False, True], ids=["deleting", "quarantine"])
def test_kill_at_any_step_leaves_no_row_without_its_file(project: Project, keep: bool) -> None:
    quarantine = project.media.parent / "quarantine"
    kept = {"quarantine": str(quarantine)} if keep else {}
    incomplete = {**INCOMPLETE, **kept, "derived": ["CACHE/images/{dir}/{stem}/*"]}
    for step in itertools.count(1):
        before = upload_anew(project)
        ended = in_child(lambda: project.records(**incomplete), Fault("kill", step, "change"))
        assert not ended.trouble
        wait_for_other_sessions(project)

        files = project.files
        assert all(path in files for name in names(project) for path in paths(name))

        # The next runs bring it to the end, whatever was left behind.
        project.records(check=True, **incomplete)
        assert project.records(**incomplete).problems == ""
        assert project.orphans(**ORPHANS, **kept, age_stamp="mtime").problems == ""
        assert names(project) == ["attached"]
        assert project.files == set(paths("attached"))
        if keep:
            assert contents(quarantine) >= before - project.files
            shutil.rmtree(quarantine)
        if ended.how != "killed":
            break
    # Around the commit, and before each of five files at the least.
    assert step > 6


def wait_for_other_sessions(project: Project) -> None:
    """The server needs a moment to learn that a client is gone, and to release its locks."""
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'media-cleanup%'"
    while project.kind == "postgresql" and project.database.rows(sessions) != [(0,)]:
        time.sleep(0.01)


def test_journal_of_a_killed_writer_is_told_of_and_rolled_back(sqlite_project: Project) -> None:
    upload("left")
    connection.close()
    database = file_of(sqlite_project.database)
    crash_while_writing(database)

    with pytest.raises(DatabaseError, match=r"db\.sqlite3-journal"):
        sqlite_project.records(check=True, **INCOMPLETE)
    assert sqlite_project.records(**INCOMPLETE)["removed"]["records"] == 1
    assert sqlite_project.records(check=True, **INCOMPLETE)["examined"] == {"records": 0}


def crash_while_writing(database: Path) -> None:
    """Leave a database as a writer does that is killed when half of its changes are in the file."""
    crashed = database.with_suffix(".crashed")
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.executescript(
            "PRAGMA cache_size = 5; CREATE TABLE big AS SELECT 1 AS n, randomblob(1000) AS b; BEGIN;"
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 1000)"
            " INSERT INTO big SELECT n, randomblob(1000) FROM t; DELETE FROM collection_photo"
        )
        shutil.copyfile(database, crashed)
        shutil.copyfile(f"{database}-journal", f"{crashed}-journal")
        writer.rollback()
    shutil.move(crashed, database)
    shutil.move(f"{crashed}-journal", f"{database}-journal")


def upload_anew(project: Project) -> set[str]:
    """Two uploads that were never attached, and one that was; each file holds its own name."""
    Photo.objects.all().delete()
    project.remove_files()
    for name in ("first", "second", "attached"):
        photo = upload(name, hours=100_000)
    attach(photo)
    files = {THUMBNAIL, *(path for name in ("first", "second", "attached") for path in paths(name))}
    for path in files:
        project.write(path, content=path.encode())
    return files


def contents(folder: Path) -> set[str]:
    return {file.read_text() for file in folder.glob("*/files/**/*") if file.is_file()}
