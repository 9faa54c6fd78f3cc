# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Run a program as a user and show the end of what it said: ``as_user.py USER PROGRAM ARGUMENT…``.

The role needs it where root must not act: to run an interpreter of the site's user, and to write into a
folder of that user. Ansible's ``become_user`` would need ACLs or a folder that others can read. As root it
runs nothing but this interpreter and the shell.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Callable, NoReturn

# Seconds, and bytes: what runs belongs to the user, and may do what it wants.
TIME_LIMIT = 60
MOST_SAID = 16384
# Seconds between two looks at whether it has ended.
POLL = 0.1
# The call of the kernel by which a process has a session keyring of its own, on 64 bits: else the user's has
# root's, with the keys in there, such as Kerberos tickets.
KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280}.get(os.uname().machine)
JOIN_SESSION_KEYRING = 1
FOR_ROOT = ("/bin/sh", sys.executable)


def main() -> NoReturn:
    user, *command = sys.argv[1:]
    entry = pwd.getpwnam(user)
    if entry.pw_uid == 0 and command[0] not in FOR_ROOT:
        sys.exit(f"{command[0]} is not run as root; set user of the site to another user")
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"HOME": entry.pw_dir, "PATH": os.defpath},
            # Without a session of its own, it could type into root's terminal.
            start_new_session=True,
            preexec_fn=becoming(entry),
        )
    except (OSError, subprocess.SubprocessError) as error:
        sys.exit(f"{command[0]} cannot be run by {user}: {getattr(error, 'strerror', None) or error}")
    said = said_by(process, time.monotonic() + TIME_LIMIT)
    kill(process)
    status = process.wait()
    stream = sys.stderr if status else sys.stdout
    stream.write(said.decode("utf-8", "backslashreplace"))
    sys.exit(1 if status else 0)


def becoming(entry: pwd.struct_passwd) -> Callable[[], None]:
    def become() -> None:
        if os.geteuid() == 0 != entry.pw_uid:
            if KEYCTL and sys.maxsize > 1 << 32:
                ctypes.CDLL(None).syscall(KEYCTL, JOIN_SESSION_KEYRING, None)
            os.initgroups(entry.pw_name, entry.pw_gid)
            os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
            os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)

    return become


def said_by(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    """What a program says until it ends, or until it said or took too much."""
    stream, said = process.stdout, b""
    while stream and len(said) < MOST_SAID and time.monotonic() < deadline:
        # What it has started may keep the pipe open.
        has_ended = is_over(process)
        is_ready = bool(select.select([stream], [], [], 0 if has_ended else POLL)[0])
        chunk = os.read(stream.fileno(), MOST_SAID - len(said)) if is_ready else b""
        said += chunk
        if not chunk and (is_ready or has_ended):
            break
    return said


def is_over(process: subprocess.Popen[bytes]) -> bool:
    """Whether a program has ended; it is not reaped, so that its number stays its own until it is killed."""
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        # Where this process ignores the end of its children, the kernel has reaped it.
        return True


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the program, and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
