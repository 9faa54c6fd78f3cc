# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What only somebody at a terminal sees: how far a run is, and the question before it removes."""

from __future__ import annotations

import sys
import time
from typing import Sequence, TextIO

from .ending import Run
from .site import OrphansJob, RecordsJob

# Seconds between two lines of progress.
PACE = 0.2


def write(text: str, stream: TextIO) -> None:
    """Write at once, so that a log or a pipe has it before what comes next."""
    stream.write(text)
    stream.flush()


def is_confirmed(going: Sequence[Run]) -> bool:
    for_good = any(run.job.site.quarantine is None for run in going)
    warning = "There is no quarantine: what goes is gone for good. " if for_good else ""
    write(f"{warning}Remove this? Type yes to go on: ", sys.stderr)
    return sys.stdin.readline().strip() == "yes"


class Progress:
    """How many files or rows were looked at and how fast, on a terminal only."""

    def __init__(self, job: OrphansJob | RecordsJob, is_quiet: bool) -> None:
        self.is_shown = not is_quiet and sys.stderr.isatty()
        self._what = "rows" if isinstance(job, RecordsJob) else "files"
        self._name = f"{job.site.name} · {job.name}"
        self._began = time.monotonic()
        self._told = self._began

    def tell(self, number: int) -> None:
        now = time.monotonic()
        if now - self._told < PACE:
            return
        self._told = now
        rate = number / (now - self._began)
        line = f"\r\x1b[K{self._name}: {number:,} {self._what} seen, {rate:,.0f} a second"
        write(line, sys.stderr)

    def end(self) -> None:
        if self.is_shown and self._told > self._began:
            write("\r\x1b[K", sys.stderr)
