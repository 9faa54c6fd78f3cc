# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Starts the site's process: the engine once more, as the site's user and with the site's interpreter.

The parent sends one request as JSON on the process' standard input. The process answers in messages of
one line each, ``[KIND, CONTENT]``: any number that the parent's ``hear`` takes, such as lines to print or
a question, and as the last one its ``result``, or an ``error``. All of it comes from a process that the
site's user controls: it is bounded here, and whoever uses a message or the result validates it.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Any, Callable, Iterator, Mapping, Sequence, Union, cast

from .archive.packing import PACKAGE, write_engine
from .config.trust.paths import ROOT
from .config.trust.site_user import Worker
from .errors import NOT_UNDONE, CleanupError, Exit, SiteError
from .system.keyring import leave_session_keyring
from .system.libc import libc_function
from .text import printable

Hear = Callable[[str, Any], Any]
# What is JSON: one request, or a list of them.
Request = Union[Mapping[str, Any], Sequence[Mapping[str, Any]]]

# Bytes that a process may send in all: an approved plan and bounded lists fit. In memory, JSON takes many
# times as much.
MOST_SENT = 16 * 1024 * 1024
# The kind of the messages that hold parts of a list, which is written to a file and bounded there.
LISTED = "list"
# The kind of those that hold parts of what a report shows; bounded where it is collected.
REPORTED = "report"
# Seconds that a process may work; a site of millions of files takes minutes.
TIME_LIMIT = 24 * 3600
# Seconds between asking a process to end and killing it.
GRACE = 5

# Seconds between two looks at whether it has ended.
_POLL = 0.02

_ASKED, _RESULT, _ERROR = "ask", "result", "error"
_CHUNK = 1 << 16
_ERRORS_KEPT = 1 << 14
_PR_SET_PDEATHSIG = 1
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PASSED_ON = re.compile(r"LANG|LC_[A-Z]+|TZ|COVERAGE_[A-Z_]+")
# They may name or hold what is secret: a password, a file. Passed on to the same user only.
_OF_THE_USER = re.compile(r"PG[A-Z]+|AWS_[A-Z0-9_]+|XDG_STATE_HOME")
# Runs on any Python, to say in words that it is too old.
_BOOTSTRAP = """\
import sys
if sys.version_info < (3, 8):
    sys.exit("it is Python %d.%d, and the engine needs 3.8 or later: set python" % sys.version_info[:2])
sys.path.insert(0, sys.argv[1])
from {package}.{entry} import main
main()
"""


# The parent's side.


def run(worker: Worker, entry: str, request: Request, hear: Hear) -> Any:
    """Let ``main`` of a module of the engine do the work as ``worker``; return the result that it sent.

    ``hear`` is called with the kind and the content of each message before the result; what it returns
    for the kind ``ask`` is sent back. Raises the process' CleanupError, or one that says how it ended
    without a result.
    """
    with ExitStack() as stack:
        archive = stack.enter_context(_archive())
        process = _started(worker, entry, archive)
        stack.callback(_ended, process)
        return _Conversation(process, worker).hold(request, hear)


@contextmanager
def _archive() -> Iterator[int]:
    """The engine as a zip archive without a name, owned by this user; a descriptor that can only read it."""
    try:
        with tempfile.TemporaryFile() as file:
            write_engine(file)
            file.flush()
            os.fchmod(file.fileno(), 0o444)
            handle = os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise CleanupError(
            f"the engine could not be copied for the site's process into {tempfile.gettempdir()}: "
            f"{error.strerror}. Nothing was examined."
        ) from None
    try:
        yield handle
    finally:
        os.close(handle)


def _started(worker: Worker, entry: str, archive: int) -> subprocess.Popen[bytes]:
    code = _BOOTSTRAP.format(package=PACKAGE, entry=entry)
    try:
        return subprocess.Popen(
            [worker.python, "-IBXutf8", "-c", code, f"/proc/self/fd/{archive}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=_environment(worker),
            pass_fds=[archive],
            # Without a terminal of its own, a process could type into the parent's.
            start_new_session=True,
            preexec_fn=_becoming(worker),
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SiteError(
            f"the interpreter {worker.python!r} cannot be run by {worker.user}: {reason}. Correct python in "
            "the description of the site."
        ) from None
    except subprocess.SubprocessError:
        raise CleanupError(
            f"a process of {worker.user} could not be started, because this process may not become that "
            "user for good. Nothing was examined."
        ) from None


def _environment(worker: Worker) -> dict[str, str]:
    passed_on = {
        name: value
        for name, value in os.environ.items()
        if _PASSED_ON.fullmatch(name) or (worker.uid == os.geteuid() and _OF_THE_USER.fullmatch(name))
    }
    about = {"HOME": worker.home, "USER": worker.user, "LOGNAME": worker.user, "PATH": _PATH}
    return {**passed_on, **about}


def _becoming(worker: Worker) -> Callable[[], None]:
    """What the new process does first: it becomes the worker for good, and ends when the parent does."""
    prctl = libc_function("prctl")

    def become() -> None:
        if os.geteuid() == ROOT and worker.uid != ROOT:
            # Who has root's session keyring may read the keys in there, such as Kerberos tickets.
            leave_session_keyring()
            os.initgroups(worker.user, worker.gid)
            os.setresgid(worker.gid, worker.gid, worker.gid)
            os.setresuid(worker.uid, worker.uid, worker.uid)
            with suppress(PermissionError):
                os.setuid(ROOT)
                raise RuntimeError
        if prctl:
            prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)

    return become


def _ended(process: subprocess.Popen[bytes]) -> None:
    """See to it that a process, and what it started, is gone."""
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()
    with suppress(ProcessLookupError):
        if _status(process, 0) is None:
            os.killpg(process.pid, signal.SIGINT)
            _status(process, GRACE)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _status(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    """The exit status of a process, as Popen has it; None if it does not end within so many seconds.

    It is not reaped: until its group is killed, its number is to be its own.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            # Where this process ignores the end of its children, the kernel has reaped it.
            return 0
        if ended:
            return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        if time.monotonic() >= until:
            return None
        time.sleep(_POLL)


class _Conversation:
    """The messages between parent and process, none of which can make the parent wait for ever."""

    def __init__(self, process: subprocess.Popen[bytes], worker: Worker) -> None:
        self._process = process
        self._worker = worker
        self._input = cast("IO[bytes]", process.stdin)
        self._output = cast("IO[bytes]", process.stdout)
        self._errors = cast("IO[bytes]", process.stderr)
        self._deadline = time.monotonic() + TIME_LIMIT
        self._unsent = b""
        self._received = 0
        self._parts: list[bytes] = []
        self._said = b""

    def hold(self, request: Request, hear: Hear) -> Any:
        with selectors.DefaultSelector() as self._selector:
            for stream in (self._output, self._errors):
                self._selector.register(stream, selectors.EVENT_READ)
            os.set_blocking(self._input.fileno(), False)
            self._send(request)
            for kind, content in self._messages():
                if kind == _RESULT:
                    return content
                if kind == _ERROR:
                    raise _error_of(content)
                reply = hear(kind, content)
                if kind == _ASKED:
                    self._send(reply)
        raise self._without_result()

    def _send(self, content: Any) -> None:
        if not self._unsent:
            self._selector.register(self._input, selectors.EVENT_WRITE)
        self._unsent += json.dumps(content).encode() + b"\n"

    def _messages(self) -> Iterator[tuple[str, Any]]:
        """Each message, up to the end of the process' output."""
        while self._output in self._selector.get_map():
            ready = self._selector.select(max(0, self._deadline - time.monotonic()))
            if not ready:
                raise CleanupError(
                    f"the process of {self._worker.user} was killed, because it worked for more than "
                    f"{TIME_LIMIT // 3600} hours. {NOT_UNDONE} Run it again for the rest."
                )
            for key, _events in ready:
                if key.fileobj is self._input:
                    self._write()
                elif key.fileobj is self._errors:
                    self._said = (self._said + self._read(self._errors))[-_ERRORS_KEPT:]
                else:
                    yield from self._lines(self._read(self._output))

    def _write(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._input.fileno(), self._unsent[:_CHUNK]) :]
        except BrokenPipeError:
            # It ended, and its last words come from the other pipes.
            self._unsent = b""
        if not self._unsent:
            self._selector.unregister(self._input)

    def _read(self, stream: IO[bytes]) -> bytes:
        chunk = os.read(stream.fileno(), _CHUNK)
        if not chunk:
            self._selector.unregister(stream)
        return chunk

    def _lines(self, chunk: bytes) -> Iterator[tuple[str, Any]]:
        self._received += len(chunk)
        if self._received > MOST_SENT:
            raise CleanupError(
                f"the process of {self._worker.user} was killed, because it sent more than "
                f"{MOST_SENT >> 20} MiB. {NOT_UNDONE} Lower max_listed."
            )
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            line = b"".join([*self._parts, part])
            kind, content = _message(line, self._worker)
            if kind in (LISTED, REPORTED):
                self._received -= len(line)
            yield kind, content
            self._parts = []
        self._parts.append(rest)

    def _without_result(self) -> CleanupError:
        os.set_blocking(self._errors.fileno(), False)
        self._said += self._errors.read(_ERRORS_KEPT) or b""
        status = _status(self._process, GRACE)
        return CleanupError(
            f"the process of {self._worker.user} with {self._worker.python} ended without a result "
            f"(status {status}): {last_words(self._said)}. {NOT_UNDONE}"
        )


def _message(line: bytes, worker: Worker) -> tuple[str, Any]:
    try:
        kind, content = json.loads(line)
    except (ValueError, TypeError, RecursionError):
        kind, content = None, None
    if not isinstance(kind, str):
        raise CleanupError(f"the process of {worker.user} sent what is no message. {NOT_UNDONE}")
    return kind, content


def _error_of(content: Any) -> CleanupError:
    """The error with which the process ended."""
    text, status = (content.get("text"), content.get("status")) if isinstance(content, dict) else (None, None)
    error = CleanupError(text if isinstance(text, str) else "the site's process failed and did not say why.")
    if status in list(Exit) and status != Exit.DONE:
        error.exit_status = Exit(status)
    return error


def last_words(said: bytes) -> str:
    """Why an interpreter failed; of a traceback only what and where, for its values may be secret."""
    text = said.decode("utf-8", "backslashreplace").strip()
    last = text.rpartition("\n")[2]
    if "Traceback" not in text:
        return printable(last) or "it said nothing"
    places = re.findall(rf'{PACKAGE}/([\w/.]+)", line (\d+)', text)
    where = f" in {places[-1][0]}, line {places[-1][1]}" if places else ""
    return f"{printable(last.partition(':')[0])}{where}"


# The process' side.


class Parent:
    """The parent, as the process sees it. Its messages have a way of their own, which no print disturbs."""

    def __init__(self) -> None:
        self._requests = os.fdopen(os.dup(0), "rb")
        self._messages = os.fdopen(os.dup(1), "wb")
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1):
            os.dup2(nothing, standard)
        os.close(nothing)

    def request(self) -> Any:
        return json.loads(self._requests.readline())

    def say(self, kind: str, content: Any) -> None:
        self._messages.write(json.dumps([kind, content]).encode() + b"\n")
        self._messages.flush()

    def ask(self, content: Any) -> Any:
        """Send a question and wait for the reply."""
        self.say(_ASKED, content)
        return json.loads(self._requests.readline())


def serve(do: Callable[[Any, Parent], Any]) -> None:
    """Do what the parent requests, and send the result or the error."""
    parent = Parent()
    try:
        result = do(parent.request(), parent)
    except CleanupError as error:
        parent.say(_ERROR, {"text": str(error), "status": int(error.exit_status)})
    else:
        parent.say(_RESULT, result)
