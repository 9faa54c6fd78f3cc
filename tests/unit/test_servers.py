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
from helpers.databases import connect_mariadb

TESTS = Path(servers.__file__).parents[1]
RUN = f"""\
import signal, sys, time
# With nohup the tests ignore it, and so would this.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
sys.path.insert(0, {str(TESTS)!r})
from helpers import servers
with getattr(servers, sys.argv[1])() as server:
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
def run_with_server(place: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A run that begins to start a server of a kind in that folder."""
    if request.param == "running_mariadb":
        request.getfixturevalue("mariadb_server")  # skips where there is none
    variables = {**os.environ, "TMPDIR": str(place)}
    command = [sys.executable, "-c", RUN, request.param]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as run:
        yield run
        run.kill()


def processes_of(folder: Path) -> list[bytes]:
    """The command lines of processes that name something in a folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found.append(file.read_bytes())
    return [line for line in found if os.fsencode(folder) in line]


@pytest.mark.parametrize(
    ("run_with_server", "by"),
    [
        ("running", signal.SIGKILL),
        ("running", signal.SIGTERM),
        ("running", signal.SIGHUP),
        ("running_mariadb", signal.SIGKILL),
    ],
    indirect=["run_with_server"],
)
def test_a_run_that_is_killed_leaves_no_server_behind(
    run_with_server: subprocess.Popen[str], place: Path, by: signal.Signals
) -> None:
    url = run_with_server.stdout.readline().strip()
    (connect_mariadb if url.startswith("mysql") else psycopg2.connect)(url).close()
    assert any(b"postgres" in line or b"mariadbd" in line for line in processes_of(place))
    run_with_server.send_signal(by)
    assert run_with_server.wait(TIME_LIMIT) == -by
    until(lambda: not list(place.iterdir()) and not processes_of(place))


@pytest.mark.parametrize("run_with_server", ["running"], indirect=True)
def test_a_run_that_is_killed_while_its_server_starts_leaves_none_either(
    run_with_server: subprocess.Popen[str], place: Path
) -> None:
    until(lambda: bool(list(place.iterdir())))
    run_with_server.kill()
    until(lambda: not list(place.iterdir()) and not processes_of(place))


def test_a_server_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="initdb"), servers.running(tmp_path):
        pass
