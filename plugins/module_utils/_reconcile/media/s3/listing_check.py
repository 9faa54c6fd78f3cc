# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Finds the objects that rows reference by reading parts of a listing, each from a wanted key on.

There are never more requests than one for each key that is asked for, nor many more than pages in a listing.
"""

from __future__ import annotations

from typing import Callable

from .client import LARGEST_PAGE, Bucket

# Keys of a page, which grows while most pages answer more than one question.
_SMALLEST_PAGE = 16
_GROWTH = 4
# A page was worth it if it was asked for one in so many of its keys.
_WORTH = 8


class ListingCheck:
    """Finds paths that may be missing. Paths come in byte order, over all calls."""

    def __init__(self, bucket: Bucket, prefix: str, key_of: Callable[[bytes], str | None]) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._key_of = key_of
        self._keys: frozenset[str] = frozenset()
        # Up to where the last page has an answer; None where there is nothing behind it.
        self._until: str | None = ""
        self._size = _SMALLEST_PAGE
        self._answered = 0

    def not_found(self, paths: list[bytes]) -> list[bytes]:
        """Those of some paths in byte order that a listing did not show; it proves nothing of them."""
        return [path for path in paths if not self._is_listed(path)]

    def _is_listed(self, path: bytes) -> bool:
        key = self._key_of(path)
        if key is None:
            return False
        if self._until is not None and key > self._until:
            self._read_from(key)
        self._answered += 1
        return key in self._keys

    def _read_from(self, key: str) -> None:
        is_worth = self._answered * _WORTH > len(self._keys)
        larger, smaller = min(self._size * _GROWTH, LARGEST_PAGE), max(self._size // 2, _SMALLEST_PAGE)
        self._size = larger if is_worth else smaller
        self._answered, self._keys, self._until = 0, frozenset(), key
        try:
            page = next(self._bucket.pages(self._prefix, start_after=_before(key), most=self._size))
        except OSError:
            # Each is checked by itself, then, and that answer counts.
            return
        self._keys = frozenset(entry.key for entry in page.entries)
        self._until = max((key, *self._keys)) if page.has_more else None


def _before(key: str) -> str:
    """A key that lies before another one, with hardly any between them."""
    last = ord(key[-1])
    return key[:-1] + (chr(last - 1) + "~" if 0x20 < last < 0xD800 else "")
