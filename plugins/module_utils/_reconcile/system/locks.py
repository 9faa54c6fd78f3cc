# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Locks that keep two runs off one site."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

from ..errors import BusyError


def lock(handle: int, what: str) -> None:
    """Take the lock of a directory without waiting; it is released when the handle is closed."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BusyError(f"{what} is in use by another run{_holder(handle)}. Try again later.") from None


def _holder(handle: int) -> str:
    """The process that holds the lock, as far as the kernel shows it."""
    status = os.fstat(handle)
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with suppress(OSError), open("/proc/locks") as locks:
        for line in locks:
            fields = line.split()
            if "FLOCK" in fields and place in fields:
                return f" (process {fields[fields.index(place) - 1]})"
    return ""
