# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""How old a row is, in each form in which a database keeps a time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, Callable

import pytest
from django.db import connection
from django_site.fixtures import NOW
from django_site.project import Project
from test_incomplete import INCOMPLETE, LIMIT, names, upload
from zoneinfo import ZoneInfo

pytest_plugins = ["django_site.fixtures"]
pytestmark = pytest.mark.usefixtures("stopped_clock")


@pytest.mark.promise(3)
@pytest.mark.parametrize(
    ("seconds", "goes"), [(0, False), (1, True), (-1, False), (-90_000_000, False)], ids=str
)
def test_limit_is_met_to_the_second_and_the_future_is_young(
    project: Project, seconds: int, goes: bool
) -> None:
    upload("at the limit", hours=24 + seconds / 3600)
    assert project.records(check=True, **INCOMPLETE)["found"]["records"] == goes


def written(form: str, zone: timezone | ZoneInfo = timezone.utc) -> Callable[[datetime], str]:
    return lambda moment: moment.astimezone(zone).strftime(form)


AUCKLAND, LOS_ANGELES = ZoneInfo("Pacific/Auckland"), ZoneInfo("America/Los_Angeles")
SPACE, TEE = "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"


def an_hour_around_the_limit(project: Project, write: Callable[[datetime], Any]) -> None:
    """Two photos, one an hour older and one an hour younger than the limit, as they are written."""
    for name, moment in (("older", LIMIT - timedelta(hours=1)), ("younger", LIMIT + timedelta(hours=1))):
        photo = upload(name)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE collection_photo SET uploaded_at = %s WHERE id = %s", [write(moment), photo.id]
            )


@pytest.mark.promise(3)
@pytest.mark.parametrize(
    "write",
    [
        written(SPACE),
        written(f"{SPACE}.%f"),
        written(f"{SPACE}.000"),
        written(f"{SPACE}+00:00"),
        written(f"{TEE}Z"),
        lambda moment: moment.astimezone(AUCKLAND).isoformat(),
        lambda moment: moment.astimezone(LOS_ANGELES).isoformat(" "),
    ],
    ids=["django", "microseconds", "milliseconds", "utc", "z", "auckland", "los angeles"],
)
def test_sqlite_reads_each_form_of_a_time(sqlite_project: Project, write: Callable[[datetime], str]) -> None:
    an_hour_around_the_limit(sqlite_project, write)
    sqlite_project.records(**INCOMPLETE)
    assert names(sqlite_project) == ["younger"]


@pytest.mark.promise(3)
@pytest.mark.parametrize("zone", [AUCKLAND, LOS_ANGELES], ids=str)
def test_sqlite_takes_a_time_without_zone_as_told(sqlite_project: Project, zone: ZoneInfo) -> None:
    an_hour_around_the_limit(sqlite_project, written(SPACE, zone))
    sqlite_project.records(**INCOMPLETE, time_zone=zone.key)
    assert names(sqlite_project) == ["younger"]


@pytest.mark.promise(3)
@pytest.mark.parametrize(
    "value", ["", "long ago", "2026-02-30 00:00:00", 0, 1.5, b"2020-01-01", "0"], ids=repr
)
def test_sqlite_takes_what_is_no_time_as_young(sqlite_project: Project, value: Any) -> None:
    an_hour_around_the_limit(sqlite_project, lambda _moment: value)
    assert sqlite_project.records(check=True, **INCOMPLETE)["found"]["records"] == 0


@pytest.mark.promise(3)
@pytest.mark.parametrize("zone", [AUCKLAND, LOS_ANGELES], ids=str)
def test_postgresql_compares_moments_whatever_zone_a_session_has(
    postgresql_project: Project, zone: ZoneInfo
) -> None:
    an_hour_around_the_limit(postgresql_project, lambda moment: moment.astimezone(zone))
    set_zone_of_sessions(postgresql_project, zone)
    postgresql_project.records(**INCOMPLETE)
    assert names(postgresql_project) == ["younger"]


@pytest.mark.promise(3)
@pytest.mark.parametrize("is_told", [True, False], ids=["told", "of the database"])
@pytest.mark.parametrize("zone", [AUCKLAND, LOS_ANGELES], ids=str)
def test_postgresql_takes_a_time_without_zone_as_told_or_as_its_own(
    postgresql_project: Project, zone: ZoneInfo, is_told: bool
) -> None:
    column_becomes(postgresql_project, "timestamp")
    an_hour_around_the_limit(postgresql_project, written(SPACE, zone))
    if not is_told:
        set_zone_of_sessions(postgresql_project, zone)
    postgresql_project.records(**INCOMPLETE, time_zone=zone.key if is_told else None)
    assert names(postgresql_project) == ["younger"]


@pytest.mark.promise(3)
def test_date_may_mean_the_last_moment_of_the_day(project: Project) -> None:
    if project.kind == "postgresql":
        column_becomes(project, "date")
    for days in (0, 1, 2):
        photo = upload(f"{days} days")
        day = (NOW - timedelta(days=days)).date()
        project.database.run(f"UPDATE collection_photo SET uploaded_at = '{day}' WHERE id = {photo.id}")
    # The limit is noon of yesterday.
    project.records(**INCOMPLETE)
    assert names(project) == ["0 days", "1 days"]


@pytest.mark.promise(3)
def test_hour_that_comes_twice_is_taken_for_the_later_one(project: Project) -> None:
    if project.kind == "postgresql":
        column_becomes(project, "timestamp")
    photo = upload("when summer ended")
    # Half past two, summer time, and half past two an hour later; the limit lies between the two.
    hours = (NOW - datetime(2026, 10, 25, 1, 0, tzinfo=timezone.utc)) // timedelta(hours=1)
    project.database.run(
        f"UPDATE collection_photo SET uploaded_at = '2026-10-25 02:30:00' WHERE id = {photo.id}"
    )
    for more, found in ((0, 0), (-1, 1)):
        run = project.records(
            check=True, **INCOMPLETE, time_zone="Europe/Vienna", older_than_hours=hours + more
        )
        assert run["found"]["records"] == found


def column_becomes(project: Project, kind: str) -> None:
    project.database.run(f"ALTER TABLE collection_photo ALTER uploaded_at TYPE {kind}")


def set_zone_of_sessions(project: Project, zone: ZoneInfo) -> None:
    [(database,)] = project.database.rows("SELECT current_database()")
    project.database.run(f"ALTER DATABASE {database} SET TimeZone = '{zone.key}'")
