# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""References as an inventory of a bucket writes keys, so that any SQL engine can join the two.

In its CSV form, an inventory has each key whole and URL-encoded: a space is a plus sign, a slash is itself.
So a key is one line of ASCII, whatever the name of its file is.
"""

from __future__ import annotations

import re
from typing import Iterable, Iterator, Sequence
from urllib.parse import quote_plus, unquote_to_bytes

from ...config.site import Column, Site
from ...database.base import Database
from ...media.paths import Spellings, no_path
from ...media.s3.place import bucket_place, is_in_bucket, why_no_key

# The column of keys in an inventory, in the export of the references, and in a list of candidates.
KEY = "key"
_PLAIN = re.compile(rb"[A-Za-z0-9._~/-]*")


class InventoryKeys:
    """The keys that an inventory has for the files of a store; on a disk, the paths below its root."""

    def __init__(self, media_root: bytes) -> None:
        self._is_in_bucket = is_in_bucket(media_root)
        place = bucket_place("media_root", media_root) if self._is_in_bucket else None
        self._prefix = place.prefix.encode() if place else b""
        # Empty on a disk.
        self.bucket = place.bucket if place else ""

    def key_of(self, path: bytes) -> str | None:
        """The key of a path, URL-encoded; None for a path that no file of the store can have."""
        if not path or no_path(path):
            return None
        whole = self._prefix + path
        if self._is_in_bucket and why_no_key(whole.decode("utf-8", "surrogateescape")):
            return None
        return whole.decode() if _PLAIN.fullmatch(whole) else quote_plus(whole, safe="/")

    def path_of(self, key: str) -> bytes | None:
        """The path of a key that is URL-encoded; None where it is not below the prefix of the store."""
        whole = unquote_to_bytes(key.replace("+", " "))
        return whole[len(self._prefix) :] if whole.startswith(self._prefix) else None


def referenced_keys(database: Database, columns: Sequence[Column], site: Site) -> Iterator[list[str]]:
    """The keys of all files that rows reference, in every spelling, in lists of a bounded length.

    In no certain order; a key that several rows reference may come again.
    """
    keys = InventoryKeys(site.media_root)
    prefixes = {column.prefix.encode() for column in columns if column.prefix}
    spellings = Spellings(site.media_root, site.media_url).with_folders(prefixes)
    for values in database.references(columns):
        # Most rows share no file, and those that do come together.
        some = dict.fromkeys(values)
        odd = spellings.unusual(list(some))
        meant = (path for value in odd for path in spellings.meant_by(value))
        found = _keys_of(keys, (*some, *meant))
        if found:
            yield found


def _keys_of(keys: InventoryKeys, paths: Iterable[bytes]) -> list[str]:
    found = (keys.key_of(path) for path in dict.fromkeys(paths))
    return [key for key in found if key is not None]
