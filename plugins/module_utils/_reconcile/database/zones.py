# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Time zones, for databases that keep a time of the day without one."""

from __future__ import annotations

import importlib
from datetime import timezone, tzinfo

from ..errors import SiteError


def zone_of(name: str) -> tzinfo:
    if name.upper() == "UTC":
        return timezone.utc
    try:
        zoneinfo = importlib.import_module("zoneinfo")
    except ImportError:
        raise SiteError(
            f"time_zone {name!r} needs Python 3.9 or later on the target; only UTC works before."
        ) from None
    try:
        zone: tzinfo = zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError):
        raise SiteError(f"time_zone {name!r} is not known on this host; write it as Europe/Vienna.") from None
    return zone
