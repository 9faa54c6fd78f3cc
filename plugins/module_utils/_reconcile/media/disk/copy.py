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

from ...errors import QuarantineError
from ..store import Changed, FileState, MovedOut
from .directories import kind_of, require_same, state_of

# Bytes that are read at a time; a hole is a hole where it has as many.
_BLOCK = 1 << 16
DIGEST_SIZE = 16
# Behind the name of a copy that is not whole yet.
UNFINISHED = ".unfinished"


def open_unnoticed(handle: int, name: bytes | str) -> int:
    """Open a file for reading; its time of access is kept where the kernel lets this user ask for that.

    Without waiting: a FIFO may have come into its place.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(name, flags | os.O_NOATIME, dir_fd=handle)
    except PermissionError:
        return os.open(name, flags, dir_fd=handle)


def hex_digest(handle: int, name: bytes, algorithm: str) -> str:
    """The digest of a file's content. Raises OSError, and ValueError for an algorithm that is not known."""
    digest = hashlib.new(algorithm)
    with open(open_unnoticed(handle, name), "rb") as file:
        for block in iter(lambda: file.read(_BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


def move_across(handle: int, source: bytes, place: int, name: str, state: FileState) -> MovedOut:
    """Move across file systems: copy, sync, read the copy again, and only then unlink the source.

    The copy has another name until it is whole. Raises Changed if the source is not the file that was
    checked, and OSError.
    """
    unfinished = f"{name}{UNFINISHED}"
    with ExitStack() as unless_done:
        unless_done.callback(_unlink_if_there, place, unfinished)
        moved = copy(handle, source, place, unfinished, state)
        require_same(handle, source, state)
        os.rename(unfinished, name, src_dir_fd=place, dst_dir_fd=place)
        unless_done.pop_all()
    with ExitStack() as unless_done:
        unless_done.callback(_unlink_unless_last, handle, source, place, name, state)
        os.fsync(place)
        os.unlink(source, dir_fd=handle)
        unless_done.pop_all()
    return moved


def _unlink_unless_last(handle: int, source: bytes, place: int, name: str, state: FileState) -> None:
    """Delete a copy, but only where the original is proven to be there: it may be the only one."""
    with suppress(Changed, OSError):
        require_same(handle, source, state)
        os.unlink(name, dir_fd=place)


def _unlink_if_there(place: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=place)


def copy(
    handle: int, source: bytes | str, place: int, name: bytes | str, state: FileState | None = None
) -> MovedOut:
    """Copy a regular file to a new name, with its owner, mode, times and extended attributes.

    Holes stay holes. Raises Changed if the file is not in the state that is given, FileExistsError
    if the name exists, and OSError.
    """
    read = open_unnoticed(handle, source)
    with open(read, "rb") as original:
        # Before reading touches the time of access.
        status = os.fstat(read)
        if state is not None and state_of(status) != state:
            raise Changed("another file is in its place, or it was written to")
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, f"it is a {kind_of(status)}, and only regular files can be copied")
        write = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=place)
        with open(write, "r+b") as copied:
            sent = _digest(original, copied, has_holes=status.st_blocks * 512 < status.st_size)
            os.fsync(write)
            copied.seek(0)
            if _digest(copied) != sent:
                raise QuarantineError("the copy of a file reads back with another content; check the disk")
            return MovedOut(_mark(write, read, status), sent)


def _mark(copied: int, original: int, status: os.stat_result) -> bool:
    """Give an open copy the owner, mode, times and attributes of its original; says whether it has all.

    The owner comes first, because changing it removes capabilities.
    """
    made = os.fstat(copied)
    if (made.st_uid, made.st_gid) != (status.st_uid, status.st_gid):
        os.fchown(copied, status.st_uid, status.st_gid)
    is_whole = _copy_attributes(original, copied)
    os.fchmod(copied, stat.S_IMODE(status.st_mode))
    os.utime(copied, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.fsync(copied)
    return is_whole


def _copy_attributes(original: int, copied: int) -> bool:
    """Copy extended attributes, of which ACLs are some; says whether the copy has all of them.

    Those that the kernel manages by itself, such as SELinux labels, follow the rules of the new place
    where it does not take them.
    """
    is_whole = True
    for name in _attributes(original):
        try:
            os.setxattr(copied, name, os.getxattr(original, name))
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


def _digest(source: IO[bytes], copied: IO[bytes] | None = None, has_holes: bool = False) -> bytes:
    """Digest a file from where it stands, and copy it meanwhile."""
    digest = hashlib.blake2b(digest_size=DIGEST_SIZE)
    for block in iter(lambda: source.read(_BLOCK), b""):
        digest.update(block)
        if copied is None:
            continue
        if has_holes and block.count(0) == len(block):
            copied.seek(len(block), os.SEEK_CUR)
        else:
            copied.write(block)
    if copied is not None:
        # Of a hole at the end, nothing was written.
        copied.truncate()
    return digest.digest()


def is_same_file(place: int, stored: str, handle: int, name: bytes) -> bool:
    """Whether an earlier restore was killed right before it removed the file from the batch."""
    ours = os.stat(stored, dir_fd=place, follow_symlinks=False)
    theirs = os.stat(name, dir_fd=handle, follow_symlinks=False)
    if os.path.samestat(ours, theirs):
        return True
    # From another file system, it was copied.
    if ours.st_dev == theirs.st_dev or _marks(ours) != _marks(theirs) or not stat.S_ISREG(ours.st_mode):
        return False
    return digest_of(place, stored) == digest_of(handle, name)


def _marks(status: os.stat_result) -> tuple[int, ...]:
    return status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_mtime_ns


def digest_of(handle: int, name: bytes | str) -> bytes:
    """The digest of a file's content, as ``MovedOut`` has it."""
    with open(open_unnoticed(handle, name), "rb") as file:
        return _digest(file)
