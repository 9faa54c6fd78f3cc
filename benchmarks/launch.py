# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Starts a command and reports what it took: launch.py REPORT COMMAND…

A process of its own, and small: what is started counts the memory of the one that starts it, up to
the moment at which its program is loaded.
"""

import os
import sys
import time

report, *command = sys.argv[1:]
began = time.perf_counter()
process = os.posix_spawnp(command[0], command, os.environ)
_pid, status, usage = os.wait4(process, 0)
wall = time.perf_counter() - began
with open(report, "w") as file:
    file.write(f"{wall} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss / 1024}")
sys.exit(os.waitstatus_to_exitcode(status))
