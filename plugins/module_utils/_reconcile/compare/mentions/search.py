# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The search of texts for mentions of files.

The extension of a file's name is the anchor: it is searched for in the text as it is, which takes hardly
longer than reading it. Only where one was found, what may encode a path is decoded, and the name before it
looked up.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from string import ascii_letters, digits
from typing import Collection, Iterable, Iterator, List, Match, NamedTuple, Pattern, Sequence, Union

from ...media.paths import Spellings
from .decoding import folded, folded_path, hidden_places, readings

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

# What counts as an extension. Where there are more different ones, any of this form is the anchor.
_EXTENSION = re.compile(r"[a-z0-9]{1,16}")
_MOST_EXTENSIONS = 100
# Between texts that are searched as one: no part of any name.
_BREAK = "\0"
# What is encoded nowhere, except by who encodes all; and what ends no encoding, and begins none.
_PLAIN = f"{ascii_letters}{digits}_.-"
_SIMPLE = frozenset("\0/ \n\r\t\"'()<>[],:|*`!?@$^{")
_EMPHASIS = "_.-"
# Characters of what encodes one before a name's last word, which look like that word: \\U0001F600.
_LONGEST_ESCAPE = 16
# What follows a path, besides: a query or a fragment.
_AFTER_PATH = ("", "#", "?", "}")
# A slash as it is or as it may be encoded, a word, and what follows it.
_SLASH_AND_WORD = re.compile(
    r"(?:/|\\(?:u002[Ff]|x2[Ff])?|%(?:25)*2[Ff]|=2F|&(?:amp;)*(?:#(?:[xX]0*2[Ff]|0*47)|sol);?)"
    r"([A-Za-z0-9_.-]*)(?=(.?))",
    re.DOTALL,
)
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
        # The last words of the names: all of a name of which nothing could be encoded.
        self._endings: set[str] = set()
        self._bare_words: set[str] = set()
        self._has_bare_at_root = False
        extensions = set()
        longest = 0
        for path in candidates:
            longest = max(longest, len(path))
            name = folded_path(path.rpartition(b"/")[2])
            extension = name.rpartition(".")[2]
            if len(extension) < len(name) and _EXTENSION.fullmatch(extension):
                extensions.add(extension)
                _add(self._named, name, path)
                self._endings.add(_ending(name))
            else:
                _add(self._bare, name, path)
                self._bare_words.add(name[: len(name) - len(name.lstrip(_PLAIN))])
                self._has_bare_at_root |= b"/" not in path
        self._anchor = _anchor(extensions)
        self._before_end = min(_BEFORE, _ENCODED * (longest + 1))
        self._longest = max(map(len, self._named), default=0)
        self._longest_bare = max(map(len, self._bare), default=0)
        self._longest_ending = max(map(len, self._endings), default=0) + _LONGEST_ESCAPE
        self._by_path = lru_cache(maxsize=100)(self._folded_paths)

    def in_texts(
        self, texts: Sequence[str | None], told: Sequence[set[str]] = ()
    ) -> Iterator[tuple[int, Mention]]:
        """Yield the mentions in some texts, each with the number of its text.

        Many texts are searched as one, which is several times faster than one by one. ``told`` is for as
        many columns as the texts come from, in turn: where a name that many candidates have is mentioned
        alone, they are yielded once for each column.
        """
        joined = _BREAK.join([text or "" for text in texts])
        places = [*(found.start() for found in self._extensions(joined)), *hidden_places(joined)]
        if self._bare:
            places += self._bare_places(joined)
        numbers = {*_numbers(places, texts), *self._at_the_root(texts)}
        for number in sorted(numbers):
            for mention in self.in_text(texts[number] or "", told[number % len(told)] if told else None):
                yield number, mention

    def in_text(self, text: str, told: set[str] | None = None) -> Iterator[Mention]:
        """Yield the mentions in a text; a file that is mentioned several times comes as often."""
        yield from self._as_written(text, told)
        if next(hidden_places(text), None) is not None:
            for reading in readings(text):
                yield from self._as_written(reading, told)
        if self._bare:
            for reading in readings(text):
                yield from self._without_extension(reading)

    def _extensions(self, text: str) -> Iterator[Match[str]]:
        """Where a text has an extension behind what may be a candidate's name, or the end of one."""
        endings, longest = self._endings, self._longest_ending
        for found in self._anchor.finditer(text) if self._anchor else ():
            dot, end = found.span()
            before = text[dot - longest if dot > longest else 0 : dot]
            rest = before.rstrip(_PLAIN)
            # So it is nearly always: the whole name, or its last word, and that of another file.
            ending = text[dot - len(before) + len(rest) : end].lower()
            if (
                ending in endings
                # What is before it may encode a piece of the name.
                or (rest and rest[-1] not in _SIMPLE)
                or (ending[0] in _EMPHASIS and ending.lstrip(_EMPHASIS) in endings)
            ):
                yield found

    def _as_written(self, text: str, told: set[str] | None) -> Iterator[Mention]:
        """The mentions of candidates with an extension, where the extension is written as it is."""
        for found in self._extensions(text):
            end = found.end()
            start = max(0, end - self._before_end)
            is_whole = start == 0 and end == len(text)
            strong, names = self._before(text[start:end], is_whole)
            for path in strong:
                yield Mention(path, True, _shown(text[start:end]))
            for path in () if strong else self._not_told(names, told):
                yield Mention(path, False, _shown(text[start:end]))

    def _before(self, written: str, is_whole: bool) -> tuple[Collection[bytes], Collection[str]]:
        """What a piece of text ends with in one of its readings: whole paths, and names of candidates."""
        paths: dict[bytes, None] = {}
        names: dict[str, None] = {}
        for reading in readings(written):
            plain = _SLASHES.sub("/", folded(reading))
            for start in _beginnings(plain, max(0, len(plain) - self._longest - 1)):
                if plain[start:] in self._named:
                    names[plain[start:]] = None
                    paths.update(dict.fromkeys(self._whole(plain, start, is_whole)))
        return paths, names

    def _not_told(self, names: Iterable[str], told: set[str] | None) -> Iterator[bytes]:
        """All candidates of some names, except those of which it was told that there are many."""
        for name in names:
            paths = _all(self._named[name])
            if told is None or len(paths) <= _FEW or name not in told:
                yield from paths
            if told is not None:
                told.add(name)

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
                    for path in self._whole(before + name, len(before), False):
                        yield Mention(path, True, _shown(before + name))
            slash = plain.find("/", start)

    def _bare_places(self, text: str) -> Iterator[int]:
        """Where a text may have a path without an extension: a slash, and the first word of its name."""
        for found in _SLASH_AND_WORD.finditer(text):
            word, following = found.groups()
            is_encoded = following not in _SIMPLE and following not in _AFTER_PATH
            if is_encoded or not self._bare_words.isdisjoint((word.lower(), word.lower().rstrip(_EMPHASIS))):
                yield found.start()

    def _at_the_root(self, texts: Sequence[str | None]) -> Iterator[int]:
        """The numbers of texts that are the whole path of a candidate without an extension."""
        for number, text in enumerate(texts) if self._has_bare_at_root else ():
            if text and folded(text).strip() in self._bare:
                yield number

    def _whole(self, plain: str, start: int, is_whole: bool) -> Sequence[bytes]:
        """The candidates by whose whole path a text ends, the name in which begins at ``start``."""
        by_path, longest = self._by_path(plain[start:])
        first = max(0, len(plain) - longest - 1)
        found = (by_path.get(plain[each:], ()) for each in _beginnings(plain, first))
        whole = [path for some in found for path in some if b"/" in path]
        if whole:
            return whole
        # The path of a file at the root is its name: it needs a prefix, or to be alone.
        is_at_root = (is_whole and start == 0) or f"/{plain[:start]}".endswith(self._prefixes)
        return by_path.get(plain[start:], ()) if is_at_root else ()

    def _folded_paths(self, name: str) -> tuple[dict[str, list[bytes]], int]:
        """The candidates of a name by their folded paths, and the length of the longest of these."""
        found: dict[str, list[bytes]] = {}
        for path in (*_all(self._named.get(name, [])), *_all(self._bare.get(name, []))):
            found.setdefault(folded_path(path), []).append(path)
        return found, max(map(len, found), default=0)


def _add(named: dict[str, _Paths], name: str, path: bytes) -> None:
    known = named.setdefault(name, path)
    if isinstance(known, list):
        known.append(path)
    elif known is not path:
        named[name] = [known, path]


def _all(paths: _Paths) -> Sequence[bytes]:
    return (paths,) if isinstance(paths, bytes) else paths


def _ending(name: str) -> str:
    return name[len(name.rstrip(_PLAIN)) :]


def _numbers(places: Collection[int], texts: Iterable[str | None]) -> Iterable[int]:
    """In which of some texts places are, that were found in all of them as one."""
    if not places:
        return []
    starts = [0, *accumulate(len(text or "") + len(_BREAK) for text in texts)]
    return (bisect_right(starts, place) - 1 for place in places)


def _prefixes(known: Iterable[str]) -> Iterator[str]:
    """What may stand before a path, each from a slash to a slash: of a URL, its path too."""
    for prefix in known:
        yield f"/{prefix}"
        below = _HOST.sub("", prefix)
        if below not in ("", prefix):
            yield f"/{below}"


def _anchor(extensions: set[str]) -> Pattern[str] | None:
    """What finds an extension that no letter or digit follows; None where there is none."""
    if not extensions:
        return None
    known = "|".join(sorted(extensions)) if len(extensions) <= _MOST_EXTENSIONS else _EXTENSION.pattern
    return re.compile(rf"\.(?:{known})(?![A-Za-z0-9])", re.IGNORECASE)


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
