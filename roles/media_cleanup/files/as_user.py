# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Become a user for good and run a program: ``as_user.py USER PROGRAM ARGUMENT…``.

The role needs it where root must not act: to run an interpreter of the site's user, and to write into a
folder of that user. Ansible's ``become_user`` would need ACLs or a folder that others can read.
"""

from __future__ import annotations

import os
import pwd
import sys


def main() -> None:
    user, *command = sys.argv[1:]
    entry = pwd.getpwnam(user)
    if os.geteuid() == 0 != entry.pw_uid:
        # Without a session of its own, it could type into root's terminal.
        os.setsid()
        os.initgroups(user, entry.pw_gid)
        os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
        os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    os.chdir("/")
    try:
        os.execve(command[0], command, {"HOME": entry.pw_dir, "PATH": os.defpath})  # noqa: S606
    except OSError as error:
        sys.exit(f"{command[0]} cannot be run by {user}: {error.strerror}")


if __name__ == "__main__":
    main()
