# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Which Django project belongs to a site, and how it is asked: what ``django`` of a description means."""

from __future__ import annotations

import ast
import os
import posixpath
from dataclasses import dataclass, field
from typing import Any, Iterator, Mapping

from ...errors import SiteError
from .environment import environment_of

SETTINGS_VARIABLE = "DJANGO_SETTINGS_MODULE"
# Where a project has its virtual environment, if it has one.
_ENVIRONMENTS = ("venv", ".venv", "env")
_STARTERS = ("manage.py", "wsgi.py", "asgi.py")
# Bytes of a file that starts a project; folders in which it is searched for, and how deep they are.
_LARGEST = 1 << 20
_MOST_FOLDERS = 5000
_DEEPEST = 4


@dataclass(frozen=True)
class Project:
    """A project as it is asked."""

    directory: str
    python: str
    settings: str
    environment: Mapping[str, str] = field(repr=False)


def project_of(django: Mapping[str, Any], python: str) -> Project:
    """Build it of the option ``django``; ``python`` is the interpreter where the project has none.

    It reads files of the project, so it belongs into a process of the site's user. Raises SiteError.
    """
    directory = directory_of(django)
    environment = environment_of(django)
    settings = django.get("settings") or environment.get(SETTINGS_VARIABLE) or _agreed_settings(directory)
    return Project(directory, python_of(django) or python, settings, environment)


def directory_of(django: Mapping[str, Any]) -> str:
    """The folder of a project. Raises SiteError."""
    written = django["project"]
    if not isinstance(written, str) or not written.startswith("/"):
        raise SiteError(f"project of django is {written!r}; it must be an absolute path. Write it from / on.")
    return posixpath.normpath(written)


def python_of(django: Mapping[str, Any]) -> str | None:
    """The interpreter of a project: that of the description, else that of the virtual environment in it."""
    directory, said = directory_of(django), django.get("python")
    if said:
        return posixpath.join(directory, said)
    for name in _ENVIRONMENTS:
        python = posixpath.join(directory, name, "bin/python")
        # One that leads nowhere is better reported than passed over.
        if os.path.lexists(python):
            return python
    return None


def _agreed_settings(directory: str) -> str:
    """The settings that all files agree on that start the project. They are parsed, and not run."""
    said: dict[str, list[str]] = {}
    for path in _starters(directory):
        for settings in _settings_in(path):
            said.setdefault(settings, []).append(posixpath.relpath(path, directory))
    if len(said) == 1 and "" not in said:
        return next(iter(said))
    if not said:
        found = f"no {', '.join(_STARTERS)} in {directory!r} names them"
    else:
        found = "; ".join(
            f"{', '.join(files)}: {settings or 'not a plain text'}" for settings, files in said.items()
        )
        found = f"the files that start the project do not say which ({found})"
    raise SiteError(
        f"the settings of the Django project are not known: {found}. Set settings of django to those of the "
        "running site, such as config.settings.production."
    )


def _starters(directory: str) -> Iterator[str]:
    """The files that start a project, in its folder and those below it."""
    for seen, (folder, folders, names) in enumerate(os.walk(directory, onerror=_unreadable)):
        if seen >= _MOST_FOLDERS:
            raise SiteError(
                f"the settings of the Django project are not known: {directory!r} has more than "
                f"{_MOST_FOLDERS:,} folders to search for {', '.join(_STARTERS)}. Set settings of django."
            )
        depth = len(posixpath.relpath(folder, directory).split("/"))
        folders[:] = sorted(name for name in folders if depth < _DEEPEST and _may_start(folder, name))
        yield from (posixpath.join(folder, name) for name in sorted(names) if name in _STARTERS)


def _unreadable(error: OSError) -> None:
    raise SiteError(
        f"the folder {error.filename!r} of the Django project cannot be listed: {error.strerror}. Correct "
        "project of django, let this user read it, or set settings of django."
    ) from None


def _may_start(folder: str, name: str) -> bool:
    path = posixpath.join(folder, name)
    is_of_others = name.startswith(".") or name == "node_modules" or _is_environment(path)
    return not is_of_others and not os.path.islink(path)


def _is_environment(path: str) -> bool:
    return os.path.exists(posixpath.join(path, "pyvenv.cfg"))


def _settings_in(path: str) -> Iterator[str]:
    """The settings that a file sets in the environment; an empty text where its code decides them."""
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read(_LARGEST))
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        yield ""
        return
    for node in ast.walk(tree):
        value = _assigned(node)
        if value is not None:
            yield value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def _assigned(node: ast.AST) -> ast.expr | None:
    """What a statement sets the variable to: by setdefault(), by an assignment, or in a dictionary."""
    if isinstance(node, ast.Call) and len(node.args) == 2 and _is_variable(node.args[0]):
        return node.args[1]
    if isinstance(node, ast.keyword) and node.arg == SETTINGS_VARIABLE:
        return node.value
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        return node.value if _is_variable(node.targets[0].slice) else None
    return None


def _is_variable(node: ast.AST) -> bool:
    # Python 3.8 has an index around a subscript.
    node = getattr(node, "value", node) if type(node).__name__ == "Index" else node
    return isinstance(node, ast.Constant) and node.value == SETTINGS_VARIABLE
