# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Purges batches: deletes them for good, except for files that a row references or needs.

Before anything is deleted, the database is asked about all of it; an error on the way deletes nothing.
A batch of which a file is kept also keeps its rows, and rows that stay keep the files that they need.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Callable, Iterator, NamedTuple, Sequence

from ..compare.mentions.unlisted import Unlisted
from ..compare.names.references import ReferenceCheck
from ..config.purge import Purge
from ..config.site import Column
from ..errors import SiteError
from ..kept import Code, Doubt, Kept
from ..media.derived import patterns
from ..media.paths import Spellings
from ..media.private_folder import PrivateFolder
from ..plan.earlier_fields import can_hold_paths, known_columns
from ..plan.guards import guard_identity, guard_replica, guard_sweep
from ..quarantine import purging
from ..quarantine import store as quarantine
from ..quarantine.format import Batch, QuarantinedFile
from ..quarantine.place import place_of
from ..quarantine.state.announced import DAY, Announcements
from ..quarantine.state.identity import earlier
from ..quarantine.store import BatchInfo
from ..session import Session, open_session
from ..spool import Listed, Spool
from ..text import escaped
from .files import require_readable
from .purge_rows import StayingRows
from .refusing import Refusing

# Files that the database is asked about at a time.
FILES_AT_ONCE = 10_000
_REFUSING = Refusing("Nothing was purged.")


@dataclass
class Purged:
    """What was deleted, or would be: ``batches`` has what is deleted of each. ``kept`` has files by path.

    ``announced`` has batches that are due: a purge in a day or later deletes them.
    """

    batches: list[BatchInfo] = field(default_factory=list)
    announced: list[BatchInfo] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    kept: Listed[Kept] = field(default_factory=lambda: Listed(100))


class _Verdict(NamedTuple):
    """What goes of a batch: all of it, or only some files."""

    deleted: BatchInfo
    is_whole: bool
    files: Spool[QuarantinedFile]


def purge(order: Purge, check: bool) -> Purged:
    """Delete the batches that are meant, but no file that a row references.

    Raises SiteError if there is no batch of a name, RefusedError where a guard refuses it, BusyError if
    another run is at work, and DatabaseError where the database cannot be asked; nothing is deleted then.
    """
    result = Purged(kept=Listed(order.site.max_listed))
    with opened(order, check) as place:
        if place is None:
            return result
        selected = selected_batches(order, place, result)
        doubts = reference_doubts(order, place, selected)
        verdicts, result.kept = _judged(order, place.folder, selected, doubts)
        result.batches = [verdict.deleted for verdict in verdicts if verdict.is_whole or len(verdict.files)]
        if not check:
            # Rows first: a purge that is killed must not leave rows whose file is deleted.
            for verdict in sorted(verdicts, key=lambda verdict: not verdict.deleted.rows):
                _carry_out(place.folder, verdict)
            purging.tidy(place.folder)
    return result


class Place(NamedTuple):
    """The open quarantine, and the session that the database is asked in; None if it is not asked."""

    folder: PrivateFolder
    session: Session | None


@contextmanager
def opened(order: Purge, check: bool) -> Iterator[Place | None]:
    """The quarantine of a purge, locked unless this is only a check; None if there is no quarantine.

    Raises SiteError if there is none and a batch is named.
    """
    with ExitStack() as stack:
        stack.enter_context(quarantine.in_words())
        folder = stack.enter_context(quarantine.opened_if_there(place_of(order.site)))
        if folder is None:
            for name in order.names or ():
                quarantine.known(place_of(order.site), None, name)
            yield None
            return
        session = None
        if not order.without_database:
            session = stack.enter_context(open_session(order.site, read_only=True))
        if not check:
            stack.enter_context(session.locked() if session else quarantine.locked(place_of(order.site)))
        yield Place(folder, session)


def selected_batches(order: Purge, place: Place, result: Purged) -> list[BatchInfo]:
    """The batches that are to be purged; by age only those that an earlier purge has announced."""
    found = purging.found(place.folder, order.names)
    ours = [info for info in found if info.media_root == escaped(order.site.media_root)]
    _refuse_pinned(order, ours)
    ours = [info for info in ours if not info.pinned]
    named = [info for info in ours if order.names is None or info.name in order.names]
    if place.session is None or order.older_than_days is None:
        return named
    due = [info for info in ours if info.moment <= time.time() - order.older_than_days * DAY]
    announcements = Announcements(place.session.state)
    result.announced = [info for info in due if not announcements.is_old(info.name)]
    announcements.record([info.name for info in due], _others(order, found))
    return [info for info in named if info in due and info not in result.announced]


def _others(order: Purge, found: Sequence[BatchInfo]) -> list[str]:
    return [info.name for info in found if info.media_root != escaped(order.site.media_root)]


def _refuse_pinned(order: Purge, found: Sequence[BatchInfo]) -> None:
    pinned = [info.name for info in found if info.pinned and info.name in (order.names or ())]
    if pinned:
        raise SiteError(
            f"batch {pinned[0]} is pinned, so it is not purged. If it is not needed any more, unpin it first."
        )


def _carry_out(folder: PrivateFolder, verdict: _Verdict) -> None:
    if verdict.is_whole:
        purging.delete(folder, verdict.deleted.name)
    elif len(verdict.files):
        with quarantine.known(folder.path, folder, verdict.deleted.name) as batch:
            purging.delete_files(batch, verdict.files)


# Which files are kept.

# The reasons to keep some files of a batch, by their numbers.
_Doubts = Callable[[Batch, Sequence[QuarantinedFile]], "dict[int, Doubt]"]


def _judged(
    order: Purge, folder: PrivateFolder, selected: Sequence[BatchInfo], doubts: _Doubts
) -> tuple[list[_Verdict], Listed[Kept]]:
    going = {info.name for info in selected}
    have_rows = {info.name for info in selected if info.rows}
    while True:
        rows = StayingRows.besides(order.site, going)

        def all_doubts(
            batch: Batch, files: Sequence[QuarantinedFile], rows: StayingRows = rows
        ) -> dict[int, Doubt]:
            return {**rows.doubts(files), **doubts(batch, files)}

        kept: Listed[Kept] = Listed(order.site.max_listed)
        verdicts = []
        for info in selected:
            with quarantine.known(folder.path, folder, info.name) as batch:
                verdicts.append(_judge(batch, info, all_doubts, kept))
        # What is kept in part keeps its rows, and these may need files of any batch.
        in_part = {verdict.deleted.name for verdict in verdicts if not verdict.is_whole} & have_rows & going
        if not in_part:
            return verdicts, kept
        going -= in_part


def _judge(batch: Batch, info: BatchInfo, doubts: _Doubts, kept: Listed[Kept]) -> _Verdict:
    doomed = _files()
    size = left = 0
    held = (file for file in batch.files() if batch.holds(file))
    for some in iter(lambda: list(islice(held, FILES_AT_ONCE)), []):
        found = doubts(batch, some)
        for file in some:
            doubt = found.get(file.number)
            if doubt:
                left += 1
                reason = f"it stays in batch {info.name}, because {doubt.reason}; restore it, if it is wanted"
                kept.add(Kept(file.path, doubt.code, reason))
            else:
                doomed.append(file)
                size += file.size
    if left:
        return _Verdict(info._replace(files=len(doomed), bytes=size, rows=0), False, doomed)
    return _Verdict(info, True, _files())


def _files() -> Spool[QuarantinedFile]:
    return Spool(tuple, QuarantinedFile)


def reference_doubts(order: Purge, place: Place, selected: Sequence[BatchInfo]) -> _Doubts:
    """What says which files of these batches rows reference; none does where the database is not asked."""
    if place.session is None or not any(info.files for info in selected):
        return _locked
    return _Referenced(order, place.session, place.folder, selected).doubts


def _locked(batch: Batch, files: Sequence[QuarantinedFile]) -> dict[int, Doubt]:
    """The files that nobody may delete, whatever the database says of them."""
    return {number: Doubt(Code.OBJECT_LOCK, why) for number, why in batch.locks(files).items()}


class _Referenced:
    """Asks whether rows reference files, by today's columns of the site and by those of before.

    The project had these at its last run, or a batch lists them.
    """

    def __init__(
        self, order: Purge, session: Session, folder: PrivateFolder, selected: Sequence[BatchInfo]
    ) -> None:
        self._inside = order.site.quarantine_in_root
        guard_replica(_REFUSING, session.database.is_replica())
        guard_identity(
            _REFUSING, earlier(session.state, session.identity), session.identity, order.site.accept
        )
        # Columns of batches that the database does not have, by the batch.
        self._unknown: dict[str, Column] = {}
        columns = dict.fromkeys((*order.columns, *known_columns(session)))
        for info in selected:
            with quarantine.known(folder.path, folder, info.name) as batch:
                for column in batch.columns():
                    if column in columns or can_hold_paths(session, column):
                        columns[column] = None
                    else:
                        self._unknown[info.name] = column
        spellings = Spellings(order.site.media_root, order.site.media_url)
        self._check = ReferenceCheck(
            session.database, list(columns), patterns(order.derived), spellings, session.media
        )
        self._read(session, order.site.accept)
        self._unlisted = Unlisted(session.sweep, columns, order.site)
        self._sweep(folder, selected)

    def _read(self, session: Session, accepted: Sequence[str]) -> None:
        total = 0
        for references in self._check.reading():
            total += len(references)
        require_readable(session.media)
        if not total and "no_references" not in accepted:
            _REFUSING.refuse(
                "no_references",
                "the database references no file at all, as one does that is being restored, or is the wrong "
                "one, so nothing is purged. If no file is needed, set accept: [no_references].",
            )

    def _sweep(self, folder: PrivateFolder, selected: Sequence[BatchInfo]) -> None:
        """Search the database once for the files of all batches. Raises RefusedError where it cannot be."""
        for info in selected:
            with quarantine.known(folder.path, folder, info.name) as batch:
                self._unlisted.search_for(file.path for file in batch.files() if batch.holds(file))
        self._unlisted.search()
        guard_sweep(_REFUSING, self._unlisted.unsearchable)

    def doubts(self, batch: Batch, files: Sequence[QuarantinedFile]) -> dict[int, Doubt]:
        """The reasons to keep some files of a batch, by their numbers."""
        unknown = self._unknown.get(batch.name)
        if unknown:
            reason = (
                f"the column {unknown}, which could reference it, is not in the database any more (the batch "
                "can be deleted by its name, with accept: [no_database])"
            )
            return {file.number: Doubt(Code.UNKNOWN_COLUMN, reason) for file in files}
        places = self._places(batch, files)
        found = self._check.doubts([*(file.path for file in files), *places.values()])
        mentioned = self._unlisted.doubts({file.path for file in files})
        named = {
            file.number: found.get(file.path)
            or found.get(places.get(file.number, b""))
            or mentioned.get(file.path)
            for file in files
        }
        return {**_locked(batch, files), **{number: doubt for number, doubt in named.items() if doubt}}

    def _places(self, batch: Batch, files: Sequence[QuarantinedFile]) -> dict[int, bytes]:
        """Where the files are now, relative to the media root; none if they are outside of it."""
        if self._inside is None:
            return {}
        within = b"/".join((self._inside, batch.name.encode(), b"files"))
        return {file.number: b"/".join((within, file.stored.encode())) for file in files}
