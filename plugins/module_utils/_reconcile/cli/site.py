# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The site of a command line: its description, its jobs and its interpreter."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, Union

from ..config import site_file
from ..config.options import JOBS, flagged_options
from ..config.site import OrphansJob, RecordsJob, Site
from ..config.trusted import ROOT, why_untrusted
from ..errors import SiteError

Job = Union[OrphansJob, RecordsJob]

_SITES = "sites"
# Set for the site's interpreter, so that it does not replace itself again.
_CHOSEN = "MEDIA_CLEANUP_PYTHON"


def jobs_of_one_kind(options: argparse.Namespace, kind: str) -> list[Job]:
    """The jobs of one kind, with what the command line overrides."""
    site, source = _site(options)
    given = {option.name: getattr(options, option.name, None) for option, _flag in flagged_options(kind)}
    overrides = {name: value for name, value in given.items() if value is not None}
    return site_file.jobs_of(site, kind, source, overrides)


def all_jobs(options: argparse.Namespace) -> list[Job]:
    """Every job that the site describes. Raises SiteError if it describes none."""
    site, source = _site(options)
    kinds = [kind for kind in JOBS if site.get(kind)]
    found = [job for kind in kinds for job in site_file.jobs_of(site, kind, source, {})]
    if not found:
        raise SiteError(f"site {options.site!r} describes no job in {source}.")
    return found


def quarantined(options: argparse.Namespace) -> list[Site]:
    """The site, as often as it has quarantines or media roots, since a job may have its own."""
    found: dict[tuple[bytes, bytes], Site] = {}
    for job in all_jobs(options):
        if job.site.quarantine:
            found.setdefault((job.site.quarantine, job.site.media_root), job.site)
    if not found:
        raise SiteError(
            f"site {options.site!r} has no quarantine, so nothing that was removed from it is kept. Set "
            "quarantine in its description; what is removed from then on can be restored."
        )
    return list(found.values())


def _site(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """The description of the site, and the file that it came from."""
    directory = os.path.join(options.config, _SITES)
    site = site_file.read(directory, options.site)
    source = os.path.join(directory, f"{options.site}.json")
    _continue_with(site.get("python"), source, options)
    return site, source


def _require_roots(python: str, source: str) -> None:
    """Refuse an interpreter that root would run and somebody else may have chosen, or may write."""
    if os.geteuid() != ROOT:
        return
    for what, path in (("the site file that names it", source), ("it", python)):
        try:
            why = why_untrusted(path)
        except OSError as error:
            why = f"{path} cannot be examined: {error.strerror}."
        if why:
            raise SiteError(
                f"root does not run the interpreter {python!r}, for somebody else may write {what}: {why}. "
                "Or run as the user of the site."
            )


def _continue_with(python: Any, source: str, options: argparse.Namespace) -> None:
    """Replace this process by the interpreter of the site, if it is another one."""
    chosen = os.environ.get(_CHOSEN)
    if not isinstance(python, str) or not options.launcher or python in ("", chosen, sys.executable):
        return
    _require_roots(python, source)
    os.environ[_CHOSEN] = python
    try:
        os.execv(python, [python, "-IBXutf8", options.launcher, *options.written])  # noqa: S606
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SiteError(
            f"the interpreter {python!r} of the site cannot be run: {reason}. Correct python in the "
            "description of the site."
        ) from None
