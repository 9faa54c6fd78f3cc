# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: engine
short_description: The engine of this collection, for the role that installs it
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Returns the files of the engine that the modules run, from this collection on the controller.
  - The role P(django_media.cleanup.media_cleanup#role) installs it on a target as the command
    C(media-cleanup).
options: {}
"""

EXAMPLES = r"""
- name: Which version would be installed?
  ansible.builtin.debug:
    msg: "{{ lookup('django_media.cleanup.engine').release }}"
"""

RETURN = r"""
_raw:
  description:
    - One dictionary. C(release) is the version of the engine with a digest of its files, which differs
      between two builds of one version. C(files) are the texts of its files by their paths in the package.
  type: list
  elements: dict
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from ansible.plugins.lookup import LookupBase

from ..module_utils import _reconcile as engine
from ..module_utils._reconcile.version import VERSION

_SUFFIXES = (".py", ".html", ".css", ".js")


class LookupModule(LookupBase):  # type: ignore[misc]
    """Reads the engine's files."""

    def run(self, terms: Any, variables: Any = None, **options: Any) -> list[dict[str, Any]]:
        """Return the engine as one dictionary; takes no terms and no options."""
        files = {str(path.relative_to(_folder())): path.read_text("utf-8") for path in _sources()}
        digest = hashlib.blake2b(json.dumps(files, sort_keys=True).encode(), digest_size=5)
        return [{"release": f"{VERSION}-{digest.hexdigest()}", "files": files}]


def _folder() -> Path:
    return Path(engine.__path__[0])


def _sources() -> list[Path]:
    """The files of the engine: its modules, and what the page to review is made of."""
    return sorted(path for path in _folder().rglob("*") if path.suffix in _SUFFIXES)
