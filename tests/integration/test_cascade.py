# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What depends on a removed record fares as it would with Django's own ``delete()``.

Django keeps its rules in Python, the engine takes them from the catalog and from ``dependents``: the
same random site is cleaned by both, and every row of every table must be the same afterwards. Django
goes first, in a transaction that is rolled back, as a copy of the database would take much longer.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import Any, Iterator
from urllib.parse import urlsplit

import psycopg2
import psycopg2.errors
import pytest
from django.db.models import Model, ProtectedError
from django.db.models.deletion import Collector
from django_site import making
from django_site.album.models import Album, CustomAlbum, Note, Photo, Video
from django_site.filling import Described, albums, fill
from django_site.project import SCHEMA, Project, Run, changes
from hypothesis import HealthCheck, given, settings

from engine import spool
from engine.database.postgresql import database as postgresql
from engine.database.sqlite import database as sqlite
from engine.errors import (
    DatabaseError,
    SiteError,
)
from engine.plan.dependents.cascade import KeyCascade
from helpers.builders import before_removal, rules

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


# What must not happen half.


@contextmanager
def nothing_changes(project: Project) -> Iterator[None]:
    before = project.rows(), project.files
    yield
    assert (project.rows(), project.files) == before


@pytest.fixture
def photo_without_file(project: Project) -> Photo:
    """The photo that ``lose_photo`` leaves without its file."""
    return lose_photo(project)


def lose_photo(project: Project) -> Photo:
    """A photo that is missing its file, with a thumbnail, a favorite, a note, and an album that it covers."""
    lost = making.photo("lost", thumbnail="thumbnails/small.jpg")
    project.write("thumbnails/small.jpg")
    making.favorite(lost)
    Note.objects.create(text="a note", about=lost)
    Album.objects.update(cover=lost, cover_image=lost.image.name)
    return lost


def test_apply_counts_what_went_not_what_was_planned(
    project: Project, photo_without_file: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = making.photo("back")
    making.favorite(back)
    predicted = project.records(check=True, **PHOTOS)
    rows = project.rows()
    before_removal(monkeypatch, lambda: project.write("photos/back.jpg"))

    run = project.records(**PHOTOS)

    assert predicted["found"]["records"] == 2
    assert run["removed"]["records"] == 1
    assert run["dependents"]["album_favorite"]["deleted"] == 1
    assert changes(rows, project.rows())["album_favorite"]["deleted"] == 1


@pytest.mark.promise("guards")
@pytest.mark.usefixtures("photo_without_file")
def test_guard_turns_down_what_more_hangs_on_than_expected(project: Project) -> None:
    with nothing_changes(project):
        run = project.records(**PHOTOS, max_dependents=0)
        assert [refusal["guard"] for refusal in run["refused"]] == ["max_dependents"]
        assert not run["changed"]
    # Few records count as ten: three rows depend on one here.
    assert project.records(**PHOTOS, max_dependents=1)["removed"]["records"] == 1


@pytest.mark.promise(4)
@pytest.mark.parametrize("table", ["album_photo", "album_favorite", "album_note", "album_album"])
@pytest.mark.usefixtures("photo_without_file")
def test_trigger_that_keeps_a_row_keeps_all(project: Project, table: str) -> None:
    keep_rows(project, table)
    with nothing_changes(project):
        accept = [*project.options["accept"], f"delete_trigger:{table}"]
        run = project.records(**PHOTOS, accept=accept)
        assert table in run.problems
        assert "rolled back, and no file was touched" in run.problems


def keep_rows(project: Project, table: str) -> None:
    """Let a trigger drop every deletion from a table, and every change of it, without a word."""
    for event in ("DELETE", "UPDATE"):
        trigger = f"CREATE TRIGGER keep_{event} BEFORE {event} ON {table} FOR EACH ROW"
        if project.kind == "sqlite":
            project.database.run(f"{trigger} BEGIN SELECT RAISE(IGNORE); END")
        else:
            project.database.run(
                f"CREATE FUNCTION keep_{event}() RETURNS trigger LANGUAGE plpgsql AS"
                f" 'BEGIN RETURN NULL; END'; {trigger} EXECUTE FUNCTION keep_{event}()"
            )


@pytest.mark.parametrize("table", ["album_photo", "album_favorite", "album_album"])
@pytest.mark.usefixtures("photo_without_file")
def test_lock_of_another_session_ends_the_run(
    project: Project, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "LOCK_TIMEOUT", "100ms")
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.1)
    lock = f"SELECT * FROM {table} FOR UPDATE" if project.kind == "postgresql" else "SELECT 1"
    with project.database.connect() as other, nothing_changes(project):
        other.cursor().execute("BEGIN" if project.kind == "postgresql" else "BEGIN IMMEDIATE")
        other.cursor().execute(lock)
        run = project.records(**PHOTOS)
        assert "lock" in run.problems
        assert "try again" in run.problems
        other.cursor().execute("ROLLBACK")


@pytest.mark.usefixtures("photo_without_file")
def test_migration_that_locks_a_table_does_not_hang_the_run(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "LOCK_TIMEOUT", "100ms")
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.1)
    with project.database.connect() as other:
        other.cursor().execute("BEGIN" if project.kind == "postgresql" else "BEGIN EXCLUSIVE")
        if project.kind == "postgresql":
            other.cursor().execute("LOCK TABLE album_photo IN ACCESS EXCLUSIVE MODE")
        # So that a run that waits for ever ends, and fails here.
        release = threading.Timer(10, lambda: other.cursor().execute("ROLLBACK"))
        release.start()
        try:
            with pytest.raises(DatabaseError, match="lock"):
                project.records(check=True, **PHOTOS)
        finally:
            release.cancel()
            release.join()


# What only PostgreSQL has: users with few rights, and writers at the same time.


@pytest.fixture
def user_with_few_rights(postgresql_project: Project) -> str:
    """A user who may do no more than is needed, on a site that has lost a photo."""
    lose_photo(postgresql_project)
    name = f"cleaner_of_{urlsplit(postgresql_project.database.url).path[1:]}"
    postgresql_project.database.run(
        f"CREATE ROLE {name} LOGIN;"
        f"GRANT USAGE ON SCHEMA public, {SCHEMA} TO {name};"
        f"GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, {SCHEMA} TO {name}"
    )
    return name


def url_as(user: str, project: Project) -> str:
    return urlsplit(project.database.url)._replace(netloc=f"{user}@").geturl()


def clean_as(user: str, project: Project, check: bool = False) -> Run:
    return project.records(check, **PHOTOS, database_url=url_as(user, project))


def test_rights_to_rows_are_enough(postgresql_project: Project, user_with_few_rights: str) -> None:
    assert clean_as(user_with_few_rights, postgresql_project).problems == ""
    assert not Photo.objects.exists()


@pytest.mark.parametrize(
    ("right", "table"),
    [("DELETE", "album_photo"), ("DELETE", "album_favorite"), ("UPDATE", "album_album")],
)
def test_missing_right_is_named_and_nothing_goes(
    postgresql_project: Project, user_with_few_rights: str, right: str, table: str
) -> None:
    postgresql_project.database.run(f"REVOKE {right} ON {table} FROM {user_with_few_rights}")
    with nothing_changes(postgresql_project):
        problems = clean_as(user_with_few_rights, postgresql_project).problems
        assert f"permission denied for table {table}" in problems
        assert "Grant the privilege" in problems
        assert "rolled back, and no file was touched" in problems


def test_dependents_that_cannot_be_read_are_told_in_check_mode(
    postgresql_project: Project, user_with_few_rights: str
) -> None:
    postgresql_project.database.run(f"REVOKE SELECT ON album_favorite FROM {user_with_few_rights}")
    with pytest.raises(DatabaseError, match="permission denied for table album_favorite"):
        clean_as(user_with_few_rights, postgresql_project, check=True)


@pytest.mark.promise(1)
@pytest.mark.parametrize("hidden", ["deleting", "reading"])
@pytest.mark.parametrize("table", ["album_photo", "album_favorite", "album_note", "album_video"])
def test_row_level_security_is_never_taken_for_absence(
    postgresql_project: Project, user_with_few_rights: str, table: str, hidden: str
) -> None:
    # It shares the thumbnail, which must not be lost because this row cannot be seen.
    making.video("other", thumbnail="thumbnails/small.jpg")
    postgresql_project.database.run(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    if hidden == "deleting":
        for command in ("SELECT", "UPDATE"):
            postgresql_project.database.run(
                f"CREATE POLICY {command}_all ON {table} FOR {command} USING (true)"
            )
    with nothing_changes(postgresql_project), pytest.raises(DatabaseError, match=rf"row-level.*{table}"):
        clean_as(user_with_few_rights, postgresql_project)


@pytest.mark.promise(1)
def test_orphans_are_never_made_by_row_level_security(
    postgresql_project: Project, user_with_few_rights: str
) -> None:
    postgresql_project.database.run("ALTER TABLE album_photo ENABLE ROW LEVEL SECURITY")
    references = [{"table": "album_photo", "column": "thumbnail"}]
    with nothing_changes(postgresql_project), pytest.raises(DatabaseError, match=r"row-level.*album_photo"):
        postgresql_project.orphans(
            directories=["thumbnails"],
            references=references,
            database_url=url_as(user_with_few_rights, postgresql_project),
        )


@pytest.mark.promise(2)
@pytest.mark.parametrize(
    ("moves", "left"),
    [
        (
            "UPDATE album_album SET cover_id = {kept}",
            "SELECT count(*) FROM album_album WHERE cover_id = {kept}",
        ),
        ("UPDATE album_favorite SET photo_id = {kept}", "SELECT count(*) FROM album_favorite"),
    ],
)
def test_row_that_leads_elsewhere_by_now_is_left_alone(
    postgresql_project: Project, moves: str, left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_photo(postgresql_project)
    kept = making.photo("kept")
    postgresql_project.write("photos/kept.jpg")
    database = postgresql_project.database
    apply = KeyCascade.apply
    moved = 0

    def apply_a_moment_later(*arguments: Any) -> None:
        nonlocal moved
        # It may be kept waiting, but what it was told to have written must not get lost.
        with suppress(psycopg2.errors.LockNotAvailable):
            database.run(f"SET lock_timeout = '100ms'; {moves.format(kept=kept.id)}")
            moved = 1
        apply(*arguments)

    monkeypatch.setattr(KeyCascade, "apply", apply_a_moment_later)
    postgresql_project.records(**PHOTOS)

    assert database.rows(left.format(kept=kept.id)) == [(moved,)]
