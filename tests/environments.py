# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
"""Environments of their own below `.build`, for tools and versions that must not meet in one."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Sequence

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"


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
