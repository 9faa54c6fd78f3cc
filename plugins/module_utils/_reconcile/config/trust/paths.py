# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Whether what decides about a run, a site file or an interpreter, can be written by somebody else."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import shlex
import stat
from typing import Iterable, Iterator

from ...errors import SiteError

ROOT = 0
# As many as the kernel follows.
_LINKS_ON_THE_WAY = 40
_CODE = (".py", ".pyc", ".so", ".pth")


def why_untrusted(path: str) -> str | None:
    """Say why somebody else than root or this user may write a file, and the command to run, or None.

    Links are followed, and every directory on the way counts, also to what a link leads to. What does not
    exist counts by its directory. Raises OSError where something cannot be examined.
    """
    for each in _on_the_way(path):
        try:
            status = os.lstat(each)
        except (FileNotFoundError, NotADirectoryError):
            continue
        why = _why_untrusted(each, status, {ROOT, os.geteuid()})
        if why:
            return why
    return None


def why_untrusted_code(folder: str) -> str | None:
    """The same of what Python may run in a folder: its files there, and the folders that hold some.

    Of links to folders, those count that lead to one with such files. Raises OSError where something cannot
    be examined.
    """
    # What is no folder is not walked: an archive is one file, and what is missing counts by its folder.
    pending, seen = [os.path.abspath(folder)] if os.path.isdir(folder) else [], set()
    while pending:
        here = os.path.realpath(pending.pop())
        if here in seen:
            continue
        seen.add(here)
        with os.scandir(here) as entries:
            inside = list(entries)
        code = [entry for entry in inside if entry.name.endswith(_CODE)]
        why = (why_untrusted(here) if code else None) or _why_untrusted_among(code)
        if why:
            return why
        pending += [entry.path for entry in inside if _is_walked(entry)]
    return None


def _why_untrusted_among(files: Iterable[os.DirEntry[str]]) -> str | None:
    """The same of files in a folder that was examined."""
    trusted = {ROOT, os.geteuid()}
    for entry in files:
        if entry.is_symlink():
            why = why_untrusted(entry.path)
        else:
            why = _why_untrusted(entry.path, entry.stat(follow_symlinks=False), trusted)
        if why:
            return why
    return None


def _is_walked(entry: os.DirEntry[str]) -> bool:
    if not entry.is_symlink():
        return entry.is_dir()
    return entry.is_dir() and any(name.endswith(_CODE) for name in os.listdir(entry.path))


def why_untrusted_files(paths: Iterable[str]) -> str | None:
    """The same of some files, with the folders that they are in."""
    seen: set[str] = set()
    for path in paths:
        folder = os.path.dirname(path)
        why = None if folder in seen else why_untrusted(folder)
        seen.add(folder)
        # Nearly always the folder was examined before, and the file is no link.
        why = why or (why_untrusted(path) if os.path.islink(path) else _why_untrusted_file(path))
        if why:
            return why
    return None


def _why_untrusted_file(path: str) -> str | None:
    try:
        return _why_untrusted(path, os.lstat(path), {ROOT, os.geteuid()})
    except (FileNotFoundError, NotADirectoryError):
        # It counts by its folder; that of an archive is the archive.
        return why_untrusted(path)


def require_own_folder(path: str, what: str, is_opened: bool = False) -> None:
    """Raise SiteError where root would write a file into a folder that somebody else may change.

    A sticky one is none where the file is replaced as a whole. Where a file that is there ``is_opened``,
    somebody else may have put that there.
    """
    if os.geteuid() != ROOT:
        return
    folder = os.path.dirname(os.path.abspath(path))
    try:
        why = why_untrusted(folder) or (_why_shared(folder) if is_opened else None)
    except OSError as error:
        why = f"{folder} cannot be examined: {error.strerror}."
    if why:
        raise SiteError(
            f"root does not write {what} {path}, because somebody else may change its folder: {why}. Or "
            "choose another folder, or run as the site's user."
        )


def _why_shared(folder: str) -> str | None:
    """Why somebody else may put new files into a folder that is trusted, and what to do, or None."""
    try:
        status = os.stat(folder)
    except (FileNotFoundError, NotADirectoryError):
        # Who writes there says so.
        return None
    if not status.st_mode & (stat.S_IWOTH | stat.S_IWGRP) or not status.st_mode & stat.S_ISVTX:
        return None
    everybody = "everybody" if status.st_mode & stat.S_IWOTH else "its group"
    return f"{everybody} may put a file into {folder}. Make a folder of root's there"


def _on_the_way(path: str) -> Iterator[str]:
    """Every file, directory and link that the kernel meets on its way along a path. Raises OSError."""
    ahead, reached, followed = _reversed_parts(os.path.abspath(path)), "/", 0
    yield reached
    while ahead:
        part = ahead.pop()
        if part == "..":
            reached = os.path.dirname(reached)
            continue
        here = os.path.join(reached, part)
        yield here
        if not os.path.islink(here):
            reached = here
            continue
        followed += 1
        if followed > _LINKS_ON_THE_WAY:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        target = os.readlink(here)
        reached = "/" if target.startswith("/") else reached
        ahead += _reversed_parts(target)


def _reversed_parts(path: str) -> list[str]:
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _why_untrusted(path: str, status: os.stat_result, trusted: set[int]) -> str | None:
    if status.st_uid not in trusted:
        return f"{path} belongs to {user_words(status.st_uid)}. Run: chown root {shlex.quote(path)}"
    # A link has no mode of its own. Whoever may exchange it may write its directory, which is examined too.
    if stat.S_ISLNK(status.st_mode) or not is_writable_by_others(status, trusted, path):
        return None
    if status.st_mode & stat.S_IWOTH:
        return f"everybody may write {path}. Run: chmod go-w {shlex.quote(path)}"
    return f"the group of {path} may write it. Run: chmod g-w {shlex.quote(path)}"


def is_writable_by_others(status: os.stat_result, trusted: set[int], place: str | bytes | int) -> bool:
    """Whether somebody else than the trusted users may write a file, or exchange what is in a directory.

    ``place`` is its path, which is no link, or a descriptor of it.
    """
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        # In a sticky directory, such as /tmp, nobody may exchange what belongs to somebody else.
        return False
    if status.st_mode & stat.S_IWOTH:
        return True
    if not status.st_mode & stat.S_IWGRP:
        return False
    # With an access list, the bits of the group say what anybody on the list may do at most.
    return _has_access_list(place) or has_other_members(status.st_gid, trusted)


def _has_access_list(place: str | bytes | int) -> bool:
    try:
        os.getxattr(place, "system.posix_acl_access")
    except OSError as error:
        return error.errno not in (errno.ENODATA, errno.ENOTSUP)
    return True


def user_words(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"the unknown user {uid}"


def has_other_members(gid: int, trusted: set[int]) -> bool:
    """Whether somebody else than the trusted users is in a group; so it is of one that is not known."""
    try:
        members = {pwd.getpwnam(name).pw_uid for name in grp.getgrgid(gid).gr_mem}
    except KeyError:
        return True
    members.update(entry.pw_uid for entry in pwd.getpwall() if entry.pw_gid == gid)
    return bool(members - trusted)
