# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A plan that somebody approved: nothing else is removed."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from datetime import datetime, timezone
from hashlib import blake2b
from typing import Iterable

from ..errors import SiteError
from .plan import _TOKEN_VERSION, IDENTITY_BYTES, NAME_BYTES, Item


class Approval:
    """A plan that somebody reviewed: what is not in it stays."""

    def __init__(self, token: str, job: str, scope: str) -> None:
        try:
            packed = zlib.decompress(base64.urlsafe_b64decode(token.encode()))
            header, _newline, digests = packed.partition(b"\n")
            told = json.loads(header)
            version, made_for = told["version"], (told["job"], told["scope"])
            self.moment = float(told["moment"])
            datetime.fromtimestamp(self.moment, timezone.utc)
            self.digest = str(told["digest"])
            self.count = int(told["items"])
        except (binascii.Error, zlib.error, ArithmeticError, LookupError, OSError, TypeError, ValueError):
            raise SiteError(
                "approved_plan cannot be read. Pass on the value plan of a check run as it is."
            ) from None
        if version != _TOKEN_VERSION:
            raise SiteError(
                f"approved_plan has the version {version!r}, this release reads {_TOKEN_VERSION}. "
                "Make the plan again with this release."
            )
        if made_for != (job, scope):
            raise SiteError(
                f"approved_plan is a plan for the job {made_for[0]!r} of another site, table or other "
                "options. Make the plan again with the options of this run."
            )
        width = NAME_BYTES + IDENTITY_BYTES
        pieces = (digests[start : start + width] for start in range(0, len(digests), width))
        self._open = {piece[:NAME_BYTES]: piece[NAME_BYTES:] for piece in pieces}
        self.is_whole = self.count > 0 and not self._open

    def objection(self, item: Item) -> str | None:
        """Say why an item is not covered, or None; each item of the plan is asked for once."""
        if self.is_whole:
            return None
        name, identity = item.digest[:NAME_BYTES], item.digest[NAME_BYTES:]
        approved = self._open.pop(name, None)
        if approved is None:
            return "it is not in the approved plan and waits for the next one"
        if approved != identity:
            return "it is no longer what was approved: another stands under the same name"
        return None

    @property
    def left(self) -> int:
        """How many approved items have not come up again."""
        return len(self._open)

    def left_names(self, names: Iterable[bytes]) -> Iterable[bytes]:
        """Those of the names whose approved item has not come up again."""
        for name in names:
            if blake2b(name, digest_size=NAME_BYTES).digest() in self._open:
                yield name
