# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A file on its way out of the media tree, or back: by descriptors of directories, proven at both ends."""

from __future__ import annotations

import errno
import os
from contextlib import suppress

from .copy import copy, is_same_file, move_across
from .directories import require_same, state_of
from .store import Changed, FileState


def move(handle: int, source: bytes, place: int, name: str, state: FileState) -> bool:
    """Move a file from one open directory to another one; says whether it has all extended attributes.

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
    return True


def _verify_moved(handle: int, source: bytes, place: int, name: str, state: FileState) -> None:
    """Put back what was exchanged between the last check and the move; a move sets the ctime."""
    moved = state_of(os.stat(name, dir_fd=place, follow_symlinks=False))
    if moved[:-1] == state[:-1]:
        return
    if moved.kind == "directory":
        # It cannot be linked; a rename of a directory replaces an empty directory at most.
        os.rename(name, source, src_dir_fd=place, dst_dir_fd=handle)
        raise Changed("a directory came into its place at the last moment")
    try:
        os.link(name, source, src_dir_fd=place, dst_dir_fd=handle, follow_symlinks=False)
    except FileExistsError:
        raise Changed("it was exchanged at the last moment; what was moved is in quarantine") from None
    os.unlink(name, dir_fd=place)
    raise Changed("another file came into its place at the last moment")


def put_back(place: int, stored: str, handle: int, name: bytes, temporary: bytes) -> None:
    """Move a file to a name that does not exist; ``temporary`` is a name for an unfinished copy.

    Raises FileExistsError if another file is there, and OSError; the file is where it was, then.
    """
    try:
        os.link(stored, name, src_dir_fd=place, dst_dir_fd=handle, follow_symlinks=False)
    except FileExistsError:
        if not is_same_file(place, stored, handle, name):
            raise
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=handle)
    except OSError as error:
        # Another file system, or one without hard links.
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
            raise
        _copy_back(place, stored, handle, name, temporary)
    os.fsync(handle)
    os.unlink(stored, dir_fd=place)


def _copy_back(place: int, stored: str, handle: int, name: bytes, temporary: bytes) -> None:
    # The locks allow one restore at a time: what has this name is left from a killed one.
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=handle)
    try:
        # With the marks of the stored file: the manifest alone could make anything of it.
        copy(place, stored, handle, temporary)
        os.link(temporary, name, src_dir_fd=handle, dst_dir_fd=handle, follow_symlinks=False)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=handle)
