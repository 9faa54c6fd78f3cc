# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What any user of this machine can see of all processes, for tests of what may not be seen there."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path


class CommandLines:
    """Collects the command lines of all processes that run meanwhile."""

    def __init__(self, every: float = 0.02) -> None:
        self._every = every
        self.seen: set[bytes] = set()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._done.wait(self._every):
            for process in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    self.seen.add((process / "cmdline").read_bytes())

    def __enter__(self) -> CommandLines:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._done.set()
        self._thread.join()
