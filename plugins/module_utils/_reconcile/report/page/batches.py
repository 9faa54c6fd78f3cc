# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a page shows of one batch in quarantine: what is in it, and what would come back or be deleted."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any, Callable, Iterator, Mapping

from ...answers import Emit
from ...config.site import Site
from ...quarantine import store as quarantine
from ...quarantine.format import Batch, as_path
from ...quarantine.place import place_of
from ...quarantine.store import BatchInfo
from ...text import escaped_value, moment, printable
from ..description import Subject
from .document import MOST_ITEMS, Limits, Lists, beginning, emit_with_pictures
from .dry_runs import DryRuns
from .thumbnails import LONGEST


def emit_batch(site: Site, info: BatchInfo, dry_runs: DryRuns, limits: Limits, emit: Emit) -> None:
    """Emit the document of a batch as one line. Ends no report."""
    trouble = {"guard": "", "message": printable(dry_runs.trouble), "lifted_by": ""}
    document: dict[str, Any] = {
        **beginning(site, info.job, info.name),
        "kind": "batch",
        "found": {"records": info.rows, "files": info.files, "bytes": info.bytes},
        "summary": [
            f"removed {moment(info.moment)} by the job {info.job}",
            "pinned: no purge deletes it" if info.pinned else "not pinned",
        ],
        "notes": list(map(printable, dry_runs.lines)),
        "refused": [trouble] if dry_runs.trouble else [],
        "kept_total": len(dry_runs.kept),
        "kept_codes": dict(Counter(each.code.value for each in dry_runs.kept)),
    }
    with quarantine.in_words(), quarantine.opened(place_of(site), info.name) as batch:
        subjects = list(islice(_subjects(batch), MOST_ITEMS))
        document["items_total"] = max(info.files, len(subjects))
        emit_with_pictures(document, Lists(dry_runs.kept, subjects, _reader(batch)), limits, emit)


def _subjects(batch: Batch) -> Iterator[Subject]:
    """The files in a batch, and the rows of which no file is in it."""
    rows = list(islice(batch.rows(), MOST_ITEMS))
    words = {path: _row_words(row) for row in rows for path in row["files"]}
    there: set[str] = set()
    for file in batch.files():
        if batch.holds(file):
            name = file.path.decode("utf-8", "surrogateescape")
            there.add(name)
            about = words.get(name) or printable(file.reason)
            yield Subject(file.path, "", [file.path], file.size, file.mtime_ns // 10**9, about)
    for row in rows:
        if not there.intersection(row["files"]):
            path = as_path(row["files"][0]) if row["files"] else b"(no file)"
            yield Subject(path, "", [], about=_row_words(row))


def _row_words(row: Mapping[str, Any]) -> str:
    key = ", ".join(escaped_value(value) for value in row["key"])
    return printable(f"row {key} of {row['table']}")


def _reader(batch: Batch) -> Callable[[bytes], bytes | None]:
    """Reads files of a batch by their paths; None for one that is too long or cannot be read."""
    files = {file.path: file for file in islice(batch.files(), MOST_ITEMS)}

    def read(path: bytes) -> bytes | None:
        try:
            file = files[path]
            return batch.folder_of(file).content(file.name, LONGEST)
        except (KeyError, OSError):
            return None

    return read
