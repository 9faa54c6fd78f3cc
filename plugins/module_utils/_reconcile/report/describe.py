# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Which description belongs to which kind of job."""

from __future__ import annotations

from typing import Callable

from ..apply.outcome import Outcome
from ..config.site import Job
from ..plan.plan import Plan
from .description import Description
from .orphans import OrphansDescription
from .records import IncompleteDescription, MissingDescription

_DESCRIPTIONS: dict[str, Callable[..., Description]] = {
    "orphans": OrphansDescription,
    "missing": MissingDescription,
    "incomplete": IncompleteDescription,
}


def describe(job: Job, plan: Plan, outcome: Outcome | None) -> Description:
    """The description of a plan, and of its outcome if it was applied."""
    return _DESCRIPTIONS[job.name](job, plan, outcome)
