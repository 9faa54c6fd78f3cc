# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Runs a whole process and says what it took."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Mapping, NamedTuple, Sequence

LAUNCHER = Path(__file__).with_name("launch.py")


class Measurement(NamedTuple):
    """Seconds on the clock, seconds of processors, and MiB of the largest process.

    The processors' time is that of the process and all that it started, and of the database server.
    """

    wall: float
    cpu: float
    peak: float
    output: str

    @classmethod
    def typical(cls, several: Sequence[Measurement]) -> Measurement:
        """The median of each figure."""
        return cls(
            median(one.wall for one in several),
            median(one.cpu for one in several),
            median(one.peak for one in several),
            several[0].output,
        )


class Bench:
    """Runs commands, and knows the servers whose work counts as theirs."""

    def __init__(self, servers: Sequence[int], environment: Mapping[str, str], folder: Path) -> None:
        self._servers = servers
        self._environment = dict(environment)
        self._report = folder / "report"

    def run(self, command: Sequence[str]) -> Measurement:
        """Run a command to its end. Raises RuntimeError if it fails."""
        served = self._served()
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(LAUNCHER), str(self._report), *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            told = " ".join(command)[:300]
            raise RuntimeError(f"{told} ended with {done.returncode}:\n{done.stdout[-3000:]}")
        wall, cpu, peak = map(float, self._report.read_text().split())
        # The server's process for this connection is counted once the server has seen it end.
        time.sleep(0.1)
        return Measurement(wall, cpu + self._served() - served, peak, done.stdout)

    def _served(self) -> float:
        return sum(map(_processor_seconds, self._servers))


def _processor_seconds(pid: int) -> float:
    """What a process and its ended children have used (proc(5), fields 14 to 17 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
