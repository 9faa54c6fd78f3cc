# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The task that asks a Django project for the description of its site."""

from __future__ import annotations

import os
import pwd
import sys

from ..answers import Answer, Files, Request
from ..config.django.asking import ask
from ..config.django.project import project_of
from ..config.options import DJANGO, DJANGO_SITE_INFO
from ..config.values import checked
from ..report import discovered


def answer(request: Request, _files: Files) -> Answer:
    """Ask a project for the description of its site."""
    said = checked(request["options"], DJANGO_SITE_INFO)
    project = project_of(said["django"], sys.executable)
    # What is secret in the environment stays with whoever said it.
    usual = {option.name: option.default for option in DJANGO}
    said_of_django = {name: value for name, value in said["django"].items() if value != usual[name]}
    said_of_django.pop("environment", None)
    asked = {"project": project.directory, "python": project.python, "settings": project.settings}
    site = {
        "name": said["name"] or os.path.basename(project.directory),
        "user": said["user"] or pwd.getpwuid(os.geteuid()).pw_name,
        "django": {**said_of_django, **asked},
    }
    found = discovered.discover(ask(project), site)
    if said["django"]["environment"]:
        found.review.append(
            "the settings were given variables: say environment, environment_file or systemd_unit in django, "
            "as for this question"
        )
    return {"result": discovered.as_data(found), "warnings": [], "failure": ""}
