# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Builds jobs from options alone: the Django project of the site, if it has one, is asked here.

A project is asked once by a process, which belongs to the site's user.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Iterable, Mapping

from ...errors import SiteError
from ..jobs import build_job, quarantine_of
from ..options import OF_MODEL, QUARANTINE, SELECTIONS, Option, module_options
from ..site import Job
from ..trust.roots_own import require_own_options, require_own_site
from ..values import checked

if TYPE_CHECKING:
    from ..django.facts import Facts

Options = Mapping[str, Any]


def job_of(job: str, options: Options) -> Job:
    """Build a job of that kind. Raises SiteError where an option, or what a project says, is not usable."""
    if not options.get("django"):
        _refuse_names_of_django(options)
        return build_job(job, options)
    from .jobs import project_job

    said = _said(options, module_options(job))
    made = project_job(job, said, _facts(said["django"]))
    require_own_site(made.site)
    return made


def quarantine_of_site(options: Options) -> dict[str, Any]:
    """The options of media_quarantine with all that its Django project says. Raises SiteError."""
    if not options.get("django"):
        return dict(options)
    from .jobs import quarantine_options

    said = _said(options, QUARANTINE)
    completed = {**options, **quarantine_options(said, _facts(said["django"]))}
    completed["quarantine"] = quarantine_of(completed)
    require_own_options(completed)
    return completed


def _facts(django: Options) -> Facts:
    return _asked(json.dumps(django, sort_keys=True))


@lru_cache(maxsize=None)
def _asked(django: str) -> Facts:
    # Only where there is a project: a module of Ansible compiles all that it imports at each start.
    from ..django.asking import ask
    from ..django.project import project_of

    facts = ask(project_of(json.loads(django), sys.executable))
    # boto3 finds the files, roles and certificates that the project uses by these variables only.
    os.environ.update(facts.aws_environment)
    return facts


def _said(options: Options, known: Iterable[Option]) -> dict[str, Any]:
    """Those of some options that the description sets, checked; defaults are left out."""
    given = {name: value for name, value in options.items() if value not in (None, "", [], ())}
    optional = [replace(option, required=False) for option in known if option.name in given]
    return {**given, **checked(given, optional)}


def _refuse_names_of_django(options: Options) -> None:
    for name in OF_MODEL:
        if options.get(name):
            raise SiteError(
                f"{name} is a name of Django's, and the site has no django that would say what it means. Set "
                f"django, or describe the job by table and file_column."
            )


def kind_of(options: Options) -> str:
    """Which job the options of photo_records mean."""
    return options.get("select") or SELECTIONS[0]
