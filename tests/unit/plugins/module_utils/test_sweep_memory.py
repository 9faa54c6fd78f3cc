# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The sweep needs little memory, however large a value of the database is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.django_media.cleanup.plugins.module_utils import _reconcile
from helpers.databases import TestDatabase

pytestmark = [pytest.mark.promise(11), pytest.mark.promise(14)]

# Bytes: of a value, and of memory, of which Python and the driver take a third by themselves.
LARGE = 110 * 2**20
ENOUGH = 96 * 2**20

# In a process of its own, whose memory the kernel has counted from its start.
WEIGHED = """
import sys
sys.path.insert(0, sys.argv[1])
from _reconcile.compare.mentions import Mentions
from _reconcile.database import connect
from _reconcile.media.paths import Spellings
mentions = Mentions([b"p/begin.jpg", b"p/middle.jpg", b"p/end.jpg", b"p/none.jpg"], Spellings(b"/m", b"/m/"))
found = set()
def search(block):
    found.update(mention.path.decode() for _row, _column, mention in mentions.in_block(block))
with connect(sys.argv[2], read_only=True) as database:
    for table in database.searched_columns().tables:
        database.read_texts(table, search)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(int(peak.split()[1]) * 1024, *sorted(found))
"""


@pytest.mark.skipif(sys.version_info < (3, 11), reason="sqlite3 reads a value as a whole before Python 3.11")
def test_a_huge_value_is_searched_in_pieces(database: TestDatabase) -> None:
    half = LARGE // 6
    repeated = (
        f"replace(hex(zeroblob({half})), '00', 'ab ')"
        if database.kind == "sqlite"
        else f"repeat('ab ', {half})"
    )
    database.run("CREATE TABLE note (id integer PRIMARY KEY, body text, small text)")
    database.run(
        "INSERT INTO note VALUES (1, NULL, 'p/x.jpg'), (2, 'p/begin.jpg ' || "
        f"{repeated} || 'p/middle.jpg ' || {repeated} || 'p/end.jpg', 'x'), (3, 'y', NULL)"
    )
    engine = str(Path(_reconcile.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", WEIGHED, engine, database.url], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    peak, *found = done.stdout.split()
    assert found == ["p/begin.jpg", "p/end.jpg", "p/middle.jpg"]
    assert int(peak) < ENOUGH
