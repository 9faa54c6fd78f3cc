# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Whether the database user has more rights than the jobs need, and which are enough."""

from __future__ import annotations

import re
from typing import Iterator, NamedTuple, Sequence

from ..config.site import OrphansJob
from ..database.drivers import connect
from ..database.sweep import SearchedTable
from ..plan.records import RecordsPlan
from ..run import Run

_CHANGES = "SELECT, INSERT, UPDATE, DELETE"


class Finding(NamedTuple):
    """One thing that was checked. ``trouble`` says what is wrong and what to do; empty if nothing."""

    what: str
    trouble: str = ""


def findings(runs: Sequence[Run]) -> Iterator[Finding]:
    """Yield a finding for each database whose jobs could be planned."""
    planned = [run for run in runs if run.plan is not None]
    for url in dict.fromkeys(run.job.site.database_url for run in planned):
        yield _finding(url, [run for run in planned if run.job.site.database_url == url])


def _finding(url: str, runs: Sequence[Run]) -> Finding:
    what = "the database user has no rights of a superuser"
    with connect(url, read_only=True) as database:
        user = database.superuser()
        if not user:
            return Finding(what)
        sweeps = any(run.job.site.enabled("sweep") for run in runs)
        searched = database.searched_columns().tables if sweeps else ()
        enough = database.sufficient_grants() or _grants(runs, searched)
    return Finding(
        what,
        f"{user} is a superuser, or a member of one. The site's own triggers and functions run with these "
        f"rights when rows are removed. Use a role of its own; this is enough: {enough}",
    )


def _grants(runs: Sequence[Run], searched: Sequence[SearchedTable]) -> str:
    """The statements that give a role what these jobs, the sweep and a restore need."""
    changed = dict.fromkeys(table for run in runs for table in _changed(run))
    read = dict.fromkeys(table for run in runs for table in _read(run) if table not in changed)
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


def _changed(run: Run) -> Iterator[str]:
    if isinstance(run.plan, RecordsPlan):
        yield run.plan.selection.table.name
        for link in run.plan.links.links():
            if link.action in ("delete", "set_null"):
                yield link.child.name


def _read(run: Run) -> Iterator[str]:
    yield from (column.table for column in run.job.references)
    if not isinstance(run.job, OrphansJob) and isinstance(run.plan, RecordsPlan):
        yield from (link.child.name for link in run.plan.links.links())
