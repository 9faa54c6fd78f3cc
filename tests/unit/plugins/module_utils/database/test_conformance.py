# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What every database must do, whichever it is: the interface of ``database.base.Database``.

What one database alone can do, or do wrong, is tested in the files beside this one.
"""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from itertools import chain

import pytest

from engine.config.site import Column
from engine.database import connect
from engine.database.base import Database
from engine.database.catalog import GenericRelation
from engine.errors import SiteError
from engine.media.paths import LONGEST_PATH
from helpers.databases import TestDatabase
from helpers.implementations import (
    PHOTO,
    Implementation,
    ids,
    link,
    make_table_with_key,
    notes_of_photos,
    photo_keys,
    remarks_of_photos,
    rows_of,
    selection,
)

IMAGE = Column("photo", "image")
SIZED = Column("photo", "image", "size", "sha")
NOON = 1751371200.0  # 2025-07-01 12:00 UTC


# The catalog.


def test_generated_columns_are_known(empty_database: TestDatabase, implementation: Implementation) -> None:
    empty_database.run(
        f"CREATE TABLE photo (id integer PRIMARY KEY, twice integer {implementation.generated}, image text)"
    )
    with connect(empty_database.url, read_only=True) as database:
        columns = database.table("photo").columns
    assert {name: kind.generated for name, kind in columns.items()} == {
        "id": False,
        "twice": True,
        "image": False,
    }
    assert [name for name, kind in columns.items() if kind.holds_paths] == ["image"]


def test_every_rule_of_a_foreign_key_is_known(
    empty_database: TestDatabase, implementation: Implementation
) -> None:
    empty_database.run(PHOTO)
    for number, rule in enumerate(implementation.on_delete):
        empty_database.run(f"CREATE TABLE child{number} (up integer REFERENCES photo (id) ON DELETE {rule})")
    with connect(empty_database.url, read_only=True) as database:
        found = database.foreign_keys()
    assert [key.on_delete for key in sorted(found, key=lambda key: key.table)] == list(
        implementation.on_delete
    )


@pytest.mark.promise(13)
def test_a_foreign_key_without_a_rule_leaves_the_choice_to_the_description(
    photos_with_notes: TestDatabase,
) -> None:
    with connect(photos_with_notes.url, read_only=True) as database:
        assert link(database, "note").on_delete == "NO ACTION"


def test_a_view_may_be_listed_but_has_no_key(photos_with_notes: TestDatabase) -> None:
    photos_with_notes.run("CREATE VIEW shown AS SELECT image FROM photo WHERE id > 1")
    with connect(photos_with_notes.url, read_only=True) as database:
        assert not database.table("shown").has_primary_key
        assert list(database.references([Column("shown", "image")])) == [[b"p/2.jpg", b"p/3.jpg"]]


# References.


@pytest.mark.parametrize(
    ("order", "newest"), [("id", [b"p/3.jpg", b"p/1.jpg"]), ("size", [b"p/4.jpg", b"p/1.jpg"])]
)
def test_the_newest_rows_come_first_and_those_without_a_time_last(
    empty_database: TestDatabase, order: str, newest: list[bytes]
) -> None:
    empty_database.run("CREATE TABLE photo (id integer PRIMARY KEY, image varchar(100), size integer)")
    rows = enumerate([(4, 9), (2, None), (1, 7), (1, 8), (3, None), ("", 10)], 1)
    empty_database.insert(
        "photo",
        [{"id": id, "image": name and f"p/{name}.jpg", "size": size} for id, (name, size) in rows],
    )
    with connect(empty_database.url, read_only=True) as database:
        assert database.newest_references(IMAGE, order, 3) == newest
        assert database.newest_references(IMAGE, "id", 100) == [
            *(b"p/3.jpg", b"p/1.jpg", b"p/2.jpg", b"p/4.jpg"),
        ]


@pytest.mark.promise(11)
@pytest.mark.parametrize("character", ["x", "/", "é"])
def test_of_a_value_longer_than_a_path_the_beginning_is_read(
    empty_database: TestDatabase, implementation: Implementation, character: str
) -> None:
    empty_database.run(f"CREATE TABLE photo (id integer PRIMARY KEY, image {implementation.long_text})")
    longest, longer = "p" * LONGEST_PATH, character * (20 << 20)
    empty_database.insert("photo", [{"id": 1, "image": longest}, {"id": 2, "image": longer}])
    with connect(empty_database.url, read_only=True) as database:
        tracemalloc.start()
        (references,) = database.references([IMAGE])
        (rows,) = database.rows(selection(database))
        by_name = database.references_by_name([IMAGE], [longer[:100].encode()])
        stems = database.count_references([IMAGE], [longer[:100].encode()], stems=True)
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    (cut,) = set(references) - {longest.encode()}
    assert longer.encode().startswith(cut)
    assert LONGEST_PATH < len(cut) <= 4 * (LONGEST_PATH + 1)
    assert sorted(row.file or b"" for row in rows) == sorted(references)
    assert (by_name, stems) == ([], {})
    assert peak < 4 << 20


def test_references_are_found_by_path_name_and_size(empty_database: TestDatabase) -> None:
    empty_database.run("CREATE TABLE photo (image text, size bigint, sha text)")
    empty_database.insert("photo", [{"image": "a/x", "size": 5, "sha": "s"}, {"image": "b/x", "size": 6}])
    empty_database.insert("photo", [{"image": "x", "size": 5, "sha": "t"}, {"image": None, "size": 5}])
    with connect(empty_database.url, read_only=True) as database:
        assert database.count_references([IMAGE, IMAGE], [b"a/x", b"nowhere"]) == {b"a/x": 2}
        assert sorted(database.references_by_name([IMAGE], [b"x", b"y"])) == [b"a/x", b"b/x", b"x"]
        assert sorted(database.references_by_size([SIZED], [5, 7])) == [b"a/x", b"x"]
        assert sorted(database.recorded_contents([SIZED], [b"a/x", b"b/x"])) == [
            (b"a/x", "5", "s"),
            (b"b/x", "6", None),
        ]


def test_a_prefix_makes_whole_paths_of_what_a_column_holds(empty_database: TestDatabase) -> None:
    """Also in the order: ``b-/x`` comes before ``b/a``, which comes before ``b0``."""
    empty_database.run("CREATE TABLE photo (image varchar(200), scan text, size bigint, sha text)")
    empty_database.insert("photo", [{"image": path} for path in ("b-/x", "b/c.tar.gz", "b0", "a")])
    scans = ["a.png", "é.png", "/abs.png", "%s'.png", "", None, "z" * (LONGEST_PATH + 9)]
    empty_database.insert("photo", [{"scan": path, "size": 5, "sha": "s"} for path in scans])
    scan = Column("photo", "scan", "size", "sha", prefix="b/in")
    with connect(empty_database.url, read_only=True) as database:
        [references] = database.references([IMAGE, scan])
        assert [path for path in references if len(path) < 99] == [
            *(b"a", b"b-/x", b"b/c.tar.gz", b"b/in/%s'.png", b"b/in//abs.png", b"b/in/a.png"),
            *("b/in/é.png".encode(), b"b0"),
        ]
        assert references == sorted(references)
        [cut] = [path for path in references if len(path) >= 99]
        assert len(cut) > LONGEST_PATH
        assert cut.startswith(b"b/in/zzz")
        asked = [b"a.png", b"b/in/a.png", b"b/in/%s'.png", b"b/in/", b"b/in", b"b0"]
        assert database.count_references([IMAGE, scan], asked) == {
            b"b/in/a.png": 1,
            b"b/in/%s'.png": 1,
            b"b0": 1,
        }
        stems = database.count_references([IMAGE, scan], [b"b/in/a", b"a", b"b/c.tar"], stems=True)
        assert stems == {b"b/in/a": 1, b"a": 1, b"b/c.tar": 1}
        assert database.references_by_name([scan], [b"a.png"]) == [b"b/in/a.png"]
        assert set(database.references_by_size([scan], [5])) > {b"b/in/a.png"}
        assert list(database.recorded_contents([scan], [b"b/in/a.png", b"a.png"])) == [
            (b"b/in/a.png", "5", "s")
        ]
        assert b"b/in/a.png" in next(database.sample_values(scan, 100))


def test_what_the_columns_do_not_record_is_not_asked_for(photos_with_notes: TestDatabase) -> None:
    with connect(photos_with_notes.url, read_only=True) as database:
        assert database.references_by_size([IMAGE], [5]) == []
        assert list(database.recorded_contents([IMAGE], [b"p/1.jpg"])) == []


@pytest.mark.parametrize("path", [b"\xff", b"a\0b", b"a\nb", b"\x1f", b"'", b"%s", b"\\", "é".encode()])
def test_any_path_may_be_asked_for(photos_with_notes: TestDatabase, path: bytes) -> None:
    with connect(photos_with_notes.url, read_only=True) as database:
        chosen = selection(database)
        assert database.count_references([IMAGE], [path, b"p/1.jpg"]) == {b"p/1.jpg": 1}
        assert database.count_references([IMAGE], [path]) == {}
        assert database.references_by_name([IMAGE], [path]) == []
        assert [row for rows in database.rows_by_file(chosen, [path]) for row in rows] == []
        assert list(database.rows_referencing(chosen.table, "image", [path])) == []


# Records.


def test_rows_are_found_again_by_any_key(
    empty_database: TestDatabase, implementation: Implementation
) -> None:
    for columns, values in implementation.keys.values():
        make_table_with_key(empty_database, columns, values)
        _removes_one_row_of_three(empty_database)


def test_rows_without_a_primary_key_are_found_again(
    empty_database: TestDatabase, implementation: Implementation
) -> None:
    empty_database.run("CREATE TABLE photo (image text); INSERT INTO photo VALUES ('0'), ('1'), ('2')")
    if not implementation.addresses_rows_without_key:
        with connect(empty_database.url, read_only=True) as database:
            assert list(database.references([IMAGE])) == [[b"0", b"1", b"2"]]
            with pytest.raises(SiteError, match="neither a primary key nor a unique one"):
                rows_of(database)
        return
    _removes_one_row_of_three(empty_database)


def test_rows_have_the_prefix_of_their_column(empty_database: TestDatabase) -> None:
    empty_database.run("CREATE TABLE photo (id integer PRIMARY KEY, image varchar(200), small varchar(200))")
    values = ["in/a.png", "é.png", "", None, " "]
    empty_database.insert(
        "photo", [{"id": number, "image": image, "small": image} for number, image in enumerate(values)]
    )
    with connect(empty_database.url, read_only=False) as database:
        chosen = selection(database, prefix="b/in")
        rows = rows_of(database, chosen)
        whole = [(4, b"b/in/ "), (0, b"b/in/in/a.png"), (1, "b/in/é.png".encode())]
        assert [(int(row.key[0]), row.file) for row in rows] == whole
        every = replace(chosen, unattached_columns=("image", "small"))
        assert {row.file for row in rows_of(database, every)} == {None}
        small = Column("photo", "small", prefix="s")
        companions = {detail.companions for detail in database.details(chosen, [small], [], rows)}
        assert companions == {(b"s/in/a.png",), ("s/é.png".encode(),), (b"s/ ",)}
        [by_file] = database.rows_by_file(chosen, [b"b/in/in/a.png", b"in/a.png"])
        assert by_file == [rows[1]]
        with database.transaction():
            assert database.still_selected(chosen, rows) == {row.key for row in rows}
            assert database.still_selected(chosen, [rows[1]._replace(file=b"in/a.png")]) == set()
            assert database.set_file(chosen, rows[1], b"in/b.png") == 1
            assert database.clear_selected(chosen, rows[2:], ["image"]) == 1
            assert database.delete_selected(chosen, rows[:1]) == 1
    left = empty_database.rows("SELECT image FROM photo ORDER BY id")
    assert left == [("in/b.png",), (None,), ("",), (None,)]


def _removes_one_row_of_three(site: TestDatabase) -> None:
    with connect(site.url, read_only=False) as database:
        chosen = selection(database)
        rows = rows_of(database)
        assert [row.file for row in rows] == [b"0", b"1", b"2"]
        assert database.count_keys(chosen.table, [row.key for row in rows]) == 3
        [details] = database.details(chosen, [Column("photo", "image")], [], rows[1:2])
        assert (details.key, details.companions, details.owner) == (rows[1].key, (b"1",), None)
        with database.transaction():
            assert database.still_selected(chosen, rows) == {row.key for row in rows}
            assert database.delete_selected(chosen, rows[1:2]) == 1
            assert database.count_keys(chosen.table, [row.key for row in rows]) == 2
            assert database.clear(chosen.table, ["image"], [rows[2].key]) == 1
    assert sorted(site.rows("SELECT image FROM photo"), key=repr) == [("0",), (None,)]


def test_the_whole_condition_is_repeated_at_the_removal(photos_with_notes: TestDatabase) -> None:
    """Each row was changed in one way after it was found; only the first is still as it was."""
    photos_with_notes.run("UPDATE photo SET taken = '2025-07-01 11:00:00'")
    photos_with_notes.run("INSERT INTO photo VALUES (4, 'p/4.jpg', NULL, '2025-07-01 11:00:00')")
    with connect(photos_with_notes.url, read_only=False) as database:
        chosen = selection(
            database,
            unattached_columns=("album_id",),
            uploaded_at_column="taken",
            cutoff=NOON,
            time_zone="UTC",
        )
        rows = rows_of(database, chosen)
        assert len(rows) == database.count_rows(chosen, condition=True) == 4
        photos_with_notes.run("UPDATE photo SET image = 'other' WHERE id = 2")
        photos_with_notes.run("UPDATE photo SET album_id = 1 WHERE id = 3")
        photos_with_notes.run(
            "UPDATE photo SET taken = '2025-07-01 12:00:00' WHERE id = 4; DELETE FROM remark"
        )
        photos_with_notes.run("DELETE FROM note")
        with database.transaction():
            assert database.still_selected(chosen, rows) == {rows[0].key}
            assert database.delete_selected(chosen, rows) == 1
        assert database.count_rows(chosen) == 3
    assert ids(photos_with_notes, "photo") == [2, 3, 4]


def test_rows_are_selected_by_their_files(opened: Database) -> None:
    found = opened.rows_by_file(selection(opened), [b"p/3.jpg", b"p/1.jpg", b"p/none.jpg"])
    assert [row.file for rows in found for row in rows] == [b"p/1.jpg", b"p/3.jpg"]


def test_details_follow_foreign_keys_to_the_owner(photos_with_notes: TestDatabase) -> None:
    photos_with_notes.run(
        "CREATE TABLE owner (id integer PRIMARY KEY, label text, mine integer REFERENCES photo (id))"
    )
    photos_with_notes.run("INSERT INTO owner VALUES (7, 'Zoë\n1', 1)")
    photos_with_notes.run("ALTER TABLE photo ADD COLUMN owner_id integer REFERENCES owner (id)")
    photos_with_notes.run("UPDATE photo SET owner_id = 7 WHERE id = 2")
    with connect(photos_with_notes.url, read_only=True) as database:
        [key] = [key for key in database.foreign_keys() if key.target_table == "owner"]
        found = database.details(selection(database), [], [key, "label"], rows_of(database))
    assert sorted((int(each.key[0]), each.owner) for each in found) == [(1, None), (2, "Zoë\\n1"), (3, None)]


# Dependent rows.


def test_dependent_rows_are_counted_and_found(opened: Database) -> None:
    photo, keys = opened.table("photo"), photo_keys(opened, 1, 2, 3)
    notes, remarks = notes_of_photos(opened), remarks_of_photos(opened)
    assert opened.count_dependents(photo, notes, keys) == 3
    assert opened.count_dependents(photo, remarks, keys[:2]) == 2
    assert opened.with_dependents(photo, remarks, keys) == set(keys[:2])
    assert opened.count_dependents(photo, notes, []) == 0
    lists = opened.dependent_keys(photo, [(notes[0][0], opened.table("note"))], keys[:1])
    children = chain.from_iterable(lists)
    assert sorted((int(up[0]), int(down[0])) for up, down in children) == [(1, 1), (1, 2)]


def test_dependent_rows_are_deleted_with_their_records_only(
    photos_with_notes: TestDatabase, opened: Database
) -> None:
    photo, keys = opened.table("photo"), photo_keys(opened, 1)
    with opened.transaction():
        opened.lock_dependents(photo, notes_of_photos(opened), keys)
        assert opened.delete_dependents(photo, remarks_of_photos(opened), keys) == 1
        assert opened.delete_dependents(photo, notes_of_photos(opened), keys) == 2
        assert opened.delete(photo, keys) == 1
    assert [ids(photos_with_notes, name) for name in ("photo", "note", "remark")] == [[2, 3], [3], [3]]


def test_dependent_rows_are_cleared(photos_with_notes: TestDatabase, opened: Database) -> None:
    photo, keys = opened.table("photo"), photo_keys(opened, 1, 3)
    with opened.transaction():
        assert opened.clear_dependents(photo, notes_of_photos(opened), keys, ["photo_id"]) == 2
    assert photos_with_notes.rows("SELECT id, photo_id FROM note ORDER BY id") == [
        (1, None),
        (2, None),
        (3, 2),
    ]


def test_a_column_that_must_not_be_null_is_cleared_to_the_empty_text(empty_database: TestDatabase) -> None:
    empty_database.run("CREATE TABLE photo (id integer PRIMARY KEY, image text NOT NULL, other text)")
    empty_database.insert("photo", [{"id": number, "image": "a", "other": "b"} for number in (1, 2)])
    with connect(empty_database.url, read_only=False) as database, database.transaction():
        key = rows_of(database)[0].key
        assert database.clear(database.table("photo"), ["image", "other"], [key]) == 1
    assert sorted(empty_database.rows("SELECT image, other FROM photo"), key=repr) == [("", None), ("a", "b")]


@pytest.mark.parametrize("kind", ["integer", "varchar(40)"])
def test_generic_relations_are_followed(photos_with_notes: TestDatabase, kind: str) -> None:
    photos_with_notes.run(
        "CREATE TABLE django_content_type (id integer PRIMARY KEY, app_label text, model text);"
        "INSERT INTO django_content_type VALUES (7, 'album', 'photo'), (8, 'album', 'video')"
    )
    photos_with_notes.run(
        f"CREATE TABLE tag (id integer PRIMARY KEY, object_id {kind}, content_type_id integer)"
    )
    photos_with_notes.run("INSERT INTO tag VALUES (1, '2', 7), (2, '2', 8), (3, '3', 7), (4, NULL, 7)")
    with connect(photos_with_notes.url, read_only=True) as database:
        assert database.content_type("album", "photo") == 7
        with pytest.raises(SiteError, match=r"knows no model album\.song"):
            database.content_type("album", "song")
        relation = GenericRelation(database.table("tag"), "object_id", "content_type_id", 7)
        found = database.generic_dependent_keys(relation, photo_keys(database, 1, 2))
        assert [(int(photo[0]), int(tag[0])) for photo, tag in found] == [(2, 1)]


def test_rows_that_reference_paths_are_found(opened: Database) -> None:
    found = opened.rows_referencing(opened.table("photo"), "image", [b"p/2.jpg", b"none"])
    assert [(path, int(key[0])) for path, key in found] == [(b"p/2.jpg", 2)]
