# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A run of the engine that kills itself, as a power failure would, at the step that is asked for.

The options come as JSON on stdin, the step as the argument. Steps are the moments right before each
call that changes something, on disk or in the database, and right after the commit.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import signal
import sys
from contextlib import contextmanager
from typing import Any, Callable, Iterator

from helpers import engine_alias

engine_alias.install()

from engine import run as jobs  # noqa: E402
from engine.config.jobs import records_job  # noqa: E402
from engine.database.postgresql import database as postgresql  # noqa: E402
from engine.database.sqlite import database as sqlite  # noqa: E402

SYSTEM_CALLS = ("fsync", "link", "mkdir", "rename", "rmdir", "unlink")
STATEMENTS = ("still_selected", "clear", "delete", "delete_selected")


class Death:
    """Comes at the n-th step."""

    def __init__(self, step: int) -> None:
        self._step = step
        self._steps = itertools.count(1)

    def may_come(self) -> None:
        if next(self._steps) == self._step:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, owner: Any, name: str) -> None:
        """Make the moment before each call of a function a step."""
        called: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(called)
        def calling(*arguments: Any, **named: Any) -> Any:
            self.may_come()
            return called(*arguments, **named)

        setattr(owner, name, calling)

    def around_transactions(self, backend: Any) -> None:
        transaction = backend.transaction

        @contextmanager
        def with_steps(database: Any) -> Iterator[None]:
            with transaction(database):
                yield
                self.may_come()
            self.may_come()

        backend.transaction = with_steps


def main(step: int) -> None:
    death = Death(step)
    for name in SYSTEM_CALLS:
        death.before(os, name)
    for backend in (postgresql.PostgreSQL, sqlite.SQLite):
        death.around_transactions(backend)
        for name in STATEMENTS:
            death.before(backend, name)
    jobs.run(records_job({"age_stamp": "mtime", "confirm_scans": 1, **json.load(sys.stdin)}), check=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
