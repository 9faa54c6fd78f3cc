#!/usr/bin/env python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
"""Run `ansible-test sanity` over the checkout, whatever its path is called.

ansible-test wants to stand in `ansible_collections/<namespace>/<name>`, keeps its
environments under the home directory and drops most of the environment. So it gets
a copy of the checkout and a home of its own, both below `.build`, where the second
run finds the environments of the first.
"""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from helpers.environments import search_path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build" / "sanity"
HOME = BUILD / "home"
COPY = BUILD / "ansible_collections" / "django_media" / "cleanup"

NOT_FOR_US = {"pslint": "no PowerShell in here"}

# Stands in for the get-pip.py that ansible-test would download from a host of its
# own, which is not a package index. Its options have no meaning here.
BOOTSTRAP = """\
import subprocess, sys
subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
"""


def copy_checkout(copy: Path) -> None:
    """Copy all but environments and the like; the copy's own .gitignore does the rest."""

    def left_out(directory: str, names: list[str]) -> list[str]:
        top = Path(directory) == ROOT
        return [name for name in names if top and name.startswith(".") and name != ".gitignore"]

    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT, copy, symlinks=True, ignore=left_out)
    # Else ansible-test asks the repository around, which ignores all of .build.
    subprocess.run(["git", "init", "--quiet", copy], check=True)


def prepare_home() -> None:
    """Give the home what pip needs: its bootstrap, and the settings of the caller."""
    cache = HOME / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in pip_versions():
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(BOOTSTRAP)

    settings = configparser.RawConfigParser()
    settings["global"] = {**pip_settings(), "quiet": "2"}  # errors only
    path = HOME / ".config" / "pip" / "pip.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)  # an index address may hold a password
    with path.open("w") as file:
        settings.write(file)


def pip_versions() -> set[str]:
    """Say which versions of pip this ansible-test bootstraps."""
    package = find_spec("ansible_test")
    assert package is not None
    assert package.origin is not None
    source = Path(package.origin).with_name("_internal") / "python_requirements.py"
    return set(re.findall(r"pip='([0-9.]+)'", source.read_text()))


def pip_settings() -> dict[str, str]:
    """Read pip's settings of every source: files, and PIP_… that ansible-test drops."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listing = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    lines = re.findall(r"^(?:global|install|:env:)\.([\w-]+)=(.*)$", listing, re.MULTILINE)
    return {key: ast.literal_eval(value) for key, value in lines if key != "config-file"}


def with_our_tools() -> str:
    """The search path on which this environment's tools come first."""
    return os.pathsep.join([str(Path(sys.executable).parent), search_path()])


def run(environment: dict[str, str]) -> int:
    """Pass on what ansible-test says, and end with the tests that it ran and skipped."""
    options = [f"--skip-test={name}" for name in NOT_FOR_US]
    process = subprocess.Popen(
        [sys.executable, "-m", "ansible", "test", "sanity", *options, *sys.argv[1:]],
        cwd=COPY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    tests: dict[str, dict[str, list[str]]] = {"Running": {}, "Skipping": {}}
    for line in process.stdout:
        found = re.search(r'(Running|Skipping) sanity test "(.+?)"(?: on Python (\S+))?', line)
        if found:
            outcome, name, python = found.groups()
            pythons = tests[outcome].setdefault(name, [])
            if python and python not in pythons:
                pythons.append(python)
        elif not line.startswith("Using cached pip"):
            print(line, end="", flush=True)

    tests["Skipping"].update({name: [reason] for name, reason in NOT_FOR_US.items()})
    print(f"ansible-test sanity ran: {in_words(tests['Running'])}")
    print(f"ansible-test sanity skipped: {in_words(tests['Skipping'])}")
    return process.wait()


def in_words(tests: dict[str, list[str]]) -> str:
    return ", ".join(f"{name} ({', '.join(x)})" if x else name for name, x in tests.items())


def main() -> int:
    copy_checkout(COPY)
    prepare_home()
    return run({**os.environ, "HOME": str(HOME), "PATH": with_our_tools()})


if __name__ == "__main__":
    sys.exit(main())
