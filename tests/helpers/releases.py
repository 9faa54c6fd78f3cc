# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A release of a copy of the checkout, in a repository of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from helpers.environments import ROOT

AUTHOR = "Django Media Cleanup contributors"
# Newer than what the checkout says, so that each place has to change.
NEXT = "9.0.0"


class Copy:
    """A copy of the checkout as it is, committed in a repository that has no tag yet."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        home.mkdir(parents=True, exist_ok=True)
        inherited = {
            name: value
            for name, value in os.environ.items()
            # Else git works on the repository of a hook that runs the tests.
            if not name.startswith(("ANSIBLE_", "GIT_"))
        }
        names = {f"GIT_{who}_{what}": AUTHOR for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        self.environment = {**inherited, **names, "HOME": str(home)}
        listed = self._said(ROOT, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        for name in listed.rstrip("\0").split("\0"):
            if (ROOT / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit()

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "A change")

    def git(self, *arguments: str) -> str:
        return self._said(self.folder, "git", *arguments)

    def _said(self, folder: Path, *command: str) -> str:
        done = subprocess.run(
            command, cwd=folder, env=self.environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    def release(self, version: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, self.folder / ".ci" / "release.py", version],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    @property
    def archives(self) -> list[Path]:
        return sorted((self.folder / ".build" / "release").glob("*.tar.gz"))
