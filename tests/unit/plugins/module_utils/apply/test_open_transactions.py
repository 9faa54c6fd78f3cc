# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Transactions that are older than the reading: what they may yet reference is waited for, or kept."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from typing import Any, Iterator

import psycopg2
import pytest

from engine.apply import files
from engine.errors import DatabaseError
from engine.kept import Code
from helpers.builders import Media, Site, found, planned, run
from helpers.removers import Keeping, applied, codes

pytestmark = pytest.mark.promise(2)


@contextmanager
def transaction_on(database: Any, *statements: str) -> Iterator[Any]:
    """A transaction that has run these statements and is open."""
    with closing(psycopg2.connect(database.url)) as connection:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        yield connection


INSERT = "INSERT INTO photo (id, image) VALUES (99, 'p/lost.jpg')"
READING = ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT * FROM photo")


@pytest.fixture
def postgresql_with_orphan(postgresql: Any, media: Media) -> Site:
    site = Site(postgresql, media)
    media.write("p/kept.jpg", "p/lost.jpg")
    site.insert("p/kept.jpg")
    return site


@pytest.mark.parametrize("statements", [(INSERT,), READING], ids=["written", "only read yet"])
@pytest.mark.parametrize("when", ["before", "during"])
def test_a_transaction_that_stays_open_keeps_the_file(
    postgresql_with_orphan: Site,
    statements: tuple[str, ...],
    when: str,
    monkeypatch: pytest.MonkeyPatch,
    kept_in: str,
) -> None:
    monkeypatch.setattr(files, "WAIT_SECONDS", 0.1)
    site = postgresql_with_orphan
    opened = []

    def begin(_path: bytes) -> None:
        if not opened:
            transaction = transaction_on(site.database, *statements)
            opened.append((transaction, transaction.__enter__()))

    with planned(site.orphans(quarantine=kept_in)) as made:
        if when == "before":
            begin(b"")
        moved: list[bytes] = []
        outcome = applied(made, Keeping(made, lambda path: (moved.append(path), begin(path))))
    assert codes(outcome.kept) == {b"p/lost.jpg": "open_transaction"}
    assert "server process" in outcome.kept.items[0].reason
    assert site.media.files == {b"p/kept.jpg", b"p/lost.jpg"}
    # Nothing is moved to and fro for what is known beforehand.
    assert moved == ([] if when == "before" else [b"p/lost.jpg"])
    opened[0][1].rollback()
    _plan, outcome = run(site.orphans(quarantine=kept_in))
    assert outcome.removed.files == 1


@pytest.mark.parametrize("commits", [True, False])
def test_a_transaction_that_ends_in_time_is_waited_for(
    postgresql_with_orphan: Site, commits: bool, kept_in: str
) -> None:
    site = postgresql_with_orphan
    ends: list[threading.Timer] = []

    def begin(_path: bytes) -> None:
        connection = psycopg2.connect(site.database.url)
        connection.cursor().execute(INSERT)
        end = threading.Timer(0.3, connection.commit if commits else connection.rollback)
        ends.append(end)
        end.start()

    with planned(site.orphans(quarantine=kept_in)) as made:
        outcome = applied(made, Keeping(made, begin))
    ends[0].join()
    assert codes(outcome.kept) == ({b"p/lost.jpg": "referenced"} if commits else {})
    assert (b"p/lost.jpg" in site.media.files) == commits


def test_a_new_transaction_after_another_is_not_waited_for(
    postgresql_with_orphan: Site, kept_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A site that is never idle keeps nothing: only what was open at the reading counts."""
    monkeypatch.setattr(files, "WAIT_SECONDS", 5.0)
    site = postgresql_with_orphan
    done = threading.Event()

    def overlapping() -> None:
        first, second = (psycopg2.connect(site.database.url) for _number in range(2))
        first.cursor().execute("SELECT 1")
        while not done.is_set():
            second.cursor().execute("SELECT 1")
            time.sleep(0.05)
            first.rollback()
            first, second = second, first
        first.close()
        second.close()

    busy = threading.Thread(target=overlapping)
    busy.start()
    try:
        _plan, outcome = run(site.orphans(quarantine=kept_in))
    finally:
        done.set()
        busy.join()
    assert outcome.removed.files == 1


def test_a_prepared_transaction_keeps_the_file(
    postgresql_with_orphan: Site, kept_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "WAIT_SECONDS", 0.1)
    site = postgresql_with_orphan
    if site.database.rows("SHOW max_prepared_transactions") == [("0",)]:
        pytest.skip("the server allows no prepared transactions (max_prepared_transactions = 0)")
    site.database.run(f"BEGIN; {INSERT}; PREPARE TRANSACTION 'upload'")
    try:
        _plan, outcome = run(site.orphans(quarantine=kept_in))
        assert codes(outcome.kept) == {b"p/lost.jpg": "open_transaction"}
        assert "prepared as 'upload'" in outcome.kept.items[0].reason
    finally:
        site.database.run("COMMIT PREPARED 'upload'")
    plan, _outcome = run(site.orphans(quarantine=kept_in))
    assert found(plan) == []


def test_a_transaction_that_is_prepared_while_it_is_waited_for_is_not_lost_sight_of() -> None:
    before = {"3/7": "a session", "4/1": "another"}
    assert files._left_of(before, before) == before
    assert files._left_of(before, {"4/1": "another", "prepared 12": "x"}) == {
        "4/1": "another",
        "prepared 12": "x",
    }
    assert files._left_of(before, {**before, "prepared 12": "x", "5/1": "new"}) == before
    assert files._left_of(before, {"5/1": "new"}) == {}


def test_who_may_see_no_statistics_sees_open_transactions(postgresql_with_orphan: Site) -> None:
    site = postgresql_with_orphan
    role = f"reader_{os.getpid()}"
    site.database.run(f"CREATE ROLE {role} LOGIN; GRANT SELECT ON photo TO {role}")
    try:
        with planned(site.orphans()) as made, transaction_on(site.database, "SELECT 1"):
            made.session.database._connection.execute(f"SET ROLE {role}", [])
            made.session.database._connection.commit()
            assert len(made.session.database.open_transactions()) == 1
    finally:
        site.database.run(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_writer_of_sqlite_is_waited_for(
    sqlite_with_orphan: Site, kept_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "WAIT_SECONDS", 0.1)
    with sqlite_with_orphan.database.connect() as writing:
        with planned(sqlite_with_orphan.orphans(quarantine=kept_in)) as made:
            writing.execute("BEGIN IMMEDIATE")
            writing.execute(INSERT)
            outcome = applied(made, Keeping(made, lambda _path: None))
        assert codes(outcome.kept) == {b"p/lost.jpg": Code.OPEN_TRANSACTION.value}
        writing.execute("COMMIT")
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg"}


def test_an_error_of_sqlite_is_not_taken_for_no_writer(
    sqlite_with_orphan: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_arguments: Any, **_how: Any) -> Any:
        raise sqlite3.OperationalError("disk I/O error")

    with planned(sqlite_with_orphan.orphans()) as made, monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", failing)
        with pytest.raises(DatabaseError, match="asking for open transactions failed"):
            made.session.database.open_transactions()
