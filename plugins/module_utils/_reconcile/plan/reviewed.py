# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Whether a reviewer's decisions are about the plan that was approved."""

from __future__ import annotations

import time
from typing import Iterator

from ..config.site import OrphansJob, RecordsJob, Reviewed
from ..errors import SiteError
from ..text import escaped
from .approval import ITEMS_IN_TOKEN, Approval

# How long a page may be acted on.
DAYS = 7


def require_reviewed(reviewed: Reviewed, approval: Approval | None, job: OrphansJob | RecordsJob) -> None:
    """Raise SiteError unless all that a reviewer keeps is in the plan that was approved, and it is recent."""
    if approval is None or approval.plan_id != reviewed.plan_id:
        other = (
            f", and the approved plan is {approval.plan_id}" if approval else ", which is not approved here"
        )
        raise SiteError(
            f"review is about the plan {reviewed.plan_id}{other}. Pass on both from the same page, or make "
            "the page again."
        )
    days = int((time.time() - approval.moment) // 86400)
    if days >= DAYS:
        raise SiteError(
            f"the plan {reviewed.plan_id} was reviewed on a page of {days} days ago, and a page is good for "
            f"{DAYS}. Make the page again."
        )
    names = dict(_names(reviewed, job))
    if names and approval.is_whole:
        raise SiteError(
            f"the plan {reviewed.plan_id} has more than {ITEMS_IN_TOKEN:,} items, so single ones cannot be "
            "kept in it. List them in the option keep of the site, and make the page again."
        )
    for entry, name in names.items():
        if name is None or not approval.lists(name):
            raise SiteError(
                f"review keeps '{entry}', and the plan {reviewed.plan_id} has nothing of that name. Export "
                "the list again from the page of that plan."
            )


def _names(reviewed: Reviewed, job: OrphansJob | RecordsJob) -> Iterator[tuple[str, bytes | None]]:
    """What is kept, and its name among the items of a plan of this job; None where it can have none."""
    is_of_files = isinstance(job, OrphansJob)
    for path in (*reviewed.keep.paths, *reviewed.keep.files):
        yield escaped(path), path if is_of_files else None
    for table, key in reviewed.keep.rows:
        is_of_job = isinstance(job, RecordsJob) and job.table == table
        yield (
            f"row {key} of {table}",
            b"row\0" + key.encode("utf-8", "surrogateescape") if is_of_job else None,
        )
