# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Purges single items of a batch, as where a person has a right to be forgotten.

The files go, the rows that referenced them, the rows that depended on these, and what the manifest says of
the files. What is left of them elsewhere is reported.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Iterable, Sequence

from ..config.purge import Purge
from ..kept import Kept
from ..media.private_folder import PrivateFolder
from ..quarantine import purging
from ..quarantine import store as quarantine
from ..quarantine.archived_rows import ArchivedRows
from ..quarantine.format import DIGESTS, Batch, QuarantinedFile, as_path
from ..quarantine.store import BatchInfo
from ..spool import Listed
from ..text import counted, escaped
from .purge import Purged, opened, purge, reference_doubts, selected_batches
from .purge_rows import StayingRows
from .restore import chosen


def carry_out(order: Purge, check: bool) -> Purged:
    """Purge what is meant: single items, or batches."""
    return purge_items(order, check) if order.paths else purge(order, check)


def purge_items(order: Purge, check: bool) -> Purged:
    """Delete the paths of the order from its batch, but no file that a row references.

    Other files of their rows go too, unless a row needs them that stays in quarantine.

    Raises SiteError if there is no such batch or path; else as ``purge``.
    """
    result = Purged(kept=Listed(order.site.max_listed))
    with ExitStack() as stack:
        place = stack.enter_context(opened(order, check))
        if place is None:
            return result
        folder = place.folder
        for info in selected_batches(order, place, result):
            batch = stack.enter_context(quarantine.known(folder.path, folder, info.name))
            rows = ArchivedRows(batch)
            files, numbers = chosen(order.paths, batch, rows)
            doubts = reference_doubts(order, place, [info])(batch, list(files()))
            kept = {file.path for file in files() if file.number in doubts}
            back = bytearray(len(rows))
            for number in numbers:
                back[number] = not kept & set(map(as_path, rows[number]["files"]))
            staying = StayingRows.besides(order.site, {info.name})
            staying.add(info.name, (row for row, is_back in zip(rows, back) if not is_back))
            doubts = {**staying.doubts(_companions(files(), order.paths)), **doubts}
            for file in files():
                if file.number in doubts:
                    result.kept.add(Kept(file.path, doubts[file.number].code, doubts[file.number].reason))
            going = [file for file in files() if file.number not in doubts]
            result.batches.append(_part(batch, info, going, sum(back)))
            result.notes += _remains(folder, batch, order.paths)
            if not check:
                purging.delete_files(batch, (file for file in going if batch.holds(file)))
                purging.forget_files(batch, {file.number for file in going})
                quarantine.forget(batch, rows, back)
    return result


def _companions(files: Iterable[QuarantinedFile], paths: Sequence[str]) -> list[QuarantinedFile]:
    """The files that go with others, and were not asked for themselves."""
    return [file for file in files if escaped(file.path) not in paths]


def _part(batch: Batch, info: BatchInfo, going: Sequence[QuarantinedFile], rows: int) -> BatchInfo:
    held = [file for file in going if batch.holds(file)]
    return info._replace(files=len(held), bytes=sum(file.size for file in held), rows=rows)


def _names_one_of(paths: Sequence[str], folder: PrivateFolder, name: str) -> bool:
    with quarantine.known(folder.path, folder, name) as batch:
        return not set(paths).isdisjoint(quarantine.paths_of(batch))


def _remains(folder: PrivateFolder, batch: Batch, paths: Sequence[str]) -> list[str]:
    """What is left of some paths after they are deleted from a batch."""
    others = [
        info.name
        for info in purging.found(folder, None)
        if info.name != batch.name and _names_one_of(paths, folder, info.name)
    ]
    remains = ["rows of the database", "backups", "snapshots of the disk", "logs and outcomes of runs"]
    if batch.folder.has(DIGESTS):
        remains.insert(0, "checksums in this batch")
    if others:
        number = counted(len(others), "other batch", "other batches")
        remains.insert(0, f"what is in {number} ({', '.join(others)})")
    return [f"not deleted: {', '.join(remains)}"]
