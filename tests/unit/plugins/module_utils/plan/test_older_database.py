# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A database that does not know the newest uploads: many orphans are newer than all that it references."""

from __future__ import annotations

import os

import pytest

from engine.compare.older_database import OlderDatabase
from helpers.builders import Site, guards, run

pytestmark = pytest.mark.promise("guards")


def numbered(count: int, name: str = "new") -> list[str]:
    return [f"p/{name}{number}.jpg" for number in range(count)]


@pytest.fixture
def older(site: Site) -> Site:
    """A site with the database of last month: it does not know ten photos of since then."""
    site.media.write("p/first.jpg", "p/last.jpg", hours=720)
    site.insert("p/first.jpg", "p/last.jpg")
    site.media.write(*numbered(10))
    return site


def test_a_database_of_last_month_removes_nothing_of_what_was_uploaded_since(older: Site) -> None:
    for check in (True, False):
        plan, outcome = run(older.orphans(accept=["no_references"]), check)
        assert (guards(plan), outcome) == (["older_database"], None)
    assert "10 of the files that would be removed are newer than every file" in plan.refusals[0].message
    assert plan.refusals[0].lifted_by == "accept: [older_database]"
    plan, outcome = run(older.orphans(accept=["older_database"]))
    assert (guards(plan), outcome.removed.files) == ([], 10)


def test_the_message_says_how_many_are_newer_and_than_what(older: Site) -> None:
    older.media.write(*numbered(5, "old"), hours=200_000)
    older.media.write(*numbered(3, "more"))
    os.unlink(older.media.path("p/first.jpg"))
    os.utime(older.media.path("p/last.jpg"), (1_200_000_000, 1_200_000_000))
    # Within the margin.
    older.media.write("p/near.jpg")
    os.utime(older.media.path("p/near.jpg"), (1_200_001_800, 1_200_001_800))
    [refusal] = run(older.orphans(accept=[]), check=True)[0].refusals
    assert refusal.message.startswith("13 of the files")
    assert "2008-01-10T21:20:00Z" in refusal.message


def test_the_last_forms_of_a_quiet_site_may_all_be_abandoned(older: Site) -> None:
    os.unlink(older.media.path("p/new0.jpg"))
    plan, outcome = run(older.orphans(accept=[]))
    assert (guards(plan), outcome.removed.files) == ([], 9)


@pytest.mark.parametrize("hours", [48, 48.5, 1])
def test_one_reference_to_a_file_as_new_shows_that_the_database_is_the_live_one(
    older: Site, hours: float
) -> None:
    """The row has the smallest key: it is found among all references."""
    older.media.write("p/live.jpg", hours=hours)
    for number in range(200):
        older.insert("p/first.jpg", id=1000 + number)
    older.insert("p/live.jpg", id=0)
    plan, outcome = run(older.orphans(accept=[]))
    assert (guards(plan), outcome.removed.files) == ([], 10)


@pytest.mark.parametrize("value", ["/media/p/live.jpg", "p//live.jpg", "linked/live.jpg"])
def test_a_reference_in_another_spelling_or_over_a_link_counts(older: Site, value: str) -> None:
    older.media.write("p/live.jpg", hours=1)
    older.media.link("linked", "p")
    older.insert(value)
    assert guards(run(older.orphans(accept=[]), check=True)[0]) == []


def test_a_file_that_a_text_mentions_counts(older: Site) -> None:
    older.media.write("p/live.jpg")
    older.database.run("CREATE TABLE news (id integer PRIMARY KEY, body text)")
    older.database.insert("news", [{"id": 1, "body": "<img src='/media/p/live.jpg'>"}])
    assert guards(run(older.orphans(accept=[]), check=True)[0]) == []


def test_references_without_any_file_say_nothing_of_the_time(site: Site) -> None:
    site.insert("p/gone.jpg")
    site.media.write(*numbered(10))
    assert guards(run(site.orphans(accept=["no_references"]), check=True)[0]) == []


def test_files_that_were_copied_without_their_times_are_as_new_as_each_other(site: Site) -> None:
    site.media.write("p/copied first.jpg", hours=48.9)
    site.insert("p/copied first.jpg")
    site.media.write(*numbered(10))
    assert guards(run(site.orphans(accept=[]), check=True)[0]) == []


def test_the_newest_rows_are_asked_for_first(older: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the newest row has a new file, the references are not read once more."""
    older.media.write("p/live.jpg", hours=1)
    older.insert("p/live.jpg")
    read = []
    file_of = OlderDatabase._file_of
    monkeypatch.setattr(
        OlderDatabase, "_file_of", lambda check, value: read.append(value) or file_of(check, value)
    )
    assert guards(run(older.orphans(accept=[]), check=True)[0]) == []
    assert read == [b"p/live.jpg"]
