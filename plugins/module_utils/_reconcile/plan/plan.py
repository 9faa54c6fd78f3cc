# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The plan: what a job would remove, its totals, its name, and what is kept.

It holds data only: the same plan is made whether or not it will be applied.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Mapping, NamedTuple, Sequence, TypeVar

from ..compare.mentions.unlisted import UnlistedColumn
from ..config.guards import GUARDS
from ..kept import Code, Doubt, Kept
from ..media.store import FileState
from ..quarantine.state.identity import UNKNOWN, Identity
from ..spool import Listed, Spool
from ..text import printable
from .approval import Confirmation, Item, PlanDigest, plan_id

# What is kept is listed up to here, for a page to review; results show the first of it.
KEPT_LISTED = 5_000


class PlannedFile(NamedTuple):
    """A file that a plan removes, as it was when the plan was made."""

    path: bytes
    state: FileState

    @property
    def name(self) -> bytes:
        return self.path

    def item(self) -> Item:
        return Item(self.path, repr(tuple(self.state)).encode())


File = TypeVar("File", bound=PlannedFile)


def planned_files(kind: Callable[[bytes, FileState], File]) -> Spool[File]:
    """An empty list of such files, of one kind."""
    return Spool(
        lambda file: (file.path, tuple(file.state)),
        lambda path, state: kind(path, FileState(*state)),
    )


class Refusal(NamedTuple):
    """Which guard refuses a plan, why, and the option that lifts it; empty if none does."""

    guard: str
    message: str
    lifted_by: str = ""


@dataclass
class Totals:
    """How much is found or removed: records, files, and the bytes of these files."""

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
    # When it was made, or when the plan was made that was approved: ages are judged as of then.
    moment: float
    items: Spool[Any]
    max_listed: int
    examined: dict[str, int] = field(default_factory=dict)
    found: Totals = field(default_factory=Totals)
    young: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    # The columns that mention its files and are not listed.
    unlisted: Sequence[UnlistedColumn] = ()
    # What mentions the first of its files, and keeps them not.
    remarks: Mapping[bytes, str] = field(default_factory=dict)
    digest: str = ""
    token: str = ""
    kept: Listed[Kept] = field(init=False)
    kept_codes: Counter[Code] = field(init=False, default_factory=Counter)
    # Records that are to reference another file; not counted among what is found.
    relinks: Any = ()
    # The directories that a job ``orphans`` judges.
    directories: tuple[bytes, ...] = ()
    # By which earlier scans its items are confirmed; None where that is not required.
    confirmation: Confirmation | None = None
    # The database and the media store that it is about.
    identity: Identity = UNKNOWN

    def __post_init__(self) -> None:
        self.kept = Listed(max(self.max_listed, KEPT_LISTED))
        self._digest = PlanDigest(self.job, self.scope)

    @property
    def plan_id(self) -> str:
        """The name of the plan: when it was made, and the beginning of its digest."""
        return plan_id(self.moment, self.digest)

    @property
    def is_itemized(self) -> bool:
        """Whether its token lists each item, so that some of them can be kept."""
        return self._digest.is_itemized

    @property
    def changed_tables(self) -> Iterable[str]:
        """The tables whose rows may be deleted or changed by it."""
        return ()

    @property
    def dependent_tables(self) -> Iterable[str]:
        """The tables whose rows are read, since they may depend on records."""
        return ()

    def keep(self, name: bytes, code: Code, reason: str, other: bytes = b"") -> None:
        """Note an item that is kept because of a doubt about it."""
        self.kept.add(Kept(name, code, reason, other))
        self.kept_codes[code] += 1

    def keep_for(self, name: bytes, doubt: Doubt) -> None:
        self.keep(name, *doubt)

    def refuse(self, guard: str, message: str) -> None:
        """Refuse the plan by a guard; the message says what was found and what lifts the guard."""
        self.refusals.append(Refusal(guard, printable(message), GUARDS[guard].lifted_by))

    def is_refused_by(self, guard: str) -> bool:
        return any(refusal.guard == guard for refusal in self.refusals)

    @property
    def is_partial(self) -> bool:
        """Whether something could not be read, so that nothing may be removed."""
        return self.is_refused_by("partial")

    def count_in(self, item: Item) -> None:
        """Add an item to the plan's digest; the order matters."""
        self._digest.add(item)

    def seal(self) -> None:
        """Give the plan its name and its token, once everything is in it."""
        self.digest = self._digest.text
        self.token = self._digest.token(self.moment)
