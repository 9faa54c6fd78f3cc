# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Brings a batch back: first its files, then its rows, so that no row is ever without its file.

Nothing is overwritten. What cannot come back is told, one by one, and stays in quarantine.
"""

from __future__ import annotations

import errno
import os
from array import array
from contextlib import ExitStack, suppress
from itertools import islice
from typing import Any, Iterable, Mapping, Sequence

from ..config.site import Site
from ..errors import CleanupError, SiteError
from ..kept import Code, Kept
from ..media.copy import copy, is_same_file, set_marks
from ..media.local import Blocked, FileState, LocalStore
from ..media.paths import outside
from ..quarantine import batches as quarantine
from ..quarantine.format import FILES, ArchivedRows, KeptFile, as_path, has, manifest
from ..session import open_session
from ..spool import Listed
from ..text import escaped
from .restore_rows import Restored, RowRestorer

# Paths of rows that are looked for in all other batches at a time.
PATHS_AT_ONCE = 100_000


def restore(site: Site, name: str, paths: Sequence[str], check: bool) -> Restored:
    """Bring a batch back, or of it only some paths with the rows that name them.

    Raises SiteError if there is no such batch or path, DatabaseError if the rows could not be
    written at all; their files are back then, and another run goes on from there.
    """
    if site.quarantine is None:
        raise SiteError("quarantine is missing; name the folder that holds the batch.")
    folder = quarantine.batch_folder(site.quarantine, name)
    result = Restored(name, paths=Listed(site.max_listed), kept=Listed(site.max_listed))
    with ExitStack() as stack:
        stack.enter_context(quarantine.in_words())
        session = stack.enter_context(open_session(site, read_only=check))
        tree, database = session.media, session.database
        if database.is_replica():
            raise SiteError(
                "the database is a replica, which takes no rows. Point database_url at the primary."
            )
        if not check:
            stack.enter_context(session.locked())
        # Only now: a run may have been at work on this very batch.
        header, files = manifest(folder)
        _require_same_root(site, header)
        _require_readable(files)
        rows = ArchivedRows(folder)
        wanted_files, wanted_rows = _chosen(paths, manifest(folder)[1], rows)
        for kept in wanted_files:
            _restore_file(folder, kept, tree, result, check)
        _note_files_elsewhere(site.quarantine, name, map(rows.__getitem__, wanted_rows), tree, result)
        reinsertion = RowRestorer(database, rows, result)
        if check:
            reinsertion.foresee(wanted_rows)
        else:
            if wanted_rows:
                with database.transaction():
                    reinsertion.carry_out(wanted_rows)
            quarantine.forget(folder, rows, reinsertion.back)
    return result


def _require_readable(files: Iterable[KeptFile]) -> None:
    """Read a manifest to its end, so that a broken line is told before anything comes back."""
    for _kept in files:
        pass


def _note_files_elsewhere(
    kept_in: bytes, name: str, rows: Iterable[Mapping[str, Any]], tree: LocalStore, result: Restored
) -> None:
    """Note the files that a later run took as orphans, because the run of this batch was killed."""
    named = (as_path(path) for row in rows for path in row["files"])
    lacking = (path for path in named if not outside(path) and not tree.has_file(path))
    for some in iter(lambda: frozenset(islice(lacking, PATHS_AT_ONCE)), frozenset()):
        for info in quarantine.batches(kept_in):
            if info.name == name:
                continue
            folder = quarantine.batch_folder(kept_in, info.name)
            for kept in manifest(folder)[1]:
                is_news = kept.path in some and kept.path not in result.absent
                if is_news and has(folder, kept):
                    result.absent.add(kept.path)
                    result.kept.add(
                        Kept(kept.path, Code.OTHER_BATCH, f"it is in batch {info.name}; restore that first")
                    )


def _require_same_root(site: Site, header: Mapping[str, Any]) -> None:
    kept = as_path(str(header.get("media_root", "")))
    if kept != site.media_root:
        raise SiteError(
            f"the batch was taken from the media root '{escaped(kept)}', not from "
            f"'{escaped(site.media_root)}'. Restore it with the site it belongs to."
        )


def _chosen(
    paths: Sequence[str], files: Iterable[KeptFile], rows: ArchivedRows
) -> tuple[Iterable[KeptFile], Sequence[int]]:
    """The part of a batch that concerns some paths, of its rows their numbers; all where none are given."""
    if not paths:
        return files, range(len(rows))
    wanted = set(paths)
    # A row comes back with all the files that it names itself.
    together: set[str] = set()
    known: set[str] = set()
    some_rows = array("Q")
    for number, row in enumerate(rows):
        shown = {escaped(as_path(path)) for path in row["files"]}
        if wanted & shown:
            some_rows.append(number)
            known |= shown & wanted
            together |= {escaped(as_path(path)) for path in _named_by(row)}
    some_files = [kept for kept in files if escaped(kept.path) in wanted | together]
    known |= {escaped(kept.path) for kept in some_files}
    if wanted - known:
        raise SiteError(f"the batch holds nothing of these paths: {', '.join(sorted(wanted - known))}.")
    return some_files, some_rows


def _named_by(row: Mapping[str, Any]) -> list[str]:
    """The files that a row names itself: of a dependent's, its columns hold none."""
    return [path for path in row["files"] if path in row["row"].values()]


def _restore_file(folder: str, kept: KeptFile, tree: LocalStore, result: Restored, check: bool) -> None:
    if not has(folder, kept):
        # It never left, or is back already.
        return
    why = outside(kept.path)
    if why:
        result.absent.add(kept.path)
        result.kept.add(Kept(kept.path, Code.OUTSIDE, f"the manifest holds this path, which {why}"))
        return
    try:
        if check:
            _require_free(tree, kept)
        else:
            _put_back(folder, kept, tree)
    except FileExistsError:
        result.kept.add(Kept(kept.path, Code.IN_THE_WAY, "another file has come into its place"))
    except (Blocked, CleanupError) as error:
        result.absent.add(kept.path)
        result.kept.add(Kept(kept.path, Code.BLOCKED, f"the way to its place has changed: {error}"))
    except OSError as error:
        result.absent.add(kept.path)
        result.kept.add(Kept(kept.path, Code.NOT_WRITABLE, f"it could not be written: {error.strerror}"))
    else:
        result.paths.add(kept.path)
        result.totals.files += 1
        result.totals.bytes += kept.size


def _require_free(tree: LocalStore, kept: KeptFile) -> None:
    if tree.state(kept.path) is not None:
        raise FileExistsError(kept.path)


def _put_back(folder: str, kept: KeptFile, tree: LocalStore) -> None:
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
