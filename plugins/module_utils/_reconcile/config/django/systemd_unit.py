# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The environment variables that a systemd unit gives to its service, from the files of the unit."""

from __future__ import annotations

import glob
import os
import posixpath
import re
from typing import Callable, Iterator, Mapping, Sequence

from ...errors import SiteError

Read = Callable[[str], Mapping[str, str]]

# Where units are, the first place being the one that counts.
PLACES = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)

_UNIT = re.compile(r"[A-Za-z0-9:_.\\-]+(?:@[A-Za-z0-9:_.\\-]*)?\.service")
# One entry of a list, of which quotes may enclose the whole or a part.
_ENTRY = re.compile(r"(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\\.|[^\s\"'])+")
_PART = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|((?:\\.|[^\"'])+)")
_ESCAPED = re.compile(r"\\(.)")
_SPECIFIER = re.compile(r"%(.)")


def unit_environment(unit: str, read: Read, places: Sequence[str] = PLACES) -> dict[str, str]:
    """The variables that the files of a unit set; ``read`` reads a file of variables. Raises SiteError."""
    name = unit if unit.endswith(".service") else f"{unit}.service"
    if not _UNIT.fullmatch(name):
        raise SiteError(f"systemd_unit of django is {unit!r}, which is no name of a service.")
    said: dict[str, str] = {}
    files: list[str] = []
    for key, value in _settings(name, places):
        if key == "Environment":
            # An empty value takes back what came before.
            said = {**said, **dict(_entries(_expanded(value, name)))} if value else {}
        elif key == "EnvironmentFile":
            files = [*files, _expanded(value, name)] if value else []
    for file in files:
        for path in _paths(file):
            said.update(read(path))
    return said


def _paths(file: str) -> list[str]:
    """The files that an entry means: a pattern, or with a hyphen before it, a file that need not be there."""
    pattern = file.lstrip("-")
    if not pattern.startswith("/"):
        raise SiteError(f"the systemd unit has the environment file {file!r}, which is no absolute path.")
    is_optional = file.startswith("-") or glob.has_magic(pattern)
    found = sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]
    return [path for path in found if not is_optional or os.path.exists(path)]


def _settings(name: str, places: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The settings of [Service] in the unit's file and its drop-ins, in the order in which they count."""
    template = re.sub("@.+[.]service$", "@.service", name)
    names = list(dict.fromkeys((name, template)))
    unit = next((path for each in names for path in _in(places, each) if os.path.exists(path)), None)
    if unit is None:
        raise SiteError(
            f"systemd_unit of django is {name!r}, and there is no such unit in {', '.join(places)}. "
            "Correct it."
        )
    dropped: dict[str, str] = {}
    for each in (*reversed(names), "service"):
        for folder in reversed(list(_in(places, f"{each}.d"))):
            for path in glob.glob(posixpath.join(glob.escape(folder), "*.conf")):
                dropped[posixpath.basename(path)] = path
    for path in (unit, *(dropped[base] for base in sorted(dropped))):
        yield from _service_settings(path)


def _in(places: Sequence[str], name: str) -> Iterator[str]:
    return (posixpath.join(place, name) for place in places)


def _service_settings(path: str) -> Iterator[tuple[str, str]]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except OSError as error:
        raise SiteError(
            f"the file {path} of the systemd unit cannot be read: {error.strerror}. Correct systemd_unit of "
            "django, or start as root."
        ) from None
    section = ""
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and line[0] not in "#;":
            key, _equals, value = line.partition("=")
            yield key.strip(), value.strip()


def _expanded(value: str, name: str) -> str:
    """A value with its specifiers replaced. Raises SiteError for one that is not known here."""
    instance = name.partition("@")[2].rpartition(".")[0]
    known = {"%": "%", "n": name, "N": name.rpartition(".")[0], "p": re.split("[@.]", name)[0], "i": instance}

    def replaced(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise SiteError(
                f"the systemd unit {name} has the specifier {match[0]} in its environment, which is not "
                "known here. Set environment or environment_file of django instead of systemd_unit."
            )
        return known[match[1]]

    return _SPECIFIER.sub(replaced, value)


def _entries(value: str) -> Iterator[tuple[str, str]]:
    for entry in _ENTRY.findall(value):
        name, equals, assigned = _unquoted(entry).partition("=")
        if equals:
            yield name, assigned


def _unquoted(entry: str) -> str:
    parts = ((double or single or plain) for double, single, plain in _PART.findall(entry))
    return "".join(_ESCAPED.sub(r"\1", part) for part in parts)
