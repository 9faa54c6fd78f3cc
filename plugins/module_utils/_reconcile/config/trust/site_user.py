# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Who does the work on a site: which user, with which interpreter.

Root works on nothing that somebody else may change. It starts a process of the site's user instead,
see ``process.py``.
"""

from __future__ import annotations

import os
import pwd
import stat
import sys
from dataclasses import dataclass, replace
from typing import Any, Mapping, Sequence

from ...errors import SiteError
from ...media.s3.place import is_in_bucket
from ...text import escaped
from ..django.project import python_of
from ..jobs import absolute
from ..options import JOBS, module_options
from ..values import checked
from .paths import ROOT, is_writable_by_others
from .roots_own import require_own

_PLACES = ("media_root", "quarantine", "state_directory", "database_url", "candidates")
_NAMES = ("user", "python", "django", *_PLACES)
_DECIDING = [replace(option, required=False) for option in module_options(JOBS[0]) if option.name in _NAMES]


@dataclass(frozen=True)
class Worker:
    """The user and the interpreter that do the work; ``is_this_process`` if both are this process' own."""

    user: str
    uid: int
    gid: int
    home: str
    python: str
    is_this_process: bool


def worker_of(sites: Sequence[Mapping[str, Any]]) -> Worker:
    """Decide who does the work on a site; ``sites`` are the options of its jobs.

    Of each it looks at the user, the interpreter, and where things are. Raises SiteError, which says what to
    do, where this process may not or should not do it.
    """
    sites = [checked(site, _DECIDING) for site in sites]
    entry = _entry(sites)
    python = _interpreter(sites[0])
    if entry.pw_uid == ROOT == os.geteuid():
        require_own(sites, python)
    return _worker(entry, python)


def _interpreter(site: Mapping[str, Any]) -> str:
    """The interpreter that does the work, empty for this process' own."""
    python: str = site["python"] or ""
    if python and not os.path.isabs(python):
        raise SiteError(f"python {python!r} is not an absolute path. Write it from / on.")
    # The project's has the driver of its database.
    return python or (site["django"] and python_of(site["django"])) or ""


def this_process() -> Worker:
    """The user and the interpreter of this process."""
    return _worker(_by_number(os.geteuid()), "")


def _worker(entry: pwd.struct_passwd, python: str) -> Worker:
    return Worker(
        user=entry.pw_name,
        uid=entry.pw_uid,
        gid=entry.pw_gid,
        home=entry.pw_dir,
        python=python or sys.executable,
        is_this_process=entry.pw_uid == os.geteuid() and python in ("", sys.executable),
    )


def _entry(sites: Sequence[Mapping[str, Any]]) -> pwd.struct_passwd:
    said = sites[0]["user"]
    if said:
        return _allowed(_by_name(said))
    if os.geteuid() != ROOT:
        return _by_number(os.geteuid())
    if any(site["django"] for site in sites):
        raise SiteError(
            "the site has a Django project and no user. To ask a project runs its code, and root does not "
            "choose by itself who does that. Set user to the user who runs the site."
        )
    if any(is_in_bucket(site["media_root"] or site["quarantine"]) for site in sites):
        raise SiteError(
            "the media are in a bucket, which has no owner on this host, and the site has no user. Set user "
            "to the user who runs the site, and whose credentials are used."
        )
    owners = {_owner_of(*_folder(site)) for site in sites}
    if len(owners) > 1:
        raise SiteError(
            "the media roots of the site belong to several users. Set user to one who may clean it."
        )
    return _by_number(owners.pop())


def _allowed(entry: pwd.struct_passwd) -> pwd.struct_passwd:
    if os.geteuid() not in (ROOT, entry.pw_uid):
        raise SiteError(
            f"user is {entry.pw_name!r}, and this is a process of {_by_number(os.geteuid()).pw_name}, which "
            "cannot become another user. Run as root, or as that user."
        )
    return entry


def _by_name(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except (KeyError, ValueError):
        raise SiteError(f"user is {name!r}, and this host has no such user. Correct user.") from None


def _by_number(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        if uid != os.geteuid():
            raise SiteError(
                f"the folder belongs to the user {uid}, whom this host does not know. Set user to the user "
                "who should clean the site."
            ) from None
        # A container may run as a user that it does not know.
        return pwd.struct_passwd((str(uid), "x", uid, os.getegid(), "", "/", "/bin/sh"))


def _folder(site: Mapping[str, Any]) -> tuple[str, bytes]:
    """The folder whose owner is the site's user: its media root, or a quarantine where only that is known.

    A quarantine that is not made yet will belong to the owner of the folder above it.
    """
    option = "media_root" if site["media_root"] else "quarantine"
    folder = absolute(option, site[option])
    while option == "quarantine" and not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    return option, folder


def _owner_of(option: str, folder: bytes) -> int:
    """The owner of a folder that nobody but root and this owner could have put in its place.

    Raises SiteError where somebody else could, or where there is no such folder.
    """
    shown = f"{option} '{escaped(folder)}'"
    try:
        owner = os.lstat(folder).st_uid
        why = _why_exchangeable(folder, owner)
    except FileNotFoundError:
        raise SiteError(f"{shown} does not exist. Is it mounted? Nothing was examined.") from None
    except OSError as error:
        raise SiteError(f"{shown} cannot be examined: {error.strerror}. Nothing was examined.") from None
    if why:
        raise SiteError(
            f"root does not take the owner of {shown} for the site's user, because {why}. "
            "Set user to the user who should clean the site."
        )
    return owner


def _why_exchangeable(folder: bytes, owner: int) -> str | None:
    """Why somebody else than root and the owner could have exchanged a folder, or one above it."""
    path = folder
    while True:
        status = os.lstat(path)
        shown = f"'{escaped(path)}'"
        if stat.S_ISLNK(status.st_mode):
            return f"{shown} is a symbolic link"
        if not stat.S_ISDIR(status.st_mode):
            return f"{shown} is not a directory"
        if status.st_uid not in (ROOT, owner):
            return f"{shown} belongs to {_by_number(status.st_uid).pw_name}"
        if is_writable_by_others(status, {ROOT, owner}, path):
            return f"{shown} can be written by others (mode {stat.S_IMODE(status.st_mode):o})"
        if path == b"/":
            return None
        path = os.path.dirname(path)
