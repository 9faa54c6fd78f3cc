# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The drivers for PostgreSQL: which one is used, and that both do the same at what they do differently."""

from __future__ import annotations

import io
import sys
from contextlib import closing, contextmanager
from typing import Any, Iterator

import pytest

from engine.database import connect, drivers
from engine.database.base import DriverError
from engine.database.postgresql.libpq import LibpqConnection
from engine.errors import SiteError

# Our files beside the drivers are imported anew, to find what is there.
OURS = ("psycopg_2", "psycopg_3")


@pytest.fixture
def connection(postgresql: Any) -> Iterator[LibpqConnection]:
    """A connection of each driver in turn."""
    with closing(drivers.POSTGRESQL_DRIVERS[0]()(postgresql.url)) as opened:
        yield opened


@contextmanager
def having(monkeypatch: pytest.MonkeyPatch, **modules: Any) -> Iterator[None]:
    """An interpreter in which these modules are others; None is one that it has not."""
    with monkeypatch.context() as patch:
        for name in [name for name in sys.modules if name.endswith(OURS)]:
            patch.delitem(sys.modules, name)
        for name, module in modules.items():
            patch.setitem(sys.modules, name, module)
        yield
        for name in [name for name in sys.modules if name.endswith(OURS)]:
            patch.delitem(sys.modules, name)


# The choice.


@pytest.mark.parametrize(("missing", "used"), [((), "psycopg2"), (("psycopg2",), "psycopg")])
def test_the_driver_that_is_there_is_used(
    monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...], used: str
) -> None:
    with having(monkeypatch, **dict.fromkeys(missing)):
        assert drivers._postgresql_driver().driver().__name__ == used


class TooOld:
    __version__ = "3.0.8"
    conninfo = None


@pytest.mark.parametrize("psycopg", [None, TooOld()], ids=["none", "too old"])
def test_an_interpreter_without_a_driver_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, psycopg: Any
) -> None:
    modules = {"psycopg2": None, "psycopg": psycopg, "psycopg.conninfo": psycopg}
    with having(monkeypatch, **modules), pytest.raises(SiteError) as refusal:
        connect("postgresql://kit:hunter2@db/kit", read_only=True)
    told = str(refusal.value)
    assert f"neither psycopg2 nor psycopg 3 can be imported by {sys.executable}" in told
    assert "python3-psycopg2 or python3-psycopg" in told
    assert ("3.0.8 is too old" in told) == (psycopg is not None)
    assert "hunter2" not in told


def test_a_database_without_a_server_needs_no_driver(sqlite: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with having(monkeypatch, psycopg2=None, psycopg=None), connect(sqlite.url, read_only=True) as database:
        assert database.foreign_keys() == []


# What the drivers do differently by themselves.

SERIES = "SELECT n::text FROM generate_series(1, 7) AS n WHERE n > %s ORDER BY n"


@pytest.mark.promise(2)
def test_a_stream_goes_on_after_other_queries(connection: LibpqConnection) -> None:
    first, second = (connection.stream(SERIES, [start], size=2) for start in (0, 3))
    assert next(first) == [("1",), ("2",)]
    assert connection.fetch("SELECT 1", []) == [(1,)]
    assert next(second) == [("4",), ("5",)]
    assert list(first) == [[("3",), ("4",)], [("5",), ("6",)], [("7",)]]
    assert list(second) == [[("6",), ("7",)]]
    assert not connection.is_streaming


def test_a_stream_that_was_not_read_to_its_end_is_closed(connection: LibpqConnection) -> None:
    for _time in range(2):
        stream = connection.stream(SERIES, [0], size=2)
        next(stream)
        assert connection.is_streaming
        stream.close()
        assert not connection.is_streaming
    assert connection.fetch("SELECT count(*) FROM pg_cursors", []) == [(0,)]


def test_a_stream_that_fails_is_told_by_its_own_error(connection: LibpqConnection) -> None:
    with pytest.raises(DriverError) as failure:
        list(connection.stream("SELECT 1 / (n - 3) FROM generate_series(1, 7) AS n", [], size=2))
    assert failure.value.code == "22012"
    assert "zero" in str(failure.value)
    connection.rollback()


def test_a_percent_sign_is_written_twice_everywhere(connection: LibpqConnection) -> None:
    file = io.BytesIO()
    connection.copy_to(file, "SELECT '100%%'")
    assert file.getvalue() == b"100%\n"
    assert connection.fetch("SELECT '100%%'", []) == [("100%",)]
    assert connection.fetch("SELECT '%%' || %s", ["%s"]) == [("%%s",)]
    assert list(connection.stream("SELECT '100%%'", [], 2)) == [[("100%",)]]


def test_a_copy_is_whole(connection: LibpqConnection) -> None:
    for count in (0, 1, 50_000):
        file = io.BytesIO()
        connection.copy_to(file, f"SELECT n FROM generate_series(1, {count}) AS n")
        assert file.getvalue() == b"".join(b"%d\n" % number for number in range(1, count + 1))
        assert connection.fetch("SELECT 1", []) == [(1,)]


@pytest.mark.promise(1)
def test_a_copy_that_fails_on_the_way_is_an_error(connection: LibpqConnection) -> None:
    with pytest.raises(DriverError, match="division by zero") as failure:
        connection.copy_to(io.BytesIO(), "SELECT 1 / (n - 40000) FROM generate_series(1, 50000) AS n")
    assert failure.value.code == "22012"
    connection.rollback()
    assert connection.fetch("SELECT 1", []) == [(1,)]


@pytest.mark.promise(1)
def test_a_copy_whose_connection_is_lost_on_the_way_is_an_error(connection: LibpqConnection) -> None:
    ends = "SELECT CASE n WHEN 40000 THEN pg_terminate_backend(pg_backend_pid()) END"
    with pytest.raises(DriverError) as failure:
        connection.copy_to(io.BytesIO(), f"{ends} FROM generate_series(1, 50000) AS n")
    assert failure.value.is_lost
    assert connection.is_closed


def test_a_copy_onto_a_full_disk_leaves_a_usable_connection(connection: LibpqConnection) -> None:
    with open("/dev/full", "wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        connection.copy_to(file, "SELECT n FROM generate_series(1, 500000) AS n")
    connection.rollback()
    assert connection.fetch("SELECT 1", []) == [(1,)]


VALUES = [
    ("%s::text", "it's \\ 100% \x1f é", "it's \\ 100% \x1f é"),
    ("%s::text", "", ""),
    ("%s IS NULL", None, True),
    ("%s::bytea", b"\0\\'\xff", b"\0\\'\xff"),
    ("%s::text[]", ["a", "", None, 'b,"c"', "\\"], ["a", "", None, 'b,"c"', "\\"]),
    ("%s::text[]", [], []),
    ("%s::bytea[]", [b"\0", b""], [b"\0", b""]),
    ("%s", -5, -5),
    ("3 - %s", -5, 8),
    ("extract(epoch FROM to_timestamp(%s))::text", 1700000000.25, "1700000000.250000"),
    ("(%s::interval)::text", "1 day", "1 day"),
    ("%s::json::text", '{"b":  1, "a": null}', '{"b":  1, "a": null}'),
]


def plain(value: Any) -> Any:
    """What a driver makes of bytes is of its own."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    return bytes(value) if isinstance(value, memoryview) else value


@pytest.mark.parametrize(("expression", "value", "expected"), VALUES)
def test_a_value_means_the_same_by_each_driver(
    connection: LibpqConnection, expression: str, value: Any, expected: Any
) -> None:
    ((found,),) = connection.fetch(f"SELECT {expression}", [value])
    assert plain(found) == expected


@pytest.mark.parametrize(("value", "code"), [("x", "22P02"), ("1\0", "22021"), ("1\udcff", "22021")])
def test_a_value_that_a_type_cannot_hold_is_an_error_with_its_code(
    connection: LibpqConnection, value: str, code: str
) -> None:
    with pytest.raises(DriverError) as failure:
        connection.fetch("SELECT %s::text::integer", [value])
    assert (failure.value.code, failure.value.is_lost) == (code, False)
    connection.rollback()
