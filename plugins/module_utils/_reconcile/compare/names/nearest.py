# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The reference whose name is most like that of a file without one, for a person who wonders why it has none.

It decides nothing: what may reference a file in another spelling is asked elsewhere, and keeps it.
"""

from __future__ import annotations

import posixpath
import re
from typing import Iterable, NamedTuple

from ...media.paths import stem

# References of one name that are compared with a file; where there are more, any of them will do.
_MOST = 20
# What Django adds where a name is taken; what browsers and libraries of thumbnails add.
_SUFFIX = re.compile(rb"(?:_[a-z0-9]{7}|[-_.]?\d+x\d+|[-_ ](?:thumb(?:nail)?|copy)| ?\(\d+\))\Z")


class Nearest(NamedTuple):
    """A reference, and in what it differs from a path."""

    reference: bytes
    how: str


class NearestNames:
    """Finds for some paths the references that are most like them; memory is bounded by these paths."""

    def __init__(self, paths: Iterable[bytes]) -> None:
        # References by their name without an extension, in small letters; and without a suffix, too.
        self._whole: dict[bytes, list[bytes]] = {}
        self._shortened: dict[bytes, list[bytes]] = {}
        for path in paths:
            name = _folded_stem(path)
            self._whole[name] = []
            self._whole[_without_suffix(name)] = []
            self._shortened[name] = []

    def read(self, lists: Iterable[list[bytes]]) -> None:
        """Read all references."""
        for references in lists:
            for reference in references:
                name = _folded_stem(reference)
                self._note(self._whole.get(name), reference)
                short = _without_suffix(name)
                if short != name:
                    self._note(self._shortened.get(short), reference)

    @staticmethod
    def _note(known: list[bytes] | None, reference: bytes) -> None:
        # References come in order, so that the same ones come one after the other.
        if known is not None and len(known) < _MOST and known[-1:] != [reference]:
            known.append(reference)

    def of(self, path: bytes) -> Nearest | None:
        """The reference that is most like a path; None if there is none that is alike."""
        name = _folded_stem(path)
        short = _without_suffix(name)
        alike = [
            *((_difference(path, reference), reference) for reference in self._whole.get(name, ())),
            *((_ADDED, reference) for reference in self._shortened.get(name, ())),
        ]
        if short != name:
            alike += [(_DROPPED, reference) for reference in self._whole.get(short, ())]
        folder = posixpath.dirname(path)
        found = min(
            alike,
            key=lambda each: (_HOW.index(each[0]), posixpath.dirname(each[1]) != folder),
            default=None,
        )
        return Nearest(found[1], found[0]) if found else None


# In what a reference differs from a file, the least first.
_CASE = "letters of another case"
_FOLDER = "another folder"
_EXTENSION = "another extension"
_DROPPED = "without the suffix"
_ADDED = "with a suffix"
_HOW = (_CASE, _FOLDER, _EXTENSION, _DROPPED, _ADDED)


def _difference(path: bytes, reference: bytes) -> str:
    """In what two differ whose names are the same but for extension and case."""
    if path.lower() == reference.lower():
        return _CASE
    if posixpath.basename(path).lower() == posixpath.basename(reference).lower():
        return _FOLDER
    return _EXTENSION


def _folded_stem(path: bytes) -> bytes:
    return stem(posixpath.basename(path)).lower()


def _without_suffix(name: bytes) -> bytes:
    return _SUFFIX.sub(b"", name)
