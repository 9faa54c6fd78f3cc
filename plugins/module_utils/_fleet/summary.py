# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a run of a fleet came to: a table for people, and the same numbers as data."""

from __future__ import annotations

from collections import Counter
from typing import Any, Iterable, Iterator, Mapping, NamedTuple, Sequence

from .._reconcile.text import counted, printable
from .rows import (
    CLEAN,
    CLEANS,
    DONE,
    FAILED,
    NEED_ATTENTION,
    NOTHING,
    PLANNED,
    PURGE,
    SHARED,
    Row,
    with_verdicts,
)

VERSION = 1
# A table with more jobs than this shows only those that need attention, and of these no more.
MOST_SHOWN = 40
# Of the hosts that need attention, the statistics for AWX name so many.
MOST_NAMED = 100
_LONGEST_REASON = 200
_COLUMNS = ("host", "site", "job", "found", "removed", "bytes", "state")
_WITHOUT_ROWS = "no plan came from this host: it was unreachable, or failed before. See its error above."

_NOT_ENDED = "its plan was not carried out to the end: the host was lost on the way. See its error above."


class Hosts(NamedTuple):
    """The hosts of a run: all of them, those that have started, and those that sent plans."""

    all: Sequence[str]
    begun: Sequence[str]
    planned: Sequence[str]

    @property
    def silent(self) -> list[str]:
        """Those that have started, and sent nothing."""
        planned = set(self.planned)
        return [host for host in self.begun if host not in planned]


def summary(
    rows: Sequence[Row], hosts: Hosts, verdicts: Mapping[str, Mapping[str, Any]], mode: str
) -> dict[str, Any]:
    """The summary as data: its ``version``, ``mode``, ``hosts``, ``totals``, ``warnings`` and ``jobs``."""
    jobs = [*map(_job, _judged(rows, verdicts)), *map(_silent, hosts.silent)]
    states = Counter(job["state"] for job in jobs)
    return {
        "version": VERSION,
        "mode": mode,
        "hosts": {
            "all": len(hosts.all),
            "begun": len(hosts.begun),
            "need_attention": len({job["host"] for job in jobs if job["state"] in NEED_ATTENTION}),
        },
        "totals": {
            "jobs": len(jobs),
            "states": dict(sorted(states.items())),
            # What a shared site has, its first host has found.
            "found": _added_up(job["found"] for job in jobs if job["state"] != SHARED),
            "removed": _added_up(job["removed"] for job in jobs),
        },
        "warnings": [
            {"host": host, "message": message}
            for host, verdict in verdicts.items()
            for message in verdict["warnings"]
        ],
        "jobs": jobs,
    }


def statistics(of: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a summary, and the first of the hosts that need attention."""
    troubled = dict.fromkeys(job["host"] for job in of["jobs"] if job["state"] in NEED_ATTENTION)
    numbers = {key: of[key] for key in ("version", "mode", "hosts", "totals")}
    return {**numbers, "need_attention": list(troubled)[:MOST_NAMED]}


def lines(of: Mapping[str, Any]) -> list[str]:
    """A summary as a table: all jobs of a few hosts; of many hosts, only what needs attention."""
    jobs, is_short = of["jobs"], len(of["jobs"]) <= MOST_SHOWN
    wanted = [job for job in jobs if is_short or job["state"] in NEED_ATTENTION]
    shown = wanted[:MOST_SHOWN]
    found = _table(shown)
    if len(wanted) > len(shown):
        found.append(f"… and {_in_need(len(wanted) - len(shown), 'more job')}")
    for warning in of["warnings"][:MOST_SHOWN]:
        found.append(printable(f"warning: {warning['host']}: {warning['message']}"))
    if len(of["warnings"]) > MOST_SHOWN:
        found.append(f"… and {counted(len(of['warnings']) - MOST_SHOWN, 'more warning')}")
    return [*found, *_totals(of)]


def _judged(rows: Iterable[Row], verdicts: Mapping[str, Mapping[str, Any]]) -> Iterator[Row]:
    """The rows as the verdicts leave them, without purges that have nothing to delete or are left out.

    What is done stays done: with serial, a verdict may come of a later batch of hosts.
    """
    nothing: Mapping[str, Any] = {"held": {}, "left_out": []}
    for row in rows:
        verdict = verdicts.get(row["host"], nothing)
        is_purge = row["job"] == PURGE
        if not (is_purge and (row["state"] == CLEAN or -1 - row["index"] in verdict["left_out"])):
            yield from [row] if row["state"] == DONE else with_verdicts([row], verdict["held"])


def _job(row: Row) -> dict[str, Any]:
    is_lost = row["mode"] == CLEANS and row["state"] == PLANNED
    return {
        **{key: row[key] for key in ("host", "site", "job", "task", "state", "reason")},
        **{key: row[key] for key in ("examined", "found", "removed", "identity")},
        **({"state": FAILED, "reason": _NOT_ENDED} if is_lost else {}),
    }


def _silent(host: str) -> dict[str, Any]:
    """The line of a host that sent nothing."""
    return {
        **dict.fromkeys(("site", "job", "task"), ""),
        "host": host,
        "state": FAILED,
        "reason": _WITHOUT_ROWS,
        "examined": 0,
        "found": dict(NOTHING),
        "removed": dict(NOTHING),
        "identity": {"database": "", "media": ""},
    }


def _added_up(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total = Counter(dict(NOTHING))
    for part in parts:
        total.update({name: part[name] for name in NOTHING})
    return dict(total)


def _table(jobs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The jobs in columns, the reason of each on a line of its own."""
    if not jobs:
        return []
    cells = [_COLUMNS, *map(_cells, jobs)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_COLUMNS))]
    found = []
    for number, line in enumerate(cells):
        aligned = [
            cell.rjust(width) if column == _COLUMNS.index("bytes") else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths))
        ]
        found.append("  ".join(aligned).rstrip())
        reason = printable(jobs[number - 1]["reason"]).replace("\n", " ") if number else ""
        if reason:
            found.append(f"    {_shortened(reason)}")
    return found


def _cells(job: Mapping[str, Any]) -> tuple[str, ...]:
    size = job["removed" if job["removed"] != NOTHING else "found"]["bytes"]
    return (
        *(printable(str(job[name])) for name in ("host", "site", "task")),
        *(_amount(job[what]) for what in ("found", "removed")),
        f"{size:,}" if size else "-",
        job["state"],
    )


def _amount(numbers: Mapping[str, int]) -> str:
    """Rows and files in a few letters; a dash where there are none of either."""
    parts = ((numbers["records"], "row"), (numbers["files"], "file"))
    return ", ".join(counted(number, noun) for number, noun in parts if number) or "-"


def _shortened(reason: str) -> str:
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[: _LONGEST_REASON - 1]}…"


def _totals(of: Mapping[str, Any]) -> list[str]:
    hosts, totals = of["hosts"], of["totals"]
    waiting = hosts["all"] - hosts["begun"]
    states = ", ".join(f"{number:,} {state}" for state, number in totals["states"].items()) or "none"
    found = [
        f"{counted(hosts['begun'], 'host')}, {_in_need(hosts['need_attention'])}; "
        f"{counted(totals['jobs'], 'job')}: {states}",
        *(f"{what}: {_numbers(totals[what])}" for what in ("found", "removed")),
    ]
    if waiting:
        found.append(f"{counted(waiting, 'host')} not started yet")
    return found


def _in_need(number: int, noun: str = "") -> str:
    what = counted(number, noun) if noun else f"{number:,}"
    return f"{what} {'needs' if number == 1 else 'need'} attention"


def _numbers(numbers: Mapping[str, int]) -> str:
    return ", ".join(
        counted(numbers[name], noun)
        for name, noun in (("records", "row"), ("files", "file"), ("bytes", "byte"))
    )
