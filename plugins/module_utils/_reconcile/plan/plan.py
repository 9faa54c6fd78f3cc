# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The plan: what would go, its totals, its name, the approval it may need, and the guards.

No input or output: the same plan is made whether or not anything will be removed afterwards.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timezone
from hashlib import blake2b
from typing import Any, Iterable, NamedTuple

from ..spool import Listed, Spool

# Bytes of an item's digest: of its name, by which it is found again, and of its identity.
NAME_BYTES, IDENTITY_BYTES = 6, 4
# More items would make a token of more than some 270 kB; a larger plan is approved as a whole.
ITEMS_IN_TOKEN = 20_000
_TOKEN_VERSION = 1


class Item(NamedTuple):
    """One thing that may go, as its digest sees it."""

    name: bytes
    identity: bytes

    @property
    def digest(self) -> bytes:
        name = blake2b(self.name, digest_size=NAME_BYTES).digest()
        return name + blake2b(self.identity, digest_size=IDENTITY_BYTES).digest()


class Refusal(NamedTuple):
    """Why a plan must not be carried out, and the option that lifts this, if one does."""

    guard: str
    message: str
    lifted_by: str = ""


class Kept(NamedTuple):
    """Something that was left alone, and why."""

    name: bytes
    reason: str


@dataclass
class Totals:
    records: int = 0
    files: int = 0
    bytes: int = 0

    def as_dict(self) -> dict[str, int]:
        return {"records": self.records, "files": self.files, "bytes": self.bytes}


@dataclass
class Plan:
    """What one job would remove. ``items`` come in a fixed order, so that the digest is stable."""

    job: str
    scope: str
    moment: float
    items: Spool[Any]
    max_listed: int
    examined: dict[str, int] = field(default_factory=dict)
    found: Totals = field(default_factory=Totals)
    young: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    digest: str = ""
    token: str = ""
    skipped: Listed[Kept] = field(init=False)

    def __post_init__(self) -> None:
        self.skipped = Listed(self.max_listed)
        self._whole = blake2b(json.dumps([self.job, self.scope]).encode(), digest_size=16)
        self._digests: list[bytes] = []
        self._count = 0

    @property
    def plan_id(self) -> str:
        moment = datetime.fromtimestamp(self.moment, timezone.utc)
        return f"{moment:%Y%m%dT%H%M%SZ}-{self.digest[:12]}"

    def skip(self, name: bytes, reason: str) -> None:
        self.skipped.add(Kept(name, reason))

    def refuse(self, guard: str, message: str, lifted_by: str = "") -> None:
        self.refusals.append(Refusal(guard, message, lifted_by))

    def count_in(self, item: Item) -> None:
        """Add an item to the plan's digest; the order matters."""
        digest = item.digest
        self._whole.update(digest)
        self._count += 1
        if self._count <= ITEMS_IN_TOKEN:
            self._digests.append(digest)

    def seal(self, items: Iterable[Item] = ()) -> None:
        """Count the last items in, and give the plan its name and its token."""
        for item in items:
            self.count_in(item)
        self.digest = self._whole.hexdigest()
        digests = b"".join(self._digests) if self._count <= ITEMS_IN_TOKEN else b""
        header = {
            "version": _TOKEN_VERSION,
            "job": self.job,
            "scope": self.scope,
            "moment": self.moment,
            "digest": self.digest,
            "items": self._count,
        }
        packed = zlib.compress(json.dumps(header).encode() + b"\n" + digests, 9)
        self.token = base64.urlsafe_b64encode(packed).decode()
