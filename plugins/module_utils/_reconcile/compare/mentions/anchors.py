# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The places of a text at which it may mention a candidate.

The extension of a file's name is the anchor: it is searched for in the text as it is, which takes hardly
longer than reading it. A name without an extension is found behind a slash.
"""

from __future__ import annotations

import re
from string import ascii_letters, digits
from typing import Iterator

from .decoding import hidden_places

# What counts as an extension. Where there are more different ones, any of this form is the anchor.
_EXTENSION = re.compile(r"[a-z0-9]{1,16}")
_MOST_EXTENSIONS = 100
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


class Anchors:
    """What is known of the names of all candidates, to find the few places at which one of them may be."""

    def __init__(self) -> None:
        self._extensions: set[str] = set()
        # The last words of the names: all of a name of which nothing could be encoded.
        self._endings: set[str] = set()
        # The first words of names without an extension.
        self._bare_words: set[str] = set()

    def add(self, name: str) -> bool:
        """Add a folded name, and say whether it has an extension."""
        _stem, dot, extension = name.rpartition(".")
        if extension not in self._extensions or not dot:
            if not dot or not _EXTENSION.fullmatch(extension):
                self._bare_words.add(name[: len(name) - len(name.lstrip(_PLAIN))])
                return False
            self._extensions.add(extension)
        self._endings.add(name[len(name.rstrip(_PLAIN)) :])
        return True

    def compile(self) -> None:
        """All names were added."""
        is_known = len(self._extensions) <= _MOST_EXTENSIONS
        known = "|".join(sorted(self._extensions)) if is_known else _EXTENSION.pattern
        # No letter or digit follows it.
        self._anchor = re.compile(rf"\.(?:{known})(?![A-Za-z0-9])", re.IGNORECASE)
        self._longest_ending = max(map(len, self._endings), default=0) + _LONGEST_ESCAPE

    def places(self, written: str) -> Iterator[int]:
        """Where texts, by their bytes in UTF-8, may mention a candidate, however it is encoded there.

        What PostgreSQL's COPY does to a text hides nothing: it writes a backslash and a letter for a few
        signs, and a backslash before a name is looked into.
        """
        for end in self.ends(written):
            yield end - 1
        yield from hidden_places(written)
        if self._bare_words:
            yield from self._bare_places(written)

    def ends(self, text: str) -> Iterator[int]:
        """Where an extension ends behind what may be a candidate's name, or the end of one."""
        endings, longest = self._endings, self._longest_ending
        for found in self._anchor.finditer(text) if endings else ():
            end = found.end()
            before = text[end - longest if end > longest else 0 : end]
            rest = before.rstrip(_PLAIN)
            # So it is nearly always: the whole name, or its last word, and that of another file.
            ending = before[len(rest) :].lower()
            if (
                ending in endings
                # What is before it may encode a piece of the name.
                or (rest and rest[-1] not in _SIMPLE)
                or (ending[0] in _EMPHASIS and ending.lstrip(_EMPHASIS) in endings)
            ):
                yield end

    def _bare_places(self, text: str) -> Iterator[int]:
        """Where a text may have a path without an extension: a slash, and the first word of its name."""
        for found in _SLASH_AND_WORD.finditer(text):
            word, following = found.groups()
            is_encoded = following not in _SIMPLE and following not in _AFTER_PATH
            if is_encoded or not self._bare_words.isdisjoint((word.lower(), word.lower().rstrip(_EMPHASIS))):
                yield found.start()
