# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The job ``orphans``: files that no row names. First the plan, then its careful execution."""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import Callable, Iterable, Iterator, NamedTuple, Pattern

from ..compare.merge import References, begun
from ..compare.moves import LikelyMove, lost_references
from ..compare.path_mismatch import Sample, better_reading
from ..compare.references import ReferenceCheck
from ..config.site import OrphansJob
from ..database.base import Database
from ..errors import SiteError
from ..media.derived import patterns
from ..media.local import FileState, LocalStore
from ..media.paths import Spellings, canonical, outside
from ..media.walk import exclusion, is_excluded
from ..quarantine.batches import last_file_system
from ..spool import Paths, Spool
from ..text import counted, escaped
from .approval import Approval
from .guards import (
    Tally,
    guard_approval,
    guard_directories,
    guard_file_system,
    guard_marker,
    guard_partial,
    guard_path_mismatch,
    guard_replica,
    guard_share,
    without_marker,
)
from .plan import Item, Plan

# The kernel stamps files by a clock that ticks every 10 ms at the slowest.
CLOCK_TICK_NS = 10_000_000

Progress = Callable[[int], None]


class Orphan(NamedTuple):
    path: bytes
    state: FileState

    def item(self) -> Item:
        """What approval compares: the path, and all that tells one file from another."""
        return Item(self.path, repr(tuple(self.state)).encode())


def _spool() -> Spool[Orphan]:
    return Spool(
        lambda orphan: (orphan.path, tuple(orphan.state)),
        lambda path, state: Orphan(path, FileState(*state)),
    )


def make_plan(
    job: OrphansJob,
    tree: LocalStore,
    database: Database,
    approved_plan: str | None = None,
    progress: Progress | None = None,
) -> Plan:
    """Find the orphans of a site without touching anything."""
    return _Planning(job, tree, database, approved_plan, progress).plan_made()


class _Planning:
    """The making of one plan: the walk and the merge, then one more look at what they left."""

    def __init__(
        self,
        job: OrphansJob,
        tree: LocalStore,
        database: Database,
        approved_plan: str | None,
        progress: Progress | None,
    ) -> None:
        self.job = job
        self.tree = tree
        self.database = database
        self.progress = progress
        self.began_ns = time.time_ns() - CLOCK_TICK_NS
        scope = _scope(job)
        self.approval = Approval(approved_plan, job.name, scope) if approved_plan else None
        moment = self.approval.moment if self.approval else time.time()
        self.old_ns = int((moment - job.age_limit.seconds) * 1e9)
        self.exclude: Pattern[bytes] | None = exclusion(job.exclude)
        self.spellings = Spellings(job.site.media_root, job.site.media_url)
        self.odd = _odd_references()
        self.plan = Plan(job.name, scope, moment, _spool(), job.site.max_listed)
        self.listed = 0
        self.not_judged = 0
        self.files = 0
        self.unnamed = 0
        self.sample = Sample()
        # By listed directory: files, and unnamed files; and how many of them would go.
        self.counts: dict[bytes, tuple[int, int]] = {}
        self.going: Counter[bytes] = Counter()

    def plan_made(self) -> Plan:
        patterns(self.job.derived)
        self._require_directories()
        for some in self._candidates().chunks():
            for orphan in self._approved(self._not_moved(self._not_meant(self._still_unnamed(some)))):
                self._add(orphan)
        self._finish()
        return self.plan

    def _require_directories(self) -> None:
        try:
            for directory in self.job.directories:
                self.tree.require_directory(directory)
        except SiteError as error:
            marker = self.job.site.marker
            if marker is None or self.tree.has_file(marker):
                raise
            # Then it is hardly the directory's name that is wrong.
            raise SiteError(f"{without_marker(escaped(marker))} Besides, {error}") from None

    def _add(self, orphan: Orphan) -> None:
        self.plan.items.append(orphan)
        self.plan.found.files += 1
        self.plan.found.bytes += orphan.state.size
        self.going[_listed(orphan.path, self.job.directories)] += 1
        self.plan.count_in(orphan.item())

    def _candidates(self) -> Spool[Orphan]:
        """The unnamed files that are old enough. The database sorts while the tree is walked."""
        candidates = _spool()
        with begun(self.database.references(self.job.references)) as lists:
            listings = {directory: self._listing(directory) for directory in self.job.directories}
            references = References(self._watched(lists))
            for directory, paths in listings.items():
                not_judged, unnamed = self.not_judged, self.unnamed
                for some in paths.lists():
                    for path in references.unnamed(some):
                        orphan = self._judged(path)
                        if orphan:
                            candidates.append(orphan)
                files = len(paths) - (self.not_judged - not_judged)
                self.files += files
                self.counts[directory] = (files, self.unnamed - unnamed)
            references.finish()
        self.plan.examined = {
            "files": self.files,
            "referenced": self.files - self.unnamed,
            "references": references.count,
            "derived": 0,
        }
        return candidates

    def _listing(self, directory: bytes) -> Paths:
        paths = Paths()
        for run in self.tree.walk(directory, self.exclude):
            paths.add(run.prefix, run.names)
            self.listed += len(run.names)
            if self.progress:
                self.progress(self.listed)
        return paths

    def _watched(self, lists: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
        for references in lists:
            self.sample.look_at(references)
            for value in self.spellings.odd(references):
                why = outside(value)
                if why:
                    self.plan.skip(value, f"the database holds this path, which {why}")
                self.odd.extend((plain, value) for plain in self.spellings.meant_by(value))
            yield references

    def _judged(self, path: bytes) -> Orphan | None:
        """An unnamed file as a candidate, or None if it is not ours to judge, or young."""
        if path == self.job.site.marker or (self.exclude and is_excluded(self.exclude, path)):
            self.not_judged += 1
            return None
        state = self.tree.seen(path)
        if state is None:
            self.not_judged += 1
            return None
        if state.kind != "file":
            self.not_judged += 1
            self.plan.skip(path, f"it is a {state.kind}, and only regular files are judged")
            return None
        self.unnamed += 1
        stamp = state.stamp_ns(self.job.age_limit.age_stamp)
        if stamp > self.old_ns or state.ctime_ns >= self.began_ns:
            self.plan.young += 1
            return None
        return Orphan(path, state)

    def _still_unnamed(self, orphans: list[Orphan]) -> Iterator[Orphan]:
        """Ask the database again: references are read after the files, in both spellings."""
        naming = _naming(self.job, self.database, orphans)
        for orphan in orphans:
            stay = naming.reason_to_keep(orphan.path)
            if stay is None:
                yield orphan
            elif stay.is_derived:
                # Thumbnails of living photos are no news, and there are many of them.
                self.plan.examined["derived"] += 1
            else:
                self.plan.skip(orphan.path, stay.reason)

    def _not_meant(self, orphans: Iterator[Orphan]) -> Iterator[Orphan]:
        """Leave alone what an oddly written reference may mean."""
        some = list(orphans)
        meant = _meant(some, self.odd)
        for orphan in some:
            if orphan.path in meant:
                self.plan.skip(orphan.path, _other_spelling(meant[orphan.path]))
            else:
                yield orphan

    def _not_moved(self, orphans: Iterator[Orphan]) -> Iterator[Orphan]:
        """Leave alone what may be the file that a row has lost."""
        if self.job.site.enabled("include_likely_moves") or not self._may_have_lost_files():
            yield from orphans
            return
        some = list(orphans)
        sizes = {orphan.path: orphan.state.size for orphan in some}
        moved = lost_references(sizes, self.tree, self.database, self.job.references)
        for orphan in some:
            lost = moved.get(orphan.path)
            if lost is None:
                yield orphan
            else:
                self.plan.skip(orphan.path, _moved_from(lost))

    def _may_have_lost_files(self) -> bool:
        """Whether there are more references than files with a reference; spares a search if not."""
        return self.plan.examined["references"] > self.plan.examined["referenced"]

    def _approved(self, orphans: Iterator[Orphan]) -> Iterator[Orphan]:
        for orphan in orphans:
            objection = self.approval.objection(orphan.item()) if self.approval else None
            if objection:
                self.plan.skip(orphan.path, objection)
            else:
                yield orphan

    def _finish(self) -> None:
        self._tell_what_left_the_plan()
        plan, site = self.plan, self.job.site
        self.tree.verify_root()
        for path, reason in self.tree.not_entered.items:
            plan.skip(path, reason)
        plan.seal()
        guard_partial(plan, self.tree.unseen)
        guard_replica(plan, self.database.is_replica())
        if site.marker is not None:
            guard_marker(plan, escaped(site.marker), self.tree.has_file(site.marker))
        guard_share(plan, "files", plan.found.files, self.files, site.max_removal_percent)
        guard_directories(plan, self._tallies(), site.max_removal_percent, site.accept)
        if len(plan.items):
            reading = better_reading(self.sample, self.tree, self.spellings)
            guard_path_mismatch(plan, reading, site.accept)
        guard_file_system(plan, last_file_system(site), self.tree.file_system, site.accept)
        guard_approval(plan, self.approval)

    def _tallies(self) -> Iterator[Tally]:
        for directory, (files, unnamed) in self.counts.items():
            yield Tally(escaped(directory) or ".", files, files - unnamed, self.going[directory])

    def _tell_what_left_the_plan(self) -> None:
        """Name the approved files that are no candidates any more; worth a walk, as it is rare."""
        if self.approval is None or not self.approval.left:
            return
        names = (
            run.prefix + name
            for directory in self.job.directories
            for run in self.tree.walk(directory, self.exclude)
            for name in run.names
        )
        told = 0
        for path in self.approval.left_names(names):
            told += 1
            self.plan.skip(path, "it was in the approved plan and is referenced or young by now")
        gone = self.approval.left - told
        if gone:
            self.plan.warnings.append(f"gone already: {counted(gone, 'file')} of the approved plan")


def _odd_references() -> Spool[tuple[bytes, bytes]]:
    """What references in an odd spelling may stand for, each with that reference."""
    return Spool(tuple, lambda *pair: pair)


def _meant(orphans: list[Orphan], odd: Spool[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The orphans that an oddly written reference may mean, each with that reference."""
    if not len(odd):
        return {}
    paths: dict[bytes, list[bytes]] = {}
    for orphan in orphans:
        paths.setdefault(canonical(orphan.path), []).append(orphan.path)
    return {path: value for plain, value in odd for path in paths.get(plain, ())}


def _other_spelling(value: bytes) -> str:
    return f"the database names it in another spelling: '{escaped(value)}'"


def _naming(job: OrphansJob, database: Database, orphans: list[Orphan]) -> ReferenceCheck:
    paths = [orphan.path for orphan in orphans]
    return ReferenceCheck(database, job.references, patterns(job.derived), paths)


def _moved_from(lost: LikelyMove) -> str:
    return (
        f"a row has lost a file of this {lost.alike}, '{escaped(lost.path)}': likely a move. Correct the row "
        "or move the file back; include_likely_moves removes it all the same"
    )


def _listed(path: bytes, directories: Iterable[bytes]) -> bytes:
    """The listed directory that a path lies in; they do not overlap."""
    return next(directory for directory in directories if _is_below(path, directory))


def _is_below(path: bytes, directory: bytes) -> bool:
    return not directory or path.startswith(directory + b"/")


def _scope(job: OrphansJob) -> str:
    parts = [job.site.media_root, *job.directories]
    return "\0".join([*map(os.fsdecode, parts), *map(str, job.references)])
