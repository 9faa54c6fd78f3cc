# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What nobody reviewed is removed only if an earlier scan, long enough before, had found it too."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from engine.errors import StateError
from engine.kept import Code
from engine.quarantine.state import finds
from engine.quarantine.state.finds import EarlierFinds, Finds
from engine.quarantine.state.site_state import State
from helpers.builders import Site, found, guards, ids, run

pytestmark = pytest.mark.promise(3)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let hours pass."""
    real, passed = time.time, [0.0]
    monkeypatch.setattr("engine.plan.planner.time.time", lambda: real() + passed[0] * 3600)

    def pass_by(hours: float) -> None:
        passed[0] += hours

    return pass_by


def codes(plan: Any) -> list[Code]:
    return [kept.code for kept in plan.kept.items]


def test_rows_without_an_age_are_removed_by_the_second_scan(site_with_missing_file: Site, later: Any) -> None:
    site_with_missing_file.database.run("ALTER TABLE photo RENAME uploaded_at TO was")
    job = site_with_missing_file.missing(confirm_scans=None)
    for hours in (0, 1, 22.9):
        later(hours)
        plan, outcome = run(job)
        assert (found(plan), codes(plan), outcome.error) == ([], [Code.NOT_CONFIRMED], "")
    later(0.2)
    plan, _outcome = run(job)
    assert (found(plan), codes(plan)) == ([b"p/gone.jpg"], [])
    assert ids(site_with_missing_file, "photo") == [1]


@pytest.mark.promise(7)
def test_a_reviewed_plan_needs_no_confirmation(sqlite_with_missing_file: Site) -> None:
    sqlite_with_missing_file.database.run("ALTER TABLE photo RENAME uploaded_at TO was")
    plan, _outcome = run(sqlite_with_missing_file.missing(confirm_scans=None), check=True)
    assert found(plan) == [b"p/gone.jpg"]
    assert "without a review, 1 item of these would be kept until a later scan confirms them" in plan.warnings
    unseen, _outcome = run(
        sqlite_with_missing_file.missing(confirm_scans=None, reviewed=False), approved=plan.token
    )
    assert codes(unseen) == [Code.NOT_CONFIRMED]
    run(sqlite_with_missing_file.missing(confirm_scans=None), approved=plan.token)
    assert ids(sqlite_with_missing_file, "photo") == [1]


@pytest.mark.parametrize("job", ["orphans", "missing", "incomplete"])
def test_each_job_waits_where_the_user_says_so(sqlite_site: Site, later: Any, job: str) -> None:
    sqlite_site.media.write("p/lost.jpg", "p/there.jpg")
    sqlite_site.insert("p/gone.jpg")
    sqlite_site.insert("p/there.jpg", content_type_id=1)
    options: dict[str, Any] = {"confirm_scans": 3, "confirm_after_hours": 2}
    job_of_site = getattr(sqlite_site, job)(**options)
    before = sqlite_site.media.untouched, sqlite_site.images
    for _scan in range(2):
        plan, _outcome = run(job_of_site)
        assert codes(plan) == [Code.NOT_CONFIRMED]
        assert (sqlite_site.media.untouched, sqlite_site.images) == before
        later(1)
    plan, outcome = run(job_of_site)
    assert (codes(plan), outcome.removed.files + outcome.removed.records) == ([], 1)


def test_what_was_back_in_between_or_is_another_one_begins_anew(sqlite_site: Site, later: Any) -> None:
    sqlite_site.media.write("p/back.jpg", "p/other.jpg", "p/there.jpg")
    sqlite_site.insert("p/there.jpg")
    job = sqlite_site.orphans(confirm_scans=2)
    run(job)
    later(25)
    sqlite_site.insert("p/back.jpg")
    sqlite_site.media.write("p/other.jpg", content=b"another picture")
    plan, _outcome = run(job)
    assert codes(plan) == [Code.NOT_CONFIRMED]
    sqlite_site.database.run("DELETE FROM photo WHERE image = 'p/back.jpg'")
    later(25)
    plan, _outcome = run(job)
    assert (found(plan), codes(plan)) == ([b"p/other.jpg"], [Code.NOT_CONFIRMED])


@pytest.mark.promise(6)
@pytest.mark.promise("guards")
def test_scans_in_check_mode_and_refused_ones_do_not_count(sqlite_site: Site, later: Any) -> None:
    sqlite_site.media.write("p/lost.jpg", "p/there.jpg")
    sqlite_site.insert("p/there.jpg")
    run(sqlite_site.orphans(confirm_scans=2), check=True)
    plan, _outcome = run(sqlite_site.orphans(confirm_scans=2, marker="mounted"))
    assert guards(plan) == ["marker"]
    later(25)
    plan, _outcome = run(sqlite_site.orphans(confirm_scans=2))
    assert codes(plan) == [Code.NOT_CONFIRMED]


def test_a_clock_that_goes_back_confirms_nothing(sqlite_site: Site, later: Any) -> None:
    sqlite_site.media.write("p/lost.jpg", hours=500)
    for _scan in range(2):
        plan, _outcome = run(sqlite_site.orphans(confirm_scans=2))
        assert codes(plan) == [Code.NOT_CONFIRMED]
        later(-48)


# The file.


@pytest.fixture
def state(sqlite_site: Site, tmp_path: Path) -> State:
    return State(sqlite_site.orphans(state_directory=str(tmp_path / "state")).site, writes=True)


def test_finds_are_known_again_by_their_digest(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finds, "_IN_MEMORY", 10)
    digests = [finds.digest_of(b"%d" % number, b"") for number in range(100)]
    for scan in range(2):
        this = Finds(1000.0 + scan)
        for digest in digests[scan:] + digests[scan:]:
            this.add(digest)
        earlier = EarlierFinds(state, "job")
        earlier.replace(this)
        earlier.close()
    earlier = EarlierFinds(state, "job")
    assert [earlier.of(digest) for digest in digests] == [None, *[(1000.0, 2)] * 99]
    assert EarlierFinds(state, "another job").of(digests[1]) is None
    earlier.close()


def test_a_name_and_an_identity_are_told_apart() -> None:
    assert finds.digest_of(b"ab", b"c") != finds.digest_of(b"a", b"bc")


@pytest.mark.promise(11)
def test_no_more_than_so_many_finds_are_kept(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finds, "MOST", 10)
    digests = sorted(finds.digest_of(b"%d" % number, b"") for number in range(30))
    this = Finds(1000.0)
    for digest in digests:
        this.add(digest)
    EarlierFinds(state, "job").replace(this)
    earlier = EarlierFinds(state, "job")
    assert [digest for digest in digests if earlier.of(digest)] == digests[:10]
    earlier.close()


@pytest.mark.parametrize("content", [b"", b"nothing of ours", b"media-cleanup finds 1\nhalf an entry"])
def test_a_damaged_file_is_an_error(state: State, tmp_path: Path, content: bytes) -> None:
    EarlierFinds(state, "job").replace(Finds(1000.0))
    [file] = (tmp_path / "state").glob("*.finds-*")
    file.write_bytes(content)
    with pytest.raises(StateError, match="is damaged: it holds no finds"):
        EarlierFinds(state, "job")
