# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Opens the private folder at a place: the one function that knows what kinds of places there are."""

from __future__ import annotations

from ..errors import QuarantineError
from ..media.disk.folder import DiskFolder
from ..media.private_folder import PrivateFolder
from ..media.s3.place import is_in_bucket
from ..text import escaped


def open_folder(place: bytes, what: str) -> PrivateFolder:
    """Open the folder at an absolute path; ``what`` is its name in messages: "the quarantine"."""
    return DiskFolder.open(_on_disk(place), what)


def make_folder(place: bytes, what: str) -> PrivateFolder:
    """The same; the folder is made, with those above it, so that it survives a power failure."""
    return DiskFolder.make(_on_disk(place), what)


def _on_disk(place: bytes) -> bytes:
    if is_in_bucket(place):
        raise QuarantineError(
            f"'{escaped(place)}' is in a bucket, where this release keeps nothing yet. Set permanent to "
            "delete for good. Nothing was removed."
        )
    return place
