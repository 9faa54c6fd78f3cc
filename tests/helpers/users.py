# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Sites that belong to another user than the one who runs the tests, who is root then."""

from __future__ import annotations

import functools
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

NOBODY = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@functools.lru_cache(maxsize=None)
def python_for_everybody() -> str:
    """An interpreter that another user can run; root's own may lie in root's home."""
    for python in (sys.executable, "/usr/bin/python3"):
        # Not by setpriv, which starts a program that only root could have started.
        with suppress(PermissionError, FileNotFoundError):
            subprocess.run(
                [python, "-I", "-c", "import sqlite3"], check=True, cwd="/", user=NOBODY, group=NOBODY
            )
            return python
    pytest.skip("no Python on this machine can be run by another user than root")


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that everybody can reach, which pytest's are not."""
    folder = Path(tempfile.mkdtemp(prefix="media-cleanup-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def give(folder: Path, user: int = NOBODY) -> None:
    """Give a folder, with all that is in it, to a user."""
    subprocess.run(["chown", "--recursive", "--no-dereference", f"{user}:{user}", folder], check=True)


def as_nobody(function: Callable[[], Any]) -> Any:
    """Call a function as a user whom permissions hold off, and return what it returned."""
    if os.geteuid() != 0:
        return function()
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(theirs, function)
    os.close(theirs)
    with open(ours, "rb") as answers:
        told = answers.read()
    os.waitpid(child, 0)
    worked, answer = pickle.loads(told)
    if not worked:
        pytest.fail(answer)
    return answer


def _answer(pipe: int, function: Callable[[], Any]) -> None:
    """The child's part: never comes back into the test run."""
    try:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        told = pickle.dumps((True, function()))
    except BaseException:
        told = pickle.dumps((False, traceback.format_exc()))
    with open(pipe, "wb") as answers:
        answers.write(told)
    os._exit(0)
