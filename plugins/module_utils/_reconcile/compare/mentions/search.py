# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The search of texts for mentions of files.

Many texts are searched for anchors at once (``anchors``). Only where there is one, what may encode a path is
decoded, and the name looked up.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from itertools import chain
from typing import Collection, Iterable, Iterator, List, Mapping, NamedTuple, Sequence, Union

from ...database.sweep import TextBlock, TextRow
from ...media.paths import Spellings
from .anchors import Anchors
from .decoding import bytewise, folded, folded_path, hidden_places, readings

# So many fit into memory; more of them are searched for in several passes over the database.
CANDIDATES_AT_ONCE = 100_000
# Characters that a byte of a path may take where it is encoded, and those before an extension in which a path
# is searched for: of a longer one, the name is found.
_ENCODED = 8
_BEFORE = 4096
# Characters of a mention that are shown.
_SHOWN = 200

# Candidates of one name that are yielded each time.
_FEW = 10
# Where a name may begin: after what is no part of most names, and after a sign for emphasis behind that.
_BEGINNING = re.compile(r"(?:\A|[^A-Za-z0-9_.~-])([_.~-]*)")
# Where a name without an extension may end.
_END = re.compile(r"[_.~-]*(?:[^A-Za-z0-9_.~-]|\Z)")
# The scheme and the host of a URL, as ``canonical`` leaves them.
_HOST = re.compile(r"\A[a-z][a-z0-9+.-]*:/[^/]*/")
_SLASHES = re.compile(r"/(?:\.?/)+")
# What a mention is shown with: all that stands together.
_WRITTEN = re.compile(r"[^\s\"'<>()]*\Z")


# Nearly always there is one path for a name, and memory for so many.
_Paths = Union[bytes, List[bytes]]


class Mention(NamedTuple):
    """A file that a text mentions: by its whole path, or (not strong) by its name alone.

    ``text`` is the mention as it is written there; of a long one, the end.
    """

    path: bytes
    is_strong: bool
    text: str


class Mentions:
    """Finds mentions of some candidates, which are paths below the media root."""

    def __init__(self, candidates: Iterable[bytes], spellings: Spellings) -> None:
        self._prefixes = tuple(_prefixes(map(folded_path, spellings.prefixes)))
        # By their folded names, those with an extension and those without.
        self._named: dict[str, _Paths] = {}
        self._bare: dict[str, _Paths] = {}
        self._has_bare_at_root = False
        self._anchors = Anchors()
        longest = 0
        for path in candidates:
            name = folded_path(path.rpartition(b"/")[2])
            if self._anchors.add(name):
                _add(self._named, name, path)
            else:
                _add(self._bare, name, path)
                self._has_bare_at_root |= b"/" not in path
            if len(path) > longest:
                longest = len(path)
        self._anchors.compile()
        self._before_end = min(_BEFORE, _ENCODED * (longest + 1))
        self._longest = max(map(len, self._named), default=0)
        self._longest_bare = max(map(len, self._bare), default=0)
        # A method of this object would let all candidates wait for the garbage collector, which comes seldom.
        self._by_path = lru_cache(maxsize=100)(partial(_folded_paths, self._named, self._bare))

    def in_block(
        self, block: TextBlock, reported: Sequence[set[str]] = ()
    ) -> Iterator[tuple[TextRow, int, Mention]]:
        """Yield the mentions in some rows, each with its row and the number of its column.

        All texts are searched as one, which is several times faster than one by one. ``reported`` is for as
        many columns as the rows have: where a name that many candidates have is mentioned alone, they are
        yielded once for each column.
        """
        rows = block.at([*self._anchors.places(block.written)])
        for row in chain(rows, self._at_the_root(block)):
            for column, text in enumerate(row.texts):
                for mention in self.in_text(text, reported[column] if reported else None) if text else ():
                    yield row, column, mention

    def in_text(self, text: str, reported: set[str] | None = None) -> Iterator[Mention]:
        """Yield the mentions in a text; a file that is mentioned several times comes as often."""
        yield from self._as_written(text, reported)
        if next(hidden_places(bytewise(text)), None) is not None:
            for reading in readings(text):
                yield from self._as_written(reading, reported)
        if self._bare:
            for reading in readings(text):
                yield from self._without_extension(reading)

    def _as_written(self, text: str, reported: set[str] | None) -> Iterator[Mention]:
        """The mentions of candidates with an extension, where the extension is written as it is."""
        for end in self._anchors.ends(text):
            start = max(0, end - self._before_end)
            is_whole = start == 0 and end == len(text)
            strong, names = self._before(text[start:end], is_whole)
            for path in strong:
                yield Mention(path, True, _shown(text[start:end]))
            for path in self._not_reported(names, reported):
                if path not in strong:
                    yield Mention(path, False, _shown(text[start:end]))

    def _before(self, written: str, is_whole: bool) -> tuple[Collection[bytes], Collection[str]]:
        """What a piece of text ends with in one of its readings: whole paths, and names of candidates.

        A path may be relative to another folder than the media root: then it is that of another candidate
        of its name. Only behind what every path has before it, there is no doubt.
        """
        paths: dict[bytes, None] = {}
        names: dict[str, None] = {}
        for reading in readings(written):
            plain = _SLASHES.sub("/", folded(reading))
            for start in _beginnings(plain, max(0, len(plain) - self._longest - 1)):
                if plain[start:] in self._named:
                    whole, is_certain = self._whole(plain, start, is_whole)
                    paths.update(dict.fromkeys(whole))
                    if not is_certain:
                        names[plain[start:]] = None
        return paths, names

    def _not_reported(self, names: Iterable[str], reported: set[str] | None) -> Iterator[bytes]:
        """All candidates of some names, without those that many have and that were reported before."""
        for name in names:
            paths = _all(self._named[name])
            if reported is None or len(paths) <= _FEW or name not in reported:
                yield from paths
            if reported is not None:
                reported.add(name)

    def _without_extension(self, text: str) -> Iterator[Mention]:
        """The mentions of candidates without an extension: by their whole path, behind a slash."""
        plain = _SLASHES.sub("/", folded(text))
        if plain.strip() in self._bare:
            for path in _all(self._bare[plain.strip()]):
                if b"/" not in path:
                    yield Mention(path, True, _shown(text))
        slash = plain.find("/")
        while slash >= 0:
            start = slash + 1
            following = plain[start : start + self._longest_bare + 8].partition("/")[0]
            for end in _ends(following):
                name = following[:end]
                if name in self._bare:
                    before = plain[max(0, start - self._before_end) : start]
                    for path in self._whole(before + name, len(before), False)[0]:
                        yield Mention(path, True, _shown(before + name))
            slash = plain.find("/", start)

    def _at_the_root(self, block: TextBlock) -> Iterator[TextRow]:
        """The rows with a text that is the whole path of a candidate without an extension."""
        for row in block if self._has_bare_at_root else ():
            if any(text and folded(text).strip() in self._bare for text in row.texts):
                yield row

    def _whole(self, plain: str, start: int, is_whole: bool) -> tuple[Sequence[bytes], bool]:
        """The candidates by whose whole path a text ends, the name in which begins at ``start``.

        And whether one stands behind a known prefix.
        """
        by_path, longest = self._by_path(plain[start:])
        first = max(0, len(plain) - longest - 1)
        begin = [each for each in _beginnings(plain, first) if plain[each:] in by_path]
        is_certain = any(self._is_behind_prefix(plain[:each]) for each in begin)
        whole = [path for each in begin for path in by_path[plain[each:]] if b"/" in path]
        if whole:
            return whole, is_certain
        # The path of a file at the root is its name: it needs a prefix, or to be alone.
        is_at_root = (is_whole and start == 0) or self._is_behind_prefix(plain[:start])
        return by_path.get(plain[start:], ()) if is_at_root else (), is_certain

    def _is_behind_prefix(self, before: str) -> bool:
        return f"/{before}".endswith(self._prefixes)


def _folded_paths(
    named: Mapping[str, _Paths], bare: Mapping[str, _Paths], name: str
) -> tuple[dict[str, list[bytes]], int]:
    """The candidates of a name by their folded paths, and the length of the longest of these."""
    found: dict[str, list[bytes]] = {}
    for path in (*_all(named.get(name, [])), *_all(bare.get(name, []))):
        found.setdefault(folded_path(path), []).append(path)
    return found, max(map(len, found), default=0)


def _add(named: dict[str, _Paths], name: str, path: bytes) -> None:
    known = named.setdefault(name, path)
    if known is path:
        return
    if isinstance(known, list):
        known.append(path)
    else:
        named[name] = [known, path]


def _all(paths: _Paths) -> Sequence[bytes]:
    return (paths,) if isinstance(paths, bytes) else paths


def _prefixes(known: Iterable[str]) -> Iterator[str]:
    """What may stand before a path, each from a slash to a slash: of a URL, its path too."""
    for prefix in known:
        yield f"/{prefix}"
        below = _HOST.sub("", prefix)
        if below not in ("", prefix):
            yield f"/{below}"


def _beginnings(text: str, first: int) -> Iterator[int]:
    """Where a name or a path may begin in a text, from a position on."""
    for found in _BEGINNING.finditer(text, first):
        yield from range(found.start(1), found.end() + 1)


def _ends(text: str) -> Iterator[int]:
    """Where a name may end that a text begins with."""
    for found in _END.finditer(text):
        yield from range(found.start(), max(found.end(), found.start() + 1))


def _shown(written: str) -> str:
    found = _WRITTEN.search(written[-_SHOWN:])
    return found.group() if found else ""
