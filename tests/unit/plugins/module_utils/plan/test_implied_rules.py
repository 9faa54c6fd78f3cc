# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Rules that a Django project says of itself, beside those that the catalog and a user say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.config.options import RESTRICT_UNLESS_DELETED
from engine.config.site import Column, DependentRule
from engine.database import connect
from engine.errors import SiteError
from engine.kept import Code, Doubt
from engine.plan.dependents.links import Dependents
from helpers.builders import DEFERRED, TO_PHOTO, Site, ids, run


def implied(table: str, column: str, action: str, **more: Any) -> DependentRule:
    return DependentRule(Column(table, column), action, is_implied=True, **more)


def links(site: Site, *rules: DependentRule, **options: Any) -> dict[str, str]:
    """The action of each link, by the column that it is about."""
    with connect(site.database.url, read_only=True) as database:
        job = replace(site.missing(**options), dependents=rules)
        found = Dependents(job, database.table("photo"), database)
        return {str(link): link.action for link in found.links()}


@pytest.mark.promise(13)
def test_a_key_without_a_constraint_is_followed_from_the_table_that_it_references(site: Site) -> None:
    site.insert("p/1.jpg", "p/2.jpg")
    site.database.run(
        f"CREATE TABLE caption (id integer PRIMARY KEY, photo_id integer {TO_PHOTO});"
        "CREATE TABLE word (id integer PRIMARY KEY, caption_id integer);"
        "CREATE TABLE letter (id integer PRIMARY KEY, word_id integer);"
        "INSERT INTO caption VALUES (7, 1); INSERT INTO word VALUES (1, 7), (2, 1);"
        "INSERT INTO letter VALUES (1, 1), (2, 2)"
    )
    site.media.write("p/2.jpg")
    job = replace(
        site.missing(),
        dependents=(
            # In whatever order they come.
            implied("letter", "word_id", "delete", target="word"),
            implied("word", "caption_id", "delete", target="caption"),
            implied("caption", "photo_id", "delete", target="photo"),
        ),
    )
    run(job)
    assert ids(site, "photo") == [2]
    assert ids(site, "caption") == []
    # The word 2 is of caption 1, which has nothing to do with photo 1.
    assert (ids(site, "word"), ids(site, "letter")) == ([2], [2])


@pytest.mark.promise(13)
def test_a_key_without_a_constraint_leads_to_the_column_that_it_references(site: Site) -> None:
    site.insert("p/1.jpg", "p/2.jpg")
    site.media.write("p/2.jpg")
    site.database.run(
        "CREATE TABLE caption (id integer PRIMARY KEY, photo varchar(100));"
        # The second is of no photo, though one has this key.
        "INSERT INTO caption VALUES (1, 'p/1.jpg'), (2, '1'), (3, 'p/2.jpg')"
    )
    rule = implied("caption", "photo", "delete", target="photo", target_column="image")
    plan, outcome = run(replace(site.missing(), dependents=(rule,)))
    assert outcome.error == ""
    assert plan.dependents == {"caption": {"deleted": 1, "updated": 0}}
    assert (ids(site, "photo"), ids(site, "caption")) == ([2], [2, 3])


@pytest.mark.promise(13)
def test_a_key_to_a_column_of_another_table_is_refused(site: Site) -> None:
    site.database.run("CREATE TABLE caption (id integer PRIMARY KEY, photo varchar(100))")
    rule = implied("caption", "photo", "delete", target="photo", target_column="slug")
    with pytest.raises(SiteError, match="photo has no column 'slug'"):
        links(site, rule)


def test_a_rule_without_effect_or_table_is_none(site: Site) -> None:
    site.database.run(f"CREATE TABLE caption (id integer PRIMARY KEY, photo_id integer {TO_PHOTO})")
    found = links(
        site,
        implied("caption", "photo_id", "restrict"),
        implied("not_migrated", "photo_id", "delete"),
        implied("caption", "id", "delete", target="album"),
    )
    assert found == {"caption.photo_id": "restrict"}


@pytest.mark.promise(13)
def test_what_the_user_says_of_a_column_replaces_it_under_whatever_name(site: Site) -> None:
    site.database.run(f"CREATE TABLE caption (id integer PRIMARY KEY, photo_id integer {TO_PHOTO})")
    schema = "main" if site.database.kind == "sqlite" else "public"
    said = DependentRule(Column(f"{schema}.caption", "photo_id"), "restrict")
    implied_rule = implied("caption", "photo_id", "delete")
    assert links(site, said, implied_rule) == {"caption.photo_id": "restrict"}


@pytest.mark.promise(13)
def test_a_parent_is_deleted_only_over_the_links_that_the_project_knows(site: Site) -> None:
    # A face is a profile, and a profile has the key of its person, who is no parent of it; nor is an owner.
    site.database.run(
        "CREATE TABLE person (id integer PRIMARY KEY);"
        f"CREATE TABLE profile (person_id integer PRIMARY KEY NOT NULL REFERENCES person (id) {DEFERRED});"
        "CREATE TABLE face (profile_ptr_id integer PRIMARY KEY NOT NULL"
        f" REFERENCES profile (person_id) {DEFERRED}, image varchar(100),"
        f" owner_ptr_id integer NOT NULL REFERENCES person (id) {DEFERRED});"
        "INSERT INTO person VALUES (1), (2), (3); INSERT INTO profile VALUES (1), (2);"
        "INSERT INTO face VALUES (1, 'p/1.jpg', 3), (2, 'p/2.jpg', 3)"
    )
    site.media.write("p/1.jpg")
    known = (("face", ("profile_ptr_id",)), ("profile", ()), ("person", ()))
    job = site.missing(table="face", parents="delete", confirm_scans=1)
    _plan, outcome = run(replace(job, parent_links=known))
    assert outcome.error == ""
    assert site.database.rows("SELECT profile_ptr_id FROM face") == [(1,)]
    assert site.database.rows("SELECT person_id FROM profile") == [(1,)]
    assert ids(site, "person") == [1, 2, 3]


@pytest.mark.promise(13)
def test_rows_without_a_primary_key_keep_the_record(site: Site) -> None:
    site.database.run("CREATE VIEW shown AS SELECT id AS photo_id FROM photo")
    rule = implied("shown", "photo_id", "delete", target="photo", name="album.Shown.photo")
    assert links(site, rule) == {"shown.photo_id": "restrict"}
    site.insert("p/1.jpg")
    plan, _outcome = run(replace(site.missing(), dependents=(rule,)))
    assert "shown has no primary key by which" in plan.kept.items[0].reason


@pytest.mark.promise(13)
@pytest.mark.parametrize(("action", "code"), [("set_callable", "set_callable"), ("tree_model", "tree_model")])
def test_what_sql_cannot_do_keeps_the_record_and_says_how_to_accept_it(
    site: Site, action: str, code: str
) -> None:
    site.insert("p/1.jpg")
    site.database.run(
        f"CREATE TABLE caption (id integer PRIMARY KEY, photo_id integer {TO_PHOTO});"
        "INSERT INTO caption VALUES (1, 1)"
    )
    rule = implied("caption", "photo_id", action, name="album.Caption.photo")
    plan, _outcome = run(replace(site.missing(), dependents=(rule,)))
    [kept] = plan.kept.items
    assert kept.code.value == code
    assert f"accept: ['{code}:album.Caption.photo']" in kept.reason
    assert ids(site, "photo") == [1]


def test_null_is_offered_only_where_the_column_takes_it(site: Site) -> None:
    site.insert("p/1.jpg")
    site.database.run(
        f"CREATE TABLE caption (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
        "INSERT INTO caption VALUES (1, 1)"
    )
    rule = implied("caption", "photo_id", "set_callable", name="album.Caption.photo")
    plan, _outcome = run(replace(site.missing(), dependents=(rule,)))
    assert plan.kept.items[0].reason.endswith("Delete it with Django")


@pytest.mark.promise(13)
def test_restrict_bears_with_rows_that_are_deleted_over_another_way(site: Site) -> None:
    site.insert(*(f"p/{number}.jpg" for number in range(1, 6)))
    site.media.write("p/3.jpg")
    site.database.run(
        f"CREATE TABLE favorite (id integer PRIMARY KEY, photo_id integer {TO_PHOTO});"
        f"CREATE TABLE caption (id integer PRIMARY KEY, photo_id integer {TO_PHOTO});"
        f"CREATE TABLE claim (id integer PRIMARY KEY, photo_id integer {TO_PHOTO},"
        " favorite_id integer REFERENCES favorite, caption_id integer REFERENCES caption);"
        "INSERT INTO favorite VALUES (1, 1), (2, 2), (3, 3);"
        "INSERT INTO caption VALUES (1, 1);"
        # Of the photo itself; of one that stays; of one that goes; of one that is kept because of the second.
        "INSERT INTO claim VALUES (1, 1, 1, 1), (2, 2, 3, NULL), (3, 4, 1, NULL), (4, 5, 2, NULL)"
    )
    rules = (
        implied("claim", "photo_id", RESTRICT_UNLESS_DELETED),
        # Foreign keys are checked with each statement, so the claims must go before the captions.
        implied("caption", "photo_id", "delete"),
        implied("claim", "caption_id", RESTRICT_UNLESS_DELETED),
        implied("favorite", "photo_id", "delete"),
        implied("claim", "favorite_id", "delete"),
    )
    plan, _outcome = run(replace(site.missing(), dependents=rules))
    assert [kept.code for kept in plan.kept.items] == [Code.RESTRICTED, Code.RESTRICTED]
    assert (ids(site, "photo"), ids(site, "favorite"), ids(site, "claim")) == ([2, 3, 5], [2, 3], [2, 4])


def test_a_doubt_about_all_records_keeps_each(site: Site) -> None:
    site.insert("p/1.jpg", "p/2.jpg")
    doubt = Doubt(Code.TREE_MODEL, "a tree")
    plan, _outcome = run(replace(site.missing(), doubt=doubt))
    assert [kept.code for kept in plan.kept.items] == [Code.TREE_MODEL, Code.TREE_MODEL]
    assert ids(site, "photo") == [1, 2]


@pytest.mark.promise(3)
def test_a_rule_of_the_project_does_not_say_that_a_row_attaches_a_record_to_nothing(site: Site) -> None:
    site.database.run(f"CREATE TABLE favorite (id integer PRIMARY KEY, photo_id integer {TO_PHOTO})")
    rule = implied("favorite", "photo_id", "delete")
    attached = {"favorite.photo_id": "referenced_row"}
    assert links(site, rule, select="incomplete", unattached_column="album_id") == attached
    said = replace(rule, is_implied=False)
    assert links(site, said, select="incomplete", unattached_column="album_id") == {
        "favorite.photo_id": "delete"
    }


def test_what_does_not_run_is_said_where_rows_are_deleted(site: Site) -> None:
    job = replace(site.missing(), notes=("a receiver",))
    site.insert("p/1.jpg")
    site.media.write("p/1.jpg")
    assert run(job)[0].warnings == []
    site.insert("p/2.jpg")
    assert run(job)[0].warnings == ["a receiver"]


def test_a_record_is_kept_with_the_words_of_the_models(site: Site) -> None:
    site.insert("p/1.jpg")
    site.database.run(
        f"CREATE TABLE caption (id integer PRIMARY KEY, photo_id integer {TO_PHOTO});"
        "INSERT INTO caption VALUES (1, 1)"
    )
    rule = implied("caption", "photo_id", "restrict", name="album.Caption.photo", why="on_delete is PROTECT")
    plan, _outcome = run(replace(site.missing(), dependents=(rule,)))
    [kept] = plan.kept.items
    assert kept.code is Code.RESTRICTED
    assert kept.reason == (
        "rows depend on its record by caption.photo_id, and on_delete is PROTECT (album.Caption.photo)"
    )
