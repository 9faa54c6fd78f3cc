# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Files that are younger than the age limit, in the jobs that delete rows."""

from __future__ import annotations

from typing import Any

import pytest

from engine.kept import Code
from helpers.builders import Site, found, planned, reasons, run

IMAGEKIT = "CACHE/images/{dir}/{stem}/*"


def _job(site: Site, job: str, **options: Any) -> Any:
    """A job that takes ``t/a.jpg``, a companion, with its record."""
    if job == "incomplete":
        site.media.write("p/a.jpg")
    site.insert("p/a.jpg", thumbnail="t/a.jpg")
    jobs = {"incomplete": site.incomplete, "missing": site.missing}
    return jobs[job](companion_columns=["thumbnail"], **options)


@pytest.mark.promise(3)
@pytest.mark.parametrize("job", ["incomplete", "missing"])
@pytest.mark.parametrize(("hours", "is_young"), [(0, True), (23.9, True), (-5, True), (24.1, False)])
def test_a_record_with_a_young_file_is_kept_with_all_its_files(
    site: Site, job: str, hours: float, is_young: bool
) -> None:
    made = _job(site, job)
    site.media.write("t/a.jpg", hours=hours)
    before = site.media.files
    plan, _outcome = run(made)
    assert found(plan) == [] if is_young else found(plan) == [b"p/a.jpg"]
    assert site.images == ["p/a.jpg"] * is_young
    assert site.media.files == (before if is_young else set())
    if is_young:
        [kept] = plan.kept.items
        assert (kept.name, kept.code) == (b"p/a.jpg", Code.YOUNG)
        assert kept.reason == "its file 't/a.jpg' is younger than 24 h"


@pytest.mark.promise(3)
def test_the_file_of_a_record_is_young_by_its_newest_time_stamp(site: Site) -> None:
    """A file that was copied or restored a minute ago often has an old mtime."""
    site.media.write("p/a.jpg", hours=1000)
    site.insert("p/a.jpg")
    plan, _outcome = run(site.incomplete(age_stamp="newest"))
    assert (found(plan), site.images, site.media.files) == ([], ["p/a.jpg"], {b"p/a.jpg"})


@pytest.mark.promise(2)
@pytest.mark.promise(3)
@pytest.mark.parametrize("job", ["incomplete", "missing"])
def test_a_file_that_is_written_after_the_plan_keeps_its_record(site: Site, job: str) -> None:
    with planned(_job(site, job)) as made:
        assert found(made.plan) == [b"p/a.jpg"]
        site.media.write("t/a.jpg", hours=0)
        outcome = made.apply()
    assert Code.YOUNG in {kept.code for kept in outcome.kept.items if kept.name == b"p/a.jpg"}
    assert site.images == ["p/a.jpg"]
    assert b"t/a.jpg" in site.media.files
    assert (b"p/a.jpg" in site.media.files) == (job == "incomplete")


@pytest.mark.promise(3)
def test_a_young_derived_file_is_kept(site: Site) -> None:
    site.media.write("p/a.jpg")
    site.media.write("CACHE/images/p/a/1.jpg", hours=0)
    site.insert("p/a.jpg")
    plan, _outcome = run(site.incomplete(derived=[IMAGEKIT]))
    assert reasons(plan.kept) == {b"CACHE/images/p/a/1.jpg": "it is younger than 24 h"}
    assert site.media.files == {b"CACHE/images/p/a/1.jpg"}
