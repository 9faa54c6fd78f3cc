# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The environment variables with which a project runs, as its description says where they are.

Files that only root may read are read by the parent, see ``read_by_parent``; everything else by the process
of the site's user.
"""

from __future__ import annotations

import os
import re
import stat
from typing import Any, Iterator, Mapping

from ...errors import SiteError
from ..trust.paths import ROOT, why_untrusted
from .systemd_unit import Read, unit_environment

# Bytes of a file of variables.
LARGEST = 1 << 20

# What is shorter may be a part of any word.
_SHORTEST_SECRET = 3

_SECRET = re.compile("PASS|SECRET|TOKEN|KEY|AUTH|CREDENTIAL|SIGNATURE|DSN", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# A value in quotes, or without; both as systemd and the usual readers of .env files take them.
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'([^']*)'", re.DOTALL)
# In double quotes, a backslash before anything else is a backslash.
_ESCAPED = re.compile(r"\\([\"\\`$])")


def environment_of(django: Mapping[str, Any], read: Read | None = None) -> dict[str, str]:
    """The variables of a project. What is said by itself goes before a file, and a file before a unit.

    ``read`` reads a file. Raises SiteError, which shows no value.
    """
    read = read or read_file
    found: dict[str, str] = {}
    if django.get("systemd_unit"):
        found.update(unit_environment(django["systemd_unit"], read))
    if django.get("environment_file"):
        found.update(read(_absolute(django["environment_file"])))
    found.update(_said(django.get("environment") or {}))
    return found


def secret_values(environment: Mapping[str, Any]) -> set[str]:
    """The values that are secret by the names of their variables, or are URLs with a password."""
    texts = {str(name): str(value) for name, value in environment.items()}
    named = {value for name, value in texts.items() if _SECRET.search(name)}
    urls = {value for value in texts.values() if "://" in value and "@" in value}
    return {value for value in named | urls if len(value) >= _SHORTEST_SECRET}


def read_by_parent(django: Mapping[str, Any]) -> dict[str, Any]:
    """The option ``django`` for the process of the site's user, with what that user may not read itself.

    Root reads what only root may write. What somebody else may exchange, such as by a link to a secret, is
    left for the process, which reads it with its own rights.
    """
    files = ("environment_file", "systemd_unit")
    if os.geteuid() != ROOT or not any(django.get(name) for name in files):
        return dict(django)
    try:
        environment = environment_of(django, _read_as_root)
    except _OthersFile:
        return dict(django)
    return {
        name: value for name, value in {**django, "environment": environment}.items() if name not in files
    }


class _OthersFile(Exception):
    """A file that root does not read."""


def _read_as_root(path: str) -> dict[str, str]:
    try:
        is_others = why_untrusted(path) is not None
    except OSError:
        is_others = True
    if is_others:
        raise _OthersFile
    return read_file(path)


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise SiteError(f"environment_file of django is {path!r}; it must be an absolute path.")
    return path


def _said(environment: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in environment.items():
        if not _NAME.fullmatch(str(name)):
            raise SiteError(f"environment of django has {str(name)!r}, which is no name of a variable.")
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise SiteError(f"environment of django: {name} must be a text. Write it in quotes.")
        yield str(name), _checked(str(name), str(value))


def _checked(name: str, value: str) -> str:
    if "\0" in value:
        raise SiteError(f"the environment variable {name} holds a NUL byte, which it cannot.")
    return value


def read_file(path: str) -> dict[str, str]:
    """The variables in a file: NAME=VALUE a line, as systemd has it, or of a process as /proc has it."""
    try:
        # A pipe or a device would keep whoever opens it waiting.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SiteError(f"the environment file {path} is no regular file.")
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise SiteError(
            f"the environment file {path} cannot be read: {error.strerror}. Correct environment_file or "
            "systemd_unit of django; a file that only root may read needs a run that starts as root."
        ) from None
    if len(content) > LARGEST:
        raise SiteError(f"the environment file {path} has more than {LARGEST:,} bytes.")
    text = content.decode("utf-8", "surrogateescape")
    pairs = _of_process(text) if "\0" in text else _of_lines(text)
    return {name: value for name, value in pairs if _NAME.fullmatch(name)}


def _of_process(text: str) -> Iterator[tuple[str, str]]:
    for entry in text.split("\0"):
        name, equals, value = entry.partition("=")
        if equals:
            yield name, value


def _of_lines(text: str) -> Iterator[tuple[str, str]]:
    lines = text.splitlines(keepends=True)
    while lines:
        line = lines.pop(0).lstrip()
        name, equals, value = line.partition("=")
        if not equals or line[0] in "#;":
            continue
        name = name.strip()
        name = name[len("export ") :].strip() if name.startswith("export ") else name
        yield name, _value(value.strip(), lines)


def _value(written: str, more: list[str]) -> str:
    """A value without its quotes; in double quotes, it may go on in more lines, which are taken then."""
    while written[:1] in ("'", '"') and not _QUOTED.match(written) and more:
        written += "\n" + more.pop(0).rstrip("\n")
    match = _QUOTED.match(written)
    if not match:
        return written
    return match[2] if match[1] is None else _ESCAPED.sub(r"\1", match[1])
