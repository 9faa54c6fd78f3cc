# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The site of a command line: its description, its jobs and who does the work."""

from __future__ import annotations

import argparse
import os
from typing import Any, Iterable, Mapping

from ..config import site_file
from ..config.options import JOBS, Flag, Option, flagged_options, shared_flags
from ..config.site import Job, Site
from ..config.trust.site_user import Worker, this_process, worker_of
from ..errors import SiteError

# The subcommand that does every job of a site.
ALL = "all"
_SITES = "sites"


def jobs_of_one_kind(options: argparse.Namespace, kind: str) -> list[Job]:
    """The jobs of one kind, with what the command line overrides."""
    site, source = options.description, options.source
    return site_file.jobs_of(site, kind, source, _overrides(options, flagged_options(kind)))


def _overrides(options: argparse.Namespace, flags: Iterable[tuple[Option, Flag]]) -> dict[str, Any]:
    """What the command line says for the jobs."""
    given = {option.name: getattr(options, option.name, None) for option, _flag in flags}
    return {name: value for name, value in given.items() if value is not None}


def jobs_to_do(options: argparse.Namespace) -> list[Job]:
    """The jobs of a subcommand that cleans: those of one kind, or every one of the site."""
    if options.command != ALL:
        return jobs_of_one_kind(options, options.command)
    return all_jobs(options, _overrides(options, shared_flags()))


def all_jobs(options: argparse.Namespace, overrides: Mapping[str, Any] | None = None) -> list[Job]:
    """Every job that the site describes. Raises SiteError if it describes none."""
    site, source = options.description, options.source
    kinds = [kind for kind in JOBS if site_file.has_job(site, kind)]
    found = [job for kind in kinds for job in site_file.jobs_of(site, kind, source, overrides or {})]
    if not found:
        raise SiteError(f"site {options.site!r} describes no job in {source}.")
    return found


def quarantined(options: argparse.Namespace) -> list[Site]:
    """The site, as often as it has quarantines or media roots, since a job may have its own."""
    found: dict[tuple[bytes, bytes], Site] = {}
    accepted = getattr(options, "accept", None)
    for job in all_jobs(options, {"accept": accepted} if accepted else None):
        if job.site.quarantine:
            found.setdefault((job.site.quarantine, job.site.media_root), job.site)
    if not found:
        raise SiteError(
            f"site {options.site!r} has permanent: true, so nothing that is removed from it is kept. Remove "
            "that from its description; what is removed from then on can be restored."
        )
    return list(found.values())


def read(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """The description of the site, and the file that it came from."""
    directory = os.path.join(options.config, _SITES)
    site = site_file.read(directory, options.site)
    return site, os.path.join(directory, f"{options.site}.json")


def worker(options: argparse.Namespace) -> Worker:
    """Who does the work of the subcommand. Raises SiteError where this process may not decide it."""
    kinds = [options.command] if options.command in JOBS else JOBS
    found = site_file.list_jobs([options.description], kinds, options.source)
    listed = getattr(options, "candidates", None)
    if listed is not None:
        found = [{**job, "options": {**job["options"], "candidates": listed}} for job in found]
    # Of a site without such a job, the subcommand reports that.
    return worker_of([job["options"] for job in found]) if found else this_process()
