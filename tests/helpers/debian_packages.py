# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Programs out of Debian's packages, unpacked below ``.build``.

apt keeps its lists and downloads there too, so neither root nor an installation is needed.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Sequence

from helpers.checkout import REPOSITORY
from helpers.fetched import made_once, run

PLACE = REPOSITORY / ".build" / "debian"


def unpacked(name: str, packages: Sequence[str], with_needed: bool = False) -> Path:
    """The folder of this name with these packages, fetched if need be; raises CannotBeHad.

    What they need is there too if asked for, unless this machine has it installed.
    """
    return made_once(PLACE / name, lambda folder: _unpack(folder, packages, with_needed))


def _unpack(folder: Path, packages: Sequence[str], with_needed: bool) -> None:
    apt = folder.with_name(f"{folder.name}.apt")
    shutil.rmtree(apt, ignore_errors=True)
    for part in ("state/lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True)
    options = (
        f"-oDir::State={apt / 'state'}",
        # What is installed need not be fetched, whatever a distribution calls it.
        "-oDir::State::status=/var/lib/dpkg/status",
        f"-oDir::Cache={apt / 'cache'}",
        "-oAPT::Sandbox::User=",
        "-oDebug::NoLocking=1",
        "-qq",
    )
    run(["apt-get", *options, "update"], apt)
    if with_needed:
        fetch = ["install", "--yes", "--download-only", "--reinstall", "--no-install-recommends"]
    else:
        fetch = ["download"]
    archives = apt / "cache" / "archives"
    run(["apt-get", *options, *fetch, *packages], archives)
    for package in sorted(archives.glob("*.deb")):
        run(["dpkg", "-x", str(package), str(folder)], apt)
    shutil.rmtree(apt)
