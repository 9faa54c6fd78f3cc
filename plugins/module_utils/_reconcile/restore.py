# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Brings a batch back: first its files, then its rows, so that no row is ever without its file.

Nothing is overwritten. What cannot come back is told, one by one, and stays in quarantine.
"""

from __future__ import annotations

import errno
import json
import os
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping, Sequence

from . import jobs, quarantine
from .copies import copy, is_same_file, set_marks
from .database import connect
from .database.base import Database
from .database.model import ForeignKey, Table
from .errors import CleanupError, DatabaseError, SiteError
from .plan import Skipped, Totals
from .quarantine import FILES, KeptFile, as_path
from .site import Site
from .spelling import escaped, escaped_value, outside
from .spool import Listed
from .tree import FileState, MediaTree, NotFollowed


@dataclass
class Restored:
    """What came back, or would, and what stays in quarantine."""

    batch: str
    totals: Totals = field(default_factory=Totals)
    updated: int = 0
    # Files that are neither back nor replaced by another: a row must not come back to name them.
    absent: set[bytes] = field(default_factory=set)
    paths: Listed[bytes] = field(default_factory=lambda: Listed(100))
    stays: Listed[Skipped] = field(default_factory=lambda: Listed(100))


def restore(site: Site, name: str, paths: Sequence[str], check: bool) -> Restored:
    """Bring a batch back, or of it only some paths with the rows that name them.

    Raises SiteError if there is no such batch or path, DatabaseError if the rows could not be
    written at all; their files are back then, and another run goes on from there.
    """
    if site.quarantine is None:
        raise SiteError("quarantine is missing; name the folder that holds the batch.")
    folder = quarantine.batch_folder(site.quarantine, name)
    result = Restored(name, paths=Listed(site.max_listed), stays=Listed(site.max_listed))
    with ExitStack() as stack:
        stack.enter_context(quarantine.in_words())
        tree = stack.enter_context(jobs.open_tree(site))
        database = stack.enter_context(connect(site.database_url, read_only=check))
        if database.is_replica():
            raise SiteError(
                "the database is a replica, which takes no rows. Point database_url at the primary."
            )
        if not check:
            jobs.lock(site, tree, database, stack)
        # Only now: a run may have been at work on this very batch.
        header, files = quarantine.manifest(folder)
        _require_same_root(site, header)
        _require_readable(files)
        rows = list(quarantine.archived(folder))
        wanted_files, wanted_rows = _chosen(paths, quarantine.manifest(folder)[1], rows)
        for kept in wanted_files:
            _restore_file(folder, kept, tree, result, check)
        _note_files_elsewhere(site.quarantine, name, wanted_rows, tree, result)
        restoring = _Restoring(database, result)
        if check:
            restoring.foresee(wanted_rows)
        else:
            back: set[int] = set()
            if wanted_rows:
                with database.transaction():
                    back = restoring.restore(wanted_rows)
            quarantine.forget(folder, [row for row in rows if id(row) not in back])
    return result


def _require_readable(files: Iterable[KeptFile]) -> None:
    """Read a manifest to its end, so that a broken line is told before anything comes back."""
    for _kept in files:
        pass


def _note_files_elsewhere(
    kept_in: bytes, name: str, rows: Sequence[Mapping[str, Any]], tree: MediaTree, result: Restored
) -> None:
    """Note the files that a later run took as orphans, because the run of this batch was killed."""
    named = {as_path(path) for row in rows for path in row["files"]}
    lacking = {path for path in named if not outside(path) and not tree.has_file(path)}
    for info in quarantine.batches(kept_in) if lacking else ():
        if info.name == name:
            continue
        folder = quarantine.batch_folder(kept_in, info.name)
        for kept in quarantine.manifest(folder)[1]:
            if kept.path in lacking and quarantine.has(folder, kept):
                result.absent.add(kept.path)
                result.stays.add(Skipped(kept.path, f"it is in batch {info.name}; restore that first"))


def _require_same_root(site: Site, header: Mapping[str, Any]) -> None:
    kept = as_path(str(header.get("media_root", "")))
    if kept != site.media_root:
        raise SiteError(
            f"the batch was taken from the media root '{escaped(kept)}', not from "
            f"'{escaped(site.media_root)}'. Restore it with the site it belongs to."
        )


def _chosen(
    paths: Sequence[str], files: Iterable[KeptFile], rows: list[dict[str, Any]]
) -> tuple[Iterable[KeptFile], list[dict[str, Any]]]:
    """The part of a batch that concerns some paths; all of it where none are given."""
    if not paths:
        return files, rows
    wanted = set(paths)
    some_rows = [row for row in rows if wanted & {escaped(as_path(path)) for path in row["files"]}]
    # A row comes back with all the files that it names itself.
    together = {escaped(as_path(path)) for row in some_rows for path in _named_by(row)}
    some_files = [kept for kept in files if escaped(kept.path) in wanted | together]
    known = {escaped(kept.path) for kept in some_files}
    known |= {escaped(as_path(path)) for row in some_rows for path in row["files"]}
    if wanted - known:
        raise SiteError(f"the batch holds nothing of these paths: {', '.join(sorted(wanted - known))}.")
    return some_files, some_rows


def _named_by(row: Mapping[str, Any]) -> list[str]:
    """The files that a row names itself: of a dependent's, its columns hold none."""
    return [path for path in row["files"] if path in row["row"].values()]


def _restore_file(folder: str, kept: KeptFile, tree: MediaTree, result: Restored, check: bool) -> None:
    if not quarantine.has(folder, kept):
        # It never left, or is back already.
        return
    why = outside(kept.path)
    if why:
        result.absent.add(kept.path)
        result.stays.add(Skipped(kept.path, f"the manifest holds this path, which {why}"))
        return
    try:
        if check:
            _require_free(tree, kept)
        else:
            _put_back(folder, kept, tree)
    except FileExistsError:
        result.stays.add(Skipped(kept.path, "another file has come into its place"))
    except (NotFollowed, CleanupError) as error:
        result.absent.add(kept.path)
        result.stays.add(Skipped(kept.path, f"the way to its place has changed: {error}"))
    except OSError as error:
        result.absent.add(kept.path)
        result.stays.add(Skipped(kept.path, f"it could not be written: {error.strerror}"))
    else:
        result.paths.add(kept.path)
        result.totals.files += 1
        result.totals.bytes += kept.size


def _require_free(tree: MediaTree, kept: KeptFile) -> None:
    if tree.state(kept.path) is not None:
        raise FileExistsError(kept.path)


def _put_back(folder: str, kept: KeptFile, tree: MediaTree) -> None:
    """Bring one file back to its place, unless a file is there; missing directories are made.

    Raises FileExistsError if another file has come into its place, and OSError or a
    CleanupError if it could not be done; the file is in quarantine then as before.
    """
    place = os.open(os.path.join(folder, FILES), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    temporary = b".restoring-%s-%d" % (os.path.basename(os.fsencode(folder)), kept.number)
    try:
        handle, name = tree.parent_of(kept.path, create=True)
        try:
            os.link(kept.stored, name, src_dir_fd=place, dst_dir_fd=handle, follow_symlinks=False)
        except FileExistsError:
            if not is_same_file(place, kept.stored, handle, name):
                raise
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=handle)
        except OSError as error:
            # Another file system, or one without hard links.
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
                raise
            _copy_back(place, kept, handle, name, temporary)
        os.fsync(handle)
        os.unlink(kept.stored, dir_fd=place)
    finally:
        os.close(place)


def _copy_back(place: int, kept: KeptFile, handle: int, name: bytes, temporary: bytes) -> None:
    # One restore is at work, as the locks see to: what has this name is left from a killed one.
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=handle)
    try:
        status = os.stat(kept.stored, dir_fd=place, follow_symlinks=False)
        copy(place, kept.stored, handle, temporary, FileState.of(status))
        # As the stored file is: the manifest alone could make anything of it.
        set_marks(handle, temporary, status)
        os.link(temporary, name, src_dir_fd=handle, dst_dir_fd=handle, follow_symlinks=False)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=handle)


class _Restoring:
    """Brings rows back, each as soon as the rows that it points at are there."""

    def __init__(self, database: Database, result: Restored) -> None:
        self._database = database
        self._result = result
        self._links: dict[tuple[str, str], list[ForeignKey]] = {}
        self._alike: Counter[str] = Counter()
        for link in database.foreign_keys():
            self._links.setdefault((link.schema, link.table), []).append(link)

    def restore(self, rows: Sequence[dict[str, Any]]) -> set[int]:
        """Bring the rows back and return which are (by ``id``)."""
        rows = [row for row in rows if not self._lacks_its_file(row)]
        pending = [row for row in rows if row["action"] == "deleted"]
        back: set[int] = set()
        waiting = len(pending) + 1
        while pending and len(pending) < waiting:
            waiting = len(pending)
            pending = [row for row in pending if not self._insert(row, back)]
        for row in self._insert_circles(pending, back):
            self._stays(row, "a row that it points at is missing")
        for row in rows:
            if row["action"] == "cleared" and self._fill(row):
                back.add(id(row))
        return back

    def _lacks_its_file(self, row: dict[str, Any]) -> bool:
        lacking = [path for path in map(as_path, row["files"]) if path in self._result.absent]
        if lacking:
            self._stays(row, f"its file '{escaped(lacking[0])}' could not come back")
        return bool(lacking)

    def _insert(self, row: dict[str, Any], back: set[int], waits: bool = True) -> bool:
        """Try to insert a row; False if it must wait for another."""
        table = self._table(row)
        if waits and any(not self._is_there(link, row) for link in self._of(row)):
            return False
        if not row["key"]:
            return self._insert_keyless(table, row, back)
        try:
            with self._database.attempt():
                is_new = self._database.bring_back(table, row["row"])
        except DatabaseError as error:
            self._stays(row, str(error))
            return True
        if is_new:
            back.add(id(row))
            self._result.totals.records += 1
        elif self._database.holds(table, row["key"], row["row"]):
            back.add(id(row))
        else:
            self._stays(row, "a row with its key, or with what must be unique in it, is there")
        return True

    def _insert_keyless(self, table: Table, row: dict[str, Any], back: set[int]) -> bool:
        """Insert a row without a primary key, unless as many of its like are there as came back."""
        values = json.dumps([table.identity, row["row"]], sort_keys=True)
        self._alike[values] += 1
        try:
            with self._database.attempt():
                if self._database.count_alike(table, row["row"]) < self._alike[values]:
                    self._database.bring_back(table, row["row"])
                    self._result.totals.records += 1
        except DatabaseError as error:
            self._stays(row, str(error))
        else:
            back.add(id(row))
        return True

    def _insert_circles(self, pending: list[dict[str, Any]], back: set[int]) -> list[dict[str, Any]]:
        """Insert rows that wait for each other together; returns those that cannot come back."""
        circle, waiting = pending, len(pending) + 1
        while len(circle) < waiting:
            waiting = len(circle)
            circle = [row for row in circle if all(self._comes(link, row, circle) for link in self._of(row))]
        if not circle:
            return pending
        done: set[int] = set()
        told = self._result.stays.total
        try:
            with self._database.attempt():
                self._database.check_now(immediate=False)
                for row in circle:
                    self._insert(row, done, waits=False)
                if self._result.stays.total > told:
                    raise DatabaseError("one of the rows that point at each other could not come back")
        except DatabaseError as error:
            self._result.totals.records -= len(done)
            for row in circle:
                self._stays(row, str(error))
            done = set()
        back |= done
        return [row for row in pending if all(row is not other for other in circle)]

    def _comes(self, link: ForeignKey, row: dict[str, Any], circle: Sequence[dict[str, Any]]) -> bool:
        """Whether the row that a foreign key points at is there, or in the circle."""
        values = [row["row"].get(name) for name in link.columns]
        wanted = dict(zip(link.target_columns, values)).items()
        target = (link.target_schema, link.target_table)
        return self._is_there(link, row) or any(
            (other["schema"], other["table"]) == target and wanted <= other["row"].items() for other in circle
        )

    def _of(self, row: dict[str, Any]) -> Sequence[ForeignKey]:
        return self._links.get(self._table(row).identity, ())

    def _fill(self, row: dict[str, Any]) -> bool:
        table = self._table(row)
        if self._database.holds(table, row["key"], row["row"]):
            return True
        if any(not self._is_there(link, row) for link in self._of(row)):
            self._stays(row, "a row that it pointed at is missing")
            return False
        try:
            with self._database.attempt():
                is_filled = self._database.fill_again(table, row["key"], row["row"])
        except DatabaseError as error:
            self._stays(row, str(error))
            return False
        if is_filled:
            self._result.updated += 1
            return True
        self._stays(row, "the row is gone, or points at something else by now")
        return False

    def foresee(self, rows: Sequence[dict[str, Any]]) -> None:
        """Count what ``restore`` would bring back, reading only."""
        for row in rows:
            table = self._table(row)
            if not row["key"]:
                self._result.totals.records += not self._database.count_alike(table, row["row"])
                continue
            is_there = self._database.find(table, {name: row["row"][name] for name in row["key"]})
            if row["action"] == "cleared":
                self._result.updated += is_there and not self._database.holds(table, row["key"], row["row"])
            elif not is_there:
                self._result.totals.records += 1
            elif not self._database.holds(table, row["key"], row["row"]):
                self._stays(row, "a row with its key is there")

    def _is_there(self, link: ForeignKey, row: dict[str, Any]) -> bool:
        """Whether the row that a foreign key points at exists; NULL points at nothing."""
        values = [row["row"].get(name) for name in link.columns]
        if any(value is None for value in values):
            return True
        target = self._database.table(f"{link.target_schema}.{link.target_table}")
        wanted = dict(zip(link.target_columns, values))
        if target == self._table(row) and wanted.items() <= row["row"].items():
            return True
        return self._database.find(target, wanted)

    def _table(self, row: dict[str, Any]) -> Table:
        return self._database.table(f"{row['schema']}.{row['table']}")

    def _stays(self, row: dict[str, Any], reason: str) -> None:
        key = ", ".join(escaped_value(row["row"][name]) for name in row["key"] or row["row"])
        self._result.stays.add(Skipped(f"{row['table']} {key}".encode(), reason))
