# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Rows come back exactly as they were, of whatever type, and however they hang together."""

from __future__ import annotations

import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import SiteError
from helpers.clock import let_clock_tick
from helpers.full_sites import FullSite, cleaned, report_of, settled

pytestmark = pytest.mark.promise(10)

# Every type.

POSTGRESQL_TYPES = {
    "small": ("smallint", ["-32768", "0"]),
    "big": ("bigint", ["9223372036854775807"]),
    "exact": ("numeric", ["NaN", "1.500", "-0.00000000000000000001", "1e100", "Infinity"]),
    "scaled": ("numeric(20,5)", ["12.34000"]),
    "real4": ("real", ["0.1", "3.4028235e38"]),
    "real8": ("double precision", ["0.1", "NaN", "-Infinity", "5e-324", "1.7976931348623157e308", "-0"]),
    "moment": ("timestamptz", ["2026-03-29 02:30:00.123456+02", "infinity", "4713-01-01 00:00:00+00 BC"]),
    "local": ("timestamp", ["2026-10-25 02:30:00.000001", "-infinity"]),
    "day": ("date", ["0044-03-15 BC", "9999-12-31"]),
    "clock": ("timetz", ["24:00:00+14:59"]),
    "span": ("interval", ["1 year 2 mons -3 days 04:05:06.789", "-178000000 years"]),
    "raw": ("bytea", ["\\x00ff0a27", ""]),
    "words": ("text", ["", "naïve \\ ' \" % %s {} \n\t 😀", "NULL"]),
    "padded": ("char(8)", ["abc"]),
    "bits": ("bit(5)", ["10101"]),
    "more_bits": ("bit varying", ["1010101010"]),
    "numbers": ("integer[]", ["{}", "{1,NULL,3}", "[2:3]={1,2}", "{{1,2},{3,4}}"]),
    "texts": ("text[]", ['{"a,b","\\"quoted\\"",NULL,"NULL",""}']),
    "codes": ("char(3)[]", ["{abc,de}"]),
    "moments": ("timestamptz[]", ['{"2026-01-01 00:00:00+00"}']),
    "plain_json": ("json", ['{"b": 1,  "a": 1.10, "a": null}']),
    "parsed_json": ("jsonb", ['{"a": [1, 1.10, "\\u00e9", null]}']),
    "unique_id": ("uuid", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
    "feeling": ("mood", ["so so", "it's 100%"]),
    "feelings": ("mood[]", ['{"so so",NULL}']),
    "flag": ("boolean", ["t", "f"]),
    "host": ("inet", ["2001:db8::1/64", "192.168.0.1"]),
    "net": ("cidr", ["10.0.0.0/8"]),
    "mac": ("macaddr", ["08:00:2b:01:02:03"]),
    "period": ("tstzrange", ['["2026-01-01 00:00:00+00",)', "empty"]),
    "pair": ("couple", ['(1,"a ""b"", c")']),
    "short": ("three_letters", ["abc"]),
    "place": ("point", ["(0.1,-1e-300)"]),
    "search": ("tsvector", ["'a':1A 'cat':2"]),
    "price": ("money", ["-1234.56"]),
    '"Odd "" name %s"': ("text", ["quoted"]),
}
POSTGRESQL_TABLE = """
CREATE TYPE mood AS ENUM ('so so', 'it''s 100%');
CREATE TYPE couple AS (a integer, b text);
CREATE DOMAIN three_letters AS char(3) CHECK (VALUE <> '---');
CREATE TABLE typed (always bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  photo_id integer NOT NULL REFERENCES photo (id), serial_too serial,
  doubled integer GENERATED ALWAYS AS (photo_id * 2) STORED);
"""
SQLITE_VALUES = [
    *("x'00ff'", "x''", "9223372036854775807", "-9223372036854775808", "0.1", "1e308 * 10", "-1e308 * 10"),
    *(
        "5e-324",
        "''",
        "'naïve 😀'",
        "NULL",
        "CAST(x'ff00fe' AS TEXT)",
        "CAST(x'610062' AS TEXT)",
        "1.0",
        "'1'",
        "1",
    ),
]


def test_every_type_of_postgresql_comes_back_exactly(tmp_path: Path, postgresql: Any):
    full_site = FullSite(tmp_path, postgresql)
    postgresql.run(POSTGRESQL_TABLE)
    for name, (kind, _values) in POSTGRESQL_TYPES.items():
        postgresql.run(f"ALTER TABLE typed ADD COLUMN {name} {kind}")
    with postgresql.connect() as connection:
        numeric_has_no_infinity = connection.server_version < 140000
    most = max(len(values) for _kind, values in POSTGRESQL_TYPES.values())
    for number in range(most + 1):
        given_values = {n: v[number] for n, (_kind, v) in POSTGRESQL_TYPES.items() if number < len(v)}
        if numeric_has_no_infinity and given_values.get("exact") == "Infinity":
            del given_values["exact"]
        _insert_texts(postgresql, given_values)
    _all_come_back(full_site, "incomplete", "typed")


def _insert_texts(database: Any, values: dict[str, str]) -> None:
    columns = "".join(f", {name.replace('%', '%%')}" for name in values)
    marks = "".join(f", %s::{POSTGRESQL_TYPES[name][0]}" for name in values)
    with database.connect() as connection:
        statement = f"INSERT INTO typed (photo_id{columns}) VALUES (11{marks})"
        connection.cursor().execute(statement, list(values.values()))


def _all_come_back(full_site: FullSite, job: str, table: str) -> None:
    dump = _as_text(full_site.database, table)
    sequences = _sequences(full_site.database)
    before = full_site.state()
    let_clock_tick()
    full_site.run(job)
    assert _as_text(full_site.database, table) == []
    full_site.restore_all()
    assert _as_text(full_site.database, table) == dump
    assert full_site.state()[0] == before[0]
    assert _sequences(full_site.database) == sequences
    assert full_site.batches() == []


def _as_text(database: Any, table: str) -> list[Any]:
    """The rows as the server writes them: in Python, NaN would not be equal to itself."""
    if database.kind == "postgresql":
        return database.rows(f"SELECT t::text FROM {table} AS t ORDER BY 1")
    return database.rows(f"SELECT hex(value), typeof(value), value = 1, rowid FROM {table} ORDER BY id")


def _sequences(database: Any) -> list[Any]:
    if database.kind == "postgresql":
        return database.rows("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1")
    return database.rows("SELECT * FROM sqlite_sequence")


@pytest.mark.parametrize("declared", ["", "TEXT", "BLOB", "REAL", "NUMERIC", "INTEGER"])
def test_every_value_of_sqlite_comes_back_exactly(sqlite_full_site: FullSite, declared: str):
    sqlite_full_site.database.run(
        f"CREATE TABLE typed (id integer PRIMARY KEY AUTOINCREMENT, value {declared},"
        " photo_id integer NOT NULL REFERENCES photo (id), doubled AS (photo_id * 2) STORED);"
        + "".join(f"INSERT INTO typed (value, photo_id) VALUES ({value}, 11);" for value in SQLITE_VALUES)
    )
    _all_come_back(sqlite_full_site, "incomplete", "typed")


anything = st.one_of(
    *(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.binary(max_size=20)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(values=st.lists(anything, max_size=8))
def test_any_values_come_back_to_sqlite(sqlite_full_site: FullSite, values: list[Any]):
    sqlite_full_site.database.run(
        "DROP TABLE IF EXISTS typed; CREATE TABLE typed"
        " (id integer PRIMARY KEY AUTOINCREMENT, value, photo_id integer NOT NULL REFERENCES photo (id))"
    )
    sqlite_full_site.database.insert("typed", [{"value": value, "photo_id": 11} for value in values])
    before = sqlite_full_site.state()
    sqlite_full_site.run("incomplete")
    sqlite_full_site.restore_all()
    assert sqlite_full_site.state() == before


# Every way of hanging together.

DEPENDENTS = """
CREATE TABLE tag (id integer PRIMARY KEY, name varchar(9));
CREATE TABLE photo_tags (id integer PRIMARY KEY, photo_id integer NOT NULL REFERENCES photo (id),
  tag_id integer NOT NULL REFERENCES tag (id));
CREATE TABLE page (book integer, page integer, photo_id integer NOT NULL REFERENCES photo (id),
  PRIMARY KEY (book, page));
CREATE TABLE line (book integer NOT NULL, page integer NOT NULL, line integer, words text,
  PRIMARY KEY (book, page, line), FOREIGN KEY (book, page) REFERENCES page (book, page));
CREATE TABLE remark (id integer PRIMARY KEY, photo_id integer REFERENCES photo (id) ON DELETE CASCADE,
  parent_id integer REFERENCES remark (id));
INSERT INTO tag VALUES (1, 'a');
INSERT INTO photo_tags VALUES (1, 11, 1), (2, 12, 1), (3, 1, 1);
INSERT INTO page VALUES (1, 1, 11), (1, 2, 13), (2, 1, 1);
INSERT INTO line VALUES (1, 1, 1, 'x'), (1, 1, 2, 'y'), (1, 2, 1, 'z'), (2, 1, 1, 'stays');
INSERT INTO remark VALUES (1, 11, NULL), (2, NULL, 1), (3, 13, 2);
"""


def test_dependents_of_every_kind_come_back_in_order(full_site: FullSite):
    full_site.database.run(DEPENDENTS)
    before = full_site.state()
    full_site.options["accept"].append("referenced_row:remark.photo_id")
    cleaned(full_site)
    assert full_site.database.rows("SELECT count(*) FROM line") == [(1,)]
    assert full_site.database.rows("SELECT parent_id FROM remark") == [(None,)]
    full_site.restore_all()
    assert full_site.state() == before


def test_dependents_in_another_schema_come_back(tmp_path: Path, postgresql: Any):
    full_site = settled(FullSite(tmp_path, postgresql))
    postgresql.run(
        'CREATE SCHEMA "Other %s"; CREATE TABLE "Other %s".photo (id integer PRIMARY KEY,'
        " photo_id integer NOT NULL REFERENCES public.photo (id));"
        'INSERT INTO "Other %s".photo VALUES (11, 11)'
    )
    before = full_site.state()
    full_site.run("incomplete")
    assert postgresql.rows('SELECT * FROM "Other %s".photo') == []
    full_site.restore_all()
    assert full_site.state() == before


def test_records_that_point_at_each_other_come_back(full_site: FullSite):
    full_site.database.run("UPDATE photo SET edited_from_id = 12 WHERE id = 11")
    before = full_site.state()
    full_site.run("incomplete")
    full_site.restore_all()
    assert full_site.state() == before


def test_a_record_that_points_at_itself_comes_back(full_site: FullSite):
    full_site.database.run("UPDATE photo SET edited_from_id = 11 WHERE id = 11")
    before = full_site.state()
    full_site.run("incomplete")
    full_site.restore_all()
    assert full_site.state() == before


REFUSING = {
    "postgresql": "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'not now'; END $$;"
    "CREATE TRIGGER refuse_visit BEFORE INSERT ON visit FOR EACH ROW EXECUTE FUNCTION refuse();"
    "CREATE TRIGGER refuse_album BEFORE UPDATE ON album FOR EACH ROW EXECUTE FUNCTION refuse()",
    "sqlite": "CREATE TRIGGER refuse_visit BEFORE INSERT ON visit BEGIN SELECT RAISE(ABORT, 'not now'); END;"
    "CREATE TRIGGER refuse_album BEFORE UPDATE ON album BEGIN SELECT RAISE(ABORT, 'not now'); END",
}


def test_rows_that_the_database_does_not_take_stay_and_the_others_come_back(full_site: FullSite):
    on = {"postgresql": " ON {}", "sqlite": ""}[full_site.database.kind]
    full_site.database.run(
        "CREATE TABLE visit (photo_id integer NOT NULL REFERENCES photo (id), note text);"
        "INSERT INTO visit VALUES (12, 'a')"
    )
    before = full_site.state()
    full_site.run("incomplete")
    full_site.database.run(REFUSING[full_site.database.kind])
    [batch] = full_site.batches()
    result = full_site.restore(batch)
    told = {skipped.name: skipped.reason for skipped in result.kept.items}
    assert sorted(told) == [b"album 1", b"visit 12, a"]
    assert all("not now" in reason for reason in told.values())
    assert full_site.database.rows("SELECT count(*) FROM photo WHERE id IN (11, 12, 13)") == [(3,)]
    for table in ("visit", "album"):
        full_site.database.run(f"DROP TRIGGER refuse_{table}{on.format(table)}")
    full_site.restore(batch)
    assert (full_site.state(), full_site.batches()) == (before, [])


@pytest.mark.promise(6)
def test_a_check_predicts_that_a_row_is_in_the_way(full_site: FullSite):
    full_site.run("missing")
    full_site.photo(21, "photos/another.jpg", content_type_id=7, on_disk=False)
    [batch] = full_site.batches()
    predicted, result = full_site.restore(batch, check=True), full_site.restore(batch)
    assert predicted.kept.items[0].name == result.kept.items[0].name == b"photo 21"
    assert report_of(predicted) == report_of(result)


def test_circles_come_back_beside_rows_that_cannot(full_site: FullSite):
    full_site.database.run(
        "CREATE TABLE tag (id integer PRIMARY KEY); INSERT INTO tag VALUES (1), (2);"
        "CREATE TABLE node (id integer PRIMARY KEY, photo_id integer NOT NULL REFERENCES photo (id),"
        " tag_id integer NOT NULL REFERENCES tag (id),"
        " peer_id integer REFERENCES node (id) DEFERRABLE INITIALLY DEFERRED);"
        "INSERT INTO node VALUES (3, 11, 2, NULL), (4, 11, 1, 3), (5, 11, 1, 4);"
    )
    with full_site.database.connect() as connection:
        for statement in (
            "INSERT INTO node VALUES (1, 11, 1, NULL)",
            "INSERT INTO node VALUES (2, 11, 1, 1)",
            "UPDATE node SET peer_id = 2 WHERE id = 1",
        ):
            connection.cursor().execute(statement)
    before = full_site.state()
    full_site.run("incomplete")
    full_site.database.run("DELETE FROM tag WHERE id = 2")
    [batch] = full_site.batches()
    result = full_site.restore(batch)
    assert full_site.database.rows("SELECT id FROM node ORDER BY id") == [(1,), (2,)]
    assert {skipped.name for skipped in result.kept.items} == {b"node 3", b"node 4", b"node 5"}
    assert {skipped.reason for skipped in result.kept.items} == {"a row that it references is missing"}
    full_site.database.run("INSERT INTO tag VALUES (2)")
    full_site.restore(batch)
    assert (full_site.state(), full_site.batches()) == (before, [])


def test_a_circle_that_cannot_come_back_whole_stays_whole(full_site: FullSite):
    full_site.database.run(
        "CREATE TABLE node (id integer PRIMARY KEY, photo_id integer NOT NULL REFERENCES photo (id),"
        " slug varchar(9) UNIQUE, peer_id integer REFERENCES node (id) DEFERRABLE INITIALLY DEFERRED);"
        "INSERT INTO node VALUES (1, 11, 'a', NULL); INSERT INTO node VALUES (2, 11, 'b', 1);"
        "UPDATE node SET peer_id = 2 WHERE id = 1"
    )
    before = full_site.state()
    _plan, outcome = full_site.run("incomplete")
    gone = outcome.removed.records + sum(counts["deleted"] for counts in outcome.dependents.values())
    full_site.database.run("INSERT INTO node VALUES (3, 1, 'b', NULL)")
    [batch] = full_site.batches()
    result = full_site.restore(batch)
    assert full_site.database.rows("SELECT id FROM node") == [(3,)]
    assert result.totals.records == gone - 2
    assert {skipped.name for skipped in result.kept.items} >= {b"node 1", b"node 2"}
    full_site.database.run("DELETE FROM node")
    full_site.restore(batch)
    assert (full_site.state(), full_site.batches()) == (before, [])


@pytest.mark.promise(11)
def test_memory_does_not_hold_the_rows_that_come_back(sqlite_full_site: FullSite):
    """Eight megabytes of rows, where one at a time needs no hundredth of that."""
    sqlite_full_site.database.run(
        "CREATE TABLE note (id integer PRIMARY KEY, photo_id integer NOT NULL REFERENCES photo (id), words);"
        "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 2000)"
        " INSERT INTO note SELECT id, 11, hex(randomblob(2000)) FROM n"
    )
    before = sqlite_full_site.state()
    sqlite_full_site.run("incomplete", max_dependents=1000)
    [batch] = sqlite_full_site.batches()
    tracemalloc.start()
    try:
        sqlite_full_site.restore(batch)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sqlite_full_site.state() == before
    assert peak < 2_000_000


VISITS = "INSERT INTO visit VALUES (11, 'a'), (11, 'a'), (12, NULL), (1, 'stays')"


def test_dependents_without_a_primary_key_come_back_once(full_site: FullSite):
    full_site.database.run(
        "CREATE TABLE visit (photo_id integer NOT NULL REFERENCES photo (id), note text);" + VISITS
    )
    before = full_site.state()
    full_site.run("incomplete")
    [batch] = full_site.batches()
    shutil.copytree(full_site.quarantine / batch, full_site.quarantine / "again")
    assert full_site.restore(batch, check=True).totals.records
    full_site.restore(batch)
    assert full_site.state() == before
    # As after a crash between the commit and the end of a restore.
    full_site.restore("again")
    assert full_site.database.rows("SELECT count(*) FROM visit") == [(4,)]


def test_rows_that_could_not_be_set_back_are_not_detached(full_site: FullSite):
    """Without a primary key, nothing tells which of two like rows to set back."""
    full_site.database.run("CREATE TABLE visit (photo_id integer REFERENCES photo (id), note text);" + VISITS)
    full_site.options["accept"].append("referenced_row:visit.photo_id")
    before = full_site.state()
    with pytest.raises(SiteError, match="visit has no primary key"):
        full_site.run("incomplete")
    assert full_site.state() == before


def test_a_key_of_odd_text_is_a_key(full_site: FullSite):
    declared = "char(5)" if full_site.database.kind == "postgresql" else "text"
    full_site.database.run(
        f"CREATE TABLE ticket (code {declared} PRIMARY KEY, photo_id integer NOT NULL REFERENCES photo (id));"
        "INSERT INTO ticket VALUES ('ab', 11), ('c''%s', 11)"
    )
    if full_site.database.kind == "sqlite":
        full_site.database.run("INSERT INTO ticket VALUES (CAST(x'ff61' AS TEXT), 11)")
    count = full_site.database.rows("SELECT count(*), count(DISTINCT code), max(photo_id) FROM ticket")
    full_site.run("incomplete")
    assert full_site.database.rows("SELECT count(*) FROM ticket") == [(0,)]
    full_site.restore_all()
    assert (
        full_site.database.rows("SELECT count(*), count(DISTINCT code), max(photo_id) FROM ticket") == count
    )
