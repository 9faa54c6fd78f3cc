# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The rows of a batch, by their numbers."""

from __future__ import annotations

from array import array
from itertools import islice
from typing import Any, Iterator, Sequence

from .format import ROWS, Batch, describes_row
from .lines import damaged, lines_of, read_line, whole_lines


class ArchivedRows:
    """The rows of a batch by their numbers: memory holds where each begins, however many they are.

    All are read once at the beginning: raises QuarantineError if a line is broken.
    """

    def __init__(self, batch: Batch) -> None:
        self._folder = batch.folder
        # Where each begins, and where the last one ends.
        self._starts = array("Q", [0])
        self._is_deleted = bytearray()
        for line in whole_lines(self._folder, ROWS) if batch.has_rows() else ():
            row = read_line(self._folder, ROWS, line)
            if not describes_row(row):
                raise damaged(self._folder, ROWS, "that describes no row")
            self._starts.append(self._starts[-1] + len(line))
            self._is_deleted.append(row["action"] == "deleted")

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, number: int) -> dict[str, Any]:
        with self._folder.read(ROWS) as file:
            file.seek(self._starts[number])
            return read_line(self._folder, ROWS, file.readline())

    def of(self, numbers: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Some rows, each with its number; those that follow each other are read in one go."""
        if not numbers:
            return
        with self._folder.read(ROWS) as file:
            place = 0
            for number in numbers:
                if self._starts[number] != place:
                    file.seek(self._starts[number])
                line = file.readline()
                place = self._starts[number] + len(line)
                yield number, read_line(self._folder, ROWS, line)

    def is_deleted(self, number: int) -> bool:
        """Whether a row was deleted; else some of its columns were changed."""
        return bool(self._is_deleted[number])

    def size(self, number: int) -> int:
        """How many bytes a row takes in the batch."""
        return self._starts[number + 1] - self._starts[number]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        # None at all, where those that are listed were not deleted.
        return islice(lines_of(self._folder, ROWS), len(self))
