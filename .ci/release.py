#!/usr/bin/env python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
"""Release the checkout: version, changelog, commit, tag and archive, or nothing of it.

    make release VERSION=1.2.0

Nothing leaves this machine: what to push and to publish is printed at the end.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]
ARCHIVES = ROOT / ".build" / "release"
GALAXY = ROOT / "galaxy.yml"
# Each file that holds the version, with the line around it.
VERSIONS = {
    GALAXY: re.compile(r"(?<=^version: )\S+$", re.MULTILINE),
    ROOT / "plugins" / "module_utils" / "_reconcile" / "version.py": re.compile(
        r'(?<=^VERSION = ")[^"]+(?="$)', re.MULTILINE
    ),
}
SEMANTIC = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


def main(arguments: list[str]) -> int:
    version = arguments[0] if len(arguments) == 1 else ""
    check(version)
    head = said("git", "rev-parse", "HEAD")
    try:
        set_version(version)
        run("antsibull-changelog", "lint")
        run("antsibull-changelog", "release")
        run("git", "add", "--all")
        run("git", "commit", "--quiet", "--allow-empty", "--message", f"Release {version}")
        archive = build(version)
        run("git", "tag", "--annotate", version, "--message", f"Release {version}")
    except BaseException:
        # The tree was clean, so this takes back what was done here and nothing else.
        run("git", "reset", "--quiet", "--hard", head)
        run("git", "clean", "--quiet", "--force", "changelogs")
        raise
    branch = said("git", "branch", "--show-current") or "HEAD"
    print(f"Released {version}: {archive.relative_to(ROOT)}. Try it, then publish it:")
    print(f"  git push --atomic origin {branch} {version}")
    print(f"  ansible-galaxy collection publish {archive.relative_to(ROOT)}")
    return 0


def check(version: str) -> None:
    """Refuse a release that would be none, before anything is changed."""
    if not SEMANTIC.fullmatch(version):
        refuse(f"VERSION is {version!r}: give the three numbers of a release, such as VERSION=1.2.0.")
    if said("git", "status", "--porcelain"):
        refuse("the checkout has changes that are not committed: a release is made of a commit.")
    if said("git", "tag", "--list", version):
        refuse(f"{version} was released before: there is a tag of that name.")
    released = [tag for tag in said("git", "tag", "--list").split() if SEMANTIC.fullmatch(tag)]
    newest = max(released, key=numbers, default="0.0.0")
    if numbers(version) < numbers(newest):
        refuse(f"{newest} was released before, which is newer than {version}.")
    fragments = (ROOT / "changelogs" / "fragments").glob("*.yml")
    if not any("\nrelease_summary:" in fragment.read_text() for fragment in fragments):
        refuse(
            "no fragment has a release_summary: "
            f"say in changelogs/fragments/{version}.yml what this release brings."
        )


def numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def set_version(version: str) -> None:
    for path, pattern in VERSIONS.items():
        text, replaced = pattern.subn(version, path.read_text())
        if replaced != 1:
            refuse(f"{path.relative_to(ROOT)} has {replaced} lines with a version, where one is expected.")
        path.write_text(text)


def build(version: str) -> Path:
    """Build the archive of what was committed."""
    ARCHIVES.mkdir(parents=True, exist_ok=True)
    run("ansible-galaxy", "collection", "build", "--force", "--output-path", str(ARCHIVES))
    (archive,) = ARCHIVES.glob(f"*-{version}.tar.gz")
    return archive


def run(*command: str) -> None:
    """Run a command of this environment in the checkout; what it says is shown only if it fails."""
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        print(done.stdout.decode(errors="replace"), file=sys.stderr)
        refuse(f"{' '.join(command)} ended with {done.returncode}. Everything is as it was before.")


def said(*command: str) -> str:
    return subprocess.run(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()


def environment() -> dict[str, str]:
    """With the tools of this environment first: antsibull-changelog looks for ansible-doc there."""
    tools = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": os.pathsep.join([tools, os.environ.get("PATH", os.defpath)])}


def refuse(why: str) -> NoReturn:
    sys.exit(f"make release: {why}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
