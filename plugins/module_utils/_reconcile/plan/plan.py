# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The plan: what would go, its totals, its name, the approval it may need, and the guards.

No input or output: the same plan is made whether or not anything will be removed afterwards.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timezone
from hashlib import blake2b
from typing import Any, Callable, Iterable, Mapping, NamedTuple, Sequence

from ..errors import SiteError
from ..media.paths import escaped
from ..spool import Listed, Spool

# Bytes of an item's digest: of its name, by which it is found again, and of its identity.
NAME_BYTES, IDENTITY_BYTES = 6, 4
# More items would make a token of more than some 270 kB; a larger plan is approved as a whole.
ITEMS_IN_TOKEN = 20_000
_TOKEN_VERSION = 1
# So many files must go from one directory before their share in it is judged.
FEW_FILES = 10
# So many rows must go from a table that hangs on the records before their share in it is judged.
FEW_ROWS = 100


class Item(NamedTuple):
    """One thing that may go, as its digest sees it."""

    name: bytes
    identity: bytes

    @property
    def digest(self) -> bytes:
        name = blake2b(self.name, digest_size=NAME_BYTES).digest()
        return name + blake2b(self.identity, digest_size=IDENTITY_BYTES).digest()


def counted(number: int, noun: str, nouns: str = "") -> str:
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


class Refusal(NamedTuple):
    """Why a plan must not be carried out, and the option that lifts this, if one does."""

    guard: str
    message: str
    lifted_by: str = ""


class Skipped(NamedTuple):
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
    skipped: Listed[Skipped] = field(init=False)

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
        self.skipped.add(Skipped(name, reason))

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


def guard_share(plan: Plan, what: str, found: int, examined: int, most: int) -> None:
    """Turn the plan down when it takes a larger share than ``max_removal_percent`` allows."""
    if found * 100 > examined * most:
        share = found * 100 / examined
        plan.refuse(
            "max_removal_percent",
            f"{found:,} of {examined:,} {what} would go, {share:.4g} %, and max_removal_percent allows "
            f"{most} %. So large a share is more often a wrong media_root, a disk that is not mounted or "
            "a wrong database than a real loss. If it is what you mean, set max_removal_percent to "
            f"{min(100, -(-found * 100 // examined))}.",
            "max_removal_percent",
        )


class Tally(NamedTuple):
    """The files of one listed directory: all, those with a reference, those that would go."""

    directory: str
    files: int
    referenced: int
    going: int


def guard_directories(plan: Plan, tallies: Iterable[Tally], most: int, accepted: Sequence[str]) -> None:
    """Turn the plan down for a single directory that it would empty, or that nothing names.

    A handful of files says nothing about a directory, so less than ``FEW_FILES`` are not judged.
    """
    for tally in tallies:
        if tally.going < FEW_FILES:
            continue
        if not tally.referenced and "no_references" not in accepted:
            plan.refuse(
                "no_references",
                f"the database names nothing below {tally.directory!r}, which holds {tally.files:,} files. A "
                "column may be missing in references, or the database may be empty or the wrong one. If "
                "nothing there is wanted, set accept: [no_references].",
                "accept: [no_references]",
            )
        elif tally.referenced and not any(told.guard == "max_removal_percent" for told in plan.refusals):
            where = f"files in {tally.directory!r}"
            guard_share(plan, where, tally.going, tally.files, most)


def guard_emptied(plan: Plan, emptied: Mapping[bytes, int], most: int) -> None:
    """Turn the plan down when all files of a directory are gone that many rows name, not just some.

    ``emptied`` has the rows by directory; those with less than ``FEW_FILES`` are not judged.
    """
    if most == 100 or any(told.guard == "max_removal_percent" for told in plan.refusals):
        return
    judged = [(directory, rows) for directory, rows in emptied.items() if rows >= FEW_FILES]
    if judged:
        shown = ", ".join(f"{escaped(directory) or '.'} {rows:,}" for directory, rows in judged[:3])
        more = f" and {len(judged) - 3:,} more" if len(judged) > 3 else ""
        plan.refuse(
            "max_removal_percent",
            f"directories are empty or gone in which many rows name files ({shown}{more}), as where a disk "
            "is not mounted; all of these rows would go, and max_removal_percent allows "
            f"{most} %. If the files really are lost, set max_removal_percent to 100.",
            "max_removal_percent",
        )


def guard_tables(
    plan: Plan, going: Mapping[str, int], count: Callable[[str], int], most: int, accepted: Sequence[str]
) -> None:
    """Turn the plan down for a table of which a cascade would take more than that share.

    Tables may well hold a few rows, all of which hang on what goes, so less than ``FEW_ROWS`` are
    not judged; ``count`` is asked only for tables that are.
    """
    if "emptied_dependents" in accepted:
        return
    for table, rows in going.items():
        if rows < FEW_ROWS:
            continue
        everything = count(table)
        if rows * 100 > everything * most:
            plan.refuse(
                "emptied_dependents",
                f"{rows:,} of {everything:,} rows of {table} would go along, "
                f"{rows * 100 / everything:.4g} %, and max_removal_percent allows {most} %. A table that a "
                "cascade empties often holds more than these records did. Say in dependents what becomes of "
                "its rows; if it is what you mean, set accept: [emptied_dependents].",
                "accept: [emptied_dependents]",
            )


def guard_reading(plan: Plan, reading: str | None, accepted: Sequence[str]) -> None:
    """Turn the plan down when most references would fit if they were read otherwise."""
    if reading and "misfit" not in accepted:
        plan.refuse(
            "misfit",
            f"most paths in the database fit no file as they are, and would fit {reading}. This looks like a "
            "wrong media_root or MEDIA_URL, not like a loss. Correct media_root; if it is as you mean it, "
            "set accept: [misfit].",
            "accept: [misfit]",
        )


def guard_empty_root(plan: Plan, is_empty: bool, accepted: Sequence[str]) -> None:
    """Turn the plan down when there is nothing at all below the media root."""
    if is_empty and "empty_media_root" not in accepted:
        plan.refuse(
            "empty_media_root",
            "the media root is empty, as a disk is that is not mounted. If all media really is lost, set "
            "accept: [empty_media_root].",
            "accept: [empty_media_root]",
        )


def guard_file_system(plan: Plan, before: int, now: int, accepted: Sequence[str]) -> None:
    """Turn the plan down when the media root lies on another file system than at the last run."""
    if before and now and before != now and "other_file_system" not in accepted:
        plan.refuse(
            "other_file_system",
            "the media root lies on another file system than when the last batch was taken from it, as it "
            "does when the media disk is not mounted. If the media has moved, set "
            "accept: [other_file_system] for one run.",
            "accept: [other_file_system]",
        )


def guard_sight(plan: Plan, unseen: Listed[tuple[bytes, str]]) -> None:
    """Turn the plan down when not everything could be seen."""
    if unseen.total:
        places = [f"{escaped(path) or 'media_root'}: {reason}" for path, reason in unseen.items[:3]]
        if unseen.total > len(places):
            places.append(f"and {unseen.total - len(places):,} more")
        shown = "; ".join(places)
        plan.refuse(
            "partial",
            f"the run is partial: {counted(unseen.total, 'place')} could not be looked at ({shown}). "
            "Nothing is removed on half a view. Mend the access, then run again.",
        )


def guard_replica(plan: Plan, is_replica: bool) -> None:
    """Turn down a plan made from a copy of the database that may lag behind."""
    if is_replica:
        plan.refuse(
            "replica",
            "the database is a replica: what was uploaded a moment ago may not have arrived there yet, and "
            "would look like an orphan. Point database_url at the primary.",
        )


def guard_marker(plan: Plan, marker: str, present: bool) -> None:
    """Turn the plan down when the file that proves the mount is not there."""
    if not present:
        plan.refuse("marker", without_marker(marker), "marker")


def without_marker(marker: str) -> str:
    """What a missing marker means."""
    return (
        f"the marker {marker!r} is not below the media root, so the media is taken for unmounted. "
        "Mount it, or create the marker once on the mounted media."
    )


def guard_approval(plan: Plan, approval: Approval | None) -> None:
    """Turn down a plan that was approved as a whole and is no longer the same."""
    if approval and approval.is_whole and approval.digest != plan.digest:
        plan.refuse(
            "approved_plan",
            f"the approved plan of {approval.count:,} items was too large to be compared one by one, and "
            "the plan made now is not the same. Review the new plan and approve that.",
            "approved_plan",
        )
