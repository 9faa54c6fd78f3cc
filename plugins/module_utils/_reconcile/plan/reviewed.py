# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Whether a reviewer's decisions are about the plan that was approved."""

from __future__ import annotations

import time
from typing import Mapping

from ..config.site import Reviewed
from ..errors import SiteError
from .approval import ITEMS_IN_TOKEN, Approval

# How long a page may be acted on.
DAYS = 7


def require_reviewed(
    reviewed: Reviewed, approval: Approval | None, names: Mapping[str, bytes | None]
) -> None:
    """Raise SiteError unless all that a reviewer keeps is in the plan that was approved, and it is recent.

    ``names`` has the name of the item for each thing that is kept, None for what can be no item of the job.
    """
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
