# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Removes files: the database is asked before they are moved and again after; what is wanted is put back."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Mapping, Protocol, Sequence, TypeVar

from ..compare.references import ReferenceCheck
from ..database.base import PREPARED
from ..errors import CleanupError, UnreadableError
from ..kept import Code, Doubt
from ..media.store import FileState, MediaStore
from ..session import Session
from ..text import escaped
from .outcome import Outcome

# Seconds that a run waits, all in all, for transactions that were open when it asked.
WAIT_SECONDS = 30.0
_POLL_SECONDS = 0.02


class File(Protocol):
    """A file of a plan."""

    @property
    def path(self) -> bytes: ...

    @property
    def state(self) -> FileState: ...


AnyFile = TypeVar("AnyFile", bound=File)


class FileRemoval:
    """Removes the files of one run, some at a time, each only if it is unchanged and nothing references it.

    A row may be committed while its file waits to be moved, and a transaction that is open meanwhile
    may commit one later still. So what was moved is asked for once more, after those transactions.
    """

    def __init__(self, session: Session, check: ReferenceCheck, outcome: Outcome) -> None:
        self._store = session.media
        self._database = session.database
        self._check = check
        self._outcome = outcome
        self._seconds_left = WAIT_SECONDS
        self._has_read = False

    def remove(
        self, files: Sequence[AnyFile], reason: str, kept: Mapping[bytes, Doubt] | None = None
    ) -> list[AnyFile]:
        """Remove files, for a reason in a word; ``kept`` are known to be kept. Returns those removed."""
        outcome, store = self._outcome, self._store
        store.forget()
        outcome.remover.prepare(store, ((file.path, reason) for file in files))
        moved: list[AnyFile] = []
        try:
            before = {**(kept or {}), **self._doubts_before([file.path for file in files])}
            for file in files:
                if file.path in before:
                    outcome.keep_for(file.path, before[file.path])
                elif outcome.move(store, file.path, file.state):
                    moved.append(file)
            outcome.remover.sync()
            after = self._doubts_after([file.path for file in moved]) if moved else {}
        except CleanupError:
            self._put_all_back(moved)
            raise
        removed = []
        for file in moved:
            if file.path not in after or not self._is_back(file, after[file.path]):
                outcome.confirm(file.path, file.state)
                removed.append(file)
        outcome.remover.finish()
        return removed

    def _put_all_back(self, moved: Sequence[File]) -> None:
        """After an error: what was moved is where it was, or is reported and left to the next run."""
        for file in moved:
            if self._outcome.put_back(self._store, file.path) is None:
                self._outcome.note_replaced(file.path)
        # The error that led here is the one to report.
        with suppress(CleanupError):
            self._outcome.remover.finish()

    def _doubts_before(self, paths: list[bytes]) -> Mapping[bytes, Doubt]:
        if not self._has_read:
            self._read_references()
            self._has_read = True
        doubts = self._check.doubts(paths)
        if len(doubts) < len(paths):
            open_still = self._wait()
            if open_still:
                return {**dict.fromkeys(paths, open_still), **doubts}
        return doubts

    def _doubts_after(self, paths: list[bytes]) -> Mapping[bytes, Doubt]:
        open_still = self._wait()
        if open_still:
            return dict.fromkeys(paths, open_still)
        # A link may have been made meanwhile, and a row that names files over it.
        self._store.forget()
        self._read_references()
        return self._check.doubts(paths)

    def _read_references(self) -> None:
        self._check.read()
        require_readable(self._store)

    def _is_back(self, file: File, doubt: Doubt) -> bool:
        """Put a file back. Where another one has its name, that is what is wanted; this one was removed."""
        back = self._outcome.put_back(self._store, file.path)
        if back:
            self._outcome.keep_for(file.path, doubt)
        return back is not None

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
