# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Work in a process of its own, forked from this one, that hands over what it finds as it finds it."""

from __future__ import annotations

import marshal
import os
import signal
from contextlib import contextmanager, suppress
from typing import IO, Any, Callable, Iterator, NoReturn

from .. import errors
from ..errors import CleanupError
from .libc import libc_function

# Hands over one plain value, of the kinds that marshal knows.
Send = Callable[[Any], None]
Work = Callable[[Send], None]

_THREADS = "/proc/self/task"
_PR_SET_PDEATHSIG = 1
# What is written to the pipe: a value; and once, at the end, how the work ended.
_SENT, _DONE, _RAISED, _BROKE = range(4)


def is_single_thread() -> bool:
    """Whether this process may be forked: what other threads have locked stays locked in a copy."""
    try:
        return len(os.listdir(_THREADS)) == 1
    except OSError:
        return False


@contextmanager
def forked(work: Work, doing: str) -> Iterator[Iterator[Any]]:
    """Lend the values that some work sends from a process of its own, each as soon as it is sent.

    Raises OSError where no process can be started. The iterator raises the CleanupError that the work has
    raised, and one that says what was being done where the process ended before its work: what came until
    then is not all. A process that is still at work at the end of the ``with`` is killed.
    """
    reading, writing = os.pipe()
    try:
        process = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        raise
    if process == 0:
        _work(work, reading, writing)
    os.close(writing)
    try:
        with open(reading, "rb") as pipe:
            yield _received(pipe, doing)
    finally:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        # Where the parent ignores the end of its children, the kernel has waited.
        with suppress(ChildProcessError):
            os.waitpid(process, 0)


def _work(work: Work, reading: int, writing: int) -> NoReturn:
    """The whole life of the new process. It leaves without any of the parent's duties at an end."""
    try:
        _end_with_parent()
        os.close(reading)
        with open(writing, "wb") as pipe:
            _write(pipe, _outcome(work, lambda value: _write(pipe, (_SENT, value))))
    except (BrokenPipeError, KeyboardInterrupt):
        # Nobody waits for it any more.
        pass
    finally:
        os._exit(0)


def _end_with_parent() -> None:
    """Let the kernel end this process when its parent ends: it has copies of the parent's locks."""
    prctl = libc_function("prctl")
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _outcome(work: Work, send: Send) -> tuple[int, Any]:
    try:
        work(send)
    except BrokenPipeError:
        raise
    except CleanupError as error:
        return _RAISED, (type(error).__name__, str(error))
    except Exception as error:
        # As it would end the parent, had the work been done there.
        return _BROKE, f"{type(error).__name__}: {error}"
    return _DONE, None


def _write(pipe: IO[bytes], value: tuple[int, Any]) -> None:
    marshal.dump(value, pipe)
    pipe.flush()


def _received(pipe: IO[bytes], doing: str) -> Iterator[Any]:
    while True:
        try:
            kind, value = marshal.load(pipe)  # noqa: S302 (written by a copy of this very process)
        except (EOFError, ValueError, TypeError):
            raise CleanupError(
                f"{doing} failed: the process that did it was ended from outside, maybe because memory was "
                "short. Nothing was removed; run this again."
            ) from None
        if kind == _DONE:
            return
        if kind == _RAISED:
            name, text = value
            raise getattr(errors, name)(text)
        if kind == _BROKE:
            raise RuntimeError(f"{doing} failed: {value}")
        yield value
