# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What looks wrong is refused, can be looked at all the same, and goes once somebody lifts the guard."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Callable

import pytest

from engine.report import words as report
from helpers.builders import rules_by_null
from helpers.clock import let_clock_tick
from helpers.full_sites import FullSite
from helpers.modules import ORPHANS, RECORDS, run_module
from helpers.mounts import tmpfs

pytestmark = pytest.mark.promise("guards")

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a mount needs root")

COLUMNS = [{"table": "photo", "column": "image"}, {"table": "photo", "column": "thumb"}]


@pytest.fixture
def full_site(sqlite_full_site: FullSite) -> FullSite:
    """On SQLite alone: the database does not matter here."""
    return sqlite_full_site


def nothing(_full_site: FullSite) -> None:
    """It looks wrong as it is."""


def one_directory_would_go(full_site: FullSite) -> None:
    """A tenth of all, and nearly all of one directory."""
    for number in range(200):
        full_site.photo(1000 + number, f"photos/{number}.jpg", content_type_id=7)
    full_site.write(*(f"thumbs/{number}.jpg" for number in range(12)))


def nothing_is_named_in_one_directory(full_site: FullSite) -> None:
    full_site.write(*(f"extra/{number}.jpg" for number in range(10)))


def one_directory_is_gone(full_site: FullSite) -> None:
    """As when one disk of several is not mounted: few of all rows are missing their files."""
    for number in range(200):
        full_site.photo(1000 + number, f"photos/{number % 20}/{number}.jpg", content_type_id=7)
    shutil.rmtree(full_site.media / "photos" / "7")


def one_directory_is_empty(full_site: FullSite) -> None:
    one_directory_is_gone(full_site)
    (full_site.media / "photos" / "7").mkdir()


def all_is_gone(full_site: FullSite) -> None:
    for inside in list(full_site.media.iterdir()):
        shutil.rmtree(inside)


def all_is_one_level_deeper(full_site: FullSite) -> None:
    (full_site.media / "uploads").mkdir()
    for name in ("photos", "thumbs"):
        os.rename(full_site.media / name, full_site.media / "uploads" / name)


def the_media_lay_elsewhere(full_site: FullSite) -> None:
    full_site.run("orphans")
    [batch] = full_site.batches()
    manifest = full_site.quarantine / batch / "manifest.jsonl"
    header, *lines = manifest.read_text().splitlines(keepends=True)
    told = json.loads(header)
    assert told["file_system"]
    manifest.write_text(json.dumps({**told, "file_system": told["file_system"] + 1}) + "\n" + "".join(lines))
    full_site.write("photos/new orphan.jpg")


# The guard, the job, what makes it look wrong, and what lifts the guard.
CASES: dict[str, tuple[str, str, Callable[[FullSite], None], dict[str, Any], dict[str, Any]]] = {
    "share of the files": (
        *("max_removal_percent", "orphans", nothing),
        *({"max_removal_percent": 5}, {"max_removal_percent": 100}),
    ),
    "share of the rows that lost their file": (
        *("max_removal_percent", "missing", nothing),
        *({"max_removal_percent": 5}, {"max_removal_percent": 100}),
    ),
    "share of the rows that were never attached": (
        *("max_removal_percent", "incomplete", nothing),
        *({"max_removal_percent": 5}, {"max_removal_percent": 100}),
    ),
    "share of a directory": (
        *("max_removal_percent", "orphans", one_directory_would_go),
        *({"max_removal_percent": 50}, {"max_removal_percent": 100}),
    ),
    "a directory that is gone": (
        *("max_removal_percent", "missing", one_directory_is_gone),
        *({"max_removal_percent": 50}, {"max_removal_percent": 100}),
    ),
    "a directory that is empty": (
        *("max_removal_percent", "missing", one_directory_is_empty),
        *({"max_removal_percent": 99}, {"max_removal_percent": 100}),
    ),
    "no references": (
        *("no_references", "orphans", nothing_is_named_in_one_directory),
        *({"directories": ["photos", "extra"]}, {"accept": ["no_references"]}),
    ),
    "empty media root": (
        *("empty_media_root", "missing", all_is_gone),
        *({}, {"accept": ["empty_media_root"]}),
    ),
    "a prefix is missing": (
        *("path_mismatch", "missing", all_is_one_level_deeper),
        *({}, {"accept": ["path_mismatch"]}),
    ),
    "another file system": (
        *("other_file_system", "orphans", the_media_lay_elsewhere),
        *({}, {"accept": ["other_file_system"]}),
    ),
    "another file system, for rows": (
        *("other_file_system", "missing", the_media_lay_elsewhere),
        *({}, {"accept": ["other_file_system"]}),
    ),
    "no marker": ("marker", "orphans", nothing, {"marker": "photos/.here"}, {"marker": None}),
    "no marker, for rows": ("marker", "incomplete", nothing, {"marker": "photos/.here"}, {"marker": None}),
    "a wide cascade": (
        *("max_dependents", "incomplete", nothing),
        *({"max_dependents": 0}, {"max_dependents": 10}),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_looks_wrong_stays_and_is_shown_until_somebody_lifts_the_guard(full_site: FullSite, case: str):
    guard, job, prepare, options, lifted = CASES[case]
    options = {"include_likely_moves": True, **options}
    prepare(full_site)
    let_clock_tick()
    before = full_site.state()

    plan, outcome = full_site.run(job, check=True, **options)
    assert outcome is None
    assert [refusal.guard for refusal in plan.refusals] == [guard]
    # The list can be looked at, and the refusal names what lifts it.
    assert len(plan.items) > 0
    assert next(iter(lifted)) in plan.refusals[0].lifted_by
    assert plan.refusals[0].lifted_by in plan.refusals[0].message
    assert plan.refusals[0].message in report.warnings(plan, with_refusals=True)

    plan, outcome = full_site.run(job, **options)
    assert outcome is None
    assert [refusal.guard for refusal in plan.refusals] == [guard]
    assert full_site.state() == before

    plan, outcome = full_site.run(job, **{**options, **lifted})
    assert plan.refusals == []
    assert outcome.removed.files + outcome.removed.records > 0


@pytest.mark.parametrize("left", ["one file", "nine rows"])
def test_a_directory_that_lost_some_files_is_no_reason_to_stop(full_site: FullSite, left: str):
    one_directory_is_gone(full_site)
    if left == "one file":
        full_site.write("photos/7/7.jpg")
    else:
        full_site.database.run("DELETE FROM photo WHERE image = 'photos/7/7.jpg'")
    let_clock_tick()
    plan, outcome = full_site.run("missing", max_removal_percent=50)
    assert plan.refusals == []
    # Two more were lost all along.
    assert outcome.removed.records == 9 + 2


def test_a_guard_is_a_warning_in_check_mode_and_a_failure_otherwise(full_site: FullSite):
    let_clock_tick()
    before = full_site.state()
    both = {**full_site.options, "max_removal_percent": 5}
    for task in (
        {ORPHANS: {**both, "directories": ["photos", "thumbs"], "references": COLUMNS}},
        {
            RECORDS: {
                **{name: value for name, value in both.items() if name != "exclude"},
                "table": "photo",
                "file_column": "image",
                "dependents": rules_by_null(full_site.database),
            }
        },
    ):
        checked, applied = run_module(task, check=True), run_module(task)
        assert (checked["failed"], checked["changed"], applied["failed"]) == (False, False, True)
        [refusal] = checked["refused"]
        assert refusal["guard"] == "max_removal_percent"
        assert refusal["message"] in json.dumps(checked["warnings"], ensure_ascii=False)
        assert applied["msg"] == refusal["message"]
        assert checked.get("orphans") or checked.get("records")
    assert full_site.state() == before


@needs_root
def test_media_that_lie_on_another_disk_by_now_are_told(full_site: FullSite, tmp_path: Path):
    full_site.run("orphans")
    copy = tmp_path / "copy"
    shutil.copytree(full_site.media, copy)
    with tmpfs(full_site.media):
        shutil.copytree(copy, full_site.media, dirs_exist_ok=True)
        full_site.write("photos/new orphan.jpg")
        let_clock_tick()
        plan, outcome = full_site.run("orphans", include_likely_moves=True)
        assert [refusal.guard for refusal in plan.refusals] == ["other_media", "other_file_system"]
        assert outcome is None
        accept = ["other_file_system", "other_media"]
        plan, outcome = full_site.run("orphans", include_likely_moves=True, accept=accept)
        assert outcome.removed.files == 1
        # From now on, that is where it lies.
        full_site.write("photos/new orphan.jpg")
        let_clock_tick()
        plan, outcome = full_site.run("orphans", include_likely_moves=True)
        assert plan.refusals == []
