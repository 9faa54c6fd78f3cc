# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A record job about some rows of a table: the others are not judged or counted, and still protect files."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import SiteError
from engine.kept import Code
from helpers.builders import Site, found, guards, ids, planned, run


@pytest.fixture
def kinds(site: Site) -> Site:
    """Photos of several kinds, all of which have lost their files."""
    site.database.run(
        "ALTER TABLE photo ADD COLUMN kind varchar(20); ALTER TABLE photo ADD COLUMN owner_id integer;"
        "ALTER TABLE photo ADD COLUMN is_draft boolean"
    )
    site.media.write("p/other.jpg")
    true, false = (1, 0) if site.database.kind == "sqlite" else (True, False)
    site.insert("p/1.jpg", kind="draft", owner_id=1, is_draft=true)
    site.insert("p/2.jpg", kind="draft", owner_id=None, is_draft=true)
    site.insert("p/3.jpg", kind="sold", owner_id=1, is_draft=false)
    site.insert("p/4.jpg", kind=None, owner_id=2, is_draft=false)
    return site


@pytest.mark.parametrize("job", ["missing", "incomplete"])
@pytest.mark.parametrize(
    ("only", "left"),
    [
        ({"kind": "draft"}, [3, 4]),
        ({"kind": ["draft", "sold"]}, [4]),
        ({"kind": None}, [1, 2, 3]),
        ({"kind": "draft", "owner_id": 1}, [2, 3, 4]),
        ({"owner_id": "1"}, [2, 4]),
        ({"owner_id": [1, 2]}, [2]),
        ({"is_draft": True}, [3, 4]),
        ({"is_draft": False, "kind": None}, [1, 2, 3]),
        ({"kind": "it's %s"}, [1, 2, 3, 4]),
        ({}, []),
    ],
)
def test_rows_outside_are_neither_removed_nor_counted(
    kinds: Site, job: str, only: dict[str, Any], left: list[int]
) -> None:
    made = getattr(kinds, job)(only=only)
    predicted, _outcome = run(made, check=True)
    plan, outcome = run(made)
    inside = 4 - len(left)
    assert predicted.examined == plan.examined == {"records": inside}
    assert (len(predicted.items), outcome.error, outcome.removed.records) == (inside, "", inside)
    assert ids(kinds, "photo") == left
    assert plan.kept.items == []


def test_the_share_is_that_of_the_rows_inside(kinds: Site) -> None:
    kinds.insert(*(f"p/there {number}.jpg" for number in range(40)), kind="sold")
    kinds.media.write(*(f"p/there {number}.jpg" for number in range(40)))
    kinds.insert(*(f"p/gone {number}.jpg" for number in range(12)), kind="draft")
    kinds.database.run("DELETE FROM photo WHERE kind = 'sold' AND image = 'p/3.jpg'")
    options = {"max_removal_percent": 50}
    plan, _outcome = run(kinds.missing(**options), check=True)
    assert guards(plan) == []
    plan, _outcome = run(kinds.missing(only={"kind": "draft"}, **options), check=True)
    assert guards(plan) == ["max_removal_percent"]


def test_a_row_outside_protects_the_files_of_those_inside(kinds: Site) -> None:
    kinds.media.write("p/1.jpg", "t/shared.jpg", "t/own.jpg")
    kinds.database.run("UPDATE photo SET thumbnail = 't/shared.jpg' WHERE id IN (2, 3)")
    kinds.database.run("UPDATE photo SET thumbnail = 't/own.jpg' WHERE id = 1")
    job = kinds.incomplete(companion_columns=["thumbnail"], only={"kind": "draft"})
    _plan, outcome = run(job)
    assert (outcome.error, ids(kinds, "photo")) == ("", [3, 4])
    assert kinds.media.files == {b"p/other.jpg", b"t/shared.jpg"}


@pytest.mark.promise(13)
def test_a_path_that_a_row_outside_shares_keeps_the_record(kinds: Site) -> None:
    kinds.database.run("UPDATE photo SET image = 'p/default.jpg' WHERE id IN (1, 3)")
    plan, outcome = run(kinds.missing(only={"kind": "draft"}))
    assert [(kept.name, kept.code) for kept in plan.kept.items] == [(b"p/default.jpg", Code.SHARED_PATH)]
    assert (outcome.error, ids(kinds, "photo"), outcome.kept.items) == ("", [1, 3, 4], [])


@pytest.mark.promise(2)
def test_a_row_that_leaves_after_the_plan_is_kept(kinds: Site) -> None:
    with planned(kinds.missing(only={"kind": "draft"})) as made:
        assert found(made.plan) == [b"p/1.jpg", b"p/2.jpg"]
        kinds.database.run("UPDATE photo SET kind = 'sold' WHERE id = 2")
        outcome = made.apply()
    assert (outcome.error, ids(kinds, "photo")) == ("", [2, 3, 4])
    assert [kept.code for kept in outcome.kept.items] == [Code.CHANGED]


@pytest.mark.parametrize(
    ("only", "words"),
    [
        ({"colour": "red"}, "no column 'colour'"),
        ({"owner_id": "many"}, "only: .*owner_id.*many"),
        ({"owner_id": [1, "many"]}, "only: .*owner_id.*many"),
        ({"is_draft": "maybe"}, "only: .*is_draft.*maybe"),
        ({"kind": []}, "only: .*kind.* an empty list"),
        ({"kind": {"a": 1}}, "only: .*kind.* a mapping"),
        ({"kind": ["a", None]}, "only: .*kind.* null in a list"),
        ({"kind": ["a", ["b"]]}, "only: .*kind.* a list in a list"),
        ({"": "a"}, "only: .*empty"),
        ("kind = 'draft'", "only is .*must be a mapping"),
        ({"kind": "a\0b"}, "NUL"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(kinds: Site, only: Any, words: str) -> None:
    with pytest.raises(SiteError, match=words):
        run(kinds.missing(only=only))
    assert ids(kinds, "photo") == [1, 2, 3, 4]


@pytest.mark.promise(7)
def test_an_approved_plan_is_about_the_same_rows(kinds: Site) -> None:
    plan, _outcome = run(kinds.missing(only={"kind": "draft"}), check=True)
    with pytest.raises(SiteError, match="approved"):
        run(kinds.missing(), approved=plan.token)
