# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What is shown of each host: the summaries of its jobs, what is held back, and what of a purge."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

Result = Mapping[str, Any]

NO_VERDICT: Mapping[str, Any] = {"held": {}, "warnings": [], "left_out": []}
_NOTHING_TO_DO = "This host has no media_cleanup_sites with a job that is wanted: there is nothing to clean."


def text_of(ended: Mapping[str, Any], planned: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """The text about a host: its ``jobs`` and ``purges`` as they ended, or as planned, and the verdict.

    What each of them is called, the result of the plans says.
    """
    return "\n".join(
        [
            *_jobs(_named(ended["jobs"], planned["jobs"]), verdict["held"]),
            *(f"warning: {warning}" for warning in verdict["warnings"]),
            *_purges(_named(ended["purges"], planned["purges"]), verdict["left_out"]),
            *([] if planned["jobs"] else [_NOTHING_TO_DO]),
        ]
    )


def _named(results: Sequence[Result], planned: Sequence[Result]) -> list[Result]:
    names = {each["item"]: {name: each[name] for name in ("heading", "site")} for each in planned}
    return sorted(({**names[each["item"]], **each} for each in results), key=lambda each: int(each["item"]))


def _jobs(results: Sequence[Result], held: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for job in results:
        yield str(job["summary"]) if "summary" in job else _failed(job)
        why = held.get(str(job["item"]))
        if why:
            yield f"  held back ({why['state']}): {why['reason']}"


def _purges(results: Sequence[Result], left_out: Sequence[int]) -> Iterator[str]:
    for purge in results:
        if purge.get("skipped") or purge["item"] in left_out:
            yield f"{purge['heading']} (left out)"
            yield "  nothing is purged after a job that failed, was refused or is held back"
        elif "msg" in purge:
            yield _failed(purge)
        elif purge["batches"] or purge["announced"] or purge["left_alone_total"]:
            yield f"{purge['site']} · {purge['summary']}"


def _failed(result: Result) -> str:
    return f"{result['heading']} (failed)\n  {result['msg']}"
