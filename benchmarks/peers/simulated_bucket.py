# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The engine's listing of a bucket that is not there: simulated_bucket.py {idle|flat|folders|mixed} KEYS.

The client of boto3 is made, and asked for nothing: the pages come from a simulation behind the engine's own
interface. It prints how many keys came, in byte order.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Iterator

sys.path.insert(0, str(Path(__file__).parents[2] / "plugins" / "module_utils"))

from _reconcile.media.s3.client import LARGEST_PAGE, Bucket, Page
from _reconcile.media.s3.listing import Unlisted, objects_below
from _reconcile.media.s3.page_reader import Entry
from _reconcile.media.s3.place import StorageOptions

FOLDERS = 1000
# Of the numbers of keys that come in no order; no factor of any number of keys here.
STRIDE = 7_654_321


class SimulatedBucket(Bucket):
    """So many keys below ``site/``, in one folder or in many."""

    def __init__(self, shape: str, number: int) -> None:
        options = StorageOptions("http://127.0.0.1:9", "us-east-1", "testing", "testing-secret")
        super().__init__("simulated", options)
        self._folders = FOLDERS if shape == "folders" else 1
        self._stride = STRIDE if shape == "mixed" else 1
        self._in_folder = number // self._folders

    def pages(
        self, prefix: str = "", delimiter: str = "", start_after: str = "", most: int = LARGEST_PAGE
    ) -> Iterator[Page]:
        if prefix == "site/":
            yield Page([], [f"site/{folder:04}/" for folder in range(self._folders)])
            return
        if delimiter:
            yield Page(self._entries(prefix, 0, most), [], True)
            return
        for start in range(0, self._in_folder, most):
            yield Page(self._entries(prefix, start, most), [], start + most < self._in_folder)

    def _entries(self, prefix: str, start: int, most: int) -> list[Entry]:
        numbers = range(start, min(start + most, self._in_folder))
        return [
            Entry(f"{prefix}IMG_{number * self._stride % self._in_folder:010}.jpg", 1, 0, "tag")
            for number in numbers
        ]


def listed(bucket: Bucket) -> int:
    count, last = 0, b""
    for keys in objects_below(bucket, "site/"):
        if isinstance(keys, Unlisted):
            sys.exit(f"{keys.prefix}: {keys.reason}")
        if keys[0] <= last or keys != sorted(keys):
            sys.exit("the keys are in no order")
        count, last = count + len(keys), keys[-1]
    return count


shape, number = sys.argv[1], int(sys.argv[2])
bucket = SimulatedBucket(shape, number)
print(number if shape == "idle" else listed(bucket))
