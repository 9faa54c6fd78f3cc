# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Files that code seems to make of referenced ones: thumbnails of a library that nobody described.

``p/ann.small.jpg`` beside a referenced ``p/ann.jpg`` may be chance. If ``p/bob.jpg`` has such a file too,
it is a pattern. What people do to single files, and what Django adds to a name that is taken, repeats none.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from itertools import islice
from typing import AbstractSet, Callable, Iterable, Iterator, NamedTuple

from ..kept import Code
from ..media.paths import stem
from ..spool import Spool, in_chunks
from ..text import counted, escaped
from .folders.unreferenced import Seen, by_unreferenced_folder

# Patterns that memory holds; see ``_Repeated``.
MOST_PATTERNS = 10_000
# Patterns of which a summary says what to do.
_MOST_NOTES = 20
# Places at which a name is taken apart.
_MOST_CUTS = 8
_BETWEEN = re.compile(rb"[-._@+~ ]+")
# In which pictures and texts are kept once more for browsers that understand them.
_TWINS = frozenset((b".avif", b".br", b".gz", b".jxl", b".webp"))


class Guess(NamedTuple):
    """How a file may be called after another one: by a pattern of ``derived``, from the stem of a source."""

    pattern: bytes
    source: bytes


class _Repeated:
    """Which patterns came with two sources or more. Where more come than memory holds, those that came with
    one are forgotten; where that is not enough, each counts as one that did."""

    def __init__(self) -> None:
        self._only_source: dict[bytes, bytes | None] = {}
        self._has_all = False

    def add(self, guess: Guess) -> None:
        if self._has_all:
            return
        only = self._only_source.setdefault(guess.pattern, guess.source)
        if only is not None and only != guess.source:
            self._only_source[guess.pattern] = None
        if len(self._only_source) > MOST_PATTERNS:
            self._forget()

    def __contains__(self, pattern: bytes) -> bool:
        return self._has_all or self._only_source.get(pattern, b"") is None

    def __bool__(self) -> bool:
        return self._has_all or None in self._only_source.values()

    def _forget(self) -> None:
        self._only_source = {pattern: only for pattern, only in self._only_source.items() if only is None}
        self._has_all = self._has_all or len(self._only_source) > MOST_PATTERNS // 2


class LikelyDerived:
    """Keeps the candidates whose pattern several referenced files have beside them.

    ``referenced`` says which of some stems a reference has; ``accepted`` are patterns of files that may go.
    ``keep`` hears of each file that is kept, and why.
    """

    def __init__(
        self,
        referenced: Callable[[AbstractSet[bytes]], AbstractSet[bytes]],
        accepted: AbstractSet[bytes],
        keep: Callable[[bytes, Code, str], object],
    ) -> None:
        self._referenced = referenced
        self._accepted = accepted
        self._keep = keep
        self._patterns = _Repeated()
        self._kept: Counter[bytes] = Counter()

    def learn(self, seen: Spool[Seen]) -> None:
        """Find the patterns, in files in byte order."""
        repeated = _Repeated()
        for folder, file in by_unreferenced_folder(seen):
            for guess in self._guesses(folder, file):
                repeated.add(guess)
        if repeated:
            # Each question may take a pass over the whole table, so it is about candidates alone.
            candidates = (pair for pair in by_unreferenced_folder(seen) if pair[1].state)
            for _file, guesses in self._of_referenced(candidates, repeated):
                for guess in guesses:
                    self._patterns.add(guess)

    def left(self, seen: Iterable[Seen]) -> Iterator[Seen]:
        """The same files again, of which those that are kept are no candidates any more."""
        if not self._patterns:
            yield from seen
            return
        for file, guesses in self._of_referenced(by_unreferenced_folder(seen), self._patterns):
            if guesses:
                self._keep(file.path, Code.LIKELY_DERIVED, _reason(guesses[0]))
                self._kept[guesses[0].pattern] += 1
            yield file._replace(state=None) if guesses else file

    def notes(self) -> Iterator[str]:
        """What to do about the patterns that keep the most files."""
        for pattern, files in self._kept.most_common(_MOST_NOTES):
            written = escaped(pattern)
            yield (
                f"{counted(files, 'file')} called '{written}' after referenced files may be made of these, "
                f"and are kept. If code makes them, add '{written}' to derived; if none of them is needed, "
                f"set accept: ['likely_derived:{written}']"
            )

    def _of_referenced(
        self, files: Iterator[tuple[bytes | None, Seen]], patterns: _Repeated
    ) -> Iterator[tuple[Seen, list[Guess]]]:
        """All files, each with what is guessed by one of the patterns and has a source that is referenced.

        Each file comes with the outermost of its folders in which nothing is referenced.
        """
        for some in in_chunks(files):
            guessed = [
                [guess for guess in self._guesses(folder, file) if guess.pattern in patterns]
                for folder, file in some
            ]
            there = self._referenced({guess.source for guesses in guessed for guess in guesses})
            for (_folder, file), guesses in zip(some, guessed):
                yield file, [guess for guess in guesses if guess.source in there]

    def _guesses(self, folder: bytes | None, file: Seen) -> Iterator[Guess]:
        if file.state:
            yield from (guess for guess in _guesses(folder, file.path) if guess.pattern not in self._accepted)


def _reason(guess: Guess) -> str:
    source, pattern = escaped(guess.source), escaped(guess.pattern)
    return f"code seems to make it of '{source}.*', which a row references, by the pattern '{pattern}'"


def _guesses(folder: bytes | None, path: bytes) -> Iterator[Guess]:
    """How a file is called after one beside it, or right above its folder without a reference."""
    above = posixpath.dirname(folder or path)
    start = above + b"/" if above else b""
    between, slash, name = path[len(start) :].rpartition(b"/")
    for pattern, source in _guesses_of_name(name, is_elsewhere=bool(slash)):
        yield Guess(b"{dir}/" + between + slash + pattern, start + source)
    if slash:
        first, _slash, rest = path[len(start) :].partition(b"/")
        yield Guess(b"{dir}/{stem}/" + rest, start + first)


def _guesses_of_name(name: bytes, is_elsewhere: bool) -> Iterator[tuple[bytes, bytes]]:
    """The patterns of a name, each with the stem of its source."""
    whole = stem(name)
    extension = name[len(whole) :]
    if is_elsewhere or extension.lower() in _TWINS:
        yield b"{stem}" + extension, whole
    for cut in islice(_BETWEEN.finditer(whole, 1), _MOST_CUTS):
        if cut.end() == len(whole):
            break
        yield b"{stem}" + name[cut.start() :], whole[: cut.start()]
        yield whole[: cut.end()] + b"{stem}" + extension, whole[cut.end() :]
