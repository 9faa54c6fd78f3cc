# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The session keyring of the kernel, which a process keeps when it becomes another user."""

from __future__ import annotations

import os
import sys

from .libc import libc_function

# The number of the call, for which the C library has no function, on 64 bits.
_KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280}
KEYCTL = _KEYCTL.get(os.uname().machine) if sys.maxsize > 1 << 32 else None
_JOIN_SESSION_KEYRING = 1


def leave_session_keyring() -> bool:
    """Let this process have an empty session keyring of its own; False where the kernel does not do that."""
    syscall = libc_function("syscall")
    return bool(syscall and KEYCTL and syscall(KEYCTL, _JOIN_SESSION_KEYRING, None) >= 0)
