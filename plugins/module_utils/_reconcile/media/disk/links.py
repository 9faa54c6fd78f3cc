# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Symbolic links inside a media tree, followed by reading them: only to know what a reference leads to."""

from __future__ import annotations

import errno
import os
import posixpath
from typing import Sequence

from ..store import Blocked, FileState
from .directories import Directories, state_of

# As many as the kernel follows.
_MOST = 40
# Directories that are remembered; a listing or a reading of references comes to few at a time.
_REMEMBERED = 10_000
# Nothing is there: no such name, a file in the way, a name that no file can have, links in a circle.
_NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)


class Links:
    """Follows paths below an open root, which is known by some absolute paths; never out of it."""

    def __init__(self, directories: Directories, roots: Sequence[bytes]) -> None:
        self._directories = directories
        self._roots = roots
        # The last directory, and what it is without links: paths come directory by directory.
        self._last: tuple[bytes, bytes | None] | None = None
        self._real: dict[bytes, bytes | None] = {}

    def forget(self) -> None:
        self._last = None
        self._real = {}

    def real_directory(self, path: bytes) -> bytes | None:
        """A directory, which need not be there, without links; None if it leads out, or in a circle.

        Each directory on the way is read once. Raises OSError for what cannot be read.
        """
        if path in self._real:
            return self._real[path]
        if b"\0" in path or path.startswith(b"/"):
            return None
        if len(self._real) > _REMEMBERED:
            self._real = {}
        real: bytes | None = b""
        end = 0
        while real is not None and end >= 0:
            start, end = end, path.find(b"/", end + 1)
            reached = path if end < 0 else path[:end]
            if reached not in self._real:
                self._real[reached] = self._without_links(real, reached[start:])
            real = self._real[reached]
        return real

    def followed(self, path: bytes) -> tuple[bytes, FileState] | None:
        """The path without links, and the state of what is there; None if it leads nowhere, or out.

        Raises OSError for what cannot be read.
        """
        if b"\0" in path or path.startswith(b"/"):
            return None
        parent, _slash, name = path.rstrip(b"/").rpartition(b"/")
        if self._last is None or self._last[0] != parent:
            self._last = parent, self._without_links(b"", parent)
        real = self._last[1]
        if real is None:
            return None
        whole = self._without_links(real, name)
        if whole is None:
            return None
        try:
            handle, name = self._directories.parent_of(whole)
            return whole, state_of(os.stat(name or b".", dir_fd=handle, follow_symlinks=False))
        except Blocked:
            return None
        except OSError as error:
            if error.errno in _NOWHERE:
                return None
            raise

    def _without_links(self, reached: bytes, path: bytes) -> bytes | None:
        """Where a path leads from a directory on; None if that is out of the root, or a circle."""
        ahead = path.split(b"/")[::-1]
        links = 0
        while ahead:
            part = ahead.pop()
            if part in (b"", b"."):
                continue
            if part == b"..":
                if not reached:
                    return None
                reached = reached.rpartition(b"/")[0]
                continue
            target = self._target(reached, part)
            if target is None:
                reached = posixpath.join(reached, part)
                continue
            links += 1
            inside = self._inside(target)
            if inside is None or links > _MOST:
                return None
            reached = b"" if target.startswith(b"/") else reached
            ahead += inside.split(b"/")[::-1]
        return reached

    def _target(self, directory: bytes, name: bytes) -> bytes | None:
        """What a link says; None for anything else, which the last step finds to be there or not."""
        try:
            return os.readlink(name, dir_fd=self._directories.open(directory))
        except Blocked:
            return None
        except OSError as error:
            if error.errno in (errno.EINVAL, *_NOWHERE):
                return None
            raise

    def _inside(self, target: bytes) -> bytes | None:
        if not target.startswith(b"/"):
            return target
        whole = posixpath.normpath(target)
        for root in self._roots:
            if whole == root or whole.startswith(root.rstrip(b"/") + b"/"):
                return whole[len(root) :].lstrip(b"/")
        return None
