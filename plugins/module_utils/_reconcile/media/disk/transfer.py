# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A file on its way out of the media tree, or back: by descriptors of directories, proven at both ends."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
from contextlib import suppress

from ...system.libc import libc_function
from ..store import RENAMED, Changed, FileState, MovedOut
from .copy import copy, is_same_file, move_across
from .directories import is_same_but_moved, kind_of, require_same

# Of renameat2 (renameat2(2)): never replace what has the new name.
_RENAME_NOREPLACE = 1
# A file system that knows no such flag, or a kernel or C library without the call.
_CANNOT_RENAME = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
# Another file system; or one without hard links, or a file of somebody else (fs.protected_hardlinks).
_CANNOT_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS)


def move(handle: int, source: bytes, place: int, name: str, state: FileState) -> MovedOut:
    """Move a file from one open directory to another one.

    Raises Changed if it is not the one that was checked, and OSError.
    """
    require_same(handle, source, state)
    try:
        os.rename(source, name, src_dir_fd=handle, dst_dir_fd=place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return move_across(handle, source, place, name, state)
    _verify_moved(handle, source, place, name, state)
    return RENAMED


def _verify_moved(handle: int, source: bytes, place: int, name: str, state: FileState) -> None:
    """Put back what was exchanged between the last check and the move."""
    moved = os.stat(name, dir_fd=place, follow_symlinks=False)
    if is_same_but_moved(moved, state):
        return
    if kind_of(moved) == "directory":
        # It cannot be linked; a rename of a directory replaces an empty directory at most.
        os.rename(name, source, src_dir_fd=place, dst_dir_fd=handle)
        raise Changed("a directory came into its place at the last moment")
    try:
        move_to_new(place, os.fsencode(name), handle, source)
    except FileExistsError:
        raise Changed("it was exchanged at the last moment; what was moved is in quarantine") from None
    raise Changed("another file came into its place at the last moment")


def put_back(place: int, stored: str, handle: int, name: bytes, path: bytes) -> None:
    """Move a file to a name that does not exist; ``path`` tells it from every other one of its store.

    Raises FileExistsError if another file is there, and OSError; the file is where it was, then. A rename
    is one step for the disk too, so the caller syncs the directory only once, when all its files are back.
    """
    try:
        move_to_new(place, os.fsencode(stored), handle, name)
        return
    except FileExistsError:
        if not is_put_back(place, stored, handle, name):
            raise
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        if not is_put_back(place, stored, handle, name):
            _copy_back(place, stored, handle, name, _unfinished(path))
    with suppress(FileNotFoundError):
        os.unlink(_unfinished(path), dir_fd=handle)
    os.fsync(handle)
    os.unlink(stored, dir_fd=place)


def _unfinished(path: bytes) -> bytes:
    """The name of an unfinished copy: the same for each attempt, which finds what a killed one left."""
    return b".restoring-" + hashlib.blake2b(path, digest_size=12).hexdigest().encode()


def is_put_back(place: int, stored: str, handle: int, name: bytes) -> bool:
    """Whether an earlier restore that was killed has put a file back already; changes nothing.

    Raises FileExistsError if another file is there.
    """
    try:
        if is_same_file(place, stored, handle, name):
            return True
    except FileNotFoundError:
        # Of the two, the stored one is there.
        os.stat(stored, dir_fd=place, follow_symlinks=False)
        return False
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _copy_back(place: int, stored: str, handle: int, name: bytes, temporary: bytes) -> None:
    # The locks allow one restore at a time: what has this name is left from a killed one.
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=handle)
    try:
        # With the marks of the stored file: the manifest alone could make anything of it.
        copy(place, stored, handle, temporary)
        move_to_new(handle, temporary, handle, name)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=handle)


def move_to_new(place: int, source: bytes, handle: int, target: bytes) -> None:
    """Move a file within a file system to a name that must not exist.

    Raises FileExistsError if it does, and OSError: where a rename that replaces nothing is not known,
    the file is linked to its new name, which a file system may not know either.
    """
    try:
        rename_to_new(place, source, handle, target)
    except OSError as error:
        if error.errno not in _CANNOT_RENAME:
            raise
        os.link(source, target, src_dir_fd=place, dst_dir_fd=handle, follow_symlinks=False)
        os.fsync(handle)
        os.unlink(source, dir_fd=place)


def rename_to_new(place: int, source: bytes, handle: int, target: bytes) -> None:
    """Rename a file unless its new name exists (renameat2). Raises OSError; ENOSYS if it is not known."""
    call = libc_function("renameat2")
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(place, ctypes.c_char_p(source), handle, ctypes.c_char_p(target), _RENAME_NOREPLACE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
