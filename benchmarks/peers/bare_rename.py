# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The least that moving files away can cost: bare_rename.py MEDIA_ROOT TARGET LIST."""

from __future__ import annotations

import os
import sys

from in_folders import in_folders, opened

media_root, target, listing = sys.argv[1:]
there = opened(target)
moved = 0
for here, name in in_folders(media_root, listing):
    os.stat(name, dir_fd=here, follow_symlinks=False)
    os.rename(name, f"{moved:09}", src_dir_fd=here, dst_dir_fd=there)
    moved += 1
print(moved)
