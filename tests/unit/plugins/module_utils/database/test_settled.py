# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Settings of a server that would break promises, and a pooler that changes sessions between transactions."""

from __future__ import annotations

import re
import time
from contextlib import closing
from typing import Any

import pytest

from engine.config.site import Column
from engine.database import connect, drivers
from engine.database.postgresql.libpq import LibpqConnection
from engine.errors import BusyError, DatabaseError
from helpers.builders import Media, Site, guards, reasons, run
from helpers.databases import TestDatabase
from helpers.implementations import PHOTO

IMAGE = Column("photo", "image")
# As a site must not be when a cleanup works on it.
CARELESS = {
    "synchronous_commit": "off",
    "standard_conforming_strings": "off",
    "row_security": "on",
    "session_replication_role": "replica",
    "zero_damaged_pages": "on",
    "gin_fuzzy_search_limit": "1",
    "array_nulls": "off",
    "idle_in_transaction_session_timeout": "200ms",
}


@pytest.fixture
def careless(postgresql: TestDatabase) -> TestDatabase:
    """A database in which each session begins with careless settings."""
    ((name,),) = postgresql.rows("SELECT current_database()")
    for setting, value in CARELESS.items():
        postgresql.run(f"ALTER DATABASE {name} SET {setting} = '{value}'")
    return postgresql


def driver() -> type[LibpqConnection]:
    """The one that the database of a test is opened by."""
    return drivers.POSTGRESQL_DRIVERS[0]()


class Pooling(LibpqConnection):
    """What a client has of a pooler in transaction mode: each transaction in the next of some sessions."""

    sessions = 3

    def __init__(self, url: str) -> None:
        super().__init__(url)
        others = (self._connect(url, {}) for _number in range(self.sessions - 1))
        self._pool = [self._connection, *others]

    def set_mode(self, read_only: bool) -> None:
        for session in (*self._pool[1:], self._pool[0]):
            self._connection = session
            super().set_mode(read_only)

    def _next(self) -> None:
        if not self.is_in_transaction:
            self._pool.append(self._pool.pop(0))
            self._connection = self._pool[0]

    def commit(self) -> None:
        super().commit()
        self._next()

    def rollback(self) -> None:
        super().rollback()
        self._next()

    def close(self) -> None:
        for session in self._pool:
            session.close()


@pytest.fixture
def pooled(postgresql: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> type[Pooling]:
    """The driver through which the database of the test is opened, behind a pooler."""
    pooling: type[Pooling] = type("Pooled", (Pooling, driver()), {})
    monkeypatch.setattr(drivers, "POSTGRESQL_DRIVERS", [lambda: pooling])
    return pooling


def setting(database: Any, name: str) -> str:
    value: str = database._one(f"SELECT pg_catalog.current_setting('{name}')")
    return value


WANTED = {
    "synchronous_commit": "on",
    "search_path": "pg_catalog, pg_temp",
    "row_security": "off",
    "lock_timeout": "10s",
    "bytea_output": "hex",
    "session_replication_role": "origin",
    "zero_damaged_pages": "off",
    "gin_fuzzy_search_limit": "0",
    "array_nulls": "on",
    "idle_in_transaction_session_timeout": "15min",
}


@pytest.mark.promise(4)
@pytest.mark.parametrize("name", WANTED)
def test_settings_hold_in_each_transaction_of_a_pool(
    careless: TestDatabase, pooled: type[Pooling], name: str
) -> None:
    with connect(careless.url, read_only=False) as database:
        for _transaction in range(2 * pooled.sessions):
            assert setting(database, name) == WANTED[name]
            with database.transaction():
                assert setting(database, name) == WANTED[name]


def test_no_setting_is_left_to_the_next_client_of_a_pool(
    careless: TestDatabase, pooled: type[Pooling]
) -> None:
    with connect(careless.url, read_only=False) as database:
        for _transaction in range(2 * pooled.sessions):
            database.is_replica()
        pool = database._connection._inner._pool
        assert len(pool) == pooled.sessions
        for session in pool:
            with session.cursor() as cursor:
                cursor.execute("SHOW search_path")
                assert "public" in cursor.fetchone()[0]


@pytest.mark.promise("locks")
def test_a_lock_that_is_another_sessions_ends_the_run(
    postgresql: TestDatabase, media: Media, pooled: type[Pooling]
) -> None:
    site = Site(postgresql, media)
    site.media.write("p/kept.jpg", "p/lost.jpg")
    site.insert("p/kept.jpg")
    with pytest.raises(DatabaseError, match=r"pooler in transaction mode.*session mode"):
        run(site.orphans())
    assert site.media.files == {b"p/kept.jpg", b"p/lost.jpg"}
    assert guards(run(site.orphans(), check=True)[0]) == []


@pytest.mark.promise("locks")
def test_two_runs_in_one_session_of_a_pool_keep_each_other_off(
    postgresql: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = driver()

    class Shared(ours):
        def __init__(self, url: str) -> None:
            super().__init__(url)
            self._connection = session

        def close(self) -> None:
            """It is the pool's."""

    with closing(ours(postgresql.url)) as opened:
        session = opened._connection
        monkeypatch.setattr(drivers, "POSTGRESQL_DRIVERS", [lambda: Shared])
        with connect(postgresql.url, read_only=True) as first:
            first.lock()
            with connect(postgresql.url, read_only=True) as second, pytest.raises(BusyError):
                second.lock()
        with connect(postgresql.url, read_only=True) as third:
            third.lock()


@pytest.mark.promise(4)
def test_a_deletion_is_durable_where_the_server_does_not_wait(careless: TestDatabase, media: Media) -> None:
    ((server_wide,),) = careless.rows("SHOW synchronous_commit")
    assert server_wide == "off"
    site = Site(careless, media)
    site.insert("p/gone.jpg", "p/gone too.jpg")
    # What the deletion itself is committed with.
    site.database.run(
        "CREATE TABLE seen (how text); CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN OLD; END $$; "
        "CREATE TRIGGER sees BEFORE DELETE ON photo FOR EACH ROW EXECUTE FUNCTION see()"
    )
    run(site.missing(accept=["empty_media_root", "delete_trigger:photo"]))
    assert set(site.database.rows("SELECT how FROM seen")) == {("on",)}


@pytest.mark.promise(10)
def test_foreign_keys_hold_where_the_server_lets_them_rest(careless: TestDatabase) -> None:
    careless.run(f"{PHOTO}; CREATE TABLE note (id integer PRIMARY KEY, photo_id integer REFERENCES photo)")
    careless.insert("photo", [{"id": 1, "image": "p/1.jpg"}])
    careless.insert("note", [{"id": 1, "photo_id": 1}])
    with connect(careless.url, read_only=False) as database:
        photo = database.table("photo")
        with pytest.raises(DatabaseError, match="foreign key"), database.transaction():
            database.delete(photo, [("1",)])
    assert careless.rows("SELECT id FROM photo") == [(1,)]


@pytest.mark.promise(10)
def test_an_array_comes_back_with_what_it_has_not(careless: TestDatabase) -> None:
    careless.run(f"{PHOTO}; ALTER TABLE photo ADD tags text[]")
    careless.run("INSERT INTO photo (id, image, tags) VALUES (1, 'p/1.jpg', ARRAY['a', NULL])")
    with connect(careless.url, read_only=False) as database:
        photo = database.table("photo")
        [(_key, archived)] = database.rows_for_archive(photo, [("1",)])
        with database.transaction():
            database.delete(photo, [("1",)])
            assert database.reinsert(photo, archived["row"])
    assert careless.rows("SELECT tags FROM photo") == [(["a", None],)]


@pytest.mark.promise(1)
def test_a_role_that_may_not_override_a_setting_is_refused(careless: TestDatabase) -> None:
    """Rows of a damaged page would be left out, without an error."""
    careless.run("DROP ROLE IF EXISTS weak; CREATE ROLE weak LOGIN")
    try:
        with pytest.raises(DatabaseError, match=r"permission denied to set parameter .*Grant the privilege"):
            connect(careless.url.replace("//postgres:", "//weak:", 1), read_only=True)
    finally:
        careless.run("DROP ROLE weak")


def test_a_transaction_takes_its_time(careless: TestDatabase) -> None:
    careless.run(PHOTO)
    ((version,),) = careless.rows("SELECT current_setting('server_version_num')::int")
    if version >= 170_000:
        ((name,),) = careless.rows("SELECT current_database()")
        careless.run(f"ALTER DATABASE {name} SET transaction_timeout = '200ms'")
    with connect(careless.url, read_only=False) as database, database.transaction():
        assert database.delete(database.table("photo"), [("1",)]) == 0
        time.sleep(0.4)
        assert database.delete(database.table("photo"), [("1",)]) == 0


@pytest.mark.promise(9)
def test_names_are_compared_alike_whatever_backslashes_mean(careless: TestDatabase, media: Media) -> None:
    site = Site(careless, media)
    names = ["p/a.jpg", "p/b\\c.jpg", "p/it's.jpg", "p/\\1.jpg"]
    site.media.write(*names, "p/lost.jpg", "thumbs/p/a.webp")
    for name in names:
        site.database.insert("photo", [{"id": names.index(name), "image": name}])
    with connect(careless.url, read_only=True) as database:
        assert setting(database, "standard_conforming_strings") == "off"
        assert database.count_references([IMAGE], [b"p/a"], stems=True) == {b"p/a": 1}
        for name in names:
            assert database.count_references([IMAGE], [name.encode()], stems=False) == {name.encode(): 1}
            assert database.references_by_name([IMAGE], [name.encode().rpartition(b"/")[2]])
    plan, _outcome = run(site.orphans(derived=["thumbs/{dir}/{stem}.webp"]))
    assert site.media.files == {*(name.encode() for name in names), b"thumbs/p/a.webp"}
    assert not reasons(plan.kept)


@pytest.mark.promise(4)
@pytest.mark.parametrize("kind", ["missing", "incomplete"])
def test_a_server_that_may_forget_a_commit_refuses_to_delete_rows(
    sqlite_with_missing_file: Site, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    site = sqlite_with_missing_file
    monkeypatch.setattr(type_of(site), "lost_by_crash", lambda _database: "fsync is off")
    for accept, refused in (([], ["not_durable"]), (["not_durable"], [])):
        plan, _outcome = run(getattr(site, kind)(accept=accept), check=True)
        assert guards(plan) == refused
    assert guards(run(site.orphans(accept=[]), check=True)[0]) == []


def type_of(site: Site) -> type:
    with connect(site.database.url, read_only=True) as database:
        return type(database)


def test_fsync_is_asked_of_the_server(postgresql: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect(postgresql.url, read_only=True) as database:
        fsync = setting(database, "fsync")
        assert database.lost_by_crash() == ("" if fsync == "on" else "fsync is off on the database server")
        monkeypatch.setattr(database, "_one", lambda statement: bool(re.search("fsync.*off", statement)))
        assert database.lost_by_crash() == "fsync is off on the database server"


def test_sqlite_waits_for_the_disk(sqlite: TestDatabase) -> None:
    with connect(sqlite.url, read_only=False) as database:
        assert database._connection.execute("PRAGMA synchronous").fetchone() == (2,)
