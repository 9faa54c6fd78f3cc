# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What root works with, where it is the site's user itself, must be root's own.

The folders and the database of a site are known from its description, else from its project. What Python runs
is examined before any of it runs, as far as files say it; and what a project has imported, before anything
else is done with its answer.
"""

from __future__ import annotations

import glob
import os
import posixpath
import sys
from typing import Any, Iterable, Iterator, Mapping, NamedTuple, Sequence

from ...errors import SiteError
from ...media.s3.place import is_in_bucket
from ..django.project import Project, directory_of, python_of
from ..jobs import sqlite_path
from ..site import Site
from .paths import ROOT, why_untrusted, why_untrusted_code, why_untrusted_files

# Where the distribution has what all its users run.
_OF_SYSTEM = ("/", "/usr")


class _Thing(NamedTuple):
    """What root works with: what it is in words, and where."""

    what: str
    path: str
    is_code: bool = False


def require_own(sites: Sequence[Mapping[str, Any]], python: str) -> None:
    """Refuse sites as they are described, and the interpreter that does the work. Raises SiteError."""
    things = list(_interpreter("python", python))
    for site in sites:
        things += _places(site)
        things += _project(site["django"]) if site["django"] else ()
    _require(things)


def require_own_site(site: Site) -> None:
    """Refuse a site whose places its project says, where this process is root's. Raises SiteError."""
    require_own_options(
        {
            "media_root": os.fsdecode(site.media_root),
            "quarantine": os.fsdecode(site.quarantine or b""),
            "state_directory": os.fsdecode(site.state_directory or b""),
            "database_url": site.database_url,
        }
    )


def require_own_options(site: Mapping[str, Any]) -> None:
    """The same for the options of a site."""
    if os.geteuid() == ROOT:
        _require(_places(site))


def require_own_search_path(search_path: Sequence[str], examined: Sequence[str]) -> None:
    """Refuse an interpreter by the folders in which it searches for modules. Raises SiteError.

    In the ``examined`` folders everything else is known: they are those of the interpreter and the project.
    """
    known = tuple(f"{folder.rstrip('/')}/" for folder in examined)
    _require(
        _Thing("what its interpreter imports,", path, is_code=not f"{path}/".startswith(known))
        for path in map(os.path.normpath, search_path)
    )


def require_own_files(paths: Sequence[str]) -> None:
    """Refuse a project by the files that it has imported. Raises SiteError."""
    try:
        why = why_untrusted_files(paths)
    except OSError as error:
        why = f"{error.filename} cannot be examined: {error.strerror}"
    if why:
        raise _refused("what the Django project has imported", why)


def folders_in(project: Project) -> list[str]:
    """The folders that the environment of a project adds to those in which modules are searched for."""
    written = project.environment.get("PYTHONPATH", "").split(":")
    return [posixpath.join(project.directory, path) for path in written if path]


def _places(site: Mapping[str, Any]) -> Iterator[_Thing]:
    """The folders and the database of a site, as far as they are said."""
    for name in ("media_root", "quarantine", "state_directory", "candidates"):
        path = site.get(name)
        if path and not is_in_bucket(path):
            yield _Thing(name, path)
    database = sqlite_path(site.get("database_url") or "")
    if database:
        yield _Thing("the SQLite database", database)
        # SQLite makes files of its own beside the database.
        yield _Thing("the folder of the SQLite database,", os.path.dirname(database))


def _project(django: Mapping[str, Any]) -> Iterator[_Thing]:
    """What of a Django project is run or read."""
    yield _Thing("the Django project", directory_of(django), is_code=True)
    yield from _interpreter("its interpreter", python_of(django) or "")
    if django["environment_file"]:
        yield _Thing("its environment file", django["environment_file"])


def _interpreter(what: str, python: str) -> Iterator[_Thing]:
    """An interpreter, its modules, and the folders that files beside these add to them."""
    if not python:
        return
    yield _Thing(what, python)
    if python == sys.executable:
        # It runs already.
        return
    prefixes = {os.path.dirname(os.path.dirname(path)) for path in (python, os.path.realpath(python))}
    for prefix in sorted(prefixes.difference(_OF_SYSTEM)):
        for modules in glob.glob(f"{glob.escape(prefix)}/lib*/python3*"):
            yield _Thing(f"the modules of {what}", modules, is_code=True)
            for packages in glob.glob(f"{glob.escape(modules)}/*-packages"):
                yield from (_Thing(f"the modules of {what}", path, is_code=True) for path in _added(packages))


def _added(packages: str) -> Iterator[str]:
    """The folders that the .pth files of a folder add; what code in them adds is found out by asking."""
    for path in glob.glob(f"{glob.escape(packages)}/*.pth"):
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                written = line.strip()
                if written and not written.startswith(("#", "import ", "import\t")):
                    yield os.path.normpath(os.path.join(packages, written))


def _require(things: Iterable[_Thing]) -> None:
    for thing in dict.fromkeys(things):
        try:
            why = why_untrusted(thing.path) or (why_untrusted_code(thing.path) if thing.is_code else None)
        except OSError as error:
            why = f"{error.filename or thing.path} cannot be examined: {error.strerror}"
        if why:
            raise _refused(f"{thing.what} {thing.path!r}", why)


def _refused(what: str, why: str) -> SiteError:
    return SiteError(
        f"root does not work with {what}, because somebody else may exchange it: {why}. Or set user to the "
        "user who should clean the site."
    )
