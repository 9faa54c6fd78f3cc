# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A plan or an outcome in words for people, and as plain data for programs.

Every name from a disk or a database is escaped here, on its way out: names are bytes, results are
text.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Iterable, Sequence

from ..apply.outcome import Outcome
from ..apply.restore_rows import Restored
from ..config.site import OrphansJob, RecordsJob
from ..plan.orphans import Orphan
from ..plan.plan import Kept, Plan, Totals
from ..plan.records import Record, RecordsPlan
from ..quarantine.batches import BatchInfo
from ..spool import Listed
from ..text import _age, _moment, counted, escaped

# Items that a summary shows unless everything is asked for.
SAMPLE = 10


def result(
    plan: Plan,
    job: OrphansJob | RecordsJob,
    outcome: Outcome | None,
    verbose: bool,
    with_diff: bool,
) -> dict[str, Any]:
    """The result of a module or command. Its keys are the same whatever happened."""
    shown = outcome.gone.items if outcome else _first(plan, job.site.max_listed)
    items = _items(shown, job)
    skipped = _both(plan.skipped, outcome.skipped if outcome else None, job.site.max_listed)
    removed = outcome.removed.as_dict() if outcome else {"records": 0, "files": 0, "bytes": 0}
    going = plan.found.records or plan.found.files
    data: dict[str, Any] = {
        "changed": bool(removed["records"] or removed["files"]) if outcome else bool(going),
        "plan_id": plan.plan_id,
        "plan": plan.token,
        "examined": plan.examined,
        "found": plan.found.as_dict(),
        "young": plan.young,
        "removed": removed,
        plan_list(job): items,
        "truncated": _total(plan, outcome) > len(items)
        or skipped.truncated
        or (outcome is not None and outcome.failed.truncated)
        or len(_labels(plan)) > job.site.max_listed,
        # Ansible reserves "skipped" and "failed" for the state of the task itself.
        "left_alone": [{"name": escaped(name), "reason": reason} for name, reason in skipped.items],
        "left_alone_total": skipped.total,
        "not_removed": [
            {"name": escaped(name), "reason": reason}
            for name, reason in (outcome.failed.items if outcome else ())
        ],
        "refused": [refusal._asdict() for refusal in plan.refusals],
        "labels": _bounded(_labels(plan), job.site.max_listed),
        "dependents": _dependents(plan, outcome),
        "batch": outcome.batch if outcome else "",
        "summary": "\n".join(summary(plan, job, outcome, verbose)),
    }
    if plan.refusals and outcome is None:
        data["changed"] = False
    if with_diff:
        data["diff"] = _diff(plan, outcome, shown, job)
    return data


def _total(plan: Plan, outcome: Outcome | None) -> int:
    return outcome.gone.total if outcome else len(plan.items)


def plan_list(job: OrphansJob | RecordsJob) -> str:
    return "orphans" if isinstance(job, OrphansJob) else "records"


def warnings(plan: Plan, with_refusals: bool, outcome: Outcome | None = None) -> list[str]:
    """What a person should hear even of a run that went well."""
    refusals = plan.refusals if with_refusals else []
    spelled = [f"{escaped(name)}: {reason}" for name, reason in plan.skipped.items if "spelling" in reason]
    return [
        *plan.warnings,
        *_notes(outcome),
        *(refusal.message for refusal in refusals),
        *spelled[:SAMPLE],
    ]


def _notes(outcome: Outcome | None) -> Sequence[str]:
    return outcome.taker.notes if outcome else ()


def problems(plan: Plan, outcome: Outcome) -> str:
    """Why an applied plan is a failure, in one text; empty if it is none."""
    told = [outcome.error] if outcome.error else []
    if outcome.failed.total:
        first = outcome.failed.items[0] if outcome.failed.items else Kept(b"?", "unknown")
        told.append(
            f"{counted(outcome.failed.total, 'file')} could not be removed and stayed, first "
            f"{escaped(first.name)}: {first.reason}. Mend that, then run again."
        )
    return " ".join(told)


def summary(plan: Plan, job: OrphansJob | RecordsJob, outcome: Outcome | None, verbose: bool) -> list[str]:
    """The lines that a person reads; with ``verbose`` every listed item, otherwise a sample."""
    state = "failed" if outcome and outcome.error else "done" if outcome else "dry run"
    if plan.refusals:
        state = "refused"
    lines = [f"{job.site.name} · {job.name} ({state})"]
    if isinstance(job, OrphansJob):
        lines += _orphans_lines(plan, job)
    elif isinstance(plan, RecordsPlan):
        lines += _records_lines(plan, job)
    shown = outcome.gone.items if outcome else _first(plan, job.site.max_listed)
    lines += _sample(_item_lines(shown, plan, job), _total(plan, outcome), verbose)
    if _dependents(plan, outcome):
        lines.append("  with them: " + "; ".join(_dependents_words(_dependents(plan, outcome))))
    lines += _skipped_lines(plan, outcome, job.site.max_listed, verbose)
    if outcome is not None and not plan.refusals:
        lines.append("  removed " + _totals_words(outcome.removed.as_dict(), job))
        if outcome.batch:
            lines.append(f"  kept in quarantine as batch {outcome.batch}")
    lines += [f"  refused: {refusal.message}" for refusal in plan.refusals]
    lines += [f"  note: {warning}" for warning in (*plan.warnings, *_notes(outcome))]
    if outcome is not None and outcome.error:
        lines.append(f"  failed: {outcome.error}")
    return lines


def _orphans_lines(plan: Plan, job: OrphansJob) -> list[str]:
    directories = ", ".join(escaped(path) or "." for path in job.directories)
    files, orphans = plan.examined["files"], plan.found.files
    lines = [
        f"  {counted(files, 'file')} in {directories}; {plan.examined['referenced']:,} referenced by "
        + ", ".join(map(str, job.references))
    ]
    found = f"  {counted(orphans, 'orphan')}, {counted(plan.found.bytes, 'byte')}"
    if plan.young:
        verb = "is" if plan.young == 1 else "are"
        stays = "stays" if plan.young == 1 else "stay"
        found += f"; {plan.young:,} more {verb} younger than {job.age_limit.older_than_hours} h and {stays}"
    lines.append(found)
    if plan.examined["derived"]:
        lines.append(f"  {counted(plan.examined['derived'], 'derived file')} of referenced files stay")
    return lines


def _records_lines(plan: RecordsPlan, job: RecordsJob) -> list[str]:
    rows, found = plan.examined["records"], plan.found.records
    what = (
        f"{found:,} {'has' if found == 1 else 'have'} lost {'its' if found == 1 else 'their'} file"
        if job.select == "missing"
        else f"{found:,} never attached and older than {job.age_limit.older_than_hours} h"
    )
    labels = ", ".join(f"{owner} {count:,}" for owner, count in plan.labels.most_common(SAMPLE))
    lines = [f"  {counted(rows, 'row')} of {job.table}: {what}" + (f" ({labels})" if labels else "")]
    if plan.found.files:
        files = counted(plan.found.files, "file")
        go = "goes" if plan.found.files == 1 else "go"
        lines.append(f"  {files} of theirs {go} too, {counted(plan.found.bytes, 'byte')}")
    return lines


def _item_lines(items: list[Any], plan: Plan, job: OrphansJob | RecordsJob) -> list[str]:
    if isinstance(job, OrphansJob):
        shown = [(escaped(orphan.path), _orphan_words(orphan, plan, job)) for orphan in items]
    else:
        shown = [(_record_name(record), _record_words(record, job)) for record in items]
    width = min(60, max((len(name) for name, _words in shown), default=0))
    return [f"    {name:<{width}}  {words}".rstrip() for name, words in shown]


def _first(plan: Plan, wanted: int) -> list[Any]:
    return list(islice(plan.items, wanted))


def _orphan_words(orphan: Orphan, plan: Plan, job: OrphansJob) -> str:
    seconds = plan.moment - orphan.state.stamp_ns(job.age_limit.age_stamp) / 1e9
    return f"{orphan.state.size:>11,} bytes   {_age(seconds)} old"


def _record_name(record: Record) -> str:
    return escaped(record.file) if record.file else "(no file)"


def _record_words(record: Record, job: RecordsJob) -> str:
    return f"row {record.shown_key}" + (f"   {record.owner}" if record.owner else "")


def _sample(lines: list[str], total: int, verbose: bool) -> list[str]:
    shown = lines if verbose else lines[:SAMPLE]
    rest = total - len(shown)
    return [*shown, f"    … and {rest:,} more"] if rest > 0 else shown


def _skipped_lines(plan: Plan, outcome: Outcome | None, max_listed: int, verbose: bool) -> list[str]:
    skipped = _both(plan.skipped, outcome.skipped if outcome else None, max_listed)
    if not skipped.total:
        return []
    lines = [f"    {escaped(name)}: {reason}" for name, reason in skipped.items]
    return [f"  {skipped.total:,} left alone:", *_sample(lines, skipped.total, verbose)]


def _dependents(plan: Plan, outcome: Outcome | None) -> dict[str, dict[str, int]]:
    """What went with the records, or would go; in the order of the tables' names."""
    if outcome is not None:
        return dict(sorted(outcome.dependents.items()))
    return dict(sorted(plan.dependents.items())) if isinstance(plan, RecordsPlan) else {}


def _dependents_words(dependents: dict[str, dict[str, int]]) -> Iterable[str]:
    for table, counts in dependents.items():
        parts = [f"{counted(number, 'row')} {verb}" for verb, number in counts.items() if number]
        yield f"{table} {', '.join(parts)}"


def _totals_words(totals: dict[str, int], job: OrphansJob | RecordsJob) -> str:
    files = f"{counted(totals['files'], 'file')}, {counted(totals['bytes'], 'byte')}"
    if isinstance(job, OrphansJob):
        return files
    return f"{counted(totals['records'], 'row')} of {job.table}; {files}"


def _items(items: list[Any], job: OrphansJob | RecordsJob) -> list[dict[str, Any]]:
    if isinstance(job, OrphansJob):
        return [
            {
                "path": escaped(orphan.path),
                "bytes": orphan.state.size,
                "modified": _moment(orphan.state.stamp_ns(job.age_limit.age_stamp) / 1e9),
            }
            for orphan in items
        ]
    return [
        {
            "key": record.shown_key,
            "path": escaped(record.file or b""),
            "companions": [escaped(path) for path in record.companions if path],
            "label": record.owner,
        }
        for record in items
    ]


def _labels(plan: Plan) -> Sequence[tuple[str, int]]:
    return plan.labels.most_common() if isinstance(plan, RecordsPlan) else []


def _bounded(pairs: Sequence[tuple[str, int]], most: int) -> dict[str, int]:
    kept = dict(pairs[:most])
    if len(pairs) > most:
        kept["(others)"] = sum(count for _name, count in pairs[most:])
    return kept


def _both(first: Listed[Kept], second: Listed[Kept] | None, limit: int) -> Listed[Kept]:
    joined: Listed[Kept] = Listed(limit)
    for listed in (first, second):
        for skipped in listed.items if listed else ():
            joined.add(skipped)
    joined.total = first.total + (second.total if second else 0)
    return joined


def _diff(
    plan: Plan, outcome: Outcome | None, items: list[Any], job: OrphansJob | RecordsJob
) -> dict[str, str]:
    """What would go, or went, as lines that disappear."""
    if isinstance(job, OrphansJob):
        lines = [f"{escaped(orphan.path)}  {orphan.state.size} bytes" for orphan in items]
    else:
        lines = [
            f"{job.table} {record.shown_key}: {_record_name(record)}"
            + (f" ({record.owner})" if record.owner else "")
            for record in items
        ]
    rest = _total(plan, outcome) - len(lines)
    if rest > 0:
        lines.append(f"… and {rest} more")
    return _lines_diff(f"{job.site.name} {job.name}", lines, [])


def restored(found: Restored, check: bool) -> dict[str, Any]:
    """The result of bringing a batch back."""
    totals, stays = found.totals, found.stays
    would = "would come" if check else "came"
    lines = [
        f"batch {found.batch} · restore ({'dry run' if check else 'done'})",
        f"  {counted(totals.files, 'file')}, {counted(totals.bytes, 'byte')} and "
        f"{counted(totals.records, 'row')} {would} back; {counted(found.updated, 'row')} set back",
        *_sample([f"    {escaped(path)}" for path in found.paths.items], totals.files, verbose=False),
    ]
    if stays.total:
        lines.append(f"  {stays.total:,} {'stays' if stays.total == 1 else 'stay'} in quarantine:")
        # One by one: somebody has to see to each of them.
        each = [f"    {escaped(name)}: {reason}" for name, reason in stays.items]
        lines += _sample(each, stays.total, verbose=True)
        lines.append("  Mend that and restore the batch again; it brings back the rest.")
    return {
        "changed": bool(totals.files or totals.records or found.updated),
        "batches": [found.batch],
        "restored": {**totals.as_dict(), "updated": found.updated},
        "paths": [escaped(path) for path in found.paths.items],
        "truncated": found.paths.truncated or stays.truncated,
        "left_alone": [{"name": escaped(name), "reason": reason} for name, reason in stays.items],
        "left_alone_total": stays.total,
        "summary": "\n".join(lines),
        "diff": _lines_diff(f"batch {found.batch}", [], [escaped(path) for path in found.paths.items]),
    }


def purged(found: list[BatchInfo], check: bool) -> dict[str, Any]:
    """The result of purging batches."""
    lines = [f"purge ({'dry run' if check else 'done'}): {counted(len(found), 'batch', 'batches')}"]
    lines += [f"  {_batch_words(info)}" for info in found]
    return {
        "changed": bool(found),
        "batches": [info.name for info in found],
        "restored": {**Totals().as_dict(), "updated": 0},
        "paths": [],
        "truncated": False,
        "left_alone": [],
        "left_alone_total": 0,
        "summary": "\n".join(lines),
        "diff": _lines_diff("quarantine", [_batch_words(info) for info in found], []),
    }


def batches(found: list[BatchInfo]) -> dict[str, Any]:
    """The result of listing batches."""
    lines = [_batch_words(info) for info in found] or ["no batches"]
    return {
        "batches": [{**info._asdict(), "moment": _moment(info.moment)} for info in found],
        "summary": "\n".join(lines),
    }


def batch_table(found: list[BatchInfo]) -> list[str]:
    """The batches as columns under a head, the oldest first."""
    if not found:
        return ["no batches"]
    rows = [
        (info.name, _moment(info.moment), info.job, f"{info.files:,}", f"{info.bytes:,}", f"{info.rows:,}")
        for info in found
    ]
    table = [("BATCH", "REMOVED", "JOB", "FILES", "BYTES", "ROWS"), *rows]
    widths = [max(map(len, column)) for column in zip(*table)]
    return [
        "  ".join(
            # Numbers stand at the right.
            cell.rjust(width) if number > 2 else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths))
        )
        for row in table
    ]


def _batch_words(info: BatchInfo) -> str:
    return (
        f"{info.name}: {info.site} · {info.job}, {_moment(info.moment)}, {counted(info.files, 'file')}, "
        f"{counted(info.bytes, 'byte')}, {counted(info.rows, 'row')}"
    )


def _lines_diff(title: str, before: list[str], after: list[str]) -> dict[str, str]:
    return {
        "before_header": title,
        "after_header": title,
        "before": "".join(f"{line}\n" for line in before),
        "after": "".join(f"{line}\n" for line in after),
    }
