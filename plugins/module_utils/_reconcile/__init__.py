# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The engine: compares the files of a Django site with the rows that reference them.

Plain Python without any import of ansible, so that the modules and the command
that cron runs are the same program.
"""

from __future__ import annotations

from .archive.importing import compile_once

compile_once()
