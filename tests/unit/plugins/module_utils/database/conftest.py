# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The databases on which the conformance tests run."""

from __future__ import annotations

from typing import Iterator

import pytest

from engine.database import connect
from engine.database.base import Database
from helpers.databases import TestDatabase
from helpers.drivers import only_driver
from helpers.implementations import IMPLEMENTATIONS, PHOTO, Implementation


@pytest.fixture(params=["postgresql_psycopg2", "postgresql_psycopg3"])
def postgresql(request: pytest.FixtureRequest) -> TestDatabase:
    """A new, empty PostgreSQL database, opened by each driver in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["psycopg2", "psycopg3"], scope="module")
def each_driver(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nothing but each driver for PostgreSQL in turn, for tests that open no new database."""
    with only_driver(request.param):
        yield


@pytest.fixture(params=["postgresql_psycopg2", "postgresql_psycopg3", "sqlite", "mariadb"])
def database(request: pytest.FixtureRequest) -> TestDatabase:
    """A new, empty database of each kind and driver in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda implementation: implementation.fixture)
def implementation(request: pytest.FixtureRequest) -> Implementation:
    """Each implementation in turn."""
    return request.param


@pytest.fixture
def empty_database(implementation: Implementation, request: pytest.FixtureRequest) -> TestDatabase:
    """An empty database of the implementation."""
    return request.getfixturevalue(implementation.fixture)


@pytest.fixture
def photos_with_notes(empty_database: TestDatabase, implementation: Implementation) -> TestDatabase:
    """A table of photos 1 to 3, and the notes 1 and 2 of photo 1, and 3 of photo 2."""
    empty_database.run(PHOTO)
    deferred = " DEFERRABLE INITIALLY DEFERRED" if implementation.defers else ""
    empty_database.run(
        "CREATE TABLE note (id integer PRIMARY KEY, photo_id integer REFERENCES photo (id),"
        " CHECK (photo_id < 100)); CREATE TABLE remark (id integer PRIMARY KEY, note_id integer NOT NULL"
        f" REFERENCES note (id){deferred})"
    )
    empty_database.insert("photo", [{"id": number, "image": f"p/{number}.jpg"} for number in (1, 2, 3)])
    empty_database.insert("note", [{"id": number, "photo_id": (number + 1) // 2} for number in (1, 2, 3)])
    empty_database.insert("remark", [{"id": number, "note_id": number} for number in (1, 3)])
    return empty_database


@pytest.fixture
def opened(photos_with_notes: TestDatabase) -> Iterator[Database]:
    """The database of photos and notes, opened by the engine to be changed."""
    with connect(photos_with_notes.url, read_only=False) as database:
        yield database
