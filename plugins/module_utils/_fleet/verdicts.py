# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What is decided once the plans of all hosts are known: which jobs are held back, and what is warned of."""

from __future__ import annotations

from typing import Any, Collection, Iterator, Mapping, Sequence

from .outliers import outliers
from .rows import NEED_ATTENTION, OUTLIER, REFUSED, SHARED, Row, with_verdicts
from .shared import held_as_half_shared, held_as_shared, warnings


def accepted(accept: Any) -> list[str]:
    """What a list or a text with commas says is accepted."""
    parts = accept.split(",") if isinstance(accept, str) else accept or ()
    return [str(part).strip() for part in parts if str(part).strip()]


def verdicts(rows: Sequence[Row], accepts: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """By host: the jobs that are ``held`` back, by their number as text, its ``warnings``, and ``left_out``.

    These are the numbers of the quarantines that are not purged, because a job of theirs is held back or not
    well: what it would need may be in there.

    A host of which nothing is to be said is left out. Rows come in the order of the play, those of earlier
    batches first.
    """
    found: dict[str, dict[str, Any]] = {
        row["host"]: {"held": {}, "warnings": [], "left_out": []} for row in rows
    }

    def hold(row: Row, state: str, reason: str) -> None:
        found[row["host"]]["held"][str(row["index"])] = {"state": state, "reason": reason}

    for row, reason in held_as_half_shared(rows, accepts):
        hold(row, REFUSED, reason)
    for row, reason in held_as_shared(rows):
        hold(row, SHARED, reason)
    judged = [row for each in rows for row in with_verdicts([each], found[each["host"]]["held"])]
    for row, reason in () if OUTLIER in accepts else outliers(judged):
        hold(row, OUTLIER, reason)
    for host, warning in warnings(rows):
        found[host]["warnings"].append(warning)
    for host, quarantine in _left_out(rows, {host: verdict["held"] for host, verdict in found.items()}):
        found[host]["left_out"].append(quarantine)
    return {host: verdict for host, verdict in found.items() if any(verdict.values())}


def _left_out(rows: Sequence[Row], held: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, int]]:
    """Yield each host and quarantine that is not purged."""
    troubled = {
        (row["host"], row["index"])
        for row in rows
        if row["state"] in NEED_ATTENTION or str(row["index"]) in held[row["host"]]
    }
    for row in rows:
        if any((row["host"], job) in troubled for job in row.get("of_jobs", ())):
            yield row["host"], -1 - row["index"]
