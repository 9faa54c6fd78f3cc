# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Restores a batch: first its files, then its rows, so that no row is ever without its file.

Nothing is overwritten. What cannot be restored is reported, one by one, and kept in quarantine.
"""

from __future__ import annotations

import errno
import os
from array import array
from contextlib import ExitStack, suppress
from itertools import islice
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

from ..config.site import Site
from ..errors import CleanupError, SiteError
from ..kept import Code, Kept
from ..media.paths import outside
from ..media.store import Blocked, MediaStore
from ..plan.guards import guard_identity
from ..quarantine import store as quarantine
from ..quarantine.archived_rows import ArchivedRows
from ..quarantine.format import Batch, HeldFile, QuarantinedFile, as_path
from ..quarantine.place import place_of
from ..quarantine.state.identity import earlier
from ..session import Session, open_session
from ..spool import Listed
from ..text import escaped
from .refusing import Refusing
from .restore_rows import Restored, RowRestorer

# Paths of rows that are searched in all other batches at a time.
PATHS_AT_ONCE = 100_000
_REFUSING = Refusing("Nothing was restored.")


def restore(site: Site, name: str, paths: Sequence[str], check: bool) -> Restored:
    """Restore a batch, or of it only some paths with the rows that reference them.

    Raises SiteError if there is no such batch or path, RefusedError where the database or the media are not
    those that it was removed from, DatabaseError if the rows could not be
    written at all; their files are restored then, and another run restores the rest.
    """
    if site.quarantine is None:
        raise SiteError(
            "permanent is set, so nothing is kept. Set quarantine to the folder that holds the batch."
        )
    result = Restored(name, paths=Listed(site.max_listed), kept=Listed(site.max_listed))
    with ExitStack() as stack:
        stack.enter_context(quarantine.in_words())
        batch = stack.enter_context(quarantine.opened(place_of(site), name))
        # Rows are predicted by inserting them in a transaction that is rolled back.
        session = stack.enter_context(open_session(site, read_only=False))
        tree, database = session.media, session.database
        if database.is_replica():
            raise SiteError(
                "the database is a replica, which cannot be written to. Point database_url at the primary."
            )
        if not check:
            stack.enter_context(session.locked())
        _require_its_site(session)
        # Only now: a run may have been at work on this very batch.
        header, files = batch.manifest()
        _require_same_root(site, header)
        _require_readable(files)
        rows = ArchivedRows(batch)
        wanted_files, wanted_rows = chosen(paths, batch, rows)
        _restore_files(batch, wanted_files(), tree, result, check)
        if any(other.name != name for other in quarantine.batches_of(site)):
            for some in _lacking((row for _number, row in rows.of(wanted_rows)), tree):
                # In check mode, these are only about to be restored.
                some.difference_update(file.path for file in batch.present(wanted_files()))
                _note_files_elsewhere(site, name, some, result)
        restorer = RowRestorer(database, rows, result)
        if wanted_rows:
            with database.rehearsal() if check else database.transaction():
                restorer.carry_out(wanted_rows)
        if not check:
            quarantine.forget(batch, rows, restorer.is_restored)
    return result


def _require_its_site(session: Session) -> None:
    """What is restored below the mount point of a disk that is not mounted is hidden once it is mounted."""
    now = session.identity
    guard_identity(_REFUSING, earlier(session.state, now), now, session.site.accept)


def _require_readable(files: Iterable[QuarantinedFile]) -> None:
    """Read a manifest to its end, so that a broken line is reported before anything is restored."""
    for _file in files:
        pass


def _lacking(rows: Iterable[Mapping[str, Any]], tree: MediaStore) -> Iterator[set[bytes]]:
    """The files of some rows that are not there, in sets of a bounded length."""
    paths = (as_path(path) for row in rows for path in row["files"])
    # A record and its dependent rows have the same files, and those of one directory are looked at in a row.
    for some in iter(lambda: set(islice(paths, PATHS_AT_ONCE)), set()):
        yield {path for path in sorted(some) if not outside(path) and not tree.check(path).is_file}


def _note_files_elsewhere(site: Site, name: str, paths: set[bytes], result: Restored) -> None:
    """Note the files that a later run removed as orphans, because the run of this batch was killed."""
    for batch in quarantine.batches_of(site) if paths else ():
        if batch.name == name:
            continue
        # A batch that is damaged holds up no other one.
        with suppress(CleanupError):
            for file in batch.files():
                if file.path in paths and file.path not in result.absent and batch.holds(file):
                    result.absent.add(file.path)
                    reason = f"it is in batch {batch.name}; restore that first"
                    result.kept.add(Kept(file.path, Code.OTHER_BATCH, reason))


def _require_same_root(site: Site, header: Mapping[str, Any]) -> None:
    kept = as_path(str(header.get("media_root", "")))
    if kept != site.media_root:
        raise SiteError(
            f"the batch was removed from the media root '{escaped(kept)}', not from "
            f"'{escaped(site.media_root)}'. Restore it with the site it belongs to."
        )


def chosen(
    paths: Sequence[str], batch: Batch, rows: ArchivedRows
) -> tuple[Callable[[], Iterable[QuarantinedFile]], Sequence[int]]:
    """The part of a batch that concerns some paths, of its rows their numbers; all where none are given."""
    if not paths:
        return batch.files, range(len(rows))
    wanted = set(paths)
    # A row is restored with all the files that it references itself.
    together: set[str] = set()
    known: set[str] = set()
    some_rows = array("Q")
    for number, row in enumerate(rows):
        shown = {escaped(as_path(path)) for path in row["files"]}
        if wanted & shown:
            some_rows.append(number)
            known |= shown & wanted
            together |= {escaped(as_path(path)) for path in _referenced_by(row)}
    some_files = [file for file in batch.files() if escaped(file.path) in wanted | together]
    known |= {escaped(file.path) for file in some_files}
    if wanted - known:
        raise SiteError(f"the batch holds nothing of these paths: {', '.join(sorted(wanted - known))}.")
    return (lambda: some_files), some_rows


def _referenced_by(row: Mapping[str, Any]) -> list[str]:
    """The files that a row references itself: the columns of a dependent row hold none."""
    return [path for path in row["files"] if path in row["row"].values()]


def _restore_files(
    batch: Batch, files: Iterable[QuarantinedFile], tree: MediaStore, result: Restored, check: bool
) -> None:
    """Restore those of the files that the batch holds: others were never removed, or are restored already."""

    def attempt(held: HeldFile) -> Exception | None:
        obstacle = _obstacle(held)
        if obstacle:
            return obstacle
        try:
            if check:
                tree.check_put_back(held.folder, held.file.name, held.file.path)
            else:
                tree.put_back(held.folder, held.file.name, held.file.path)
        except (Blocked, CleanupError, OSError) as error:
            return error
        return None

    for held, error in tree.each(attempt, map(batch.held, batch.present(files))):
        file = held.file
        if error:
            _note_kept(file.path, error, result)
        else:
            result.paths.add(file.path)
            result.totals.files += 1
            result.totals.bytes += file.size
    # Before the rows: none may be without its file.
    tree.sync()


class _NotTried(Exception):
    """Why a file is not even tried, with the code of that."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def _obstacle(held: HeldFile) -> _NotTried | None:
    """What is wrong with a file in quarantine, if anything. Raises OSError where it cannot be read."""
    why = outside(held.file.path)
    if why:
        return _NotTried(Code.OUTSIDE, f"the manifest holds this path, which {why}")
    damage = held.damage()
    return _NotTried(Code.DAMAGED, f"{damage}; it is kept there") if damage else None


def _note_kept(path: bytes, error: Exception, result: Restored) -> None:
    if isinstance(error, FileExistsError):
        # A disk has one reason for it, and a bucket several.
        is_usual = error.strerror == os.strerror(errno.EEXIST)
        reason = "another file is in its place now" if is_usual else str(error.strerror)
        result.kept.add(Kept(path, Code.IN_THE_WAY, reason))
        return
    result.absent.add(path)
    if isinstance(error, _NotTried):
        result.kept.add(Kept(path, error.code, str(error)))
    elif isinstance(error, OSError):
        result.kept.add(Kept(path, Code.NOT_WRITABLE, f"it could not be written: {error.strerror}"))
    else:
        result.kept.add(Kept(path, Code.BLOCKED, f"the way to its place has changed: {error}"))
