# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What the parent of a site's process does with its messages."""

from __future__ import annotations

from argparse import Namespace

import pytest

from engine.cli import parent


@pytest.mark.promise(8)
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_a_process_prints_commands_no_terminal(stream: str, capsys: pytest.CaptureFixture[str]) -> None:
    parent._Hearing(Namespace(), None, None).hear(stream, "\x1b]0;title\x07done\r\x1b[K\n")
    assert getattr(capsys.readouterr(), "out" if stream == "stdout" else "err") == "\\x1b]0;title\\x07done\n"
