# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The subcommand check: whether a site can be cleaned by this user.

It makes the plans that the jobs would make, and then asks for each permission that applying them
needs. Nothing is changed: statements touch no row, and their transaction is rolled back.
"""

from __future__ import annotations

import argparse
import json
import os
import stat
import sys
from contextlib import suppress
from functools import partial
from typing import Any, Iterator, Sequence

from .. import run as jobs
from ..config.site import Job, Site
from ..database.base import Database
from ..errors import CleanupError, Exit
from ..media.s3.place import is_in_bucket
from ..plan.dependents.link import UPDATING
from ..plan.dependents.update import Update
from ..quarantine.default_place import obstacle_in_bucket
from ..run import Run
from ..session import open_session
from ..spool import Listed
from ..text import escaped
from . import described, project_changes, rights
from .rights import Finding
from .terminal import say, watched

# Directories of one job in which files cannot be removed, shown by name.
SHOWN = 5


class _RolledBack(Exception):
    """Ends a transaction that must not be kept."""


def check(options: argparse.Namespace) -> Exit:
    """Report for each thing that cleaning the site needs whether it is given."""
    jobs_of_site = described.all_jobs(options)
    if options.identity:
        return _print_identity(jobs_of_site[0].site)
    is_quiet = options.quiet or options.json
    runs = jobs.run_all(jobs_of_site, True, [], partial(watched, is_quiet=is_quiet))
    found = [(run.job.heading, finding) for run in runs for finding in findings(run)]
    found += [(options.site, finding) for finding in rights.findings(runs)]
    found += [(options.site, finding) for finding in project_changes.findings(jobs_of_site[0].site)]
    sites = {job.site.quarantine: job.site for job in reversed(jobs_of_site)}
    about_quarantines = filter(None, map(quarantine_finding, sites.values()))
    found += [(options.site, finding) for finding in about_quarantines]
    _report(options, found)
    return Exit.FAILED if any(finding.trouble for _heading, finding in found) else Exit.DONE


def _print_identity(site: Site) -> Exit:
    """Print which database and which media store these are, without making any plan."""
    with open_session(site, read_only=True) as session:
        say([json.dumps(session.identity.among_hosts())], sys.stdout)
    return Exit.DONE


def _report(options: argparse.Namespace, found: Sequence[tuple[str, Finding]]) -> None:
    if options.json:
        content = [{"heading": heading, **finding._asdict()} for heading, finding in found]
        say([json.dumps({"site": options.site, "findings": content}, indent=2)], sys.stdout)
        return
    for heading, finding in found:
        if finding.trouble:
            say([f"NOT OK  {heading}: {finding.what}", f"        {finding.trouble}"], sys.stderr)
        elif not options.quiet:
            say([f"ok      {heading}: {finding.what}"], sys.stdout)


def findings(run: Run) -> Iterator[Finding]:
    """Yield what was found about one job that was planned, good or bad."""
    what = "a plan can be made"
    if run.plan is None:
        yield Finding(what, str(run.error))
        return
    yield Finding(what, " ".join(refusal.message for refusal in run.plan.refusals))
    yield _files_can_be_removed(run.job)
    if jobs.KINDS[run.job.name].deletes_rows:
        yield _rows_can_be_removed(run.job.site, run.plan)


def _files_can_be_removed(job: Job) -> Finding:
    """Whether this user may unlink files in every directory in which the job may have to."""
    closed: Listed[str] = Listed(SHOWN)
    with open_session(job.site, read_only=True) as session:
        for directory in jobs.KINDS[job.name].directories(session, job):
            if not session.media.may_remove_in(directory):
                closed.add(escaped(directory) or "media_root")
    what = "files can be removed by this user"
    if not closed.total:
        return Finding(what)
    more = f" and {closed.total - SHOWN:,} more" if closed.total > SHOWN else ""
    return Finding(
        what,
        f"this user may not remove files in {', '.join(closed.items)}{more}. Run as the owner of the "
        "media (user, in the description of the site), let this user write there, or mount what is read-only "
        "for writing.",
    )


def _rows_can_be_removed(site: Site, plan: Any) -> Finding:
    """Ask for every privilege by statements that change no row."""
    table = plan.selection.table.name
    what = f"rows of {table} and dependent rows can be removed by this database user"
    try:
        with open_session(site, read_only=False) as session, suppress(_RolledBack):
            _remove_nothing(session.database, plan)
    except CleanupError as error:
        return Finding(what, str(error))
    return Finding(what)


def _remove_nothing(database: Database, plan: Any) -> None:
    with database.transaction():
        database.still_selected(plan.selection, [])
        for link in plan.links.links():
            if link.action in UPDATING:
                Update.along(link).make(database, [])
            elif link.action == "delete":
                database.delete(link.child, [])
        database.delete_selected(plan.selection, [])
        raise _RolledBack


def quarantine_finding(site: Site) -> Finding | None:
    """Whether files can move to the quarantine in one step; None where there is no quarantine."""
    if site.quarantine is None:
        return None
    if is_in_bucket(site.quarantine):
        what = "the quarantine can be listed; whether it can be written, a run finds out"
        return Finding(what, obstacle_in_bucket(site) or "")
    what = "the quarantine is on the file system of the media and can be written"
    place = _nearest(site.quarantine)
    shown = escaped(place)
    try:
        status = os.stat(place)
        same = status.st_dev == os.stat(site.media_root).st_dev
    except OSError as error:
        return Finding(what, f"'{shown}' cannot be checked: {error.strerror}.")
    if not stat.S_ISDIR(status.st_mode):
        return Finding(what, f"'{shown}' is not a directory. Set quarantine to another place.")
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
    """The path, or the nearest folder above it that exists."""
    while not os.path.exists(path) and path != b"/":
        path = os.path.dirname(path)
    return path
