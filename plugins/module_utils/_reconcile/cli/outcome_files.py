# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The files that a run of the command writes for those who watch: outcome, metrics and log."""

from __future__ import annotations

import argparse
from typing import Any, Callable, Mapping

from ..config.trust.paths import require_own_folder
from ..report.metrics import NotWritten, write_log, write_metrics, write_outcome
from .terminal import complain


def refuse_folders_of_others(options: argparse.Namespace) -> None:
    """Raise SiteError where root would write a file into a folder that somebody else may change."""
    for option in ("outcome", "metrics", "log", "save_plan", "list", "report", "export"):
        path = getattr(options, option, None)
        if path:
            what = f"the file of --{option.replace('_', '-')},"
            # A log is added to, and of the metrics it is read when a run last went well.
            require_own_folder(path, what, is_opened=option in ("log", "metrics"))


def write_files(options: argparse.Namespace, outcome: Mapping[str, Any]) -> bool:
    """Write what the command line asks for; False if that failed, since nobody could watch then."""
    if options.dry_run and not options.report_only:
        return True
    if options.left is not None:
        # The parent of this process writes them.
        options.left["outcome"] = outcome
        return True
    wanted = (
        (options.outcome, write_outcome),
        (options.metrics, write_metrics),
        (options.log, write_log),
    )
    written = [_is_written(path, write, outcome) for path, write in wanted if path]
    return all(written)


def _is_written(
    path: str, write: Callable[[str, Mapping[str, Any]], None], outcome: Mapping[str, Any]
) -> bool:
    try:
        write(path, outcome)
    except NotWritten as error:
        complain(str(error))
        return False
    return True
