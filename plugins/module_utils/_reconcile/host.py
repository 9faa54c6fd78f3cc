# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The plans of all sites of a host: the program that the controller lets a target run.

It is sent with the engine, see ``plugins/plugin_utils/_engine_action.py``. It says what it found in one line,
which the controller finds among what else a login may print.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from typing import Any, Iterable, Mapping, Sequence

from . import work
from .answers import Answer, Request, answering
from .config.options import QUARANTINE, Option, module_options
from .config.trust.site_user import Worker, worker_of

# What the line begins with that holds the answers.
MARK = "media-cleanup answers: "
_OPTIONS = {
    "orphans": module_options("orphans"),
    "records": module_options("missing"),
    "quarantine": QUARANTINE,
}


def main(question: bytes) -> None:
    """Make the plans that are asked for, and say the answers."""
    found = plans(json.loads(question))
    sys.stdout.write(f"\n{MARK}{json.dumps(found)}\n")
    sys.stdout.flush()


def plans(requests: Sequence[Request]) -> dict[str, Any]:
    """The ``answers`` to all requests, and the ``folder`` with the reports if any is wanted."""
    wants_reports = any(request["options"].get("report") for request in requests)
    folder = tempfile.mkdtemp(prefix="media-cleanup-") if wants_reports else None
    return {"answers": _answers([_on_this_host(request, folder) for request in requests]), "folder": folder}


def _answers(requests: Sequence[Request]) -> list[Answer]:
    """One process for each user and interpreter makes the plans."""
    answers: dict[int, Answer] = {}
    by_worker: dict[Worker, dict[int, Request]] = {}
    for number, request in enumerate(requests):
        with answering(answers, [number]):
            by_worker.setdefault(worker_of([request["options"]]), {})[number] = request
    for worker, numbered in by_worker.items():
        with answering(answers, numbered):
            answers.update(zip(numbered, work.plans_by(worker, list(numbered.values()))))
    return [answers[number] for number in range(len(requests))]


def _on_this_host(request: Request, folder: str | None) -> Request:
    """The request with its paths as this host reads them."""
    options = _expanded(request["options"], _OPTIONS[request["task"]])
    if options.get("report"):
        options["report"]["file"] = f"{folder}/{options['report']['file']}"
    return {**request, "options": options}


def _expanded(options: Mapping[str, Any], table: Iterable[Option]) -> dict[str, Any]:
    """The options with their paths as Ansible's modules read them, where ~ and variables have a meaning."""
    found = dict(options)
    for option in table:
        value = found.get(option.name)
        if option.type == "path" and isinstance(value, str):
            found[option.name] = os.path.expanduser(os.path.expandvars(value))
        elif isinstance(value, dict):
            found[option.name] = _expanded(value, option.suboptions)
    return found
