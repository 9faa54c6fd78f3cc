# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What a run of a fleet came to: the table, the document and the numbers."""

from __future__ import annotations

import json
import re
from typing import Any, Sequence

import pytest

from ansible_collections.django_media.cleanup.plugins.filter.cleanup_purge_rows import cleanup_purge_rows
from ansible_collections.django_media.cleanup.plugins.filter.cleanup_rows import cleanup_rows
from ansible_collections.django_media.cleanup.plugins.filter.cleanup_summary import cleanup_summary
from helpers.fleet import NOTHING, host_rows, job, plan, refused, rows

REMOVED = {"records": 0, "files": 3, "bytes": 30}


def summary(found: Sequence[Any], silent: Sequence[str] = (), later: Sequence[str] = ()) -> dict[str, Any]:
    planned = list(dict.fromkeys(row["host"] for row in found))
    begun = [*planned, *silent]
    hosts = {"all": [*begun, *later], "begun": begun, "planned": planned}
    return cleanup_summary(found, hosts, {}, "clean")


def states(found: Sequence[Any]) -> list[str]:
    return [row["state"] for row in found]


def test_each_state_of_a_plan() -> None:
    found = rows(
        plan(3),
        plan(0),
        plan(3, **refused("max_removal_percent")),
        plan(0, **refused("partial")),
        {"msg": "no route to the database", "status": "failed"},
        {"msg": "another run", "status": "busy"},
        {"msg": "no such folder", "status": "unusable"},
        {},
    )
    assert states(found) == [
        *("planned", "clean", "refused", "partial"),
        *("failed", "busy", "failed", "failed"),
    ]
    assert found[2]["reason"] == "max_removal_percent: …"
    assert found[4]["reason"] == "no route to the database"


def test_each_state_of_what_was_carried_out() -> None:
    planned = host_rows("web1", *[plan(3)] * 4, plan(0))
    found = cleanup_rows(
        {
            "0": plan(3, removed=REMOVED),
            "1": {"msg": "in use", "status": "busy"},
            "2": {**plan(3, removed=REMOVED), "msg": "1 file could not be removed"},
            "3": {**plan(3, **refused("replica", "it lags")), "msg": "it lags"},
        },
        "web1",
        [],
        planned,
    )
    assert states(found) == ["done", "busy", "failed", "refused", "clean"]
    assert [row["removed"] for row in found] == [REMOVED, NOTHING, REMOVED, NOTHING, NOTHING]
    assert found[1]["found"] == {"records": 0, "files": 3, "bytes": 30}


def test_purges_are_rows_of_their_own() -> None:
    quarantines = [{"index": 0, "options": {"name": "kit"}}]
    purged = {"batches": 1, "records": 2, "files": 3, "bytes": 4}
    due = {"item": 0, "batches": ["one"], "purged": purged}
    for result, done, state in (
        (due, False, "planned"),
        (due, True, "done"),
        ({"item": 0, "msg": "in use", "status": "busy"}, True, "busy"),
    ):
        [row] = cleanup_purge_rows([result], "web1", quarantines, done)
        assert row["state"] == state
        assert set(row) == set(rows(plan(1))[0])
    for nothing in (
        {"item": 0, "batches": [], "purged": dict.fromkeys(purged, 0)},
        {"item": 0, "skipped": True},
    ):
        assert cleanup_purge_rows([nothing], "web1", quarantines, True) == []
    assert cleanup_purge_rows([due], "web1", quarantines, True)[0]["removed"]["files"] == 3
    assert cleanup_purge_rows([due], "web1", quarantines)[0]["removed"] == NOTHING, "what is only due"


@pytest.mark.promise(10)
@pytest.mark.parametrize("is_done", [False, True])
def test_the_summary_says_what_a_purge_deletes(is_done: bool) -> None:
    purged = {"batches": 1, "records": 2, "files": 3, "bytes": 4}
    due = {"item": 0, "batches": ["one"], "purged": purged}
    quarantines = [{"index": 0, "options": {"name": "kit"}}]
    found = summary(cleanup_purge_rows([due], "web1", quarantines, is_done))
    removed = "2 rows, 3 files" if is_done else "-"
    assert re.split(r" {2,}", found["lines"][1]) == [
        *("web1", "kit", "purge", "2 rows, 3 files", removed, "4", "done" if is_done else "planned")
    ]
    assert found["document"]["totals"]["removed"]["files"] == 3 * is_done


def test_a_small_fleet_is_shown_whole_on_one_screen() -> None:
    found = rows(*[plan(3)] * 11, plan(3, **refused("max_removal_percent", "21 of 26 files")))
    lines = summary(only_shown(found))["lines"]
    assert len(lines) <= 24
    assert lines[0].split() == ["host", "site", "job", "found", "removed", "bytes", "state"]
    assert lines[1].split() == ["web1", "kit", "orphans", "3", "files", "-", "30", "planned"]
    assert lines[13] == "    max_removal_percent: 21 of 26 files"
    assert lines[14] == "12 hosts, 1 needs attention; 12 jobs: 11 planned, 1 refused"
    assert lines[15] == "found: 0 rows, 36 files, 360 bytes"


def test_what_two_hosts_share_is_found_once() -> None:
    [first, second] = rows(plan(3), plan(3))
    found = summary([first, {**second, "state": "shared"}])
    assert found["document"]["totals"]["found"]["files"] == 3


def test_what_was_removed_in_an_earlier_batch_is_not_told_as_refused() -> None:
    """With serial, only the plans of a later batch show that two hosts share a media store."""
    [row] = cleanup_rows({"0": plan(3, removed=REMOVED)}, "web1", [], host_rows("web1", plan(3)))
    held = {"held": {"0": {"state": "refused", "reason": "also that of web2"}}, "left_out": []}
    verdicts = {"web1": {**held, "warnings": ["also that of web2"]}}
    hosts = {"all": ["web1"], "begun": ["web1"], "planned": ["web1"]}
    found = cleanup_summary([row], hosts, verdicts, "clean")["document"]
    assert [(job["state"], job["reason"]) for job in found["jobs"]] == [("done", "")]
    assert [warning["message"] for warning in found["warnings"]] == ["also that of web2"]


def test_what_was_found_and_stays_was_not_removed() -> None:
    planned = rows(plan(5))
    found = summary(cleanup_rows({"0": plan(5, removed=REMOVED)}, "web1", [], planned))
    totals = found["document"]["totals"]
    assert (totals["found"]["files"], totals["removed"]["files"]) == (5, 3)
    assert "removed: 0 rows, 3 files, 30 bytes" in found["lines"]


def test_of_hundreds_only_what_needs_attention_is_shown() -> None:
    bad = {"msg": "no route"}
    lines = summary(rows(*[plan(0)] * 300, *[bad] * 3))["lines"]
    assert [line.split()[0] for line in lines[1:7:2]] == ["web301", "web302", "web303"]
    assert len(lines) == 1 + 2 * 3 + 3
    assert "303 hosts, 3 need attention" in lines[-3]
    lines = summary(rows(*[bad] * 300))["lines"]
    assert len(lines) < 90
    assert "… and 260 more jobs need attention" in lines


def only_shown(found: Sequence[Any]) -> list[Any]:
    """The rows of a run that carries nothing out."""
    return [{**row, "mode": "report"} for row in found]


def test_a_host_that_was_lost_on_the_way_has_not_ended() -> None:
    [job] = summary(rows(plan(3)))["document"]["jobs"]
    assert job["state"] == "failed"
    assert "not carried out to the end" in job["reason"]


def test_hosts_that_sent_nothing_and_those_to_come_are_said() -> None:
    found = summary(rows(plan(0)), silent=["gone"], later=["a", "b"])
    assert found["document"]["jobs"][1]["host"] == "gone"
    assert found["document"]["jobs"][1]["state"] == "failed"
    assert "unreachable" in found["lines"][3]
    assert found["lines"][-1] == "2 hosts not started yet"
    assert found["document"]["hosts"] == {"all": 4, "begun": 2, "need_attention": 1}


def test_the_numbers_for_awx_are_those_of_the_document_and_bounded() -> None:
    found = summary(rows(*[{"msg": "no route"}] * 300))
    numbers, document = found["statistics"], found["document"]
    assert {key: numbers[key] for key in ("hosts", "totals", "mode")} == {
        key: document[key] for key in ("hosts", "totals", "mode")
    }
    assert len(numbers["need_attention"]) == 100
    assert len(json.dumps(numbers)) < 3000


def test_names_and_messages_are_shown_on_one_line() -> None:
    found = rows({"msg": "a\nb\x1b[2K" + "c" * 500})
    lines = summary(found)["lines"]
    assert lines[2].startswith("    a b\\x1b[2Kccc")
    assert all(line.isprintable() and len(line) < 220 for line in lines)


@pytest.mark.promise(8)
def test_names_of_hosts_and_sites_and_warnings_are_escaped() -> None:
    found = [{**row, "host": "a\x1b[2K", "site": "b\x9bc", "task": "d\te"} for row in rows(plan(0))]
    verdicts = {"f\x07": {"warnings": ["g\x1b]0;h"]}}
    lines = cleanup_summary(found, {"all": [], "begun": [], "planned": []}, verdicts, "clean")["lines"]
    assert all(line.isprintable() for line in lines)
    assert lines[1].split()[:3] == ["a\\x1b[2K", "b\\x9bc", "d\\te"]
    assert "warning: f\\x07: g\\x1b]0;h" in lines


@pytest.mark.promise(11)
def test_warnings_are_bounded() -> None:
    verdicts = {f"web{number}": {"warnings": ["…"]} for number in range(300)}
    hosts: dict[str, list[str]] = {"all": [], "begun": [], "planned": []}
    found = cleanup_summary([], hosts, verdicts, "clean")
    assert sum(line.startswith("warning: ") for line in found["lines"]) == 40
    assert "… and 260 more warnings" in found["lines"]


def test_a_summary_of_nothing_is_one() -> None:
    found = summary([])
    assert found["lines"][0] == "0 hosts, 0 need attention; 0 jobs: none"
    assert job()["heading"] == "kit · orphans"
