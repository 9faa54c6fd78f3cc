# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The subcommand references: all references of a site, for a join with the inventory of a bucket."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import nullcontext
from typing import Sequence

from ..compare.listed.inventory import KEY, referenced_keys
from ..config.site import Column, Job, Site
from ..database.drivers import connect
from ..errors import Exit, SiteError
from ..report.lists import ListFile
from ..text import counted, printable
from . import described
from .terminal import complain, say


def export_references(options: argparse.Namespace) -> Exit:
    """Write what any column that a job of the site lists references, as CSV with the one column ``key``."""
    jobs = described.all_jobs(options)
    site, columns = _place(jobs), _columns(jobs)
    number = 0
    # The parent of a site's process writes it itself.
    with nullcontext() if options.emit else ListFile(options.export, "the export") as file:
        emit = file.emit if file else options.emit
        emit(f"{KEY}\n")
        with connect(site.database_url, read_only=True) as database:
            for note in database.notes:
                complain(note)
            for keys in referenced_keys(database, columns, site):
                number += len(keys)
                emit("\n".join(keys) + "\n")
        emit(None)
    if options.json:
        say([json.dumps({"site": options.site, "export": options.export, "keys": number})], sys.stdout)
    elif not options.quiet:
        listed = ", ".join(map(str, columns))
        say([printable(f"{counted(number, 'key')} in {options.export}, referenced by {listed}")], sys.stdout)
    return Exit.DONE


def _place(jobs: Sequence[Job]) -> Site:
    """The site of the jobs. Raises SiteError where they are about several databases or media stores."""
    site = jobs[0].site
    places = {(job.site.database_url, job.site.media_root) for job in jobs}
    if len(places) > 1:
        raise SiteError(
            f"the jobs of site {site.name!r} are about several databases or media roots, so one list of "
            "references would be wrong for each of them. Describe one site for each media root."
        )
    return site


def _columns(jobs: Sequence[Job]) -> tuple[Column, ...]:
    """All columns that may hold paths, by any of the jobs."""
    return tuple(dict.fromkeys(column for job in jobs for column in job.path_columns))
