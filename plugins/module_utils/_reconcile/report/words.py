# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Plans and outcomes in words for people.

Every name from a disk or a database is escaped here, on its way out: names are bytes, a report is text.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Sequence

from ..apply.outcome import Outcome
from ..kept import Code, Kept
from ..plan.plan import Plan
from ..run import Run
from ..spool import Listed
from ..text import counted, dependents_words, escaped, printable
from .description import SAMPLE, Description

_WIDEST_CELL = 60


def run_lines(run: Run, description: Description | None, verbose: bool) -> list[str]:
    """The report of one job of a run, planned, applied or neither."""
    if description is None:
        return [f"{run.job.heading} ({run.status.name.lower()})", f"  {run.error}"]
    lines = summary(description, verbose)
    problem = problems(description.outcome)
    is_shown = description.outcome is not None and problem == description.outcome.error
    return [*lines, *([f"  {problem}"] if problem and not is_shown else [])]


def summary(of: Description, verbose: bool) -> list[str]:
    """The lines that a person reads; with ``verbose`` every listed item, otherwise a sample."""
    plan, outcome = of.plan, of.outcome
    lines = [f"{of.job.site.name} · {of.job.name} ({_state(plan, outcome)})", *of.lines()]
    lines += sample(_item_lines(of, verbose), total(plan, outcome), verbose)
    if of.dependents:
        lines.append("  dependent rows: " + "; ".join(dependents_words(of.dependents)))
    lines += _kept_lines(of, verbose)
    lines += _unlisted_lines(of, verbose)
    if outcome is not None and not plan.refusals:
        for_good = ", deleted for good" if of.job.site.quarantine is None else ""
        lines.append("  " + of.done(outcome.removed.as_dict()) + for_good)
        if outcome.relinks.total:
            lines.append(f"  pointed at the file that was moved: {counted(outcome.relinks.total, 'row')}")
        if outcome.batch:
            lines.append(f"  kept in quarantine as batch {outcome.batch}")
        if outcome.recorded:
            lines.append(f"  {outcome.recorded}")
    if outcome is None and of.job.site.quarantine is None:
        lines.append("  permanent: what is removed is deleted for good")
    lines += [f"  refused: {refusal.message}" for refusal in plan.refusals]
    lines += [f"  note: {warning}" for warning in (*plan.warnings, *notes(outcome))]
    if outcome is not None and outcome.error:
        lines.append(f"  failed: {outcome.error}")
    return list(map(printable, lines))


def removal(of: Description) -> str:
    """A plan in one line of a question: rows, files, bytes, dependent rows, and whether they are kept."""
    parts = [of.totals(of.plan.found.as_dict())]
    if of.dependents:
        parts.append("dependent rows: " + ", ".join(dependents_words(of.dependents)))
    if of.relinks.total:
        parts.append(f"{counted(of.relinks.total, 'row')} to point at the file that was moved")
    return f"{of.job.heading}: " + "; ".join([*parts, fate(of)])


def fate(of: Description) -> str:
    """What becomes of what a job removes."""
    return "deleted for good" if of.job.site.quarantine is None else "moved into quarantine"


def _state(plan: Plan, outcome: Outcome | None) -> str:
    if plan.refusals:
        return "refused"
    if outcome is None:
        return "dry run"
    return "failed" if outcome.error else "done"


def shown_items(plan: Plan, outcome: Outcome | None, most: int) -> list[Any]:
    """What was removed or, in a dry run, would be; the first of it."""
    return outcome.removed_items.items if outcome else list(islice(plan.items, most))


def total(plan: Plan, outcome: Outcome | None) -> int:
    return outcome.removed_items.total if outcome else len(plan.items)


def warnings(plan: Plan, with_refusals: bool, outcome: Outcome | None = None) -> list[str]:
    """What is reported even of a run that succeeded."""
    refusals = plan.refusals if with_refusals else []
    spelled = [kept for kept in plan.kept.items if kept.code is Code.OTHER_SPELLING]
    found = [
        *plan.warnings,
        *(column.words for column in plan.unlisted[:SAMPLE] if column.keeps),
        *notes(outcome),
        *(refusal.message for refusal in refusals),
        *(f"{escaped(kept.name)}: {kept.reason}" for kept in spelled[:SAMPLE]),
    ]
    return list(map(printable, found))


def notes(outcome: Outcome | None) -> Sequence[str]:
    """What a person should know of how things are kept that were removed."""
    return outcome.remover.notes if outcome else ()


def problems(outcome: Outcome | None) -> str:
    """Why an applied plan is a failure, in one text; empty if it is none."""
    if outcome is None:
        return ""
    found = [outcome.error] if outcome.error else []
    if outcome.failed.total:
        first = outcome.failed.items[0] if outcome.failed.items else None
        was = "was" if outcome.failed.total == 1 else "were"
        shown = f", first {escaped(first.name)}: {first.reason}" if first else ""
        found.append(
            f"{counted(outcome.failed.total, 'file')} could not be removed and {was} kept{shown}. "
            "Fix that, then run again."
        )
    return printable(" ".join(found))


def all_kept(of: Description) -> Listed[Kept]:
    """What the plan keeps, and what was kept when it was applied."""
    joined: Listed[Kept] = Listed(of.job.site.max_listed)
    for listed in (of.plan.kept, *([of.outcome.kept] if of.outcome else [])):
        for kept in listed.items:
            joined.add(kept)
    joined.total = of.plan.kept.total + (of.outcome.kept.total if of.outcome else 0)
    return joined


def sample(lines: list[str], total: int, verbose: bool) -> list[str]:
    """All of some lines or the first few, and how many more there are."""
    shown = lines if verbose else lines[:SAMPLE]
    rest = total - len(shown)
    return [*shown, f"    … and {rest:,} more"] if rest > 0 else shown


def _item_lines(of: Description, verbose: bool) -> list[str]:
    items = shown_items(of.plan, of.outcome, of.job.site.max_listed)
    shown = [of.item_words(item) for item in items]
    # The lines that are not shown widen no column.
    shown = shown if verbose else shown[:SAMPLE]
    widths = [min(_WIDEST_CELL, max(map(len, column))) for column in zip(*shown)]
    padded = [[cell.ljust(width) for cell, width in zip(cells, widths)] for cells in shown]
    return [f"    {name}  {'   '.join(others)}".rstrip() for name, *others in padded]


def _kept_lines(of: Description, verbose: bool) -> list[str]:
    kept = all_kept(of)
    if not kept.total:
        return []
    lines = [f"    {escaped(item.name)}: {item.reason}" for item in kept.items]
    return [f"  {kept.total:,} kept:", *sample(lines, kept.total, verbose)]


def _unlisted_lines(of: Description, verbose: bool) -> list[str]:
    """Which columns mention files and are not listed, or that nobody has searched for any."""
    if not of.job.site.enabled("sweep"):
        return ["  sweep: false: what only a column mentions that is not listed counts as not needed"]
    columns = of.plan.unlisted
    lines = [f"    {column.words}" for column in columns[: of.job.site.max_listed]]
    if not lines:
        return []
    return ["  mentioned in columns that are not compared:", *sample(lines, len(columns), verbose)]
