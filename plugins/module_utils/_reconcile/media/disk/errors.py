# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Maps an error of the operating system to what it says of a path."""

from __future__ import annotations

import errno

from ...text import reason_of
from ..store import Answer, Blocked, PathStatus


def status_by(error: OSError | Blocked) -> PathStatus:
    """The status of a path by an error: the one place that knows which errors prove an absence."""
    if isinstance(error, Blocked):
        return PathStatus(Answer.BLOCKED, None, str(error))
    if isinstance(error, FileNotFoundError):
        return PathStatus(Answer.ABSENT)
    if error.errno == errno.ENAMETOOLONG:
        return PathStatus(Answer.BLOCKED, None, "a part of the path is longer than a file name can be")
    return PathStatus(Answer.UNREADABLE, None, reason_of(error))


def advice(error: OSError) -> str:
    """What to do where a directory cannot be read."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return "Name a user who may read it in the description of the site (user)."
    return "Check the disk and its mount."
