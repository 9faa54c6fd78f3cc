# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What tells this host from every other one, also from a clone of it."""

from __future__ import annotations

import re
from contextlib import suppress
from hashlib import blake2b

_MACHINE_ID_FILES = ("/etc/machine-id", "/var/lib/dbus/machine-id")
# So that what we write does not disclose the machine-id, which systemd asks to keep confidential.
_PURPOSE = b"media-cleanup"
# In place of the id of a host that has none: what is local to it cannot be told from that of others.
NO_ID = "no-machine-id"


def host_id() -> str:
    """A digest of the machine-id, or NO_ID where this host has none."""
    for path in _MACHINE_ID_FILES:
        with suppress(OSError), open(path, "rb") as file:
            found = file.read(100).strip()
            # An image that was never started holds a word instead.
            if re.fullmatch(b"[0-9a-f]{32}", found):
                return blake2b(found, digest_size=8, key=_PURPOSE).hexdigest()
    return NO_ID
