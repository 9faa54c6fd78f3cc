# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Print every row of the database whose URL comes on standard input."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[3] / "tests")]

from helpers.databases import TestDatabase  # noqa: E402

url = sys.stdin.read().strip()
scheme = url.partition(":")[0]
sys.stdout.write(f"{TestDatabase('mariadb' if scheme == 'mysql' else scheme, url).dump()}\n")
