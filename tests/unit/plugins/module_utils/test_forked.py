# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Work in a process of its own: what it hands over, and each way in which it can end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable

import pytest

from engine.errors import CleanupError, SiteError
from engine.system.forked import Send, forked
from helpers.builders import open_handles

ENGINE = Path(__file__).parents[4] / "plugins" / "module_utils"

# Begins work that never ends, and says which process is at it.
BEGINS = f"""
import os, sys, time
sys.path.insert(0, {str(ENGINE)!r})
from _reconcile.system.forked import forked
def work(send):
    send(os.getpid())
    time.sleep(600)
with forked(work, "waiting") as sent:
    print(next(sent), flush=True)
    time.sleep(600)
"""


def is_at_work(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_what_is_sent_comes_in_its_order_from_another_process() -> None:
    def work(send: Send) -> None:
        send(os.getpid())
        for number in range(1_000):
            send((number, b"\xff\0\n" * number, "ä"))

    with forked(work, "counting") as sent:
        process, *values = sent
    assert process != os.getpid()
    assert values == [(number, b"\xff\0\n" * number, "ä") for number in range(1_000)]


def test_an_error_of_the_work_is_raised_here_after_what_came_before() -> None:
    def work(send: Send) -> None:
        send(1)
        raise SiteError("the folder is somebody else's")

    with forked(work, "listing") as sent:
        assert next(sent) == 1
        with pytest.raises(SiteError, match="the folder is somebody else's"):
            next(sent)


def test_an_unexpected_error_of_the_work_is_no_end_of_it() -> None:
    def work(_send: Send) -> None:
        raise ZeroDivisionError("by nothing")

    with forked(work, "listing") as sent, pytest.raises(
        RuntimeError, match="listing failed: ZeroDivisionError: by nothing"
    ):
        list(sent)


@pytest.mark.promise(1)
@pytest.mark.parametrize("end", [lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: os._exit(0)])
def test_a_process_that_ends_before_its_work_is_an_error(end: Callable[[], object]) -> None:
    def work(send: Send) -> None:
        send(1)
        end()

    with forked(work, "listing the files") as sent:
        assert next(sent) == 1
        with pytest.raises(CleanupError, match=r"listing the files failed: the process .* was ended"):
            next(sent)


def test_work_that_nobody_waits_for_any_more_is_ended() -> None:
    def work(send: Send) -> None:
        send(os.getpid())
        time.sleep(600)

    before = open_handles()
    with forked(work, "waiting") as sent:
        process = next(sent)
        assert is_at_work(process)
    assert not is_at_work(process)
    with pytest.raises(ChildProcessError):
        os.waitpid(process, 0)
    assert open_handles() == before


def test_the_process_ends_with_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", BEGINS], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        process = int(parent.stdout.readline())
        assert is_at_work(process)
        parent.kill()
    patience = 1_000
    while is_at_work(process) and patience:
        patience -= 1
        time.sleep(0.01)
    assert patience


def test_nothing_of_this_process_is_ended_twice(capfd: pytest.CaptureFixture[str]) -> None:
    ended = []
    try:
        with forked(lambda send: send(1), "sending") as sent:
            assert list(sent) == [1]
    finally:
        ended.append(os.getpid())
        os.write(1, b"ended\n")
    assert ended == [os.getpid()]
    assert capfd.readouterr().out == "ended\n"


def test_a_process_with_threads_is_known() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ENGINE)!r})\n"
        "import threading\n"
        "from _reconcile.system.forked import is_single_thread\n"
        "alone, end = is_single_thread(), threading.Event()\n"
        "threading.Thread(target=end.wait).start()\n"
        "print(alone, is_single_thread())\n"
        "end.set()\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "True False\n"
