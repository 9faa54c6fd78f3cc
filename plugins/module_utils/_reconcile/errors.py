# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The ways in which a run can end without having done its work."""

from __future__ import annotations


class CleanupError(Exception):
    """A run that cannot go on. The text says what was done, to what, why it failed and what to do."""


class SiteError(CleanupError):
    """An option, or what it points at, is not usable."""


class DatabaseError(CleanupError):
    """The database refused, or could not be reached."""


class CommitUnknown(DatabaseError):
    """The connection was lost while committing: nobody knows whether that was done."""


class BusyError(CleanupError):
    """Another run works on the same site."""


class UnseenError(CleanupError):
    """Something in the media tree could not be looked at, so nothing is known about it."""


class QuarantineError(CleanupError):
    """Something could not be kept safely, so it was not removed."""
