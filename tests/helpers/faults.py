# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Breaks runs on purpose.

A run is a forked child: it is killed at the n-th step or at a random instant, a system call of it
fails, or its database connection is cut. Steps are the calls by which the engine touches the site.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import random
import signal
import sqlite3
import traceback
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Callable

import psycopg
import psycopg2
import pymysql

from engine.errors import (
    BusyError,
    CleanupError,
)
from engine.media.disk import transfer

# Calls by which the engine touches the disk: any of them may be its last, or fail.
CALLS = (
    *("open", "stat", "lstat", "scandir", "listdir", "mkdir", "rename", "replace", "link", "unlink"),
    *("rmdir", "fsync", "fchown", "fchmod", "utime"),
)
# Those that change something, on disk or in the database: narrow steps for what is slow to build anew.
CHANGES = (
    "mkdir",
    "rename",
    "renameat2",
    "replace",
    "link",
    "unlink",
    "rmdir",
    "fsync",
    "committing",
    "committed",
)
CALLS_THAT_FAIL = tuple(call for call in CALLS if call not in ("replace", "rmdir"))
ERRORS = (errno.EIO, errno.EACCES, errno.ENOSPC, errno.ESTALE)
# Whose connections are cut; mysqlclient besides, where it is to be had.
DRIVERS: tuple[Any, ...] = (psycopg2, psycopg, pymysql, sqlite3)


@dataclass(frozen=True)
class Fault:
    """What goes wrong at which step. ``call`` narrows the steps to one kind of them, or to each "change"."""

    kind: str
    step: int = 0
    call: str = ""
    error: int = 0
    lasting: bool = False

    def counts(self, call: str) -> bool:
        """Is this call a step? A commit is a use of the connection like any other, too."""
        if self.call == "change":
            return call in CHANGES
        return self.call in ("", call) or (self.call, call) == ("sql", "committing")

    def __str__(self) -> str:
        what = f"{errno.errorcode[self.error]} of {self.call}" if self.error else self.kind
        return f"{what}{' for good' if self.lasting else ''} at step {self.step}"


NO_FAULT = Fault("none")


class Steps:
    """Counts the steps of a process, and lets the fault happen at its step."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.count = 0

    def take(self, call: str, cut: Callable[[], None] | None = None) -> None:
        if not self.fault.counts(call):
            return
        self.count += 1
        if self.count != self.fault.step and not (self.fault.lasting and self.count > self.fault.step):
            return
        if self.fault.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.fault.kind == "cut" and cut:
            cut()
        elif self.fault.error:
            raise OSError(self.fault.error, os.strerror(self.fault.error))

    def watch(self) -> None:
        """Turn this process's calls into steps; there is no way back, so do it in a child."""
        for name in CALLS:
            setattr(os, name, self._counted(name, getattr(os, name)))
        transfer.rename_to_new = self._counted("renameat2", transfer.rename_to_new)
        for driver in (*DRIVERS, *_mysqlclient()):
            driver.connect = self._connecting(driver.connect, driver.OperationalError)

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.take(name)
            return call(*arguments, **named)

        return counted

    def _connecting(self, connect: Callable[..., Any], lost: type[Exception]) -> Callable[..., Any]:
        def connecting(*arguments: Any, **named: Any) -> Connection:
            real = connect(*arguments, **named)

            def cut() -> None:
                if isinstance(real, sqlite3.Connection):
                    real.close()
                    return
                with closing(connect(*arguments, **named)) as other:
                    if hasattr(real, "thread_id"):
                        other.cursor().execute(f"KILL {real.thread_id()}")
                    else:
                        _terminate(other, f"pid = {real.info.backend_pid}")

            def cut_and_tell() -> None:
                cut()
                raise lost("server closed the connection unexpectedly")

            steps = {"sql": cut, "committing": cut, "committed": cut_and_tell}
            return Connection(real, lambda call: self.take(call, steps[call]))

        return connecting


def _mysqlclient() -> list[Any]:
    with suppress(ImportError):
        return [importlib.import_module("MySQLdb")]
    return []


class Connection:
    """A database connection of which every use is a step, and the end of a commit is another one."""

    def __init__(self, real: Any, step: Callable[[str], None]) -> None:
        self.__dict__.update(_real=real, _step=step)

    def __getattr__(self, name: str) -> Any:
        if name == "commit":
            return self._commit
        if name in ("cursor", "execute", "executemany"):
            self._step("sql")
        return getattr(self._real, name)

    def __enter__(self) -> Connection:
        self._step("sql")
        self._real.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._real.__exit__(*error)

    def _commit(self) -> None:
        self._step("committing")
        self._real.commit()
        self._step("committed")

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)


def _terminate(connection: Any, which: str) -> None:
    cursor = connection.cursor()
    cursor.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {which} AND pid <> pg_backend_pid()"
    )
    connection.commit()


@dataclass(frozen=True)
class Ended:
    """How a child ended. ``trouble`` is the traceback of an error that was not meant for people."""

    how: str
    steps: int
    trouble: str = ""


def in_child(
    work: Callable[[], object],
    fault: Fault = NO_FAULT,
    disturb: Callable[[int], None] = lambda pid: None,
) -> Ended:
    """Do the work in a forked child, in which the fault happens; ``disturb`` gets its process id."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _be_the_child(work, fault, writing)
    os.close(writing)
    disturb(pid)
    with open(reading, "rb") as said:
        told = said.read()
    _pid, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return Ended("killed", 0)
    how, steps, trouble = json.loads(told)
    return Ended(how, steps, trouble)


def _be_the_child(work: Callable[[], object], fault: Fault, writing: int) -> None:
    steps, how, trouble = Steps(fault), "done", ""
    write, leave = os.write, os._exit
    try:
        steps.watch()
        work()
    except BusyError:
        how = "busy"
    except CleanupError:
        how = "failed"
    except BaseException:  # a child that forgets to end would go on with the tests of its parent
        how, trouble = "crashed", traceback.format_exc()
    finally:
        steps.fault = NO_FAULT
        write(writing, json.dumps([how, steps.count, trouble]).encode())
        leave(0)


def some_fault(chance: random.Random, steps: int) -> Fault:
    kind = chance.choice(("kill", "kill", "cut", "error", "error"))
    if kind == "kill":
        return Fault("kill", chance.randint(1, steps))
    if kind == "cut":
        # Before a statement, or together with the answer to a commit.
        call, most = chance.choice((("sql", 40), ("committed", 4)))
        return Fault("cut", chance.randint(1, most), call)
    call, error = chance.choice(CALLS_THAT_FAIL), chance.choice(ERRORS)
    return Fault("error", chance.randint(1, 12), call, error, lasting=chance.random() < 0.4)
