# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""How a run of the command ended, in words, as data, and as the status that the shell sees."""

from __future__ import annotations

import argparse
import time
from typing import Any, NamedTuple, Sequence

from ..apply.outcome import Outcome
from ..config.site import OrphansJob, RecordsJob
from ..errors import CleanupError, Exit
from ..plan.plan import Plan
from ..report import words as report
from ..version import VERSION

_NOTHING = {"records": 0, "files": 0, "bytes": 0}


class Run(NamedTuple):
    """One job of the site: planned, carried out, or neither for the reason in ``error``."""

    job: OrphansJob | RecordsJob
    plan: Plan | None = None
    outcome: Outcome | None = None
    error: CleanupError | None = None

    @property
    def heading(self) -> str:
        table = f" · {self.job.table}" if isinstance(self.job, RecordsJob) else ""
        return f"{self.job.site.name} · {self.job.name}{table}"

    @property
    def status(self) -> Exit:
        if self.plan is None:
            return self.error.exit_status if self.error else Exit.FAILED
        if self.outcome is None and self.plan.refusals:
            is_partial = any(refusal.guard == "partial" for refusal in self.plan.refusals)
            return Exit.PARTIAL if is_partial else Exit.REFUSED
        if self.outcome is not None and (self.outcome.error or self.outcome.failed.total):
            return Exit.FAILED
        return Exit.DONE

    @property
    def has_something(self) -> bool:
        """Whether things went or, in a dry run, would go."""
        if self.plan is None:
            return False
        totals = self.outcome.removed if self.outcome else self.plan.found
        return bool(totals.records or totals.files)

    def words(self, verbose: bool) -> list[str]:
        """The lines that a person reads."""
        if self.plan is None:
            return [f"{self.heading} ({self.status.name.lower()})", f"  {self.error}"]
        lines = report.summary(self.plan, self.job, self.outcome, verbose)
        problem = report.problems(self.plan, self.outcome) if self.outcome else ""
        shown = self.outcome is not None and problem == self.outcome.error
        return [*lines, *([f"  {problem}"] if problem and not shown else [])]

    def data(self, verbose: bool) -> dict[str, Any]:
        """The same for programs."""
        told = {"heading": self.heading, "status": self.status.name.lower(), "message": ""}
        if self.plan is None:
            return {**told, "message": str(self.error), "found": _NOTHING, "removed": _NOTHING}
        message = " ".join(refusal.message for refusal in self.plan.refusals)
        if self.outcome is not None:
            message = report.problems(self.plan, self.outcome)
        result = report.result(self.plan, self.job, self.outcome, verbose, with_diff=False)
        return {**told, "message": message, **result}


def outcome_of(
    options: argparse.Namespace, runs: Sequence[dict[str, Any]], status: Exit, began: float
) -> dict[str, Any]:
    """All that is known at the end, as data."""
    ended = time.time()
    return {
        "site": options.site,
        "job": options.command,
        "version": VERSION,
        "dry_run": options.dry_run,
        "status": status.name.lower(),
        "exit_status": int(status),
        "began": round(began, 3),
        "ended": round(ended, 3),
        "seconds": round(ended - began, 3),
        "runs": list(runs),
    }
