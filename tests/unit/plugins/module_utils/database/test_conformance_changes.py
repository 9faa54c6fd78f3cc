# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What every database must do, whichever it is: archive and insert rows, keep sessions apart, say what it is.

The rest of the interface is tested in ``test_conformance.py``.
"""

from __future__ import annotations

import itertools
import json
import re
from contextlib import suppress
from typing import Any

import pytest

from engine.database import connect
from engine.database.base import Database
from engine.database.catalog import Table
from engine.errors import BusyError, DatabaseError
from engine.system import host
from helpers.databases import TestDatabase
from helpers.implementations import (
    Implementation,
    ids,
    make_table_with_key,
    notes_of_photos,
    photo_keys,
    rows_of,
    selection,
)

# The archive.


def test_a_value_of_any_type_comes_back_from_the_archive(
    empty_database: TestDatabase, implementation: Implementation
) -> None:
    values = [(kind, literal) for kind, literals in implementation.values.items() for literal in literals]
    columns = ", ".join(f"value{number} {kind}" for number, (kind, _literal) in enumerate(values))
    empty_database.run(f"CREATE TABLE photo (id integer PRIMARY KEY, image text, {columns})")
    literals = ", ".join(literal for _kind, literal in values)
    empty_database.run(f"INSERT INTO photo VALUES (1, 'a', {literals})")
    empty_database.run("INSERT INTO photo (id, image) VALUES (2, 'b')")
    _comes_back(empty_database, implementation)


def test_a_row_with_any_key_comes_back_from_the_archive(
    empty_database: TestDatabase, implementation: Implementation
) -> None:
    for columns, values in implementation.keys.values():
        make_table_with_key(empty_database, columns, values[:2])
        _comes_back(empty_database, implementation)


def test_what_the_database_makes_itself_is_not_archived(
    empty_database: TestDatabase, implementation: Implementation
) -> None:
    empty_database.run(
        f"CREATE TABLE photo (id integer PRIMARY KEY, image text, twice integer {implementation.generated})"
    )
    empty_database.run("INSERT INTO photo (id, image) VALUES (1, 'a'), (2, 'b')")
    _comes_back(empty_database, implementation)


def test_a_row_is_pointed_at_another_file_and_back(photos_with_notes: TestDatabase, opened: Database) -> None:
    images, rows = "SELECT image FROM photo ORDER BY id", rows_of(opened)
    path = "p/ü%s.jpg"
    with opened.transaction():
        assert opened.can_hold(path.encode())
        assert opened.set_file(selection(opened), rows[0], path.encode()) == 1
        # Only as long as it references the file that was read.
        assert opened.set_file(selection(opened), rows[0], b"p/other.jpg") == 0
        assert opened.set_file(selection(opened), rows[1]._replace(file=b"p/other.jpg"), b"p/new.jpg") == 0
    assert photos_with_notes.rows(images) == [(path,), ("p/2.jpg",), ("p/3.jpg",)]
    old, table = {"id": rows[0].key[0], "image": "p/1.jpg"}, opened.table("photo")
    with opened.transaction():
        assert not opened.restore_relinked(table, ["id"], old, {"image": "p/other.jpg"})
        assert opened.restore_relinked(table, ["id"], old, {"image": path})
    assert photos_with_notes.rows(images) == [("p/1.jpg",), ("p/2.jpg",), ("p/3.jpg",)]


def test_rows_reference_another_row_instead_and_back(
    photos_with_notes: TestDatabase, opened: Database
) -> None:
    photo, note = opened.table("photo"), opened.table("note")
    for given in (99, "x", "3x", 0.5):
        assert opened.row_with_value(photo, "id", given) is None
    found = opened.row_with_value(photo, "id", 3)
    assert found == opened.row_with_value(photo, "id", "3")
    assert found is not None
    key, value = found
    assert [key] == photo_keys(opened, 3)
    before = photos_with_notes.rows("SELECT id, photo_id FROM note ORDER BY id")
    [some] = opened.dependent_keys(photo, notes_of_photos(opened), photo_keys(opened, 1))
    keys = [row for _photo, row in some]
    archived = [row["row"] for _key, row in opened.rows_for_archive(note, keys)]
    with opened.transaction():
        assert opened.set_values(note, {"photo_id": value}, keys) == len(keys) == 2
    assert photos_with_notes.rows("SELECT photo_id FROM note ORDER BY id") == [(3,), (3,), (2,)]
    with opened.transaction():
        for row in archived:
            assert not opened.restore_relinked(note, ["id"], row, {"photo_id": archived[0]["photo_id"]})
            assert opened.restore_relinked(note, ["id"], row, {"photo_id": value})
    assert photos_with_notes.rows("SELECT id, photo_id FROM note ORDER BY id") == before


def test_a_row_is_found_by_its_key_of_any_usual_type(
    empty_database: TestDatabase, implementation: Implementation
) -> None:
    empty_database.run(
        "CREATE TABLE photo (id varchar(20) PRIMARY KEY, number bigint UNIQUE, image varchar(100));"
        "INSERT INTO photo VALUES ('none', 9007199254740993, 'a'), ('other', 2, 'b')"
    )
    with connect(empty_database.url, read_only=True) as database:
        photo = database.table("photo")
        assert database.row_with_value(photo, "id", "NONE") is None
        assert database.row_with_value(photo, "id", "none") == (("none",), "none")
        by_number = database.row_with_value(photo, "number", 9007199254740993)
        assert by_number is not None
        assert by_number[0] == ("none",)
        assert str(by_number[1]) == "9007199254740993"


def _comes_back(site: TestDatabase, implementation: Implementation) -> None:
    """Archive two rows as JSON, delete them and insert them again; they are as they were, and only once."""
    before = implementation.read_all(site, "photo")
    with connect(site.url, read_only=False) as database:
        table = database.table("photo")
        rows = [row.key for row in rows_of(database)]
        archived = json.loads(json.dumps([row for _key, row in database.rows_for_archive(table, rows)]))
        assert [row["key"] for row in archived] == [list(table.key)] * 2
        with database.transaction():
            assert database.delete(table, rows) == 2
            assert not any(database.has_identical_row(table, row["key"], row["row"]) for row in archived)
        assert implementation.read_all(site, "photo") == []
        with database.transaction():
            assert [database.reinsert(table, row["row"]) for row in archived] == [True, True]
            assert [database.reinsert(table, row["row"]) for row in archived] == [False, False]
        for row in archived:
            assert database.has_row(table, {name: row["row"][name] for name in row["key"]})
            assert database.has_identical_row(table, row["key"], row["row"])
            assert database.count_identical_rows(table, row["row"]) == 1
        _comes_back_together(database, table, [row["row"] for row in archived])
    assert implementation.read_all(site, "photo") == before


def _comes_back_together(database: Database, table: Table, rows: list[dict[str, Any]]) -> None:
    keys = [row.key for row in rows_of(database)]
    with database.transaction():
        assert database.delete(table, keys) == 2
        assert database.reinsert_all(table, rows[:1]) == 1
        assert not database.have_identical_rows(table, rows)
        assert database.delete(table, keys) == 1
        assert database.reinsert_all(table, rows) == 2
        assert database.have_identical_rows(table, rows)
        # Some databases say how many were inserted, and others refuse all of them.
        with suppress(DatabaseError), database.savepoint():
            assert database.reinsert_all(table, rows) == 0
        assert database.have_identical_rows(table, rows)


def test_rows_of_many_values_come_back_by_several_statements(
    photos_with_notes: TestDatabase, opened: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(opened.dialect), "most_values", 3)
    photo = opened.table("photo")
    photos_with_notes.run("DELETE FROM remark; DELETE FROM note")
    rows = [row["row"] for _key, row in opened.rows_for_archive(photo, photo_keys(opened, 1, 2, 3))]
    with opened.transaction():
        assert opened.delete(photo, photo_keys(opened, 1, 2, 3)) == 3
        assert opened.reinsert_all(photo, rows) == 3
        assert opened.have_identical_rows(photo, rows)
        assert not opened.have_identical_rows(photo, [*rows[:2], {**rows[2], "image": "p/other.jpg"}])


def test_rows_that_others_reference_are_found_together(opened: Database) -> None:
    photo, keys = opened.table("photo"), photo_keys(opened, 1, 3)
    absent = {int: 99, str: "99"}[type(keys[0][0])]
    wanted = [keys[0], (absent,), keys[1], keys[0]]
    assert opened.those_there(photo, ["id"], wanted) == {0, 2, 3}
    assert opened.those_there(photo, ["image"], [("p/3.jpg",), ("p/9.jpg",)]) == {0}


def test_cleared_columns_are_set_back_together_unless_somebody_filled_one(
    photos_with_notes: TestDatabase, opened: Database
) -> None:
    note, notes = opened.table("note"), "SELECT id, photo_id FROM note ORDER BY id"
    before = photos_with_notes.rows(notes)
    [some] = opened.dependent_keys(
        opened.table("photo"), notes_of_photos(opened), photo_keys(opened, 1, 2, 3)
    )
    archived = [row["row"] for _key, row in opened.rows_for_archive(note, [key for _photo, key in some])]
    photos_with_notes.run("UPDATE note SET photo_id = NULL")
    with opened.transaction():
        assert opened.restore_all_cleared(note, archived) == 3
        assert opened.have_identical_rows(note, archived)
    assert photos_with_notes.rows(notes) == before
    photos_with_notes.run("UPDATE note SET photo_id = NULL WHERE id = 1")
    with opened.transaction():
        assert opened.restore_all_cleared(note, archived) == 1


def test_rows_are_archived_each_with_the_record_it_depends_on(opened: Database) -> None:
    keys = photo_keys(opened, 1, 2, 3)
    archived = list(opened.rows_for_archive(opened.table("photo"), keys, notes_of_photos(opened)))
    found = sorted((keys.index(key) + 1, int(row["row"]["id"])) for key, row in archived)
    assert found == [(1, 1), (1, 2), (2, 3)]
    assert {tuple(row["key"]) for _key, row in archived} == {("id",)}
    assert list(opened.rows_for_archive(opened.table("photo"), [])) == []


def test_cleared_columns_are_set_back_only_where_they_are_still_empty(
    photos_with_notes: TestDatabase, opened: Database
) -> None:
    photo, note = opened.table("photo"), opened.table("note")
    archived = [
        row["row"]
        for _key, row in opened.rows_for_archive(photo, photo_keys(opened, 1), notes_of_photos(opened))
    ]
    with opened.transaction():
        assert (
            opened.clear_dependents(photo, notes_of_photos(opened), photo_keys(opened, 1), ["photo_id"]) == 2
        )
    photos_with_notes.run(
        "UPDATE note SET photo_id = 3 WHERE id = 2; UPDATE note SET photo_id = NULL WHERE id = 3"
    )
    with opened.transaction():
        done = {int(row["id"]): opened.restore_cleared(note, ["id"], row) for row in archived}
    assert done == {1: True, 2: False}
    assert photos_with_notes.rows("SELECT photo_id FROM note ORDER BY id") == [(1,), (3,), (None,)]


def test_a_row_of_another_value_is_not_identical(photos_with_notes: TestDatabase, opened: Database) -> None:
    photo = opened.table("photo")
    [(_key, archived)] = opened.rows_for_archive(photo, photo_keys(opened, 3))
    photos_with_notes.run("UPDATE photo SET album_id = 1 WHERE id = 3")
    assert opened.has_row(photo, {"id": archived["row"]["id"]})
    assert not opened.has_identical_row(photo, archived["key"], archived["row"])
    assert opened.count_identical_rows(photo, archived["row"]) == 0


def test_a_column_that_is_gone_is_left_out_of_an_archived_row(
    photos_with_notes: TestDatabase, opened: Database
) -> None:
    [(_key, archived)] = opened.rows_for_archive(opened.table("photo"), photo_keys(opened, 3))
    photos_with_notes.run("DELETE FROM photo WHERE id = 3")
    with opened.transaction():
        assert opened.reinsert(opened.table("photo"), {**archived["row"], "no_such_column": "x"})
    assert ids(photos_with_notes, "photo") == [1, 2, 3]


# Sessions.


def test_a_savepoint_undoes_what_happened_in_it_and_no_more(
    photos_with_notes: TestDatabase, opened: Database
) -> None:
    photo = opened.table("photo")
    with opened.transaction():
        opened.clear(photo, ["image"], photo_keys(opened, 1))
        third = photo_keys(opened, 3)

        def delete_and_fail() -> None:
            with opened.savepoint():
                opened.delete(photo, third)
                opened.reinsert(opened.table("note"), {"id": 9, "photo_id": 100})

        with pytest.raises(DatabaseError, match="inserting a row of note failed"):
            delete_and_fail()
        assert opened.count_keys(photo, third) == 1
    assert photos_with_notes.rows("SELECT id FROM photo WHERE image IS NULL") == [(1,)]
    assert ids(photos_with_notes, "photo") == [1, 2, 3]


def test_foreign_keys_that_can_be_deferred_are_checked_at_the_end(
    photos_with_notes: TestDatabase, opened: Database
) -> None:
    note = opened.table("note")
    [(_key, archived)] = opened.rows_for_archive(
        opened.table("photo"), photo_keys(opened, 2), notes_of_photos(opened)
    )
    key = [(archived["row"]["id"],)]
    before = photos_with_notes.dump()
    with opened.transaction():
        opened.defer_foreign_keys()
        assert opened.delete(note, key) == 1
        assert opened.reinsert(note, archived["row"])

    def delete_what_is_referenced() -> None:
        with opened.transaction():
            opened.defer_foreign_keys()
            opened.delete(note, key)

    with pytest.raises(DatabaseError, match="committing failed"):
        delete_what_is_referenced()
    assert photos_with_notes.dump() == before


@pytest.mark.parametrize("change", ["delete", "clear", "reinsert", "restore_cleared", "delete_dependents"])
def test_a_read_only_database_refuses_every_change(photos_with_notes: TestDatabase, change: str) -> None:
    before = photos_with_notes.dump()
    with connect(photos_with_notes.url, read_only=True) as database:
        photo, keys = database.table("photo"), photo_keys(database, 3)
        [(_key, archived)] = database.rows_for_archive(photo, keys)
        changes: dict[str, Any] = {
            "delete": lambda: database.delete(photo, keys),
            "clear": lambda: database.clear(photo, ["image"], keys),
            "reinsert": lambda: database.reinsert(photo, {**archived["row"], "id": 9}),
            "restore_cleared": lambda: database.restore_cleared(photo, ["id"], archived["row"]),
            "delete_dependents": lambda: database.delete_dependents(photo, notes_of_photos(database), keys),
        }
        with pytest.raises(DatabaseError, match="failed"), database.transaction():
            changes[change]()
    assert photos_with_notes.dump() == before


def test_rows_that_were_found_in_a_transaction_stay_until_its_end(
    photos_with_notes: TestDatabase, implementation: Implementation
) -> None:
    with connect(photos_with_notes.url, read_only=False) as database:
        chosen = selection(database)
        rows = rows_of(database)
        with database.transaction(), photos_with_notes.connect() as site:
            database.still_selected(chosen, rows[:1])
            cursor = site.cursor()
            cursor.execute(implementation.wait_shortly)
            with pytest.raises(Exception, match=r"(?i)lock"):
                cursor.execute("UPDATE photo SET image = 'other' WHERE id = 1")
            if implementation.locks_rows:
                cursor.execute("UPDATE photo SET image = 'other' WHERE id = 2")


def test_another_run_is_kept_off_until_the_database_is_closed(
    empty_database: TestDatabase, implementation: Implementation
) -> None:
    with connect(empty_database.url, read_only=True) as first:
        first.lock()
        with connect(empty_database.url, read_only=True) as second:
            if implementation.locks_out_other_hosts:
                with pytest.raises(BusyError, match="another run cleans a site of this database"):
                    second.lock()
            else:
                second.lock()
    with connect(empty_database.url, read_only=True) as third:
        third.lock()


def test_an_error_says_what_was_done_and_what_to_do(
    photos_with_notes: TestDatabase, opened: Database
) -> None:
    with pytest.raises(DatabaseError) as refusal, opened.transaction():
        opened.delete(opened.table("photo"), photo_keys(opened, 1))
    assert re.match(r"(deleting rows of photo|committing) failed.*: .*foreign key", str(refusal.value), re.I)
    assert str(refusal.value).endswith("say what becomes of them in dependents.")


# What the database is.


def test_the_identity_is_the_same_for_everybody_and_shows_no_secret(empty_database: TestDatabase) -> None:
    if empty_database.kind == "postgresql":
        with_password = empty_database.url.replace("postgres:@", "postgres:hunter2@")
    elif empty_database.kind == "mariadb":
        empty_database.run(
            "CREATE USER IF NOT EXISTS other IDENTIFIED BY 'hunter2'; GRANT ALL ON *.* TO other"
        )
        with_password = empty_database.url.replace("root@", "other:hunter2@")
    else:
        with_password = f"{empty_database.url}?password=hunter2"
    assert "hunter2" in with_password
    found = set()
    for url, read_only in itertools.product((empty_database.url, with_password), (True, False)):
        with connect(url, read_only) as database:
            found.add(database.identity())
    [identity] = found
    assert "hunter2" not in identity
    assert len(identity.splitlines()) == 1
    assert identity.isprintable()


def test_hosts_cloned_from_one_image_have_two_databases(
    empty_database: TestDatabase, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for machine in ("1" * 32, "2" * 32, ""):
        (tmp_path / "machine-id").write_text(f"{machine}\n")
        monkeypatch.setattr(host, "_MACHINE_ID_FILES", (str(tmp_path / "none"), str(tmp_path / "machine-id")))
        with connect(empty_database.url, read_only=True) as database:
            found.append(database.identity())
            assert host.host_id() in found[-1]
            assert not machine or machine not in found[-1]
    assert len(set(found)) == 3


def test_a_database_where_the_site_writes_is_no_replica(empty_database: TestDatabase) -> None:
    with connect(empty_database.url, read_only=True) as database:
        assert database.is_replica() is False


@pytest.mark.parametrize("links", [[None, 1, 2], [2, 3, None], [1, 1, 1], [2, 3, 1]])
def test_rows_that_reference_each_other_are_deleted_together(
    empty_database: TestDatabase, links: list[int | None]
) -> None:
    empty_database.run("CREATE TABLE node (id integer PRIMARY KEY, up integer REFERENCES node (id))")
    for number in (1, 2, 3):
        empty_database.insert("node", [{"id": number, "up": None}])
    for number, up in enumerate(links, 1):
        empty_database.run(f"UPDATE node SET up = {up or 'NULL'} WHERE id = {number}")
    with connect(empty_database.url, read_only=False) as database:
        node = database.table("node")
        keys = [("1",), ("2",), ("3",)] if empty_database.kind != "sqlite" else [(1,), (2,), (3,)]
        with database.transaction():
            assert database.delete(node, keys) == 3
    assert ids(empty_database, "node") == []


_VALUES = "('50%s', '100%', 'it''s')"
_ENUM = f"CREATE TABLE photo (id enum{_VALUES} PRIMARY KEY, image varchar(20))"
_TYPE = f'CREATE TYPE "of%s" AS ENUM {_VALUES}; CREATE TABLE photo (id "of%s" PRIMARY KEY, image varchar(20))'


@pytest.mark.parametrize(
    ("driver", "table"),
    [
        ("postgresql_psycopg2", _TYPE),
        ("postgresql_psycopg3", _TYPE),
        ("mariadb", _ENUM),
        ("mariadb_mysqlclient", _ENUM),
    ],
)
def test_a_key_may_have_a_type_with_a_percent_sign(
    driver: str, table: str, request: pytest.FixtureRequest
) -> None:
    database = request.getfixturevalue(driver)
    database.run(table)
    database.run("INSERT INTO photo VALUES ('50%s', 'a'), ('100%', 'b'), ('it''s', 'c')")
    with connect(database.url, read_only=False) as opened:
        chosen = selection(opened)
        rows = rows_of(opened)
        with opened.transaction():
            assert len(opened.still_selected(chosen, rows)) == len(rows) == 3
            assert opened.delete_selected(chosen, rows[:2]) == 2
    assert database.rows("SELECT image FROM photo") == [("c",)]
