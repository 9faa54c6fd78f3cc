# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Folders below ``.build`` with programs that the first test that wants them fetches, without root."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path
from typing import Callable, Mapping, Sequence

# Seconds for one command; on a fresh machine apt takes about ten, and npm fifteen.
LIMIT = 300


class CannotBeHad(Exception):
    """Why a program is not to be had on this machine."""


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder, made by one of the processes that want it, and whole wherever it is there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = folder.with_name(f"{folder.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder


def run(
    command: Sequence[str], folder: Path, variables: Mapping[str, str] | None = None, said: str = ""
) -> str:
    """What a command prints that runs to its end there; raises CannotBeHad if it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(variables or {})},
            input=said,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotBeHad(f"{command[0]} cannot be run: {error}") from None
    if done.returncode:
        raise CannotBeHad(f"{' '.join(command)} failed: {done.stderr[-1500:]}")
    return done.stdout
