# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A session of MySQL: its settings, its transactions, its lock, and what it says of the server."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import Any, Iterator
from urllib.parse import urlsplit

import pytest

from engine.config.jobs import records_job
from engine.config.site import Column
from engine.database import connect
from engine.database.base import PREPARED, DriverError
from engine.database.catalog import ForeignKey
from engine.database.mysql import database as mysql_module
from engine.database.mysql import sweep as sweep_module
from engine.database.mysql.connection import MySQLConnection
from engine.database.sweep import PIECE
from engine.errors import CommitUnknown, DatabaseError, SiteError
from engine.plan.dependents.links import Dependents
from helpers.databases import TestDatabase, connect_mariadb
from helpers.drivers import only_mysql_driver
from helpers.implementations import PHOTO, ids, rows_of, selection
from helpers.servers import running_mariadb
from helpers.texts import rows_of as texts_of

IMAGE = Column("photo", "image")


@pytest.fixture
def photos(mariadb: TestDatabase) -> TestDatabase:
    """A table of photos 1 to 3."""
    mariadb.run(PHOTO)
    mariadb.insert("photo", [{"id": number, "image": f"p/{number}.jpg"} for number in (1, 2, 3)])
    return mariadb


@pytest.fixture
def server(mariadb_server: str) -> Iterator[Any]:
    """Sets a global variable of the server, until the test has ended."""
    with closing(connect_mariadb(mariadb_server)) as connection:
        cursor, before = connection.cursor(), {}

        def set_global(name: str, value: Any) -> None:
            cursor.execute(f"SELECT @@global.{name}")
            before.setdefault(name, cursor.fetchone()[0])
            cursor.execute(f"SET GLOBAL {name} = %s", [value])

        yield set_global
        for name, value in before.items():
            cursor.execute(f"SET GLOBAL {name} = %s", [value])


def kill(photos: TestDatabase, opened: Any) -> None:
    """End the connection of an open database, as its server would."""
    ((number,),) = opened._all("SELECT connection_id()", [])
    photos.run(f"KILL {number}")


@pytest.mark.promise(13)
def test_a_table_is_the_same_with_the_name_of_its_database(photos: TestDatabase) -> None:
    [(own,)] = photos.rows("SELECT database()")
    with connect(photos.url, read_only=True) as opened:
        assert opened.table(f"{own}.photo") == opened.table("photo")
        opened.require_transactions(opened.table(f"{own}.photo"))


@pytest.mark.promise(10)
@pytest.mark.parametrize(
    ("kind", "value"),
    [("longblob", "repeat('x', 800000)"), ("longtext CHARACTER SET latin1", "repeat('é', 800000)")],
)
def test_a_value_that_is_too_large_to_be_read_is_an_error(
    photos: TestDatabase, server: Any, kind: str, value: str
) -> None:
    photos.run(f"ALTER TABLE photo ADD large {kind}; UPDATE photo SET large = {value} WHERE id = 2")
    server("max_allowed_packet", 1024 * 1024)
    with connect(photos.url, read_only=True) as opened:
        photo = opened.table("photo")
        assert len(list(opened.rows_for_archive(photo, [("1",), ("3",)]))) == 2
        with pytest.raises(DatabaseError, match=r"too large for max_allowed_packet"):
            list(opened.rows_for_archive(photo, [("2",)]))


# Settings.


@pytest.mark.promise(1)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sql_select_limit", 1),
        ("sql_mode", "NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,ORACLE"),
        ("time_zone", "-11:00"),
        ("max_sort_length", 64),
        ("sql_auto_is_null", 1),
        ("character_set_client", "latin1"),
    ],
)
def test_settings_of_the_server_hide_no_rows(
    photos: TestDatabase, server: Any, name: str, value: Any
) -> None:
    photos.run("UPDATE photo SET image = concat(repeat('ä', 50), id, '\\n''')")
    server(name, value)
    with connect(photos.url, read_only=True) as opened:
        [paths] = opened.references([IMAGE])
        assert paths == [f"{'ä' * 50}{number}\\n'".encode() for number in (1, 2, 3)]
        assert opened.count_references([IMAGE], paths) == dict.fromkeys(paths, 1)


@pytest.mark.promise(1)
def test_rows_are_those_of_now_whatever_moment_the_server_shows(photos: TestDatabase) -> None:
    photos.run("ALTER TABLE photo ADD SYSTEM VERSIONING; SET GLOBAL system_versioning_asof = '2001-01-01'")
    try:
        with connect(photos.url, read_only=True) as opened:
            assert list(opened.references([IMAGE])) == [[b"p/1.jpg", b"p/2.jpg", b"p/3.jpg"]]
            [table] = opened.searched_columns().tables
            assert len(texts_of(opened, table)) == 3
    finally:
        photos.run("SET GLOBAL system_versioning_asof = DEFAULT")


@pytest.mark.promise(3)
def test_a_row_without_a_known_day_is_never_old(photos: TestDatabase) -> None:
    photos.run("ALTER TABLE photo ADD uploaded datetime(6)")
    for number, moment in enumerate(["0000-00-00 00:00:00", "2020-00-10 00:00:00", "2020-01-01 00:00:00"], 1):
        photos.run(f"UPDATE photo SET uploaded = '{moment}' WHERE id = {number}")
    with connect(photos.url, read_only=True) as opened:
        chosen = selection(opened, uploaded_at_column="uploaded", cutoff=1751371200.0)
        assert [row.file for row in rows_of(opened, chosen)] == [b"p/3.jpg"]


@pytest.mark.promise(3)
@pytest.mark.parametrize(
    ("moment", "is_old"),
    [("2025-10-26 02:59:59", False), ("2025-10-26 01:59:59", True), ("2025-10-26 03:10:00", False)],
)
def test_the_hour_that_comes_twice_is_read_as_the_later_one(
    photos: TestDatabase, moment: str, is_old: bool
) -> None:
    """The cutoff is 02:30 in Vienna, before clocks are turned back at 03:00."""
    pytest.importorskip("zoneinfo")
    photos.run(f"ALTER TABLE photo ADD uploaded datetime; UPDATE photo SET uploaded = '{moment}'")
    with connect(photos.url, read_only=True) as opened:
        chosen = selection(
            opened, uploaded_at_column="uploaded", cutoff=1761438600.0, time_zone="Europe/Vienna"
        )
        assert len(rows_of(opened, chosen)) == (3 if is_old else 0)


@pytest.mark.promise(1)
def test_a_server_that_skips_what_is_damaged_is_refused(mariadb_server: str) -> None:
    with running_mariadb(["innodb-force-recovery=1"]) as careless, only_mysql_driver("pymysql"):
        url = careless.url.replace("@/", "@/mysql")
        with pytest.raises(DatabaseError, match="innodb_force_recovery is 1"):
            connect(url, read_only=True)


def test_tables_whose_names_differ_by_case_are_read_once_each(photos: TestDatabase) -> None:
    photos.run('CREATE TABLE "Photo" (title varchar(90))')
    with connect(photos.url, read_only=True) as opened:
        found = opened.searched_columns().tables
    assert {table.name: table.columns for table in found} == {"Photo": ("title",), "photo": ("image",)}


# Transactions.


@pytest.mark.promise(6)
def test_nothing_is_committed_after_the_server_rolled_back(photos: TestDatabase) -> None:
    """After a deadlock the server would take each further statement for a transaction of its own."""
    with photos.connect() as site, connect(photos.url, read_only=False) as opened:
        table, keys = opened.table("photo"), {row.file: row.key for row in rows_of(opened)}
        cursor = site.cursor()
        cursor.execute("BEGIN")
        # Of two, the server chooses the one that changed less.
        cursor.execute("INSERT INTO photo SELECT seq, 'x', 1, NULL FROM seq_100_to_999")
        cursor.execute("UPDATE photo SET image = 'other' WHERE id = 1")

        def rehearse() -> None:
            with opened.rehearsal():
                opened.clear(table, ["image"], [keys[b"p/2.jpg"]])
                with pytest.raises(DatabaseError, match="deleting rows of photo failed"):
                    _deadlock(opened, table, keys, cursor)
                opened.delete(table, [keys[b"p/3.jpg"]])

        with pytest.raises(DatabaseError, match="the transaction was rolled back by the server"):
            rehearse()
        cursor.execute("ROLLBACK")
        with opened.transaction():
            assert opened.delete(table, [keys[b"p/2.jpg"]]) == 1
    assert ids(photos, "photo") == [1, 3]


@pytest.mark.promise(6)
def test_a_savepoint_that_is_gone_ends_the_transaction(photos: TestDatabase) -> None:
    with connect(photos.url, read_only=False) as opened:
        photo = opened.table("photo")

        def lose_the_transaction() -> None:
            with opened.savepoint():
                # As the server does where it has no room for more locks.
                opened._connection.execute("ROLLBACK", [])  # type: ignore[attr-defined]
                raise DatabaseError("no room for more locks")

        def rehearse() -> None:
            with opened.rehearsal():
                with suppress(DatabaseError):
                    lose_the_transaction()
                opened.delete(photo, [("1",)])

        with pytest.raises(DatabaseError, match="the transaction was rolled back by the server"):
            rehearse()
    assert ids(photos, "photo") == [1, 2, 3]


def _deadlock(opened: Any, table: Any, keys: Any, cursor: Any) -> None:
    opened._connection.execute("SET SESSION innodb_lock_wait_timeout = 1", [])
    opened.delete(table, [keys[b"p/1.jpg"]])


def test_a_connection_that_is_lost_while_committing_leaves_it_unknown(photos: TestDatabase) -> None:
    with connect(photos.url, read_only=False) as opened:
        key = rows_of(opened)[0].key

        def delete_and_lose() -> None:
            with opened.transaction():
                opened.delete(opened.table("photo"), [key])
                kill(photos, opened)

        with pytest.raises(CommitUnknown, match="Whether it was done is not known"):
            delete_and_lose()
    assert ids(photos, "photo") == [1, 2, 3]


@pytest.mark.promise(1)
def test_a_connection_that_is_lost_while_reading_is_an_error(photos: TestDatabase) -> None:
    with connect(photos.url, read_only=True) as opened:
        assert [row.file for row in rows_of(opened)]
        kill(photos, opened)
        with pytest.raises(DatabaseError, match=r"reading photo\.image failed"):
            list(opened.references([IMAGE]))


@pytest.mark.promise(1)
def test_what_is_asked_while_rows_are_read_does_not_end_them(photos: TestDatabase) -> None:
    """On a connection of MySQL, a second question would silently end the answer to the first."""
    photos.run("INSERT INTO photo SELECT seq, concat('q/', seq), NULL, NULL FROM seq_10_to_30000")
    with connect(photos.url, read_only=True) as opened:
        found = 0
        for rows in opened.rows(selection(opened)):
            found += len(rows)
            assert opened.count_references([IMAGE], [b"p/1.jpg"]) == {b"p/1.jpg": 1}
        assert found == 29_994


@pytest.mark.promise(4)
def test_a_table_without_transactions_is_not_changed(photos: TestDatabase) -> None:
    photos.run("CREATE TABLE old (id integer PRIMARY KEY, image text) ENGINE = MyISAM")
    photos.run("INSERT INTO old VALUES (1, 'a')")
    with connect(photos.url, read_only=False) as opened:
        table = opened.table("old")
        opened.require_transactions(opened.table("photo"))
        for attempt in (lambda: opened.require_transactions(table), lambda: opened.delete(table, [("1",)])):
            with pytest.raises(SiteError, match="ALTER TABLE old ENGINE = InnoDB"):
                attempt()
    assert ids(photos, "old") == [1]


# What the session says of the server.


@pytest.mark.promise(4)
@pytest.mark.parametrize("value", [0, 2])
def test_a_server_that_may_lose_what_it_committed_is_known(
    photos: TestDatabase, server: Any, value: int
) -> None:
    with connect(photos.url, read_only=True) as opened:
        assert opened.lost_by_crash() == ""
        server("innodb_flush_log_at_trx_commit", value)
        assert f"innodb_flush_log_at_trx_commit is {value}" in opened.lost_by_crash()


def test_a_server_that_only_reads_counts_as_a_replica(photos: TestDatabase, server: Any) -> None:
    with connect(photos.url, read_only=True) as opened:
        server("read_only", 1)
        assert opened.is_replica()


@pytest.mark.promise(2)
def test_open_transactions_of_others_are_known_by_one_name(photos: TestDatabase) -> None:
    with connect(photos.url, read_only=False) as opened, photos.connect() as site:
        assert (opened.open_transactions(), list(opened.notes)) == ({}, [])
        cursor = site.cursor()
        cursor.execute("START TRANSACTION")
        cursor.execute("SELECT * FROM photo")
        reading = opened.open_transactions()
        cursor.execute("UPDATE photo SET image = 'x' WHERE id = 1")
        writing = opened.open_transactions()
        assert len(reading) == 1
        assert reading.keys() == writing.keys()
        cursor.execute("COMMIT")
        assert opened.open_transactions() == {}
        cursor.execute("XA START 'two'")
        cursor.execute("UPDATE photo SET image = 'y' WHERE id = 1")
        cursor.execute("XA END 'two'")
        cursor.execute("XA PREPARE 'two'")
        assert any(name.startswith(PREPARED) for name in opened.open_transactions())
        cursor.execute("XA ROLLBACK 'two'")
        assert opened.open_transactions() == {}


@pytest.mark.promise(2)
def test_a_user_who_may_not_see_transactions_is_told_so(photos: TestDatabase) -> None:
    name = urlsplit(photos.url).path[1:]
    photos.run(f"CREATE USER {name} IDENTIFIED BY 'x'; GRANT ALL ON {name}.* TO {name}")
    with connect(photos.url.replace("root@", f"{name}:x@"), read_only=False) as opened:
        assert "GRANT PROCESS" in opened.notes[0]
        assert opened.open_transactions() == {}
        assert not opened.is_replica()
        assert opened.delete_triggers(opened.table("photo")) == []
    photos.run(f"DROP USER {name}")


@pytest.mark.promise(13)
def test_triggers_that_may_not_be_seen_count_as_there(photos: TestDatabase) -> None:
    name = urlsplit(photos.url).path[1:]
    photos.run(f"CREATE USER {name} IDENTIFIED BY 'x'; GRANT SELECT, DELETE ON {name}.* TO {name}")
    photos.run("CREATE TRIGGER t AFTER DELETE ON photo FOR EACH ROW DELETE FROM photo WHERE id = 0")
    with connect(photos.url, read_only=True) as opened:
        assert opened.delete_triggers(opened.table("photo")) == ["t"]
    with connect(photos.url.replace("root@", f"{name}:x@"), read_only=True) as opened:
        [unknown] = opened.delete_triggers(opened.table("photo"))
        assert "TRIGGER" in unknown
    photos.run(f"DROP USER {name}")


@pytest.mark.promise(10)
def test_a_row_is_not_archived_without_what_may_not_be_read(photos: TestDatabase) -> None:
    """The server hides columns, too."""
    name = urlsplit(photos.url).path[1:]
    photos.run("ALTER TABLE photo ADD note text; UPDATE photo SET note = 'nobody else has it'")
    photos.run(f"CREATE USER {name} IDENTIFIED BY 'x'; GRANT CREATE TEMPORARY TABLES ON {name}.* TO {name}")
    photos.run(f"GRANT DELETE, SELECT (id, image) ON {name}.photo TO {name}")
    try:
        with connect(photos.url.replace("root@", f"{name}:x@"), read_only=False) as opened:
            photo = opened.table("photo")
            assert sorted(photo.columns) == ["id", "image"]
            with pytest.raises(DatabaseError, match=r"SELECT command denied.*Grant the privilege"):
                list(opened.rows_for_archive(photo, [("1",)]))
    finally:
        photos.run(f"DROP USER {name}")


@pytest.mark.promise(13)
def test_a_foreign_key_of_a_table_that_may_not_be_seen_is_known(photos: TestDatabase) -> None:
    name = urlsplit(photos.url).path[1:]
    photos.run(
        "CREATE TABLE note (id integer PRIMARY KEY, photo_id integer REFERENCES photo (id) ON DELETE CASCADE)"
    )
    photos.run(f"CREATE USER {name} IDENTIFIED BY 'x'; GRANT SELECT, DELETE ON {name}.photo TO {name}")
    photos.run(f"GRANT PROCESS ON *.* TO {name}")
    try:
        with connect(photos.url.replace("root@", f"{name}:x@"), read_only=True) as opened:
            assert opened.foreign_keys() == []
            [key] = opened.hidden_foreign_keys()
            assert key == ForeignKey("", "note", ("photo_id",), "", "photo", ("id",), "CASCADE")
        with connect(photos.url, read_only=True) as opened:
            assert opened.hidden_foreign_keys() == []
    finally:
        photos.run(f"DROP USER {name}")


@pytest.mark.promise(14)
@pytest.mark.parametrize(
    ("grants", "is_complete"),
    [
        ("GRANT SELECT ON {0}.photo TO {1}", False),
        ("GRANT INSERT ON {0}.* TO {1}; GRANT SELECT ON {0}.photo TO {1}", False),
        ("GRANT SELECT ON elsewhere.* TO {1}; GRANT SELECT ON {0}.photo TO {1}", False),
        ("GRANT SELECT ON {0}.* TO {1}", True),
        ("GRANT ALL ON `{2}%`.* TO {1}", True),
        ("GRANT SELECT, INSERT ON *.* TO {1}", True),
        (
            "CREATE ROLE {1}_r; GRANT SELECT ON {0}.* TO {1}_r; GRANT {1}_r TO {1}; "
            "SET DEFAULT ROLE {1}_r FOR {1}",
            True,
        ),
    ],
)
def test_the_sweep_is_complete_only_for_who_may_see_all_tables(
    photos: TestDatabase, grants: str, is_complete: bool
) -> None:
    """The server hides tables on which a user has no right at all."""
    name = urlsplit(photos.url).path[1:]
    photos.run("CREATE TABLE hidden (body text)")
    photos.run(f"CREATE USER {name} IDENTIFIED BY 'x'; {grants.format(name, name, name[:-1])}")
    try:
        with connect(photos.url.replace("root@", f"{name}:x@"), read_only=True) as opened:
            found = opened.searched_columns()
    finally:
        photos.run(f"DROP USER {name}; DROP ROLE IF EXISTS {name}_r")
    assert {table.name for table in found.tables} >= {"photo"}
    assert (("", "hidden") in {table.identity for table in found.tables}) == is_complete
    remedies = [table.remedy for table in found.unsearchable if not table.is_table]
    assert remedies == ([] if is_complete else [f"GRANT SELECT ON `{name}`.* TO `{name}`@`%`;"])


def test_a_superuser_is_known_and_so_is_what_is_enough(photos: TestDatabase) -> None:
    name = urlsplit(photos.url).path[1:]
    photos.run(f"CREATE USER {name} IDENTIFIED BY 'x'")
    with connect(photos.url, read_only=True) as opened:
        assert opened.superuser().startswith("root@")
        grants = opened.sufficient_grants().replace("ROLE", name)
    photos.run(grants)
    with connect(photos.url.replace("root@", f"{name}:x@"), read_only=False) as opened:
        assert (opened.superuser(), list(opened.notes)) == ("", [])
        assert opened.delete_triggers(opened.table("photo")) == []
        with opened.transaction():
            assert opened.delete(opened.table("photo"), [row.key for row in rows_of(opened)]) == 3
    photos.run(f"DROP USER {name}")


def test_a_lock_that_is_lost_with_its_connection_stops_the_run(photos: TestDatabase) -> None:
    with connect(photos.url, read_only=False) as first:
        first.lock()
        kill(photos, first)
        with connect(photos.url, read_only=False) as second:
            second.lock()
            with pytest.raises(DatabaseError, match="failed"), first.transaction():
                pass


@pytest.mark.promise(6)
def test_a_session_that_only_reads_cannot_write_after_keys_could_not_be_passed(
    photos: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(photos.url, read_only=True) as opened:
        connection: Any = opened
        execute = connection._connection.execute

        def refused(statement: str, parameters: Any) -> int:
            if statement.startswith("CREATE TEMPORARY"):
                raise DriverError("Access denied.", "1044")
            return execute(statement, parameters)

        monkeypatch.setattr(connection._connection, "execute", refused)
        with pytest.raises(DatabaseError, match="passing keys failed: Access denied"):
            connection._keys(["bigint"], [(1,)])
        with pytest.raises(DriverError, match="READ ONLY"):
            execute("DELETE FROM photo", [])
    assert len(photos.rows("SELECT id FROM photo")) == 3


@pytest.mark.promise(8)
@pytest.mark.parametrize("literals", [0, 2**20], ids=["a table of keys", "literals"])
def test_paths_are_counted_by_their_bytes(
    mariadb: TestDatabase, monkeypatch: pytest.MonkeyPatch, literals: int
) -> None:
    monkeypatch.setattr(mysql_module, "_LITERALS", literals)
    names = ["p/a.jpg", "p/A.jpg", "p/a.jpg ", "p/á.jpg", "p/100%s.jpg", 'p/it\'s \\ "q".jpg', "p/\\n\\0.jpg"]
    names += [f"n/{number}.jpg" for number in range(1500)]
    mariadb.run(PHOTO)
    mariadb.insert("photo", [{"id": number, "image": name} for number, name in enumerate(names)])
    mariadb.insert("photo", [{"id": 9999, "image": "p/a.jpg"}])
    asked = [name.encode() for name in names]
    with connect(mariadb.url, read_only=True) as opened:
        absent = [b"p/b.jpg", b"p/\\xff.jpg", b"p/a.jpg  ", b"x" * 5000]
        counts = opened.count_references([IMAGE], [*asked, *absent])
        assert counts == {**dict.fromkeys(asked, 1), b"p/a.jpg": 2}
        assert opened.count_references([IMAGE], [b"p/\\xff.jpg"]) == {}
        by_file = [
            row.file for rows in opened.rows_by_file(selection(opened), [*asked, *absent]) for row in rows
        ]
        assert by_file == sorted([*asked, b"p/a.jpg"])


@pytest.mark.parametrize("packet", [16 * 2**20, 4 * 2**20, 2**20], ids=["usual", "small", "least"])
def test_paths_are_asked_for_in_a_packet_that_the_server_takes(
    photos: TestDatabase, server: Any, packet: int
) -> None:
    server("max_allowed_packet", packet)
    # Each byte of them has to be escaped.
    absent = [b"'" * 90 + str(number).encode() for number in range(10_000)]
    with connect(photos.url, read_only=True) as opened:
        assert opened.count_references([IMAGE], [*absent, b"p/1.jpg"]) == {b"p/1.jpg": 1}


def test_rows_of_a_few_files_are_found_without_a_table_of_keys(
    photos: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [b"p/1.jpg", *(f"n/{number}.jpg".encode() for number in range(5_000))]
    with connect(photos.url, read_only=True) as opened:
        monkeypatch.setattr(opened, "_keys", lambda *_asked: pytest.fail("a table of keys was made"))
        [[row]] = opened.rows_by_file(selection(opened), asked)
        assert row.file == b"p/1.jpg"


@pytest.mark.promise(14)
def test_all_texts_are_read_by_one_connection_while_nothing_goes_wrong(
    photos: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos.run("CREATE TABLE note (words text); INSERT INTO note VALUES ('a'), ('b'), ('c')")
    monkeypatch.setattr(sweep_module, "TEXTS_AT_ONCE", 1)
    connected: list[Any] = []
    another = MySQLConnection.another
    monkeypatch.setattr(
        MySQLConnection, "another", lambda self: connected.append(another(self)) or connected[-1]
    )

    def gone(_block: Any) -> None:
        raise DatabaseError("nobody takes it")

    with connect(photos.url, read_only=True) as opened:
        tables = opened.searched_columns().tables
        assert [table.name for table in tables] == ["note", "photo"]

        def read() -> list[str]:
            found: list[Any] = []
            for table in tables:
                opened.read_texts(table, lambda block: found.extend(row.texts[0] for row in block))
            return found

        whole = ["a", "b", "c", "p/1.jpg", "p/2.jpg", "p/3.jpg"]
        assert read() == read() == whole
        assert len(connected) == 1
        # It holds no snapshot, on which others would wait.
        assert opened.open_transactions() == {}
        # Of one that was left in the middle of a table, the rest might be taken for another one.
        with pytest.raises(DatabaseError, match="nobody takes it"):
            opened.read_texts(tables[0], gone)
        assert read() == whole
        photos.run(f"KILL {connected[-1].fetch('SELECT connection_id()', [])[0][0]}")
        with pytest.raises(DatabaseError, match="searching note for mentions of files failed"):
            read()
        assert read() == whole


@pytest.mark.promise(14)
def test_no_texts_are_read_by_a_connection_whose_settings_were_refused(
    photos: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(photos.url, read_only=True) as opened:
        [table] = opened.searched_columns().tables

        def refused(_connection: Any) -> None:
            raise DriverError("No.")

        monkeypatch.setattr(opened, "_settle", refused)
        for _attempt in range(2):
            with pytest.raises(DatabaseError, match=r"No\."):
                opened.read_texts(table, lambda _block: pytest.fail("rows came"))


@pytest.fixture
def hidden(photos: TestDatabase) -> Iterator[tuple[str, str]]:
    """A database whose table ``c d`` references photos, and a URL for a user who may not see it."""
    name = urlsplit(photos.url).path[1:]
    user = f"{name}_u"
    other = f"{name}-é"
    photos.run(
        f'CREATE DATABASE "{other}"; CREATE TABLE "{other}"."c d" (id integer PRIMARY KEY, "p-id" integer, '
        f'CONSTRAINT x FOREIGN KEY ("p-id") REFERENCES {name}.photo (id) ON DELETE CASCADE);'
        f"CREATE USER {user} IDENTIFIED BY 'x'; GRANT ALL ON {name}.* TO {user}"
    )
    yield other, photos.url.replace("root@", f"{user}:x@")
    photos.run(f'DROP DATABASE "{other}"; DROP USER {user}')


@pytest.mark.promise(13)
def test_a_foreign_key_of_a_database_that_may_not_be_seen_is_known_by_the_privilege_process(
    photos: TestDatabase, hidden: tuple[str, str]
) -> None:
    other, url = hidden
    with connect(url, read_only=True) as opened:
        assert opened.foreign_keys() == []
        # Without the privilege, nobody says that it is there.
        assert opened.hidden_foreign_keys() == []
    user = urlsplit(url).username
    photos.run(f"GRANT PROCESS ON *.* TO {user}")
    key = ForeignKey(other, "c d", ("p-id",), "", "photo", ("id",), "CASCADE")
    with connect(url, read_only=True) as opened:
        assert opened.hidden_foreign_keys() == [key]
    photos.run(f'GRANT SELECT, REFERENCES ON "{other}".* TO {user}')
    with connect(url, read_only=True) as opened:
        assert opened.foreign_keys() == [key]
        assert opened.hidden_foreign_keys() == []


@pytest.mark.promise(13)
def test_a_job_is_refused_whose_rows_a_database_references_that_may_not_be_seen(
    photos: TestDatabase, hidden: tuple[str, str]
) -> None:
    photos.run(f"GRANT PROCESS ON *.* TO {urlsplit(hidden[1]).username}")
    options = {"table": "photo", "file_column": "image", "media_root": "/srv/media", "select": "missing"}
    job = records_job({**options, "database_url": hidden[1]})
    refusal = r"-é\.c d reference rows of photo .* may not see"
    with connect(hidden[1], read_only=True) as opened, pytest.raises(SiteError, match=refusal):
        Dependents(job, opened.table("photo"), opened)


@pytest.mark.promise(14)
def test_a_text_that_becomes_short_while_texts_are_read_is_found(photos: TestDatabase) -> None:
    """Short texts are read first, and long ones in pieces after them: all as of one moment."""
    photos.run(
        f"CREATE TABLE note (words longtext); INSERT INTO note VALUES ('a'), (repeat('b', {PIECE + 1}))"
    )
    found: list[str] = []

    def receive(block: Any) -> None:
        if not found:
            photos.run("UPDATE note SET words = 'b' WHERE words <> 'a'")
        found.extend(row.texts[0] for row in block)

    with connect(photos.url, read_only=True) as opened:
        table = next(table for table in opened.searched_columns().tables if table.name == "note")
        opened.read_texts(table, receive)
    assert {text[:1] for text in found if text} == {"a", "b"}
