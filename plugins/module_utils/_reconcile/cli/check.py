# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Checks whether a site can be cleaned by this user: what `media-cleanup check` tells.

It makes the plans that the jobs would make, and then asks for each permission that carrying them
out would need. Nothing is changed: statements touch no row, and their transaction is rolled back.
"""

from __future__ import annotations

import argparse
import json
import os
import stat
import sys
from contextlib import suppress
from typing import Callable, Iterator, NamedTuple, Sequence

from .. import run as jobs
from ..config.site import OrphansJob, RecordsJob, Site
from ..database import connect
from ..database.base import Database
from ..database.catalog import Selection
from ..errors import CleanupError, Exit
from ..media.local import Blocked, LocalStore
from ..media.paths import outside
from ..media.walk import exclusion
from ..plan.dependents import Dependents
from ..plan.plan import Plan
from ..plan.records import RecordsPlan
from ..spool import Listed
from ..text import escaped
from . import site as described
from .ending import Run
from .terminal import Progress, say

# Directories of one job in which files could not be removed, shown by name.
SHOWN = 5


class Finding(NamedTuple):
    """One thing that was looked at. ``trouble`` says what is wrong and what to do; empty if nothing."""

    what: str
    trouble: str = ""


class _RolledBack(Exception):
    """Ends a transaction that must not be kept."""


def check(options: argparse.Namespace) -> Exit:
    """Tell of everything that cleaning the site needs whether it is so."""
    found: list[tuple[str, Finding]] = []
    sites: dict[bytes | None, Site] = {}
    for job in described.all_jobs(options):
        progress = Progress(job, options.quiet or options.json)
        told = findings(job, progress.tell if progress.is_shown else None)
        found += [(Run(job).heading, finding) for finding in told]
        progress.end()
        sites.setdefault(job.site.quarantine, job.site)
    about_quarantines = filter(None, map(quarantine_finding, sites.values()))
    found += [(options.site, finding) for finding in about_quarantines]
    _tell(options, found)
    return Exit.FAILED if any(finding.trouble for _heading, finding in found) else Exit.DONE


def _tell(options: argparse.Namespace, found: Sequence[tuple[str, Finding]]) -> None:
    if options.json:
        content = [{"heading": heading, **finding._asdict()} for heading, finding in found]
        say([json.dumps({"site": options.site, "findings": content}, indent=2)], sys.stdout)
        return
    for heading, finding in found:
        if finding.trouble:
            say([f"NOT OK  {heading}: {finding.what}", f"        {finding.trouble}"], sys.stderr)
        elif not options.quiet:
            say([f"ok      {heading}: {finding.what}"], sys.stdout)


def findings(
    job: OrphansJob | RecordsJob, progress: Callable[[int], None] | None = None
) -> Iterator[Finding]:
    """Yield what was looked at for one job, good or bad."""
    try:
        plan, _outcome = jobs.run(job, check=True, progress=progress)
    except CleanupError as error:
        yield Finding("a plan can be made", str(error))
        return
    yield Finding("a plan can be made", _refused(plan))
    yield _files_can_go(job)
    if isinstance(plan, RecordsPlan) and isinstance(job, RecordsJob):
        yield _rows_can_go(job, plan.selection)


def _refused(plan: Plan) -> str:
    return " ".join(refusal.message for refusal in plan.refusals)


def _files_can_go(job: OrphansJob | RecordsJob) -> Finding:
    """Whether this user may unlink files in every directory in which the job may have to."""
    closed: Listed[str] = Listed(SHOWN)
    with LocalStore(job.site.media_root, job.site.max_listed, _quarantine_inside(job.site)) as tree:
        looked_at = _walked(job, tree) if isinstance(job, OrphansJob) else _named(job, tree)
        for directory, is_open in looked_at:
            if not is_open:
                closed.add(escaped(directory) or "media_root")
    what = "files can be removed by this user"
    if not closed.total:
        return Finding(what)
    more = f" and {closed.total - SHOWN:,} more" if closed.total > SHOWN else ""
    return Finding(
        what,
        f"this user may not remove files in {', '.join(closed.items)}{more}. Run as the owner of the "
        "media (user, in the description of the site), or let this user write there.",
    )


def _walked(job: OrphansJob, tree: LocalStore) -> Iterator[tuple[bytes, bool]]:
    """Each directory that holds files for the job ``orphans``, and whether they could go."""
    for directory in job.directories:
        last = None
        for run in tree.walk(directory, exclusion(job.exclude)):
            if run.prefix != last:
                yield run.prefix, _may_unlink_in(run.handle)
            last = run.prefix


def _named(job: RecordsJob, tree: LocalStore) -> Iterator[tuple[bytes, bool]]:
    """Each directory in which the rows of a table name files, and whether they could go."""
    seen: set[bytes] = set()
    with connect(job.site.database_url, read_only=True) as database:
        for paths in database.references(job.own_columns):
            for path in paths:
                directory = os.path.dirname(path)
                if directory in seen or outside(path):
                    continue
                seen.add(directory)
                # Where the directory is missing, or a link, nothing would be removed.
                with suppress(OSError, Blocked):
                    handle, _name = tree.parent_of(path)
                    yield directory, _may_unlink_in(handle)


def _quarantine_inside(site: Site) -> list[bytes]:
    below = site.media_root.rstrip(b"/") + b"/"
    inside = site.quarantine is not None and site.quarantine.startswith(below)
    return [site.quarantine[len(below) :]] if site.quarantine and inside else []


def _may_unlink_in(handle: int) -> bool:
    status = os.fstat(handle)
    user = os.geteuid()
    # In a sticky directory, others' files stay; its owner may remove them.
    if status.st_mode & stat.S_ISVTX and user not in (0, status.st_uid):
        return False
    return os.access(".", os.W_OK | os.X_OK, dir_fd=handle, effective_ids=True)


def _rows_can_go(job: RecordsJob, selection: Selection) -> Finding:
    """Ask for every privilege by statements that meet no row."""
    what = f"rows of {job.table} and of what hangs on them can be removed by this database user"
    try:
        with connect(job.site.database_url, read_only=False) as database:
            _without_effect(job, selection, database)
    except CleanupError as error:
        return Finding(what, str(error))
    return Finding(what)


def _without_effect(job: RecordsJob, selection: Selection, database: Database) -> None:
    hanging = Dependents(job, database.table(job.table), database)
    try:
        with database.transaction():
            database.still_selected(selection, [])
            for link in hanging.links():
                if link.action == "set_null":
                    database.clear(link.child, link.columns, [])
                elif link.action == "delete":
                    database.delete(link.child, [])
            database.delete_selected(selection, [])
            raise _RolledBack
    except _RolledBack:
        return


def quarantine_finding(site: Site) -> Finding | None:
    """Whether files can move to the quarantine in one step; None where there is no quarantine."""
    if site.quarantine is None:
        return None
    what = "the quarantine is on the file system of the media and can be written"
    place = _nearest(site.quarantine)
    shown = escaped(place)
    try:
        status = os.stat(place)
        same = status.st_dev == os.stat(site.media_root).st_dev
    except OSError as error:
        return Finding(what, f"'{shown}' cannot be looked at: {error.strerror}.")
    if not stat.S_ISDIR(status.st_mode):
        return Finding(what, f"'{shown}' is not a directory. Name another place.")
    if place == site.quarantine and stat.S_IMODE(status.st_mode) & 0o022:
        return Finding(what, f"'{shown}' can be written by others. Make it private (chmod 700).")
    if not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
        return Finding(what, f"this user may not write in '{shown}'. Let the site's user own it.")
    if not same:
        return Finding(
            what,
            f"'{shown}' is on another file system than the media root, so every file is copied instead of "
            "moved, which takes time and space. Choose a place beside the media root.",
        )
    return Finding(what)


def _nearest(path: bytes) -> bytes:
    """The path, or what is there of the way to it."""
    while not os.path.exists(path) and path != b"/":
        path = os.path.dirname(path)
    return path
