# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The zip archive that the engine runs from: Ansible's on a target, and that of the site's process."""

from __future__ import annotations

import sys
from typing import Any
from zipimport import zipimporter

# Its path; None where the engine runs from a folder.
PATH: str | None = getattr(__spec__ and __spec__.loader, "archive", None)


class CompilingOnce(zipimporter):
    """Compiles a module to run it, and not a second time to say where it is, as zipimport does."""

    def get_filename(self, fullname: str) -> str:
        name = self.prefix + fullname.rpartition(".")[2]
        return f"{self.archive}/{name}{'/__init__' if self.is_package(fullname) else ''}.py"


def compile_once() -> None:
    """Let what is imported from the archive from now on be compiled once."""
    if PATH:
        sys.path_hooks.insert(0, _importer)
        for known in [path for path in sys.path_importer_cache if path.startswith(PATH)]:
            del sys.path_importer_cache[known]


def _importer(path: str) -> Any:
    if not path.startswith(str(PATH)):
        raise ImportError(f"{path} is another one's")
    return CompilingOnce(path)
