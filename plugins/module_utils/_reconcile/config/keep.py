# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The entries of the option ``keep``: a path, a glob, ``row:TABLE:KEY``, or one of these percent-encoded.

``file:PATH`` and ``encoded-row:TABLE:KEY`` say whatever names and keys hold. No entry made here holds a
brace: Ansible reads entries as variables, and would run what an uploaded file is called as a template.
"""

from __future__ import annotations

import os
import posixpath
import re
from typing import Iterator, Sequence
from urllib.parse import quote, unquote, unquote_to_bytes

from ..errors import SiteError
from ..text import escaped
from .site import Keep

_ROW, _FILE, _ENCODED_ROW = "row:", "file:", "encoded-row:"
# What a plain entry would mean otherwise, or show otherwise.
_SPECIAL = re.compile(r"[*?\[%\\{}]|^(?:row|file|encoded-row):")


def entry_of_file(path: bytes) -> str:
    """The entry that keeps one file and no other, readable where its path allows that."""
    shown = escaped(path)
    if os.fsencode(shown) == path and not _SPECIAL.search(shown):
        return shown
    return _FILE + quote(path, safe="/")


def entry_of_row(table: str, key: str) -> str:
    """The entry that keeps a row, by its key as reports show it."""
    if not re.search("[{}]", table + key):
        return f"{_ROW}{table}:{key}"
    return f"{_ENCODED_ROW}{quote(table)}:{quote(key)}"


def keep_of(entries: Sequence[str]) -> Keep:
    """What entries keep. Raises SiteError for one that is none."""
    rows = [entry for entry in entries if entry.startswith((_ROW, _ENCODED_ROW))]
    files = [entry for entry in entries if entry.startswith(_FILE)]
    paths = [entry for entry in entries if not entry.startswith((_ROW, _ENCODED_ROW, _FILE))]
    return Keep(
        tuple(glob for path in paths for glob in globs_below_root("keep: the entry", path)),
        tuple(map(_row, rows)),
        tuple(map(_encoded, files)),
    )


def _row(entry: str) -> tuple[str, str]:
    kind, table, key = (*entry.split(":", 2), "")[:3]
    if not table or not key:
        raise SiteError(f"keep: the entry {entry!r} must be row:TABLE:KEY, such as row:album_photo:17.")
    return (unquote(table), unquote(key)) if kind + ":" == _ENCODED_ROW else (table, key)


def _encoded(entry: str) -> bytes:
    path = unquote_to_bytes(entry[len(_FILE) :])
    if b"\0" in path:
        raise SiteError(f"keep: the entry {entry!r} holds a NUL byte, which no path can.")
    return below_root("keep: the entry", os.fsdecode(path))


def globs_below_root(option: str, written: str) -> Iterator[bytes]:
    """A glob, or a path, as paths below the media root are written. Raises SiteError as ``below_root``.

    Others mean by ``**/`` any number of folders: none, too.
    """
    glob = below_root(option, written)
    yield glob
    while glob.startswith(b"**/"):
        glob = glob[len(b"**/") :]
        yield glob


def below_root(option: str, written: str) -> bytes:
    """A path below the media root, normalized. Raises SiteError for one that leads out of it."""
    path = posixpath.normpath(written)
    if path.startswith("/"):
        raise SiteError(
            f"{option} {written!r} is absolute. Write it relative to media_root, such as item_photos."
        )
    if ".." in written.split("/"):
        raise SiteError(f"{option} {written!r} holds '..', which could lead out of media_root.")
    return b"" if path == "." else os.fsencode(path)
