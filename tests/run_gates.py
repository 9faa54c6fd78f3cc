#!/usr/bin/env python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
"""Run the gates that the community has for collections: the sessions of antsibull-nox.

antsibull-nox.toml says which ones. They get an environment and a home of their own, both below `.build`.
"""

from __future__ import annotations

import os
import subprocess
import sys

from helpers.environments import BUILD, ROOT, environment

ANTSIBULL_NOX = "antsibull-nox ~= 1.10"


def main() -> int:
    tools = environment("gates", sys.executable, [ANTSIBULL_NOX])
    home = BUILD / "gates-home"
    home.mkdir(exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(
        # Environments of an earlier run are used again, as they are.
        [tools / "nox", "--envdir", BUILD / "nox", "-R", *sys.argv[1:]],
        cwd=ROOT,
        env={**inherited, "HOME": str(home), "PATH": f"{tools}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout)
        return 1
    print("antsibull-nox: " + ", ".join(_passed(done.stdout)))
    return 0


def _passed(output: str) -> list[str]:
    """The sessions that nox lists at the end."""
    lines = [line.partition("nox > * ")[2] for line in output.splitlines()]
    return [line.partition(":")[0] for line in lines if line]


if __name__ == "__main__":
    sys.exit(main())
