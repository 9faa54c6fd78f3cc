# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The role's programs that run as a site's user: whatever they do, root waits for none of them for ever."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.checkout import REPOSITORY
from helpers.clock import until
from helpers.users import NOBODY, needs_root

pytestmark = [needs_root, pytest.mark.promise(15)]

AS_USER = REPOSITORY / "roles/media_cleanup/files/as_user.py"
# Leaves the process group, and keeps the standard output that it was given.
DAEMON = "setsid sleep 60 & "
# Says something again and again, and never much.
SLOW = "while :; do echo; sleep 0.02; done"


def as_user(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    program = folder / "as_user.py"
    program.write_text(re.sub("(?m)^TIME_LIMIT = .*", "TIME_LIMIT = 1", AS_USER.read_text()))
    line = [sys.executable, "-I", program, "nobody", *command]
    return subprocess.run(line, text=True, capture_output=True, timeout=30, check=False)


def test_it_is_the_user_and_what_it_says_is_shown(tmp_path: Path) -> None:
    done = as_user(tmp_path, "/bin/sh", "-c", "id -u; echo no driver >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{NOBODY}\nno driver\n")
    assert as_user(tmp_path, "/bin/sh", "-c", "echo fine").stdout == "fine\n"


@pytest.mark.parametrize("then", ["exit 0", "sleep 60", "exec >&- 2>&-; sleep 60", "kill -STOP $$", SLOW])
def test_nothing_that_it_leaves_running_is_waited_for(tmp_path: Path, then: str) -> None:
    as_user(tmp_path, "/bin/sh", "-c", DAEMON + then)


def test_of_endless_output_the_beginning_is_shown(tmp_path: Path) -> None:
    done = as_user(tmp_path, "/bin/sh", "-c", "yes; true")
    assert done.returncode == 1
    assert 0 < len(done.stderr) <= 16384


def test_it_also_ends_where_the_end_of_children_is_ignored(tmp_path: Path) -> None:
    """As under a program that ignores SIGCHLD: the kernel reaps the child, and nobody knows its status."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        command = [sys.executable, "-I", AS_USER, "nobody", "/bin/sh", "-c", DAEMON + "echo fine"]
        # Its parent does not wait for it either.
        with (tmp_path / "said").open("w") as said:
            running = subprocess.Popen(command, stdout=said, stderr=said, stdin=subprocess.DEVNULL)
            until(lambda: running.poll() is not None)
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert (tmp_path / "said").read_text() == "fine\n"
