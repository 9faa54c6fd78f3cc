# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The command's own side while the site's process does its work: it prints, asks, and writes files.

What comes from the process is the site's user's word. It is escaped, and validated before it is written.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from functools import partial
from typing import Any, Mapping, TextIO

from .. import process
from ..answers import RESULT, Emit, as_printable
from ..config.django.environment import read_by_parent
from ..config.trust.site_user import Worker
from ..errors import NOT_UNDONE, CleanupError, Exit, worst
from ..report import metrics
from ..report.lists import ListFile
from ..report.page.file import PageFile
from ..text import printable
from ..version import VERSION
from .outcome_files import write_files
from .terminal import CLEAR_LINE, write

_NUMBERS = ("began", "ended", "seconds")
_TEXTS = ("heading", "status", "message")


def run_as(worker: Worker, options: argparse.Namespace) -> Exit:
    """Let the site's process run the subcommand, and write the files that the command line asks for."""
    request = {
        "arguments": options.written,
        "description": _completed(options.description),
        "source": options.source,
        "candidates": getattr(options, "candidates", None),
        "plan": getattr(options, "plan", None),
        "review": getattr(options, "review", None),
        "terminals": [stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)],
    }
    path = getattr(options, "list", None) or getattr(options, "export", None)
    report = getattr(options, "report", None)
    kind = "batch" if options.command == "batches" else "plan"
    with ExitStack() as stack:
        listed = stack.enter_context(ListFile(path)) if path else None
        reported = stack.enter_context(PageFile(report, kind, options.site)) if report else None
        emit = None if listed is None else partial(_listed, listed, options.list_format)
        hear = _Hearing(options, emit, reported.emit if reported else None).hear
        status, left = _validated(process.run(worker, "cli.child", request, hear))
    if "save_plan" in left and getattr(options, "save_plan", None):
        metrics.replace_private(options.save_plan, left["save_plan"])
    if "outcome" not in left or not hasattr(options, "outcome"):
        return status
    if not write_files(options, _outcome(left["outcome"], options, status)):
        return worst([status, Exit.FAILED])
    return status


def _completed(description: Mapping[str, Any]) -> Mapping[str, Any]:
    """The description with what the site's user may not read."""
    django = description.get("django")
    return {**description, "django": read_by_parent(django)} if django else description


def _listed(listed: ListFile, form: str, text: str | None) -> None:
    # Lines are for people and their terminals; the other formats have names as they are.
    listed.emit(printable(text) if text and form == "lines" else text)


class _Hearing:
    """What the parent does with the messages of one subcommand."""

    def __init__(self, options: argparse.Namespace, emit: Emit | None, report: Emit | None) -> None:
        self._emits = {process.LISTED: emit, process.REPORTED: report}
        # Where nobody is asked, the process has no question, and standard input is not its business.
        decided = ("force", "dry_run", "approve", "save_plan", "report")
        may_ask = hasattr(options, "force") and not any(getattr(options, name, None) for name in decided)
        self._questions = 1 if may_ask and sys.stdin.isatty() else 0

    def hear(self, kind: str, content: Any) -> Any:
        if kind == "ask" and self._questions:
            self._questions -= 1
            # What else somebody types is not for the process.
            return "yes\n" if sys.stdin.readline().strip() == "yes" else "\n"
        emit = self._emits.get(kind)
        if emit and (content is None or isinstance(content, str)):
            return emit(content)
        streams: Mapping[str, TextIO] = {"stdout": sys.stdout, "stderr": sys.stderr}
        if kind not in streams or not isinstance(content, str):
            raise CleanupError(f"the site's process sent {kind!r}, which is none of its messages now.")
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
    raise CleanupError(f"the site's process sent no result of this version. {NOT_UNDONE}")


def _outcome(outcome: Any, options: argparse.Namespace, status: Exit) -> dict[str, Any]:
    """An outcome for those who watch. Raises CleanupError for what is none."""
    is_fine = (
        isinstance(outcome, dict)
        and _is_stock(outcome.get("quarantine", {}))
        and all(_is_number(outcome.get(name)) for name in _NUMBERS)
        and isinstance(outcome.get("runs"), list)
        and all(map(_is_run, outcome["runs"]))
    )
    if not is_fine:
        raise CleanupError(f"the site's process sent what is no outcome. {NOT_UNDONE}")
    return {
        "site": options.site,
        "job": options.command,
        "dry_run": bool(getattr(options, "dry_run", False)),
        "version": VERSION,
        "status": status.name.lower(),
        "exit_status": int(status),
        **{name: outcome[name] for name in _NUMBERS},
        "runs": [_with_known_keys(run) for run in outcome["runs"]],
        **({"quarantine": outcome["quarantine"]} if "quarantine" in outcome else {}),
    }


def _with_known_keys(run: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: value for name, value in run.items() if name in _TEXTS or name in RESULT}
    shown: dict[str, Any] = as_printable(known)
    return shown


def _is_stock(stock: Any) -> bool:
    """Whether it is what is left in a quarantine, as numbers."""
    return (
        isinstance(stock, dict)
        and set(stock) <= {"batches", "bytes", "oldest_timestamp_seconds"}
        and all(map(_is_number, stock.values()))
    )


def _is_run(run: Any) -> bool:
    if not isinstance(run, dict):
        return False
    return all(isinstance(run.get(name), str) for name in _TEXTS) and all(
        RESULT[name](value) for name, value in run.items() if name in RESULT
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and 0 <= value < 2**63
