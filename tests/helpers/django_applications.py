# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Projects of real applications (`tests/applications/`), filled and judged by Django itself.

Each is a process of its own: Django can be set up only once in a process.
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Mapping

from helpers.checkout import REPOSITORY

SOURCES = REPOSITORY / "tests" / "applications"
# What makes the files and rows of this very moment old enough, and small sites lose all that they lost.
AT_ONCE = {"age_stamp": "mtime", "older_than_hours": 0, "confirm_scans": 1, "max_removal_percent": 100}

Rows = Mapping[str, "list[str]"]


class Application:
    """A project with its database and its media root, all in one folder."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.name = folder.name
        self.environment = dict(environment or {})

    def ask(self, action: str, *arguments: str) -> Any:
        """Let Django do something within the project, and return what it says."""
        inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        done = subprocess.run(
            [sys.executable, "-I", SOURCES / "ask.py", action, *arguments],
            cwd=self.folder,
            env={**inherited, **self.environment, "DJANGO_SETTINGS_MODULE": self.settings},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @property
    def settings(self) -> str:
        return f"{self.name}.settings"

    @property
    def media(self) -> Path:
        return self.folder / "media"

    @property
    def files(self) -> set[str]:
        found = (path for path in self.media.rglob("*") if path.is_file())
        return {str(path.relative_to(self.media)) for path in found}

    def rows(self) -> Rows:
        rows: Rows = self.ask("rows")
        return rows

    def copy(self, parent: Path) -> Application:
        """The same project in another folder; the database too, where it is a file."""
        shutil.copytree(self.folder, parent / self.name)
        return Application(parent / self.name, self.environment)

    def described(self, **jobs: Any) -> dict[str, Any]:
        """The four lines, and what lets a test not wait for a day."""
        django = {"project": str(self.folder), "python": sys.executable, "settings": self.settings}
        if self.environment:
            django["environment"] = self.environment  # type: ignore[assignment]
        return {"name": self.name, "user": getpass.getuser(), "django": django, **AT_ONCE, **jobs}


def built(name: str, parent: Path, environment: Mapping[str, str] | None = None) -> Application:
    """A new project whose rows and files were made by the applications' own code."""
    shutil.copytree(SOURCES / name, parent / name, ignore=shutil.ignore_patterns("__pycache__"))
    application = Application(parent / name, environment)
    application.ask("build")
    return application


def differing(one: Rows, other: Rows) -> set[str]:
    """The tables whose rows are not the same in both."""
    return {table for table in {*one, *other} if one.get(table) != other.get(table)}
