# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Rows whose primary key is a foreign key: a child of multi-table inheritance, or a profile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.apply.restore import restore
from engine.errors import SiteError
from engine.kept import Code
from helpers.builders import DEFERRED, TO_PHOTO, Media, Site, ids, rule, rules, run

# A picture is an item, an item is an entry. Photo 2 and the bookmark of its entry are lost with it.
TWO_LEVELS = (
    "CREATE TABLE entry (id integer PRIMARY KEY, title text);"
    f"CREATE TABLE item (entry_ptr_id integer PRIMARY KEY NOT NULL REFERENCES entry (id) {DEFERRED});"
    "CREATE TABLE picture (item_ptr_id integer PRIMARY KEY NOT NULL"
    f" REFERENCES item (entry_ptr_id) {DEFERRED}, image varchar(100));"
    "CREATE TABLE bookmark (id integer PRIMARY KEY,"
    f" entry_id integer NOT NULL REFERENCES entry (id) {DEFERRED}, words text);"
    "INSERT INTO entry VALUES (1, 'a'), (2, 'b'), (3, 'c'); INSERT INTO item VALUES (1), (2), (3);"
    "INSERT INTO picture VALUES (1, 'p/1.jpg'), (2, 'p/2.jpg');"
    "INSERT INTO bookmark VALUES (1, 1, 'a'), (2, 2, 'b')"
)


@pytest.fixture
def inherited(database: Any, media: Media) -> Site:
    site = Site(database, media)
    media.write("p/1.jpg")
    database.run(TWO_LEVELS)
    return site


def pictures(site: Site, **options: Any) -> Any:
    # The table has no column of a time, so a second scan would have to confirm it.
    return site.missing(table="picture", confirm_scans=1, **options)


@pytest.mark.promise(13)
def test_a_record_with_a_parent_is_kept_until_it_is_said_what_becomes_of_that(inherited: Site) -> None:
    before = inherited.database.dump()
    plan, outcome = run(pictures(inherited))
    assert [(kept.name, kept.code) for kept in plan.kept.items] == [(b"p/2.jpg", Code.UNDECLARED_PARENTS)]
    assert (outcome.error, inherited.database.dump()) == ("", before)
    [note] = plan.warnings
    assert note.endswith("and add: parents: delete|keep")


@pytest.mark.promise(6)
@pytest.mark.promise(10)
@pytest.mark.promise(13)
def test_parents_are_deleted_with_what_depends_on_them_and_come_back(inherited: Site, tmp_path: Path) -> None:
    before = inherited.database.dump()
    job = pictures(
        inherited,
        parents="delete",
        dependents=rules("bookmark.entry_id delete"),
        quarantine=str(tmp_path / "kept"),
    )
    predicted, _outcome = run(job, check=True)
    assert inherited.database.dump() == before

    plan, outcome = run(job)

    assert outcome.error == ""
    counts = {table: {"deleted": 1, "updated": 0} for table in ("bookmark", "entry", "item")}
    assert predicted.dependents == plan.dependents == outcome.dependents == counts
    assert plan.warnings == []
    assert inherited.database.rows("SELECT item_ptr_id FROM picture") == [(1,)]
    assert inherited.database.rows("SELECT entry_ptr_id FROM item ORDER BY 1") == [(1,), (3,)]
    assert (ids(inherited, "entry"), ids(inherited, "bookmark")) == ([1, 3], [1])

    assert restore(job.site, outcome.batch, [], check=False).kept.items == []
    assert inherited.database.dump() == before


@pytest.mark.promise(13)
def test_parents_stay_where_they_are_said_to(inherited: Site) -> None:
    """A one-to-one primary key is no inheritance: Django keeps what it references."""
    plan, outcome = run(pictures(inherited, parents="keep"))
    assert (outcome.error, plan.dependents, outcome.removed.records) == ("", {}, 1)
    assert inherited.database.rows("SELECT count(*) FROM item") == [(3,)]
    assert (ids(inherited, "entry"), ids(inherited, "bookmark")) == ([1, 2, 3], [1, 2])


@pytest.mark.promise(13)
def test_what_depends_on_a_parent_needs_a_rule_too(inherited: Site) -> None:
    before = inherited.database.dump()
    plan, outcome = run(pictures(inherited, parents="delete"))
    assert [kept.code for kept in plan.kept.items] == [Code.UNDECLARED_DEPENDENTS]
    assert (outcome.error, inherited.database.dump()) == ("", before)
    assert "{table: bookmark, column: entry_id, action: delete|restrict}" in plan.warnings[0]


@pytest.mark.promise(13)
def test_another_child_of_the_same_parent_keeps_the_record(inherited: Site) -> None:
    """Django would leave its row behind without the parent, and the database would refuse that."""
    inherited.database.run(
        "CREATE TABLE clip (entry_ptr_id integer PRIMARY KEY NOT NULL REFERENCES entry (id) "
        f"{DEFERRED}, words text); INSERT INTO clip VALUES (2, 'b')"
    )
    before = inherited.database.dump()
    job = pictures(inherited, parents="delete", dependents=rules("bookmark.entry_id delete"))
    plan, outcome = run(job)
    assert [kept.code for kept in plan.kept.items] == [Code.UNDECLARED_DEPENDENTS]
    assert (outcome.error, inherited.database.dump()) == ("", before)


def test_a_second_parent_is_found_by_the_name_that_django_gives_its_key(inherited: Site) -> None:
    inherited.database.run(
        "CREATE TABLE asset (id integer PRIMARY KEY); INSERT INTO asset VALUES (7), (8);"
        "ALTER TABLE picture ADD COLUMN asset_ptr_id integer REFERENCES asset (id);"
        "UPDATE picture SET asset_ptr_id = item_ptr_id + 6"
    )
    job = pictures(inherited, parents="delete", dependents=rules("bookmark.entry_id delete"))
    _plan, outcome = run(job)
    assert (outcome.error, ids(inherited, "asset")) == ("", [7])


# A prize is an entry, and goes with its photo.
PRIZES = (
    "CREATE TABLE entry (id integer PRIMARY KEY, title text);"
    f"CREATE TABLE prize (entry_ptr_id integer PRIMARY KEY NOT NULL REFERENCES entry (id) {DEFERRED},"
    f" photo_id integer NOT NULL {TO_PHOTO});"
    "INSERT INTO entry VALUES (1, 'a'), (2, 'b'), (3, 'c'); INSERT INTO prize VALUES (1, 1), (2, 2), (3, 2)"
)


@pytest.mark.promise(13)
@pytest.mark.parametrize(("parents", "entries", "prizes"), [(None, 3, 3), ("delete", 1, 1), ("keep", 3, 1)])
def test_a_dependent_row_may_have_a_parent(
    site_with_missing_files: Site, parents: str | None, entries: int, prizes: int
) -> None:
    database = site_with_missing_files.database
    database.run(PRIZES)
    said = {"parents": parents} if parents else {}
    plan, outcome = run(
        site_with_missing_files.missing(dependents=[rule("prize", "photo_id", "delete", **said)])
    )
    assert outcome.error == ""
    assert database.rows("SELECT count(*) FROM entry") == [(entries,)]
    assert database.rows("SELECT count(*) FROM prize") == [(prizes,)]
    assert ids(site_with_missing_files, "photo") == ([1] if parents else [1, 2])
    if not parents:
        assert [(kept.name, kept.code) for kept in plan.kept.items] == [(b"p/2.jpg", Code.UNDECLARED_PARENTS)]
        wanted = "dependents: [{table: prize, column: photo_id, action: delete, parents: delete|keep}]"
        assert plan.warnings[0].endswith(wanted)


@pytest.mark.promise(13)
def test_a_child_that_goes_with_its_parent_needs_no_rule_for_it(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(
        f"CREATE TABLE panorama (photo_ptr_id integer PRIMARY KEY NOT NULL {TO_PHOTO}, words text);"
        "INSERT INTO panorama VALUES (1, 'a'), (2, 'b')"
    )
    job = site_with_missing_files.missing(dependents=rules("panorama.photo_ptr_id delete"))
    _plan, outcome = run(job)
    assert (outcome.error, ids(site_with_missing_files, "photo")) == ("", [1])


def test_two_rules_for_the_parents_of_one_table_are_refused(site_with_missing_files: Site) -> None:
    site_with_missing_files.database.run(PRIZES)
    site_with_missing_files.database.run("ALTER TABLE prize ADD COLUMN two_id integer REFERENCES photo (id)")
    said = [
        rule("prize", "photo_id", "delete", parents="keep"),
        rule("prize", "two_id", "delete", parents="delete"),
    ]
    with pytest.raises(SiteError, match="prize"):
        run(site_with_missing_files.missing(dependents=said))


def test_parents_may_be_deleted_where_foreign_keys_are_checked_at_once(database: Any, media: Media) -> None:
    site = Site(database, media)
    media.write("p/1.jpg")
    database.run(TWO_LEVELS.replace(DEFERRED, ""))
    job = pictures(site, parents="delete", dependents=rules("bookmark.entry_id delete"))
    _plan, outcome = run(job)
    assert (outcome.error, ids(site, "entry")) == ("", [1, 3])


def test_a_generic_relation_may_be_that_of_a_parents_parent(inherited: Site) -> None:
    inherited.database.run(
        "CREATE TABLE django_content_type (id integer PRIMARY KEY, app_label text, model text);"
        "INSERT INTO django_content_type VALUES (4, 'album', 'entry');"
        "CREATE TABLE note (id integer PRIMARY KEY, content_type_id integer, object_id integer);"
        "INSERT INTO note VALUES (1, 4, 1), (2, 4, 2)"
    )
    # As Django calls them.
    for old, new in (("entry", "album_entry"), ("item", "album_item"), ("picture", "album_picture")):
        inherited.database.run(f"ALTER TABLE {old} RENAME TO {new}")
    generic = rule("note", "object_id", "delete", content_type="album.entry")
    job = inherited.missing(
        table="album_picture",
        confirm_scans=1,
        parents="delete",
        dependents=[generic, *rules("bookmark.entry_id delete")],
    )
    _plan, outcome = run(job)
    assert (outcome.error, ids(inherited, "note"), ids(inherited, "album_entry")) == ("", [1], [1, 3])


def test_rules_for_what_is_below_a_parent_may_be_said_before_it(inherited: Site) -> None:
    plan, outcome = run(pictures(inherited, dependents=rules("bookmark.entry_id delete")))
    assert [kept.code for kept in plan.kept.items] == [Code.UNDECLARED_PARENTS]
    assert (outcome.error, ids(inherited, "entry")) == ("", [1, 2, 3])
