# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Copies of files between file systems: on disk, read again, and with all that their originals had."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import ExitStack, suppress
from typing import IO

from ..errors import QuarantineError
from .local import Changed, FileState, require_same

_BLOCK = 1 << 20


def copy_over(handle: int, source: bytes, place: int, name: str, state: FileState, atime_ns: int) -> bool:
    """Move across file systems: copy, sync, read the copy again, and only then unlink the source.

    Says whether the copy has all extended attributes.
    """
    with ExitStack() as unless_done:
        unless_done.callback(_unlink_if_there, place, name)
        is_whole = copy(handle, source, place, name, state)
        set_marks(place, name, os.stat(source, dir_fd=handle, follow_symlinks=False), atime_ns)
        os.fsync(place)
        require_same(handle, source, state)
        unless_done.pop_all()
    try:
        os.unlink(source, dir_fd=handle)
    except OSError:
        # Unless the original is proven to be there still, the copy may be the only one.
        with suppress(Changed):
            require_same(handle, source, state)
            os.unlink(name, dir_fd=place)
        raise
    return is_whole


def _unlink_if_there(place: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=place)


def copy(handle: int, source: bytes | str, place: int, name: bytes | str, state: FileState | None) -> bool:
    # Without waiting: a FIFO may have come into its place.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    read = os.open(source, flags, dir_fd=handle)
    with open(read, "rb") as original:
        if state is not None and FileState.of(os.fstat(read)) != state:
            raise Changed("another file stands in its place, or it was written to")
        write = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=place)
        with open(write, "r+b") as copy:
            sent = _digest(original, copy)
            copy.flush()
            os.fsync(write)
            copy.seek(0)
            if _digest(copy, None) != sent:
                raise QuarantineError("the copy of a file reads back otherwise than it was written")
            return _copy_attributes(read, write)


def _copy_attributes(original: int, copy: int) -> bool:
    """Give a copy the extended attributes of its original, of which ACLs are some; says whether it has all.

    Those that the kernel manages by itself, such as SELinux labels, follow the rules of the new place
    where it does not take them.
    """
    is_whole = True
    for name in _attributes(original):
        try:
            os.setxattr(copy, name, os.getxattr(original, name))
        except OSError:  # noqa: PERF203
            is_whole = is_whole and name.startswith(("security.", "trusted."))
    return is_whole


def _attributes(handle: int) -> list[str]:
    try:
        return os.listxattr(handle)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return []
        raise


def _digest(source: IO[bytes], copy: IO[bytes] | None) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for block in iter(lambda: source.read(_BLOCK), b""):
        digest.update(block)
        if copy:
            copy.write(block)
    return digest.digest()


def set_marks(place: int, name: bytes | str, original: os.stat_result, atime_ns: int | None = None) -> None:
    """Give a copy the owner, mode and times of its original."""
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
    try:
        status = os.fstat(handle)
        if (status.st_uid, status.st_gid) != (original.st_uid, original.st_gid):
            os.fchown(handle, original.st_uid, original.st_gid)
        os.fchmod(handle, stat.S_IMODE(original.st_mode))
        # Copying has touched the time of access of the original.
        atime_ns = original.st_atime_ns if atime_ns is None else atime_ns
        os.utime(handle, ns=(atime_ns, original.st_mtime_ns))
        os.fsync(handle)
    finally:
        os.close(handle)


def is_same_file(place: int, stored: str, handle: int, name: bytes) -> bool:
    """Whether an earlier restore was stopped right before it took the file out of the batch."""
    ours = os.stat(stored, dir_fd=place, follow_symlinks=False)
    theirs = os.stat(name, dir_fd=handle, follow_symlinks=False)
    if os.path.samestat(ours, theirs):
        return True
    # From another file system, it came as a copy.
    if ours.st_dev == theirs.st_dev or _marks(ours) != _marks(theirs):
        return False
    return _digest_of(place, stored) == _digest_of(handle, name)


def _marks(status: os.stat_result) -> tuple[int, ...]:
    return status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_mtime_ns


def _digest_of(handle: int, name: bytes | str) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(os.open(name, flags, dir_fd=handle), "rb") as file:
        return _digest(file, None)
