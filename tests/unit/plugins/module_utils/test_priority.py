# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

import pytest

from engine.run import _LOWEST_PRIORITY as LOWEST
from helpers.builders import Site, run


def in_a_process_of_its_own(look: Any) -> tuple[int, str]:
    """Run something that changes the process for good, and tell its priorities afterwards."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            look()
            found = subprocess.run(
                ["ionice", "-p", str(os.getpid())], capture_output=True, text=True, check=True
            ).stdout
            os.write(theirs, f"{os.getpriority(os.PRIO_PROCESS, 0)} {found}".encode())
            status = 0
        finally:
            os._exit(status)
    os.close(theirs)
    with open(ours, "rb") as answers:
        told = answers.read().decode()
    assert os.waitpid(child, 0)[1] == 0
    number, _space, io_class = told.partition(" ")
    return int(number), io_class.strip()


@pytest.mark.skipif(not shutil.which("ionice"), reason="ionice is not installed here")
def test_a_gentle_run_stands_back_and_another_does_not(sqlite_site: Site) -> None:
    before = in_a_process_of_its_own(lambda: run(sqlite_site.orphans(), check=True))
    low_priority = in_a_process_of_its_own(lambda: run(sqlite_site.orphans(low_priority=True), check=True))
    assert before[0] == os.getpriority(os.PRIO_PROCESS, 0)
    assert low_priority == (LOWEST, "idle")


def test_a_host_without_ionice_runs_all_the_same(sqlite_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    sqlite_site.media.write("a.jpg")
    monkeypatch.setenv("PATH", "/nowhere")
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    monkeypatch.setattr(os, "setpriority", lambda *wanted: asked.append(wanted))
    asked: list[tuple[int, ...]] = []
    plan, _outcome = run(sqlite_site.orphans(low_priority=True), check=True)
    assert plan.found.files == 1
    assert asked == [(os.PRIO_PROCESS, 0, LOWEST)]
    assert os.getpriority(os.PRIO_PROCESS, 0) == usual
