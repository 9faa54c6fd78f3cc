# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Names, values, counts and ages in words for people."""

from __future__ import annotations

import errno
from datetime import datetime, timezone
from typing import Any, Iterator, Mapping


def escaped(name: bytes) -> str:
    """A name as text on one line: what is not UTF-8 or not printable becomes a backslash escape."""
    return _printable_line(name.decode("utf-8", "backslashreplace"))


def printable(text: str) -> str:
    """Text for a terminal: what is not printable becomes a backslash escape, except for ends of lines.

    Text that went through it once comes out as it is.
    """
    return text if text.isprintable() else "\n".join(map(_printable_line, text.split("\n")))


def _printable_line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def escaped_value(value: Any) -> str:
    """A value of the database as text on one line, escaped like a name."""
    if isinstance(value, bytes):
        return escaped(value)
    return escaped(str(value).encode("utf-8", "surrogateescape"))


def reason_of(error: OSError) -> str:
    """What the system, or the service of a bucket, says of an error."""
    return error.strerror or type(error).__name__


def remedy(error: OSError, usual: str) -> str:
    """What to do where something could not be written: the usual does not help on a full disk."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Free some space there."
    if error.errno == errno.EROFS:
        return "Mount it for writing; if an error of the disk has made it read-only, check the disk first."
    return usual


def counted(number: int, noun: str, nouns: str = "") -> str:
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def amounts(numbers: Mapping[str, int]) -> str:
    """Rows, files and bytes in one text, those that there are; empty if there are none."""
    nouns = (("records", "row"), ("files", "file"), ("bytes", "byte"))
    return ", ".join(counted(numbers[name], noun) for name, noun in nouns if numbers[name])


def dependents_words(dependents: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """The numbers of dependent rows, one text a table."""
    for table, counts in dependents.items():
        parts = [f"{counted(number, 'row')} {verb}" for verb, number in counts.items() if number]
        yield f"{table} {', '.join(parts)}"


def age(seconds: float) -> str:
    hours = max(0, seconds) / 3600
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} d"


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
