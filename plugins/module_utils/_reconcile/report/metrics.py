# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The outcome of a run as JSON, its metrics for Prometheus, and its lines in a log.

Files are replaced in one step, so that nobody ever reads half of one.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, Iterable, Iterator, Mapping

from ..errors import CleanupError
from ..text import printable, remedy

# Names of files and owners are in an outcome; numbers alone are in the metrics.
OUTCOME_MODE, METRICS_MODE = 0o640, 0o644
_SUCCESS = "media_cleanup_last_success_timestamp_seconds"
_METRICS = (
    ("media_cleanup_last_run_timestamp_seconds", "When the last run ended."),
    (_SUCCESS, "When the last run that went well ended; 0 if none has yet."),
    ("media_cleanup_last_exit_status", "The exit status of the last run; 0 is well."),
    ("media_cleanup_duration_seconds", "How long the last run took."),
    ("media_cleanup_refused", "Whether a guard refused the last run."),
    ("media_cleanup_found_records", "Rows that the last run found to go."),
    ("media_cleanup_found_files", "Files that the last run found to go."),
    ("media_cleanup_found_bytes", "Bytes that the last run found to go."),
    ("media_cleanup_removed_records", "Rows that the last run removed."),
    ("media_cleanup_removed_files", "Files that the last run removed."),
    ("media_cleanup_removed_bytes", "Bytes that the last run removed."),
    # Of the job purge alone, which is about the quarantine.
    ("media_cleanup_quarantine_batches", "Batches that the quarantine keeps."),
    ("media_cleanup_quarantine_bytes", "Bytes of the files that the quarantine keeps."),
    (
        "media_cleanup_quarantine_oldest_timestamp_seconds",
        "When the oldest batch was made that no pin keeps; 0 if there is none.",
    ),
)


class NotWritten(CleanupError):
    """The outcome, the metrics or the log of a run could not be written."""


def write_outcome(path: str, outcome: Mapping[str, Any]) -> None:
    """Write the outcome of a run as JSON. Raises NotWritten if that fails."""
    _replace(path, json.dumps(outcome, indent=2, ensure_ascii=True) + "\n", OUTCOME_MODE)


def write_metrics(path: str, outcome: Mapping[str, Any]) -> None:
    """Write the metrics of a run in Prometheus' text format. Raises NotWritten if that fails."""
    # A label "job" would be renamed at each scrape: it is Prometheus' own.
    labels = f'{{site="{outcome["site"]}",cleanup_job="{outcome["job"]}"}}'
    lines = _metric_lines(_values(outcome, _last_success(path)), labels)
    _replace(path, "".join(f"{line}\n" for line in lines), METRICS_MODE)


def _values(outcome: Mapping[str, Any], last_success: str) -> dict[str, Any]:
    ended = outcome["ended"]
    values = {
        "media_cleanup_last_run_timestamp_seconds": ended,
        _SUCCESS: ended if outcome["exit_status"] == 0 else last_success,
        "media_cleanup_last_exit_status": outcome["exit_status"],
        "media_cleanup_duration_seconds": outcome["seconds"],
        "media_cleanup_refused": int(any(run.get("refused") for run in outcome["runs"])),
    }
    for total in ("found", "removed"):
        for what in ("records", "files", "bytes"):
            values[f"media_cleanup_{total}_{what}"] = sum(
                run.get(total, {}).get(what, 0) for run in outcome["runs"]
            )
    for what, value in outcome.get("quarantine", {}).items():
        values[f"media_cleanup_quarantine_{what}"] = value
    return values


def _metric_lines(values: Mapping[str, Any], labels: str) -> Iterator[str]:
    for name, meaning in _METRICS:
        if name not in values:
            continue
        yield f"# HELP {name} {meaning}"
        yield f"# TYPE {name} gauge"
        yield f"{name}{labels} {values[name]}"


def _last_success(path: str) -> str:
    """When a run last went well, as the metrics of the run before this one say."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            found = re.search(rf"^{_SUCCESS}\{{.*\}} ([0-9.]+)$", file.read(), re.MULTILINE)
    except OSError:
        return "0"
    return found.group(1) if found else "0"


def write_log(path: str, outcome: Mapping[str, Any]) -> None:
    append_log(path, _log_lines(outcome))


def _log_lines(outcome: Mapping[str, Any]) -> Iterator[str]:
    for run in outcome["runs"]:
        if "summary" in run:
            yield from printable(run["summary"]).split("\n")
        else:
            yield from printable(f"{run['heading']} ({run['status']})").split("\n")
        if run["message"]:
            yield from (f"  {line}" for line in printable(run["message"]).split("\n"))


def append_log(path: str, lines: Iterable[str]) -> None:
    """Add lines to a log, each with the moment before it. Raises NotWritten if that fails."""
    moment = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = "".join(f"{moment} {line}\n" for line in lines)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise _not_written(path, error) from None


def replace_private(path: str, content: Any) -> None:
    """Write a JSON file that its owner alone can read. Raises NotWritten if that fails."""
    _replace(path, json.dumps(content, indent=2) + "\n", 0o600)


def _replace(path: str, text: str, mode: int) -> None:
    directory, name = os.path.split(os.path.abspath(path))
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=directory)
    except OSError as error:
        raise _not_written(path, error) from None
    try:
        with open(handle, "w", encoding="utf-8") as file:
            os.fchmod(handle, mode)
            file.write(text)
            file.flush()
            os.fsync(handle)
        os.rename(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise _not_written(path, error) from None


def _not_written(path: str, error: OSError) -> NotWritten:
    return NotWritten(
        f"{path} could not be written: {error.strerror}. "
        + remedy(error, "Let this user write there, or choose another place.")
    )
