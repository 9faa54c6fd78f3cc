# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine import spool
from engine.database.base import Database
from engine.database.sqlite.database import SQLite
from engine.errors import SiteError
from engine.media.local import LocalStore
from engine.plan import approval as approvals
from engine.plan import missing
from helpers.builders import Media, Site, found, guards, keys, reasons, rules, run
from helpers.users import as_nobody

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


# Rows that are missing their files.


def test_a_row_whose_file_is_gone_goes_and_others_stay(site_with_missing_file: Site) -> None:
    plan, outcome = run(site_with_missing_file.missing())
    assert (found(plan), keys(plan)) == ([b"p/gone.jpg"], ["2"])
    assert site_with_missing_file.images == ["p/there.jpg"]
    assert plan.examined == {"records": 2}
    assert plan.found.as_dict() == outcome.removed.as_dict() == {"records": 1, "files": 0, "bytes": 0}
    assert [record.shown_key for record in outcome.removed_items.items] == ["2"]
    assert (outcome.error, outcome.kept.total, outcome.failed.total) == ("", 0, 0)


def test_a_row_without_a_file_has_lost_nothing(site_with_missing_file: Site) -> None:
    site_with_missing_file.insert(None, "", None)
    plan, _outcome = run(site_with_missing_file.missing())
    assert keys(plan) == ["2"]
    assert site_with_missing_file.images == ["p/there.jpg", None, "", None]
    assert plan.examined == {"records": 2}


@pytest.mark.parametrize("value", ["x''", "''", "NULL"])
def test_an_empty_value_of_any_type_has_lost_nothing(sqlite_with_missing_file: Site, value: str) -> None:
    sqlite_with_missing_file.database.run(
        "DROP TABLE photo; CREATE TABLE photo (id integer PRIMARY KEY, image)"
    )
    sqlite_with_missing_file.database.run(f"INSERT INTO photo VALUES (1, {value}), (2, 'p/gone.jpg')")
    plan, _outcome = run(sqlite_with_missing_file.missing(), check=True)
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
    plan, outcome = run(site.missing(accept=["path_mismatch", "shared_path:p/gone"]))
    assert set(keys(plan)) == {"2, x", "1, y", "3, x, 1"}
    assert outcome.removed.records == 3
    assert site.database.rows("SELECT a, b FROM photo ORDER BY a") == [(1, "x"), (2, "y")]


@pytest.mark.promise(8)
def test_a_key_that_is_not_utf8_serves(sqlite_with_missing_file: Site) -> None:
    sqlite_with_missing_file.database.run(
        "DROP TABLE photo; CREATE TABLE photo (id text PRIMARY KEY, image text)"
    )
    sqlite_with_missing_file.database.run(
        "INSERT INTO photo VALUES (CAST(x'ff0a' AS text), CAST(x'702fff' AS text)), ('b', '')"
    )
    plan, outcome = run(sqlite_with_missing_file.missing())
    assert (keys(plan), found(plan)) == ([r"\xff\n"], [b"p/\xff"])
    assert outcome.removed.records == 1
    assert sqlite_with_missing_file.database.rows("SELECT id FROM photo") == [("b",)]


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


# What was approved is the most that is removed.


@pytest.mark.promise(7)
def test_an_approved_plan_is_carried_out(site: Site) -> None:
    site.media.write("p/a.jpg")
    site.insert("p/a.jpg", "p/gone.jpg")
    token = run(site.incomplete(), check=True)[0].token
    plan, outcome = run(site.incomplete(), approved=token)
    assert outcome.removed.as_dict() == {"records": 2, "files": 1, "bytes": 7}
    assert (plan.warnings, plan.kept.total) == ([], 0)


@pytest.mark.promise(7)
def test_a_row_that_is_not_in_the_approved_plan_waits(site_with_missing_file: Site) -> None:
    token = run(site_with_missing_file.missing(), check=True)[0].token
    site_with_missing_file.insert("p/gone later.jpg")
    plan, _outcome = run(site_with_missing_file.missing(), approved=token)
    assert "review it in the next one" in reasons(plan.kept)[b"p/gone later.jpg"]
    assert site_with_missing_file.images == ["p/there.jpg", "p/gone later.jpg"]


@pytest.mark.promise(7)
def test_a_row_that_names_another_file_than_approved_stays(site_with_missing_file: Site) -> None:
    token = run(site_with_missing_file.missing(), check=True)[0].token
    site_with_missing_file.database.run("UPDATE photo SET image = 'p/also gone.jpg' WHERE id = 2")
    plan, _outcome = run(site_with_missing_file.missing(), approved=token)
    assert "no longer what was approved" in reasons(plan.kept)[b"p/also gone.jpg"]
    assert site_with_missing_file.images == ["p/there.jpg", "p/also gone.jpg"]


@pytest.mark.promise(7)
def test_a_file_that_is_not_the_approved_one_stays(site: Site) -> None:
    site.media.write("p/a.jpg")
    site.insert("p/a.jpg")
    token = run(site.incomplete(), check=True)[0].token
    site.media.write("p/a.jpg", content=b"another")
    plan, outcome = run(site.incomplete(), approved=token)
    assert "no longer what was approved" in reasons(plan.kept)[b"p/a.jpg"]
    assert (outcome.removed.records, site.media.files) == (1, {b"p/a.jpg"})


@pytest.mark.promise(7)
def test_what_left_the_plan_since_the_approval_is_told(site_with_missing_file: Site) -> None:
    token = run(site_with_missing_file.missing(), check=True)[0].token
    site_with_missing_file.media.write("p/gone.jpg")
    plan, _outcome = run(site_with_missing_file.missing(), approved=token)
    assert plan.warnings == ["deleted, attached or not missing any more: 1 item of the approved plan"]
    assert len(site_with_missing_file.images) == 2


@pytest.mark.promise(7)
def test_an_approved_plan_of_another_table_is_refused(site_with_missing_file: Site) -> None:
    token = run(site_with_missing_file.missing(), check=True)[0].token
    for job in (
        site_with_missing_file.incomplete(),
        site_with_missing_file.missing(companion_columns=["thumbnail"]),
    ):
        with pytest.raises(SiteError, match="approved_plan is a plan for the job 'missing'"):
            run(job, approved=token)


@pytest.mark.promise(7)
def test_an_approved_plan_of_other_rules_for_dependents_is_refused(site_with_missing_file: Site) -> None:
    site_with_missing_file.database.run("CREATE TABLE note (id integer PRIMARY KEY, photo_id integer)")
    site_with_missing_file.database.run("INSERT INTO note VALUES (1, 2)")
    token = run(site_with_missing_file.missing(), check=True)[0].token
    rule = {"table": "note", "column": "photo_id", "action": "delete"}
    with pytest.raises(SiteError, match="other options"):
        run(site_with_missing_file.missing(dependents=[rule]), approved=token)


@pytest.mark.promise(7)
def test_a_plan_too_large_for_a_token_is_strict(
    sqlite_with_missing_file: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approvals, "ITEMS_IN_TOKEN", 2)
    sqlite_with_missing_file.insert("p/gone 2.jpg", "p/gone 3.jpg")
    token = run(sqlite_with_missing_file.missing(), check=True)[0].token
    sqlite_with_missing_file.insert("p/gone 4.jpg")
    plan, outcome = run(sqlite_with_missing_file.missing(), approved=token)
    assert (guards(plan), outcome) == (["approved_plan"], None)
    sqlite_with_missing_file.database.run("DELETE FROM photo WHERE image = 'p/gone 4.jpg'")
    assert run(sqlite_with_missing_file.missing(), approved=token)[1].removed.records == 3


# Guards, and check mode.


@pytest.mark.promise("guards")
@pytest.mark.parametrize(("most", "refused"), [(49, ["max_removal_percent"]), (50, [])])
@pytest.mark.parametrize("select", ["missing", "incomplete"])
def test_a_share_that_is_too_large_turns_the_plan_down(
    site_with_missing_file: Site, select: str, most: int, refused: list[str]
) -> None:
    site_with_missing_file.database.run("UPDATE photo SET content_type_id = 7 WHERE id = 1")
    plan, _outcome = run(site_with_missing_file.missing(select=select, max_removal_percent=most))
    assert guards(plan) == refused
    assert len(site_with_missing_file.images) == (2 if refused else 1)


@pytest.mark.promise("guards")
@pytest.mark.parametrize("present", [True, False])
def test_without_its_marker_nothing_goes(site_with_missing_file: Site, present: bool) -> None:
    if present:
        site_with_missing_file.media.write(".mounted")
    plan, _outcome = run(site_with_missing_file.missing(marker=".mounted"))
    assert guards(plan) == ([] if present else ["marker"])
    assert len(site_with_missing_file.images) == (1 if present else 2)


@pytest.mark.promise("guards")
@pytest.mark.parametrize(("accept", "refused"), [([], ["empty_media_root"]), (["empty_media_root"], [])])
def test_an_empty_media_root_turns_the_plan_down(
    sqlite_site: Site, accept: list[str], refused: list[str]
) -> None:
    sqlite_site.insert("p/gone.jpg")
    assert guards(run(sqlite_site.missing(accept=accept), check=True)[0]) == refused


@pytest.mark.promise("guards")
@pytest.mark.parametrize(("emptied", "refused"), [(True, ["max_removal_percent"]), (False, [])])
def test_a_directory_that_lost_all_its_files_turns_the_plan_down(
    site_with_missing_file: Site, emptied: bool, refused: list[str]
) -> None:
    """Even where its rows are few among all."""
    site_with_missing_file.insert(
        *[f"p/{number}.jpg" for number in range(90)], *[f"q/{number}.jpg" for number in range(10)]
    )
    site_with_missing_file.media.write(
        *[f"p/{number}.jpg" for number in range(90)], *(() if emptied else ("q/0.jpg",))
    )
    assert guards(run(site_with_missing_file.missing(max_removal_percent=50), check=True)[0]) == refused
    assert guards(run(site_with_missing_file.incomplete(max_removal_percent=100), check=True)[0]) == []


@pytest.mark.promise("guards")
@pytest.mark.parametrize("few_unseen", [0, 20_000])
@pytest.mark.parametrize(("accept", "refused"), [([], ["path_mismatch"]), (["path_mismatch"], [])])
def test_paths_that_would_fit_with_a_prefix_turn_the_plan_down(
    sqlite_site: Site, monkeypatch: pytest.MonkeyPatch, few_unseen: int, accept: list[str], refused: list[str]
) -> None:
    """Whether the missing ones are asked for by name or all rows are read."""
    monkeypatch.setattr(missing, "FEW_NOT_FOUND", few_unseen)
    sqlite_site.media.write(*[f"uploads/p/{number}.jpg" for number in range(5)])
    sqlite_site.insert(*[f"p/{number}.jpg" for number in range(5)])
    assert guards(run(sqlite_site.missing(accept=accept), check=True)[0]) == refused
    assert guards(run(sqlite_site.incomplete(accept=accept), check=True)[0]) == []


def test_where_moved_files_could_not_be_looked_for_is_told_once(
    public_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "CHUNK", 1)
    monkeypatch.setattr(missing, "CHUNKS_AT_ONCE", 1)
    public_site.media.write("p/there.jpg", "closed/gone.jpg")
    public_site.insert("p/there.jpg", "p/gone.jpg", "p/gone too.jpg")
    os.chmod(public_site.media.path("closed"), 0)

    def warnings() -> list[str]:
        return run(public_site.missing(include_likely_moves=False), check=True)[0].warnings

    assert as_nobody(warnings) == ["not every directory could be searched for files that were moved"]
    os.chmod(public_site.media.path("closed"), 0o777)
    assert as_nobody(warnings) == []


@pytest.mark.promise("guards")
@pytest.mark.parametrize("select", ["missing", "incomplete"])
def test_a_replica_turns_the_plan_down(
    sqlite_with_missing_file: Site, monkeypatch: pytest.MonkeyPatch, select: str
) -> None:
    monkeypatch.setattr(SQLite, "is_replica", lambda _database: True)
    sqlite_with_missing_file.database.run("UPDATE photo SET image = 'p/gone too.jpg' WHERE id = 1")
    plan, outcome = run(sqlite_with_missing_file.missing(select=select))
    assert (guards(plan), outcome) == (["replica"], None)


@pytest.mark.promise("guards")
def test_another_file_system_than_before_turns_the_plan_down(
    sqlite_with_missing_file: Site, tmp_path: Path
) -> None:
    kept = str(tmp_path / "kept")
    run(sqlite_with_missing_file.missing(quarantine=kept))
    [manifest] = tmp_path.glob("kept/*/manifest.jsonl")
    with LocalStore(sqlite_with_missing_file.media.root, 0) as tree:
        told = f'"file_system": {tree.file_system}'
    manifest.write_text(manifest.read_text().replace(told, '"file_system": 7'))
    sqlite_with_missing_file.insert("p/gone too.jpg")
    for accept, refused in (([], ["other_file_system"]), (["other_file_system"], [])):
        assert (
            guards(run(sqlite_with_missing_file.missing(quarantine=kept, accept=accept), check=True)[0])
            == refused
        )


@pytest.mark.promise("moves")
@pytest.mark.parametrize("include", [True, False])
def test_a_row_whose_file_seems_to_lie_elsewhere_stays(site_with_missing_file: Site, include: bool) -> None:
    site_with_missing_file.media.write("elsewhere/gone.jpg")
    plan, _outcome = run(site_with_missing_file.missing(include_likely_moves=include))
    assert ("'elsewhere/gone.jpg'" in reasons(plan.kept).get(b"p/gone.jpg", "")) == (not include)
    assert site_with_missing_file.images == ["p/there.jpg", "p/gone.jpg"][: 2 - include]


@pytest.mark.promise(6)
@pytest.mark.parametrize("select", ["missing", "incomplete"])
def test_a_check_run_changes_nothing_and_predicts_the_real_one(
    site_with_missing_file: Site, select: str
) -> None:
    site_with_missing_file.database.run(
        "CREATE TABLE note (id integer PRIMARY KEY, photo_id integer NOT NULL REFERENCES photo (id));"
        "INSERT INTO note VALUES (1, 1), (2, 2)"
    )
    site_with_missing_file.media.write("t/a.jpg", "CACHE/images/p/gone/1.jpg")
    site_with_missing_file.insert("p/gone too.jpg", thumbnail="t/a.jpg")
    before = site_with_missing_file.media.untouched, site_with_missing_file.database.dump()
    job = site_with_missing_file.missing(
        select=select,
        companion_columns=["thumbnail"],
        derived=["CACHE/images/{dir}/{stem}/*"],
        dependents=rules("note.photo_id delete"),
    )
    checked, nothing = run(job, check=True)
    assert nothing is None
    assert (site_with_missing_file.media.untouched, site_with_missing_file.database.dump()) == before
    applied, outcome = run(job)
    assert (checked.digest, keys(checked)) == (applied.digest, keys(applied))
    assert outcome.removed == checked.found
    assert checked.dependents == applied.dependents != {}


# Owners, and options that do not fit the database.


def test_a_label_names_the_owner_over_foreign_keys(site_with_missing_file: Site) -> None:
    site_with_missing_file.database.run(
        'CREATE TABLE "Us%er" (id integer PRIMARY KEY, name text);'
        'CREATE TABLE album (id integer PRIMARY KEY, title text, user_id integer REFERENCES "Us%er" (id));'
        "ALTER TABLE photo ADD COLUMN edited_from_id integer REFERENCES photo (id);"
        "ALTER TABLE photo ADD COLUMN album_id integer REFERENCES album (id);"
        "INSERT INTO \"Us%er\" VALUES (1, 'Eva\n');"
        "INSERT INTO album VALUES (5, 'Summer', 1), (6, NULL, NULL)"
    )
    site_with_missing_file.insert("p/gone 3", album_id=5)
    site_with_missing_file.insert("p/gone 4", album_id=6)
    titles, _outcome = run(site_with_missing_file.missing(label="album_id.title"), check=True)
    assert titles.labels == {"Summer": 1, "(none)": 2}
    users, _outcome = run(site_with_missing_file.missing(label="album_id.user_id.name"), check=True)
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
        ({"label": "parent_id.title"}, "has no column 'title'"),
        ({"dependents": [{"table": "note", "column": "photo_id", "action": "delete"}]}, "no table 'note'"),
        ({"derived": ["{dir}/*"]}, "must give its source"),
    ],
)
def test_options_that_do_not_fit_the_database_are_told(
    site_with_missing_file: Site, options: dict[str, Any], words: str
) -> None:
    site_with_missing_file.database.run(
        "ALTER TABLE photo ADD COLUMN parent_id integer REFERENCES photo (id)"
    )
    with pytest.raises(SiteError, match=words):
        run(site_with_missing_file.missing(**options))
    assert len(site_with_missing_file.images) == 2


def test_a_table_without_a_primary_key_is_refused(site: Site) -> None:
    site.database.run("CREATE TABLE upload (image text); INSERT INTO upload VALUES ('p/gone')")
    with pytest.raises(SiteError, match="no primary key, so its rows cannot be identified"):
        run(site.missing(table="upload"))


@pytest.mark.promise(11)
@pytest.mark.parametrize("depends_on_two", [False, True])
def test_records_a_few_at_a_time_are_the_same_plan_and_take_the_same(
    site: Site, monkeypatch: pytest.MonkeyPatch, depends_on_two: bool
) -> None:
    """A row that depends on two records must not be counted twice, so then they go together."""
    site.insert("p/there.jpg", *[f"p/gone {number}.jpg" for number in range(7)])
    site.media.write("p/there.jpg")
    site.database.run(
        "CREATE TABLE favourite (id integer PRIMARY KEY, photo_id integer NOT NULL REFERENCES photo (id)"
        + (", other_id integer REFERENCES photo (id))" if depends_on_two else ")")
    )
    columns = "(id, photo_id, other_id)" if depends_on_two else "(id, photo_id)"
    other = ", id + 2" if depends_on_two else ""
    few = "WHERE id <= (SELECT max(id) - 2 FROM photo)" if depends_on_two else ""
    site.database.run(f"INSERT INTO favourite {columns} SELECT id, id{other} FROM photo {few}")
    others = rules("favourite.other_id set_null") if depends_on_two else []
    job = site.missing(dependents=[*rules("favourite.photo_id delete"), *others])
    together, _outcome = run(job, check=True)
    monkeypatch.setattr(spool, "CHUNK", 2)
    plan, outcome = run(job)
    assert plan.digest == together.digest
    assert plan.dependents == together.dependents == outcome.dependents
    assert (outcome.removed.records, site.images) == (7, ["p/there.jpg"])
    assert plan.links.on_one_record is not depends_on_two


def test_few_and_many_missing_files_are_the_same_plan(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few are asked for by name once all paths have passed by; for many, all rows are read."""
    names = ["p/gone.jpg", "p/é gone.jpg", "a.jpg", "p//gone.jpg", "q/../x.jpg", "/abs.jpg", "p/25%.jpg"]
    there = ["p/there.jpg", "p/line\nfeed.jpg", "b.jpg", "p/sub/there.jpg"]
    site.media.write(*there)
    site.insert(*names, *there, "p/gone.jpg", "p/there.jpg", "")
    asked = []
    rows_naming = Database.rows_by_file

    def noted(*arguments: Any) -> Any:
        asked.append(len(set(arguments[2])))
        return rows_naming(*arguments)

    monkeypatch.setattr(Database, "rows_by_file", noted)
    job = site.missing(accept=["path_mismatch", "shared_path:p/gone.jpg"])
    few, _outcome = run(job, check=True)
    monkeypatch.setattr(missing, "FEW_NOT_FOUND", 2)
    many, _outcome = run(job, check=True)
    assert asked == [len(names)]
    assert found(few) == found(many)
    assert sorted(found(few)).count(b"p/gone.jpg") == 2
    assert (few.examined, few.found) == (many.examined, many.found)
    assert reasons(few.kept) == reasons(many.kept)
    assert few.examined == {"records": len(names) + len(there) + 2}


def test_the_rows_of_a_directory_that_is_gone_have_lost_their_files(sqlite_with_missing_file: Site) -> None:
    shutil.rmtree(sqlite_with_missing_file.media.path("p"))
    assert found(run(sqlite_with_missing_file.missing(), check=True)[0]) == [b"p/gone.jpg", b"p/there.jpg"]
