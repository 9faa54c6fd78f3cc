# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import (
    CleanupError,
    SiteError,
)
from helpers.builders import (
    DEFERRED,
    TO_PHOTO,
    Media,
    Site,
    found,
    guards,
    ids,
    planned,
    reasons,
    rule,
    rules,
    run,
    taken_along,
)


def test_a_row_that_cannot_exist_without_the_record_goes_with_it(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(
        f"CREATE TABLE favorite (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
        "INSERT INTO favorite VALUES (1, 1), (2, 2), (3, 2), (4, 3)"
    )
    plan, outcome = run(site_with_missing_files.missing(dependents=rules("favorite.photo_id delete")))
    assert plan.dependents == {"favorite": {"deleted": 3, "updated": 0}}
    assert (outcome.error, outcome.removed.records) == ("", 2)
    assert (ids(site_with_missing_files, "favorite"), ids(site_with_missing_files, "photo")) == ([1], [1])


def test_a_row_that_can_exist_without_the_record_is_detached(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(
        f"CREATE TABLE album (id integer PRIMARY KEY, cover_id integer {TO_PHOTO}, title text);"
        "INSERT INTO album VALUES (1, 1, 'a'), (2, 2, 'b'), (3, NULL, 'c')"
    )
    assert taken_along(site_with_missing_files.missing(dependents=rules("album.cover_id set_null"))) == {
        "album": {"deleted": 0, "updated": 1}
    }
    assert site_with_missing_files.database.rows("SELECT * FROM album ORDER BY id") == [
        (1, 1, "a"),
        (2, None, "b"),
        (3, None, "c"),
    ]


def test_a_many_to_many_table_loses_its_rows_and_no_more(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(
        "CREATE TABLE tag (id integer PRIMARY KEY); INSERT INTO tag VALUES (7), (8);"
        f"CREATE TABLE photo_tags (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO},"
        f" tag_id integer NOT NULL REFERENCES tag (id) {DEFERRED});"
        "INSERT INTO photo_tags VALUES (1, 1, 7), (2, 2, 7), (3, 3, 8)"
    )
    run(site_with_missing_files.missing())
    assert (ids(site_with_missing_files, "photo_tags"), ids(site_with_missing_files, "tag")) == ([1], [7, 8])


@pytest.mark.parametrize(
    ("declared", "counts", "left"),
    [
        ("integer REFERENCES photo ON DELETE CASCADE", {"deleted": 1, "updated": 0}, [(1, 1)]),
        ("integer REFERENCES photo ON DELETE SET NULL", {"deleted": 0, "updated": 1}, [(1, 1), (2, None)]),
    ],
)
def test_a_rule_of_the_database_is_respected(
    site_with_missing_files: Site, declared: str, counts: dict[str, int], left: list[Any]
) -> None:
    site_with_missing_files.database.run(
        f"CREATE TABLE note (id integer PRIMARY KEY, photo_id {declared});"
        "INSERT INTO note VALUES (1, 1), (2, 2)"
    )
    assert taken_along(site_with_missing_files.missing()) == {"note": counts}
    assert site_with_missing_files.database.rows("SELECT * FROM note ORDER BY id") == left


def test_a_restriction_of_the_database_keeps_the_record(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(
        "CREATE TABLE note (id integer PRIMARY KEY, photo_id integer REFERENCES photo ON DELETE RESTRICT);"
        "INSERT INTO note VALUES (1, 2)"
    )
    plan, outcome = run(site_with_missing_files.missing())
    told = "dependent rows must not be removed with its record: note.photo_id is set to restrict"
    assert reasons(plan.kept) == {b"p/2.jpg": told}
    assert (outcome.error, ids(site_with_missing_files, "photo"), ids(site_with_missing_files, "note")) == (
        "",
        [1, 2],
        [1],
    )


@pytest.mark.parametrize("null", ["NOT NULL", ""])
@pytest.mark.parametrize(
    ("action", "photos", "notes"),
    [
        ("delete", [1], [(1, 1)]),
        ("restrict", [1, 2], [(1, 1), (2, 2)]),
        ("set_null", [1], [(1, 1), (2, None)]),
    ],
)
def test_what_the_user_says_comes_first(
    site_with_missing_files: Site, null: str, action: str, photos: list[int], notes: list[Any]
) -> None:
    site_with_missing_files.database.run(
        f"CREATE TABLE note (id integer PRIMARY KEY, photo_id integer {null} {TO_PHOTO});"
        "INSERT INTO note VALUES (1, 1), (2, 2)"
    )
    job = site_with_missing_files.missing(dependents=[rule("note", "photo_id", action)])
    if null and action == "set_null":
        with pytest.raises(SiteError, match=r"note\.photo_id cannot be set to NULL"):
            run(job)
        return
    _plan, outcome = run(job)
    assert outcome.error == ""
    assert ids(site_with_missing_files, "photo") == photos
    assert site_with_missing_files.database.rows("SELECT * FROM note ORDER BY id") == notes


def test_rows_that_depend_on_dependents_go_step_by_step(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(
        f"CREATE TABLE comment (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
        "CREATE TABLE answer (id integer PRIMARY KEY, comment_id integer NOT NULL REFERENCES comment (id));"
        "CREATE TABLE vote (id integer PRIMARY KEY, answer_id integer REFERENCES answer (id));"
        "INSERT INTO comment VALUES (1, 1), (2, 2), (3, 3);"
        "INSERT INTO answer VALUES (1, 1), (2, 2), (3, 2), (4, 3); INSERT INTO vote VALUES (1, 1), (2, 4)"
    )
    assert taken_along(
        site_with_missing_files.missing(
            dependents=rules("comment.photo_id delete", "answer.comment_id delete", "vote.answer_id set_null")
        )
    ) == {
        "answer": {"deleted": 3, "updated": 0},
        "comment": {"deleted": 2, "updated": 0},
        "vote": {"deleted": 0, "updated": 1},
    }
    assert (ids(site_with_missing_files, "comment"), ids(site_with_missing_files, "answer")) == ([1], [1])
    assert site_with_missing_files.database.rows("SELECT * FROM vote ORDER BY id") == [(1, 1), (2, None)]


def test_a_restriction_far_away_keeps_the_record_and_all_on_the_way(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(
        f"CREATE TABLE comment (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
        "CREATE TABLE report (id integer PRIMARY KEY, comment_id integer NOT NULL REFERENCES comment (id));"
        "INSERT INTO comment VALUES (1, 2), (2, 2), (3, 3); INSERT INTO report VALUES (1, 2)"
    )
    job = site_with_missing_files.missing(
        dependents=rules("comment.photo_id delete", "report.comment_id restrict")
    )
    plan, outcome = run(job)
    assert plan.dependents == {"comment": {"deleted": 1, "updated": 0}}
    assert list(reasons(plan.kept)) == [b"p/2.jpg"]
    assert (
        outcome.error,
        ids(site_with_missing_files, "photo"),
        ids(site_with_missing_files, "comment"),
    ) == ("", [1, 2], [1, 2])


@pytest.mark.promise(2)
def test_a_restriction_that_comes_after_the_plan_keeps_the_record(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(
        f"CREATE TABLE note (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO})"
    )
    with planned(site_with_missing_files.missing(dependents=[rule("note", "photo_id", "restrict")])) as made:
        site_with_missing_files.database.run("INSERT INTO note VALUES (1, 3)")
        outcome = made.apply()
    assert list(reasons(outcome.kept)) == [b"p/3.jpg"]
    assert (outcome.error, ids(site_with_missing_files, "photo"), ids(site_with_missing_files, "note")) == (
        "",
        [1, 3],
        [1],
    )


def test_a_row_that_hangs_in_two_ways_is_one(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(
        f"CREATE TABLE pair (id integer PRIMARY KEY, a integer NOT NULL {TO_PHOTO}, b integer {TO_PHOTO});"
        "INSERT INTO pair VALUES (1, 2, 3), (2, 1, 3), (3, 1, 1)"
    )
    assert taken_along(
        site_with_missing_files.missing(dependents=rules("pair.a delete", "pair.b set_null"))
    ) == {"pair": {"deleted": 1, "updated": 1}}
    assert site_with_missing_files.database.rows("SELECT * FROM pair ORDER BY id") == [
        (2, 1, None),
        (3, 1, 1),
    ]


def test_records_may_depend_on_each_other(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(f"ALTER TABLE photo ADD COLUMN original_id integer {TO_PHOTO}")
    site_with_missing_files.database.run(
        "UPDATE photo SET original_id = 3 WHERE id = 2; UPDATE photo SET original_id = 2 WHERE id = 1"
    )
    plan, outcome = run(site_with_missing_files.missing(dependents=rules("photo.original_id set_null")))
    assert plan.dependents == {"photo": {"deleted": 0, "updated": 1}}
    assert (outcome.error, outcome.removed.records) == ("", 2)
    assert site_with_missing_files.database.rows("SELECT id, original_id FROM photo") == [(1, None)]


def test_rows_in_a_circle_go_together(site_with_missing_files: Site) -> None:
    to_b = f"REFERENCES b (id) {DEFERRED}"
    # PostgreSQL wants the other table to be there already, SQLite cannot add a constraint.
    early, late = (
        (to_b, "")
        if site_with_missing_files.database.kind == "sqlite"
        else ("", f"FOREIGN KEY (b_id) {to_b}")
    )
    site_with_missing_files.database.run(
        "CREATE TABLE a (id integer PRIMARY KEY,"
        f" photo_id integer NOT NULL {TO_PHOTO}, b_id integer NOT NULL {early});"
        f"CREATE TABLE b (id integer PRIMARY KEY, a_id integer NOT NULL REFERENCES a (id) {DEFERRED});"
        + (f"ALTER TABLE a ADD {late};" if late else "")
        + "BEGIN; INSERT INTO a VALUES (1, 2, 1), (2, 1, 2); INSERT INTO b VALUES (1, 1), (2, 2); COMMIT"
    )
    assert taken_along(
        site_with_missing_files.missing(
            dependents=rules("a.photo_id delete", "a.b_id delete", "b.a_id delete")
        )
    ) == {
        "a": {"deleted": 1, "updated": 0},
        "b": {"deleted": 1, "updated": 0},
    }
    assert (ids(site_with_missing_files, "a"), ids(site_with_missing_files, "b")) == ([2], [2])


def test_composite_foreign_keys_are_followed(site: Site) -> None:
    site.database.run(
        "DROP TABLE photo; CREATE TABLE photo (a integer, b text, image text, PRIMARY KEY (a, b));"
        "CREATE TABLE note (id integer PRIMARY KEY, pa integer NOT NULL, pb text,"
        " FOREIGN KEY (pa, pb) REFERENCES photo (a, b));"
        "INSERT INTO photo VALUES (1, 'x', 'p/gone'), (1, 'y', ''), (2, 'x', '');"
        "INSERT INTO note VALUES (1, 1, 'x'), (2, 1, 'y'), (3, 2, 'x'), (4, 1, NULL)"
    )
    assert taken_along(site.missing(dependents=rules("note.pb set_null"))) == {
        "note": {"deleted": 0, "updated": 1}
    }
    assert site.database.rows("SELECT id, pa, pb FROM note ORDER BY id") == [
        (1, 1, None),
        (2, 1, "y"),
        (3, 2, "x"),
        (4, 1, None),
    ]


def test_a_key_to_another_column_is_followed(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(
        "ALTER TABLE photo ADD COLUMN code varchar(9); CREATE UNIQUE INDEX by_code ON photo (code);"
        "UPDATE photo SET code = 'c' || id;"
        "CREATE TABLE note (id integer PRIMARY KEY, code varchar(9) NOT NULL REFERENCES photo (code));"
        "INSERT INTO note VALUES (1, 'c1'), (2, 'c2')"
    )
    _plan, outcome = run(site_with_missing_files.missing(dependents=rules("note.code delete")))
    assert (outcome.error, ids(site_with_missing_files, "note")) == ("", [1])


def test_dependents_without_a_primary_key_are_followed(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(
        f"CREATE TABLE log (photo_id integer NOT NULL {TO_PHOTO}, words text);"
        "INSERT INTO log VALUES (1, 'a'), (2, 'b'), (2, 'b'), (3, 'c')"
    )
    assert taken_along(site_with_missing_files.missing(dependents=rules("log.photo_id delete"))) == {
        "log": {"deleted": 3, "updated": 0}
    }
    assert site_with_missing_files.database.rows("SELECT * FROM log") == [(1, "a")]


def test_tables_and_columns_of_dependents_may_have_any_name(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(
        f'CREATE TABLE "My ""100%%"" Likes" (id integer PRIMARY KEY, "photo %s" integer NOT NULL {TO_PHOTO});'
        'INSERT INTO "My ""100%%"" Likes" VALUES (1, 1), (2, 2)'
    )
    assert taken_along(
        site_with_missing_files.missing(dependents=[rule('My "100%%" Likes', "photo %s", "delete")])
    ) == {'My "100%%" Likes': {"deleted": 1, "updated": 0}}


def test_dependents_in_another_schema_are_followed(postgresql: Any, media: Media) -> None:
    site = Site(postgresql, media)
    site.insert("p/gone.jpg")
    postgresql.run(
        "CREATE SCHEMA social; CREATE TABLE likes (id integer);"
        f"CREATE TABLE social.likes (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
        "INSERT INTO social.likes VALUES (1, 1)"
    )
    assert taken_along(site.missing(dependents=rules("social.likes.photo_id delete"))) == {
        "social.likes": {"deleted": 1, "updated": 0}
    }


# Guards.


@pytest.mark.promise("guards")
@pytest.mark.parametrize(("most", "refused"), [(2, ["max_dependents"]), (3, []), (0, ["max_dependents"])])
def test_a_cascade_far_wider_than_the_records_turns_the_plan_down(
    site_with_missing_files: Site, most: int, refused: list[str]
) -> None:
    """Few records count as ten, so 30 rows are three for each."""
    site_with_missing_files.database.run(
        f"CREATE TABLE note (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO})"
    )
    site_with_missing_files.database.run(
        f"INSERT INTO note VALUES {', '.join(f'({number}, 2)' for number in range(30))}"
    )
    plan, _outcome = run(
        site_with_missing_files.missing(dependents=rules("note.photo_id delete"), max_dependents=most)
    )
    assert guards(plan) == refused
    assert len(ids(site_with_missing_files, "photo")) == (3 if refused else 1)


REFUSING = {
    "postgresql": (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
        "CREATE TRIGGER refuse BEFORE {} ON note FOR EACH ROW EXECUTE FUNCTION refuse()"
    ),
    "sqlite": "CREATE TRIGGER refuse BEFORE {} ON note BEGIN SELECT RAISE(IGNORE); END",
}


@pytest.mark.promise(4)
@pytest.mark.parametrize(("null", "change"), [("NOT NULL", "DELETE"), ("", "UPDATE")])
def test_a_dependent_that_the_database_does_not_let_go_undoes_everything(
    site_with_missing_files: Site, null: str, change: str
) -> None:
    site_with_missing_files.database.run(
        f"CREATE TABLE note (id integer PRIMARY KEY, photo_id integer {null} {TO_PHOTO});"
        "INSERT INTO note VALUES (1, 2)"
    )
    site_with_missing_files.database.run(REFUSING[site_with_missing_files.database.kind].format(change))
    before = site_with_missing_files.database.dump()
    _plan, outcome = run(
        site_with_missing_files.missing(
            dependents=[rule("note", "photo_id", "delete" if null else "set_null")],
            accept=site_with_missing_files.accepting("delete_trigger:note"),
        )
    )
    assert "A trigger or a row security policy interferes" in outcome.error
    assert site_with_missing_files.database.dump() == before


POINTING_AGAIN = {
    # A row that no plan could know.
    "a new row": {
        "postgresql": (
            "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO note VALUES (9, old.id); RETURN old; END $$;"
            "CREATE TRIGGER late BEFORE DELETE ON photo FOR EACH ROW EXECUTE FUNCTION late()"
        ),
        "sqlite": "CREATE TRIGGER late BEFORE DELETE ON photo BEGIN INSERT INTO note VALUES (9, old.id); END",
    },
    # The database tells of the update that it was done.
    "a row that is attached again": {
        "postgresql": (
            "CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.photo_id = 2; RETURN NEW; END $$;"
            "CREATE TRIGGER again BEFORE UPDATE ON note FOR EACH ROW EXECUTE FUNCTION again()"
        ),
        "sqlite": "CREATE TRIGGER again AFTER UPDATE ON note BEGIN UPDATE note SET photo_id = 2; END",
    },
}


@pytest.mark.promise(4)
@pytest.mark.parametrize("case", POINTING_AGAIN)
def test_rows_that_still_point_at_a_record_undo_everything(site_with_missing_files: Site, case: str) -> None:
    site_with_missing_files.database.run(
        f"CREATE TABLE note (id integer PRIMARY KEY, photo_id integer {TO_PHOTO})"
    )
    site_with_missing_files.database.run("INSERT INTO note VALUES (1, 2); DELETE FROM photo WHERE id = 3")
    site_with_missing_files.database.run(POINTING_AGAIN[case][site_with_missing_files.database.kind])
    before = site_with_missing_files.database.dump()
    job = site_with_missing_files.missing(
        dependents=rules("note.photo_id set_null"),
        accept=site_with_missing_files.accepting("delete_trigger:photo"),
    )
    plan, outcome = run(job)
    assert found(plan) == [b"p/2.jpg"]
    assert "say what becomes of them in dependents" in outcome.error
    assert site_with_missing_files.database.dump() == before


def test_a_view_has_no_key_to_delete_by(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run("CREATE VIEW shown AS SELECT * FROM photo")
    with pytest.raises(CleanupError, match="no primary key"):
        run(site_with_missing_files.missing(table="shown"))
