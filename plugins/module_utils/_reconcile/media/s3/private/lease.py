# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A lock between hosts: an object that only one can put, renewed while its holder lives.

It needs a service that honours conditions of a put. Where a service does not, which is tried each time,
the lock of the database is the only one.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime

from ....errors import BusyError
from ....text import escaped_value
from ..client import Head, quoted
from ..failures import ConditionFailed, NotSupported
from .bucket import PrivateBucket

# Seconds after which a lock that nobody renewed is free, and between two renewals.
FREE_AFTER = 900
_RENEWED_EVERY = 60
_LONGEST = 4096


class Lease:
    """A lock that is held until it is closed. Raises BusyError where another run holds it."""

    def __init__(self, bucket: PrivateBucket, key: str, what: str) -> None:
        self._bucket = bucket
        self._key = key
        self._what = what
        self._content = json.dumps(
            {"host": socket.gethostname(), "process": os.getpid(), "run": secrets.token_hex(8)}
        ).encode()
        try:
            self._tag = self._taken()
        except OSError:
            # It may be taken all the same, and nobody else could take it for a while.
            self._free()
            raise
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lock of the quarantine", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Free the lock; a lock that cannot be freed is free when its time is over."""
        self._ends.set()
        self._thread.join()
        self._free()

    def _free(self) -> None:
        with suppress(OSError):
            if self._is_ours():
                self._bucket.erase(self._key)

    # Taking.

    def _taken(self) -> str:
        for _attempt in range(2):
            with suppress(ConditionFailed):
                tag = self._put({"If-None-Match": "*"})
                self._try_condition()
                return tag
            # A repeated attempt fails because of the first one.
            if self._is_ours():
                return self._bucket.head(self._key).tag
            with suppress(FileNotFoundError):
                return self._taken_over()
        raise BusyError(f"{self._what} is in use by another run. Try again later.")

    def _try_condition(self) -> None:
        """Try whether a put that has to fail does: else two runs could hold the lock."""
        with suppress(ConditionFailed, NotSupported):
            self._put({"If-None-Match": "*"})
            if not self._is_ours():
                raise BusyError(f"{self._what} is in use by another run. Try again later.")

    def _taken_over(self) -> str:
        """Take a lock that its holder has not renewed in time. Raises FileNotFoundError where it is free."""
        head = self._bucket.head(self._key)
        left = FREE_AFTER - _age(head)
        if left > 0:
            raise BusyError(
                f"{self._what} is in use by another run{self._holder()}. Try again later; if that run was "
                f"killed, its lock is free in {left / 60:.0f} minutes."
            )
        with suppress(ConditionFailed):
            return self._put({"If-Match": quoted(head.tag)})
        raise BusyError(f"{self._what} is in use by another run. Try again later.")

    def _put(self, condition: dict[str, str]) -> str:
        said = self._bucket.ask("put_object", {"Key": self._key, "Body": self._content}, condition)
        return str(said.get("ETag", ""))

    def _is_ours(self) -> bool:
        try:
            return self._bucket.get(self._key, _LONGEST) == self._content
        except FileNotFoundError:
            return False

    def _holder(self) -> str:
        with suppress(OSError, ValueError, TypeError, KeyError):
            about = json.loads(self._bucket.get(self._key, _LONGEST) or b"")
            return f" (process {int(about['process'])} on {escaped_value(str(about['host'])[:100])})"
        return ""

    # Holding.

    def _renew(self) -> None:
        """Write it anew, until it is closed; one that another run has taken over is left to that run."""
        while not self._ends.wait(_RENEWED_EVERY) and self._is_renewed():
            pass

    def _is_renewed(self) -> bool:
        try:
            self._tag = self._put({"If-Match": self._tag})
        except (ConditionFailed, FileNotFoundError):
            return False
        except OSError:
            # The service may answer again before the lock is free.
            return True
        return True


def _age(head: Head) -> float:
    """The seconds since an object was written, by the clock of the service that wrote it."""
    now = time.time()
    with suppress(KeyError, TypeError, ValueError):
        now = parsedate_to_datetime(head.said["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
    return now - head.modified_ns / 1e9
