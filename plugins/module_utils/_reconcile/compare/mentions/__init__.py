# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Where a text mentions files, however their paths are encoded in it."""

from __future__ import annotations

from .search import CANDIDATES_AT_ONCE, Mention, Mentions

__all__ = ["CANDIDATES_AT_ONCE", "Mention", "Mentions"]
