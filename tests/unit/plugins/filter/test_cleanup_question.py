# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The question before anything is removed: what it lists, and what it adds up."""

from __future__ import annotations

from typing import Any

from ansible_collections.django_media.cleanup.plugins.filter.cleanup_question import cleanup_question

QUESTION = "Remove this? Type yes to continue"
DUE = {"batches": ["one"], "purged": {"batches": 1, "records": 0, "files": 2, "bytes": 2048}}


def found(records: int = 0, files: int = 0, size: int = 0, **more: Any) -> dict[str, Any]:
    return {"found": {"records": records, "files": files, "bytes": size}, "dependents": {}, **more}


def asked(host: str, *plans: dict[str, Any], due: bool = False, kept: bool = True) -> list[Any]:
    """A host all plans of which are carried out."""
    jobs = [{"item": number, "heading": f"kit · job {number}", **plan} for number, plan in enumerate(plans)]
    planned = {"jobs": jobs, "purges": [{"item": 0, "heading": "kit · purge"}]}
    return [host, planned, list(range(len(plans))), {"0": DUE} if due else {}, [kept] * len(plans)]


def test_one_job_needs_no_total() -> None:
    said = cleanup_question([asked("web1", found(files=1, size=1847912))])
    assert said.splitlines() == [
        "web1: kit · job 0: 1 file, 1,847,912 bytes; moved into quarantine",
        QUESTION,
    ]


def test_each_kind_of_change_is_named_and_added_up() -> None:
    hosts = [
        asked(
            "web1",
            found(records=2, dependents={"shop_tag": {"deleted": 1, "updated": 2}}),
            found(cleared={"found": 1}, relinked={"found": 3}),
            kept=False,
        ),
        asked("web2", found(files=1500, size=4), due=True),
    ]
    assert cleanup_question(hosts).splitlines() == [
        "web1: kit · job 0: 2 rows; dependent rows: shop_tag 1 row deleted, 2 rows updated; deleted for good",
        "web1: kit · job 1: 3 rows to point at the file that was moved; "
        "1 row to be emptied of files and kept; deleted for good",
        "web2: kit · job 0: 1,500 files, 4 bytes; moved into quarantine",
        "web2: kit · purge: 1 batch, 2 files, 2,048 bytes; deleted for good",
        "in all: 2 rows, 1,500 files, 4 bytes removed; 3 dependent rows deleted or changed; "
        "2 files, 2,048 bytes deleted from quarantine, on 2 hosts",
        QUESTION,
    ]


def test_jobs_that_are_not_carried_out_are_neither_listed_nor_counted() -> None:
    host = asked("web1", found(files=1, size=1), found(files=9, size=9), found(files=2, size=2))
    host[2] = [0, 2]
    said = cleanup_question([host, asked("web2")])
    assert "job 1" not in said
    assert "in all: 3 files, 3 bytes removed, on 1 host" in said


def test_what_hosts_say_cannot_leave_its_line() -> None:
    said = cleanup_question([asked("web1", found(records=1, dependents={"\x1b[2J\nt\r": {"deleted": 1}}))])
    assert len(said.splitlines()) == 2
    assert "\x1b" not in said
