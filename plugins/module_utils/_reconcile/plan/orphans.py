# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The plan of the job ``orphans``: files that no row references."""

from __future__ import annotations

import os
import time
from collections import Counter
from functools import partial
from itertools import chain
from typing import AbstractSet, Iterable, Iterator, Pattern

from ..compare.age import AgeCheck
from ..compare.folders.claimed import judged_folders, none_there, unclaimed_folders
from ..compare.folders.unreferenced import Neighbours, Seen, UnreferencedFolders, seen_files
from ..compare.likely_derived import LikelyDerived
from ..compare.mentions.derived import with_mentioned
from ..compare.mentions.links import FileLinks
from ..compare.merge import Merge, begun
from ..compare.moves import LikelyMove, MoveSearch
from ..compare.names.other_names import OtherNames
from ..compare.names.references import ReferenceCheck
from ..compare.older_database import OlderDatabase
from ..config.site import OrphansJob
from ..errors import SiteError
from ..kept import Code, Doubt
from ..media.derived import sources_of
from ..media.disk.entered import CLOCK_TICK_NS
from ..media.paths import is_below, no_path, shortened
from ..media.store import PathStatus
from ..media.walk import exclusion, is_excluded
from ..session import Comparison, Session
from ..spool import Spool, in_chunks, path_spool
from ..text import counted, escaped
from .guards import Tally, guard_directories, guard_older_database, guard_share, without_marker
from .plan import Plan, PlannedFile, planned_files
from .planner import Planner

# Files that are in memory while many candidates are.
_FEW = 500


def directories(session: Session, job: OrphansJob) -> Iterator[bytes]:
    """The directories that hold files which the job may remove."""
    judged, _notes = judged_folders(job, session.media, session.database)
    for directory in judged:
        last = None
        for run in session.media.walk(directory, exclusion(job.exclude)):
            if run.prefix != last:
                yield run.prefix.rstrip(b"/")
            last = run.prefix


class OrphansPlanner(Planner):
    """The listing and the merge, then a fresh check of what they left."""

    # What the share that goes is a share of.
    counted_as = "files"
    # What is known to be in a folder in which nothing is referenced.
    held = "{:,} files"

    def __init__(self, session: Session, job: OrphansJob, approved: str | None = None) -> None:
        self.began_ns = time.time_ns() - CLOCK_TICK_NS
        self.job = job
        scope = _scope(job)
        super().__init__(session, job, scope, approved)
        self.plan = Plan(job.name, scope, self.moment, planned_files(PlannedFile), job.site.max_listed)
        self.directories, notes = judged_folders(job, self.store, self.database)
        self.plan.directories = self.directories
        self.plan.warnings += [*(job.claims.notes if job.claims else ()), *notes]
        self.age = AgeCheck(self.store, job.age_limit, self.moment)
        self.exclude: Pattern[bytes] | None = exclusion(job.exclude)
        self.check = ReferenceCheck(self.database, job.references, self.derived, self.spellings, self.store)
        accepted = job.site.accepted_names(Code.LIKELY_DERIVED)
        self.likely_derived = LikelyDerived(self.check.stems_among, accepted, self.plan.keep)
        self.older_database = OlderDatabase(self.store, self.database, job.references, self.check.spellings)
        self.without_file = path_spool()
        # What the listing and the references have left, in the order of the listing.
        self.seen = seen_files(_FEW)
        self.links = FileLinks()
        self.names: OtherNames | None = None
        self.listed = 0
        self.not_judged = 0
        self.files = 0
        self.unreferenced = 0
        # By listed directory: files, and unreferenced files; and how many of them would be removed.
        self.counts: dict[bytes, tuple[int, int]] = {}
        self.removed: Counter[bytes] = Counter()

    def item_of_file(self, path: bytes) -> bytes | None:
        return path

    def find(self) -> None:
        self._require_directories()
        self.require_confirmation(scans=1)
        self.seen.extend(self._asked_again(self._compared()))
        if any(file.state for file in self.seen):
            self.links.follow(self.store, self.store.links)
        self.unlisted.search_for(chain((file.path for file in self.seen if file.state), self.links.paths))

    def finish(self) -> Plan:
        self.likely_derived.learn(self.seen)
        orphans = map(_orphan, self._folders().left(self.likely_derived.left(self._not_mentioned())))
        for orphan in self.confirmed(self.approved(self._not_moved(orphans))):
            self._add(orphan)
        self._complete()
        return self.plan

    def _require_directories(self) -> None:
        try:
            for directory in self.directories:
                self.store.require_directory(directory)
        except SiteError as error:
            marker = self.site.marker
            if marker is None or self.store.check(marker).is_file:
                raise
            # Then it is hardly the directory's name that is wrong.
            raise SiteError(f"{without_marker(escaped(marker))} Besides, {error}") from None
        self._require_each_once()

    def _require_each_once(self) -> None:
        """Refuse two names of one folder, as over two mounts: its files would be judged by each of them."""
        known: dict[tuple[int, int], bytes] = {}
        for directory in self.directories:
            state = self.store.check(directory).state
            other = known.setdefault((state.device, state.inode), directory) if state else directory
            if other != directory:
                raise SiteError(
                    f"directories lists one folder twice: '{escaped(other)}' and '{escaped(directory)}' are "
                    "one on disk, as over two mounts or on a file system that ignores case. Keep one."
                )

    def _add(self, orphan: PlannedFile) -> None:
        self.plan.items.append(orphan)
        self.older_database.note_orphan(orphan.state)
        self.plan.found.files += 1
        self.plan.found.bytes += orphan.state.size
        self.removed[_listed(orphan.path, self.directories)] += 1
        self.plan.count_in(orphan.item())

    def _folders(self) -> UnreferencedFolders:
        return UnreferencedFolders(
            self.directories, self._accepted_folders(), self._is_derived, self._keep_folder
        )

    def _accepted_folders(self) -> AbstractSet[bytes]:
        return self.site.accepted_names(Code.UNREFERENCED_FOLDER)

    def _is_derived(self, path: bytes) -> bool:
        return bool(self.derived and sources_of(self.derived, path))

    def _keep_folder(self, folder: bytes, files: int) -> None:
        held = self.held.format(files)
        reason = (
            f"nothing in this folder is referenced, which holds {held}: a column may be missing in "
            f"references. If nothing in it is needed, set accept: ['unreferenced_folder:{escaped(folder)}']"
        )
        self.plan.keep(folder, Code.UNREFERENCED_FOLDER, reason)

    def _compared(self) -> Spool[Seen]:
        """The unreferenced files, and those beside them. The database sorts while the files are listed."""
        seen = seen_files(_FEW)
        neighbours = Neighbours()
        listing = self.store.listing(self.directories, self.exclude, self.examined)
        with listing as listed, begun(self.database.references(self.job.references)) as lists:
            merge = Merge(self._watched(lists), self.without_file)
            for directory, paths in zip(self.directories, listed):
                before, not_judged, unreferenced = self.listed, self.not_judged, self.unreferenced
                pairs = (
                    pair
                    for some in self._counted(paths)
                    for pair in neighbours.of(some, merge.unreferenced(some))
                )
                for (path, is_referenced), answer in self.store.check_listed(pairs, self._judged_path):
                    file = Seen(path, None, True) if is_referenced else self._judged(path, answer)
                    if file:
                        seen.append(file)
                files = self.listed - before - (self.not_judged - not_judged)
                self.files += files
                self.counts[directory] = (files, self.unreferenced - unreferenced)
            merge.finish()
        if self.session.serves_several:
            self.session.comparison = Comparison(self.job.references, self.without_file)
        self._note_examined(merge.count)
        return seen

    def _note_examined(self, references: int) -> None:
        self.plan.examined = {
            "files": self.files,
            "referenced": self.files - self.unreferenced,
            "references": references,
            "derived": 0,
        }

    def _counted(self, lists: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
        for paths in lists:
            self.listed += len(paths)
            yield paths

    def _watched(self, lists: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
        for references in lists:
            self.sample.look_at(references)
            for value in self.check.collect(references):
                why = no_path(value)
                if why:
                    self.plan.keep(
                        shortened(value), Code.OUTSIDE, f"the database holds this path, which {why}"
                    )
            yield references

    def _judged_path(self, candidate: tuple[bytes, bool]) -> bytes | None:
        """The path of a candidate; None if that is referenced, or is not ours to judge."""
        path, is_referenced = candidate
        is_left_out = path == self.site.marker or (self.exclude and is_excluded(self.exclude, path))
        return None if is_referenced or is_left_out else path

    def _judged(self, path: bytes, answer: PathStatus | None) -> Seen | None:
        """An unreferenced file, which is a candidate unless it is young; None if it is not ours to judge."""
        if answer is None:
            self.not_judged += 1
            return None
        state = answer.state
        if state is None:
            self._note_without_state(path, answer)
            self.not_judged += 1
            return None
        if not answer.is_file:
            self.not_judged += 1
            reason = f"it is a {state.kind}, and only regular files are judged"
            self.plan.keep(path, Code.NOT_A_FILE, reason)
            return None
        if self.is_of_database(path, state):
            self.not_judged += 1
            return None
        if self.store.is_in_other_mount(path):
            self.not_judged += 1
            self.plan.keep(path, Code.OTHER_MOUNT, "another file is mounted here, and is not judged")
            return None
        if self.is_listed_in_keep(self.keep.doubt_of_file(path), PlannedFile(path, state)):
            self.not_judged += 1
            # It still counts among the files of its folder.
            return Seen(path, None, False)
        self.unreferenced += 1
        if self.age.is_young(state) or state.ctime_ns >= self.began_ns:
            self.plan.young += 1
            return Seen(path, None, False)
        return Seen(path, state, False, answer.names > 1)

    def _note_without_state(self, path: bytes, answer: PathStatus) -> None:
        """Note why nothing is known of a file that was listed; one that is gone since is no news."""
        if not answer.is_absent:
            self.store.unreadable.add((path, answer.reason))

    def _asked_again(self, files: Spool[Seen]) -> Iterator[Seen]:
        """Ask the database again: references are read after the files, in every spelling."""
        # An answer that was not there would end this with an error: nothing goes for want of one.
        next_answer = partial(next, self._doubts_of(files))
        for file in files:
            doubt = next_answer() if file.state else None
            if doubt is None:
                yield file
                continue
            yield Seen(file.path, None, True)
            if doubt.code is Code.DERIVED:
                # Thumbnails of referenced photos are no news, and there are many of them.
                self.plan.examined["derived"] += 1
            else:
                self.plan.keep_for(file.path, doubt)

    def _doubts_of(self, files: Spool[Seen]) -> Iterator[Doubt | None]:
        """A doubt or None for each of the candidates among some files.

        Those are put together, since each question may take a pass over the whole table.
        """
        for some in in_chunks(file for file in files if file.state):
            doubts = self.check.doubts([file.path for file in some])
            left = [file for file in some if file.path not in doubts]
            if left:
                doubts.update(self._other_names(files).doubts(left))
            yield from (doubts.get(file.path) for file in some)

    def _not_mentioned(self) -> Iterator[Seen]:
        """Keep candidates that an unlisted column mentions. They count as files of their folder without a
        reference: a mention says nothing of the files beside it."""
        for some in in_chunks(iter(self.seen)):
            doubts = self._mentioned([file for file in some if file.state])
            for file in some:
                doubt = doubts.get(file.path)
                if doubt and doubt.code is Code.DERIVED:
                    self.plan.examined["derived"] += 1
                elif doubt:
                    self.keep_noted(_orphan(file), doubt)
                    self.older_database.note_referenced(_orphan(file).state)
                yield file._replace(state=None) if doubt else file

    def _mentioned(self, files: list[Seen]) -> dict[bytes, Doubt]:
        """Why files are kept that are mentioned, by their own name or a link's, or go with one that is."""
        paths = [file.path for file in files]
        links = self.links.to(files)
        by_link = {links[link]: doubt for link, doubt in self.unlisted.doubts(links).items()}
        kin = with_mentioned(self.derived, paths, self.unlisted.kept()) if self.derived else {}
        return {**kin, **by_link, **self.unlisted.doubts(paths)}

    def _other_names(self, files: Spool[Seen]) -> OtherNames:
        """The other names by which rows reference some of the files; they are searched for once."""
        if self.names is None:
            self.names = OtherNames(self.store, self.check, self.check.spellings)
            self.names.read(files, self.without_file.chunks())
            self.names.read_listed(files, self.store.links)
        return self.names

    def _not_moved(self, orphans: Iterator[PlannedFile]) -> Iterator[PlannedFile]:
        """Keep what may be the file that a record is missing."""
        if self.site.enabled("include_likely_moves") or not self._may_have_lost_files():
            yield from orphans
            return
        search = MoveSearch(self.store, self.database, self.job.references)
        for some in in_chunks(orphans):
            moved = search.lost_references({orphan.path: orphan.state.size for orphan in some})
            for orphan in some:
                lost = moved.get(orphan.path)
                if lost is None:
                    yield orphan
                else:
                    self.plan.keep(orphan.path, Code.LIKELY_MOVE, _moved_from(lost), lost.path)

    def _may_have_lost_files(self) -> bool:
        """Whether there are more references than files with a reference; spares a search if not."""
        return self.plan.examined["references"] > self.plan.examined["referenced"]

    def _report_unclaimed(self) -> None:
        if self.job.claims is None:
            return
        reason = "no file field of the Django project writes to it, so nothing in it is judged"
        for folder in unclaimed_folders(self.store, self.job, self.directories):
            if self.keep.doubt_of_file(folder) is None:
                self.plan.keep(folder, Code.UNCLAIMED_FOLDER, reason)

    def _complete(self) -> None:
        self.plan.warnings += self.likely_derived.notes()
        self.plan.warnings += none_there(self.job, self.directories, self.plan.examined["references"])
        self._report_what_left_the_plan()
        self._report_unclaimed()
        # The store may have been listed twice.
        for path, reason in dict.fromkeys(self.store.not_entered.items):
            self.plan.keep(path, Code.OTHER_MOUNT, reason)
        for path, reason in dict.fromkeys(self.store.no_paths.items):
            self.plan.keep(path, Code.NO_PATH, reason)
        self.seal()
        most = self.site.max_removal_percent
        guard_share(self.plan, self.counted_as, self.plan.found.files, self.files, most)
        guard_directories(self.plan, self._tallies(), most, self.site.accept)
        if len(self.plan.items):
            self.check_path_mismatch()
            states = (orphan.state for orphan in self.plan.items)
            guard_older_database(
                self.plan, lambda: self.older_database.newer_orphans(states), self.site.accept
            )

    def _tallies(self) -> Iterator[Tally]:
        for directory, (files, unreferenced) in self.counts.items():
            referenced = files - unreferenced
            yield Tally(escaped(directory) or ".", files, referenced, self.removed[directory])

    def _report_what_left_the_plan(self) -> None:
        """Report the approved files that are no candidates any more."""
        if self.approval is None or not self.approval.left:
            return
        reported = 0
        for path in self.approval.left_names(self._files_by_now()):
            reported += 1
            reason = "it was in the approved plan and is referenced or young by now"
            self.plan.keep(path, Code.CHANGED, reason)
        removed = self.approval.left - reported
        if removed:
            self.plan.warnings.append(f"already removed: {counted(removed, 'file')} of the approved plan")

    def _files_by_now(self) -> Iterator[bytes]:
        """What is in the directories; worth a listing, as it is rare."""
        for directory in self.directories:
            for run in self.store.walk(directory, self.exclude):
                yield from (run.prefix + name for name in run.names)


def _orphan(file: Seen) -> PlannedFile:
    if file.state is None:
        raise ValueError("what is no candidate is no orphan")
    return PlannedFile(file.path, file.state)


def _moved_from(lost: LikelyMove) -> str:
    return (
        f"a record is missing a file of this {lost.alike}, '{escaped(lost.path)}': likely a move. Correct "
        "the row or move the file back; include_likely_moves removes it all the same"
    )


def _listed(path: bytes, directories: Iterable[bytes]) -> bytes:
    """The listed directory that a path is in; they do not overlap."""
    return next(directory for directory in directories if is_below(path, directory))


def _scope(job: OrphansJob) -> str:
    # What a project claims may grow by each upload.
    parts = [job.site.media_root, *(() if job.claims else job.directories)]
    prefixes = [f"{column}:{column.prefix}" for column in job.references if column.prefix]
    listed = [] if job.candidates is None else [f"candidates:{os.fsdecode(job.candidates)}"]
    return "\0".join([*map(os.fsdecode, parts), *map(str, job.references), *prefixes, *listed])
