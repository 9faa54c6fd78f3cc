# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Whether what decides about a run, a site file or an interpreter, can be written by somebody else."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat
from typing import Iterator

ROOT = 0


def why_untrusted(path: str) -> str | None:
    """Say why somebody else than root or this user may write a file, and the command to run, or None.

    Links are followed, and every directory on the way counts, also to what a link leads to. What does not
    exist counts by its directory. Raises OSError where something cannot be examined.
    """
    for each in _on_the_way(path):
        try:
            status = os.lstat(each)
        except (FileNotFoundError, NotADirectoryError):
            continue
        if stat.S_ISLNK(status.st_mode):
            # Whoever may exchange a link may write its directory, which is examined too.
            continue
        why = _why_untrusted(each, status, {ROOT, os.geteuid()})
        if why:
            return why
    return None


def _on_the_way(path: str) -> Iterator[str]:
    """The path, what it leads to, and all directories above both, each once."""
    seen = set()
    for each in (os.path.abspath(path), os.path.realpath(path)):
        while each not in seen:
            seen.add(each)
            yield each
            each = os.path.dirname(each)


def _why_untrusted(path: str, status: os.stat_result, trusted: set[int]) -> str | None:
    quoted = shlex.quote(path)
    if status.st_uid not in trusted:
        return f"{path} belongs to {user_words(status.st_uid)}. Run: chown root {quoted}"
    if not is_writable_by_others(status, trusted):
        return None
    if status.st_mode & stat.S_IWOTH:
        return f"everybody may write {path}. Run: chmod go-w {quoted}"
    return f"the group of {path} may write it. Run: chmod g-w {quoted}"


def is_writable_by_others(status: os.stat_result, trusted: set[int]) -> bool:
    """Whether somebody else than the trusted users may write a file, or exchange what is in a directory."""
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        # In a sticky directory, such as /tmp, nobody may exchange what belongs to somebody else.
        return False
    if status.st_mode & stat.S_IWOTH:
        return True
    return bool(status.st_mode & stat.S_IWGRP) and has_other_members(status.st_gid, trusted)


def user_words(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"the unknown user {uid}"


def has_other_members(gid: int, trusted: set[int]) -> bool:
    """Whether somebody else than the trusted users is in a group; so it is of one that is not known."""
    try:
        members = {pwd.getpwnam(name).pw_uid for name in grp.getgrgid(gid).gr_mem}
    except KeyError:
        return True
    members.update(entry.pw_uid for entry in pwd.getpwall() if entry.pw_gid == gid)
    return bool(members - trusted)
