# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A cascade beside triggers, locks, missing rights and other writers: nothing happens half."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import Any, Iterator
from urllib.parse import urlsplit

import psycopg2
import psycopg2.errors
import pytest
from django_site import making
from django_site.album.models import Album, Note, Photo
from django_site.project import SCHEMA, Project, Run, changes
from test_cascade import PHOTOS

from engine.database.postgresql import database as postgresql
from engine.database.sqlite import database as sqlite
from engine.errors import (
    DatabaseError,
)
from engine.plan.dependents.cascade import KeyCascade
from helpers.builders import before_removal

pytest_plugins = ["django_site.fixtures"]


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
def test_guard_refuses_more_dependent_rows_than_expected(project: Project) -> None:
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
