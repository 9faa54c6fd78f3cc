# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lets a run stand back: the site's own processes come first, at the processor and at the disk."""

from __future__ import annotations

import os
import shutil
import subprocess

LOWEST = 19


def lower() -> None:
    """Give this process the lowest priority, for good; at the disk where ``ionice`` is there."""
    os.setpriority(os.PRIO_PROCESS, 0, LOWEST)
    # Python has no call for it. Class 3 is idle: it gets the disk when nobody else wants it.
    ionice = shutil.which("ionice")
    if ionice:
        subprocess.run(
            [ionice, "-c", "3", "-p", str(os.getpid())],
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
