# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Runs a job: opens the tree and the database, makes the plan, and carries it out if it may."""

from __future__ import annotations

from typing import Callable

from . import orphans, records
from .database import connect
from .outcome import Outcome
from .plan import Plan
from .site import OrphansJob, RecordsJob
from .tree import MediaTree


def run(
    job: OrphansJob | RecordsJob,
    check: bool,
    approved_plan: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Plan, Outcome | None]:
    """Plan a job and, unless only checking or refused by a guard, carry the plan out.

    Raises CleanupError where not even a plan could be made.
    """
    site = job.site
    never = [site.quarantine[len(site.media_root) + 1 :]] if site.quarantine else []
    # Orphans are files: that job never writes to the database, not even when it removes.
    read_only = check or isinstance(job, OrphansJob)
    with MediaTree(site.media_root, site.max_listed, never) as tree, connect(
        site.database_url, read_only
    ) as database:
        if isinstance(job, OrphansJob):
            plan = orphans.make_plan(job, tree, database, approved_plan, progress)
            if check or plan.refusals:
                return plan, None
            return plan, orphans.carry_out(plan, job, tree, database)
        records_plan = records.make_plan(job, tree, database, approved_plan, progress)
        if check or records_plan.refusals:
            return records_plan, None
        return records_plan, records.carry_out(records_plan, job, tree, database)
