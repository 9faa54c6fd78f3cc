# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Sessions of PostgreSQL: whoever may create objects in ``public`` gets no code of theirs run by ours."""

from __future__ import annotations

import tempfile
from typing import Any, Iterator

import pytest

from engine.config.site import Column
from engine.database import connect
from engine.database.catalog import Selection
from engine.database.postgresql import libpq
from engine.errors import CleanupError, DatabaseError
from helpers.builders import on_full_disk

IMAGE = Column("photo", "image", "size", "sha")
# What would be chosen before the system's own, whose types fit less well.
OPERATORS = [("=", "varchar"), ("<>", "varchar")]
FUNCTIONS = [("unnest", "text[]", "SETOF text"), ("to_timestamp", "numeric", "timestamptz")]
RAISE = "LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a stranger''s code was run'; END $$"


@pytest.fixture
def shadowing(postgresql: Any) -> Any:
    """Photos and notes in a database where a stranger made operators and functions in ``public``."""
    postgresql.run(
        "CREATE TABLE photo (id varchar(20) PRIMARY KEY, image varchar(200), size bigint, sha varchar(64),"
        " album_id varchar(20), taken timestamp);"
        "CREATE TABLE note (id varchar(20) PRIMARY KEY, photo_id varchar(20) REFERENCES photo (id));"
        "INSERT INTO photo VALUES ('1', 'p/1.jpg', 5, 'x', NULL, '2025-01-01');"
        "INSERT INTO photo VALUES ('2', 'p/2.jpg', 5, 'x', NULL, '2025-01-01');"
        "INSERT INTO note VALUES ('n1', '1'), ('n2', '2'), ('n3', NULL)"
    )
    for number, (operator, kind) in enumerate(OPERATORS):
        postgresql.run(f"CREATE FUNCTION shadow{number}(a {kind}, b {kind}) RETURNS boolean {RAISE}")
        arguments = f"LEFTARG = {kind}, RIGHTARG = {kind}, FUNCTION = shadow{number}"
        postgresql.run(f"CREATE OPERATOR public.{operator} ({arguments})")
    for name, arguments, result in FUNCTIONS:
        postgresql.run(f"CREATE FUNCTION public.{name}({arguments}) RETURNS {result} {RAISE}")
    return postgresql


@pytest.mark.parametrize(
    "question",
    [
        "SELECT 1 FROM photo WHERE image <> ''",
        "SELECT 1 FROM photo JOIN note ON photo_id = photo.id",
        "SELECT unnest(string_to_array('a', ','))",
        "SELECT to_timestamp(1.5)",
    ],
)
def test_the_strangers_code_would_be_run_in_an_ordinary_session(shadowing: Any, question: str) -> None:
    """Otherwise the tests below would prove nothing."""
    with pytest.raises(Exception, match="a stranger's code was run"):
        shadowing.rows(question)


def incomplete(database: Any) -> Selection:
    return Selection(database.table("photo"), "image", ("album_id",), "taken", 1751371200.0, "UTC")


def test_reading_runs_no_code_of_a_stranger(shadowing: Any) -> None:
    with connect(shadowing.url, read_only=True) as database:
        assert list(database.references([IMAGE])) == [[b"p/1.jpg", b"p/2.jpg"]]
        assert database.estimate_references([IMAGE]) > 0
        for stems in (True, False):
            wanted = b"p/1" if stems else b"p/1.jpg"
            assert database.count_references([IMAGE], [wanted], stems) == {wanted: 1}
        assert database.references_by_name([IMAGE], [b"1.jpg"]) == [b"p/1.jpg"]
        assert len(database.references_by_size([IMAGE], [5])) == 2
        assert list(database.recorded_contents([IMAGE], [b"p/1.jpg"])) == [(b"p/1.jpg", "5", "x")]
        for chosen in (incomplete(database), Selection(database.table("photo"), "image")):
            rows = [row for rows in database.rows(chosen) for row in rows]
            assert len(rows) == database.count_rows(chosen, condition=True) == 2
            assert [len(found) for found in database.rows_by_file(chosen, [b"p/1.jpg"])] == [1]
            assert len(database.details(chosen, [Column("photo", "image")], ["sha"], rows)) == 2
            assert database.still_selected(chosen, rows) == {row.key for row in rows}
        photo, note = database.table("photo"), database.table("note")
        [link] = database.foreign_keys()
        keys = [row.key for row in rows]
        assert database.count_dependents(photo, [(link, note)], keys) == 2
        assert database.with_dependents(photo, [(link, note)], keys[:1]) == set(keys[:1])
        assert [len(some) for some in database.dependent_keys(photo, [(link, note)], keys)] == [2]
        assert database.count_keys(photo, keys) == 2
        [(_key, row)] = database.rows_for_archive(photo, keys[:1])
        assert database.has_row(photo, {"id": "1"})
        assert database.has_identical_row(photo, row["key"], row["row"])
        assert database.count_identical_rows(photo, row["row"]) == 1


def test_changing_rows_runs_no_code_of_a_stranger(shadowing: Any) -> None:
    with connect(shadowing.url, read_only=False) as database:
        photo, note = database.table("photo"), database.table("note")
        [link] = database.foreign_keys()
        first, second = (("1",), ("2",))
        archived = {key: row["row"] for key, row in database.rows_for_archive(photo, [first, second])}
        with database.transaction():
            assert database.clear(photo, ["image"], [first]) == 1
            assert database.restore_cleared(photo, ["id"], {"id": "1", "image": "p/1.jpg"})
            assert database.clear_dependents(photo, [(link, note)], [first], ["photo_id"]) == 1
            assert database.delete_dependents(photo, [(link, note)], [second]) == 1
            assert database.delete(photo, [first]) == 1
            rows = [row for rows in database.rows(incomplete(database)) for row in rows]
            assert database.delete_selected(incomplete(database), rows) == 1
            assert [database.reinsert(photo, row) for row in archived.values()] == [True, True]
            chosen = Selection(photo, "image")
            rows = [row for rows in database.rows(chosen) for row in rows]
            assert database.delete_selected(chosen, rows) == 2


def test_the_sites_triggers_find_its_tables(postgresql: Any) -> None:
    """They name tables as the site's own sessions do, also where they wait for the end."""
    postgresql.run(
        "CREATE SCHEMA site; CREATE TABLE photo (id integer PRIMARY KEY, image text);"
        "CREATE TABLE site.log (entry text); INSERT INTO photo VALUES (1, 'a'), (2, 'b');"
        "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO log VALUES (TG_OP || TG_NAME); RETURN NULL; END $$;"
        "CREATE TRIGGER once AFTER DELETE OR UPDATE OR INSERT ON photo"
        " FOR EACH ROW EXECUTE FUNCTION noted();"
        "CREATE CONSTRAINT TRIGGER late AFTER DELETE ON photo DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION noted()"
    )
    ((name,),) = postgresql.rows("SELECT current_database()")
    postgresql.run(f"ALTER DATABASE {name} SET search_path = site, public")
    with connect(postgresql.url, read_only=False) as database:
        assert database.table("log").identity == ("site", "log")
        photo = database.table("photo")
        with database.transaction():
            assert database.clear(photo, ["image"], [("1",)]) == 1
            assert database.delete(photo, [("1",)]) == 1
            assert database.reinsert(photo, {"id": "3", "image": "c"})
    assert sorted(postgresql.rows("SELECT entry FROM site.log")) == [
        ("DELETElate",),
        ("DELETEonce",),
        ("INSERTonce",),
        ("UPDATEonce",),
    ]


def test_a_foreign_key_of_a_type_with_its_own_equality_is_followed(postgresql: Any) -> None:
    """As the types that ignore case have it, whose operators lie outside of the system's schema."""
    postgresql.run("CREATE SCHEMA own; CREATE TYPE own.name AS (v text)")
    for operator, function in (("<", "<"), ("<=", "<="), ("=", "="), (">=", ">="), (">", ">")):
        function_name = f"own.f{ord(operator[0])}{len(operator)}"
        postgresql.run(
            f"CREATE FUNCTION {function_name}(own.name, own.name) RETURNS boolean IMMUTABLE LANGUAGE sql AS"
            f" $$ SELECT lower($1.v) {function} lower($2.v) $$; CREATE OPERATOR own.{operator}"
            f" (LEFTARG = own.name, RIGHTARG = own.name, FUNCTION = {function_name})"
        )
    postgresql.run(
        "CREATE FUNCTION own.cmp(own.name, own.name) RETURNS integer IMMUTABLE LANGUAGE sql AS"
        " $$ SELECT CASE WHEN lower($1.v) < lower($2.v) THEN -1 WHEN lower($1.v) > lower($2.v) THEN 1"
        " ELSE 0 END $$;"
        "CREATE OPERATOR CLASS own.ops DEFAULT FOR TYPE own.name USING btree AS OPERATOR 1 own.<,"
        " OPERATOR 2 own.<=, OPERATOR 3 own.=, OPERATOR 4 own.>=, OPERATOR 5 own.>, FUNCTION 1 own.cmp"
        "(own.name, own.name);"
        "CREATE TABLE photo (id own.name PRIMARY KEY, image text);"
        "CREATE TABLE note (photo_id own.name REFERENCES photo (id));"
        "INSERT INTO photo VALUES (ROW('A'), 'a'); INSERT INTO note VALUES (ROW('a'))"
    )
    with connect(postgresql.url, read_only=False) as database:
        photo, note = database.table("photo"), database.table("note")
        [link] = database.foreign_keys()
        [rows] = database.rows(Selection(photo, "image"))
        keys = [row.key for row in rows]
        assert database.count_dependents(photo, [(link, note)], keys) == 1
        assert database.has_row(photo, {"id": "(a)"})
        assert database.count_keys(photo, [("(a)",)]) == 1
        with database.transaction():
            assert database.delete_dependents(photo, [(link, note)], keys) == 1
            assert database.delete(photo, keys) == 1


@pytest.mark.promise(11)
def test_a_full_disk_for_the_copy_of_references_is_reported(
    postgresql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgresql.run("CREATE TABLE photo (image text)")
    postgresql.run("INSERT INTO photo SELECT 'p/' || n || '.jpg' FROM generate_series(1, 20000) AS n")
    monkeypatch.setattr(tempfile, "TemporaryFile", on_full_disk)
    words = r"temporary file in /.* failed: No space left.* TMPDIR"
    with connect(postgresql.url, read_only=True) as database, pytest.raises(CleanupError, match=words):
        list(database.references([Column("photo", "image")]))


@pytest.mark.promise(12)
def test_an_error_of_the_server_shows_no_content_of_rows(postgresql: Any) -> None:
    postgresql.run(
        "CREATE TABLE photo (id integer PRIMARY KEY, email text UNIQUE, size integer CHECK (size > 0))"
    )
    postgresql.run("INSERT INTO photo VALUES (1, 'anna@example.org', 1)")
    with connect(postgresql.url, read_only=False) as database:
        with pytest.raises(DatabaseError, match="duplicate key value violates unique constraint") as refusal:
            database._execute("inserting", "INSERT INTO public.photo VALUES (2, 'anna@example.org', 1)", [])
        assert "anna" not in str(refusal.value)
    with connect(postgresql.url, read_only=False) as database:
        with pytest.raises(DatabaseError, match="violates check constraint") as refusal:
            database._execute("updating", "UPDATE public.photo SET size = 0", [])
        assert "anna" not in str(refusal.value)


def test_the_hint_of_an_error_of_the_server_is_shown(postgresql: Any) -> None:
    statement = "DO $$ BEGIN RAISE 'no' USING DETAIL = 'anna', HINT = 'Ask the owner.'; END $$"
    words = r"asking failed: no HINT: Ask the owner\. "
    with connect(postgresql.url, False) as database, pytest.raises(DatabaseError, match=words) as refusal:
        database._execute("asking", statement, [])
    assert "anna" not in str(refusal.value)


def test_an_error_of_a_connection_is_shown_without_its_detail() -> None:
    error = OSError("FATAL:  no\nDETAIL:  anna\nmore of anna\nHINT:  Ask the owner.\n")
    assert " ".join(libpq._server_words(error).split()) == "FATAL: no HINT: Ask the owner."


def test_dependent_rows_of_known_keys_take_no_look_at_their_records(
    postgresql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgresql.run(
        "CREATE TABLE photo (id integer PRIMARY KEY, slug text UNIQUE);"
        "CREATE TABLE note (id integer PRIMARY KEY, photo_id integer REFERENCES photo (id),"
        " slug text REFERENCES photo (slug));"
        "INSERT INTO photo VALUES (1, 'a'), (2, 'b');"
        "INSERT INTO note VALUES (1, 1, NULL), (2, 2, NULL), (3, NULL, 'a')"
    )
    asked: list[str] = []
    stream = libpq.LibpqConnection.stream

    def noted(
        connection: libpq.LibpqConnection, statement: str, parameters: Any, size: int
    ) -> Iterator[list[Any]]:
        asked.append(statement)
        return stream(connection, statement, parameters, size)

    monkeypatch.setattr(libpq.LibpqConnection, "stream", noted)
    with connect(postgresql.url, read_only=True) as database:
        photo, note = database.table("photo"), database.table("note")
        links = {link.columns: link for link in database.foreign_keys()}
        for column, found, looks in (("photo_id", "1", 0), ("slug", "3", 1)):
            steps = [(links[column,], note)]
            assert list(database.dependent_keys(photo, steps, [("1",)])) == [[(("1",), (found,))]]
            assert asked.pop().count('"public"."photo"') == looks
