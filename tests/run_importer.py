#!/usr/bin/env python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
"""Build the archive and let Galaxy's own importer judge it, without a network.

The importer brings its own ansible-core, ansible-lint and flake8. So it gets an environment and a
home of its own, both below `.build`, and nothing of the checkout but the archive.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from helpers.environments import BUILD, ROOT, environment

IMPORTER = "galaxy-importer ~= 0.4.44"
ARCHIVES = BUILD / "archive"


def build_archive() -> Path:
    shutil.rmtree(ARCHIVES, ignore_errors=True)
    galaxy = Path(sys.executable).with_name("ansible-galaxy")
    command: list[Path | str] = [galaxy, "collection", "build", ROOT, "--output-path", ARCHIVES]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (archive,) = ARCHIVES.iterdir()
    return archive


def import_archive(archive: Path) -> int:
    """Show what the importer finds; whatever it warns of counts as much as what it refuses."""
    tools = environment("importer", sys.executable, [IMPORTER])
    home = BUILD / "importer-home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(
        [tools / "python", "-m", "galaxy_importer.main", archive],
        cwd=home,  # where it leaves its result
        env={**inherited, "HOME": str(home), "PATH": f"{tools}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    findings = [line for line in done.stdout.splitlines() if line.startswith(("WARNING", "ERROR"))]
    if findings or done.returncode:
        print(done.stdout, end="")
        return 1
    print(f"galaxy-importer takes {archive.name} without a warning.")
    return 0


if __name__ == "__main__":
    sys.exit(import_archive(build_archive()))
