# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The least that moving files back can cost: bare_rename_back.py MEDIA_ROOT QUARANTINE LIST.

The quarantine holds one batch, whose files are those of the list in their order.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from in_folders import in_folders, opened

# Files in a folder of a batch.
FOLDER = 10_000

media_root, quarantine, listing = sys.argv[1:]
folders = iter(sorted(Path(quarantine).glob("*/files/*")))
there = -1
moved = 0
for here, name in in_folders(media_root, listing):
    if moved % FOLDER == 0:
        there = opened(next(folders))
    os.rename(f"{moved:09}", name, src_dir_fd=there, dst_dir_fd=here)
    moved += 1
print(moved)
