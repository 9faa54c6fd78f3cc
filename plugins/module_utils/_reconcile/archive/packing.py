# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Makes a zip archive of the engine, from which a process imports it."""

from __future__ import annotations

import os
import shutil
import zipfile
from typing import IO, Iterator

from .importing import PATH

# The name of the engine in an archive that holds nothing else.
PACKAGE = "media_cleanup"

_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def write_engine(file: IO[bytes]) -> None:
    """Write the archive: as this process has it, compiled files and all, or made of the engine's files."""
    if PATH and os.path.relpath(_FOLDER, PATH) == PACKAGE:
        with open(PATH, "rb") as archive:
            shutil.copyfileobj(archive, file)
        return
    with zipfile.ZipFile(file, "w") as made:
        for name, content in engine_files():
            made.writestr(f"{PACKAGE}/{name}", content)


def engine_files() -> Iterator[tuple[str, bytes]]:
    """The engine's files by their paths in the package, from a folder or from Ansible's archive."""
    if PATH:
        prefix = os.path.relpath(_FOLDER, PATH) + "/"
        with zipfile.ZipFile(PATH) as archive:
            for name in archive.namelist():
                if name.startswith(prefix) and name.endswith(".py"):
                    yield name[len(prefix) :], archive.read(name)
        return
    for place, _folders, names in os.walk(_FOLDER):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(place, name)
                with open(path, "rb") as file:
                    yield os.path.relpath(path, _FOLDER), file.read()
