# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The programs of a MariaDB server, and mysqlclient, for tests: Debian's packages unpacked below ``.build``.

apt keeps its lists and downloads there too, so neither root nor an installation is needed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, Mapping, Sequence

from helpers.checkout import REPOSITORY

PLACE = REPOSITORY / ".build" / "mariadb"
SERVER = (
    "libaio1",
    "liburing2",
    "mysql-common",
    "mariadb-common",
    "libmariadb3",
    "mariadb-client-core",
    "mariadb-server-core",
)
# mysqlclient is built with these: PyPI has no wheel of it.
HEADERS = ("libmariadb-dev",)
# Seconds for one step; on a fresh machine all of them together take about ten.
LIMIT = 300


class CannotBeHad(Exception):
    """Why there is no MariaDB, or no driver, on this machine."""


def installation() -> Path:
    """The folder of the unpacked packages, which are fetched if need be; raises CannotBeHad."""
    return _made_once(PLACE / "root", _unpack)


def library(root: Path) -> Path:
    """The folder of the shared libraries in that folder."""
    return next((root / "usr" / "lib").glob("*/libmariadb.so.3")).parent


def mysqlclient() -> Path:
    """A folder for ``sys.path`` that has mysqlclient, which is built if need be; raises CannotBeHad."""
    installation()
    return _made_once(PLACE / f"mysqlclient-{sys.implementation.cache_tag}", _build_mysqlclient)


def _made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder, made by one of the processes that want it, and whole wherever it is there."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = folder.with_name(f"{folder.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder


def _unpack(folder: Path) -> None:
    apt = PLACE / "apt"
    for part in ("state/lists/partial", "cache/archives/partial", "packages"):
        (apt / part).mkdir(parents=True, exist_ok=True)
    (apt / "state" / "status").touch()
    options = (
        f"-oDir::State={apt / 'state'}",
        f"-oDir::State::status={apt / 'state' / 'status'}",
        f"-oDir::Cache={apt / 'cache'}",
        "-oAPT::Sandbox::User=",
        "-qq",
    )
    _run(["apt-get", *options, "update"])
    _run(["apt-get", *options, "download", *SERVER, *HEADERS], apt / "packages")
    for package in sorted((apt / "packages").glob("*.deb")):
        _run(["dpkg", "-x", str(package), str(folder)])
    shutil.rmtree(apt)


def _build_mysqlclient(folder: Path) -> None:
    root = PLACE / "root"
    libraries = library(root)
    flags = {
        "MYSQLCLIENT_CFLAGS": f"-I{root / 'usr' / 'include' / 'mariadb'}",
        "MYSQLCLIENT_LDFLAGS": f"-L{libraries} -lmariadb -Wl,-rpath,{libraries}",
    }
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps"]
    _run([*pip, "--target", str(folder), "mysqlclient >= 2.2"], variables=flags)


def _run(command: Sequence[str], folder: Path = PLACE, variables: Mapping[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(variables or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotBeHad(f"{command[0]} cannot be run: {error}") from None
    if done.returncode:
        raise CannotBeHad(f"{' '.join(command)} failed: {done.stderr[-1000:]}")
