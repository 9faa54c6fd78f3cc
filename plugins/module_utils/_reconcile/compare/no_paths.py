# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Distinguishes a column of paths from one of texts, which was listed by mistake and protects nothing."""

from __future__ import annotations

import re
from typing import Iterator, NamedTuple, Sequence

from ..config.site import Column
from ..database.base import Database
from ..media.paths import Spellings, no_path
from ..media.store import MediaStore

# So many different values say something of a column, and of those at least one in so many is a path.
FEW_VALUES = 100
ONE_IN = 10
# Rows of a column that are read for it; many texts are long.
ROWS = 2_000
# No text of several lines or with markup, and no JSON.
_NO_PATH = re.compile(rb"[\x00-\x1f<>]|\A\s*[\[{]")
# What upload_to makes: a name with an extension, a folder, or both.
_NAME_WITH_EXTENSION = re.compile(rb"[^/]*[^\s/.]\.[A-Za-z0-9]{1,10}\Z")
_WITHOUT_SPACE = re.compile(rb"\S+/\S*\Z")


class ColumnWithoutPaths(NamedTuple):
    """A listed column in which hardly any value is a path: how many of how many different ones are."""

    column: Column
    paths: int
    values: int


def columns_without_paths(
    database: Database, columns: Sequence[Column], store: MediaStore, spellings: Spellings
) -> Iterator[ColumnWithoutPaths]:
    """The listed columns whose values are no paths, by a sample of each."""
    for column in columns:
        values = paths = 0
        for some in database.sample_values(column, ROWS):
            values += len(some)
            paths += sum(_is_path(value, column.prefix.encode(), store, spellings) for value in some)
        if values >= FEW_VALUES and paths * ONE_IN < values:
            yield ColumnWithoutPaths(column, paths, values)


def _is_path(value: bytes, prefix: bytes, store: MediaStore, spellings: Spellings) -> bool:
    """Whether a value looks like a path, or is one that looks like anything."""
    shown = value[len(prefix) + 1 if prefix else 0 :].strip()
    if _NO_PATH.search(shown):
        return False
    before_query = re.split(rb"[?#]", shown, maxsplit=1)[0]
    name = before_query.rpartition(b"/")[2]
    if _NAME_WITH_EXTENSION.match(name) or _WITHOUT_SPACE.match(before_query):
        return True
    return any(not no_path(path) and store.check(path).is_found for path in spellings.meant_by(value) if path)
