# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Rows go only as they were planned, all of them or none, and before their files."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Callable, Iterator

import pytest

from engine import spool
from engine.apply.remover import PermanentRemover
from engine.errors import (
    CommitUnknown,
    DatabaseError,
)
from helpers.builders import TO_PHOTO, Hindrance, Media, Site, ids, planned, reasons, rules, run


def disconnect(database: Any) -> None:
    database.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


# A record goes only by a statement that repeats the whole condition.


@pytest.mark.promise(2)
@pytest.mark.parametrize(
    ("change", "goes"),
    [
        ("image = 'p/new.jpg'", False),
        ("image = NULL", False),
        ("image = ''", False),
        ("content_type_id = 7", True),
        ("thumbnail = 'x'", True),
    ],
)
def test_a_row_that_names_another_file_after_the_plan_stays(
    site_with_missing_file: Site, change: str, goes: bool
) -> None:
    with planned(site_with_missing_file.missing()) as made:
        site_with_missing_file.database.run(f"UPDATE photo SET {change} WHERE id = 2")
        outcome = made.apply()
    assert outcome.removed.records == goes
    assert len(site_with_missing_file.images) == 2 - goes


@pytest.mark.promise(2)
@pytest.mark.parametrize(
    ("change", "goes"),
    [
        ("content_type_id = 7", False),
        ("image = 'p/new.jpg'", False),
        ("uploaded_at = '2999-01-01 00:00:00+00:00'", False),
        ("uploaded_at = NULL", False),
        ("thumbnail = 'x'", True),
    ],
)
def test_a_row_that_was_attached_after_the_plan_stays_with_its_file(
    site_with_missing_file: Site, change: str, goes: bool
) -> None:
    with planned(site_with_missing_file.incomplete()) as made:
        assert len(made.plan.items) == 2
        site_with_missing_file.database.run(f"UPDATE photo SET {change} WHERE id = 1")
        outcome = made.apply()
    assert outcome.removed.records == 1 + goes
    assert (b"p/there.jpg" in site_with_missing_file.media.files) == (not goes)
    if change == "image = 'p/new.jpg'":
        assert reasons(outcome.kept)[b"p/there.jpg"] == "its record is kept, and so is the file"


@pytest.mark.promise(2)
def test_a_row_that_is_gone_after_the_plan_is_told(site_with_missing_file: Site) -> None:
    with planned(site_with_missing_file.missing()) as made:
        site_with_missing_file.database.run("DELETE FROM photo WHERE id = 2")
        outcome = made.apply()
    assert (outcome.removed.records, outcome.error) == (0, "")
    assert list(reasons(outcome.kept)) == [b"p/gone.jpg"]


# A crash never leaves a record without its file.


@pytest.mark.promise(4)
def test_rows_are_gone_for_good_before_their_files_go(site: Site) -> None:
    site.media.write("p/a.jpg", "p/b.jpg")
    site.insert("p/a.jpg", "p/b.jpg")
    seen = []
    with planned(site.incomplete()) as made:
        made.apply(Hindrance(lambda path: seen.append((path, site.images))))
    assert seen == [(b"p/a.jpg", []), (b"p/b.jpg", [])]


@pytest.mark.promise(4)
def test_a_run_that_is_killed_at_a_file_leaves_an_orphan_and_no_row(site: Site) -> None:
    site.media.write("p/a.jpg", "p/b.jpg")
    site.insert("p/a.jpg", "p/b.jpg")

    def kill(path: bytes) -> None:
        if path == b"p/b.jpg":
            raise KeyboardInterrupt

    with planned(site.incomplete()) as made, pytest.raises(KeyboardInterrupt):
        made.apply(Hindrance(kill))
    assert site.images == []
    run(site.incomplete())
    assert site.media.files == {b"p/a.jpg", b"p/b.jpg"}


class Archivist(PermanentRemover):
    """Reads the rows that go, and looks what the site has of them at that moment."""

    def __init__(self, look: Callable[[], Any]) -> None:
        self.kept: list[dict[str, Any]] = []
        self.seen: list[Any] = []
        self._look = look

    def archive(self, rows: Any) -> None:
        self.kept += list(rows)
        self.seen.append(self._look())


@pytest.mark.promise(4)
def test_rows_are_archived_before_they_are_gone(site_with_missing_file: Site) -> None:
    with planned(site_with_missing_file.missing()) as made:
        archivist = Archivist(lambda: site_with_missing_file.images)
        made.apply(archivist)
    assert archivist.seen == [["p/there.jpg", "p/gone.jpg"]]
    assert [(row["table"], row["action"], row["row"]["image"]) for row in archivist.kept] == [
        ("photo", "deleted", "p/gone.jpg")
    ]


@pytest.mark.promise(7)
def test_a_dependent_row_that_comes_after_the_others_were_compared_is_not_taken_along(
    postgresql: Any, media: Media
) -> None:
    """Replication writes it, for which no foreign key is checked and no lock holds."""
    site = Site(postgresql, media)
    media.write("p/there.jpg")
    site.insert("p/there.jpg", "p/gone.jpg")
    site.database.run(
        f"CREATE TABLE favorite (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
        "INSERT INTO favorite VALUES (1, 2)"
    )

    class Late(Archivist):
        def archive(self, rows: Any) -> None:
            site.database.run(
                "SET session_replication_role = replica; INSERT INTO favorite VALUES (2, 2);"
                "RESET session_replication_role"
            )
            super().archive(rows)

    with planned(site.missing(dependents=rules("favorite.photo_id delete"))) as made:
        outcome = made.apply(Late(lambda: None))
    assert "reading rows of favorite for the quarantine found 2 rows where 1 depend" in outcome.error
    assert "All rows of this job were rolled back, and no file was touched." in outcome.error
    assert (ids(site, "photo"), ids(site, "favorite")) == ([1, 2], [1, 2])


@pytest.mark.promise(2)
def test_a_directory_that_is_exchanged_while_rows_go_keeps_the_rows_to_come(
    sqlite_with_missing_file: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each handful looks at the disk anew, and not at the directory that the one before had opened."""
    monkeypatch.setattr(spool, "CHUNK", 1)
    sqlite_with_missing_file.insert("p/also gone.jpg")
    exchanged = []

    def exchange() -> None:
        if not exchanged:
            sqlite_with_missing_file.media.rename("p", "old")
            sqlite_with_missing_file.media.write("p/gone.jpg")
            exchanged.append("p")

    with planned(sqlite_with_missing_file.missing()) as made:
        outcome = made.apply(Archivist(exchange))
    assert (outcome.error, outcome.removed.records) == ("", 1)
    assert sqlite_with_missing_file.images == ["p/there.jpg", "p/gone.jpg"]


@pytest.mark.promise(4)
def test_what_was_removed_is_synced_at_once(
    sqlite_with_missing_file: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "CHUNK", 1)
    sqlite_with_missing_file.media.write("p/a.jpg")
    sqlite_with_missing_file.insert("p/a.jpg")
    done: list[str] = []

    class Noting(PermanentRemover):
        def remove(self, tree: Any, path: bytes, state: Any) -> None:
            super().remove(tree, path, state)
            done.append(path.decode())

        def sync(self) -> None:
            done.append("synced")

    with planned(sqlite_with_missing_file.incomplete()) as made:
        made.apply(Noting())
    assert done == ["p/a.jpg", "synced", "p/there.jpg", "synced"]


@pytest.mark.promise(4)
def test_a_commit_without_an_answer_touches_no_file(
    sqlite_with_missing_file: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def unanswered(_database: Any) -> Iterator[None]:
        yield
        raise CommitUnknown("the connection was lost in the commit.")

    with planned(sqlite_with_missing_file.incomplete()) as made:
        monkeypatch.setattr(type(made.session.database), "transaction", unanswered)
        outcome = made.apply()
    assert "either all rows of this job were deleted or none was; no file was touched" in outcome.error
    assert outcome.removed.as_dict() == {"records": 0, "files": 0, "bytes": 0}
    assert sqlite_with_missing_file.media.files == {b"p/there.jpg"}


@pytest.mark.promise(4)
def test_an_archive_that_fails_keeps_the_rows(site_with_missing_file: Site) -> None:
    class Full(PermanentRemover):
        is_rolled_back = False

        def archive(self, rows: Any) -> None:
            raise DatabaseError(f"no room for {len(list(rows))} rows.")

        def roll_back(self) -> None:
            self.is_rolled_back = True

    full = Full()
    with planned(site_with_missing_file.missing()) as made:
        outcome = made.apply(full)
    assert full.is_rolled_back
    assert "no room for 1 rows." in outcome.error
    assert site_with_missing_file.images == ["p/there.jpg", "p/gone.jpg"]


REFUSING = {
    "postgresql": (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$;"
        "CREATE TRIGGER refuse BEFORE DELETE ON photo FOR EACH ROW EXECUTE FUNCTION refuse()"
    ),
    "sqlite": "CREATE TRIGGER refuse BEFORE DELETE ON photo BEGIN SELECT RAISE({}); END",
}
LOUD = {"postgresql": "RAISE EXCEPTION 'not that one';", "sqlite": "ABORT, 'not that one'"}
SILENT = {"postgresql": "RETURN NULL;", "sqlite": "IGNORE"}


@pytest.mark.promise(4)
@pytest.mark.parametrize(
    ("trigger", "words"), [(LOUD, "not that one"), (SILENT, "A trigger or a row security policy interferes")]
)
def test_a_database_that_does_not_delete_keeps_all_files(
    site: Site, trigger: dict[str, str], words: str
) -> None:
    site.media.write("p/a.jpg", "p/b.jpg")
    site.insert("p/a.jpg", "p/b.jpg")
    site.database.run(REFUSING[site.database.kind].format(trigger[site.database.kind]))
    _plan, outcome = run(site.incomplete(accept=site.accepting("delete_trigger:photo")))
    assert words in outcome.error
    assert "All rows of this job were rolled back, and no file was touched." in outcome.error
    assert outcome.removed.as_dict() == {"records": 0, "files": 0, "bytes": 0}
    assert outcome.removed_items.total == 0
    assert (site.images, site.media.files) == (["p/a.jpg", "p/b.jpg"], {b"p/a.jpg", b"p/b.jpg"})


@pytest.mark.promise(4)
def test_a_connection_that_is_lost_before_the_deletion_changes_nothing(postgresql: Any, media: Media) -> None:
    site = Site(postgresql, media)
    media.write("p/a.jpg")
    site.insert("p/a.jpg")
    with planned(site.incomplete()) as made:
        disconnect(postgresql)
        outcome = made.apply()
    assert "rolled back" in outcome.error
    assert (site.images, media.files) == (["p/a.jpg"], {b"p/a.jpg"})


@pytest.mark.promise(4)
def test_a_connection_that_is_lost_in_the_transaction_rolls_it_back(postgresql: Any, media: Media) -> None:
    site = Site(postgresql, media)
    media.write("p/a.jpg")
    site.insert("p/a.jpg")
    with planned(site.incomplete()) as made:
        outcome = made.apply(Archivist(lambda: disconnect(postgresql)))
    assert "rolled back" in outcome.error
    assert (site.images, media.files) == (["p/a.jpg"], {b"p/a.jpg"})


@pytest.mark.promise(4)
def test_a_connection_that_is_lost_after_the_commit_leaves_orphans(postgresql: Any, media: Media) -> None:
    class Announced(PermanentRemover):
        def prepare(self, tree: Any, files: Any) -> None:
            disconnect(postgresql)

    site = Site(postgresql, media)
    media.write("p/a.jpg")
    site.insert("p/a.jpg")
    with planned(site.incomplete()) as made:
        outcome = made.apply(Announced())
    assert "The rows were deleted; files left over are orphans from now on." in outcome.error
    assert (site.images, media.files) == ([], {b"p/a.jpg"})


@pytest.mark.promise(4)
def test_rows_beyond_one_batch_go_in_one_transaction(
    sqlite_with_missing_file: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "CHUNK", 2)
    sqlite_with_missing_file.insert(*[f"p/gone {number}.jpg" for number in range(5)])
    sqlite_with_missing_file.database.run(
        "CREATE TRIGGER refuse BEFORE DELETE ON photo WHEN old.image = 'p/gone 4.jpg' "
        "BEGIN SELECT RAISE(ABORT, 'not that one'); END"
    )
    accept = sqlite_with_missing_file.accepting("delete_trigger:photo")
    _plan, outcome = run(sqlite_with_missing_file.missing(accept=accept))
    assert "not that one" in outcome.error
    assert len(sqlite_with_missing_file.images) == 7
    sqlite_with_missing_file.database.run("DROP TRIGGER refuse")
    _plan, outcome = run(sqlite_with_missing_file.missing())
    assert outcome.removed.records == 6
    assert sqlite_with_missing_file.images == ["p/there.jpg"]
