#!/usr/bin/env python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
"""Take the pictures of the page to review that the documentation shows, of the demo: `make docs`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from helpers.browser import watched
from helpers.checkout import REPOSITORY
from helpers.fetched import CannotBeHad

PLACE = REPOSITORY / ".build" / "pictures"
DOCS = REPOSITORY / "docs"
PLAYBOOK = REPOSITORY / "playbooks" / "cleanup.yml"


def main() -> None:
    page = PLACE / "review.html"
    subprocess.run([sys.executable, REPOSITORY / "demo" / "build_sites.py", PLACE / "demo"], check=True)
    command = ["ansible-playbook", "-i", PLACE / "demo" / "inventory.yml", PLAYBOOK, "--check"]
    subprocess.run([*command, "-e", f"media_cleanup_report={page}"], check=True, stdout=subprocess.DEVNULL)
    try:
        watched(page, list(steps(DOCS)), PLACE)
    except CannotBeHad as error:
        sys.exit(f"There is no browser to take pictures with: {error}")


def steps(folder: Path) -> list[list[object]]:
    """What a person does on the page who unticks two pictures, then looks at rows in the dark."""
    return [
        ["click", "#list [aria-posinset='3']"],
        ["press", "ArrowRight", " "],
        ["click", "#filter"],
        ["screenshot", str(folder / "review.png")],
        ["click", "#jobs li:nth-child(3) button"],
        ["click", "#views button:nth-child(2)"],
        ["click", "#theme"],
        ["screenshot", str(folder / "review_rows.png")],
    ]


if __name__ == "__main__":
    PLACE.mkdir(parents=True, exist_ok=True)
    main()
