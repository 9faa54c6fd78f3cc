# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The command's own side while the site's process does its work: it prints, asks, and writes files.

What comes from the process is the site's user's word. It is escaped, and validated before it is written.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from functools import partial
from typing import Any, Mapping, TextIO

from .. import process
from ..config.site_user import Worker
from ..errors import CleanupError, Exit, worst
from ..report import metrics
from ..report.lists import Emit, ListFile
from ..text import printable
from .outcome_files import write_files
from .terminal import CLEAR_LINE, write

_TOTALS = ("found", "removed")
_COUNTS = ("records", "files", "bytes")


def run_as(worker: Worker, options: argparse.Namespace) -> Exit:
    """Let the site's process run the subcommand, and write the files that the command line asks for."""
    request = {
        "arguments": options.written,
        "description": options.description,
        "source": options.source,
        "plan": getattr(options, "plan", None),
        "terminals": [stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)],
    }
    path = getattr(options, "list", None)
    with ListFile(path) if path else nullcontext() as listed:
        emit = None if listed is None else partial(_listed, listed, options.list_format)
        result = process.run(worker, "cli.child", request, partial(_heard, emit))
        status, left = _validated(result)
    if "save_plan" in left and options.save_plan:
        metrics.replace_private(options.save_plan, left["save_plan"])
    if "outcome" in left and not write_files(options, _outcome(left["outcome"], options, status)):
        return worst([status, Exit.FAILED])
    return status


def _listed(listed: ListFile, form: str, text: str | None) -> None:
    # Lines are for people and their terminals; the other formats have names as they are.
    listed.emit(printable(text) if text and form == "lines" else text)


def _heard(emit: Emit | None, kind: str, content: Any) -> Any:
    if kind == process.LISTED and emit and (content is None or isinstance(content, str)):
        return emit(content)
    if kind == "ask":
        return sys.stdin.readline()
    streams: Mapping[str, TextIO] = {"stdout": sys.stdout, "stderr": sys.stderr}
    if kind not in streams or not isinstance(content, str):
        raise CleanupError(f"the site's process sent {kind!r}, which is none of its messages.")
    return _print(content, streams[kind])


def _print(text: str, stream: TextIO) -> None:
    """Print what the process says; of all that a terminal would obey, it may only clear its line."""
    kept = CLEAR_LINE if stream.isatty() else ""
    write(kept.join(map(printable, text.split(CLEAR_LINE))), stream)


def _validated(result: Any) -> tuple[Exit, Mapping[str, Any]]:
    if isinstance(result, dict) and isinstance(result.get("left"), dict):
        status = result.get("status")
        if isinstance(status, int) and status in list(Exit):
            return Exit(status), result["left"]
    raise CleanupError("the site's process sent no result of this version. What was done stays done.")


def _outcome(outcome: Any, options: argparse.Namespace, status: Exit) -> dict[str, Any]:
    """An outcome for those who watch. Raises CleanupError for what is none."""
    numbers = ("began", "ended", "seconds")
    is_fine = (
        isinstance(outcome, dict)
        and all(isinstance(outcome.get(name), (int, float)) for name in numbers)
        and isinstance(outcome.get("runs"), list)
        and all(map(_is_run, outcome["runs"]))
    )
    if not is_fine:
        raise CleanupError("the site's process sent what is no outcome. What was done stays done.")
    own = {"site": options.site, "job": options.command, "exit_status": int(status)}
    return {**outcome, **own, "status": status.name.lower()}


def _is_run(run: Any) -> bool:
    if not isinstance(run, dict):
        return False
    texts = [run.get(name, "") for name in ("heading", "status", "message", "summary")]
    totals = [run.get(name, {}) for name in _TOTALS]
    return (
        all(isinstance(text, str) for text in texts)
        and all(isinstance(total, dict) for total in totals)
        and all(isinstance(total.get(name, 0), int) for total in totals for name in _COUNTS)
    )
