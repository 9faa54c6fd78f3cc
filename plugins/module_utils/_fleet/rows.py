# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""One job of one host, as a fleet's run compares and counts it.

What a host says is taken as texts and numbers, whatever it sent: a site's user who sends something else
makes the row of its own host fail, and not the comparison of all hosts.
"""

from __future__ import annotations

from typing import Any, Iterable, Mapping

Row = Mapping[str, Any]

# How a job stands. Some of these need the attention of a person.
PLANNED = "planned"
CLEAN = "clean"
DONE = "done"
SHARED = "shared"
OUTLIER = "outlier"
REFUSED = "refused"
PARTIAL = "partial"
BUSY = "busy"
FAILED = "failed"
NEED_ATTENTION = (OUTLIER, REFUSED, PARTIAL, BUSY, FAILED)

# What a run does with a plan: it carries it out, or only shows it.
CLEANS = "clean"
REPORTS = "report"
PURGE = "purge"
# What a person may accept of a comparison of hosts, for one run; no module and no description takes it.
SHARED_MEDIA = "shared_media"
SHARED_DATABASE = "shared_database"
OF_THE_FLEET = (OUTLIER, SHARED_MEDIA, SHARED_DATABASE)
MODES = (CLEANS, REPORTS)

NOTHING = {"records": 0, "files": 0, "bytes": 0}
_UNKNOWN = {"database": "", "media": ""}
# The states of a job that made no plan, by the status of its result; any other one has failed.
_BY_STATUS = {state: state for state in (REFUSED, PARTIAL, BUSY)}


def planned_row(host: str, mode: str, job: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """A job by the plan that was made of it, or by why there is none."""
    name = str(job["options"]["name"])
    return {
        "host": host,
        "mode": mode,
        "site": name,
        "index": job["index"],
        "job": job["job"],
        # The name of a site may differ between hosts, and what is done there may not.
        "task": job["heading"][len(name) :].strip(" ·"),
        "identity": {kind: str(result.get("identity", {}).get(kind, "")) for kind in _UNKNOWN},
        "examined": examined(job["job"], result),
        "changes": changes(job["job"], result),
        "found": _numbers(result.get("found", NOTHING)),
        "removed": dict(NOTHING),
        **_state_of_plan(job["job"], result),
    }


def carried_out(row: Row, result: Mapping[str, Any]) -> dict[str, Any]:
    """The same job after its plan was carried out, or not."""
    reason = str(result.get("msg", ""))
    state = _BY_STATUS.get(result.get("status", ""), FAILED) if reason else DONE
    if result.get("refused"):
        state, reason = _refusal(result)
    return {**row, "state": state, "reason": reason, "removed": _numbers(result.get("removed", NOTHING))}


def purge_row(
    host: str, quarantine: Mapping[str, Any], result: Mapping[str, Any], is_done: bool
) -> dict[str, Any]:
    """What a purge would delete of a quarantine, or has deleted; it is compared with no other host."""
    purged = _numbers(result.get("purged", NOTHING))
    state, reason = (DONE if is_done else PLANNED) if result.get("batches") else CLEAN, ""
    if result.get("msg"):
        state, reason = _BY_STATUS.get(result.get("status", ""), FAILED), str(result["msg"])
    return {
        "host": host,
        "mode": CLEANS if is_done else REPORTS,
        "site": str(quarantine["options"]["name"]),
        "index": -1 - quarantine["index"],
        **dict.fromkeys(("job", "task"), PURGE),
        "identity": _UNKNOWN,
        "examined": 0,
        "changes": 0,
        "found": purged,
        "removed": dict(purged) if state == DONE else dict(NOTHING),
        "state": state,
        "reason": reason,
    }


def place_row(host: str, index: int, site: str, identity: Mapping[str, Any]) -> dict[str, Any]:
    """A site that has no plan yet, only a place."""
    return {
        **dict.fromkeys(("job", "task", "reason"), ""),
        **dict.fromkeys(("examined", "changes"), 0),
        "host": host,
        "mode": REPORTS,
        "site": site,
        "index": index,
        "identity": {kind: str(identity.get(kind, "")) for kind in _UNKNOWN},
        "found": dict(NOTHING),
        "removed": dict(NOTHING),
        "state": CLEAN,
    }


def examined(job: str, result: Mapping[str, Any]) -> int:
    """How many files or rows were compared."""
    return int(result.get("examined", {}).get("files" if job == "orphans" else "records", 0))


def changes(job: str, result: Mapping[str, Any]) -> int:
    """How many of these would be removed, emptied or pointed at another file."""
    found = result.get("found", NOTHING)
    if job == "orphans":
        return int(found["files"])
    others = (int(result.get(kind, {}).get("found", 0)) for kind in ("cleared", "relinked"))
    return int(found["records"]) + sum(others)


def _numbers(totals: Mapping[str, Any]) -> dict[str, int]:
    return {name: int(totals.get(name, 0)) for name in NOTHING}


def with_verdicts(rows: Iterable[Row], held: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """The rows of a host, those that are held back with the state and the reason for it."""
    return [{**row, **held.get(str(row["index"]), {})} for row in rows]


def _state_of_plan(job: str, result: Mapping[str, Any]) -> dict[str, str]:
    if "summary" not in result:
        reason = str(result.get("msg", "no plan was made."))
        return {"state": _BY_STATUS.get(result.get("status", ""), FAILED), "reason": reason}
    if result.get("refused"):
        state, reason = _refusal(result)
        return {"state": state, "reason": reason}
    return {"state": PLANNED if changes(job, result) else CLEAN, "reason": ""}


def _refusal(result: Mapping[str, Any]) -> tuple[str, str]:
    refused = result["refused"]
    is_partial = any(refusal["guard"] == PARTIAL for refusal in refused)
    reason = " ".join(f"{refusal['guard']}: {refusal['message']}" for refusal in refused)
    return PARTIAL if is_partial else REFUSED, reason
