# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Files by their paths, each with its open folder, which stays open while files of it follow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterable, Iterator


def in_folders(media_root: str, listing: str) -> Iterator[tuple[int, str]]:
    """Yield the handle of the folder and the name of each file of the list, whose lines are paths."""
    with open(listing) as paths:
        yield from in_their_folders(media_root, (line.rstrip("\n") for line in paths))


def in_their_folders(media_root: str, paths: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The same for the files with these paths."""
    place, here = "", -1
    for path in paths:
        folder, _slash, name = path.rpartition("/")
        if folder != place:
            if here >= 0:
                os.close(here)
            place, here = folder, opened(f"{media_root}/{folder}")
        yield here, name


def opened(folder: str | Path) -> int:
    """Open a folder."""
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
