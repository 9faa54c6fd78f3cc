# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Stamps of directories: as long as a directory has the same one, the same names lead to the same files."""

from __future__ import annotations

import os
import time

from .mounts import mounted_from

# File systems of this kernel alone, which stamps each change of a directory. Those of a network, of FUSE and
# of layers may be changed by others, by another clock.
_STAMPED_HERE = ("ext2", "ext3", "ext4", "f2fs", "tmpfs", "xfs", "zfs")
# Of two changes within one tick of a clock the second does not show: ext3 has whole seconds.
_LONGEST_TICK_NS = 2_000_000_000


class Stamps:
    """Stamps of the directories on one device."""

    def __init__(self, device: int) -> None:
        self._device = device
        self._are_certain = mounted_from(device)[0] in _STAMPED_HERE

    def of(self, handle: int) -> bytes | None:
        """The stamp of an open directory; None where a later change might not show in it. Raises OSError."""
        status = os.fstat(handle)
        if not self._are_certain or status.st_dev != self._device:
            return None
        # Nobody sets the time of the change of an inode (inode(7), ctime).
        if time.time_ns() - status.st_ctime_ns < _LONGEST_TICK_NS:
            return None
        return b"%d %d" % (status.st_ino, status.st_ctime_ns)
