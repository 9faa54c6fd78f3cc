# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The plan of a job ``orphans`` whose candidates somebody else has listed, as from the inventory of a bucket.

Each of them is proven as if a listing had found it. What a listing would show besides is asked for in another
way: which folders hold referenced files, how many files there are, and by which other names files are known.
"""

from __future__ import annotations

from itertools import islice
from typing import Iterator

from ..compare.folders.unreferenced import FEW_FILES, Seen, seen_files
from ..compare.listed.beside import ReferencedFiles, ReferencesBeside, range_below
from ..compare.listed.candidates import CandidateList
from ..compare.listed.folders import Counts, FoldersOfCandidates
from ..compare.merge import begun
from ..compare.names.other_names import OtherNames
from ..config.site import OrphansJob
from ..kept import Code
from ..media.paths import shortened
from ..media.s3.runs import Runs
from ..media.store import Answer, PathStatus
from ..session import Session
from ..spool import Paths, Spool
from ..text import counted
from . import orphans
from .orphans import OrphansPlanner

# Files of a folder that are looked at: one page of a bucket.
LOOKED_AT = 1000


def planner_of(session: Session, job: OrphansJob, approved: str | None = None) -> OrphansPlanner:
    """What plans a job: by its list of candidates where it has one, else by a listing."""
    planner = CandidatesPlanner if job.candidates else OrphansPlanner
    return planner(session, job, approved)


def directories(session: Session, job: OrphansJob) -> Iterator[bytes]:
    """The directories that hold files which the job may remove."""
    if job.candidates is None:
        yield from orphans.directories(session, job)
        return
    last = None
    for paths in CandidateList(job).paths(lambda _path, _why: None):
        for path in paths:
            directory = path.rpartition(b"/")[0]
            if directory != last:
                yield directory
            last = directory


class CandidatesPlanner(OrphansPlanner):
    """The listed candidates and the references, then the same fresh checks as after a listing."""

    counted_as = "files, as many as the list and the references show,"
    held = "{:,} files or more"

    def __init__(self, session: Session, job: OrphansJob, approved: str | None = None) -> None:
        super().__init__(session, job, approved)
        self._candidates: dict[bytes, Paths] = {}
        self._unreferenced_in: dict[bytes, int] = {}
        self._referenced = ReferencedFiles(self.directories)

    def _compared(self) -> Spool[Seen]:
        """The unreferenced candidates, and the references beside them."""
        seen = seen_files()
        with begun(self.database.references(self.job.references)) as lists:
            self._candidates = self._read()
            merge = ReferencesBeside(self._watched(lists))
            for directory, paths in self._candidates.items():
                not_judged, unreferenced = self.not_judged, self.unreferenced
                pairs = (pair for some in paths.lists() for pair in merge.beside(some))
                for (path, is_referenced), answer in self.store.check_listed(pairs, self._judged_path):
                    file = Seen(path, None, True) if is_referenced else self._judged(path, answer)
                    if file:
                        seen.append(file)
                self.files += len(paths) - (self.not_judged - not_judged)
                self._unreferenced_in[directory] = self.unreferenced - unreferenced
            seen.extend(Seen(path, None, True) for path, _is_referenced in merge.behind())
            merge.finish()
        self._note_examined(merge.count)
        return seen

    def _read(self) -> dict[bytes, Paths]:
        """The candidates in each of the directories, in byte order."""
        found = {directory: Paths() for directory in self.directories}
        runs = {directory: Runs(directory, self.exclude, ()) for directory in self.directories}
        excluded = 0
        for paths in CandidateList(self.job).paths(self._refuse):
            self.listed += len(paths)
            self.examined(self.listed)
            passed = 0
            for directory in self.directories:
                start, end = range_below(directory, paths)
                self._keep_elsewhere(paths[passed:start])
                passed = end
                for run in runs[directory].of(paths[start:end]):
                    found[directory].add(run.prefix, run.names)
                    start += len(run.names)
                excluded += end - start
            self._keep_elsewhere(paths[passed:])
        if excluded:
            self.plan.warnings.append(
                f"{counted(excluded, 'candidate')} of the list are in folders that exclude leaves out, "
                "and are not judged"
            )
        return found

    def _refuse(self, path: bytes, why: str) -> None:
        self.plan.keep(shortened(path), Code.OUTSIDE, f"the list of candidates holds it, and it {why}")

    def _keep_elsewhere(self, paths: list[bytes]) -> None:
        for path in paths:
            reason = "the list of candidates holds it, and it is in none of the directories of the job"
            self.plan.keep(path, Code.OTHER_DIRECTORY, reason)

    def _watched(self, lists: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
        for references in super()._watched(lists):
            self._referenced.hear(references)
            yield references

    def _note_without_state(self, path: bytes, answer: PathStatus) -> None:
        if answer.is_absent:
            reason = "the list of candidates holds it, and it is not there any more"
            self.plan.keep(path, Code.ABSENT, reason)
        elif answer.answer is Answer.BLOCKED:
            reason = f"the list of candidates holds it, and on its way {answer.reason}"
            self.plan.keep(path, Code.BLOCKED, reason)
        else:
            super()._note_without_state(path, answer)

    def _other_names(self, files: Spool[Seen]) -> OtherNames:
        """All references may be other names: no listing shows which of them have a file of their own."""
        if self.names is None:
            self.names = OtherNames(self.store, self.check, self.check.spellings)
            if self.store.capabilities.other_names:
                self._find_links()
                self.names.read(files, self.database.references(self.job.references))
                self.names.read_listed(files, self.store.links)
        return self.names

    def _find_links(self) -> None:
        """Go through the directories for symbolic links, by which rows and texts may know a candidate."""
        for directory in self.directories:
            for _run in self.store.walk(directory, self.exclude, in_order=False):
                self.examined(self.listed)

    def _folders(self) -> FoldersOfCandidates:
        return FoldersOfCandidates(
            self.directories, self._accepted_folders(), self._is_derived, self._keep_folder, self._count_below
        )

    def _count_below(self, folder: bytes, counts: Counts) -> int:
        """How many files of a folder count, up to ``FEW_FILES``; 0 where one of them is referenced.

        Where hardly one of the first ``LOOKED_AT`` counts, those behind them may.
        """
        runs = self.store.walk(folder, self.exclude, in_order=False)
        paths = (run.prefix + name for run in runs for name in run.names)
        looked_at = list(islice(paths, LOOKED_AT))
        judged = (path for path in looked_at if self._judged_path((path, False)) and counts(path))
        counted = list(islice(judged, FEW_FILES))
        if self.check.doubts(counted):
            return 0
        return FEW_FILES if len(looked_at) == LOOKED_AT else len(counted)

    def _complete(self) -> None:
        if len(self.plan.items):
            for directory, referenced in self._referenced.estimates(self.store).items():
                unreferenced = self._unreferenced_in[directory]
                self.counts[directory] = (referenced + unreferenced, unreferenced)
            self.files = sum(files for files, _unreferenced in self.counts.values())
        super()._complete()

    def _files_by_now(self) -> Iterator[bytes]:
        """The approved candidates that are there."""
        for paths in self._candidates.values():
            for some in paths.lists():
                for path in some:
                    if self.approval and self.approval.lists(path) and self.store.check(path).is_found:
                        yield path

    def _report_unclaimed(self) -> None:
        """Nothing: what is not in the list is not judged anyway, whoever claims it."""
