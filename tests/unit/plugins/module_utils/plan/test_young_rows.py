# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Rows that are younger than the age limit are kept in the job ``missing``, as they are in ``incomplete``."""

from __future__ import annotations

import pytest

from engine.errors import SiteError
from engine.kept import Code
from engine.report import words
from engine.report.describe import describe
from helpers.builders import Site, found, guards, ids, planned, run

NO_AGE = "these rows have no age"


@pytest.mark.promise(3)
@pytest.mark.parametrize("few", [20_000, 0])
def test_a_young_row_without_its_file_is_kept(
    site_with_missing_file: Site, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr("engine.plan.missing.FEW_NOT_FOUND", few)
    for image, hours in (
        ("p/now.jpg", 0.0),
        ("p/young.jpg", 23.9),
        ("p/future.jpg", -5),
        ("p/old.jpg", 24.1),
    ):
        site_with_missing_file.insert(image, hours=hours)
    site_with_missing_file.insert("p/unknown.jpg", uploaded_at=None)
    plan, outcome = run(site_with_missing_file.missing())
    assert found(plan) == [b"p/gone.jpg", b"p/old.jpg"]
    kept = {kept.name: kept.code for kept in plan.kept.items}
    assert kept == {b"p/%s.jpg" % name: Code.YOUNG for name in (b"now", b"young", b"future", b"unknown")}
    assert plan.examined == {"records": 7}
    assert (outcome.error, ids(site_with_missing_file, "photo")) == ("", [1, 3, 4, 5, 7])
    assert NO_AGE not in "\n".join(
        words.summary(describe(site_with_missing_file.missing(), plan, outcome), True)
    )


@pytest.mark.promise(2)
@pytest.mark.promise(3)
def test_a_row_that_becomes_young_after_the_plan_is_kept(site_with_missing_file: Site) -> None:
    with planned(site_with_missing_file.missing()) as made:
        site_with_missing_file.database.run("UPDATE photo SET uploaded_at = '2999-01-01 00:00:00+00:00'")
        outcome = made.apply()
    assert [kept.code for kept in outcome.kept.items] == [Code.CHANGED]
    assert ids(site_with_missing_file, "photo") == [1, 2]


@pytest.mark.promise(3)
def test_a_young_row_makes_a_path_a_shared_one(site_with_missing_file: Site) -> None:
    site_with_missing_file.insert("p/gone.jpg", hours=0)
    plan, _outcome = run(site_with_missing_file.missing())
    assert [kept.code for kept in plan.kept.items] == [Code.SHARED_PATH] * 2


@pytest.mark.promise(3)
@pytest.mark.parametrize(
    ("column", "kind", "has_age"),
    [
        ("date_joined", "timestamp", True),
        ("created", "date", True),
        ("created", "varchar(30)", False),
        ("taken", "timestamp", False),
    ],
)
def test_the_time_column_is_found_by_its_usual_name_and_type(
    site_with_missing_file: Site, column: str, kind: str, has_age: bool
) -> None:
    site_with_missing_file.database.run(
        f"ALTER TABLE photo RENAME uploaded_at TO was; ALTER TABLE photo ADD COLUMN {column} {kind};"
        f"UPDATE photo SET {column} = CURRENT_TIMESTAMP"
    )
    job = site_with_missing_file.missing()
    plan, _outcome = run(job, check=True)
    assert found(plan) == ([] if has_age else [b"p/gone.jpg"])
    assert (NO_AGE in "\n".join(words.summary(describe(job, plan, None), False))) == (not has_age)
    named, _outcome = run(site_with_missing_file.missing(uploaded_at_column="was"), check=True)
    assert found(named) == [b"p/gone.jpg"]


def test_a_time_column_that_is_named_must_be_there(sqlite_with_missing_file: Site) -> None:
    with pytest.raises(SiteError, match="has no column 'made'"):
        run(sqlite_with_missing_file.missing(uploaded_at_column="made"))


def test_a_time_column_that_is_named_must_be_able_to_hold_a_time(site_with_missing_file: Site) -> None:
    site_with_missing_file.database.run("ALTER TABLE photo ADD COLUMN size integer")
    for job in (site_with_missing_file.missing, site_with_missing_file.incomplete):
        with pytest.raises(SiteError, match=r"photo.size has the type \w+, which is no point in time"):
            run(job(uploaded_at_column="size"))


@pytest.mark.parametrize("hours", [10**6, 10**9, 10**30])
def test_an_age_limit_longer_than_there_are_dates_keeps_all_rows(
    site_with_missing_file: Site, hours: int
) -> None:
    for job in (site_with_missing_file.missing, site_with_missing_file.incomplete):
        plan, _outcome = run(job(older_than_hours=hours), check=True)
        assert (found(plan), guards(plan)) == ([], [])


def test_rows_without_an_age_cannot_be_incomplete(sqlite_with_missing_file: Site) -> None:
    sqlite_with_missing_file.database.run("ALTER TABLE photo RENAME uploaded_at TO was")
    with pytest.raises(SiteError, match="Set uploaded_at_column"):
        run(sqlite_with_missing_file.incomplete())
    plan, _outcome = run(sqlite_with_missing_file.incomplete(uploaded_at_column="was"), check=True)
    assert (len(plan.items), guards(plan)) == (2, [])
