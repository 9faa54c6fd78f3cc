# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What was removed comes back exactly as it was, and never over something else."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import Any, Iterator

import pytest
from faults import (
    CLOCK_TICK,
    Fault,
    World,
    cleaned,
    cleaning,
    everything,
    finish,
    in_child,
    losses,
    restoring,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import Ansible, names, undocumented

from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile import quarantine
from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile.errors import (
    CleanupError,
    SiteError,
)

MODULE = "django_media.cleanup.media_quarantine"
INFO = "django_media.cleanup.media_quarantine_info"
is_root = os.geteuid() == 0


@pytest.fixture
def world(tmp_path: Path, database: Any) -> World:
    return _made(World(tmp_path, database))


@pytest.fixture
def sqlite_world(tmp_path: Path, sqlite: Any) -> World:
    return _made(World(tmp_path, sqlite))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    if os.stat("/dev/shm").st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def divided(tmp_path: Path, sqlite: Any, elsewhere: Path) -> World:
    """A world whose quarantine is on another file system."""
    return _made(World(tmp_path, sqlite, elsewhere))


def _made(world: World) -> World:
    time.sleep(CLOCK_TICK)
    return world


# The round trip.


def test_all_that_the_three_jobs_remove_comes_back_as_it_was(world: World):
    cleaned(world)
    assert world.state() != world.start
    assert len(world.batches()) == 3
    world.restore_all()
    assert world.state() == world.start
    assert world.batches() == []


def test_across_file_systems_owner_mode_times_and_content_survive(divided: World):
    stamps = {
        path: os.stat(divided.path(path)) for path, file in divided.start[0].items() if file[0][0] == "-"
    }
    cleaned(divided)
    assert list(losses(divided)) == []
    assert divided.kept()
    divided.restore_all()
    assert divided.state() == divided.start
    for path, before in stamps.items():
        now = os.stat(divided.path(path))
        assert (now.st_mtime_ns, now.st_atime_ns) == (before.st_mtime_ns, before.st_atime_ns), path


def test_a_move_keeps_the_time_of_access(world: World):
    before = os.stat(world.path("photos/left over.jpg"))
    world.run("orphans")
    world.restore_all()
    assert os.stat(world.path("photos/left over.jpg")).st_atime_ns == before.st_atime_ns


names_of_files = st.one_of(
    st.binary(min_size=1, max_size=255).filter(lambda name: not {b"/"[0], 0} & set(name)),
    st.text("aé\n\t{%'\"\\ ", min_size=1, max_size=20).map(os.fsencode),
    st.just(b"x" * 255),
).filter(lambda name: name not in (b".", b"..") and not name.startswith(b".") and name != b"@eaDir")
trees = st.dictionaries(
    st.lists(names_of_files, min_size=1, max_size=3).map(b"/".join),
    st.tuples(st.binary(max_size=50), st.sampled_from([0o600, 0o644, 0o4755, 0o000]), st.integers(0, 2**33)),
    max_size=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree=trees)
def test_any_tree_of_orphans_comes_back(sqlite_world: World, tree: dict[bytes, tuple[bytes, int, int]]):
    shutil.rmtree(sqlite_world.media)
    sqlite_world.write(
        *(os.fsencode(image) for (image,) in sqlite_world.database.rows("SELECT image FROM photo"))
    )
    sqlite_world.write("thumbs/one.jpg")
    for path, (content, mode, moment) in tree.items():
        _write_odd(sqlite_world, b"photos/odd/" + path, content, mode, moment)
    time.sleep(CLOCK_TICK)
    before = sqlite_world.state()
    sqlite_world.run("orphans", older_than_hours=0)
    sqlite_world.restore_all()
    assert sqlite_world.state() == before


def _write_odd(world: World, path: bytes, content: bytes, mode: int, moment: int) -> None:
    file = world.path(path)
    try:
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "xb") as opened:
            opened.write(content)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        # A name that is a file here and a directory there.
        return
    os.chmod(file, mode)
    os.utime(file, ns=(moment * 10**8, moment * 10**8 + 7))


# The rows: every type.

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
CREATE DOMAIN three_letters AS char(3) CHECK (VALUE <> 'xxx');
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
    world = World(tmp_path, postgresql)
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
    _all_come_back(world, "incomplete", "typed")


def _insert_texts(database: Any, values: dict[str, str]) -> None:
    columns = "".join(f", {name.replace('%', '%%')}" for name in values)
    marks = "".join(f", %s::{POSTGRESQL_TYPES[name][0]}" for name in values)
    with database.connect() as connection:
        statement = f"INSERT INTO typed (photo_id{columns}) VALUES (11{marks})"
        connection.cursor().execute(statement, list(values.values()))


def _all_come_back(world: World, job: str, table: str) -> None:
    dump = _as_text(world.database, table)
    sequences = _sequences(world.database)
    before = world.state()
    time.sleep(CLOCK_TICK)
    world.run(job)
    assert _as_text(world.database, table) == []
    world.restore_all()
    assert _as_text(world.database, table) == dump
    assert world.state()[0] == before[0]
    assert _sequences(world.database) == sequences
    assert world.batches() == []


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
def test_every_value_of_sqlite_comes_back_exactly(sqlite_world: World, declared: str):
    sqlite_world.database.run(
        f"CREATE TABLE typed (id integer PRIMARY KEY AUTOINCREMENT, value {declared},"
        " photo_id integer NOT NULL REFERENCES photo (id), doubled AS (photo_id * 2) STORED);"
        + "".join(f"INSERT INTO typed (value, photo_id) VALUES ({value}, 11);" for value in SQLITE_VALUES)
    )
    _all_come_back(sqlite_world, "incomplete", "typed")


anything = st.one_of(
    *(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.binary(max_size=20)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(values=st.lists(anything, max_size=8))
def test_any_values_come_back_to_sqlite(sqlite_world: World, values: list[Any]):
    sqlite_world.database.run(
        "DROP TABLE IF EXISTS typed; CREATE TABLE typed"
        " (id integer PRIMARY KEY AUTOINCREMENT, value, photo_id integer NOT NULL REFERENCES photo (id))"
    )
    sqlite_world.database.insert("typed", [{"value": value, "photo_id": 11} for value in values])
    before = sqlite_world.state()
    sqlite_world.run("incomplete")
    sqlite_world.restore_all()
    assert sqlite_world.state() == before


# The rows: every way of hanging together.

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


def test_dependents_of_every_kind_come_back_in_order(world: World):
    world.database.run(DEPENDENTS)
    before = world.state()
    cleaned(world)
    assert world.database.rows("SELECT count(*) FROM line") == [(1,)]
    assert world.database.rows("SELECT parent_id FROM remark") == [(None,)]
    world.restore_all()
    assert world.state() == before


def test_dependents_in_another_schema_come_back(tmp_path: Path, postgresql: Any):
    world = _made(World(tmp_path, postgresql))
    postgresql.run(
        'CREATE SCHEMA "Other %s"; CREATE TABLE "Other %s".photo (id integer PRIMARY KEY,'
        " photo_id integer NOT NULL REFERENCES public.photo (id));"
        'INSERT INTO "Other %s".photo VALUES (11, 11)'
    )
    before = world.state()
    world.run("incomplete")
    assert postgresql.rows('SELECT * FROM "Other %s".photo') == []
    world.restore_all()
    assert world.state() == before


def test_records_that_point_at_each_other_come_back(world: World):
    world.database.run("UPDATE photo SET edited_from_id = 12 WHERE id = 11")
    before = world.state()
    world.run("incomplete")
    world.restore_all()
    assert world.state() == before


VISITS = "INSERT INTO visit VALUES (11, 'a'), (11, 'a'), (12, NULL), (1, 'stays')"


def test_dependents_without_a_primary_key_come_back_once(world: World):
    world.database.run(
        "CREATE TABLE visit (photo_id integer NOT NULL REFERENCES photo (id), note text);" + VISITS
    )
    before = world.state()
    world.run("incomplete")
    [batch] = world.batches()
    shutil.copytree(world.quarantine / batch, world.quarantine / "again")
    assert world.restore(batch, check=True).totals.records
    world.restore(batch)
    assert world.state() == before
    # As after a crash between the commit and the end of a restore.
    world.restore("again")
    assert world.database.rows("SELECT count(*) FROM visit") == [(4,)]


def test_rows_that_could_not_be_set_back_are_not_detached(world: World):
    """Without a primary key, nothing tells which of two like rows to set back."""
    world.database.run("CREATE TABLE visit (photo_id integer REFERENCES photo (id), note text);" + VISITS)
    before = world.state()
    with pytest.raises(SiteError, match="visit has no primary key"):
        world.run("incomplete")
    assert world.state() == before


def test_a_key_of_odd_text_is_a_key(world: World):
    declared = "char(5)" if world.database.kind == "postgresql" else "text"
    world.database.run(
        f"CREATE TABLE ticket (code {declared} PRIMARY KEY, photo_id integer NOT NULL REFERENCES photo (id));"
        "INSERT INTO ticket VALUES ('ab', 11), ('c''%s', 11)"
    )
    if world.database.kind == "sqlite":
        world.database.run("INSERT INTO ticket VALUES (CAST(x'ff61' AS TEXT), 11)")
    count = world.database.rows("SELECT count(*), count(DISTINCT code), max(photo_id) FROM ticket")
    world.run("incomplete")
    assert world.database.rows("SELECT count(*) FROM ticket") == [(0,)]
    world.restore_all()
    assert world.database.rows("SELECT count(*), count(DISTINCT code), max(photo_id) FROM ticket") == count


# Never over something else.


def test_a_file_in_the_way_stays_and_the_rest_comes_back(world: World):
    world.run("orphans")
    world.write("photos/left over.jpg", content=b"a new upload")
    [batch] = world.batches()

    for check in (True, False):
        found = world.restore(batch, check=check)
        assert [name for name, _reason in found.stays.items] == [b"photos/left over.jpg"]
        assert found.totals.files == 3
    assert Path(os.fsdecode(world.path("photos/left over.jpg"))).read_bytes() == b"a new upload"

    os.unlink(world.path("photos/left over.jpg"))
    world.restore(batch)
    assert world.state() == world.start
    assert world.batches() == []


def test_a_row_in_the_way_stays_and_the_rest_comes_back(world: World):
    world.run("incomplete")
    world.photo(99, "photos/new.jpg", slug="photo-13")
    [batch] = world.batches()

    found = world.restore(batch)

    stays = {name.decode() for name, _reason in found.stays.items}
    assert stays == {"photo 13", "favorite 3"}
    assert world.database.rows("SELECT id FROM photo WHERE slug = 'photo-13'") == [(99,)]
    assert world.database.rows("SELECT count(*) FROM photo WHERE id IN (11, 12)") == [(2,)]

    world.database.run("DELETE FROM photo WHERE id = 99")
    os.unlink(world.path("photos/new.jpg"))
    world.restore(batch)
    assert world.state() == world.start
    assert world.batches() == []


def test_a_record_that_stays_does_not_keep_the_others_from_coming_back(world: World):
    """Album 1 had the photo 12 as its cover: without the photo, it cannot get it back."""
    world.run("incomplete")
    world.photo(99, "photos/new.jpg", slug="photo-12")
    [batch] = world.batches()
    found = world.restore(batch)
    assert {name.decode() for name, _reason in found.stays.items} == {"photo 12", "album 1"}
    assert world.database.rows("SELECT count(*) FROM photo WHERE id IN (11, 13)") == [(2,)]


def test_a_changed_row_is_not_set_back(world: World):
    world.run("incomplete")
    world.database.run("UPDATE album SET cover_id = 1 WHERE id = 1")
    [batch] = world.batches()
    found = world.restore(batch)
    assert [name for name, _reason in found.stays.items] == [b"album 1"]
    assert world.database.rows("SELECT cover_id FROM album WHERE id = 1") == [(1,)]


def test_a_row_does_not_come_back_without_its_file(world: World):
    world.run("incomplete")
    shutil.rmtree(world.media / "photos" / "2" / "a")
    (world.media / "photos" / "2" / "a").write_bytes(b"a file where the directory was")
    [batch] = world.batches()
    found = world.restore(batch)
    assert {name.decode() for name, _reason in found.stays.items} >= {
        "photo 13",
        "photos/2/a/never attached.jpg",
    }
    assert world.database.rows("SELECT id FROM photo WHERE id = 13") == []


def test_a_row_does_not_come_back_without_a_companion(world: World):
    world.run("incomplete")
    shared = (world.media / "thumbs" / "shared.jpg").read_bytes()
    shutil.rmtree(world.media / "thumbs")
    (world.media / "thumbs").write_bytes(b"a file where the directory was")
    [batch] = world.batches()
    found = world.restore(batch)
    assert {name.decode() for name, _reason in found.stays.items} >= {
        "thumbs/never attached.jpg",
        "photo 11",
        "favorite 2",
    }
    assert world.database.rows("SELECT id FROM photo WHERE id = 11") == []

    (world.media / "thumbs").unlink()
    world.write("thumbs/shared.jpg", "thumbs/" + 250 * "t", content=shared)
    world.restore(batch)
    assert world.state()[1] == world.start[1]
    assert world.batches() == []


def test_a_row_of_some_paths_comes_back_with_its_companions(world: World):
    world.run("incomplete")
    [batch] = world.batches()
    found = world.restore(batch, "photos/never attached.jpg")
    assert set(found.paths.items) == {b"photos/never attached.jpg", b"thumbs/never attached.jpg"}
    assert world.database.rows("SELECT id FROM photo WHERE id IN (11, 12, 13)") == [(11,)]


def test_a_row_does_not_come_back_while_its_file_is_in_another_batch(world: World):
    """A crash after the commit leaves the files, and the next run takes them as orphans."""
    rows_only = _killed_after_the_commit(world)
    world.run("orphans")
    found = world.restore(rows_only)
    assert world.database.rows("SELECT id FROM photo WHERE id = 11") == []
    assert found.stays.total
    world.restore_all()
    world.restore_all()
    assert world.state() == world.start


def _killed_after_the_commit(world: World) -> str:
    work = cleaning(world, "incomplete")
    commits = in_child(work, Fault("none", call="sql")).steps
    world.restore_all()
    time.sleep(CLOCK_TICK)
    for step in range(commits, 0, -1):
        in_child(work, Fault("kill", step, "sql"))
        if len(everything(world.media)) == len(_files_at_start(world)):
            break
        finish(world.restore_all)
        time.sleep(CLOCK_TICK)
    [batch] = world.batches()
    assert world.database.rows("SELECT id FROM photo WHERE id = 11") == []
    return batch


def _files_at_start(world: World) -> set[bytes]:
    return {path for path, file in world.start[0].items() if file[0][0] != "d"}


# Parts, parents, interruptions.


def test_some_paths_come_back_with_the_rows_that_name_them(world: World):
    world.run("incomplete")
    [batch] = world.batches()
    world.restore(batch, "photos/näver attached.jpg", "photos/never attached.jpg")
    assert world.database.rows("SELECT id FROM photo WHERE id IN (11, 12, 13) ORDER BY 1") == [(11,), (12,)]
    assert world.database.rows("SELECT cover_id FROM album WHERE id = 1") == [(12,)]
    assert world.database.rows("SELECT id FROM favorite WHERE id IN (2, 3)") == [(2,)]
    with pytest.raises(SiteError, match="nothing of these paths"):
        world.restore(batch, "photos/unheard of.jpg")
    world.restore(batch)
    assert world.state() == world.start


def test_missing_parents_are_made_again_like_their_parent(world: World):
    world.run("orphans")
    shutil.rmtree(world.media / "photos" / "2" / "b")
    os.chmod(world.media / "photos" / "2", 0o2750)
    if is_root:
        os.chown(world.media / "photos" / "2", 1003, 1004)
    world.restore_all()
    made, parent = os.stat(world.media / "photos" / "2" / "b"), os.stat(world.media / "photos" / "2")
    assert (made.st_mode, made.st_uid, made.st_gid) == (parent.st_mode, parent.st_uid, parent.st_gid)
    assert everything(world.media).keys() == _files_at_start(world)


@pytest.mark.parametrize("job", ["orphans", "incomplete", "missing"])
def test_a_restore_that_is_killed_anywhere_goes_on_from_there(sqlite_world: World, job: str):
    _restore_killed_everywhere(sqlite_world, job)


@pytest.mark.parametrize("job", ["orphans"])
def test_a_restore_across_file_systems_that_is_killed_anywhere_goes_on_from_there(divided: World, job: str):
    _restore_killed_everywhere(divided, job)


def _restore_killed_everywhere(world: World, job: str) -> None:
    world.run(job)
    steps = in_child(restoring(world)).steps
    assert world.state() == world.start
    for step in range(1, steps + 1, 2):
        time.sleep(CLOCK_TICK)
        world.run(job)
        assert in_child(restoring(world), Fault("kill", step)).how == "killed"
        world.restore_all()
        assert world.state() == world.start, f"step {step}"
        assert not any(info.files or info.rows for info in quarantine.batches(os.fsencode(world.quarantine)))
        world.forget_batches()


def test_a_restore_reads_the_batch_only_when_the_run_that_fills_it_is_over(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch
):
    from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile import jobs

    sqlite_world.run("incomplete")
    [batch] = sqlite_world.batches()
    rows = sqlite_world.quarantine / batch / quarantine.ROWS
    written, lock = rows.read_bytes(), jobs.lock
    rows.write_bytes(b"".join(written.splitlines(True)[:1]))

    def lock_that_waits(*arguments: Any) -> None:
        rows.write_bytes(written)
        lock(*arguments)

    monkeypatch.setattr(jobs, "lock", lock_that_waits)
    sqlite_world.restore(batch)
    assert sqlite_world.state() == sqlite_world.start


# What a batch is made of.


def test_a_batch_is_private(world: World):
    cleaned(world)
    for root, _directories, files in os.walk(world.quarantine):
        assert stat.S_IMODE(os.stat(root).st_mode) == 0o700, root
        for name in {"manifest.jsonl", "rows.jsonl"} & set(files):
            assert stat.S_IMODE(os.stat(os.path.join(root, name)).st_mode) == 0o600


def test_the_manifest_tells_what_each_file_was(sqlite_world: World):
    sqlite_world.run("orphans")
    [batch] = sqlite_world.batches()
    header, *lines = (sqlite_world.quarantine / batch / "manifest.jsonl").read_text().splitlines()
    assert json.loads(header)["job"] == "orphans"
    by_path = {json.loads(line)["path"]: json.loads(line) for line in lines}
    status = sqlite_world.start[0][b"photos/left over.jpg"]
    kept = by_path["photos/left over.jpg"]
    assert (kept["uid"], kept["gid"], kept["mtime_ns"]) == (status[1], status[2], status[3])
    assert (kept["mode"], kept["size"], kept["reason"]) == (0o640, len(status[4]), "orphan")


def test_a_line_that_a_crash_cut_short_is_no_obstacle(sqlite_world: World):
    sqlite_world.run("incomplete")
    [batch] = sqlite_world.batches()
    for name in (quarantine.MANIFEST, quarantine.ROWS):
        with open(sqlite_world.quarantine / batch / name, "ab") as file:
            file.write(b'{"number": 7, "pa')
    assert sqlite_world.batches() == [batch]
    sqlite_world.restore_all()
    assert sqlite_world.state() == sqlite_world.start


@pytest.mark.parametrize(
    "path", ["../outside/planted.jpg", "/{outside}/planted.jpg", "photos/../../outside/planted.jpg"]
)
def test_a_manifest_cannot_lead_out_of_the_media_root(sqlite_world: World, tmp_path: Path, path: str):
    """The quarantine may belong to the site's user, and restore runs as root."""
    outside = tmp_path / "outside"
    outside.mkdir()
    sqlite_world.run("orphans")
    [batch] = sqlite_world.batches()
    manifest = sqlite_world.quarantine / batch / "manifest.jsonl"
    bent = path.format(outside=outside).replace("//", "/")
    manifest.write_text(manifest.read_text().replace("photos/left over.jpg", bent))
    found = sqlite_world.restore(batch)
    assert list(outside.iterdir()) == []
    assert found.stays.total == 1


def test_a_manifest_cannot_change_owner_or_mode(divided: World):
    divided.run("orphans")
    [batch] = divided.batches()
    manifest = divided.quarantine / batch / "manifest.jsonl"
    bent = manifest.read_text().replace('"uid": 1001', '"uid": 0').replace('"mode": 416', '"mode": 2541')
    manifest.write_text(bent)
    divided.restore(batch)
    status = os.stat(divided.path("photos/left over.jpg"))
    assert not status.st_mode & stat.S_ISUID
    assert status.st_uid == divided.start[0][b"photos/left over.jpg"][1]


def test_names_that_are_hard_to_carry_come_back(sqlite_world: World):
    depth, handles = 30, [os.open(sqlite_world.media / "photos", os.O_RDONLY)]
    for _level in range(depth):
        os.mkdir("d" * 200, dir_fd=handles[-1])
        handles.append(os.open("d" * 200, os.O_RDONLY, dir_fd=handles[-1]))
    for name in (b"n" * 255, b"\xff\n\x01", "ü".encode()):
        with open(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=handles[-1]), "wb") as file:
            file.write(b"deep " + name)
        os.utime(name, (1, 1), dir_fd=handles[-1])
    for handle in handles:
        os.close(handle)
    time.sleep(CLOCK_TICK)
    before = sqlite_world.state()
    assert max(map(len, before[0])) > 4096

    sqlite_world.run("orphans")
    assert max(map(len, everything(sqlite_world.media))) < 255
    sqlite_world.restore_all()
    assert sqlite_world.state() == before


# The place of the quarantine.


def test_a_quarantine_in_the_media_root_is_refused_unless_asked_for_and_never_scanned(world: World):
    inside = world.media / "photos" / "quarantine"
    world.options["quarantine"] = str(inside)
    with pytest.raises(SiteError, match="quarantine_in_media_root"):
        world.run("orphans")
    world.options["quarantine_in_media_root"] = True
    world.quarantine = inside
    plan, _outcome = world.run("orphans")
    files = len(everything(inside))
    again, _outcome = world.run("orphans", older_than_hours=0)
    assert len(plan.items) == 4
    assert b"photos/quarantine" not in b" ".join(orphan.path for orphan in again.items)
    assert len(everything(inside)) >= files


def test_a_quarantine_behind_a_link_into_the_media_root_is_refused(sqlite_world: World, tmp_path: Path):
    (tmp_path / "beside").symlink_to(sqlite_world.media / "photos")
    with pytest.raises(SiteError, match="inside media_root"):
        sqlite_world.run("orphans", quarantine=str(tmp_path / "beside" / "quarantine"))


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_quarantine_that_others_may_write_to_is_refused(world: World, mode: int):
    world.quarantine.mkdir()
    world.quarantine.chmod(mode)
    for job in ("orphans", "incomplete"):
        with pytest.raises(CleanupError, match="can be written by others"):
            world.run(job)
    assert world.state() == world.start


def test_a_quarantine_that_is_a_link_is_refused(sqlite_world: World, tmp_path: Path):
    (tmp_path / "real").mkdir(mode=0o700)
    sqlite_world.quarantine.symlink_to(tmp_path / "real")
    with pytest.raises(CleanupError, match="not a directory"):
        sqlite_world.run("orphans")
    assert sqlite_world.state() == sqlite_world.start


def test_another_site_cannot_restore_the_batch(sqlite_world: World, tmp_path: Path):
    sqlite_world.run("orphans")
    [batch] = sqlite_world.batches()
    (tmp_path / "other").mkdir()
    sqlite_world.options["media_root"] = str(tmp_path / "other")
    with pytest.raises(SiteError, match="media root"):
        sqlite_world.restore(batch)
    with pytest.raises(SiteError, match="there is no batch"):
        sqlite_world.restore("../" + sqlite_world.quarantine.name)


# Purging.


def _purge(world: World, name: str | None = None, days: int | None = None, check: bool = False) -> list[str]:
    found = quarantine.purge(os.fsencode(world.quarantine), name, days, check)
    return [info.name for info in found]


def test_purging_by_age_counts_from_the_removal(sqlite_world: World):
    cleaned(sqlite_world)
    oldest, *others = sqlite_world.batches()
    manifest = sqlite_world.quarantine / oldest / "manifest.jsonl"
    header = json.loads(manifest.read_text().splitlines()[0])
    rest = manifest.read_text().splitlines(True)[1:]
    manifest.write_text(
        json.dumps({**header, "moment": header["moment"] - 31 * 86400}) + "\n" + "".join(rest)
    )

    assert _purge(sqlite_world, days=32) == []
    assert _purge(sqlite_world, days=30, check=True) == [oldest]
    assert oldest in sqlite_world.batches()
    assert _purge(sqlite_world, days=30) == [oldest]
    assert sqlite_world.batches() == others
    assert _purge(sqlite_world, others[0]) == [others[0]]
    assert _purge(sqlite_world, days=0) == others[1:]
    assert os.listdir(sqlite_world.quarantine) == []


def test_purging_an_unknown_batch_says_so(sqlite_world: World):
    with pytest.raises(SiteError, match="there is no batch"):
        _purge(sqlite_world, "never-was")


def test_a_purge_that_is_killed_anywhere_leaves_nothing_that_the_next_one_does_not_take(sqlite_world: World):
    for step in range(1, 60, 2):
        sqlite_world.run("orphans")
        ended = in_child(lambda: _purge(sqlite_world, days=0), Fault("kill", step))
        _purge(sqlite_world, days=0)
        assert os.listdir(sqlite_world.quarantine) == [], f"step {step}"
        sqlite_world.write("photos/left over.jpg", b"photos/caf\xe9\n.jpg")
        time.sleep(CLOCK_TICK)
        if ended.how != "killed":
            return
    raise AssertionError("a purge takes more steps than this test knows of")


# Through Ansible.


def test_the_modules_list_restore_and_purge(world: World, ansible: Ansible):
    cleaned(world)
    where = {"quarantine": str(world.quarantine)}
    site = {**where, "database_url": world.database.url, "media_root": str(world.media)}
    orphans = next(name for name in world.batches() if "-orphans-" in name)
    incomplete = next(name for name in world.batches() if "-incomplete-" in name)
    before = world.state(), everything(world.quarantine)

    tasks = [
        {INFO: where},
        {MODULE: {"state": "restored", "batch": orphans, **site}},
        {MODULE: {"state": "restored", "batch": incomplete, **site}},
        {MODULE: {"state": "purged", "older_than_days": 0, **where}},
    ]
    info, *checked = ansible.results(*tasks, check=True)
    assert (world.state(), everything(world.quarantine)) == before
    _info, *done, after = ansible.results(*tasks, {INFO: where})

    assert [batch["files"] for batch in info["batches"] if batch["name"] == orphans] == [4]
    assert not info["changed"]
    assert undocumented(info, "media_quarantine_info") == set()
    assert [undocumented(result, "media_quarantine") for result in (*checked, *done)] == [set()] * 6
    assert len(after["batches"]) == 0
    for dry, wet in zip(checked[:2], done[:2]):
        for same in ("changed", "restored", "paths", "left_alone", "diff", "batches"):
            assert dry[same] == wet[same], same
        assert wet["changed"]
    assert done[0]["restored"]["files"] == 4
    assert r"photos/caf\xe9\n.jpg" in done[0]["paths"]
    assert done[1]["restored"]["records"] == 5
    assert done[1]["restored"]["updated"] == 1
    assert len(checked[2]["batches"]) == 3
    assert len(done[2]["batches"]) == 1
    assert everything(world.media).keys() == _files_at_start(world)


def test_the_module_tells_what_stays_one_by_one(sqlite_world: World, ansible: Ansible):
    sqlite_world.run("orphans")
    sqlite_world.write("photos/left over.jpg", content=b"a new upload")
    [batch] = sqlite_world.batches()
    options = {"state": "restored", "batch": batch, "quarantine": str(sqlite_world.quarantine)}
    site = {"database_url": sqlite_world.database.url, "media_root": str(sqlite_world.media)}
    [result] = ansible.results({MODULE: {**options, **site}})
    assert names(result["left_alone"]) == {"photos/left over.jpg"}
    assert result["left_alone_total"] == 1
    assert not result["failed"]
    assert result["warnings"]
