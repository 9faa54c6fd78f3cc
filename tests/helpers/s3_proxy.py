# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A proxy before a server of buckets, in which the n-th request meets with a fault.

A fault is what networks and services do: a connection that is cut, before the service got the request or
after it has done what it says; an answer that is late, or refuses; a request that arrives twice.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Iterator, NamedTuple

# What happens to a request. "After" is once it has taken effect.
KINDS = (
    *("cut before", "cut after", "cut within", "late", "twice"),
    *("slow down", "too many", "broken", "broken after", "expired"),
    *("kill before", "kill after"),
)
# Answers that refuse: their status, and the code of the service.
REFUSALS = {
    "slow down": (503, "SlowDown"),
    "too many": (429, "TooManyRequests"),
    "broken": (500, "InternalError"),
    "broken after": (500, "InternalError"),
    "expired": (400, "ExpiredToken"),
}
# Seconds by which an answer is late; a test sets the patience of a client to less.
LATE = 3.0
# Headers that are meant for the next hop only, or that this proxy writes itself.
_HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"))


@dataclass(frozen=True)
class S3Fault:
    """What goes wrong with which request, and whether with all that follow, too."""

    kind: str
    request: int
    lasting: bool = False

    def __str__(self) -> str:
        return f"{self.kind}{' for good' if self.lasting else ''} at request {self.request}"


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class FaultyProxy:
    """Passes requests on, and counts them. Only one of them at a time meets with a fault."""

    def __init__(self, port: int) -> None:
        self.server_port = port
        self.requests = 0
        # What a killing fault kills.
        self.victim = 0
        self._fault: S3Fault | None = None
        self._counting = threading.Lock()
        self._listening = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._listening.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.server_port}"

    def begin(self, fault: S3Fault | None = None) -> None:
        """Count from here, and let this happen."""
        with self._counting:
            self._fault, self.requests, self.victim = fault, 0, 0

    def next_fault(self) -> str:
        """Count a request; what happens to it, if anything does."""
        with self._counting:
            self.requests += 1
            fault = self._fault
            if fault is None or self.requests < fault.request:
                return ""
            return fault.kind if fault.lasting or self.requests == fault.request else ""

    def kill(self) -> None:
        # It is a child of this process, which waits for it: its number is that of no other.
        deadline = time.monotonic() + 1
        while not self.victim and time.monotonic() < deadline:
            time.sleep(0.001)
        if self.victim:
            with suppress(ProcessLookupError):
                os.kill(self.victim, signal.SIGKILL)

    @contextmanager
    def running(self) -> Iterator[FaultyProxy]:
        thread = threading.Thread(target=self._listening.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._listening.shutdown()
            self._listening.server_close()
            thread.join()


def _handler(proxy: FaultyProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        of = proxy

    return Handler


class _Handler(BaseHTTPRequestHandler):
    of: FaultyProxy
    protocol_version = "HTTP/1.1"
    # What is written in several pieces must not wait for an acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def handle_expect_100(self) -> bool:
        goes_on = super().handle_expect_100()
        self.wfile.flush()
        return goes_on

    def handle(self) -> None:
        # Whose other end was killed, or has given up waiting.
        with suppress(OSError, HTTPException):
            super().handle()

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.of.next_fault()
        if kind == "kill before":
            self.of.kill()
        if kind in ("cut before", "kill before"):
            self._cut()
            return
        if kind in REFUSALS and kind != "broken after":
            self._answer(_refusal(kind, self.command))
            return
        answer = self._ask(body)
        if kind == "twice":
            answer = self._ask(body)
        elif kind == "late":
            time.sleep(LATE)
        elif kind == "broken after":
            answer = _refusal(kind, self.command)
        if kind == "kill after":
            self.of.kill()
        if kind in ("cut after", "kill after"):
            self._cut()
            return
        self._answer(answer, is_cut=kind == "cut within")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815 (names of the standard library)

    def _ask(self, body: bytes) -> Answer:
        with closing(HTTPConnection("127.0.0.1", self.of.server_port, timeout=30)) as connection:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                # The service answers at once.
                if name.lower() not in ("expect", "connection"):
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            said: HTTPResponse = connection.getresponse()
            headers = [(name, value) for name, value in said.getheaders() if name.lower() not in _HOP]
            if self.command == "HEAD":
                # That of an object that is not sent.
                headers.append(("Content-Length", said.headers.get("Content-Length", "0")))
            return Answer(said.status, headers, said.read())

    def _answer(self, answer: Answer, is_cut: bool = False) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if self.command != "HEAD" and answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        if is_cut and not answer.body:
            # In the midst of the headers.
            self._headers_buffer[-1:] = [self._headers_buffer[-1][:5]]
            self.flush_headers()
        else:
            self.end_headers()
            self.wfile.write(answer.body[: len(answer.body) // 2] if is_cut else answer.body)
        if is_cut:
            self._cut()

    def _cut(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def _refusal(kind: str, command: str) -> Answer:
    status, code = REFUSALS[kind]
    body = f"<Error><Code>{code}</Code><Message>as a test wants it</Message></Error>".encode()
    # An answer to HEAD has no body, and so no code.
    return Answer(status, [("Content-Type", "application/xml")], b"" if command == "HEAD" else body)
