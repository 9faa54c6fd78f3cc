# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Callable

import pytest
from builders import SPELLINGS, Hindrance, Media, Site, as_nobody, found, guards, planned, reasons, run

from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile import plan as plan_module
from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile import records, spool
from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile.errors import (
    DatabaseError,
    SiteError,
)
from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile.outcome import Deleting

TOO_LONG = "n" * 256
# Types of Django's primary keys, and three values of each, as SQL.
KEYS = {
    "integer": ("integer", ["1", "2", "3"]),
    "bigint": ("bigint", ["-1", "0", "9223372036854775807"]),
    "uuid of PostgreSQL": ("uuid", [f"'{'0' * 8}-0000-0000-0000-00000000000{n}'" for n in "123"]),
    "uuid of SQLite": ("char(32)", [f"'{'0' * 31}{n}'" for n in "123"]),
    "text": ("varchar(50)", ["'a'", "'it''s, \"so\" %s'", "'é\n'"]),
    "numeric": ("numeric(6,2)", ["1.50", "2.50", "-3.25"]),
}
FITS = {"uuid of PostgreSQL": "postgresql", "uuid of SQLite": "sqlite"}


@pytest.fixture
def photos(site: Site) -> Site:
    """A site whose first row has its file, and whose second row has lost it."""
    site.media.write("p/there.jpg")
    site.insert("p/there.jpg", "p/gone.jpg")
    return site


@pytest.fixture
def few(sqlite_site: Site) -> Site:
    """The same on SQLite alone."""
    sqlite_site.media.write("p/there.jpg")
    sqlite_site.insert("p/there.jpg", "p/gone.jpg")
    return sqlite_site


def keys(plan: Any) -> list[str]:
    return [record.shown_key for record in plan.items]


def disconnect(database: Any) -> None:
    database.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


# Rows that have lost their file.


def test_a_row_whose_file_is_gone_goes_and_others_stay(photos: Site) -> None:
    plan, outcome = run(photos.missing())
    assert (found(plan), keys(plan)) == ([b"p/gone.jpg"], ["2"])
    assert photos.images == ["p/there.jpg"]
    assert plan.examined == {"records": 2}
    assert plan.found.as_dict() == outcome.removed.as_dict() == {"records": 1, "files": 0, "bytes": 0}
    assert [record.shown_key for record in outcome.gone.items] == ["2"]
    assert (outcome.error, outcome.skipped.total, outcome.failed.total) == ("", 0, 0)


def test_a_row_without_a_file_has_lost_nothing(photos: Site) -> None:
    photos.insert(None, "", None)
    plan, _outcome = run(photos.missing())
    assert keys(plan) == ["2"]
    assert photos.images == ["p/there.jpg", None, "", None]
    assert plan.examined == {"records": 2}


@pytest.mark.parametrize("value", ["x''", "''", "NULL"])
def test_an_empty_value_of_any_type_has_lost_nothing(few: Site, value: str) -> None:
    few.database.run("DROP TABLE photo; CREATE TABLE photo (id integer PRIMARY KEY, image)")
    few.database.run(f"INSERT INTO photo VALUES (1, {value}), (2, 'p/gone.jpg')")
    plan, _outcome = run(few.missing(), check=True)
    assert (keys(plan), guards(plan)) == (["2"], [])


@pytest.mark.parametrize("kind", sorted(KEYS))
@pytest.mark.parametrize("select", ["missing", "incomplete"])
def test_keys_of_any_type_serve(site: Site, kind: str, select: str) -> None:
    declared, (first, second, third) = KEYS[kind]
    if FITS.get(kind, site.database.kind) != site.database.kind:
        declared = "varchar(36)"
    site.database.run(
        f"DROP TABLE photo; CREATE TABLE photo (id {declared} PRIMARY KEY, image varchar(99), "
        "content_type_id integer, uploaded_at timestamp);"
        f"INSERT INTO photo VALUES ({first}, 'p/there', 7, '2020-01-01 00:00:00');"
        f"INSERT INTO photo VALUES ({second}, 'p/gone', NULL, '2020-01-01 00:00:00');"
        f"INSERT INTO photo VALUES ({third}, 'p/there', 7, '2020-01-01 00:00:00')"
    )
    site.media.write("p/there")
    plan, outcome = run(site.missing(select=select))
    assert (found(plan), outcome.error) == ([b"p/gone"], "")
    assert outcome.removed.records == 1
    assert site.database.rows(f"SELECT count(*) FROM photo WHERE id IN ({first}, {third})") == [(2,)]
    assert site.database.rows("SELECT count(*) FROM photo") == [(2,)]


def test_composite_keys_serve(site: Site) -> None:
    site.database.run(
        "DROP TABLE photo; CREATE TABLE photo (b text, a integer, image text, PRIMARY KEY (a, b));"
        "INSERT INTO photo VALUES ('x', 1, 'p/there'), ('x', 2, 'p/gone'), ('y', 1, 'p/gone');"
        "INSERT INTO photo VALUES ('y', 2, 'p/there'), ('x, 1', 3, 'p/gone')"
    )
    site.media.write("p/there")
    plan, outcome = run(site.missing())
    assert set(keys(plan)) == {"2, x", "1, y", "3, x, 1"}
    assert outcome.removed.records == 3
    assert site.database.rows("SELECT a, b FROM photo ORDER BY a") == [(1, "x"), (2, "y")]


def test_a_key_that_is_not_utf8_serves(few: Site) -> None:
    few.database.run("DROP TABLE photo; CREATE TABLE photo (id text PRIMARY KEY, image text)")
    few.database.run("INSERT INTO photo VALUES (CAST(x'ff0a' AS text), CAST(x'702fff' AS text)), ('b', '')")
    plan, outcome = run(few.missing())
    assert (keys(plan), found(plan)) == ([r"\xff\n"], [b"p/\xff"])
    assert outcome.removed.records == 1
    assert few.database.rows("SELECT id FROM photo") == [("b",)]


@pytest.mark.parametrize("table", ["Photo Album", 'he said "hi"', "100%", "a%sb", "sémi;colon--", "UPPER"])
def test_tables_may_have_any_name(site: Site, table: str) -> None:
    quoted = '"' + table.replace('"', '""') + '"'
    site.database.run(
        f'CREATE TABLE {quoted} ("%id" integer PRIMARY KEY, "the ""%s""" text, c integer, u timestamp);'
        f"INSERT INTO {quoted} VALUES (1, 'p/gone', NULL, '2020-01-01 00:00:00'), (2, 'p/there', 7, NULL)"
    )
    site.media.write("p/there")
    for select in ("incomplete", "missing"):
        plan, _outcome = run(
            site.missing(
                table=table,
                file_column='the "%s"',
                select=select,
                unattached_column="c",
                uploaded_at_column="u",
            ),
            check=select == "incomplete",
        )
        assert keys(plan) == ["1"]
    assert site.database.rows(f'SELECT "%id" FROM {quoted}') == [(2,)]


def test_a_table_of_another_schema_serves(postgresql: Any, media: Media) -> None:
    site = Site(postgresql, media)
    site.insert("p/gone.jpg")
    postgresql.run("CREATE SCHEMA gallery; CREATE TABLE gallery.photo (id integer PRIMARY KEY, image text)")
    postgresql.run("INSERT INTO gallery.photo VALUES (1, 'p/gone')")
    run(site.missing(table="gallery.photo"))
    assert postgresql.rows("SELECT count(*) FROM gallery.photo") == [(0,)]
    assert site.images == ["p/gone.jpg"]


# Absence is proven.


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/etc/passwd", "the database holds this path, which is absolute; its row stays"),
        ("../gone.jpg", "the database holds this path, which holds '..'; its row stays"),
        ("p/../../gone.jpg", "the database holds this path, which holds '..'; its row stays"),
        ("https://cdn.example.org/gone.jpg", "the database holds this path, which is a URL; its row stays"),
        ("link/gone.jpg", "on its way 'link' is a symbolic link; its row stays"),
        ("dangling/gone.jpg", "on its way 'dangling' is a symbolic link; its row stays"),
        ("p/there.jpg/gone.jpg", "on its way 'there.jpg' is a file; its row stays"),
        (f"p/{TOO_LONG}", "longer than a file name can be; its row stays"),
        (f"{TOO_LONG}/gone.jpg", "longer than a file name can be; its row stays"),
    ],
)
def test_what_cannot_be_judged_stays_and_is_told(photos: Site, outside: Path, path: str, why: str) -> None:
    photos.media.link("link", outside)
    photos.media.link("dangling", "nowhere")
    photos.insert(path)
    plan, _outcome = run(photos.missing())
    assert why in reasons(plan.skipped)[path.encode()]
    assert (found(plan), guards(plan)) == ([b"p/gone.jpg"], [])
    assert photos.images == ["p/there.jpg", path]


@pytest.mark.parametrize("path", ["link.jpg", "dangling.jpg", "folder", "fifo"])
def test_whatever_is_there_is_not_missing(few: Site, outside: Path, path: str) -> None:
    few.media.link("link.jpg", outside / "precious.jpg")
    few.media.link("dangling.jpg", "nowhere")
    few.media.mkdir("folder")
    os.mkfifo(few.media.path("fifo"))
    few.insert(path)
    assert found(run(few.missing(), check=True)[0]) == [b"p/gone.jpg"]


@pytest.mark.parametrize("written", ["x'702f74686572650062'", "'p/there%00.jpg'", "'%00'"])
def test_a_value_with_a_nul_byte_stays_and_is_told(few: Site, written: str) -> None:
    few.database.run(f"INSERT INTO photo (id, image) VALUES (99, CAST({written} AS text))")
    plan, _outcome = run(few.missing(), check=True)
    assert "99" not in keys(plan)
    assert plan.skipped.total == 1


def test_a_lone_value_with_a_nul_byte_stays_and_is_told(few: Site) -> None:
    few.database.run("INSERT INTO photo (id, image) VALUES (99, CAST(x'7100ff' AS text))")
    plan, _outcome = run(few.missing(), check=True)
    assert keys(plan) == ["2"]
    assert "holds a NUL byte" in reasons(plan.skipped)[b"q\0\xff"]


@pytest.mark.parametrize(("on_disk", "in_database"), SPELLINGS)
def test_a_row_whose_file_is_there_in_another_spelling_stays(
    photos: Site, on_disk: str, in_database: str
) -> None:
    photos.media.write(on_disk)
    photos.insert(in_database)
    plan, _outcome = run(photos.missing())
    assert found(plan) == [b"p/gone.jpg"]
    assert photos.images == ["p/there.jpg", in_database]


@pytest.mark.parametrize("mode", [0o000, 0o400, 0o200])
def test_a_closed_directory_turns_the_plan_down(public_site: Site, mode: int) -> None:
    public_site.media.write("closed/there.jpg", "p/there.jpg")
    public_site.insert("closed/there.jpg", "closed/gone.jpg", "p/gone.jpg", "p/there.jpg")
    os.chmod(public_site.media.path("closed"), mode)

    def remove() -> Any:
        plan, outcome = run(public_site.missing())
        return outcome, guards(plan), found(plan), plan.refusals[0].message

    outcome, refused, candidates, message = as_nobody(remove)
    assert (outcome, refused, candidates) == (None, ["partial"], [b"p/gone.jpg"])
    assert "Permission denied" in message


def test_a_directory_that_is_closed_after_the_plan_rolls_all_back(public_site: Site) -> None:
    public_site.media.write("p/there.jpg")
    public_site.insert("p/gone.jpg", "q/gone.jpg")
    os.chmod(public_site.media.root, 0o777)

    def remove() -> Any:
        with planned(public_site.missing()) as made:
            assert (found(made.plan), guards(made.plan)) == ([b"p/gone.jpg", b"q/gone.jpg"], [])
            os.mkdir(public_site.media.path("q"), 0)
            outcome = made.carry_out()
            return outcome.removed.records, outcome.error

    count, error = as_nobody(remove)
    assert count == 0
    assert "cannot be seen any more" in error
    assert "Permission denied" in error
    assert "All rows of this job were rolled back" in error
    assert len(public_site.images) == 2


@pytest.mark.parametrize("gone", [True, False])
def test_a_media_root_that_is_replaced_after_the_plan_rolls_all_back(photos: Site, gone: bool) -> None:
    with planned(photos.missing()) as made:
        os.rename(photos.media.root, photos.media.root + b".old")
        if not gone:
            os.mkdir(photos.media.root)
        outcome = made.carry_out()
    assert "the media root was replaced or unmounted" in outcome.error
    assert photos.images == ["p/there.jpg", "p/gone.jpg"]


def test_a_media_root_that_is_replaced_during_the_look_turns_the_plan_down(photos: Site) -> None:
    def unmount(_rows: int) -> None:
        os.rename(photos.media.root, photos.media.root + b".old")
        os.mkdir(photos.media.root)

    with planned(photos.missing(), progress=unmount) as made:
        assert guards(made.plan) == ["partial"]


def test_a_file_that_is_back_after_the_plan_keeps_its_row(photos: Site) -> None:
    photos.insert("p/gone too.jpg")
    with planned(photos.missing()) as made:
        photos.media.write("p/gone.jpg")
        outcome = made.carry_out()
    assert reasons(outcome.skipped) == {b"p/gone.jpg": "it is no longer what the plan says, and stays"}
    assert photos.images == ["p/there.jpg", "p/gone.jpg"]


def test_a_file_that_is_back_in_a_directory_made_anew_keeps_its_row(photos: Site) -> None:
    with planned(photos.missing()) as made:
        photos.media.rename("p", "old")
        photos.media.write("p/gone.jpg")
        made.carry_out()
    assert photos.images == ["p/there.jpg", "p/gone.jpg"]


# A record goes only by a statement that repeats the whole condition.


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
def test_a_row_that_names_another_file_after_the_plan_stays(photos: Site, change: str, goes: bool) -> None:
    with planned(photos.missing()) as made:
        photos.database.run(f"UPDATE photo SET {change} WHERE id = 2")
        outcome = made.carry_out()
    assert outcome.removed.records == goes
    assert len(photos.images) == 2 - goes


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
    photos: Site, change: str, goes: bool
) -> None:
    with planned(photos.incomplete()) as made:
        assert len(made.plan.items) == 2
        photos.database.run(f"UPDATE photo SET {change} WHERE id = 1")
        outcome = made.carry_out()
    assert outcome.removed.records == 1 + goes
    assert (b"p/there.jpg" in photos.media.files) == (not goes)


def test_a_row_that_is_gone_after_the_plan_is_told(photos: Site) -> None:
    with planned(photos.missing()) as made:
        photos.database.run("DELETE FROM photo WHERE id = 2")
        outcome = made.carry_out()
    assert (outcome.removed.records, outcome.error) == (0, "")
    assert list(reasons(outcome.skipped)) == [b"p/gone.jpg"]


# Rows that were never attached.


@pytest.mark.parametrize(
    ("hours", "is_old"), [(0, False), (23.9, False), (24.1, True), (-5, False), (1e5, True)]
)
def test_an_unattached_row_is_old_by_its_upload(site: Site, hours: float, is_old: bool) -> None:
    site.media.write("p/a.jpg")
    site.insert("p/a.jpg", hours=hours)
    plan, _outcome = run(site.incomplete())
    assert found(plan) == [b"p/a.jpg"] * is_old
    assert (site.images == []) == (site.media.files == set()) == is_old


@pytest.mark.parametrize("limit", [0, 1, 100])
def test_how_old_is_the_users_choice(site: Site, limit: int) -> None:
    site.insert("p/a.jpg", hours=50)
    plan, _outcome = run(site.incomplete(older_than_hours=limit), check=True)
    assert len(plan.items) == (limit < 50)


def test_attached_rows_and_rows_of_unknown_age_stay(site: Site) -> None:
    site.insert("p/attached.jpg", content_type_id=7)
    site.insert("p/unknown.jpg")
    site.database.run("UPDATE photo SET uploaded_at = NULL WHERE id = 2")
    plan, _outcome = run(site.incomplete())
    assert (found(plan), plan.examined) == ([], {"records": 2})


def test_an_unattached_row_without_a_file_goes_too(site: Site) -> None:
    site.insert(None, "", "p/gone.jpg")
    plan, outcome = run(site.incomplete())
    assert set(found(plan)) == {None, b"", b"p/gone.jpg"}
    assert (outcome.removed.records, site.images) == (3, [])


def test_files_and_companions_go_with_their_row(site: Site) -> None:
    site.media.write("p/a.jpg", "t/a.jpg", "p/b.jpg", "t/b.jpg")
    site.insert("p/a.jpg", thumbnail="t/a.jpg")
    site.insert("p/b.jpg", thumbnail="t/b.jpg", content_type_id=7)
    plan, outcome = run(site.incomplete(companion_columns=["thumbnail"]))
    assert plan.found.as_dict() == outcome.removed.as_dict() == {"records": 1, "files": 2, "bytes": 14}
    assert site.media.files == {b"p/b.jpg", b"t/b.jpg"}


def test_a_file_that_is_no_companion_stays(site: Site) -> None:
    site.media.write("p/a.jpg", "t/a.jpg")
    site.insert("p/a.jpg", thumbnail="t/a.jpg")
    run(site.incomplete())
    assert site.media.files == {b"t/a.jpg"}


def test_a_companion_never_decides(photos: Site) -> None:
    photos.insert("p/there.jpg", thumbnail="t/gone.jpg")
    plan, _outcome = run(photos.missing(companion_columns=["thumbnail"]), check=True)
    assert found(plan) == [b"p/gone.jpg"]


@pytest.mark.parametrize("where", ["image", "thumbnail", "album"])
def test_a_file_that_another_row_names_stays(site: Site, where: str) -> None:
    site.media.write("p/a.jpg", "t/a.jpg")
    site.insert("p/a.jpg", thumbnail="t/a.jpg")
    references = []
    if where == "album":
        site.database.run("CREATE TABLE album (cover text); INSERT INTO album VALUES ('t/a.jpg')")
        references = [{"table": "album", "column": "cover"}]
    else:
        site.insert("p/other.jpg", content_type_id=7)
        site.database.run(f"UPDATE photo SET {where} = 't/a.jpg' WHERE id = 2")
    plan, _outcome = run(site.incomplete(companion_columns=["thumbnail"], references=references))
    assert reasons(plan.skipped) == {b"t/a.jpg": "a row names it"}
    assert site.media.files == {b"t/a.jpg"}


def test_a_file_of_several_rows_goes_with_the_last_of_them(site: Site) -> None:
    site.media.write("p/a.jpg", "p/b.jpg")
    site.insert("p/a.jpg", "p/a.jpg", "p/b.jpg")
    site.insert("p/b.jpg", content_type_id=7)
    plan, outcome = run(site.incomplete())
    assert (plan.found.records, plan.found.files) == (3, 1)
    assert outcome.removed == plan.found
    assert site.media.files == {b"p/b.jpg"}


@pytest.mark.parametrize("companions", [["image", "thumbnail"], ["thumbnail", "thumbnail"]])
def test_a_column_that_is_listed_twice_is_one(sqlite_site: Site, companions: list[str]) -> None:
    sqlite_site.media.write("p/a.jpg", "t/a.jpg")
    sqlite_site.insert("p/a.jpg", thumbnail="t/a.jpg")
    sqlite_site.insert("p/a.jpg", thumbnail="t/a.jpg", content_type_id=7)
    plan, _outcome = run(sqlite_site.incomplete(companion_columns=companions), check=True)
    assert plan.found.files == 0


def test_a_row_that_names_the_file_after_the_plan_protects_it(site: Site) -> None:
    site.media.write("p/a.jpg")
    site.insert("p/a.jpg")
    with planned(site.incomplete()) as made:
        site.insert("p/a.jpg", content_type_id=7)
        outcome = made.carry_out()
    assert (outcome.removed.records, reasons(outcome.skipped)) == (1, {b"p/a.jpg": "a row names it"})
    assert site.media.files == {b"p/a.jpg"}


def test_derived_files_go_with_their_source(site: Site) -> None:
    site.media.write("p/a.jpg", "CACHE/images/p/a/1.jpg", "CACHE/images/p/a/2.webp", "CACHE/images/p/b/1.jpg")
    site.insert("p/a.jpg")
    site.insert("p/b.jpg", content_type_id=7)
    run(site.incomplete(derived=["CACHE/images/{dir}/{stem}/*"]))
    assert site.media.files == {b"CACHE/images/p/b/1.jpg"}


def test_derived_files_of_a_lost_file_go_with_its_row(photos: Site) -> None:
    photos.media.write("CACHE/images/p/gone/1.jpg")
    run(photos.missing(derived=["CACHE/images/{dir}/{stem}/*"]))
    assert photos.media.files == {b"p/there.jpg"}


@pytest.mark.parametrize(
    "companion",
    ["/etc/passwd", "../outside/precious.jpg", "p/../../outside/precious.jpg", "link/precious.jpg"],
)
def test_a_companion_outside_is_told_and_stays(site: Site, outside: Path, companion: str) -> None:
    site.media.link("link", outside)
    site.insert("p/a.jpg", thumbnail=companion)
    plan, outcome = run(site.incomplete(companion_columns=["thumbnail"]))
    assert companion.encode() in reasons(plan.skipped)
    assert (plan.found.files, outcome.removed.files, outcome.removed.records) == (0, 0, 1)
    assert (outside / "precious.jpg").exists()


def test_only_regular_files_go_with_a_row(site: Site, outside: Path) -> None:
    site.media.mkdir("folder")
    site.media.link("link", outside / "precious.jpg")
    site.insert("folder", thumbnail="link")
    plan, _outcome = run(site.incomplete(companion_columns=["thumbnail"]))
    assert plan.found.files == 0
    assert "it is a directory" in reasons(plan.skipped)[b"folder"]
    assert "it is a symbolic link" in reasons(plan.skipped)[b"link"]
    assert (outside / "precious.jpg").exists()


def test_a_directory_that_became_a_link_after_the_plan_is_not_followed(site: Site, tmp_path: Path) -> None:
    site.media.write("p/a.jpg")
    site.insert("p/a.jpg")
    with planned(site.incomplete()) as made:
        os.rename(site.media.path("p"), tmp_path / "moved")
        site.media.link("p", tmp_path / "moved")
        outcome = made.carry_out()
    assert "'p' is a symbolic link" in reasons(outcome.skipped)[b"p/a.jpg"]
    assert (tmp_path / "moved" / "a.jpg").exists()


def test_a_file_that_was_rewritten_after_the_plan_stays(site: Site) -> None:
    site.media.write("p/a.jpg")
    site.insert("p/a.jpg")
    with planned(site.incomplete()) as made:
        site.media.write("p/a.jpg", content=b"another")
        outcome = made.carry_out()
    assert outcome.removed.records == 1
    assert "another file stands in its place" in reasons(outcome.skipped)[b"p/a.jpg"]
    assert site.media.files == {b"p/a.jpg"}


# A crash never leaves a record without its file.


def test_rows_are_gone_for_good_before_their_files_go(site: Site) -> None:
    site.media.write("p/a.jpg", "p/b.jpg")
    site.insert("p/a.jpg", "p/b.jpg")
    seen = []
    with planned(site.incomplete()) as made:
        made.carry_out(Hindrance(lambda path: seen.append((path, site.images))))
    assert seen == [(b"p/a.jpg", []), (b"p/b.jpg", [])]


def test_a_run_that_is_killed_at_a_file_leaves_an_orphan_and_no_row(site: Site) -> None:
    site.media.write("p/a.jpg", "p/b.jpg")
    site.insert("p/a.jpg", "p/b.jpg")

    def kill(path: bytes) -> None:
        if path == b"p/b.jpg":
            raise KeyboardInterrupt

    with planned(site.incomplete()) as made, pytest.raises(KeyboardInterrupt):
        made.carry_out(Hindrance(kill))
    assert (site.images, site.media.files) == ([], {b"p/b.jpg"})


class Archivist(Deleting):
    """Reads the rows that go, and looks what the site has of them at that moment."""

    def __init__(self, look: Callable[[], Any]) -> None:
        self.kept: list[dict[str, Any]] = []
        self.seen: list[Any] = []
        self._look = look

    def archive(self, rows: Any) -> None:
        self.kept += list(rows)
        self.seen.append(self._look())


def test_rows_are_archived_before_they_are_gone(photos: Site) -> None:
    with planned(photos.missing()) as made:
        archivist = Archivist(lambda: photos.images)
        made.carry_out(archivist)
    assert archivist.seen == [["p/there.jpg", "p/gone.jpg"]]
    assert [(row["table"], row["action"], row["row"]["image"]) for row in archivist.kept] == [
        ("photo", "deleted", "p/gone.jpg")
    ]


def test_an_archive_that_fails_keeps_the_rows(photos: Site) -> None:
    class Full(Deleting):
        def archive(self, rows: Any) -> None:
            raise DatabaseError(f"no room for {len(list(rows))} rows.")

    with planned(photos.missing()) as made:
        outcome = made.carry_out(Full())
    assert "no room for 1 rows." in outcome.error
    assert photos.images == ["p/there.jpg", "p/gone.jpg"]


REFUSING = {
    "postgresql": (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$;"
        "CREATE TRIGGER refuse BEFORE DELETE ON photo FOR EACH ROW EXECUTE FUNCTION refuse()"
    ),
    "sqlite": "CREATE TRIGGER refuse BEFORE DELETE ON photo BEGIN SELECT RAISE({}); END",
}
LOUD = {"postgresql": "RAISE EXCEPTION 'not that one';", "sqlite": "ABORT, 'not that one'"}
SILENT = {"postgresql": "RETURN NULL;", "sqlite": "IGNORE"}


@pytest.mark.parametrize(
    ("trigger", "words"), [(LOUD, "not that one"), (SILENT, "A trigger or a row security policy interferes")]
)
def test_a_database_that_does_not_delete_keeps_all_files(
    site: Site, trigger: dict[str, str], words: str
) -> None:
    site.media.write("p/a.jpg", "p/b.jpg")
    site.insert("p/a.jpg", "p/b.jpg")
    site.database.run(REFUSING[site.database.kind].format(trigger[site.database.kind]))
    _plan, outcome = run(site.incomplete())
    assert words in outcome.error
    assert "All rows of this job were rolled back, and no file was touched." in outcome.error
    assert outcome.removed.as_dict() == {"records": 0, "files": 0, "bytes": 0}
    assert outcome.gone.total == 0
    assert (site.images, site.media.files) == (["p/a.jpg", "p/b.jpg"], {b"p/a.jpg", b"p/b.jpg"})


def test_a_connection_that_is_lost_before_the_deletion_changes_nothing(postgresql: Any, media: Media) -> None:
    site = Site(postgresql, media)
    media.write("p/a.jpg")
    site.insert("p/a.jpg")
    with planned(site.incomplete()) as made:
        disconnect(postgresql)
        outcome = made.carry_out()
    assert "rolled back" in outcome.error
    assert (site.images, media.files) == (["p/a.jpg"], {b"p/a.jpg"})


def test_a_connection_that_is_lost_in_the_transaction_rolls_it_back(postgresql: Any, media: Media) -> None:
    site = Site(postgresql, media)
    media.write("p/a.jpg")
    site.insert("p/a.jpg")
    with planned(site.incomplete()) as made:
        outcome = made.carry_out(Archivist(lambda: disconnect(postgresql)))
    assert "rolled back" in outcome.error
    assert (site.images, media.files) == (["p/a.jpg"], {b"p/a.jpg"})


def test_a_connection_that_is_lost_after_the_commit_leaves_orphans(postgresql: Any, media: Media) -> None:
    class Announced(Deleting):
        def announce(self, tree: Any, files: Any) -> None:
            disconnect(postgresql)

    site = Site(postgresql, media)
    media.write("p/a.jpg")
    site.insert("p/a.jpg")
    with planned(site.incomplete()) as made:
        outcome = made.carry_out(Announced())
    assert "The rows are gone; files left over are orphans from now on." in outcome.error
    assert (site.images, media.files) == ([], {b"p/a.jpg"})


# What was approved is the most that is removed.


def test_an_approved_plan_is_carried_out(site: Site) -> None:
    site.media.write("p/a.jpg")
    site.insert("p/a.jpg", "p/gone.jpg")
    token = run(site.incomplete(), check=True)[0].token
    plan, outcome = run(site.incomplete(), approved=token)
    assert outcome.removed.as_dict() == {"records": 2, "files": 1, "bytes": 7}
    assert (plan.warnings, plan.skipped.total) == ([], 0)


def test_a_row_that_is_not_in_the_approved_plan_waits(photos: Site) -> None:
    token = run(photos.missing(), check=True)[0].token
    photos.insert("p/gone later.jpg")
    plan, _outcome = run(photos.missing(), approved=token)
    assert "waits for the next one" in reasons(plan.skipped)[b"p/gone later.jpg"]
    assert photos.images == ["p/there.jpg", "p/gone later.jpg"]


def test_a_row_that_names_another_file_than_approved_stays(photos: Site) -> None:
    token = run(photos.missing(), check=True)[0].token
    photos.database.run("UPDATE photo SET image = 'p/also gone.jpg' WHERE id = 2")
    plan, _outcome = run(photos.missing(), approved=token)
    assert "no longer what was approved" in reasons(plan.skipped)[b"p/also gone.jpg"]
    assert photos.images == ["p/there.jpg", "p/also gone.jpg"]


def test_a_file_that_is_not_the_approved_one_stays(site: Site) -> None:
    site.media.write("p/a.jpg")
    site.insert("p/a.jpg")
    token = run(site.incomplete(), check=True)[0].token
    site.media.write("p/a.jpg", content=b"another")
    plan, outcome = run(site.incomplete(), approved=token)
    assert "no longer what was approved" in reasons(plan.skipped)[b"p/a.jpg"]
    assert (outcome.removed.records, site.media.files) == (1, {b"p/a.jpg"})


def test_what_left_the_plan_since_the_approval_is_told(photos: Site) -> None:
    token = run(photos.missing(), check=True)[0].token
    photos.media.write("p/gone.jpg")
    plan, _outcome = run(photos.missing(), approved=token)
    assert plan.warnings == ["gone, attached or back by now: 1 item of the approved plan"]
    assert len(photos.images) == 2


def test_an_approved_plan_of_another_table_is_refused(photos: Site) -> None:
    token = run(photos.missing(), check=True)[0].token
    for job in (photos.incomplete(), photos.missing(companion_columns=["thumbnail"])):
        with pytest.raises(SiteError, match="approved_plan is a plan for the job 'missing'"):
            run(job, approved=token)


def test_an_approved_plan_of_other_rules_for_dependents_is_refused(photos: Site) -> None:
    photos.database.run("CREATE TABLE note (id integer PRIMARY KEY, photo_id integer)")
    photos.database.run("INSERT INTO note VALUES (1, 2)")
    token = run(photos.missing(), check=True)[0].token
    rule = {"table": "note", "column": "photo_id", "action": "delete"}
    with pytest.raises(SiteError, match="other options"):
        run(photos.missing(dependents=[rule]), approved=token)


def test_a_plan_too_large_for_a_token_is_strict(few: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "ITEMS_IN_TOKEN", 2)
    few.insert("p/gone 2.jpg", "p/gone 3.jpg")
    token = run(few.missing(), check=True)[0].token
    few.insert("p/gone 4.jpg")
    plan, outcome = run(few.missing(), approved=token)
    assert (guards(plan), outcome) == (["approved_plan"], None)
    few.database.run("DELETE FROM photo WHERE image = 'p/gone 4.jpg'")
    assert run(few.missing(), approved=token)[1].removed.records == 3


# Guards, and check mode.


@pytest.mark.parametrize(("most", "refused"), [(49, ["max_removal_percent"]), (50, [])])
@pytest.mark.parametrize("select", ["missing", "incomplete"])
def test_a_share_that_is_too_large_turns_the_plan_down(
    photos: Site, select: str, most: int, refused: list[str]
) -> None:
    photos.database.run("UPDATE photo SET content_type_id = 7 WHERE id = 1")
    plan, _outcome = run(photos.missing(select=select, max_removal_percent=most))
    assert guards(plan) == refused
    assert len(photos.images) == (2 if refused else 1)


@pytest.mark.parametrize("present", [True, False])
def test_without_its_marker_nothing_goes(photos: Site, present: bool) -> None:
    if present:
        photos.media.write(".mounted")
    plan, _outcome = run(photos.missing(marker=".mounted"))
    assert guards(plan) == ([] if present else ["marker"])
    assert len(photos.images) == (1 if present else 2)


@pytest.mark.parametrize(("accept", "refused"), [([], ["empty_media_root"]), (["empty_media_root"], [])])
def test_an_empty_media_root_turns_the_plan_down(
    sqlite_site: Site, accept: list[str], refused: list[str]
) -> None:
    sqlite_site.insert("p/gone.jpg")
    assert guards(run(sqlite_site.missing(accept=accept), check=True)[0]) == refused


@pytest.mark.parametrize("include", [True, False])
def test_a_row_whose_file_seems_to_lie_elsewhere_stays(photos: Site, include: bool) -> None:
    photos.media.write("elsewhere/gone.jpg")
    plan, _outcome = run(photos.missing(include_likely_moves=include))
    assert ("'elsewhere/gone.jpg'" in reasons(plan.skipped).get(b"p/gone.jpg", "")) == (not include)
    assert photos.images == ["p/there.jpg", "p/gone.jpg"][: 2 - include]


@pytest.mark.parametrize("select", ["missing", "incomplete"])
def test_a_check_run_changes_nothing_and_predicts_the_real_one(photos: Site, select: str) -> None:
    photos.database.run(
        "CREATE TABLE note (id integer PRIMARY KEY, photo_id integer NOT NULL REFERENCES photo (id));"
        "INSERT INTO note VALUES (1, 1), (2, 2)"
    )
    photos.media.write("t/a.jpg", "CACHE/images/p/gone/1.jpg")
    photos.insert("p/gone too.jpg", thumbnail="t/a.jpg")
    before = photos.media.untouched, photos.database.dump()
    job = photos.missing(
        select=select, companion_columns=["thumbnail"], derived=["CACHE/images/{dir}/{stem}/*"]
    )
    checked, nothing = run(job, check=True)
    assert nothing is None
    assert (photos.media.untouched, photos.database.dump()) == before
    applied, outcome = run(job)
    assert (checked.digest, keys(checked)) == (applied.digest, keys(applied))
    assert outcome.removed == checked.found
    assert checked.dependents == applied.dependents != {}


# Owners, and options that do not fit the database.


def test_a_label_names_the_owner_over_foreign_keys(photos: Site) -> None:
    photos.database.run(
        'CREATE TABLE "Us%er" (id integer PRIMARY KEY, name text);'
        'CREATE TABLE album (id integer PRIMARY KEY, title text, user_id integer REFERENCES "Us%er" (id));'
        "ALTER TABLE photo ADD COLUMN album_id integer REFERENCES album (id);"
        "INSERT INTO \"Us%er\" VALUES (1, 'Eva\n');"
        "INSERT INTO album VALUES (5, 'Summer', 1), (6, NULL, NULL)"
    )
    photos.insert("p/gone 3", album_id=5)
    photos.insert("p/gone 4", album_id=6)
    titles, _outcome = run(photos.missing(label="album_id.title"), check=True)
    assert titles.labels == {"Summer": 1, "(none)": 2}
    users, _outcome = run(photos.missing(label="album_id.user_id.name"), check=True)
    assert users.labels == {r"Eva\n": 1, "(none)": 2}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"table": "foto"}, "there is no table 'foto'"),
        ({"table": "gone.photo"}, "gone"),
        ({"file_column": "img"}, "has no column 'img'"),
        ({"file_column": "content_type_id"}, "which cannot hold a path"),
        ({"companion_columns": ["thumb"]}, "has no column 'thumb'"),
        ({"companion_columns": ["content_type_id"]}, "which cannot hold a path"),
        ({"references": [{"table": "album", "column": "cover"}]}, "there is no table 'album'"),
        ({"references": [{"table": "photo", "column": "id"}]}, "which cannot hold a path"),
        ({"select": "incomplete", "unattached_column": "type_id"}, "has no column 'type_id'"),
        ({"select": "incomplete", "uploaded_at_column": "at"}, "has no column 'at'"),
        ({"label": "image.title"}, "is no foreign key"),
        ({"label": "album_id.title"}, "has no column 'album_id'"),
        ({"dependents": [{"table": "note", "column": "photo_id", "action": "delete"}]}, "no table 'note'"),
        ({"derived": ["{dir}/*"]}, "must name its source"),
    ],
)
def test_options_that_do_not_fit_the_database_are_told(
    photos: Site, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(SiteError, match=words):
        run(photos.missing(**options))
    assert len(photos.images) == 2


def test_a_table_without_a_primary_key_is_refused(site: Site) -> None:
    site.database.run("CREATE TABLE upload (image text); INSERT INTO upload VALUES ('p/gone')")
    with pytest.raises(SiteError, match="no primary key, so its rows cannot be told apart"):
        run(site.missing(table="upload"))


def test_rows_beyond_one_batch_go_in_one_transaction(few: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "CHUNK", 2)
    few.insert(*[f"p/gone {number}.jpg" for number in range(5)])
    few.database.run(
        "CREATE TRIGGER refuse BEFORE DELETE ON photo WHEN old.image = 'p/gone 4.jpg' "
        "BEGIN SELECT RAISE(ABORT, 'not that one'); END"
    )
    _plan, outcome = run(few.missing())
    assert "not that one" in outcome.error
    assert len(few.images) == 7
    few.database.run("DROP TRIGGER refuse")
    _plan, outcome = run(few.missing())
    assert outcome.removed.records == 6
    assert few.images == ["p/there.jpg"]


@pytest.mark.parametrize("hangs_on_two", [False, True])
def test_records_a_few_at_a_time_are_the_same_plan_and_take_the_same(
    site: Site, monkeypatch: pytest.MonkeyPatch, hangs_on_two: bool
) -> None:
    """A row that hangs on two records must not be counted twice, so then they go together."""
    site.insert("p/there.jpg", *[f"p/gone {number}.jpg" for number in range(7)])
    site.media.write("p/there.jpg")
    site.database.run(
        "CREATE TABLE favourite (id integer PRIMARY KEY, photo_id integer NOT NULL REFERENCES photo (id)"
        + (", other_id integer REFERENCES photo (id))" if hangs_on_two else ")")
    )
    columns = "(id, photo_id, other_id)" if hangs_on_two else "(id, photo_id)"
    other = ", id + 2" if hangs_on_two else ""
    few = "WHERE id <= (SELECT max(id) - 2 FROM photo)" if hangs_on_two else ""
    site.database.run(f"INSERT INTO favourite {columns} SELECT id, id{other} FROM photo {few}")
    together, _outcome = run(site.missing(), check=True)
    monkeypatch.setattr(spool, "CHUNK", 2)
    plan, outcome = run(site.missing())
    assert plan.digest == together.digest
    assert plan.dependents == together.dependents == outcome.dependents
    assert (outcome.removed.records, site.images) == (7, ["p/there.jpg"])
    assert plan.hanging.hang_on_one is not hangs_on_two


def test_few_and_many_missing_files_are_the_same_plan(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few are asked for by name once all paths have passed by; for many, all rows are read."""
    names = ["p/gone.jpg", "p/é gone.jpg", "a.jpg", "p//gone.jpg", "q/../x.jpg", "/abs.jpg", "p/25%.jpg"]
    there = ["p/there.jpg", "p/line\nfeed.jpg", "b.jpg", "p/sub/there.jpg"]
    site.media.write(*there)
    site.insert(*names, *there, "p/gone.jpg", "p/there.jpg", "")
    asked = []
    rows_naming = records.Database.rows_naming

    def noted(*arguments: Any) -> Any:
        asked.append(len(set(arguments[2])))
        return rows_naming(*arguments)

    monkeypatch.setattr(records.Database, "rows_naming", noted)
    few, _outcome = run(site.missing(), check=True)
    monkeypatch.setattr(records, "FEW_UNSEEN", 2)
    many, _outcome = run(site.missing(), check=True)
    assert asked == [len(names)]
    assert found(few) == found(many)
    assert sorted(found(few)).count(b"p/gone.jpg") == 2
    assert (few.examined, few.found) == (many.examined, many.found)
    assert reasons(few.skipped) == reasons(many.skipped)
    assert few.examined == {"records": len(names) + len(there) + 2}


def test_the_rows_of_a_directory_that_is_gone_have_lost_their_files(few: Site) -> None:
    shutil.rmtree(few.media.path("p"))
    assert found(run(few.missing(), check=True)[0]) == [b"p/gone.jpg", b"p/there.jpg"]
