# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The command as the site's process: its lines, its question and what it leaves in files go to the parent."""

from __future__ import annotations

import io
import sys
from functools import partial
from typing import Any, Mapping

from .. import process
from .main import parsed


def main() -> None:
    """Run one subcommand for the parent."""
    process.serve(_run)


class _Stream(io.TextIOBase):
    """A standard stream that is the parent's."""

    def __init__(self, parent: process.Parent, name: str, is_terminal: bool) -> None:
        super().__init__()
        self._parent = parent
        self._name = name
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def write(self, text: str) -> int:
        self._parent.say(self._name, text)
        return len(text)

    def readline(self, _size: int | None = -1) -> str:  # type: ignore[override]
        return str(self._parent.ask(None))


def _run(request: Mapping[str, Any], parent: process.Parent) -> dict[str, Any]:
    names = ("stdin", "stdout", "stderr")
    for name, is_terminal in zip(names, request["terminals"]):
        setattr(sys, name, _Stream(parent, name, is_terminal))
    options = parsed(request["arguments"])
    options.description, options.source = request["description"], request["source"]
    options.plan, options.left = request["plan"], {}
    options.candidates, options.review = request["candidates"], request["review"]
    options.emit = partial(parent.say, process.LISTED)
    options.emit_report = partial(parent.say, process.REPORTED)
    status = options.act(options)
    return {"status": int(status), "left": options.left}
