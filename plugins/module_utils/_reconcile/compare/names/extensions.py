# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The extensions of references: where they are few, a stem is searched for as some whole paths.

To search for stems themselves, a database takes the path of each row apart.
"""

from __future__ import annotations

from typing import AbstractSet, Sequence

from ...media.paths import stem

# Beyond so many, to take each row apart is less work.
_MOST = 16
# Bytes of an extension with its dot.
_LONGEST = 5


class Extensions:
    """Notes the extensions of references while these are read for something else."""

    def __init__(self) -> None:
        self._ends: set[bytes] = set()
        self._found: set[bytes] = set()
        self._are_few = True

    def note(self, references: Sequence[bytes]) -> None:
        """Note the extensions of some references."""
        if not self._are_few:
            return
        # That of each reference would take longer than to sort them.
        ends = {path[-_LONGEST:] for path in references} - self._ends
        self._ends |= ends
        self._found |= {end[end.rfind(b".") :] for end in ends if b"." in end}
        has_other = not all(b"." in end for end in ends) or any(b"/" in end for end in self._found)
        self._are_few = not has_other and len(self._found) <= _MOST

    def paths_with(self, stems: AbstractSet[bytes]) -> set[bytes] | None:
        """The paths with one of some stems that a noted reference may be; None if they are not known.

        A reference such as ``.jpg``, whose only dots are the first of its name, is not among them.
        """
        if not self._are_few or not self._found:
            return None
        paths = {one + extension for one in stems for extension in self._found}
        return {path for path in paths if stem(path) in stems}
