# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Iterable

import psycopg2
import psycopg2.errors
import pytest
from builders import Media, Site, found, guards, planned, reasons, run

from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile import cascade
from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile.batch import Batch
from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile.database import connect
from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile.database.model import Selection
from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile.dependents import Dependents
from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile.errors import (
    CleanupError,
    SiteError,
)

# As Django declares every foreign key.
DEFERRED = "DEFERRABLE INITIALLY DEFERRED"
TO_PHOTO = f"REFERENCES photo (id) {DEFERRED}"


@pytest.fixture(params=["by sets", "by keys"])
def lossy(site: Site, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site whose photo 1 has its file, and whose photos 2 and 3 have lost theirs.

    Where what hangs on them can be handled in sets, it is also followed row by row.
    """
    if request.param == "by keys":
        monkeypatch.setattr(cascade, "BySets", cascade.ByKeys)
    site.media.write("p/1.jpg")
    site.insert("p/1.jpg", "p/2.jpg", "p/3.jpg")
    return site


@pytest.fixture
def on_postgresql(postgresql: Any, media: Media) -> Site:
    """A site whose photo 1 has its file, and whose photo 2 has lost its own."""
    site = Site(postgresql, media)
    media.write("p/1.jpg")
    site.insert("p/1.jpg", "p/2.jpg")
    return site


def rule(table: str, column: str, action: str, **more: Any) -> dict[str, Any]:
    return {"table": table, "column": column, "action": action, **more}


def ids(site: Site, table: str) -> list[int]:
    return [number for (number,) in site.database.rows(f"SELECT id FROM {table} ORDER BY id")]


def taken_along(job: Any) -> dict[str, dict[str, int]]:
    """Run a job that ends well, and tell what became of the rows that hang on its records."""
    plan, outcome = run(job)
    assert outcome.error == ""
    return plan.dependents


def test_a_row_that_cannot_exist_without_the_record_goes_with_it(lossy: Site) -> None:
    lossy.database.run(
        f"CREATE TABLE favorite (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
        "INSERT INTO favorite VALUES (1, 1), (2, 2), (3, 2), (4, 3)"
    )
    plan, outcome = run(lossy.missing())
    assert plan.dependents == {"favorite": {"deleted": 3, "updated": 0}}
    assert (outcome.error, outcome.removed.records) == ("", 2)
    assert (ids(lossy, "favorite"), ids(lossy, "photo")) == ([1], [1])


def test_a_row_that_can_exist_without_the_record_is_detached(lossy: Site) -> None:
    lossy.database.run(
        f"CREATE TABLE album (id integer PRIMARY KEY, cover_id integer {TO_PHOTO}, title text);"
        "INSERT INTO album VALUES (1, 1, 'a'), (2, 2, 'b'), (3, NULL, 'c')"
    )
    assert taken_along(lossy.missing()) == {"album": {"deleted": 0, "updated": 1}}
    assert lossy.database.rows("SELECT * FROM album ORDER BY id") == [
        (1, 1, "a"),
        (2, None, "b"),
        (3, None, "c"),
    ]


def test_a_many_to_many_table_loses_its_rows_and_no_more(lossy: Site) -> None:
    lossy.database.run(
        "CREATE TABLE tag (id integer PRIMARY KEY); INSERT INTO tag VALUES (7), (8);"
        f"CREATE TABLE photo_tags (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO},"
        f" tag_id integer NOT NULL REFERENCES tag (id) {DEFERRED});"
        "INSERT INTO photo_tags VALUES (1, 1, 7), (2, 2, 7), (3, 3, 8)"
    )
    run(lossy.missing())
    assert (ids(lossy, "photo_tags"), ids(lossy, "tag")) == ([1], [7, 8])


@pytest.mark.parametrize(
    ("declared", "counts", "left"),
    [
        ("integer REFERENCES photo ON DELETE CASCADE", {"deleted": 1, "updated": 0}, [(1, 1)]),
        ("integer REFERENCES photo ON DELETE SET NULL", {"deleted": 0, "updated": 1}, [(1, 1), (2, None)]),
    ],
)
def test_a_rule_of_the_database_is_respected(
    lossy: Site, declared: str, counts: dict[str, int], left: list[Any]
) -> None:
    lossy.database.run(
        f"CREATE TABLE note (id integer PRIMARY KEY, photo_id {declared});"
        "INSERT INTO note VALUES (1, 1), (2, 2)"
    )
    assert taken_along(lossy.missing()) == {"note": counts}
    assert lossy.database.rows("SELECT * FROM note ORDER BY id") == left


def test_a_restriction_of_the_database_keeps_the_record(lossy: Site) -> None:
    lossy.database.run(
        "CREATE TABLE note (id integer PRIMARY KEY, photo_id integer REFERENCES photo ON DELETE RESTRICT);"
        "INSERT INTO note VALUES (1, 2)"
    )
    plan, outcome = run(lossy.missing())
    told = "rows that must not go hang on its record: note.photo_id is set to restrict"
    assert reasons(plan.skipped) == {b"p/2.jpg": told}
    assert (outcome.error, ids(lossy, "photo"), ids(lossy, "note")) == ("", [1, 2], [1])


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
    lossy: Site, null: str, action: str, photos: list[int], notes: list[Any]
) -> None:
    lossy.database.run(
        f"CREATE TABLE note (id integer PRIMARY KEY, photo_id integer {null} {TO_PHOTO});"
        "INSERT INTO note VALUES (1, 1), (2, 2)"
    )
    job = lossy.missing(dependents=[rule("note", "photo_id", action)])
    if null and action == "set_null":
        with pytest.raises(SiteError, match=r"note\.photo_id cannot be set to NULL"):
            run(job)
        return
    _plan, outcome = run(job)
    assert outcome.error == ""
    assert ids(lossy, "photo") == photos
    assert lossy.database.rows("SELECT * FROM note ORDER BY id") == notes


def test_what_hangs_on_dependents_goes_step_by_step(lossy: Site) -> None:
    lossy.database.run(
        f"CREATE TABLE comment (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
        "CREATE TABLE answer (id integer PRIMARY KEY, comment_id integer NOT NULL REFERENCES comment (id));"
        "CREATE TABLE vote (id integer PRIMARY KEY, answer_id integer REFERENCES answer (id));"
        "INSERT INTO comment VALUES (1, 1), (2, 2), (3, 3);"
        "INSERT INTO answer VALUES (1, 1), (2, 2), (3, 2), (4, 3); INSERT INTO vote VALUES (1, 1), (2, 4)"
    )
    assert taken_along(lossy.missing()) == {
        "answer": {"deleted": 3, "updated": 0},
        "comment": {"deleted": 2, "updated": 0},
        "vote": {"deleted": 0, "updated": 1},
    }
    assert (ids(lossy, "comment"), ids(lossy, "answer")) == ([1], [1])
    assert lossy.database.rows("SELECT * FROM vote ORDER BY id") == [(1, 1), (2, None)]


def test_a_restriction_far_away_keeps_the_record_and_all_on_the_way(lossy: Site) -> None:
    lossy.database.run(
        f"CREATE TABLE comment (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
        "CREATE TABLE report (id integer PRIMARY KEY, comment_id integer NOT NULL REFERENCES comment (id));"
        "INSERT INTO comment VALUES (1, 2), (2, 2), (3, 3); INSERT INTO report VALUES (1, 2)"
    )
    job = lossy.missing(dependents=[rule("report", "comment_id", "restrict")])
    plan, outcome = run(job)
    assert plan.dependents == {"comment": {"deleted": 1, "updated": 0}}
    assert list(reasons(plan.skipped)) == [b"p/2.jpg"]
    assert (outcome.error, ids(lossy, "photo"), ids(lossy, "comment")) == ("", [1, 2], [1, 2])


def test_a_restriction_that_comes_after_the_plan_keeps_the_record(lossy: Site) -> None:
    lossy.database.run(f"CREATE TABLE note (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO})")
    with planned(lossy.missing(dependents=[rule("note", "photo_id", "restrict")])) as made:
        lossy.database.run("INSERT INTO note VALUES (1, 3)")
        outcome = made.carry_out()
    assert list(reasons(outcome.skipped)) == [b"p/3.jpg"]
    assert (outcome.error, ids(lossy, "photo"), ids(lossy, "note")) == ("", [1, 3], [1])


def test_a_dependent_that_comes_after_the_plan_goes_with_its_record(lossy: Site) -> None:
    lossy.database.run(f"CREATE TABLE note (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO})")
    with planned(lossy.missing()) as made:
        lossy.database.run("INSERT INTO note VALUES (1, 2)")
        outcome = made.carry_out()
    assert (outcome.error, ids(lossy, "photo"), ids(lossy, "note")) == ("", [1], [])


def test_a_row_that_hangs_in_two_ways_is_one(lossy: Site) -> None:
    lossy.database.run(
        f"CREATE TABLE pair (id integer PRIMARY KEY, a integer NOT NULL {TO_PHOTO}, b integer {TO_PHOTO});"
        "INSERT INTO pair VALUES (1, 2, 3), (2, 1, 3), (3, 1, 1)"
    )
    assert taken_along(lossy.missing()) == {"pair": {"deleted": 1, "updated": 1}}
    assert lossy.database.rows("SELECT * FROM pair ORDER BY id") == [(2, 1, None), (3, 1, 1)]


def test_records_may_hang_on_each_other(lossy: Site) -> None:
    lossy.database.run(f"ALTER TABLE photo ADD COLUMN original_id integer {TO_PHOTO}")
    lossy.database.run(
        "UPDATE photo SET original_id = 3 WHERE id = 2; UPDATE photo SET original_id = 2 WHERE id = 1"
    )
    plan, outcome = run(lossy.missing())
    assert plan.dependents == {"photo": {"deleted": 0, "updated": 1}}
    assert (outcome.error, outcome.removed.records) == ("", 2)
    assert lossy.database.rows("SELECT id, original_id FROM photo") == [(1, None)]


def test_rows_in_a_circle_go_together(lossy: Site) -> None:
    to_b = f"REFERENCES b (id) {DEFERRED}"
    # PostgreSQL wants the other table to be there already, SQLite cannot add a constraint.
    early, late = (to_b, "") if lossy.database.kind == "sqlite" else ("", f"FOREIGN KEY (b_id) {to_b}")
    lossy.database.run(
        "CREATE TABLE a (id integer PRIMARY KEY,"
        f" photo_id integer NOT NULL {TO_PHOTO}, b_id integer NOT NULL {early});"
        f"CREATE TABLE b (id integer PRIMARY KEY, a_id integer NOT NULL REFERENCES a (id) {DEFERRED});"
        + (f"ALTER TABLE a ADD {late};" if late else "")
        + "BEGIN; INSERT INTO a VALUES (1, 2, 1), (2, 1, 2); INSERT INTO b VALUES (1, 1), (2, 2); COMMIT"
    )
    assert taken_along(lossy.missing()) == {
        "a": {"deleted": 1, "updated": 0},
        "b": {"deleted": 1, "updated": 0},
    }
    assert (ids(lossy, "a"), ids(lossy, "b")) == ([2], [2])


def test_composite_foreign_keys_are_followed(site: Site) -> None:
    site.database.run(
        "DROP TABLE photo; CREATE TABLE photo (a integer, b text, image text, PRIMARY KEY (a, b));"
        "CREATE TABLE note (id integer PRIMARY KEY, pa integer NOT NULL, pb text,"
        " FOREIGN KEY (pa, pb) REFERENCES photo (a, b));"
        "INSERT INTO photo VALUES (1, 'x', 'p/gone'), (1, 'y', ''), (2, 'x', '');"
        "INSERT INTO note VALUES (1, 1, 'x'), (2, 1, 'y'), (3, 2, 'x'), (4, 1, NULL)"
    )
    assert taken_along(site.missing()) == {"note": {"deleted": 0, "updated": 1}}
    assert site.database.rows("SELECT id, pa, pb FROM note ORDER BY id") == [
        (1, 1, None),
        (2, 1, "y"),
        (3, 2, "x"),
        (4, 1, None),
    ]


def test_a_key_to_another_column_is_followed(lossy: Site) -> None:
    lossy.database.run(
        "ALTER TABLE photo ADD COLUMN code varchar(9); CREATE UNIQUE INDEX by_code ON photo (code);"
        "UPDATE photo SET code = 'c' || id;"
        "CREATE TABLE note (id integer PRIMARY KEY, code varchar(9) NOT NULL REFERENCES photo (code));"
        "INSERT INTO note VALUES (1, 'c1'), (2, 'c2')"
    )
    _plan, outcome = run(lossy.missing())
    assert (outcome.error, ids(lossy, "note")) == ("", [1])


def test_dependents_without_a_primary_key_are_followed(lossy: Site) -> None:
    lossy.database.run(
        f"CREATE TABLE log (photo_id integer NOT NULL {TO_PHOTO}, words text);"
        "INSERT INTO log VALUES (1, 'a'), (2, 'b'), (2, 'b'), (3, 'c')"
    )
    assert taken_along(lossy.missing()) == {"log": {"deleted": 3, "updated": 0}}
    assert lossy.database.rows("SELECT * FROM log") == [(1, "a")]


def test_tables_and_columns_of_dependents_may_have_any_name(lossy: Site) -> None:
    lossy.database.run(
        f'CREATE TABLE "My ""100%%"" Likes" (id integer PRIMARY KEY, "photo %s" integer NOT NULL {TO_PHOTO});'
        'INSERT INTO "My ""100%%"" Likes" VALUES (1, 1), (2, 2)'
    )
    assert taken_along(lossy.missing()) == {'My "100%%" Likes': {"deleted": 1, "updated": 0}}


def test_dependents_in_another_schema_are_followed(postgresql: Any, media: Media) -> None:
    site = Site(postgresql, media)
    site.insert("p/gone.jpg")
    postgresql.run(
        "CREATE SCHEMA social; CREATE TABLE likes (id integer);"
        f"CREATE TABLE social.likes (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
        "INSERT INTO social.likes VALUES (1, 1)"
    )
    assert taken_along(site.missing()) == {"social.likes": {"deleted": 1, "updated": 0}}


# What no catalog knows.


@pytest.mark.parametrize(
    ("action", "photos", "notes"),
    [
        ("delete", [1, 3], [(1, 1), (9, None)]),
        ("set_null", [1, 3], [(1, 1), (2, None), (9, None)]),
        ("restrict", [1, 2, 3], [(1, 1), (2, 2), (9, None)]),
    ],
)
def test_a_key_without_a_constraint_is_followed_where_the_user_says(
    lossy: Site, action: str, photos: list[int], notes: list[Any]
) -> None:
    lossy.media.write("p/3.jpg")
    lossy.database.run(
        "CREATE TABLE note (id integer PRIMARY KEY, photo_id integer);"
        "INSERT INTO note VALUES (1, 1), (2, 2), (9, NULL)"
    )
    _plan, outcome = run(lossy.missing(dependents=[rule("note", "photo_id", action)]))
    assert (outcome.error, ids(lossy, "photo")) == ("", photos)
    assert lossy.database.rows("SELECT * FROM note ORDER BY id") == notes


@pytest.mark.parametrize("declared", ["integer", "varchar(20)"])
def test_a_generic_relation_is_followed_by_its_content_type(lossy: Site, declared: str) -> None:
    lossy.database.run(
        "CREATE TABLE django_content_type (id integer PRIMARY KEY, app_label text, model text);"
        "INSERT INTO django_content_type VALUES (4, 'album', 'video'), (5, 'album', 'photo');"
        f"CREATE TABLE note (id integer PRIMARY KEY, content_type_id integer, object_id {declared});"
        "INSERT INTO note VALUES (1, 5, '2'), (2, 4, '2'), (3, 5, '1'), (4, NULL, '2')"
    )
    generic = rule("note", "object_id", "delete", content_type="album.photo")
    assert taken_along(lossy.missing(dependents=[generic])) == {"note": {"deleted": 1, "updated": 0}}
    assert ids(lossy, "note") == [2, 3, 4]


CONTENT_TYPES = (
    "CREATE TABLE django_content_type (id integer PRIMARY KEY, app_label text, model text);"
    "INSERT INTO django_content_type VALUES (4, 'album', 'video'), (5, 'album', 'photo');"
    "CREATE TABLE note (id integer PRIMARY KEY, content_type_id integer, object_id integer);"
)


def _with_album(lossy: Site, video: str) -> Any:
    """The site with Django's names of tables, and the job on its photos."""
    lossy.database.run(
        f"{CONTENT_TYPES} ALTER TABLE photo RENAME TO album_photo; CREATE TABLE album_video ({video});"
        "INSERT INTO note VALUES (1, 4, 2), (2, 5, 2)"
    )

    def job(content_type: str) -> Any:
        generic = rule("note", "object_id", "delete", content_type=content_type)
        return lossy.missing(table="album_photo", dependents=[generic])

    return job


def test_a_content_type_of_other_rows_is_turned_down(lossy: Site) -> None:
    """Video 2 has the key of photo 2, and its note would go."""
    job = _with_album(lossy, "id integer PRIMARY KEY")
    with pytest.raises(SiteError, match=r"album\.video of note\.object_id means the rows of album_video"):
        run(job("album.video"))
    plan, outcome = run(job("album.photo"))
    assert (plan.warnings, outcome.removed.records) == ([], 2)
    assert ids(lossy, "note") == [1]


def test_a_content_type_of_a_model_that_inherits_serves(lossy: Site) -> None:
    job = _with_album(lossy, f"photo_ptr_id integer PRIMARY KEY REFERENCES album_photo (id) {DEFERRED}")
    plan, outcome = run(job("album.video"))
    assert (plan.warnings, outcome.removed.records) == ([], 2)
    assert ids(lossy, "note") == [2]


def test_a_content_type_that_says_nothing_of_the_table_is_noted(lossy: Site) -> None:
    lossy.database.run(CONTENT_TYPES)
    plan, _outcome = run(
        lossy.missing(dependents=[rule("note", "object_id", "delete", content_type="album.photo")])
    )
    assert plan.warnings == [
        "dependents: content_type album.photo of note.object_id is taken to mean the rows of photo, though "
        "Django would call its table album_photo if nothing else was said"
    ]


@pytest.mark.parametrize(
    ("most", "accept", "refused"),
    [(50, [], ["emptied_dependents"]), (50, ["emptied_dependents"], []), (100, [], [])],
)
def test_a_table_that_the_cascade_would_empty_turns_the_plan_down(
    lossy: Site, most: int, accept: list[str], refused: list[str]
) -> None:
    lossy.insert(*(f"p/{number}.jpg" for number in range(10, 20)))
    lossy.media.write(*(f"p/{number}.jpg" for number in range(10, 20)))
    lossy.database.run(f"CREATE TABLE sale (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO})")
    lossy.database.insert("sale", [{"id": number, "photo_id": 2} for number in range(100)])
    plan, _outcome = run(lossy.missing(accept=accept, max_removal_percent=most, max_dependents=1000))
    assert guards(plan) == refused
    assert len(ids(lossy, "sale")) == (100 if refused else 0)
    if refused:
        assert plan.refusals[0].message.startswith(
            "100 of 100 rows of sale would go along, 100 %, and max_removal_percent allows 50 %."
        )


@pytest.mark.parametrize(
    ("going", "staying", "refused"), [(99, 0, False), (100, 99, True), (100, 100, False)]
)
def test_only_a_large_share_of_many_rows_counts(lossy: Site, going: int, staying: int, refused: bool) -> None:
    lossy.database.run(f"CREATE TABLE sale (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO})")
    rows = [{"id": number, "photo_id": 2 if number < going else 1} for number in range(going + staying)]
    lossy.database.insert("sale", rows)
    lossy.insert(*(["p/1.jpg"] * 5))
    job = lossy.missing(accept=[], max_removal_percent=50, max_dependents=1000)
    assert guards(run(job, check=True)[0]) == ["emptied_dependents"] * refused


def test_an_unknown_content_type_is_told(lossy: Site) -> None:
    lossy.database.run(
        "CREATE TABLE django_content_type (id integer PRIMARY KEY, app_label text, model text);"
        "CREATE TABLE note (id integer PRIMARY KEY, content_type_id integer, object_id integer)"
    )
    generic = rule("note", "object_id", "delete", content_type="album.photo")
    with pytest.raises(SiteError, match=r"knows no model album\.photo"):
        run(lossy.missing(dependents=[generic]))


@pytest.mark.parametrize(
    ("null", "action", "photos", "covers"),
    [
        ("NOT NULL", "set_null", [1], ["p/1.jpg", ""]),
        ("", "set_null", [1], ["p/1.jpg", None]),
        ("", "delete", [1], ["p/1.jpg"]),
        ("", "restrict", [1, 2], ["p/1.jpg", "p/2.jpg"]),
    ],
)
def test_a_path_that_ties_a_row_to_a_record_is_followed(
    lossy: Site, null: str, action: str, photos: list[int], covers: list[str | None]
) -> None:
    lossy.database.run(
        f"CREATE TABLE album (id integer PRIMARY KEY, cover varchar(99) {null});"
        "INSERT INTO album VALUES (1, 'p/1.jpg'), (2, 'p/2.jpg')"
    )
    job = lossy.missing(dependents=[rule("album", "cover", action, holds="path")])
    plan, outcome = run(job)
    assert (outcome.error, ids(lossy, "photo")) == ("", photos)
    assert [cover for (cover,) in lossy.database.rows("SELECT cover FROM album ORDER BY id")] == covers
    assert outcome.removed == plan.found


def test_a_restricting_path_keeps_all_records_that_name_it(lossy: Site) -> None:
    lossy.insert("p/2.jpg")
    lossy.database.run("CREATE TABLE album (cover text); INSERT INTO album VALUES ('p/2.jpg')")
    run(lossy.missing(dependents=[rule("album", "cover", "restrict", holds="path")]))
    assert ids(lossy, "photo") == [1, 2, 4]


def test_records_that_hang_on_each_other_may_be_tied_by_a_path_too(lossy: Site) -> None:
    lossy.database.run(
        f"ALTER TABLE photo ADD COLUMN original_id integer {TO_PHOTO};"
        "UPDATE photo SET original_id = 2 WHERE id = 1;"
        "CREATE TABLE album (id integer PRIMARY KEY, cover text); INSERT INTO album VALUES (1, 'p/2.jpg')"
    )
    rules = [rule("photo", "original_id", "delete"), rule("album", "cover", "set_null", holds="path")]
    plan, _outcome = run(lossy.missing(dependents=rules), check=True)
    assert plan.dependents == {
        "album": {"deleted": 0, "updated": 1},
        "photo": {"deleted": 1, "updated": 0},
    }


@pytest.mark.parametrize(
    ("column", "words"), [("photo", "has no column 'photo'"), ("must", r"cannot be set to NULL")]
)
def test_a_rule_that_does_not_fit_the_table_is_told(lossy: Site, column: str, words: str) -> None:
    lossy.database.run("CREATE TABLE note (id integer PRIMARY KEY, must integer NOT NULL)")
    with pytest.raises(SiteError, match=words):
        run(lossy.missing(dependents=[rule("note", column, "set_null")]))


def test_a_rule_for_a_foreign_key_to_elsewhere_is_told(lossy: Site) -> None:
    lossy.database.run(
        "CREATE TABLE tag (id integer PRIMARY KEY);"
        "CREATE TABLE note (id integer PRIMARY KEY, tag_id integer REFERENCES tag (id))"
    )
    with pytest.raises(SiteError, match="the rule would do nothing"):
        run(lossy.missing(dependents=[rule("note", "tag_id", "restrict")]))


def test_a_row_that_could_not_be_set_back_is_not_detached(lossy: Site) -> None:
    lossy.database.run(f"CREATE TABLE log (photo_id integer {TO_PHOTO})")
    with pytest.raises(SiteError, match=r"log has no primary key.*Choose delete or restrict"):
        run(lossy.missing())


def test_a_rule_for_a_path_needs_a_column_of_text(lossy: Site) -> None:
    lossy.database.run("CREATE TABLE note (id integer PRIMARY KEY, photo_id integer)")
    with pytest.raises(SiteError, match="cannot hold a path"):
        run(lossy.missing(dependents=[rule("note", "photo_id", "delete", holds="path")]))


# Guards.


@pytest.mark.parametrize(("most", "refused"), [(2, ["max_dependents"]), (3, []), (0, ["max_dependents"])])
def test_a_cascade_far_wider_than_the_records_turns_the_plan_down(
    lossy: Site, most: int, refused: list[str]
) -> None:
    """Few records count as ten, so 30 rows are three for each."""
    lossy.database.run(f"CREATE TABLE note (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO})")
    lossy.database.run(f"INSERT INTO note VALUES {', '.join(f'({number}, 2)' for number in range(30))}")
    plan, _outcome = run(lossy.missing(max_dependents=most))
    assert guards(plan) == refused
    assert len(ids(lossy, "photo")) == (3 if refused else 1)


REFUSING = {
    "postgresql": (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
        "CREATE TRIGGER refuse BEFORE {} ON note FOR EACH ROW EXECUTE FUNCTION refuse()"
    ),
    "sqlite": "CREATE TRIGGER refuse BEFORE {} ON note BEGIN SELECT RAISE(IGNORE); END",
}


@pytest.mark.parametrize(("null", "change"), [("NOT NULL", "DELETE"), ("", "UPDATE")])
def test_a_dependent_that_the_database_does_not_let_go_undoes_everything(
    lossy: Site, null: str, change: str
) -> None:
    lossy.database.run(
        f"CREATE TABLE note (id integer PRIMARY KEY, photo_id integer {null} {TO_PHOTO});"
        "INSERT INTO note VALUES (1, 2)"
    )
    lossy.database.run(REFUSING[lossy.database.kind].format(change))
    before = lossy.database.dump()
    _plan, outcome = run(lossy.missing())
    assert "A trigger or a row security policy interferes" in outcome.error
    assert lossy.database.dump() == before


def test_rows_that_still_point_at_a_record_undo_everything(lossy: Site) -> None:
    """A trigger makes a row that no plan could know."""
    lossy.database.run(f"CREATE TABLE note (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO})")
    if lossy.database.kind == "sqlite":
        lossy.database.run(
            "CREATE TRIGGER late BEFORE DELETE ON photo BEGIN INSERT INTO note VALUES (old.id, old.id); END"
        )
    else:
        lossy.database.run(
            "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO note VALUES (old.id, old.id); RETURN old; END $$;"
            "CREATE TRIGGER late BEFORE DELETE ON photo FOR EACH ROW EXECUTE FUNCTION late()"
        )
    before = lossy.database.dump()
    plan, outcome = run(lossy.missing())
    assert found(plan) == [b"p/2.jpg", b"p/3.jpg"]
    assert "say what becomes of them in dependents" in outcome.error
    assert lossy.database.dump() == before


def test_a_view_has_no_key_to_delete_by(lossy: Site) -> None:
    lossy.database.run("CREATE VIEW shown AS SELECT * FROM photo")
    with pytest.raises(CleanupError, match="no primary key"):
        run(lossy.missing(table="shown"))


def test_what_goes_is_the_same_by_sets_and_by_keys(site: Site) -> None:
    site.insert(*[f"p/{number}.jpg" for number in range(1, 7)])
    site.database.run(
        f"CREATE TABLE favorite (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
        f"CREATE TABLE reply (a integer, b varchar(5), favorite_id integer NOT NULL REFERENCES favorite,"
        " PRIMARY KEY (a, b));"
        "CREATE TABLE reply_mark (reply_a integer NOT NULL, reply_b varchar(5) NOT NULL, colour varchar(9),"
        " FOREIGN KEY (reply_a, reply_b) REFERENCES reply (a, b));"
        f"CREATE TABLE album (id integer PRIMARY KEY, cover_id integer {TO_PHOTO}, title text);"
        f"CREATE TABLE claim (id integer PRIMARY KEY, photo_id integer REFERENCES photo ON DELETE RESTRICT);"
        "INSERT INTO favorite VALUES (1, 1), (2, 2), (3, 2), (4, 3), (5, 6);"
        "INSERT INTO reply VALUES (1, 'x', 2), (1, 'y', 2), (2, 'x', 4), (3, 'x', 5);"
        "INSERT INTO reply_mark VALUES (1, 'x', 'red'), (1, 'y', 'red'), (1, 'y', 'red'), (3, 'x', NULL);"
        "INSERT INTO album VALUES (1, 1, 'a'), (2, 2, 'b'), (3, NULL, 'c'), (4, 3, NULL), (5, 6, 'd');"
        "INSERT INTO claim VALUES (1, 4), (2, 5)"
    )
    with connect(site.database.url, read_only=True) as database:
        table = database.table("photo")
        photos = [row for rows in database.rows(Selection(table, "image")) for row in rows]
        dependents = Dependents(site.missing(), table, database)
        assert dependents.hang_on_one
        doomed = [row for row in photos if int(row.key[0]) in (1, 2, 3)]
        goings = [kind(dependents, doomed) for kind in (cascade.BySets, cascade.ByKeys)]
        counts = [going.counts() for going in goings]
        assert (
            counts[0]
            == counts[1]
            == {
                "favorite": {"deleted": 4, "updated": 0},
                "reply": {"deleted": 3, "updated": 0},
                "reply_mark": {"deleted": 3, "updated": 0},
                "album": {"deleted": 0, "updated": 3},
            }
        )
        kept = [
            sorted(
                (row.action, row.table.name, json.dumps(row.row, sort_keys=True), sorted(row.records))
                for row in going.rows_kept()
            )
            for going in goings
        ]
        assert kept[0] == kept[1]
        assert len(kept[0]) == 13
        restricted = [kind(dependents, photos).restricted for kind in (cascade.BySets, cascade.ByKeys)]
        assert restricted[0] == restricted[1] != {}
        assert {int(key[0]) for key in restricted[0]} == {4, 5}


MOVED = "UPDATE album SET cover_id = 1", "SELECT count(*) FROM album WHERE cover_id = 1"
TAKEN_OVER = "UPDATE favorite SET photo_id = 1", "SELECT count(*) FROM favorite"
ANSWERED = "INSERT INTO reply VALUES (2, 1)", "SELECT count(*) FROM reply"


@pytest.mark.parametrize(
    ("moment", "is_kept", "happens", "waits", "left"),
    [
        # What leads elsewhere before it goes does not go.
        ("carry_out", False, MOVED, False, 1),
        ("carry_out", False, TAKEN_OVER, False, 1),
        ("carry_out", False, ANSWERED, False, 0),
        # What was written down is what goes.
        ("carry_out", True, MOVED, True, 0),
        ("carry_out", True, TAKEN_OVER, True, 0),
        ("carry_out", True, ANSWERED, True, 0),
        # Nothing comes to hang on what is about to go.
        ("_carry_out", False, TAKEN_OVER, True, 0),
        ("_carry_out", False, ANSWERED, True, 0),
    ],
)
def test_what_happens_to_dependents_at_the_last_moment_waits_or_is_respected(
    on_postgresql: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    is_kept: bool,
    happens: tuple[str, str],
    waits: bool,
    left: int,
) -> None:
    on_postgresql.database.run(
        f"CREATE TABLE favorite (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
        "CREATE TABLE reply (id integer PRIMARY KEY, favorite_id integer NOT NULL REFERENCES favorite);"
        f"CREATE TABLE album (id integer PRIMARY KEY, cover_id integer {TO_PHOTO});"
        "INSERT INTO favorite VALUES (1, 2); INSERT INTO reply VALUES (1, 1); INSERT INTO album VALUES (1, 2)"
    )
    going_on = getattr(cascade.BySets, moment)
    waited = []

    def a_moment_later(*arguments: Any) -> Any:
        if not waited:
            waited.append(False)
            try:
                on_postgresql.database.run(f"SET lock_timeout = '100ms'; {happens[0]}")
            except psycopg2.errors.LockNotAvailable:
                waited[0] = True
        return going_on(*arguments)

    monkeypatch.setattr(cascade.BySets, moment, a_moment_later)
    _plan, outcome = run(on_postgresql.missing(**({"quarantine": str(tmp_path / "kept")} if is_kept else {})))
    assert waited == [waits]
    assert (outcome.error, ids(on_postgresql, "photo")) == ("", [1])
    assert on_postgresql.database.rows(happens[1]) == [(left,)]


class InsertsWhenItKeeps(Batch):
    """A quarantine that something happens to while rows are written down."""

    def __init__(self, site: Any, happens: Callable[[], None]) -> None:
        super().__init__(site, "missing", "20261121T020003Z-4f1c9d07", 1)
        self._happens = happens

    def archive(self, rows: Iterable[dict[str, Any]]) -> None:
        super().archive(rows)
        self._happens()


@pytest.mark.parametrize(
    ("schema", "happens"),
    [
        (
            "CREATE TABLE tag (id integer PRIMARY KEY, photo_id integer NOT NULL);"
            "INSERT INTO tag VALUES (1, 2)",
            "INSERT INTO tag VALUES (2, 2)",
        ),
        (
            f"CREATE TABLE tag (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
            "CREATE TABLE tag2 () INHERITS (tag); INSERT INTO tag VALUES (1, 2)",
            "INSERT INTO tag2 VALUES (2, 2)",
        ),
    ],
    ids=["no constraint", "inherited"],
)
def test_no_row_goes_that_was_not_kept(
    on_postgresql: Site, tmp_path: Path, schema: str, happens: str
) -> None:
    """Where the database lets rows come to hang on a record that is locked."""
    on_postgresql.database.run(schema)
    job = on_postgresql.missing(
        quarantine=str(tmp_path / "kept"), dependents=[rule("tag", "photo_id", "delete")]
    )
    with planned(job) as made, InsertsWhenItKeeps(
        job.site, lambda: on_postgresql.database.run(happens)
    ) as batch:
        outcome = made.carry_out(batch)
    assert 2 in ids(on_postgresql, "tag")
    assert bool(outcome.error) == (ids(on_postgresql, "photo") == [1, 2])


def test_nothing_comes_to_hang_below_what_is_about_to_go_and_restricts_it(
    on_postgresql: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_postgresql.database.run(
        f"CREATE TABLE comment (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
        "CREATE TABLE report (id integer PRIMARY KEY,"
        " comment_id integer NOT NULL REFERENCES comment ON DELETE CASCADE);"
        "INSERT INTO comment VALUES (1, 2)"
    )
    going_on = cascade.BySets.carry_out
    waited = []

    def after_the_look_for_restrictions(*arguments: Any) -> Any:
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            on_postgresql.database.run("SET lock_timeout = '100ms'; INSERT INTO report VALUES (1, 1)")
        waited.append(True)
        return going_on(*arguments)

    monkeypatch.setattr(cascade.BySets, "carry_out", after_the_look_for_restrictions)
    _plan, outcome = run(on_postgresql.missing(dependents=[rule("report", "comment_id", "restrict")]))
    assert waited == [True]
    assert (outcome.error, ids(on_postgresql, "photo"), ids(on_postgresql, "report")) == ("", [1], [])


def test_rows_without_a_key_are_told_apart_across_partitions(on_postgresql: Site) -> None:
    on_postgresql.database.run(
        "CREATE TABLE hit (photo_id integer NOT NULL REFERENCES photo, other_id integer REFERENCES photo,"
        " y integer) PARTITION BY LIST (y);"
        "CREATE TABLE hit_1 PARTITION OF hit FOR VALUES IN (1);"
        "CREATE TABLE hit_2 PARTITION OF hit FOR VALUES IN (2);"
        "INSERT INTO hit VALUES (2, NULL, 1), (1, NULL, 2)"
    )
    dependents = [rule("hit", "other_id", "restrict")]
    assert taken_along(on_postgresql.missing(dependents=dependents)) == {"hit": {"deleted": 1, "updated": 0}}
    assert on_postgresql.database.rows("SELECT photo_id FROM hit") == [(1,)]


@pytest.mark.parametrize("target", ["PHOTO(ID)", "Photo"])
def test_a_foreign_key_may_be_written_in_any_case(sqlite: Any, media: Media, target: str) -> None:
    site = Site(sqlite, media)
    media.write("p/1.jpg")
    site.insert("p/1.jpg", "p/2.jpg")
    sqlite.run(
        f"CREATE TABLE tag (id integer PRIMARY KEY, photo_id integer REFERENCES {target} ON DELETE CASCADE);"
        "INSERT INTO tag VALUES (1, 1), (2, 2)"
    )
    assert taken_along(site.missing()) == {"tag": {"deleted": 1, "updated": 0}}
    assert ids(site, "tag") == [1]


def test_a_trigger_that_detaches_a_row_instead_of_deleting_it_stops_the_run(on_postgresql: Site) -> None:
    on_postgresql.database.run(
        f"CREATE TABLE tag (id integer PRIMARY KEY, photo_id integer {TO_PHOTO});"
        "INSERT INTO tag VALUES (1, 2);"
        "CREATE FUNCTION detach() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN UPDATE tag SET photo_id = NULL WHERE id = OLD.id; RETURN NULL; END $$;"
        "CREATE TRIGGER soft BEFORE DELETE ON tag FOR EACH ROW EXECUTE FUNCTION detach()"
    )
    _plan, outcome = run(on_postgresql.missing(dependents=[rule("tag", "photo_id", "delete")]))
    assert "deleting rows of tag took 0 rows where 1 hang on the records" in outcome.error
    assert on_postgresql.database.rows("SELECT * FROM tag") == [(1, 2)]
    assert ids(on_postgresql, "photo") == [1, 2]
