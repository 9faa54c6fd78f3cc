# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Carries out a plan of the job orphans."""

from __future__ import annotations

from ..config.site import OrphansJob
from ..database.base import Database
from ..errors import CleanupError
from ..media.local import LocalStore
from ..media.paths import Spellings
from ..plan.orphans import Orphan, _meant, _naming, _odd_references, _other_spelling
from ..plan.plan import Plan
from .outcome import Outcome
from .remover import Remover

# Files that are looked at once more, in the database and on disk, right before they go.
LAST_LOOK = 10_000


def carry_out(plan: Plan, job: OrphansJob, tree: LocalStore, database: Database, taker: Remover) -> Outcome:
    """Remove what the plan says, each file after one more look at it and at the database."""
    outcome = Outcome(job.site.max_listed, taker)
    try:
        meant = _meant_now(plan, job, database)
        for chunk in plan.items.chunks():
            for start in range(0, len(chunk), LAST_LOOK):
                _remove_few(chunk[start : start + LAST_LOOK], meant, job, tree, database, outcome)
    except CleanupError as error:
        outcome.error = str(error)
    return outcome


def _meant_now(plan: Plan, job: OrphansJob, database: Database) -> dict[bytes, bytes]:
    """Look once more for references that mean an orphan in another spelling."""
    if not len(plan.items):
        return {}
    spellings = Spellings(job.site.media_root, job.site.media_url)
    odd = _odd_references()
    for references in database.references(job.references):
        for value in spellings.odd(references):
            odd.extend((plain, value) for plain in spellings.meant_by(value))
    meant: dict[bytes, bytes] = {}
    if len(odd):
        for some in plan.items.chunks():
            meant.update(_meant(some, odd))
    return meant


def _remove_few(
    orphans: list[Orphan],
    meant: dict[bytes, bytes],
    job: OrphansJob,
    tree: LocalStore,
    database: Database,
    outcome: Outcome,
) -> None:
    tree.forget()
    outcome.taker.announce(tree, ((orphan.path, "orphan") for orphan in orphans))
    naming = _naming(job, database, orphans)
    for orphan in orphans:
        stay = naming.reason_to_keep(orphan.path)
        if stay:
            outcome.skip(orphan.path, stay.reason)
        elif orphan.path in meant:
            outcome.skip(orphan.path, _other_spelling(meant[orphan.path]))
        elif outcome.remove(tree, orphan.path, orphan.state):
            outcome.gone.add(orphan)
    outcome.taker.settle()
