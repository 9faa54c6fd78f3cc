# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Help of the command, which people ask for when something is urgent."""

from __future__ import annotations

import re

import pytest

from engine.cli import main as command

SUBCOMMANDS = (
    *("orphans", "incomplete", "missing", "all", "check", "references"),
    *("batches", "restore", "purge", "pin", "unpin", "discover"),
)


def helped(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as end:
        command.main([*arguments, "--help"])
    assert end.value.code == 0
    return str(capsys.readouterr().out)


def test_help_lists_every_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    listed = re.findall(r"^    (\w+)\b", helped(capsys), re.MULTILINE)
    assert sorted(listed) == sorted(SUBCOMMANDS)


@pytest.mark.parametrize("columns", ["40", "80", "200"])
@pytest.mark.parametrize("subcommand", SUBCOMMANDS)
def test_every_subcommand_has_help_however_wide_the_terminal_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, subcommand: str, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    shown = helped(capsys, subcommand)
    assert f"media-cleanup {subcommand}" in shown
    assert "exit status:" in shown
