# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The subcommand discover: what a Django project says of itself, as the description of a site.

There is no site file yet, so the command line says where the project is, and who runs it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from .. import work
from ..config.trust.site_user import worker_of
from ..errors import Exit
from .terminal import complain, say

# What the command line says of ``django``, by the name of the suboption.
_ABOUT_DJANGO = {
    "python": ("PYTHON", "its interpreter (default: that of the virtual environment in the project)"),
    "settings": ("MODULE", "its settings (default: what manage.py, wsgi.py and asgi.py agree on)"),
    "database": ("ALIAS", "the entry of DATABASES (default: default)"),
    "storage": ("ALIAS", "the entry of STORAGES (default: default)"),
    "environment_file": ("FILE", "a file with the environment variables that the settings need"),
    "systemd_unit": ("UNIT", "the unit that runs the project, whose environment the settings need"),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give the subcommand's parser what it takes."""
    parser.add_argument("project", metavar="PROJECT", help="folder of the project, the one with manage.py")
    parser.add_argument("--name", metavar="NAME", help="name of the site (default: that of the folder)")
    parser.add_argument(
        "--user", metavar="USER", help="who runs the site; the project's code runs as this user"
    )
    for name, (metavar, meaning) in _ABOUT_DJANGO.items():
        parser.add_argument(f"--{name.replace('_', '-')}", metavar=metavar, help=meaning)
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of YAML")


def discover(options: argparse.Namespace) -> Exit:
    """Print what the project says. Raises CleanupError where it says nothing."""
    asked = _asked(options)
    request = {"task": "django_site_info", "options": asked, "check": True, "verbose": False, "diff": False}
    answer = work.done_by(worker_of([asked]), request)
    for warning in answer["warnings"]:
        complain(warning)
    found = answer["result"]
    say([json.dumps(found, indent=2) if options.json else found["yaml"].rstrip("\n")], sys.stdout)
    return Exit.DONE


def _asked(options: argparse.Namespace) -> dict[str, Any]:
    """The options of the module django_site_info that the command line says."""
    project = os.path.abspath(options.project)
    said = {name: getattr(options, name) for name in _ABOUT_DJANGO}
    django = {"project": project, **{name: value for name, value in said.items() if value is not None}}
    return {"name": options.name, "user": options.user, "python": None, "django": django}
