# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Moments that a test has to let pass."""

from __future__ import annotations

import time
from typing import Callable

# A command that runs this long hangs.
TIME_LIMIT = 600


def let_clock_tick() -> None:
    """Let the clock of the kernel tick: a file that is stamped within a tick of a run is young for it."""
    time.sleep(0.02)


def until(happened: Callable[[], bool]) -> None:
    """Wait for something that is on its way."""
    deadline = time.monotonic() + TIME_LIMIT
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)
