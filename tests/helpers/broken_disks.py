# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Disks that fail at a certain moment."""

from __future__ import annotations

import errno
import os

import pytest


def let_sync_fail(patch: pytest.MonkeyPatch, directory: bytes) -> None:
    """From now on, what is in one directory cannot be brought to disk."""
    broken, fsync = os.stat(directory).st_ino, os.fsync

    def failing(handle: int) -> None:
        if os.fstat(handle).st_ino == broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(handle)

    patch.setattr(os, "fsync", failing)
