# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Descriptors of directories stay in the room of the media: whoever is outside deals with paths."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Iterator

import engine

ENGINE = Path(engine.__file__).parent
MEDIA = ENGINE / "media"
# The subcommand that asks for permissions has its own rewrite to come.
NOT_YET = {ENGINE / "cli" / "check.py"}


def uses(path: Path) -> Iterator[str]:
    """The calls of a file that work relative to an open directory."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and any((word.arg or "").endswith("dir_fd") for word in node.keywords):
            yield f"{path.relative_to(ENGINE)}:{node.lineno}"


def test_only_the_media_room_works_by_descriptors_of_directories() -> None:
    others = [path for path in ENGINE.rglob("*.py") if MEDIA not in path.parents and path not in NOT_YET]
    assert [use for path in others for use in uses(path)] == []
    assert [use for path in MEDIA.rglob("*.py") for use in uses(path)] != []
