# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the command says to a person: lines, complaints, progress, and the question."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import Iterator, Sequence, TextIO

from .. import run as jobs
from ..config.site import Job
from ..errors import UnconfirmedError
from ..session import Progress
from ..text import printable

# Seconds between two lines of progress.
PACE = 0.2
# Goes back to the start of a terminal's line, and clears it.
CLEAR_LINE = "\r\x1b[K"


def write(text: str, stream: TextIO) -> None:
    """Write at once, so that a log or a pipe has it before what comes next."""
    stream.write(text)
    stream.flush()


def say(lines: Sequence[str], stream: TextIO) -> None:
    # Whatever is in them: an escape sequence would be the terminal's to obey.
    write("".join(f"{printable(line)}\n" for line in lines), stream)


def complain(message: str) -> None:
    say([f"media-cleanup: {message}"], sys.stderr)


def require_somebody(undone: str, instead: str) -> None:
    """Raise UnconfirmedError unless there is a terminal at which the question can be answered."""
    if not sys.stdin.isatty():
        raise UnconfirmedError(f"nobody can be asked without a terminal, so {undone}. {instead}")


def is_confirmed(question: str) -> bool:
    write(f"{printable(question)} Type yes to continue: ", sys.stderr)
    return sys.stdin.readline().strip() == "yes"


class ProgressLine:
    """How many files or rows were examined, how fast, and about which share, on a terminal only."""

    def __init__(self, job: Job, is_quiet: bool) -> None:
        self.is_shown = not is_quiet and sys.stderr.isatty()
        self._job = job
        self._what = jobs.KINDS[job.name].examined
        self._began = time.monotonic()
        self._shown = self._began
        self._expected: int | None = None

    def show(self, number: int) -> None:
        if not self._is_time():
            return
        # Only a run that takes long enough to show a line pays for the estimate.
        if self._expected is None:
            self._expected = jobs.expected(self._job)
        self._show(f"{number:,} {self._what} examined", number, self._share(number))

    def show_searched(self, number: int) -> None:
        if self._is_time():
            self._show(f"{number:,} rows searched for mentions of files", number)

    def _is_time(self) -> bool:
        return time.monotonic() - self._shown >= PACE

    def _show(self, done: str, number: int, share: str = "") -> None:
        self._shown = time.monotonic()
        rate = number / (self._shown - self._began)
        name = f"{printable(self._job.site.name)} · {self._job.name}"
        write(f"{CLEAR_LINE}{name}: {done}, {rate:,.0f} a second{share}", sys.stderr)

    def _share(self, number: int) -> str:
        """The share of what is expected, which may turn out too small; nothing where it is unknown."""
        return f", about {min(99, 100 * number // self._expected)} %" if self._expected else ""

    def end(self) -> None:
        if self.is_shown and self._shown > self._began:
            write(CLEAR_LINE, sys.stderr)


@contextmanager
def watched(job: Job, is_quiet: bool) -> Iterator[tuple[Progress, Progress] | None]:
    """Yield what shows the progress of a job and of the sweep on a terminal; None where there is none."""
    progress = ProgressLine(job, is_quiet)
    try:
        yield (progress.show, progress.show_searched) if progress.is_shown else None
    finally:
        progress.end()
