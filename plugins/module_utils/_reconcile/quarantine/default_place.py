# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The quarantine that nobody has named: a folder beside the media root, on the same file system."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
from contextlib import suppress

from ..config.site import Site
from ..errors import QuarantineError
from ..media.disk.folder import DiskFolder
from ..media.s3.place import is_in_bucket
from ..media.store import MediaStore
from ..text import escaped, remedy
from .place import open_folder, place_of, shown


def obstacle(site: Site, store: MediaStore) -> str | None:
    """Why this quarantine cannot be used, and what to do; None if it can. Of a folder that was named: None.

    Nothing is made: the plan of a check is refused as that of an apply would be.
    """
    if site.quarantine is not None and is_in_bucket(site.quarantine):
        return obstacle_in_bucket(site)
    if site.quarantine is None or not site.has_default_quarantine:
        return None
    shown, root = escaped(site.quarantine), store.check(b"").state
    try:
        device = DiskFolder.check_make(site.quarantine, "the quarantine")
    except QuarantineError as error:
        return str(error)
    except OSError as error:
        return f"'{shown}' cannot be made or written by {_name(os.geteuid())}: {error.strerror}. " + remedy(
            error, f"Let root run: {_command(shown)}"
        ).rstrip(".")
    if root is None or device != root.device:
        return (
            f"'{shown}' would be on another file system than the media, so each file would be copied. Name a "
            f"folder on that file system; or say quarantine: {shown} to have them copied"
        )
    return None


def obstacle_in_bucket(site: Site) -> str | None:
    """Why a quarantine in a bucket cannot be used, as far as that can be known without a change."""
    try:
        with open_folder(place_of(site), "the quarantine") as folder:
            folder.names()
            folder.require_private()
    except QuarantineError as error:
        return str(error).rstrip(".")
    except OSError as error:
        return (
            f"'{shown(place_of(site))}' cannot be listed: {error.strerror}. Let the credentials of this run "
            "list, read, write and delete there; or name a place where they may"
        )
    return None


def _command(path: str) -> str:
    """What makes the folder for the user of this process."""
    words = ["install", "-d", "-m", "700", "-o", _name(os.geteuid()), "-g", _group(os.getegid()), path]
    return " ".join(map(shlex.quote, words))


def _name(uid: int) -> str:
    with suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return str(uid)


def _group(gid: int) -> str:
    with suppress(KeyError):
        return grp.getgrgid(gid).gr_name
    return str(gid)
