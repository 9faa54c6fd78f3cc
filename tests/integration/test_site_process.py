# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The process of the site's user has no key of root's session, and root kills nothing else in its place."""

from __future__ import annotations

import ctypes
import os
import pwd
import select
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

from engine import process
from engine.config.trust.site_user import Worker
from engine.errors import CleanupError
from engine.system import keyring
from helpers.checkout import REPOSITORY
from helpers.users import NOBODY, give, needs_root, open_folder, python_for_everybody

pytestmark = [needs_root, pytest.mark.promise(15)]

SESSION_KEYRING = -3
ADD_KEY = {"x86_64": 248, "aarch64": 217}.get(os.uname().machine)
# Reads the key by its number, which the kernel allows to whoever has the keyring that it is in.
READ = """\
import ctypes, json, sys
found = ctypes.create_string_buffer(20)
ctypes.CDLL(None).syscall({keyctl}, 11, {key}, found, 20)
print(json.dumps(["result", found.value.decode()]))
"""


@pytest.fixture
def program() -> Iterator[Path]:
    """What the site's user runs, where this process has a secret in a session keyring of its own."""
    if ADD_KEY is None or keyring.KEYCTL is None or not keyring.leave_session_keyring():
        pytest.skip("the kernel has no keys here, or their calls are not known")
    key = ctypes.CDLL(None).syscall(ADD_KEY, b"user", b"ticket", b"secret", 6, SESSION_KEYRING)
    read = READ.format(keyctl=keyring.KEYCTL, key=key)
    with open_folder() as folder:
        found = folder / "python"
        found.write_text(f"#!{python_for_everybody()} -I\n{read}")
        found.chmod(0o755)
        give(folder)
        assert "secret" in subprocess.run([found], capture_output=True, text=True, check=True).stdout
        yield found


def test_the_sites_process_has_no_key_of_root(program: Path) -> None:
    entry = pwd.getpwuid(NOBODY)
    worker = Worker(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir, str(program), False)
    assert process.run(worker, "work", {}, lambda _kind, _content: None) == ""


def test_only_a_group_whose_number_is_still_its_own_is_killed(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a process is reaped, its number may be that of a group of anybody, whom root would kill."""
    program.write_text("#!/bin/sh\nexit 3\n")
    killed = []

    def kill(group: int, _signal: int) -> None:
        os.waitid(os.P_PID, group, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        killed.append(group)

    monkeypatch.setattr(os, "killpg", kill)
    entry = pwd.getpwuid(NOBODY)
    worker = Worker(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir, str(program), False)
    with pytest.raises(CleanupError, match="status 3"):
        process.run(worker, "work", {}, lambda _kind, _content: None)
    assert killed


def test_what_it_leaves_in_its_group_is_killed(program: Path) -> None:
    fifo = program.parent / "fifo"
    os.mkfifo(fifo)
    fifo.chmod(0o666)
    # The reader sees the end of the FIFO once its last writer is gone.
    # Both have it open before the result is there, after which they may be killed at any moment.
    program.write_text(f"#!/bin/sh\nexec 3> {fifo}\nsleep 600 &\necho '[\"result\", 1]'\nexec sleep 600\n")
    entry = pwd.getpwuid(NOBODY)
    worker = Worker(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir, str(program), False)
    with open(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        assert process.run(worker, "work", {}, lambda _kind, _content: None) == 1
        assert select.select([reader], [], [], 30)[0], "a writer is left"


def test_what_the_role_lets_a_user_run_has_none_either(program: Path) -> None:
    line = [sys.executable, "-I", REPOSITORY / "roles/media_cleanup/files/as_user.py", "nobody", program]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert "secret" not in done.stdout
