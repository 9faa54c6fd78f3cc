# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What is required before something is removed: a person's approval, or the confirmation by earlier scans.

Of a plan that somebody approved so much is remembered that nothing else is removed then.
"""

from __future__ import annotations

import base64
import json
import time
import zlib
from datetime import datetime, timezone
from hashlib import blake2b
from typing import Iterable, Mapping, NamedTuple

from ..config.site import Reviewed
from ..errors import SiteError
from ..kept import Code, Doubt
from ..quarantine.state.finds import EarlierFinds, Finds, digest_of
from ..text import counted

# Bytes of an item's digest: of its name, by which it is found again, and of its identity.
NAME_BYTES, IDENTITY_BYTES = 6, 4
# More items would make a token of more than some 270 kB; a larger plan is approved as a whole.
ITEMS_IN_TOKEN = 20_000
# Bytes of a header, whose scope lists directories and columns; many thousands of these fit.
HEADER_BYTES = 1 << 20
TOKEN_VERSION = 1
# How long a page on which a plan is reviewed may be acted on.
DAYS_OF_REVIEW = 7


class Item(NamedTuple):
    """One thing that may be removed: its name, and all that distinguishes it from another of that name."""

    name: bytes
    identity: bytes
    # What has happened where one of this name has another identity, in words.
    altered: str = "it has changed, or another one has its name"

    @property
    def digest(self) -> bytes:
        return _name_digest(self.name) + blake2b(self.identity, digest_size=IDENTITY_BYTES).digest()


def _name_digest(name: bytes) -> bytes:
    return blake2b(name, digest_size=NAME_BYTES).digest()


def plan_id(moment: float, digest: str) -> str:
    """The name of a plan: when it was made, and the beginning of its digest."""
    return f"{datetime.fromtimestamp(moment, timezone.utc):%Y%m%dT%H%M%SZ}-{digest[:12]}"


class PlanDigest:
    """The digest of a plan, made item by item; their order matters."""

    def __init__(self, job: str, scope: str) -> None:
        self._job = job
        self._scope = scope
        self._whole = blake2b(json.dumps([job, scope]).encode(), digest_size=16)
        self._digests: list[bytes] = []
        self._count = 0

    def add(self, item: Item) -> None:
        digest = item.digest
        self._whole.update(digest)
        self._count += 1
        if self._count <= ITEMS_IN_TOKEN:
            self._digests.append(digest)

    @property
    def is_itemized(self) -> bool:
        """Whether a token of it lists each item."""
        return self._count <= ITEMS_IN_TOKEN

    @property
    def text(self) -> str:
        """The digest in hexadecimal digits."""
        return self._whole.hexdigest()

    def token(self, moment: float) -> str:
        """The plan as a text from which an Approval is made; ``moment`` is when ages were judged."""
        header = {
            "version": TOKEN_VERSION,
            "job": self._job,
            "scope": self._scope,
            "moment": moment,
            "digest": self.text,
            "items": self._count,
        }
        digests = b"".join(self._digests) if self.is_itemized else b""
        packed = zlib.compress(json.dumps(header).encode() + b"\n" + digests, 9)
        return base64.urlsafe_b64encode(packed).decode()


def _unpacked(token: str) -> bytes:
    """What a token holds, within bounds.

    Raises ValueError or zlib.error for a text that is no token, and SiteError for one that is too long.
    """
    limit = HEADER_BYTES + 1 + ITEMS_IN_TOKEN * (NAME_BYTES + IDENTITY_BYTES)
    # Base64 writes 3 bytes as 4, and what does not compress grows a little.
    if len(token) > limit * 3 // 2:
        raise _too_long()
    unpacking = zlib.decompressobj()
    unpacked = unpacking.decompress(base64.urlsafe_b64decode(token.encode()), limit + 1)
    if len(unpacked) > limit:
        raise _too_long()
    if not unpacking.eof:
        raise ValueError("the token was cut off")
    return unpacked


def _too_long() -> SiteError:
    return SiteError(
        "approved_plan is longer than any plan that a check run makes, so it was not unpacked. "
        "Pass on the value plan of a check run as it is."
    )


class Approval:
    """A plan that somebody approved: what is not in it is kept.

    Raises SiteError for a text that is no token, or that of another plan.
    """

    def __init__(self, token: str, job: str, scope: str) -> None:
        try:
            header, _newline, digests = _unpacked(token).partition(b"\n")
            fields = json.loads(header)
            version, made_for = fields["version"], (fields["job"], fields["scope"])
            self.digest = str(fields["digest"])
            self.plan_id = plan_id(float(fields["moment"]), self.digest)
            # Nothing gets older than it is by a token that says another time.
            self.moment = min(float(fields["moment"]), time.time())
            self.count = int(fields["items"])
        except (ArithmeticError, LookupError, OSError, RecursionError, TypeError, ValueError, zlib.error):
            raise SiteError(
                "approved_plan cannot be read. Pass on the value plan of a check run as it is."
            ) from None
        if version != TOKEN_VERSION:
            raise SiteError(
                f"approved_plan has the version {version!r}, this release reads {TOKEN_VERSION}. "
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

    def reason_to_keep(self, item: Item) -> Doubt | None:
        """Why an item is not approved, or None; each item of the plan is asked for once."""
        if self.is_whole:
            return None
        name, identity = item.digest[:NAME_BYTES], item.digest[NAME_BYTES:]
        approved = self._open.pop(name, None)
        if approved is None:
            reason = "it is not in the approved plan; review it in the next one"
            return Doubt(Code.NOT_APPROVED, reason)
        if approved != identity:
            return Doubt(Code.NOT_APPROVED, f"it is no longer what was approved: {item.altered}")
        return None

    def note(self, item: Item) -> None:
        """Hear that an approved item has come up again, and is kept for another reason."""
        self._open.pop(item.digest[:NAME_BYTES], None)

    def note_files(self, names: Iterable[bytes]) -> None:
        """Hear that files are kept since their record is."""
        for name in names:
            self._open.pop(_name_digest(name), None)

    def lists(self, name: bytes) -> bool:
        """Whether the plan lists an item of this name that has not come up again."""
        return _name_digest(name) in self._open

    @property
    def left(self) -> int:
        """How many approved items have not come up again."""
        return len(self._open)

    def left_names(self, names: Iterable[bytes]) -> Iterable[bytes]:
        """Those of the names whose approved item has not come up again."""
        return filter(self.lists, names)


class Confirmation:
    """Whether enough scans, the first of them long enough ago, have found an item; to be closed."""

    def __init__(self, earlier: EarlierFinds, moment: float, scans: int, hours: int) -> None:
        self._earlier = earlier
        self._found = Finds(moment)
        self._scans = scans
        self._hours = hours
        # How many items are kept because they are neither reviewed nor confirmed.
        self.lacking = 0

    def reason_to_keep(self, item: Item) -> Doubt | None:
        """Why an item of this scan is not confirmed, or None; it is noted for later scans."""
        digest = digest_of(item.name, item.identity)
        self._found.add(digest)
        before = self._earlier.of(digest)
        scans = before.scans + 1 if before else 1
        hours = max(0.0, self._found.moment - before.first) / 3600 if before else 0.0
        if scans >= self._scans and hours >= self._hours:
            return None
        self.lacking += 1
        return Doubt(
            Code.NOT_CONFIRMED,
            f"{counted(scans, 'scan')} found it, the first {hours:.1f} h ago; without a review it is removed "
            f"once {self._scans} have found it, the first at least {self._hours} h before",
        )

    def record(self) -> None:
        """Record what this scan found, in place of what the one before it found."""
        self._earlier.replace(self._found)

    def close(self) -> None:
        self._earlier.close()


def require_reviewed(
    reviewed: Reviewed, approval: Approval | None, names: Mapping[str, bytes | None]
) -> None:
    """Raise SiteError unless all that a reviewer keeps is in the plan that was approved, and it is recent.

    ``names`` has the name of the item for each thing that is kept, None for what can be no item of the job.
    """
    if approval is None or approval.plan_id != reviewed.plan_id:
        other = (
            f", and the approved plan is {approval.plan_id}" if approval else ", which is not approved here"
        )
        raise SiteError(
            f"review is about the plan {reviewed.plan_id}{other}. Pass on both from the same page, or make "
            "the page again."
        )
    days = int((time.time() - approval.moment) // 86400)
    if days >= DAYS_OF_REVIEW:
        raise SiteError(
            f"the plan {reviewed.plan_id} was reviewed on a page of {days} days ago, and a page is good for "
            f"{DAYS_OF_REVIEW}. Make the page again."
        )
    if names and approval.is_whole:
        raise SiteError(
            f"the plan {reviewed.plan_id} has more than {ITEMS_IN_TOKEN:,} items, so single ones cannot be "
            "kept in it. List them in the option keep of the site, and make the page again."
        )
    for entry, name in names.items():
        if name is None or not approval.lists(name):
            raise SiteError(
                f"review keeps '{entry}', and the plan {reviewed.plan_id} has nothing of that name. Export "
                "the list again from the page of that plan."
            )
