# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Which files of records are proven to be missing, and which would be removed with their records."""

from __future__ import annotations

from typing import Iterable, Iterator, NamedTuple
from urllib.parse import quote

from ..config.site import RecordsJob
from ..database.catalog import Row
from ..errors import UnreadableError
from ..media.derived import patterns
from ..media.local import Blocked, FileState, LocalStore
from ..media.paths import Spellings, decomposed, outside
from ..media.quick_look import QuickLook
from ..plan.plan import Item, Plan
from ..text import escaped


class DoomedFile(NamedTuple):
    """A file that goes with the records that name it."""

    path: bytes
    state: FileState

    def item(self) -> Item:
        return Item(b"file\0" + self.path, repr(tuple(self.state)).encode())


class MissingCheck:
    """Looks at the files that records name, in whatever spelling."""

    def __init__(self, job: RecordsJob, tree: LocalStore) -> None:
        self._tree = tree
        self._quick_look = QuickLook(tree)
        self.spellings = Spellings(job.site.media_root, job.site.media_url)
        self._patterns = patterns(job.derived)

    def missing(self, rows: list[Row], plan: Plan) -> list[Row]:
        """Those of some rows, in the order of their files, whose file is proven not to exist."""
        unseen = set(self.unseen([row.file or b"" for row in rows]))
        return [row for row in rows if row.file in unseen and self.is_missing(row, plan)]

    def unseen(self, paths: list[bytes]) -> list[bytes]:
        """Those of some paths in byte order that a quick look did not find; it proves nothing of them."""
        return self._quick_look.not_found(paths)

    def is_missing(self, row: Row, plan: Plan) -> bool:
        """Whether it is proven that the row's file does not exist; notes what prevents the proof."""
        path = row.file or b""
        is_next = self._tree.is_next_to_last(path)
        if is_next:
            # The common case in a directory too full to be read for a few rows.
            return False
        why = outside(path)
        if not why and is_next is None and self._is_there(path, path, plan):
            return False
        spellings = self._other_spellings(path)
        if not why and any(b"\0" in other for other in spellings):
            why = "means a NUL byte"
        if why:
            plan.skip(path, f"the database holds this path, which {why}; its row stays")
            return False
        for spelling in spellings:
            if self._is_there(spelling, path, plan):
                shown = escaped(spelling)
                plan.skip(path, f"the file is there in another spelling: '{shown}'; its row stays")
                return False
        return True

    def _other_spellings(self, path: bytes) -> list[bytes]:
        """The other paths under which the file may lie; asked for what seems to be missing only."""
        if self.spellings.has_no_other(path):
            return []
        meant = list(self.spellings.meant_by(path))
        apart = [other for plain in meant for other in decomposed(plain)]
        encoded = [quote(plain).encode() for plain in meant]
        return [other for other in dict.fromkeys((*meant, *apart, *encoded)) if other != path]

    def _is_there(self, path: bytes, told_of: bytes, plan: Plan) -> bool:
        """Anything but "no such file" counts as there: a row goes on proof alone."""
        try:
            return self._tree.state(path) is not None
        except Blocked as error:
            plan.skip(told_of, f"it cannot be judged, for on its way {error}; its row stays")
        except UnreadableError as error:
            self._tree.unseen.add((path, str(error)))
        return True

    def present(self, path: bytes, plan: Plan) -> DoomedFile | None:
        """The regular file at a path, if one is there and may be acted on."""
        why = outside(path)
        if why:
            plan.skip(path, f"the database holds this path, which {why}")
            return None
        try:
            state = self._tree.state(path)
        except Blocked as error:
            plan.skip(path, f"it is left alone, for on its way {error}")
            return None
        except UnreadableError as error:
            self._tree.unseen.add((path, str(error)))
            return None
        if state is not None and state.kind != "file":
            plan.skip(path, f"it is a {state.kind}, and only regular files are removed")
            return None
        return None if state is None else DoomedFile(path, state)

    def with_derived(self, paths: Iterable[bytes]) -> Iterator[bytes]:
        """The paths, and those of the files derived from them; each once."""
        given: set[bytes] = set()
        for path in paths:
            if path not in given:
                given.add(path)
                yield path
            if outside(path):
                continue
            for pattern in self._patterns:
                for derived in self._tree.matching(pattern.globs(path)):
                    if derived not in given:
                        given.add(derived)
                        yield derived
