# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""One file, many spellings: which written path means which file.

A database may hold a path in another form than the disk: percent-encoded, with a leading or doubled
slash, below MEDIA_URL or the media root, in another Unicode normalization, with white space around it,
with a query or a fragment behind it. Such a value does not *name* a file, but it is reason enough to
keep the file.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from bisect import bisect_left
from typing import Iterable, Iterator
from urllib.parse import unquote_to_bytes

# Bytes: no system opens a longer path, and Django's columns hold at most a few hundred characters.
LONGEST_PATH = 4096
# Bytes that are shown of a longer value.
_BEGINNING = 80
_ODD = re.compile(rb"\0|[%?#]|//|(?:^|/)\.{1,2}(?:/|$)|^[/\s]|[/\s]\Z|\\")
# What is odd next to each other, at the ends too: empty and dotted parts of a path.
_SEPARATORS = bytes.maketrans(b"\0.", b"//")
# White space next to a NUL: at the ends of a value.
_SPACES = (b" ", b"\t", b"\n", b"\v", b"\f", b"\r")
_SPACE = bytes.maketrans(b"".join(_SPACES), b"\0" * len(_SPACES))
# Neither encoded in a URL nor written otherwise in any form of Unicode (RFC 3986, 2.3); no dotted part.
_UNRESERVED = re.compile(rb"[A-Za-z0-9_~-][A-Za-z0-9._~-]*(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
_SCHEME = re.compile(rb"^[A-Za-z][A-Za-z0-9+.-]*:(?=//)")


def canonical(path: bytes) -> bytes:
    """The one spelling to compare by: decoded, in NFC, without empty, ``.`` and ``..`` parts."""
    if path.isascii() and _looks_plain(path):
        return path
    plain, before = path, b""
    # Until it stays the same: what was encoded twice means the same file.
    while b"%" in plain and plain != before:
        plain, before = unquote_to_bytes(plain), plain
    plain = posixpath.normpath(b"/" + plain.replace(b"\\", b"/")).lstrip(b"/")
    if plain.isascii():
        return plain
    try:
        return unicodedata.normalize("NFC", plain.decode()).encode()
    except UnicodeDecodeError:
        return plain


def canonical_of(paths: list[bytes]) -> list[bytes]:
    """The same of some paths, asked for the whole list at once: nearly always they are all plain."""
    joined = b"\0%s\0" % b"\0".join(paths)
    signs = (b"%", b"//", b"/.", b"\\", b"\0/", b"\0.", b"/\0")
    if joined.isascii() and not any(sign in joined for sign in signs):
        return paths
    return [canonical(path) for path in paths]


def _looks_plain(path: bytes) -> bool:
    return not (
        b"%" in path
        or b"//" in path
        or b"/." in path
        or b"\\" in path
        or path.startswith((b"/", b"."))
        or path.endswith(b"/")
    )


def decomposed(path: bytes) -> Iterator[bytes]:
    """The path in NFD, in which macOS wrote names."""
    try:
        yield unicodedata.normalize("NFD", path.decode()).encode()
    except UnicodeDecodeError:
        return


class Spellings:
    """Knows the prefixes that a site puts before its paths: MEDIA_URL and the media root.

    ``folders`` are those that the prefixes of columns have put before what these hold.
    """

    def __init__(self, media_root: bytes, media_url: bytes, folders: Iterable[bytes] = ()) -> None:
        self._site = media_root, media_url
        prefixes = (media_url, media_root, posixpath.basename(media_root.rstrip(b"/")))
        self._prefixes = sorted({canonical(prefix) + b"/" for prefix in prefixes} - {b"/"})
        self._folders = sorted({folder + b"/" for folder in folders})
        # What is behind such a folder may begin as any value does, or name that folder itself.
        behind = (*self._prefixes, *self._folders)
        self._unusual = (
            *self._prefixes,
            *(folder + prefix for folder in self._folders for prefix in behind),
        )

    def with_folders(self, folders: Iterable[bytes]) -> Spellings:
        """The same where columns have these prefixes."""
        return Spellings(*self._site, folders)

    @property
    def prefixes(self) -> list[bytes]:
        """What may stand before a path, each with a slash at its end and none at its beginning."""
        return self._prefixes

    def no_path(self, value: bytes) -> str | None:
        """Say why a value, or what a column holds behind one of the folders, references no path."""
        held = (value[len(folder) :] for folder in self._folders if value.startswith(folder))
        return no_path(value) or next(filter(None, map(outside, held)), None)

    def meant_by(self, value: bytes) -> Iterator[bytes]:
        """Yield the canonical paths that a value of the database may stand for; some more than once.

        White space around it may not be part of the name, and a query or a fragment may follow it.
        None if the value is longer than a path can be.
        """
        if is_too_long(value):
            return
        for variant in _without_what_may_follow(value):
            yield from self._meant_by(variant)
        for folder in self._folders:
            if value.startswith(folder):
                yield from self._meant_behind(folder, value[len(folder) :])

    def _meant_behind(self, folder: bytes, held: bytes) -> Iterator[bytes]:
        """What a value means that a column holds, where it is not just a path below the column's prefix."""
        if self._is_unusual(held) or held.startswith(tuple(self._folders)):
            for variant in _without_what_may_follow(held):
                for path in self._meant_by(variant):
                    yield path
                    yield folder + path

    def _meant_by(self, value: bytes) -> Iterator[bytes]:
        whole = canonical(_SCHEME.sub(b"", value))
        yield whole
        if value.startswith(b"/") or _SCHEME.match(value):
            # A value from outside the media root names nothing here with certainty: any tail may.
            while b"/" in whole:
                whole = whole.split(b"/", 1)[1]
                yield whole
            return
        for prefix in self._prefixes:
            if whole.startswith(prefix):
                yield whole[len(prefix) :]

    def has_no_other(self, path: bytes) -> bool:
        """Whether a path surely has one spelling only; asked first, because nearly all have."""
        return bool(_UNRESERVED.fullmatch(path)) and not path.startswith(self._unusual)

    def unusual(self, values: list[bytes]) -> list[bytes]:
        """Those of some values in byte order that may stand for a path other than themselves, or for none.

        Asked first for the whole list at once, because nearly always there are none.
        """
        joined = b"\0%s\0" % b"\0".join(values)
        if (
            joined.count(b"\0") == len(values) + 1
            and _is_nfc(joined)
            and b"%" not in joined
            and not any(sign in joined for sign in (b"\\", b"?", b"#"))
            and not _has_space_around(joined)
            and joined.translate(_SEPARATORS).rfind(b"//") < 0
            and not any(_has_prefix(values, prefix) for prefix in self._unusual)
            and not _holds_too_long(joined)
        ):
            return []
        return [value for value in values if self._is_unusual(value)]

    def _is_unusual(self, value: bytes) -> bool:
        if is_too_long(value) or _ODD.search(value) or value.startswith(self._unusual):
            return True
        return not value.isascii() and canonical(value) != value


def _without_what_may_follow(value: bytes) -> Iterable[bytes]:
    """The value, and what is left of it without white space around, a query, a fragment, or both."""
    plain = value.strip()
    before_fragment, before_query = plain.split(b"#", 1)[0], plain.split(b"?", 1)[0]
    parts = (plain, before_fragment, before_query, before_fragment.split(b"?", 1)[0])
    return dict.fromkeys((value, *(part.strip() for part in parts)))


def _has_space_around(joined: bytes) -> bool:
    """Whether one of the values, each between two NULs, has white space around it, or nothing but it."""
    # The search for a byte is many times faster than the translation, and nearly always finds none.
    return any(space in joined for space in _SPACES) and b"\0\0" in joined.translate(_SPACE)


def _holds_too_long(joined: bytes) -> bool:
    """Whether one of the values, each between two NULs, is longer than a path can be."""
    start, last = 0, len(joined) - 1
    while last - start > LONGEST_PATH:
        start = joined.rfind(b"\0", start + 1, start + LONGEST_PATH + 2)
        if start < 0:
            return True
    return False


def _has_prefix(values: list[bytes], prefix: bytes) -> bool:
    first = bisect_left(values, prefix)
    return first < len(values) and values[first].startswith(prefix)


def _is_nfc(text: bytes) -> bool:
    try:
        return text.isascii() or unicodedata.is_normalized("NFC", text.decode())
    except UnicodeDecodeError:
        return False


def is_below(path: bytes, directory: bytes) -> bool:
    """Whether a path below the media root is in a directory or in one below it; ``b""`` is the root."""
    return not directory or path.startswith(directory + b"/")


def stem(path: bytes) -> bytes:
    """A path without the extension of its name, as ``os.path.splitext`` has it."""
    # Asked of each row of a table, which takes that function three times as long.
    dot = path.rfind(b".")
    has_extension = dot > 0 and path[path.rfind(b"/") + 1 : dot].strip(b".")
    return path[:dot] if has_extension else path


def is_too_long(value: bytes) -> bool:
    """Whether a value of the database is longer than a path can be."""
    return len(value) > LONGEST_PATH


def shortened(value: bytes) -> bytes:
    """A value as it is shown: of one that is too long for a path, its beginning."""
    return value[:_BEGINNING] + b"..." if is_too_long(value) else value


def no_path(value: bytes) -> str | None:
    """Say why a value of the database references no path below the media root, or None."""
    if is_too_long(value):
        return f"is longer than a path can be ({LONGEST_PATH:,} bytes)"
    return outside(value)


def outside(value: bytes) -> str | None:
    """Say why a path leads out of the media root, or None."""
    if b"\0" in value:
        return "holds a NUL byte"
    if value.startswith(b"/"):
        return "is absolute"
    if _SCHEME.match(value):
        return "is a URL"
    if b".." in value.split(b"/"):
        return "holds '..'"
    return None
