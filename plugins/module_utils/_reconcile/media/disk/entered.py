# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The directories that a listing has entered: whether they hold now what they held then.

Of a local file system, a directory gets another ctime whenever an entry comes into it or leaves it.
"""

from __future__ import annotations

import os
import time
from typing import Iterable, NamedTuple

# The kernel stamps files by a clock that ticks every 10 ms at the slowest.
CLOCK_TICK_NS = 10_000_000
# File systems of this host alone that are known to do so.
_WITH_CTIMES = ("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "tmpfs", "zfs")
# The ctime of a directory that may change without another one.
_UNKNOWN = -1


class Entered(NamedTuple):
    """A directory that a listing is about to read: its path with a slash, and its ctime in nanoseconds."""

    prefix: bytes
    ctime_ns: int

    @classmethod
    def now(cls, prefix: bytes, ctime_ns: int) -> Entered:
        # What comes within the same tick of the clock leaves a directory its ctime.
        is_settled = ctime_ns < time.time_ns() - CLOCK_TICK_NS
        return cls(prefix, ctime_ns if is_settled else _UNKNOWN)


def are_unchanged(root: int, kind: str, entered: Iterable[Entered]) -> bool:
    """Whether directories below an open one hold the entries that they held; False in doubt.

    ``kind`` is the type of their file system.
    """
    if kind not in _WITH_CTIMES:
        return False
    try:
        return all(
            os.stat(prefix or b".", dir_fd=root, follow_symlinks=False).st_ctime_ns == ctime_ns
            for prefix, ctime_ns in entered
        )
    except OSError:
        return False
