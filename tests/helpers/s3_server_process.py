# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The process that owns a throwaway server of buckets, and outlives the run only to stop it.

It takes a command, its environment and its port as JSON, starts it in a folder of its own, and writes one
line of JSON once the port takes connections: the process, or an error. When its input ends, which it does
even when the run is killed, it stops the server and removes the folder.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, Sequence

START_LIMIT, STOP_LIMIT = 60, 10


@contextmanager
def running(
    command: Sequence[str], environment: dict[str, str], port: int, place: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A server while it takes connections; ``{folder}`` in its command is its folder."""
    with tempfile.TemporaryDirectory(prefix="media-cleanup-s3-", dir=place) as folder:
        log = Path(folder, "log")
        (Path(folder) / "data").mkdir()
        with log.open("w") as output:
            server = subprocess.Popen(
                [word.format(folder=f"{folder}/data") for word in command],
                cwd=folder,
                env={"PATH": os.defpath, "HOME": folder, "TMPDIR": folder, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            deadline = time.monotonic() + START_LIMIT
            while not _takes_connections(port):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise OSError(log.read_text(errors="replace")[-1000:])
                time.sleep(0.05)
            yield server
        finally:
            # With what it has started itself.
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait(STOP_LIMIT)


def _takes_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def main(command: Sequence[str], environment: dict[str, str], port: int, place: str) -> None:
    # As by the end of its input, so that the server is stopped and its folder removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        with running(command, environment, port, place) as server:
            print(json.dumps({"process": server.pid}), flush=True)
            sys.stdin.buffer.read()
    except OSError as error:
        print(json.dumps({"error": str(error)}), flush=True)


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
