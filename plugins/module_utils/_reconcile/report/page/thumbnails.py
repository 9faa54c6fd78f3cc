# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Thumbnails of pictures, made in processes of their own, which a damaged or hostile picture may kill."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import LifoQueue
from typing import IO, Iterable, Iterator, NamedTuple, TypeVar, cast

from ...closable import Closable
from . import thumbnailer

Key = TypeVar("Key")

# Processes that work at once: decoding takes nearly all of the time.
PROCESSES = 2
# Seconds for one picture, and for all.
SECONDS, SECONDS_IN_ALL = 10, 60
# Bytes of a picture; a longer file is not read.
LONGEST = 64 << 20
# Bytes of an answer: a JPEG of 160 pixels has some 5,000.
_LONGEST_ANSWER = 1 << 18


class Thumbnail(NamedTuple):
    """A JPEG, or why there is none."""

    jpeg: bytes
    why: str = ""


class Thumbnails(Closable):
    """Makes thumbnails, some at once, until its time is up."""

    def __init__(self) -> None:
        number = min(PROCESSES, len(os.sched_getaffinity(0)))
        deadline = time.monotonic() + SECONDS_IN_ALL
        self._decoders = [Decoder(deadline) for _number in range(number)]
        # The one that was used last comes first, so that no process is started in vain.
        self._idle: LifoQueue[Decoder] = LifoQueue()
        for decoder in self._decoders:
            self._idle.put(decoder)
        self._threads = ThreadPoolExecutor(number)

    def close(self) -> None:
        self._threads.shutdown()
        for decoder in self._decoders:
            decoder.end()

    def each(self, contents: Iterable[tuple[Key, bytes | None]]) -> Iterator[tuple[Key, Thumbnail | None]]:
        """The thumbnails of pictures in their order, None for what has no content.

        Memory holds no more pictures than there are processes, and the next one.
        """
        begun: deque[tuple[Key, Future[Thumbnail] | None]] = deque()
        for key, content in contents:
            begun.append((key, None if content is None else self._threads.submit(self.of, content)))
            if len(begun) >= len(self._decoders):
                yield _ended(*begun.popleft())
        for key, made in begun:
            yield _ended(key, made)

    def of(self, content: bytes) -> Thumbnail:
        """The thumbnail of a picture."""
        decoder = self._idle.get()
        try:
            return decoder.of(content)
        finally:
            self._idle.put(decoder)


def _ended(key: Key, made: Future[Thumbnail] | None) -> tuple[Key, Thumbnail | None]:
    return key, made.result() if made else None


class Decoder:
    """One process that makes thumbnails; where it fails, another one takes its place."""

    def __init__(self, deadline: float) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._deadline = deadline

    def of(self, content: bytes) -> Thumbnail:
        """The thumbnail of a picture."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            return Thumbnail(b"", f"the time for thumbnails was up, {SECONDS_IN_ALL} s")
        seconds = min(SECONDS, left)
        try:
            process = self._process or self._started()
        except (OSError, subprocess.SubprocessError) as error:
            return Thumbnail(b"", f"{sys.executable} cannot be run: {error}")
        # A decoder that never ends is killed, and what waits for it hears the end of its output.
        timer = threading.Timer(seconds, process.kill)
        began = time.monotonic()
        timer.start()
        try:
            return self._exchange(process, content)
        except (OSError, ValueError):
            self.end()
            if time.monotonic() - began >= seconds:
                return Thumbnail(b"", f"it took more than {seconds:.0f} s")
            return Thumbnail(b"", "it made the decoder fail")
        finally:
            timer.cancel()

    def _started(self) -> subprocess.Popen[bytes]:
        loader = thumbnailer.__spec__ and thumbnailer.__spec__.loader
        source = loader.get_source(thumbnailer.__name__)  # type: ignore[union-attr]
        self._process = subprocess.Popen(
            [sys.executable, "-IBXutf8", "-c", source],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={},
        )
        return self._process

    @staticmethod
    def _exchange(process: subprocess.Popen[bytes], content: bytes) -> Thumbnail:
        """Raises OSError or ValueError where the process ended, or does not keep to the form."""
        pictures, answers = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        pictures.write(thumbnailer.LENGTH.pack(len(content)) + content)
        pictures.flush()
        head = answers.read(1 + thumbnailer.LENGTH.size)
        if len(head) <= thumbnailer.LENGTH.size:
            raise ValueError
        (length,) = thumbnailer.LENGTH.unpack(head[1:])
        answer = answers.read(length) if length <= _LONGEST_ANSWER else b""
        if len(answer) != length:
            raise ValueError
        return Thumbnail(answer) if head[:1] == b"+" else Thumbnail(b"", answer.decode("utf-8", "replace"))

    def end(self) -> None:
        """End the process, if there is one."""
        if self._process is None:
            return
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if stream:
                    stream.close()
        self._process.wait()
        self._process = None
