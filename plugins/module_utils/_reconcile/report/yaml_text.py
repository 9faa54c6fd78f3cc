# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Data as YAML, written without a library: for a description to paste."""

from __future__ import annotations

import json
import re
from typing import Any, Iterable, Iterator, Mapping

from ..text import printable

# Texts that no reader of YAML takes for anything else, in either style.
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@%+-]*")
_LONGEST = 100
_WORDS = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}


def flow(value: Any) -> str:
    """A value on one line: ``{model: album.Photo, field: image}``."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(name)}: {flow(entry)}" for name, entry in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    # JSON is YAML; what is not printable becomes an escape, so that no name can end its line.
    return json.dumps(value, ensure_ascii=not str(value).isprintable())


def entries(name: str, values: Iterable[Any]) -> Iterator[str]:
    """A list below its name, an entry a line."""
    yield f"{name}:"
    yield from (f"  - {flow(value)}" for value in values)


def entry(name: str, value: Any) -> Iterator[str]:
    """A value behind its name; a mapping that would make too long a line is written below it."""
    line = f"{name}: {flow(value)}"
    if isinstance(value, Mapping) and len(line) > _LONGEST:
        yield f"{name}:"
        yield from (f"  {inner}: {flow(each)}" for inner, each in value.items())
    else:
        yield line


def comment(text: str) -> str:
    """A line that no reader of YAML takes for data, whatever is in it."""
    return f"# {printable(text)}".replace("\n", "\\n").rstrip()
