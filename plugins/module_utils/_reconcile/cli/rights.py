# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Whether the database user has more rights than the jobs need, and which are enough."""

from __future__ import annotations

import re
from itertools import chain
from typing import Iterator, NamedTuple, Sequence

from ..config.site import Job
from ..database.drivers import connect
from ..database.sweep import SearchedTable
from ..plan.plan import Plan
from ..run import Run

_CHANGES = "SELECT, INSERT, UPDATE, DELETE"


class Finding(NamedTuple):
    """One thing that was checked. ``trouble`` says what is wrong and what to do; empty if nothing."""

    what: str
    trouble: str = ""


def findings(runs: Sequence[Run]) -> Iterator[Finding]:
    """Yield a finding for each database whose jobs could be planned."""
    planned = [(run.job, run.plan) for run in runs if run.plan is not None]
    for url in dict.fromkeys(job.site.database_url for job, _plan in planned):
        yield _finding(url, [(job, plan) for job, plan in planned if job.site.database_url == url])


def _finding(url: str, planned: Sequence[tuple[Job, Plan]]) -> Finding:
    what = "the database user has no rights of a superuser"
    with connect(url, read_only=True) as database:
        user = database.superuser()
        if not user:
            return Finding(what)
        sweeps = any(job.site.enabled("sweep") for job, _plan in planned)
        searched = database.searched_columns().tables if sweeps else ()
        enough = database.sufficient_grants() or _grants(planned, searched)
    return Finding(
        what,
        f"{user} is a superuser, or a member of one. The site's own triggers and functions run with these "
        f"rights when rows are removed. Use a role of its own; this is enough: {enough}",
    )


def _grants(planned: Sequence[tuple[Job, Plan]], searched: Sequence[SearchedTable]) -> str:
    """The statements that give a role what these jobs, the sweep and a restore need."""
    changed = dict.fromkeys(table for _job, plan in planned for table in plan.changed_tables)
    listed = (column.table for job, _plan in planned for column in job.references)
    dependent = (table for _job, plan in planned for table in plan.dependent_tables)
    read = dict.fromkeys(table for table in chain(listed, dependent) if table not in changed)
    schemas = dict.fromkeys(_quoted(table.identity[0]) for table in searched)
    grants = [(_CHANGES, ", ".join(map(_quoted, changed)))]
    grants += [("SELECT", f"ALL TABLES IN SCHEMA {schema}") for schema in schemas]
    grants += [] if schemas else [("SELECT", ", ".join(map(_quoted, read)))]
    return " ".join(f"GRANT {rights} ON {tables} TO ROLE;" for rights, tables in grants if tables)


def _quoted(table: str) -> str:
    """The name of a table as SQL takes it."""
    parts = (
        part if re.fullmatch("[a-z_][a-z0-9_]*", part) else '"{}"'.format(part.replace('"', '""'))
        for part in table.split(".")
    )
    return ".".join(parts)
