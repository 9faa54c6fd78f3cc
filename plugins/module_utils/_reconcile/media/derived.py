# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Derived files: which file was generated from which, by the pattern of its path.

A pattern such as ``CACHE/images/{dir}/{stem}/*`` gives the source by its directory (``{dir}``) and
by its whole name (``{name}``) or its name without the extension (``{stem}``, with or without
``{ext}``); ``*`` and ``?`` stand for what the library adds, within one part of the path.

A pattern such as ``{dir}/*.ts`` gives the directory alone: the segments of the playlists in it.
"""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache
from typing import Iterable, Iterator, NamedTuple, Pattern, Sequence

from ..errors import SiteError
from .paths import stem

_TOKEN = re.compile(r"\{(\w+)\}(/?)|(\*)|(\?)")
# A directory of any depth, or an extension of any length, right beside what can be anything.
_AMBIGUOUS = re.compile(r"\{dir\}[^/]*[*?]|[*?][^/]*\{dir\}|\{ext\}[*?]|[*?]\{ext\}")
_FIELDS = {"dir", "name", "stem", "ext"}
# Of the files that may have segments, in lower case.
_PLAYLISTS = (b".m3u8", b".m3u", b".mpd")
# What a pattern of segments ends in; without an extension it would match all that is in a folder.
_ENDS_AS_SEGMENTS = re.compile(r"(?:^|/)[^/{}]*[*?][^/{}]*\.[A-Za-z0-9]+\Z")


class Source(NamedTuple):
    """A path that a derived file may come from; its extension is unknown if ``is_stem``.

    With ``is_folder``, it is any playlist right in that folder.
    """

    path: bytes
    is_stem: bool
    is_folder: bool = False


def is_playlist(path: bytes) -> bool:
    """Whether a file of that name may have segments beside it."""
    return path.lower().endswith(_PLAYLISTS)


class DerivedPattern:
    """One pattern, read both ways: from a derived file to its sources, and back."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        fields = {match.group(1) for match in _TOKEN.finditer(pattern)} - {None}
        self.is_of_segments = fields == {"dir"} and bool(_ENDS_AS_SEGMENTS.search(pattern))
        unknown = fields - _FIELDS
        has_source = "dir" in fields and bool(fields & {"name", "stem"})
        if unknown or not (has_source or self.is_of_segments):
            raise SiteError(
                f"derived: the pattern {pattern!r} must give its source by {{dir}} and by {{name}} or "
                "{stem}, such as CACHE/images/{dir}/{stem}/*; or, for the segments of playlists, by {dir} "
                "and an extension, such as {dir}/*.ts."
            )
        if _AMBIGUOUS.search(pattern) or pattern.count("{dir}") > 1:
            raise SiteError(
                f"derived: the pattern {pattern!r} can be read in more than one way. Use {{dir}} once, "
                "with no wildcard in the same part, and put a text between {ext} and a wildcard."
            )
        if pattern.startswith("/") or ".." in pattern.split("/"):
            raise SiteError(f"derived: the pattern {pattern!r} must be below media_root.")
        self._regex = lru_cache(maxsize=None)(self._compiled)

    def sources(self, path: bytes) -> Iterator[Source]:
        """Yield what the path may be derived from: a name can be split in more than one way."""
        most = 255
        if self.is_of_segments:
            match = self._regex(most).fullmatch(path)
            if match:
                yield Source(match["dir"] or b"", is_stem=False, is_folder=True)
            return
        while most > 0:
            match = self._regex(most).fullmatch(path)
            if match is None:
                return
            parts = match.groupdict(b"")
            name = parts.get("name") or parts["stem"]
            most = len(name) - 1
            whole = posixpath.join(parts["dir"] or b"", name)
            if "name" in parts:
                yield Source(whole, False)
            elif "ext" in parts:
                yield Source(whole + (b"." if parts["ext"] else b"") + parts["ext"], False)
            else:
                yield Source(whole, True)

    def _compiled(self, most: int) -> Pattern[bytes]:
        seen: set[str] = set()
        parts, end = [], 0
        for match in _TOKEN.finditer(self._pattern):
            parts.append(re.escape(self._pattern[end : match.start()]))
            end = match.end()
            parts.append(self._part(match, most, seen))
        parts.append(re.escape(self._pattern[end:]))
        return re.compile("".join(parts).encode(), re.DOTALL)

    @staticmethod
    def _part(match: re.Match[str], most: int, seen: set[str]) -> str:
        name, slash, star, _question = match.groups()
        if star:
            return "[^/]*"
        if name is None:
            return "[^/]"
        if name in seen:
            return f"(?P={name}){slash}"
        seen.add(name)
        if name == "dir":
            return "(?:(?P<dir>.+)/)?" if slash else "(?P<dir>.*)"
        if name == "ext":
            return f"(?P<ext>[^/.]*){slash}"
        return f"(?P<{name}>[^/]{{1,{most}}}){slash}"

    def may_come_from(self, source: bytes) -> bool:
        """Whether a file of that name may be a source at all."""
        return not self.is_of_segments or is_playlist(source)

    def globs(self, source: bytes) -> list[Pattern[bytes] | bytes]:
        """The parts of the paths of the files derived from a source: names, or patterns of names."""
        directory, _slash, name = source.rpartition(b"/")
        values = {
            "dir": directory,
            "name": name,
            "stem": stem(name),
            "ext": posixpath.splitext(name)[1][1:],
        }
        parts: list[Pattern[bytes] | bytes] = []
        for piece in self._pattern.split("/"):
            literal = _fill(piece, values)
            if literal is None:
                parts.append(_name_pattern(piece, values))
            else:
                parts.extend(part for part in literal.split(b"/") if part)
        return parts


def _fill(piece: str, values: dict[str, bytes]) -> bytes | None:
    """A part of the pattern without wildcards, filled in; None if it has any."""
    if "*" in piece or "?" in piece:
        return None
    return b"".join(_filled(piece, values))


def _filled(piece: str, values: dict[str, bytes]) -> Iterator[bytes]:
    end = 0
    for match in _TOKEN.finditer(piece):
        yield piece[end : match.start()].encode()
        yield values[match.group(1)]
        end = match.end()
    yield piece[end:].encode()


def _name_pattern(piece: str, values: dict[str, bytes]) -> Pattern[bytes]:
    parts, end = [], 0
    for match in _TOKEN.finditer(piece):
        parts.append(re.escape(piece[end : match.start()]).encode())
        end = match.end()
        if match.group(3):
            parts.append(b"[^/]*")
        elif match.group(4):
            parts.append(b"[^/]")
        else:
            parts.append(re.escape(values[match.group(1)]))
    parts.append(re.escape(piece[end:]).encode())
    return re.compile(b"".join(parts), re.DOTALL)


def patterns(written: Iterable[str]) -> tuple[DerivedPattern, ...]:
    return tuple(DerivedPattern(pattern) for pattern in written)


def sources_of(known: Sequence[DerivedPattern], path: bytes) -> set[Source]:
    """All that a path may be derived from, by any of the patterns; itself it never is."""
    found = {source for pattern in known for source in pattern.sources(path)}
    return {source for source in found if source.path != path}
