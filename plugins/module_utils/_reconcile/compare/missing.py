# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Which records are proven to be missing their file, and which files would be removed with records."""

from __future__ import annotations

from typing import Callable, Iterable, Iterator, Sequence
from urllib.parse import quote

from ..database.catalog import Row
from ..kept import Code
from ..media.derived import DerivedPattern
from ..media.paths import Spellings, decomposed, shortened
from ..media.store import Answer, FileState, MediaStore
from ..text import escaped

# Hears of an item that is kept: its name, the code and the reason.
Keep = Callable[[bytes, Code, str], None]


class MissingCheck:
    """Checks the files that records reference, in every spelling.

    ``keep`` hears of each record and file that is kept because of what was found.
    """

    def __init__(
        self, store: MediaStore, spellings: Spellings, derived: Sequence[DerivedPattern], keep: Keep
    ) -> None:
        self._store = store
        self._quick_check = store.quick_check()
        self._spellings = spellings
        self._derived = derived
        self._keep = keep

    def among_not_found(self, rows: list[Row]) -> list[Row]:
        """Those of some rows, in the byte order of their files, whose file a quick check did not find."""
        not_found = set(self.not_found([row.file or b"" for row in rows]))
        return [row for row in rows if row.file in not_found]

    def not_found(self, paths: list[bytes]) -> list[bytes]:
        """Those of some paths in byte order that a quick check did not find; it proves nothing of them."""
        return self._quick_check.not_found(paths)

    def is_missing(self, row: Row) -> bool:
        """Whether it is proven that the row's file does not exist; ``keep`` hears what prevents the proof."""
        path = row.file or b""
        why = self._spellings.no_path(path)
        if not why and not self._is_absent(path, path):
            return False
        spellings = self._other_spellings(path)
        if not why and any(b"\0" in other for other in spellings):
            why = "means a NUL byte"
        if why:
            self.keep_record_of(path, why)
            return False
        for spelling in spellings:
            if not self._is_absent(spelling, path):
                shown = escaped(spelling)
                reason = f"the file is there in another spelling: '{shown}'; its row is kept"
                self._keep(path, Code.OTHER_SPELLING, reason)
                return False
        return True

    def keep_record_of(self, path: bytes, why: str) -> None:
        """Keep the record of a value that references no path, and say why not."""
        reason = f"the database holds this path, which {why}; its row is kept"
        self._keep(shortened(path), Code.OUTSIDE, reason)

    def _other_spellings(self, path: bytes) -> list[bytes]:
        """The other paths under which the file may lie; asked for what seems to be missing only."""
        if self._spellings.has_no_other(path):
            return []
        meant = list(self._spellings.meant_by(path))
        apart = [other for plain in meant for other in decomposed(plain)]
        encoded = [quote(plain).encode() for plain in meant]
        return [other for other in dict.fromkeys((*meant, *apart, *encoded)) if other != path]

    def _is_absent(self, path: bytes, of_record: bytes) -> bool:
        """Only "no such file" counts as absent: a row is removed on proof alone."""
        status = self._store.check(path)
        if status.answer is Answer.BLOCKED:
            reason = f"it cannot be checked, because on its way {status.reason}; its row is kept"
            self._keep(of_record, Code.BLOCKED, reason)
        elif status.answer is Answer.UNREADABLE:
            self._store.unreadable.add((path, status.reason))
        return status.is_absent

    def file_at(self, path: bytes) -> FileState | None:
        """The state of the regular file at a path, if one is there and may be removed."""
        why = self._spellings.no_path(path)
        if why:
            self._keep(shortened(path), Code.OUTSIDE, f"the database holds this path, which {why}")
            return None
        status = self._store.check(path)
        if status.answer is Answer.BLOCKED:
            self._keep(path, Code.BLOCKED, f"it is kept, because on its way {status.reason}")
        elif status.answer is Answer.UNREADABLE:
            self._store.unreadable.add((path, status.reason))
        elif status.state is not None and status.state.kind != "file":
            reason = f"it is a {status.state.kind}, and only regular files are removed"
            self._keep(path, Code.NOT_A_FILE, reason)
            return None
        elif status.is_file and self._store.is_in_other_mount(path):
            self._keep(path, Code.OTHER_MOUNT, "it is in what is mounted below the media root, and is kept")
            return None
        state: FileState | None = status.state
        return state

    def with_derived(self, paths: Iterable[bytes]) -> Iterator[bytes]:
        """The paths, and those of the files derived from them; each once."""
        given: set[bytes] = set()
        for path in paths:
            if path not in given:
                given.add(path)
                yield path
            if self._spellings.no_path(path):
                continue
            for pattern in self._derived:
                if not pattern.may_come_from(path):
                    continue
                for derived in self._store.matching(pattern.globs(path)):
                    if derived not in given:
                        given.add(derived)
                        yield derived
