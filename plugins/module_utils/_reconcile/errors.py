# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The ways in which a run can end without having done its work."""

from __future__ import annotations

from enum import IntEnum
from typing import Sequence

from .text import printable


class Exit(IntEnum):
    """The exit status of the command. Where jobs of one run end differently, ``worst`` says which."""

    DONE = 0
    FAILED = 1
    UNUSABLE = 2
    REFUSED = 3
    PARTIAL = 4
    BUSY = 5
    UNCONFIRMED = 6


# For messages about a run that was stopped, or whose result is unusable.
NOT_UNDONE = "What was done is not undone."
_WORST = (Exit.FAILED, Exit.UNUSABLE, Exit.BUSY, Exit.PARTIAL, Exit.REFUSED, Exit.UNCONFIRMED, Exit.DONE)


def worst(found: Sequence[Exit]) -> Exit:
    """The status to end with, where several runs ended in these."""
    return next((status for status in _WORST if status in found), Exit.DONE)


class CleanupError(Exception):
    """A run that cannot continue. The text says what was done, to what, why it failed and what to do."""

    exit_status = Exit.FAILED

    def __init__(self, text: str) -> None:
        # It may quote a server, a manifest or the name of a table.
        super().__init__(printable(text))


class SiteError(CleanupError):
    """An option, or what it points at, is not usable."""

    exit_status = Exit.UNUSABLE


class DatabaseError(CleanupError):
    """The database refused, or could not be reached."""


class CommitUnknown(DatabaseError):
    """The connection was lost while committing: it is not known whether that was done."""


class BusyError(CleanupError):
    """Another run works on the same site."""

    exit_status = Exit.BUSY


class UnreadableError(CleanupError):
    """Something in the media store could not be read, so nothing is known about it."""

    exit_status = Exit.PARTIAL


class QuarantineError(CleanupError):
    """Something could not be kept safely, so it was not removed."""


class StateError(CleanupError):
    """What earlier runs know of the site cannot be read or written."""


class RefusedError(CleanupError):
    """A guard refused the whole."""

    exit_status = Exit.REFUSED


class UnconfirmedError(CleanupError):
    """Nobody confirmed the removal."""

    exit_status = Exit.UNCONFIRMED
