# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The command as the role installs it, for tests that run it as a process of its own."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Sequence

from helpers.checkout import REPOSITORY
from helpers.clock import let_clock_tick
from helpers.sites import Site

ENGINE = REPOSITORY / "plugins" / "module_utils" / "_reconcile"
LAUNCHER = """\
import os, sys
sys.path.insert(0, os.path.realpath({library!r}))
from media_cleanup.cli.main import main
sys.exit(main())
"""
# A command that runs this long hangs.
TIME_LIMIT = 300


def bare() -> dict[str, str]:
    """Nothing but what makes `make coverage` look into it, and what keeps it out of the user's home."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("COVERAGE_") or name == "XDG_STATE_HOME"
    }


class Command:
    """The command, installed from the engine as the role does it, and one site file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ENGINE, folder / "library" / "media_cleanup", ignore=lambda *_: ["__pycache__"])
        (folder / "config" / "sites").mkdir(parents=True)
        self.launcher = folder / "media-cleanup"
        self.launcher.write_text(LAUNCHER.format(library=str(folder / "library")))

    def describe(self, description: dict[str, Any]) -> None:
        path = self.folder / "config" / "sites" / f"{description['name']}.json"
        path.write_text(json.dumps(description))

    def line(self, *arguments: str, python: str = sys.executable) -> list[str]:
        # Of all, only discover reads no site file.
        config = [] if arguments[0] == "discover" else ["--config", str(self.folder / "config")]
        return [python, "-IBXutf8", str(self.launcher), *arguments, *config]

    def run(
        self,
        *arguments: str,
        python: str = sys.executable,
        powerless: bool = False,
        cwd: Path | None = None,
    ) -> Any:
        """Run it with nothing in its environment and no terminal; ``powerless`` obeys permissions."""
        done = subprocess.run(
            [*(_giving_up_power() if powerless else ()), *self.line(*arguments, python=python)],
            cwd=cwd,
            env=bare(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def json(self, *arguments: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.run(*arguments, "--json").stdout)
        return told


def drift(site: Site) -> Site:
    site.keep(*(f"photos/kept{number}.jpg" for number in range(6)))
    site.write("photos/orphan.jpg", "avif/orphan.avif")
    site.keep("photos/half.jpg", attached=False)
    site.insert("photos/lost.jpg")
    let_clock_tick()
    return site


def _giving_up_power() -> Sequence[str]:
    """What must stand before a command so that permissions hold for it, even for root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]


class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, line: Sequence[str]) -> None:
        self._child, self._terminal = pty.fork()
        if self._child == 0:
            os.execve(line[0], list(line), bare())
        self.said = b""

    def read_until(self, words: bytes | None) -> bool:
        """Read until some words are said, or the end; tells whether they were."""
        deadline = time.monotonic() + TIME_LIMIT
        while words is None or words not in self.said:
            assert time.monotonic() < deadline, self.said
            if not select.select([self._terminal], [], [], 1)[0]:
                continue
            try:
                self.said += os.read(self._terminal, 65536)
            except OSError:
                # Linux says so when the other side is closed.
                return False
        return True

    def answer(self, text: str) -> tuple[int, str]:
        """Wait for the question, answer it if it comes, and return the status and all that was said."""
        if self.read_until(b"continue: "):
            os.write(self._terminal, f"{text}\n".encode())
            self.read_until(None)
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1]), self.said.decode()


def at_a_terminal(line: Sequence[str], answer: str) -> tuple[int, str]:
    return Terminal(line).answer(answer)
