# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The question before anything is removed: a line for each job of each host, and what all of it comes to."""

from __future__ import annotations

from collections import Counter
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

from .._reconcile.text import amounts, counted, dependents_words, printable
from .rows import NOTHING


class Asked(NamedTuple):
    """What is asked of one host.

    ``removals`` are the numbers of the jobs that remove something, ``due`` the purges that delete something,
    by the number of the quarantine as text, and ``has_quarantine`` says of each job, by its number, whether
    what it removes is kept.
    """

    host: str
    planned: Mapping[str, Any]
    removals: Sequence[int]
    due: Mapping[str, Mapping[str, Any]]
    has_quarantine: Sequence[bool]


def lines(hosts: Sequence[Asked]) -> list[str]:
    """The lines of the question, the last of which is the question itself."""
    said = [f"{asked.host}: {words}" for asked in hosts for words in (*_jobs(asked), *_purges(asked))]
    total = [f"in all: {_total(hosts)}"] if len(said) > 1 else []
    # A name of a table may hold the end of a line.
    return [
        *(printable(line).replace("\n", " ") for line in [*said, *total]),
        "Remove this? Type yes to continue",
    ]


def _jobs(asked: Asked) -> Iterator[str]:
    plans = {job["item"]: job for job in asked.planned["jobs"]}
    for number in asked.removals:
        plan = plans[number]
        fate = "moved into quarantine" if asked.has_quarantine[number] else "deleted for good"
        yield f"{plan['heading']}: " + "; ".join([*_parts(plan), fate])


def _parts(plan: Mapping[str, Any]) -> Iterator[str]:
    """What a plan removes and changes, one text each kind."""
    if plan["found"] != NOTHING:
        yield amounts(plan["found"])
    if plan.get("dependents"):
        yield "dependent rows: " + ", ".join(dependents_words(plan["dependents"]))
    for kind, what in (
        ("relinked", "to point at the file that was moved"),
        ("cleared", "to be emptied of files and kept"),
    ):
        found = plan.get(kind, {}).get("found", 0)
        if found:
            yield f"{counted(found, 'row')} {what}"


def _purges(asked: Asked) -> Iterator[str]:
    headings = {purge["item"]: purge["heading"] for purge in asked.planned["purges"]}
    for number, due in asked.due.items():
        batches = counted(due["purged"]["batches"], "batch", "batches")
        yield f"{headings[int(number)]}: {batches}, {amounts(due['purged'])}; deleted for good"


def _total(hosts: Sequence[Asked]) -> str:
    """What is removed of all hosts, and what is deleted of their quarantines."""
    removed, purged, dependents = Counter(dict(NOTHING)), Counter(dict(NOTHING)), 0
    for asked in hosts:
        for job in asked.planned["jobs"]:
            if job["item"] in asked.removals:
                removed.update(job["found"])
                dependents += sum(sum(counts.values()) for counts in job.get("dependents", {}).values())
        for due in asked.due.values():
            purged.update({name: due["purged"][name] for name in NOTHING})
    count = sum(bool(asked.removals or asked.due) for asked in hosts)
    parts = [
        amounts(removed) and f"{amounts(removed)} removed",
        dependents and f"{counted(dependents, 'dependent row')} deleted or changed",
        amounts(purged) and f"{amounts(purged)} deleted from quarantine",
    ]
    return "; ".join(map(str, filter(None, parts))) + f", on {counted(count, 'host')}"
