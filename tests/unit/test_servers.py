# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A run that is killed leaves no server behind, and no folder of one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Iterator

import psycopg2
import pytest

from helpers import servers
from helpers.clock import TIME_LIMIT, until

TESTS = Path(servers.__file__).parents[1]
RUN = f"""\
import sys, time
sys.path.insert(0, {str(TESTS)!r})
from helpers.servers import running
with running() as server:
    print(server.url, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for temporary ones. A socket's path must be short, and that of a test is not."""
    folder = Path(tempfile.mkdtemp(prefix="run-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def run_with_server(place: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that begins to start a server in that folder."""
    variables = {**os.environ, "TMPDIR": str(place)}
    with subprocess.Popen(
        [sys.executable, "-c", RUN], env=variables, stdout=subprocess.PIPE, text=True
    ) as run:
        yield run
        run.kill()


def processes_of(folder: Path) -> list[bytes]:
    """The command lines of processes that name something in a folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found.append(file.read_bytes())
    return [line for line in found if os.fsencode(folder) in line]


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_killed_leaves_no_server_behind(
    run_with_server: subprocess.Popen[str], place: Path, by: signal.Signals
) -> None:
    psycopg2.connect(run_with_server.stdout.readline().strip()).close()
    assert any(b"postgres" in line for line in processes_of(place))
    run_with_server.send_signal(by)
    assert run_with_server.wait(TIME_LIMIT) == -by
    until(lambda: not list(place.iterdir()) and not processes_of(place))


def test_a_run_that_is_killed_while_its_server_starts_leaves_none_either(
    run_with_server: subprocess.Popen[str], place: Path
) -> None:
    until(lambda: bool(list(place.iterdir())))
    run_with_server.kill()
    until(lambda: not list(place.iterdir()) and not processes_of(place))


def test_a_server_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="initdb"), servers.running(tmp_path):
        pass
