# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Removes files: the database is asked before they are moved and again after; what is wanted is put back."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Iterable, Iterator, Mapping, Sequence

from ..compare.mentions.at_removal import MentionsAtRemoval
from ..compare.names.at_removal import NamesAtRemoval
from ..compare.names.references import ReferenceCheck
from ..config.site import Job
from ..database.base import PREPARED
from ..errors import CleanupError, DatabaseError, UnreadableError
from ..kept import Code, Doubt
from ..media.store import MediaStore
from ..plan.guards import not_searched
from ..session import Session
from ..text import escaped
from .outcome import AnyFile, File, Outcome

# Seconds that a run waits, all in all, for transactions that were open when it asked.
WAIT_SECONDS = 30.0
_POLL_SECONDS = 0.02


class FileRemoval:
    """Removes the files of one run, some at a time, each only if it is unchanged and nothing references it.

    A row may be committed while its file waits to be moved, and a transaction that is open meanwhile
    may commit one later still. So what was moved is asked for once more, after those transactions.
    """

    def __init__(self, session: Session, check: ReferenceCheck, outcome: Outcome) -> None:
        self._session = session
        self._store = session.media
        self._database = session.database
        self._names = NamesAtRemoval(check)
        self._outcome = outcome
        self._mentions: MentionsAtRemoval | None = None
        self._seconds_left = WAIT_SECONDS

    def sweep(self, paths: Iterable[bytes], job: Job) -> None:
        """Search the database once more for all files that are to go, unless nothing was written since.

        Raises DatabaseError where it cannot be searched any more.
        """
        self._mentions = MentionsAtRemoval(self._session.sweep, job.path_columns, job.site)
        self._mentions.search(paths)
        require_searched(self._mentions)

    def remove(
        self, files: Sequence[AnyFile], reason: str, kept: Mapping[bytes, Doubt] | None = None
    ) -> list[AnyFile]:
        """Remove files, for a reason in a word; ``kept`` are known to be kept. Returns those removed."""
        outcome, store = self._outcome, self._store
        store.forget()
        outcome.remover.prepare(store, ((file.path, reason) for file in files))
        moved: dict[bytes, AnyFile] = {}
        try:
            before = {**(kept or {}), **self._doubts_before(files)}
            for file in outcome.move(store, self._without(before, files)):
                moved[file.path] = file
            outcome.remover.sync()
            self._put_back_what_is_wanted(moved)
        except CleanupError:
            self._put_all_back(moved)
            raise
        outcome.confirm(store, moved.values())
        outcome.remover.finish()
        return list(moved.values())

    def _without(self, doubts: Mapping[bytes, Doubt], files: Iterable[AnyFile]) -> Iterator[AnyFile]:
        """The files about which there is no doubt; the others are noted as kept."""
        for file in files:
            if file.path in doubts:
                self._outcome.keep_for(file.path, doubts[file.path])
            else:
                yield file

    def _put_all_back(self, moved: Iterable[bytes]) -> None:
        """After an error: what was moved is where it was, or is reported and left to the next run."""
        # The error that led here is the one to report.
        with suppress(CleanupError):
            for path, is_back in self._outcome.put_back(self._store, moved):
                if is_back is None:
                    self._outcome.note_replaced(path)
        with suppress(CleanupError):
            self._outcome.remover.finish()

    def _doubts_before(self, files: Sequence[File]) -> Mapping[bytes, Doubt]:
        doubts = {**self._mentioned(files), **self._names.doubts_before(files)}
        require_readable(self._store)
        if len(doubts) < len(files):
            open_still = self._wait()
            if open_still:
                return {**{file.path: open_still for file in files}, **doubts}
        return doubts

    def _mentioned(self, files: Sequence[File]) -> Mapping[bytes, Doubt]:
        return self._mentions.doubts({file.path for file in files}) if self._mentions else {}

    def _mentioned_by_now(self, paths: Iterable[bytes]) -> Mapping[bytes, Doubt]:
        if not self._mentions:
            return {}
        doubts = self._mentions.doubts_after({*paths})
        require_searched(self._mentions)
        return doubts

    def _put_back_what_is_wanted(self, moved: dict[bytes, AnyFile]) -> None:
        """Put back what a row references now, and leave the others in ``moved``."""
        if moved:
            self._put_back(moved, self._doubts_after([*moved]))
        if moved:
            # What came back is where names lead to again.
            self._store.forget()
            others = self._names.other_names_after([*moved])
            require_readable(self._store)
            self._put_back(moved, others)

    def _doubts_after(self, paths: list[bytes]) -> Mapping[bytes, Doubt]:
        open_still = self._wait()
        if open_still:
            return dict.fromkeys(paths, open_still)
        # A link may have been made meanwhile, and a row that names files over it.
        self._store.forget()
        doubts = self._names.doubts_after(paths)
        require_readable(self._store)
        left = [path for path in paths if path not in doubts]
        return {**self._mentioned_by_now(left), **doubts} if left else doubts

    def _put_back(self, moved: dict[bytes, AnyFile], doubts: Mapping[bytes, Doubt]) -> None:
        """Put files back. Where another one has the name, that is what is wanted; this one is removed."""
        for path, is_back in self._outcome.put_back(self._store, doubts):
            if is_back:
                self._outcome.keep_for(path, doubts[path])
            if is_back is not None:
                del moved[path]

    def _wait(self) -> Doubt | None:
        """Wait for the transactions that are open now; the doubt that is left if one stays open."""
        began = time.monotonic()
        left = self._database.open_transactions()
        while left and time.monotonic() - began < self._seconds_left:
            time.sleep(_POLL_SECONDS)
            left = _left_of(left, self._database.open_transactions())
        self._seconds_left -= time.monotonic() - began
        if not left:
            return None
        reason = (
            f"a transaction is open that may reference it ({next(iter(left.values()))}), and was waited for "
            f"up to {WAIT_SECONDS:.0f} s. Run again when it has ended"
        )
        return Doubt(Code.OPEN_TRANSACTION, reason)


def require_searched(mentions: MentionsAtRemoval) -> None:
    """Raise DatabaseError if a table could not be searched for what is to go."""
    for table in mentions.unsearchable:
        raise DatabaseError(not_searched(table))


def require_readable(store: MediaStore) -> None:
    """Raise UnreadableError if something was met that could not be read."""
    if store.unreadable.total:
        path, reason = store.unreadable.items[0] if store.unreadable.items else (b"", "")
        raise UnreadableError(
            f"the media store cannot be read any more ({escaped(path) or 'media root'}: {reason})."
        )


def _left_of(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Those of the transactions before that are open still."""
    left = {name: who for name, who in now.items() if name in before}
    if len(left) < len(before):
        # One that is gone may have been prepared meanwhile, which gives it another name.
        left.update((name, who) for name, who in now.items() if name.startswith(PREPARED))
    return left
