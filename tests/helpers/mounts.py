# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""File systems that are mounted, and files that cannot go, for as long as a test takes."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

import pytest


@contextmanager
def mounted(place: Path, *options: str) -> Iterator[None]:
    """Something mounted there; a test is skipped where that is not allowed."""
    place.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *options, str(place)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def tmpfs(place: Path, size: str = "16m") -> Any:
    return mounted(place, "-t", "tmpfs", "-o", f"size={size}", "tmpfs")


@contextmanager
def immutable(*paths: str | bytes | Path) -> Iterator[None]:
    """Files that nobody can remove, not even root; a test is skipped where the file system knows none."""
    if os.geteuid() != 0:
        folders = {os.path.dirname(path) for path in paths}
        modes = {folder: os.stat(folder).st_mode for folder in folders}
        for folder, mode in modes.items():
            os.chmod(folder, mode & ~0o222)
        yield
        for folder, mode in modes.items():
            os.chmod(folder, mode)
        return
    done = subprocess.run(["chattr", "+i", *paths], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this file system has no attributes: {done.stderr}")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", *paths], check=True)
