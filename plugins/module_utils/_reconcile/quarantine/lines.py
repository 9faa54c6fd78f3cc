# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The lines of the files of a batch, each of which is an object in JSON."""

from __future__ import annotations

import json
from functools import partial
from typing import Any, Iterator

from ..errors import QuarantineError
from ..media.private_folder import PrivateFolder
from ..text import escaped

# Bytes of a line. PostgreSQL's longest value has as many; with a row that is longer, its record is kept.
LONGEST_LINE = 1 << 30
_JSON = json.JSONDecoder()


def lines_of(folder: PrivateFolder, name: str) -> Iterator[dict[str, Any]]:
    """The lines of a file of a batch, read; none if there is no such file."""
    return (read_line(folder, name, line) for line in whole_lines(folder, name))


def whole_lines(folder: PrivateFolder, name: str) -> Iterator[bytes]:
    """The lines of a file of a batch as they stand, but for one that is cut short."""
    try:
        file = folder.read(name)
    except FileNotFoundError:
        return
    with file:
        for line in iter(partial(file.readline, LONGEST_LINE + 1), b""):
            if len(line) > LONGEST_LINE:
                raise damaged(folder, name, f"of more than {LONGEST_LINE:,} bytes")
            # A crash can cut the last line short; nothing was moved on its account.
            if line.endswith(b"\n"):
                yield line


def read_line(folder: PrivateFolder, name: str, line: bytes) -> dict[str, Any]:
    """What a line says. Raises QuarantineError if it is broken."""
    try:
        found = _parsed(line.decode())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise damaged(folder, name, "that is no JSON object")
    return found


def _parsed(line: str) -> object:
    """What a line says, in half the time of ``loads``. Raises ValueError if it is not one value alone."""
    found, end = _JSON.raw_decode(line)
    if line[end:].strip():
        raise ValueError("there is more than one value")
    return found


def damaged(folder: PrivateFolder, name: str, what: str) -> QuarantineError:
    """The error of a file of a batch that holds a line ``what``."""
    return QuarantineError(
        f"'{escaped(folder.path_of(name))}' holds a line {what}, as after a damage of the disk. "
        "The files of the batch are beside it, in the folder files."
    )
