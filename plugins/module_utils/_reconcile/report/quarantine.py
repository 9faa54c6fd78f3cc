# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Batches, and what was restored and purged of them, in words and as data."""

from __future__ import annotations

from typing import Any, Iterable, Sequence

from ..apply.purge import Purged
from ..apply.restore_rows import Restored
from ..kept import Kept
from ..plan.plan import Totals
from ..quarantine.store import BatchInfo
from ..text import amounts, counted, escaped, moment, printable
from .data import lines_diff
from .words import sample

# Of a purge that is done, and of one in a dry run, which announces nothing.
_ANNOUNCED = {False: "this purge", True: "the next purge that is no dry run"}


def restored(found: Restored, check: bool) -> dict[str, Any]:
    """The result of restoring a batch, or of what that would restore."""
    totals, kept = found.totals, found.kept
    would = "would be restored" if check else "restored"
    set_back = f"{counted(found.updated, 'row')} set back" if found.updated else ""
    lines = [
        f"batch {found.batch} · restore ({'dry run' if check else 'done'})",
        f"  {would}: " + ("; ".join(filter(None, (amounts(totals.as_dict()), set_back))) or "nothing"),
        *sample([f"    {escaped(path)}" for path in found.paths.items], totals.files, verbose=False),
    ]
    if kept.total:
        lines.append(f"  {kept.total:,} {'is' if kept.total == 1 else 'are'} kept in quarantine:")
        # All of them, because somebody has to act on each.
        each = [printable(f"    {escaped(item.name)}: {item.reason}") for item in kept.items]
        lines += sample(each, kept.total, verbose=True)
        lines.append("  Fix that and restore the batch again; it restores the rest.")
    paths = [escaped(path) for path in found.paths.items]
    return {
        "changed": bool(totals.files or totals.records or found.updated),
        **_of_batches([found.batch], {**totals.as_dict(), "updated": found.updated}, paths),
        "announced": [],
        "purged": _added_up([]),
        "truncated": found.paths.truncated or kept.truncated,
        **_kept(kept.items, kept.total),
        "summary": "\n".join(lines),
        "diff": lines_diff(f"batch {found.batch}", [], paths),
    }


def purged(done: Purged, check: bool) -> dict[str, Any]:
    """The result of purging batches, or of what that would purge."""
    found, kept = done.batches, done.kept
    lines = [f"purge ({'dry run' if check else 'done'}): {counted(len(found), 'batch', 'batches')}"]
    lines += [f"  {_batch_words(info)}" for info in found]
    lines += [f"  {note}" for note in done.notes]
    if done.announced:
        lines.append(f"  due, and deleted at the earliest a day after {_ANNOUNCED[check]}:")
        lines += [f"    {_batch_words(info)}" for info in done.announced]
    if kept.total:
        lines.append(f"  kept in quarantine: {counted(kept.total, 'file')}")
        each = [printable(f"    {escaped(item.name)}: {item.reason}") for item in kept.items]
        lines += sample(each, kept.total, verbose=True)
    return {
        "changed": bool(found),
        **_of_batches([info.name for info in found], {**Totals().as_dict(), "updated": 0}, []),
        "announced": [info.name for info in done.announced],
        "purged": _added_up(found),
        "truncated": kept.truncated,
        **_kept(kept.items, kept.total),
        "summary": "\n".join(lines),
        "diff": lines_diff("quarantine", [_batch_words(info) for info in found], []),
    }


def pinned(name: str, pinned: bool, changes: bool, check: bool) -> dict[str, Any]:
    """The result of pinning or unpinning a batch, or of what that would do."""
    verb = "pinned" if pinned else "unpinned"
    how = ("would be " if check else "is now ") if changes else "is already "
    words = f"batch {name} {how}{verb}"
    return {
        "changed": changes,
        **_of_batches([name], {**Totals().as_dict(), "updated": 0}, []),
        "announced": [],
        "purged": _added_up([]),
        "truncated": False,
        **_kept([], 0),
        "summary": printable(words),
        "diff": lines_diff(f"batch {name}", [], [verb] if changes else []),
    }


def _of_batches(names: list[str], totals: dict[str, int], paths: list[str]) -> dict[str, Any]:
    return {"batches": names, "restored": totals, "paths": paths}


def stock(kept: Iterable[BatchInfo]) -> dict[str, float]:
    """What a quarantine keeps after a purge, as numbers to be watched. A pinned batch may be of any age."""
    batches = list(kept)
    ages = [info.moment for info in batches if not info.pinned]
    return {
        "batches": len(batches),
        "bytes": sum(info.bytes for info in batches),
        "oldest_timestamp_seconds": min(ages, default=0),
    }


def _added_up(found: list[BatchInfo]) -> dict[str, int]:
    return {
        "batches": len(found),
        "records": sum(info.rows for info in found),
        "files": sum(info.files for info in found),
        "bytes": sum(info.bytes for info in found),
    }


def _kept(items: Iterable[Kept], total: int) -> dict[str, Any]:
    return {
        "left_alone": [item.as_dict(escaped(item.name)) for item in items],
        "left_alone_total": total,
    }


def batches(found: Sequence[BatchInfo], most: int) -> dict[str, Any]:
    """The result of listing batches: the newest ones, and how many older ones there are."""
    older = max(0, len(found) - most)
    shown = found[older:]
    lines = (
        [f"{counted(older, 'older batch', 'older batches')} not listed: raise max_listed"] if older else []
    )
    lines += [_batch_words(info) for info in shown]
    return {
        "batches": [_batch_data(info) for info in shown],
        "batches_total": len(found),
        "truncated": bool(older),
        "summary": "\n".join(lines or ["no batches"]),
    }


def unreadable_words(problems: Sequence[str], most: int) -> list[str]:
    """What is wrong with batches that cannot be read, of no more than so many."""
    more = len(problems) - most
    return [
        *problems[:most],
        *([f"{counted(more, 'more batch', 'more batches')} cannot be read"] if more > 0 else []),
    ]


def _batch_data(info: BatchInfo) -> dict[str, Any]:
    fields = info._asdict()
    texts = {name: printable(value) for name, value in fields.items() if isinstance(value, str)}
    return {**fields, **texts, "moment": moment(info.moment)}


def batch_table(found: list[BatchInfo]) -> list[str]:
    """The batches as columns under a head, the oldest first."""
    if not found:
        return ["no batches"]
    rows = [
        (
            info.name,
            moment(info.moment),
            _job_words(info),
            f"{info.files:,}",
            f"{info.bytes:,}",
            f"{info.rows:,}",
        )
        for info in found
    ]
    table = [("BATCH", "REMOVED", "JOB", "FILES", "BYTES", "ROWS"), *rows]
    widths = [max(map(len, column)) for column in zip(*table)]
    return [
        printable(
            "  ".join(
                # Numbers stand at the right.
                cell.rjust(width) if number > 2 else cell.ljust(width)
                for number, (cell, width) in enumerate(zip(row, widths))
            )
        )
        for row in table
    ]


def _job_words(info: BatchInfo) -> str:
    return f"{info.job}, pinned" if info.pinned else info.job


def _batch_words(info: BatchInfo) -> str:
    what = f"{info.name}: {info.site} · {_job_words(info)}, {moment(info.moment)}"
    held = (counted(info.files, "file"), counted(info.bytes, "byte"), counted(info.rows, "row"))
    return printable(", ".join((what, *held)))
