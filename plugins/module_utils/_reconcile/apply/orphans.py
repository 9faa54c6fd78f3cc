# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Applies a plan of the job ``orphans``: each file is checked again, with its references, then removed."""

from __future__ import annotations

from ..compare.names.references import ReferenceCheck
from ..config.site import OrphansJob
from ..errors import CleanupError
from ..media.derived import patterns
from ..media.paths import Spellings
from ..plan.plan import Plan
from ..session import Session
from .files import FileRemoval
from .outcome import Outcome
from .remover import Remover

# Files that are asked for once more, in the database and on disk, right before they are removed.
AT_ONCE = 10_000


def apply(session: Session, job: OrphansJob, plan: Plan, remover: Remover) -> Outcome:
    """Remove the plan's files, each only if it is unchanged and no row references it now."""
    outcome = Outcome(job.site.max_listed, remover)
    spellings = Spellings(job.site.media_root, job.site.media_url)
    check = ReferenceCheck(session.database, job.references, patterns(job.derived), spellings, session.media)
    removal = FileRemoval(session, check, outcome)
    try:
        removal.sweep((orphan.path for orphan in plan.items), job)
        for chunk in plan.items.chunks():
            for start in range(0, len(chunk), AT_ONCE):
                for orphan in removal.remove(chunk[start : start + AT_ONCE], "orphan"):
                    outcome.removed_items.add(orphan)
    except CleanupError as error:
        outcome.error = str(error)
    return outcome
