# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The least that moving files away can cost: bare_rename.py MEDIA_ROOT TARGET LIST."""

from __future__ import annotations

import os
import sys

media_root, target, listing = sys.argv[1:]
there = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
place, here = "", -1
moved = 0
with open(listing) as paths:
    for line in paths:
        folder, _slash, name = line.rstrip("\n").rpartition("/")
        if folder != place:
            if here >= 0:
                os.close(here)
            place, here = folder, os.open(f"{media_root}/{folder}", os.O_RDONLY | os.O_DIRECTORY)
        os.stat(name, dir_fd=here, follow_symlinks=False)
        os.rename(name, f"{moved:09}", src_dir_fd=here, dst_dir_fd=there)
        moved += 1
print(moved)
