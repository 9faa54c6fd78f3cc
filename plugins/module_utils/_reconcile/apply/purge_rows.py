# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What rows in quarantine say against a purge: a row that stays there keeps the files that it needs.

Without them, a restore would bring it back without its files, whichever batch these are in.
"""

from __future__ import annotations

from typing import Any, Collection, Iterable, Mapping, Sequence

from ..config.site import Site
from ..kept import Code, Doubt
from ..quarantine import store as quarantine
from ..quarantine.archived_rows import ArchivedRows
from ..quarantine.format import QuarantinedFile, as_path
from ..spool import Spool


class StayingRows:
    """The files that rows need which are not purged, with the batches of the rows."""

    def __init__(self) -> None:
        self._needed: Spool[tuple[bytes, str]] = Spool(tuple, lambda path, batch: (path, batch))

    @classmethod
    def besides(cls, site: Site, going: Collection[str]) -> StayingRows:
        """The rows of all batches of a site but those that go. Raises QuarantineError if one is broken."""
        staying = cls()
        for batch in quarantine.batches_of(site):
            if batch.name not in going:
                staying.add(batch.name, ArchivedRows(batch))
        return staying

    def add(self, batch: str, rows: Iterable[Mapping[str, Any]]) -> None:
        self._needed.extend((as_path(path), batch) for row in rows for path in row["files"])

    def doubts(self, files: Sequence[QuarantinedFile]) -> dict[int, Doubt]:
        """The reasons to keep some files, by their numbers."""
        wanted = {file.path for file in files}
        needed: dict[bytes, str] = {}
        for some in self._needed.chunks() if wanted else ():
            needed.update(item for item in some if item[0] in wanted)
        return {file.number: _doubt(needed[file.path]) for file in files if file.path in needed}


def _doubt(batch: str) -> Doubt:
    return Doubt(Code.RECORD_KEPT, f"a row that stays in batch {batch} needs it")
