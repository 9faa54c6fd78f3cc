# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
"""Environments of their own below `.build`, for tools and versions that must not meet in one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Sequence

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"

OLDEST_PYTHON = 8


def search_path() -> str:
    """Where programs are looked for: pyenv's real interpreters, and then where the caller looks.

    pyenv's own commands (`shims`) answer only for the versions that are switched on.
    """
    inherited = os.environ.get("PATH", os.defpath).split(os.pathsep)
    shims = [Path(place) for place in inherited if place.endswith("shims")]
    roots = [Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv"), *(shim.parent for shim in shims)]
    real = [str(place) for root in roots for place in sorted(root.glob("versions/3.*/bin"))]
    others = [place for place in inherited if Path(place) not in shims]
    return os.pathsep.join(dict.fromkeys([*real, *others]))


def interpreters(oldest: int = OLDEST_PYTHON) -> dict[int, Path]:
    """Find every Python 3.8 or later of this machine, by its minor version; or from another one on."""
    path = search_path()
    found = {minor: shutil.which(f"python3.{minor}", path=path) for minor in range(oldest, 30)}
    return {minor: Path(program) for minor, program in found.items() if program}


def environment(name: str, interpreter: Path | str, requirements: Sequence[str]) -> Path:
    """Give the `bin` of an environment that has these packages; it is made anew when they change."""
    folder = BUILD / name
    stamp = folder / "requirements.txt"
    wanted = "\n".join([str(interpreter), *requirements, ""])
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"Setting up {folder.relative_to(ROOT)} …", flush=True)
        subprocess.run([interpreter, "-m", "venv", "--clear", folder], check=True)
        install = ("-m", "pip", "install", "--disable-pip-version-check", "-qq")
        subprocess.run([folder / "bin" / "python", *install, *requirements], check=True)
        stamp.write_text(wanted)
    return folder / "bin"
