# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Calls of the kernel for which Python has no function."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Callable


@lru_cache(maxsize=None)
def libc_function(name: str) -> Callable[..., int] | None:
    """A function of the C library; None where the library is older than it. Sets ctypes' errno."""
    try:
        function: Callable[..., int] = getattr(ctypes.CDLL(None, use_errno=True), name)
    except (OSError, AttributeError):
        return None
    return function
