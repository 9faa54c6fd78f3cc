# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Programs out of Debian's packages, unpacked below ``.build``.

apt keeps its lists and downloads there too, so neither root nor an installation is needed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path
from typing import Callable, Mapping, Sequence

from helpers.checkout import REPOSITORY

PLACE = REPOSITORY / ".build" / "debian"
# Seconds for one step; on a fresh machine all of them together take about ten.
LIMIT = 300


class CannotBeHad(Exception):
    """Why a program is not to be had on this machine."""


def unpacked(name: str, packages: Sequence[str], with_needed: bool = False) -> Path:
    """The folder of this name with these packages, fetched if need be; raises CannotBeHad.

    What they need is there too if asked for, unless this machine has it installed.
    """
    return made_once(PLACE / name, lambda folder: _unpack(folder, packages, with_needed))


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder, made by one of the processes that want it, and whole wherever it is there."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = folder.with_name(f"{folder.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder


def _unpack(folder: Path, packages: Sequence[str], with_needed: bool) -> None:
    apt = folder.with_name(f"{folder.name}.apt")
    shutil.rmtree(apt, ignore_errors=True)
    for part in ("state/lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True)
    options = (
        f"-oDir::State={apt / 'state'}",
        # What is installed need not be fetched, whatever a distribution calls it.
        "-oDir::State::status=/var/lib/dpkg/status",
        f"-oDir::Cache={apt / 'cache'}",
        "-oAPT::Sandbox::User=",
        "-oDebug::NoLocking=1",
        "-qq",
    )
    run(["apt-get", *options, "update"])
    if with_needed:
        fetch = ["install", "--yes", "--download-only", "--reinstall", "--no-install-recommends"]
    else:
        fetch = ["download"]
    archives = apt / "cache" / "archives"
    run(["apt-get", *options, *fetch, *packages], archives)
    for package in sorted(archives.glob("*.deb")):
        run(["dpkg", "-x", str(package), str(folder)])
    shutil.rmtree(apt)


def run(command: Sequence[str], folder: Path = PLACE, variables: Mapping[str, str] | None = None) -> None:
    """Run a command to its end; raises CannotBeHad if that fails."""
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
