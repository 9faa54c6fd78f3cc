# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Plans and outcomes as plain data: the results of the modules, the JSON of the command."""

from __future__ import annotations

import time
from typing import Any, Mapping, Sequence

from ..errors import Exit
from ..run import Run
from ..text import dependents_words, escaped, printable
from ..version import VERSION
from .describe import describe
from .description import Description
from .words import all_kept, fate, problems, shown_items, summary, total

_NOTHING = {"records": 0, "files": 0, "bytes": 0}


def result(of: Description, verbose: bool, with_diff: bool) -> dict[str, Any]:
    """The result of a module or a command. Its keys are the same whatever happened."""
    plan, outcome, most = of.plan, of.outcome, of.job.site.max_listed
    shown = shown_items(plan, outcome, most)
    kept = all_kept(of)
    failed = outcome.failed.items if outcome else []
    data: dict[str, Any] = {
        "changed": _is_changed(of),
        "plan_id": plan.plan_id,
        "plan": plan.token,
        "examined": plan.examined,
        "found": of.removed_totals(plan.found.as_dict()),
        "young": plan.young,
        "removed": of.removed_totals(outcome.removed.as_dict()) if outcome else dict(_NOTHING),
        of.list_name: [of.item_data(item) for item in shown],
        "truncated": _is_truncated(of, len(shown), kept.truncated),
        # Ansible reserves "skipped" and "failed" for the state of the task itself.
        "left_alone": [item.as_dict(escaped(item.name)) for item in kept.items],
        "left_alone_total": kept.total,
        "unlisted": [column.as_dict() for column in plan.unlisted[:most]],
        "not_removed": [item.as_dict(escaped(item.name)) for item in failed],
        "refused": [refusal._asdict() for refusal in plan.refusals],
        "labels": _bounded(of.labels, most),
        "dependents": of.dependents,
        "batch": outcome.batch if outcome else "",
        "identity": plan.identity.among_hosts(),
        "summary": "\n".join(summary(of, verbose)),
        **of.own_data,
    }
    if with_diff:
        data["diff"] = _diff(of, shown)
    return data


def _is_changed(of: Description) -> bool:
    if of.outcome:
        removed = of.outcome.removed
        return bool(removed.records or removed.files or of.relinks.total)
    found = of.plan.found
    return bool(found.records or found.files or of.relinks.total) and not of.plan.refusals


def _is_truncated(of: Description, shown: int, kept_is_truncated: bool) -> bool:
    return (
        total(of.plan, of.outcome) > shown
        or kept_is_truncated
        or (of.outcome is not None and of.outcome.failed.truncated)
        or len(of.labels) > of.job.site.max_listed
        or of.relinks.truncated
        or len(of.plan.unlisted) > of.job.site.max_listed
    )


def _bounded(pairs: Sequence[tuple[str, int]], most: int) -> dict[str, int]:
    kept = dict(pairs[:most])
    if len(pairs) > most:
        kept["(others)"] = sum(count for _name, count in pairs[most:])
    return kept


def _diff(of: Description, items: list[Any]) -> dict[str, str]:
    """What would be removed, or was, as lines that disappear."""
    lines = [of.item_diff(item) for item in items]
    rest = total(of.plan, of.outcome) - len(lines)
    if rest > 0:
        lines.append(f"… and {rest} more")
    lines += [f"dependent rows: {words}" for words in dependents_words(of.dependents)]
    listed = of.dependents_listed
    lines += [f"dependent row: {printable(words)}" for words in sorted(listed.items)]
    if listed.truncated:
        lines.append(f"… and {listed.total - len(listed.items)} more dependent rows")
    changed = list(of.relink_diffs)
    if of.relinks.truncated:
        rest = of.relinks.total - len(changed)
        changed.append((f"… and {rest} more to point elsewhere", f"… and {rest} more that were"))
    title = f"{of.job.site.name} {of.job.name}"
    before, after = [old for old, _new in changed], [new for _old, new in changed]
    return {**lines_diff(title, lines + before, after), "after_header": f"{title}, {fate(of)}"}


def lines_diff(title: str, before: list[str], after: list[str]) -> dict[str, str]:
    """Lines that disappear and lines that appear, as Ansible shows a diff."""
    return {
        "before_header": title,
        "after_header": title,
        "before": "".join(f"{line}\n" for line in before),
        "after": "".join(f"{line}\n" for line in after),
    }


def run_data(run: Run, verbose: bool) -> dict[str, Any]:
    """One job of a run: planned, applied or neither."""
    data = {"heading": run.job.heading, "status": run.status.name.lower(), "message": ""}
    if run.plan is None:
        return {**data, "message": str(run.error), "found": dict(_NOTHING), "removed": dict(_NOTHING)}
    message = " ".join(refusal.message for refusal in run.plan.refusals)
    if run.outcome is not None:
        message = problems(run.outcome)
    of = describe(run.job, run.plan, run.outcome)
    return {**data, "message": message, **result(of, verbose, with_diff=False)}


def outcome_data(
    about: Mapping[str, Any], runs: Sequence[dict[str, Any]], status: Exit, began: float
) -> dict[str, Any]:
    """All that is known at the end of a run of the command: ``about`` has site, job and dry_run."""
    ended = time.time()
    return {
        **about,
        "version": VERSION,
        "status": status.name.lower(),
        "exit_status": int(status),
        "began": round(began, 3),
        "ended": round(ended, 3),
        "seconds": round(ended - began, 3),
        "runs": list(runs),
    }
