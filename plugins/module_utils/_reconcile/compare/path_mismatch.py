# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Distinguishes a wrong setting from a real loss: would the references fit if they were read otherwise?

A media root one level too high, a MEDIA_URL in the database or another Unicode normalization make
nearly all files seem to be orphans and nearly all records seem to be missing.
"""

from __future__ import annotations

import re
from typing import Callable, Iterator, Sequence

from ..media.paths import Spellings, canonical, decomposed, is_too_long, outside
from ..media.store import MediaStore
from ..text import escaped

# References that are tried; a share of them is as good as all.
SAMPLE = 200
# Directories at the top of the media root that are tried as a missing prefix.
_PREFIXES = 50

Reading = Callable[[bytes], bytes]


class Sample:
    """Some of the values that pass by, from all over their range."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    def look_at(self, values: Sequence[bytes]) -> None:
        room = SAMPLE - len(self.values)
        if room > 0:
            step = max(1, len(values) // 50)
            self.values += values[::step][:room]


def better_reading(sample: Sample, store: MediaStore, spellings: Spellings) -> str | None:
    """Say how the references would have to be read for most to fit; None if most do as they are."""
    values = [value for value in sample.values if value and not is_too_long(value)]
    if not values or 2 * _fitting(values, store, lambda value: value) > len(values):
        return None
    counts = [
        (_fitting(values, store, reading), words) for words, reading in _readings(values, store, spellings)
    ]
    best, words = max(counts, default=(0, ""), key=lambda entry: entry[0])
    return words if 2 * best > len(values) else None


def _fitting(values: Sequence[bytes], store: MediaStore, reading: Reading) -> int:
    read = (reading(value) for value in values)
    paths = [path for path in read if path and not outside(path)]
    files = store.files_among(paths)
    return sum(path in files for path in paths)


def _readings(
    values: Sequence[bytes], store: MediaStore, spellings: Spellings
) -> Iterator[tuple[str, Reading]]:
    yield "if they were decoded and normalized (percent-encoding, NFC, slashes)", canonical
    yield "in the normalization NFD", lambda value: next(decomposed(canonical(value)), value)
    yield (
        "if the prefix MEDIA_URL or the media root were cut from them",
        lambda value: list(spellings.meant_by(value))[-1],
    )
    first = canonical(values[0]).split(b"/")
    for depth in range(1, min(3, len(first))):
        prefix = b"/".join(first[:depth]) + b"/"
        yield (
            f"if the prefix '{escaped(prefix)}' were cut from them",
            lambda value, prefix=prefix: value[len(prefix) :] if value.startswith(prefix) else value,  # type: ignore[misc]
        )
    for name in store.names(b"", re.compile(rb"[^.].*", re.DOTALL))[:_PREFIXES]:
        yield (
            f"if the prefix '{escaped(name)}/' were added to them",
            lambda value, name=name: name + b"/" + value,  # type: ignore[misc]
        )
