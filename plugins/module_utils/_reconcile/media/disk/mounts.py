# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Mounts below a media root: what is mounted there is never entered, a bind mount of the same disk included.

A bind mount has the device of its origin, so the device of a folder does not tell it from a real one.
The kernel knows each mount by a number.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import sys
from contextlib import suppress
from typing import FrozenSet, Tuple

from ...system.host import host_id
from ...system.libc import libc_function
from ...text import escaped
from ..store import OtherMount

# What is mounted: its number, and where.
Points = FrozenSet[Tuple[bytes, bytes]]

_OF_THE_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "ceph", "fuse.glusterfs", "lustre", "gpfs", "beegfs")
_MOUNTS = "/proc/self/mountinfo"
# Of statx(2): do not follow, do not mount what is mounted on demand, the descriptor itself; the number.
_FLAGS = 0x100 | 0x800 | 0x1000
_MNT_ID = 0x1000
_SIZE, _MASK_AT, _MNT_ID_AT = 256, 0, 144
# A kernel without the call, or a container whose filter does not know it.
_CANNOT_ASK = (errno.ENOSYS, errno.EPERM, errno.EINVAL)
_ESCAPED = re.compile(rb"\\([0-7]{3})")


class Mounts:
    """What is mounted below an open root."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._device = os.fstat(root).st_dev
        self._own = {mount_of(root)}
        self._points = points_below(root)

    @property
    def may_be_met(self) -> bool:
        """Whether anything was mounted below the root when that was last read; True where it is unknown."""
        return self._points is None or bool(self._points)

    def read(self) -> None:
        """Read what is mounted now."""
        self._points = points_below(self._root)

    def has_more(self) -> bool:
        """Whether anything was mounted below the root since that was last read."""
        now = points_below(self._root)
        return self._points is not None and (now is None or bool(now - self._points))

    def adopt(self, handle: int) -> None:
        """Take a directory that the user lists as part of the store, which may be a disk of its own."""
        self.require_no_bind_mount(handle)
        self._own.add(mount_of(handle))

    def require_no_bind_mount(self, handle: int) -> None:
        """Raise OtherMount for a folder of the root's own file system: its files have other names, too."""
        if mount_of(handle) not in self._own and os.fstat(handle).st_dev == self._device:
            raise OtherMount(bind_mount())

    def require_own(self, handle: int, name: bytes = b"") -> None:
        """Raise OtherMount for a directory, or a name in it, that is mounted below the root."""
        try:
            mount = mount_of(handle, name)
        except FileNotFoundError:
            # Whoever removes it finds that out, and says so.
            return
        if mount not in self._own:
            raise OtherMount("something is mounted there, and the cleanup never crosses a mount")


def bind_mount() -> str:
    """What a bind mount is, in words."""
    return "a folder of this file system is mounted here once more; it was not entered"


def mount_of(handle: int, name: bytes = b"") -> int:
    """The number of the mount that an open directory, or a name in it, belongs to. Raises OSError."""
    call = libc_function("statx")
    if call is not None:
        buffer = ctypes.create_string_buffer(_SIZE)
        if call(handle, ctypes.c_char_p(name), _FLAGS, _MNT_ID, buffer) == 0:
            mask = int.from_bytes(buffer.raw[_MASK_AT : _MASK_AT + 4], sys.byteorder)
            if mask & _MNT_ID:
                return int.from_bytes(buffer.raw[_MNT_ID_AT : _MNT_ID_AT + 8], sys.byteorder)
        elif ctypes.get_errno() not in _CANNOT_ASK:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    return _mount_by_descriptor(handle, name)


def _mount_by_descriptor(handle: int, name: bytes) -> int:
    """The same where statx cannot tell, as before Linux 5.8."""
    inner = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle) if name else handle
    try:
        with open(f"/proc/self/fdinfo/{inner}", "rb") as file:
            for line in file:
                key, _colon, value = line.partition(b":")
                if key == b"mnt_id":
                    return int(value)
    finally:
        if inner != handle:
            os.close(inner)
    raise OSError(errno.ENOSYS, "the kernel does not report which mount a folder belongs to")


def points_below(root: int) -> Points | None:
    """What is mounted below an open directory; None where that cannot be known."""
    try:
        path = os.readlink(f"/proc/self/fd/{root}".encode()).rstrip(b"/") + b"/"
        with open(_MOUNTS, "rb") as file:
            lines = file.read().splitlines()
        if not path.startswith(b"/") or not lines:
            return None
        points = ((line.split()[0], _unescaped(line.split()[4])) for line in lines)
        return frozenset((number, point) for number, point in points if point.startswith(path))
    except (OSError, IndexError):
        return None


def identity_of(place: tuple[int, int], file_system: int) -> str:
    """What identifies a directory, by its device and inode, among those of all hosts.

    ``file_system`` is the number that its file system has also after a reboot; 0 where it has none.
    """
    device, inode = place
    kind, source = mounted_from(device)
    if kind in _OF_THE_NETWORK:
        # The same from each host that mounts it.
        return f"{kind} {source}:{inode}"
    known_as = f"{file_system:x}" if file_system else f"{kind} {source}".strip()
    return f"{known_as}:{inode}@{host_id()}"


def mounted_from(device: int) -> tuple[str, str]:
    """The type of a mounted file system, empty where that is unknown; and what it is mounted from."""
    wanted = f"{os.major(device)}:{os.minor(device)}".encode()
    with suppress(OSError), open(_MOUNTS, "rb") as file:
        for line in file:
            mount, _dash, source = line.partition(b" - ")
            if mount.split()[2] == wanted:
                kind, name = source.split()[:2]
                return escaped(kind), escaped(name)
    return "", wanted.decode()


def _unescaped(point: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), point)
