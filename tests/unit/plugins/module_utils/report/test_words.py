# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import json
import re
from typing import Any, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.answers import RESULT
from engine.apply.outcome import Outcome
from engine.apply.remover import PermanentRemover
from engine.config.jobs import orphans_job, records_job
from engine.config.site import OrphansJob, RecordsJob
from engine.database.catalog import Selection, Table
from engine.kept import Code, Kept
from engine.media.local import FileState
from engine.plan.plan import Plan, PlannedFile, planned_files
from engine.plan.records import (
    Record,
    RecordsPlan,
)
from engine.report import data, words
from engine.report.describe import describe
from engine.text import age, escaped_value
from helpers.options import or_for_good

SECRET = "hunter2-correct-horse"
MOMENT = 1_763_722_800.0
STATE = FileState("file", 1, 2, 1234, int((MOMENT - 3 * 86400) * 1e9), int((MOMENT - 3 * 86400) * 1e9))
BASICS = {"name": "kit", "database_url": f"postgresql://kit:{SECRET}@db/kit", "media_root": "/srv/media"}


def the_orphans_job(**options: Any) -> OrphansJob:
    references = [{"table": "photo", "column": "image"}]
    return orphans_job(
        {**BASICS, "directories": ["photos"], "references": references, **or_for_good(options)}
    )


def the_records_job(**options: Any) -> RecordsJob:
    return records_job({**BASICS, "table": "photo", "file_column": "image", **or_for_good(options)})


def orphans_plan(*paths: bytes, job: OrphansJob | None = None) -> Plan:
    job = job or the_orphans_job()
    plan = Plan("orphans", "scope", MOMENT, planned_files(PlannedFile), job.site.max_listed)
    for path in paths:
        plan.items.append(PlannedFile(path, STATE))
    plan.examined = {"files": 10, "referenced": 8, "references": 9, "derived": 0}
    plan.found.files, plan.found.bytes = len(paths), 1234 * len(paths)
    for item in plan.items:
        plan.count_in(item.item())
    plan.seal()
    return plan


SELECTION = Selection(Table("public", "photo", {}, ("id",), True), "image", uploaded_at_column="created")


def records_plan(*records: Record, job: RecordsJob | None = None) -> RecordsPlan:
    job = job or the_records_job()
    plan = RecordsPlan(job, "scope", MOMENT, SELECTION)
    for record in records:
        plan.items.append(record)
        plan.labels[record.owner or "(none)"] += 1
    plan.examined = {"records": 10}
    plan.found.records = len(records)
    for item in plan.items:
        plan.count_in(item.item())
    plan.seal()
    return plan


def record(number: int = 1, path: bytes | None = b"photos/a.jpg", owner: str | None = "Summer") -> Record:
    return Record((number,), path, (b"thumbs/a.jpg", None), owner)


def outcome_of(plan: Plan, limit: int = 100) -> Outcome:
    """What became of a plan of which all went."""
    outcome = Outcome(limit, PermanentRemover())
    for item in plan.items:
        outcome.removed_items.add(item)
    outcome.removed.files, outcome.removed.records = plan.found.files, plan.found.records
    return outcome


def result(plan: Plan, job: Any, outcome: Outcome | None = None, **more: Any) -> dict[str, Any]:
    options = {"verbose": False, "with_diff": False, **more}
    return data.result(describe(job, plan, outcome), **options)


def texts(value: Any) -> Iterator[str]:
    """Every text in a result, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, held in value.items():
            yield from texts(key)
            yield from texts(held)
    elif isinstance(value, list):
        for held in value:
            yield from texts(held)


@pytest.mark.parametrize("kind", ["orphans", "records"])
def test_the_keys_are_the_same_whatever_happened(kind: str) -> None:
    job: Any = the_orphans_job() if kind == "orphans" else the_records_job()
    full = orphans_plan(b"photos/a") if kind == "orphans" else records_plan(record())
    empty = orphans_plan() if kind == "orphans" else records_plan()
    refused = orphans_plan(b"photos/a") if kind == "orphans" else records_plan(record())
    refused.refuse("partial", "because")
    keys = [
        result(full, job).keys(),
        result(empty, job).keys(),
        result(refused, job).keys(),
        result(full, job, outcome_of(full)).keys(),
        result(empty, job, outcome_of(empty)).keys(),
        result(full, job, verbose=True).keys(),
        result(full, job, with_diff=True).keys() - {"diff"},
        result(full, job, outcome_of(full), with_diff=True).keys() - {"diff"},
    ]
    assert [set(found) ^ set(keys[0]) for found in keys] == [set()] * len(keys)
    assert ("records" if kind == "records" else "orphans") in keys[0]
    # A site's process may send no other ones.
    assert [key for key, value in result(full, job).items() if not RESULT[key](value)] == []


def test_a_check_run_is_changed_where_something_would_go() -> None:
    job = the_orphans_job()
    assert result(orphans_plan(b"photos/a"), job)["changed"] is True
    assert result(orphans_plan(), job)["changed"] is False
    assert result(records_plan(record()), the_records_job())["changed"] is True


def test_a_refused_plan_changes_nothing() -> None:
    plan = orphans_plan(b"photos/a")
    plan.refuse("partial", "the disk")
    told = result(plan, the_orphans_job())
    assert told["changed"] is False
    assert told["refused"] == [{"guard": "partial", "message": "the disk", "lifted_by": ""}]
    assert "(refused)" in told["summary"]


def test_an_applied_run_is_changed_only_by_what_really_went() -> None:
    plan, job = orphans_plan(b"photos/a"), the_orphans_job()
    assert result(plan, job, Outcome(100, PermanentRemover()))["changed"] is False
    assert result(plan, job, outcome_of(plan))["changed"] is True


def test_an_orphan_is_told_with_its_size_and_age() -> None:
    told = result(orphans_plan(b"photos/a b.jpg"), the_orphans_job())
    assert told["orphans"] == [{"path": "photos/a b.jpg", "bytes": 1234, "modified": "2025-11-18T11:00:00Z"}]
    assert re.search(r"photos/a b.jpg +1,234 bytes   3 d old", told["summary"])
    assert told["found"] == {"records": 0, "files": 1, "bytes": 1234}


def test_a_record_is_told_with_its_key_companions_and_owner() -> None:
    plan = records_plan(record(17), Record((1, "x"), None, (), None))
    told = result(plan, the_records_job(label="album_id.title"))
    assert told["records"] == [
        {"key": "17", "path": "photos/a.jpg", "companions": ["thumbs/a.jpg"], "label": "Summer"},
        {"key": "1, x", "path": "", "companions": [], "label": None},
    ]
    assert "(no file)" in told["summary"]
    assert "Summer 1, (none) 1" in told["summary"]


@pytest.mark.promise(11)
@pytest.mark.parametrize("limit", [0, 1, 3, 5, 6])
@pytest.mark.parametrize("applied", [False, True])
def test_lists_are_bounded_and_say_so(limit: int, applied: bool) -> None:
    job = the_orphans_job(max_listed=limit)
    plan = orphans_plan(*[b"photos/%d" % number for number in range(5)], job=job)
    told = result(plan, job, outcome_of(plan, limit) if applied else None, with_diff=True, verbose=True)
    assert len(told["orphans"]) == min(limit, 5)
    assert told["truncated"] == (limit < 5)
    lines = told["diff"]["before"].splitlines()
    assert len([line for line in lines if line.startswith("photos/")]) == min(limit, 5)
    assert (f"… and {5 - limit} more" in lines) == (limit < 5)
    assert (f"… and {5 - limit} more" in told["summary"]) == (limit < 5)


@pytest.mark.promise(11)
@pytest.mark.parametrize("limit", [0, 1, 2, 3])
def test_what_was_left_alone_is_bounded_and_counted(limit: int) -> None:
    job = the_orphans_job(max_listed=limit)
    plan = orphans_plan(job=job)
    outcome = outcome_of(plan, limit)
    plan.keep(b"a", Code.CHANGED, "first")
    plan.keep(b"b", Code.CHANGED, "second")
    outcome.keep(b"c", Code.CHANGED, "third")
    told = result(plan, job, outcome)
    assert [entry["name"] for entry in told["left_alone"]] == ["a", "b", "c"][:limit]
    assert told["left_alone_total"] == 3
    assert told["truncated"] == (limit < 3)


@pytest.mark.promise(11)
@pytest.mark.parametrize("what", ["not_removed", "labels"])
def test_each_list_that_is_cut_short_counts_as_truncated(what: str) -> None:
    job = the_records_job(max_listed=1, label="album_id.title")
    plan = records_plan(job=job)
    outcome = outcome_of(plan, 1)
    if what == "labels":
        plan.labels.update(["a", "b"])
    else:
        for name in (b"a", b"b"):
            outcome.failed.add(Kept(name, Code.NOT_REMOVABLE, "Permission denied"))
    told = result(plan, job, outcome)
    assert len(told["not_removed"]) <= 1
    assert told["truncated"] is True


@pytest.mark.promise(11)
def test_labels_beyond_the_bound_are_counted_together() -> None:
    job = the_records_job(max_listed=2, label="album_id.title")
    owners = ["a"] * 3 + ["b"] * 2 + ["c", "d"]
    plan = records_plan(*[record(number, owner=owner) for number, owner in enumerate(owners)], job=job)
    assert result(plan, job)["labels"] == {"a": 3, "b": 2, "(others)": 2}


def test_a_summary_shows_a_sample_unless_all_is_asked_for() -> None:
    plan, job = orphans_plan(*[b"photos/%02d" % number for number in range(12)]), the_orphans_job()
    short, long = (result(plan, job, verbose=verbose)["summary"] for verbose in (False, True))
    assert (short.count("photos/"), long.count("photos/")) == (10, 12)
    assert "… and 2 more" in short
    assert "more" not in long


def test_what_is_said_of_items_stands_in_columns() -> None:
    plan = records_plan(record(9), record(10, b"a.jpg"), record(11, owner=None))
    lines = result(plan, the_records_job())["summary"].splitlines()
    assert [line for line in lines if ".jpg " in line] == [
        "    photos/a.jpg  row 9    Summer",
        "    a.jpg         row 10   Summer",
        "    photos/a.jpg  row 11",
    ]


@pytest.mark.promise(8)
@given(
    st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=5), st.binary(), st.binary(max_size=30)
)
def test_any_bytes_come_out_as_utf8_on_their_own_line(
    paths: list[bytes], companion: bytes, owner: bytes
) -> None:
    plan = orphans_plan(*paths)
    records = [Record((b"\xff", number), path, (companion,), None) for number, path in enumerate(paths)]
    label = escaped_value(owner.decode("utf-8", "surrogateescape"))
    rows = records_plan(*[record._replace(owner=label) for record in records])
    for made, job, lines_of_headings in ((plan, the_orphans_job(), 4), (rows, the_records_job(), 3)):
        for name in paths:
            made.keep(name, Code.CHANGED, "because")
        told = result(made, job, with_diff=True, verbose=True)
        json.dumps(told, ensure_ascii=False).encode()
        for text in texts({key: told[key] for key in told if key not in ("summary", "diff")}):
            assert len(text.splitlines()) <= 1
        assert len(told["summary"].splitlines()) == lines_of_headings + 1 + 2 * len(paths)
        assert len(told["diff"]["before"].splitlines()) == len(paths)
        assert [warning.splitlines() for warning in words.warnings(made, True) if "\n" in warning] == []


def test_a_site_without_a_name_may_have_any_media_root() -> None:
    job = the_orphans_job(name=None, media_root="/srv/\udcff\n")
    told = result(orphans_plan(b"a", job=job), job, with_diff=True)
    json.dumps(told, ensure_ascii=False).encode()
    assert told["summary"].splitlines()[0].endswith("orphans (dry run)")


@pytest.mark.promise(12)
def test_no_secret_of_the_site_shows() -> None:
    plan, job = orphans_plan(b"a"), the_orphans_job()
    plan.refuse("partial", "because")
    told = result(plan, job, outcome_of(plan), with_diff=True, verbose=True)
    assert [text for text in texts(told) if SECRET in text] == []


def test_a_diff_shows_lines_that_disappear() -> None:
    diff = result(records_plan(record(3)), the_records_job(), with_diff=True)["diff"]
    assert diff == {
        "before_header": "kit missing",
        "after_header": "kit missing, deleted for good",
        "before": "photo 3: photos/a.jpg (Summer)\n",
        "after": "",
    }


def test_a_diff_and_a_question_show_dependent_rows_by_table_and_whether_there_is_a_quarantine() -> None:
    plan, job = records_plan(record(3)), the_records_job(quarantine="/srv/kept")
    plan.dependents = {"shop.order": {"deleted": 1, "updated": 3}, "favorite": {"deleted": 2, "updated": 0}}
    diff = result(plan, job, with_diff=True)["diff"]
    assert diff["before"].splitlines()[1:] == [
        "dependent rows: favorite 2 rows deleted",
        "dependent rows: shop.order 1 row deleted, 3 rows updated",
    ]
    assert diff["after_header"] == "kit missing, moved into quarantine"
    assert words.removal(describe(job, plan, None)) == (
        "kit · missing · photo: 1 row of photo; 0 files, 0 bytes; dependent rows: favorite 2 rows deleted, "
        "shop.order 1 row deleted, 3 rows updated; moved into quarantine"
    )


@pytest.mark.parametrize(
    ("files", "young", "expected"),
    [
        (1, 0, "1 orphan, 1,234 bytes"),
        (2, 1, "2 orphans, 2,468 bytes; 1 more is younger than 24 h and is kept"),
        (0, 2, "0 orphans, 0 bytes; 2 more are younger than 24 h and are kept"),
    ],
)
def test_numbers_agree_with_their_words(files: int, young: int, expected: str) -> None:
    plan = orphans_plan(*[b"photos/%d" % number for number in range(files)])
    plan.young = young
    assert expected in result(plan, the_orphans_job())["summary"]


@pytest.mark.parametrize(
    ("select", "found", "expected"),
    [
        ("missing", 1, "10 rows of photo: 1 is missing its file"),
        ("missing", 2, "10 rows of photo: 2 are missing their files"),
        ("incomplete", 2, "10 rows of photo: 2 never attached and older than 24 h"),
    ],
)
def test_a_summary_of_records_says_what_they_lack(select: str, found: int, expected: str) -> None:
    job = the_records_job(select=select)
    plan = records_plan(*[record(number, owner=None) for number in range(found)], job=job)
    assert expected in result(plan, job)["summary"]


def test_a_summary_tells_the_dependent_rows_and_what_became_of_them() -> None:
    plan, job = records_plan(record()), the_records_job(quarantine="/srv/kept")
    plan.dependents = {
        "shop.order": {"deleted": 1, "updated": 3},
        "favorite": {"deleted": 2, "updated": 0},
    }
    plan.found.files, plan.found.bytes = 1, 1
    outcome = outcome_of(plan)
    outcome.dependents = plan.dependents
    outcome.remover.name = "20251121T110000Z-missing"
    told = result(plan, job, outcome)
    lines = told["summary"].splitlines()
    assert "  dependent rows: favorite 2 rows deleted; shop.order 1 row deleted, 3 rows updated" in lines
    assert "  1 file of theirs is removed with them, 1 byte" in lines
    assert "  removed 1 row of photo; 1 file, 0 bytes" in lines
    assert "  kept in quarantine as batch 20251121T110000Z-missing" in lines
    assert list(told["dependents"].items()) == sorted(plan.dependents.items())
    assert told["batch"] == "20251121T110000Z-missing"


def test_a_failure_is_told_in_the_summary_and_as_a_problem() -> None:
    plan = orphans_plan(b"photos/a")
    outcome = Outcome(100, PermanentRemover())
    outcome.error = "The connection was lost."
    outcome.failed.add(
        Kept(b"photos/\xff", Code.NOT_REMOVABLE, "it could not be removed: Read-only file system")
    )
    told = result(plan, the_orphans_job(), outcome)
    assert "(failed)" in told["summary"]
    assert "  failed: The connection was lost." in told["summary"].splitlines()
    assert told["not_removed"] == [
        {
            "name": r"photos/\xff",
            "code": "not_removable",
            "reason": "it could not be removed: Read-only file system",
        }
    ]
    problems = words.problems(outcome)
    assert problems.startswith("The connection was lost. 1 file could not be removed")
    assert r"photos/\xff" in problems


def test_what_could_not_be_removed_is_a_problem_even_if_nothing_is_listed() -> None:
    outcome = Outcome(0, PermanentRemover())
    outcome.failed.add(Kept(b"a", Code.NOT_REMOVABLE, "Permission denied"))
    assert "1 file could not be removed" in words.problems(outcome)


def test_a_run_that_went_well_has_no_problem() -> None:
    plan = orphans_plan(b"a")
    assert words.problems(outcome_of(plan)) == ""


def test_warnings_tell_refusals_where_they_are_no_failure_and_other_spellings_always() -> None:
    plan = orphans_plan(b"a")
    plan.warnings.append("already removed: 1 file of the approved plan")
    plan.refuse("partial", "the run is partial")
    plan.keep(b"b\n", Code.OTHER_SPELLING, "the database references it in another spelling: 'B'")
    plan.keep(b"c", Code.CHANGED, "a row references it")
    always = ["already removed: 1 file of the approved plan"]
    spelled = [r"b\n: the database references it in another spelling: 'B'"]
    assert words.warnings(plan, with_refusals=False) == always + spelled
    assert words.warnings(plan, with_refusals=True) == [*always, "the run is partial", *spelled]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "0 min"),
        (0, "0 min"),
        (90 * 60, "2 h"),
        (47 * 3600, "47 h"),
        (48 * 3600, "2 d"),
        (59 * 60, "59 min"),
    ],
)
def test_ages_are_rounded_for_people(seconds: float, expected: str) -> None:
    assert age(seconds) == expected


EVIL, SHOWN = "a\x1b]0;x\x07", r"a\x1b]0;x\x07"


@pytest.mark.promise(8)
def test_names_of_tables_and_reasons_are_escaped_wherever_a_person_reads_them() -> None:
    job = the_records_job(table=EVIL)
    plan = records_plan(record(), job=job)
    plan.dependents = {EVIL: {"deleted": 1, "updated": 0}}
    plan.warnings.append(f"rows of {EVIL}")
    plan.keep(b"photos/b.jpg", Code.RESTRICTED, f"{EVIL} is set to restrict")
    plan.refuse("max_removal_percent", f"rows of {EVIL} would be removed")
    of = describe(job, plan, None)
    result = data.result(of, verbose=True, with_diff=True)
    assert list(result["dependents"]) == [SHOWN]
    assert result["left_alone"][0]["reason"] == f"{SHOWN} is set to restrict"
    assert result["refused"][0]["message"] == f"rows of {SHOWN} would be removed"
    assert result["summary"].count(SHOWN) >= 4
    assert result["diff"]["before"].startswith(SHOWN)
    assert words.warnings(plan, with_refusals=True)[:2] == [
        f"rows of {SHOWN}",
        f"rows of {SHOWN} would be removed",
    ]
    assert "\x1b" not in str(result)
