# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Records on which rows depend, where it is not known what becomes of these rows."""

from __future__ import annotations

import pytest

from engine.errors import SiteError
from engine.kept import Code
from helpers.builders import DEFERRED, TO_PHOTO, Site, ids, planned, reasons, rules, run


@pytest.mark.promise(13)
@pytest.mark.parametrize("null", ["NOT NULL", ""])
def test_a_record_is_kept_where_no_rule_is_known(site_with_missing_files: Site, null: str) -> None:
    """Its rows too, and records on which no row depends are removed."""
    site_with_missing_files.database.run(
        f"CREATE TABLE note (id integer PRIMARY KEY, photo_id integer {null} {TO_PHOTO}, words text);"
        "INSERT INTO note VALUES (1, 1, 'a'), (2, 2, 'b')"
    )
    planned_only, _outcome = run(site_with_missing_files.missing(), check=True)
    plan, outcome = run(site_with_missing_files.missing())
    for each in (planned_only, plan):
        assert [(kept.name, kept.code) for kept in each.kept.items] == [
            (b"p/2.jpg", Code.UNDECLARED_DEPENDENTS)
        ]
        assert each.dependents == {}
    assert (outcome.error, ids(site_with_missing_files, "photo")) == ("", [1, 2])
    assert ids(site_with_missing_files, "note") == [1, 2]
    actions = "delete|restrict" if null else "delete|set_null|restrict"
    [note] = plan.warnings
    assert note.endswith(f"dependents: [{{table: note, column: photo_id, action: {actions}}}]")


@pytest.mark.promise(13)
def test_a_missing_rule_far_away_keeps_the_record_and_is_named(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(
        f"CREATE TABLE comment (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO});"
        'CREATE TABLE "the report" (id integer PRIMARY KEY, comment_id integer REFERENCES comment (id),'
        " words text); INSERT INTO comment VALUES (1, 2), (2, 2), (3, 3);"
        'INSERT INTO "the report" VALUES (1, 2, NULL)'
    )
    plan, outcome = run(site_with_missing_files.missing(dependents=rules("comment.photo_id delete")))
    assert list(reasons(plan.kept)) == [b"p/2.jpg"]
    assert '{table: "the report", column: comment_id, action: delete|set_null|restrict}' in plan.warnings[0]
    assert (
        outcome.error,
        ids(site_with_missing_files, "photo"),
        ids(site_with_missing_files, "comment"),
    ) == ("", [1, 2], [1, 2])


@pytest.mark.promise(2)
@pytest.mark.promise(13)
def test_a_dependent_without_a_rule_that_comes_after_the_plan_keeps_the_record(
    site_with_missing_files: Site,
) -> None:
    site_with_missing_files.database.run(
        f"CREATE TABLE note (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO})"
    )
    with planned(site_with_missing_files.missing()) as made:
        assert made.plan.warnings == []
        site_with_missing_files.database.run("INSERT INTO note VALUES (1, 3)")
        outcome = made.apply()
    assert [kept.code for kept in outcome.kept.items] == [Code.UNDECLARED_DEPENDENTS]
    assert (outcome.error, ids(site_with_missing_files, "photo")) == ("", [1, 3])


def test_a_default_of_the_database_is_a_choice(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(
        "CREATE TABLE note (id integer PRIMARY KEY, photo_id integer NOT NULL DEFAULT 1"
        " REFERENCES photo (id));"
        "INSERT INTO note VALUES (1, 2)"
    )
    plan, _outcome = run(site_with_missing_files.missing(), check=True)
    assert "action: delete|set_default|restrict}" in plan.warnings[0]
    job = site_with_missing_files.missing(dependents=rules("note.photo_id set_default"))
    _plan, outcome = run(job)
    assert (outcome.error, ids(site_with_missing_files, "photo")) == ("", [1])
    assert site_with_missing_files.database.rows("SELECT * FROM note") == [(1, 1)]


def test_a_default_that_only_python_knows_is_none(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(
        f"CREATE TABLE note (id integer PRIMARY KEY, photo_id integer NOT NULL {TO_PHOTO})"
    )
    with pytest.raises(SiteError, match="knows no default"):
        run(site_with_missing_files.missing(dependents=rules("note.photo_id set_default")))


JOINED = "CREATE TABLE tag (id integer PRIMARY KEY); INSERT INTO tag VALUES (7);"
TO_TAG = f"REFERENCES tag (id) {DEFERRED}"


@pytest.mark.promise(13)
@pytest.mark.parametrize(
    ("declared", "joins"),
    [
        ("id integer PRIMARY KEY, p integer NOT NULL {photo}, t integer NOT NULL {tag}", True),
        ("p integer NOT NULL {photo}, t integer NOT NULL {tag}, PRIMARY KEY (p, t)", True),
        ("p integer NOT NULL {photo}, t integer NOT NULL {tag}", True),
        # It says more, or something else, than that two rows belong together.
        ("id integer PRIMARY KEY, p integer NOT NULL {photo}, t integer NOT NULL {tag}, n text", False),
        ("id integer PRIMARY KEY, p integer NOT NULL {photo}, t integer {tag}", False),
        ("id integer PRIMARY KEY, p integer {photo}, t integer NOT NULL {tag}", False),
        ("id integer PRIMARY KEY, p integer NOT NULL {photo}", False),
        # A child of multi-table inheritance.
        ("p integer PRIMARY KEY NOT NULL {photo}, t integer NOT NULL {tag}", False),
        # A tree.
        ("id integer PRIMARY KEY, p integer NOT NULL {photo}, t integer NOT NULL REFERENCES joint", False),
    ],
)
def test_only_a_table_that_joins_two_others_needs_no_rule(
    site_with_missing_files: Site, declared: str, joins: bool
) -> None:
    site_with_missing_files.database.run(
        f"{JOINED} CREATE TABLE joint ({declared.format(photo=TO_PHOTO, tag=TO_TAG)})"
    )
    tag = 1 if "joint" in declared else 7
    row = {"id": 1, "p": 2, "t": tag}
    named = {name: value for name, value in row.items() if f"{name} integer" in declared}
    site_with_missing_files.database.insert("joint", [named])
    run(site_with_missing_files.missing())
    assert ids(site_with_missing_files, "photo") == ([1] if joins else [1, 2])
    assert site_with_missing_files.database.rows("SELECT p FROM joint") == ([] if joins else [(2,)])
