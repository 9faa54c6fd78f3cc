# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The process that owns a throwaway server, and outlives the run that asked for it only to stop it.

It takes its options as JSON, starts the server, and writes one line of JSON: the URL and the process of the
server, or an error. When its input ends, which it does even when the run is killed, it stops the server and
removes its folder.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

# Seconds until a server that neither starts nor stops is given up.
START_LIMIT, STOP_LIMIT = 120, 30
# What the postmaster writes into the last line of its file when it takes connections.
READY = ("ready", "standby")


class Installation:
    """The programs of one PostgreSQL, run on a folder of data by a user whom it accepts."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.folder = folder
        # It refuses to run as root.
        account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._identity: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid} if account else {}
        os.chown(folder, *(self._identity.values() if account else (-1, -1)))
        folder.chmod(0o755)  # clients of any user come in over the socket
        self._programs = self._reachable(programs)

    def _reachable(self, programs: Path) -> Path:
        """The programs, or a copy of them where the account may not enter the folder that they lie in."""
        # Asked first, by a user who may look everywhere: only programs are ever copied.
        (programs / "initdb").stat()
        try:
            command = (programs / "initdb", "--version")
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **self._identity)
        except PermissionError:
            copy = self.folder / "programs"
            shutil.copytree(programs.parent, copy, symlinks=True)
            return copy / programs.name
        return programs

    def start(self, program: str, *options: str) -> subprocess.Popen[bytes]:
        with self._log(program).open("w") as log:
            return subprocess.Popen(
                [self._programs / program, "-D", self.folder / "data", *options],
                cwd="/",
                env={"LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self._identity,
            )

    def run(self, program: str, *options: str) -> None:
        """Run a program to its end. Raises OSError if it fails."""
        if self.start(program, *options).wait():
            raise self.error(program)

    def error(self, program: str) -> OSError:
        return OSError(f"{program} of {self._programs} failed: {self._log(program).read_text()[-1000:]}")

    def _log(self, program: str) -> Path:
        return self.folder / f"{program}.log"


@contextmanager
def running_postgresql(programs: Path, folder: Path, settings: list[str], following: str) -> Iterator[int]:
    """A server while it takes connections, by its process; a standby if it follows another's URL."""
    installation = Installation(programs, folder)
    if following:
        installation.run("pg_basebackup", "--dbname", following, "--write-recovery-conf", "--checkpoint=fast")
    else:
        installation.run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = [
        f"--{setting}"
        for setting in (*settings, "listen_addresses=", "max_connections=50", "max_prepared_transactions=10")
    ]
    server = installation.start("postgres", "-k", str(folder), *options)
    try:
        deadline = time.monotonic() + START_LIMIT
        while not _is_ready(folder / "data" / "postmaster.pid"):
            if server.poll() is not None or time.monotonic() > deadline:
                raise installation.error("postgres")
            time.sleep(0.02)
        yield server.pid
    finally:
        _stop(server)


@contextmanager
def running_mariadb(
    root: Path, folder: Path, settings: list[str], libraries: str, new_data: str
) -> Iterator[int]:
    """The same of MariaDB, whose packages are unpacked in a folder, on a copy of new data."""
    folder.chmod(0o755)  # clients of any user come in over the socket
    data, socket = folder / "data", folder / "socket"
    shutil.copytree(new_data, data)
    has_port = any(setting.startswith("port=") for setting in settings)
    options = (
        "--no-defaults",
        f"--basedir={root / 'usr'}",
        f"--datadir={data}",
        f"--user={pwd.getpwuid(os.geteuid()).pw_name}",
        *(f"--{setting}" for setting in settings),
        *(() if has_port else ("--skip-networking",)),
        f"--socket={socket}",
    )
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [root / "usr/sbin/mariadbd", *options],
            cwd="/",
            env={"LC_ALL": "C.UTF-8", "LD_LIBRARY_PATH": libraries},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            deadline = time.monotonic() + START_LIMIT
            while not socket.exists():
                if server.poll() is not None or time.monotonic() > deadline:
                    raise OSError((folder / "log").read_text(errors="replace")[-1000:])
                time.sleep(0.02)
            yield server.pid
        finally:
            _stop(server)


def _is_ready(postmaster: Path) -> bool:
    try:
        return postmaster.read_text().splitlines()[-1].strip() in READY
    except (FileNotFoundError, IndexError):
        return False


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGQUIT)  # at once: nobody needs the data
    try:
        server.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


@contextmanager
def a_folder(prefix: str, place: str) -> Iterator[str]:
    """A folder for a while."""
    folder = tempfile.mkdtemp(prefix=prefix, dir=place)
    try:
        yield folder
    finally:
        # A server that is stopped while it starts has children that write for a moment longer.
        deadline = time.monotonic() + STOP_LIMIT
        while os.path.exists(folder) and time.monotonic() < deadline:
            shutil.rmtree(folder, ignore_errors=True)
            time.sleep(0.02)


def say(told: dict[str, Any]) -> None:
    print(json.dumps(told), flush=True)


@contextmanager
def running(kind: str, place: str, programs: str, *options: Any) -> Iterator[dict[str, Any]]:
    """A server of that kind in a folder of its own: its URL and its process."""
    prefix = "media-cleanup-pg-" if kind == "postgresql" else "media-cleanup-maria-"
    with a_folder(prefix, place) as folder:
        if kind == "postgresql":
            with running_postgresql(Path(programs), Path(folder), *options) as process:
                yield {"url": f"postgresql://postgres:@/postgres?host={folder}", "process": process}
        else:
            with running_mariadb(Path(programs), Path(folder), *options) as process:
                yield {"url": f"mysql://root@/?unix_socket={folder}/socket", "process": process}


def main(*options: Any) -> None:
    # As by the end of its input, so that the server is stopped and its folder removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        with running(*options) as told:
            say(told)
            sys.stdin.buffer.read()
    except OSError as error:
        say({"error": str(error)})


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
