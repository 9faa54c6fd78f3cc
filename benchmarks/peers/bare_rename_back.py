# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The least that moving files back can cost: bare_rename_back.py MEDIA_ROOT QUARANTINE LIST.

The quarantine holds one batch, whose files are those of the list in their order.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

media_root, quarantine, listing = sys.argv[1:]
folders = iter(sorted(Path(quarantine).glob("*/files/*")))
place, here, there = "", -1, -1
moved = 0
with open(listing) as paths:
    for line in paths:
        folder, _slash, name = line.rstrip("\n").rpartition("/")
        if folder != place:
            if here >= 0:
                os.close(here)
            place, here = folder, os.open(f"{media_root}/{folder}", os.O_RDONLY | os.O_DIRECTORY)
        if moved % 10_000 == 0:
            there = os.open(next(folders), os.O_RDONLY | os.O_DIRECTORY)
        os.rename(f"{moved:09}", name, src_dir_fd=there, dst_dir_fd=here)
        moved += 1
print(moved)
