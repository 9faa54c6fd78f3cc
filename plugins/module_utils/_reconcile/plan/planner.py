# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the planners of all jobs share: the approval, the moment, and the guards of every plan."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import Iterator, Protocol, TypeVar

from ..compare.keep import KeepList
from ..compare.mentions.unlisted import Unlisted
from ..compare.no_paths import columns_without_paths
from ..compare.path_mismatch import Sample, better_reading
from ..config.site import Job, Keep, Site
from ..kept import Code, Doubt
from ..media.derived import patterns
from ..media.paths import Spellings
from ..media.store import FileState
from ..quarantine.conditional_delete import shown
from ..quarantine.default_place import obstacle
from ..quarantine.state.finds import EarlierFinds
from ..quarantine.state.identity import earlier
from ..quarantine.store import last_file_system
from ..session import Session
from ..text import counted, escaped
from .approval import Approval, Confirmation, Item, require_reviewed
from .guards import (
    guard_approval,
    guard_file_system,
    guard_identity,
    guard_marker,
    guard_no_paths,
    guard_partial,
    guard_path_mismatch,
    guard_quarantine,
    guard_replica,
    guard_sweep,
    guard_unconditional_delete,
)
from .plan import Plan


class Candidate(Protocol):
    """Something that a job found and may remove."""

    @property
    def name(self) -> bytes:
        """What it is called where it is kept: its path, or words for its row."""

    def item(self) -> Item:
        """What approval compares."""


Found = TypeVar("Found", bound=Candidate)


class Planner(ABC):
    """Makes one plan in a session, without touching anything.

    Its candidates are found first. Then it is finished, once all jobs of the session have found theirs: the
    sweep searches the database for all of them together.

    ``scope`` distinguishes the plans of a job from those with other options; ``approved`` is
    the token of a plan that somebody approved. Raises SiteError where an option is not usable.
    """

    plan: Plan

    def __init__(self, session: Session, job: Job, scope: str, approved: str | None) -> None:
        self.session = session
        self.store = session.media
        self.database = session.database
        self.site: Site = job.site
        self.listed_columns = job.referencing_columns
        self.scope = f"{job.name}\0{scope}"
        self.approval = Approval(approved, job.name, scope) if approved else None
        self.moment = self.approval.moment if self.approval else time.time()
        self.derived = patterns(job.derived)
        self.spellings = Spellings(job.site.media_root, job.site.media_url)
        self.sample = Sample()
        self.own_files = self.database.own_files()
        if self.site.review:
            require_reviewed(self.site.review, self.approval, self._names_of(self.site.review.keep))
        self.keep = KeepList(job.site.keep, self.database, self.spellings, self.site.review)
        self.unlisted = Unlisted(session.sweep, job.path_columns, job.site)

    @abstractmethod
    def find(self) -> None:
        """Find what the job may remove, and let the sweep search for mentions of these files."""

    @abstractmethod
    def finish(self) -> Plan:
        """Make the plan of what was found."""

    def item_of_file(self, path: bytes) -> bytes | None:
        """The name that a file has as an item of a plan of the job; None if files are no items of it."""
        return None

    def item_of_row(self, table: str, key: str) -> bytes | None:
        """The name that a row has as an item of a plan of the job; None if rows of the table are none."""
        return None

    def _names_of(self, keep: Keep) -> dict[str, bytes | None]:
        """What a list keeps, in words, and the names of these items."""
        files = {escaped(path): self.item_of_file(path) for path in (*keep.paths, *keep.files)}
        rows = {f"row {key} of {table}": self.item_of_row(table, key) for table, key in keep.rows}
        return {**files, **rows}

    def planned(self) -> Plan:
        """The plan of a job that has its session to itself."""
        self.find()
        return self.finish()

    def close(self) -> None:
        """Close what was opened to make the plan."""
        if self.plan.confirmation:
            self.plan.confirmation.close()

    def examined(self, number: int) -> None:
        """Report to the person who waits how much was examined so far."""
        if self.session.progress:
            self.session.progress(number)

    def approved(self, candidates: Iterator[Found]) -> Iterator[Found]:
        """Keep what is not in the approved plan, if there is one."""
        for candidate in candidates:
            if self.is_approved(candidate):
                yield candidate

    def is_approved(self, candidate: Candidate) -> bool:
        """Whether a candidate may be removed by the approved plan, or by any; else it is kept."""
        doubt = self.approval.reason_to_keep(candidate.item()) if self.approval else None
        if doubt:
            self.plan.keep_for(candidate.name, doubt)
        return doubt is None

    def require_confirmation(self, scans: int) -> None:
        """Keep what fewer scans have found (the user may say how many), where nobody reviews the plan."""
        wanted = self.site.confirm_scans or scans
        is_reviewed = self.approval is not None and self.site.enabled("reviewed")
        if wanted > 1 and not is_reviewed:
            earlier = EarlierFinds(self.session.state, self.scope)
            hours = self.site.confirm_after_hours
            self.plan.confirmation = Confirmation(earlier, time.time(), wanted, hours)

    def confirmed(self, candidates: Iterator[Found]) -> Iterator[Found]:
        """Keep what earlier scans do not confirm, where that is required."""
        for candidate in candidates:
            confirmation = self.plan.confirmation
            doubt = confirmation.reason_to_keep(candidate.item()) if confirmation else None
            # A plan that is only made may be reviewed, and then needs no confirmation.
            if doubt and self.session.applies:
                self.plan.keep_for(candidate.name, doubt)
            else:
                yield candidate

    def is_listed_in_keep(self, doubt: Doubt | None, candidate: Candidate) -> bool:
        """Whether the option ``keep`` lists a candidate, as the doubt says; it is kept, then."""
        if doubt:
            self.keep_noted(candidate, doubt)
        return doubt is not None

    def keep_noted(self, candidate: Candidate, doubt: Doubt) -> None:
        """Keep a candidate that may be in the approved plan."""
        self.plan.keep_for(candidate.name, doubt)
        if self.approval:
            self.approval.note(candidate.item())

    def is_of_database(self, path: bytes, state: FileState) -> bool:
        """Whether a file is part of the site's own database, under whatever name; it is kept, then."""
        if (state.device, state.inode) not in self.own_files:
            return False
        self.plan.keep(path, Code.DATABASE, "it is part of the site's own database")
        return True

    def seal(self) -> None:
        """Give the plan its name, and refuse it where any plan would be refused."""
        plan = self.plan
        plan.warnings += self.session.notes
        if plan.confirmation and plan.confirmation.lacking and not self.session.applies:
            items = counted(plan.confirmation.lacking, "item")
            plan.warnings.append(
                f"without a review, {items} of these would be kept until a later scan confirms them"
            )
        self.store.verify_root()
        plan.seal()
        guard_partial(plan, self.store.unreadable)
        plan.unlisted, plan.remarks = self.unlisted.columns, self.unlisted.remarks
        if len(plan.items):
            guard_sweep(plan, self.unlisted.unsearchable)
        guard_replica(plan, self.database.is_replica())
        columns = columns_without_paths(self.database, self.listed_columns, self.store, self.spellings)
        guard_no_paths(plan, columns, self.site.accept)
        if self.site.marker is not None:
            present = self.store.check(self.site.marker).is_file
            guard_marker(plan, escaped(self.site.marker), present)
        plan.identity = now = self.session.identity
        guard_identity(plan, earlier(self.session.state, now), now, self.site.accept)
        guard_file_system(plan, last_file_system(self.site), self.store.file_system, self.site.accept)
        guard_quarantine(plan, obstacle(self.site, self.store))
        if plan.found.files and not plan.refusals:
            guard_unconditional_delete(plan, shown(self.site), self.session.deletes_conditionally())
        guard_approval(plan, self.approval)

    def check_path_mismatch(self) -> None:
        """Refuse the plan where most references would fit a file if they were read otherwise."""
        reading = better_reading(self.sample, self.store, self.spellings)
        guard_path_mismatch(self.plan, reading, self.site.accept)
