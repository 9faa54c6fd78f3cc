# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the report of one kind of job says in a way of its own; the rest is the same for all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import islice
from typing import Any, Iterator, NamedTuple, Sequence

from ..apply.outcome import Outcome
from ..plan.plan import Plan
from ..spool import Listed

# Items that a summary shows unless everything is asked for.
SAMPLE = 10


class Subject(NamedTuple):
    """An item as a page to review shows it."""

    path: bytes
    # The entry of the option ``keep`` that keeps it.
    entry: str
    # Its files that may show what it is, the best one first.
    pictures: list[bytes]
    # -1 and 0 where they are not known.
    size: int = -1
    modified: int = 0
    # Which row it is, or why a file is in a batch.
    about: str = ""
    owner: str = ""
    # What else a person wants to know of it, a line for each.
    details: Sequence[str] = ()


class Description(ABC):
    """A plan of one job, and its outcome if it was applied, in words and as data."""

    # What the list of items is called in a result.
    list_name: str

    def __init__(self, job: Any, plan: Plan, outcome: Outcome | None) -> None:
        self.job = job
        self.plan: Any = plan
        self.outcome = outcome

    @abstractmethod
    def lines(self) -> list[str]:
        """What was examined and found, for people."""

    @abstractmethod
    def item_words(self, item: Any) -> tuple[str, ...]:
        """The name of an item, and what a person wants to know of it, a text for each column."""

    @abstractmethod
    def item_data(self, item: Any) -> dict[str, Any]:
        """An item as an entry of a result."""

    @abstractmethod
    def item_paths(self, item: Any) -> list[bytes]:
        """The files of an item: those that are removed, or the one that is missing."""

    @abstractmethod
    def subject(self, item: Any) -> Subject:
        """An item as a page to review shows it."""

    def subjects(self, most: int) -> Iterator[Subject]:
        """The first items, as a page to review shows them."""
        return map(self.subject, islice(self.plan.items, most))

    def remarks(self, paths: Sequence[bytes]) -> list[str]:
        """What mentions these files and does not keep them."""
        return [self.plan.remarks[path] for path in paths if path in self.plan.remarks]

    @abstractmethod
    def item_diff(self, item: Any) -> str:
        """An item as a line of a diff."""

    @abstractmethod
    def totals(self, totals: dict[str, int]) -> str:
        """Totals of records, files and bytes in words."""

    @property
    def labels(self) -> Sequence[tuple[str, int]]:
        """Owners of what was found, each with how much of it, the largest first."""
        return ()

    @property
    def dependents(self) -> dict[str, dict[str, int]]:
        """Dependent rows that are, or would be, deleted and updated, by table in the order of names."""
        return {}

    @property
    def relinks(self) -> Listed[Any]:
        """The first of the records that reference another file now, or would; and the count of all."""
        return Listed(0)

    @property
    def relink_diffs(self) -> Sequence[tuple[str, str]]:
        """Each of these as a line of a diff that disappears, and one that appears."""
        return ()

    def removed_totals(self, totals: dict[str, int]) -> dict[str, int]:
        """Of what a job changes, that which is removed."""
        return totals

    def done(self, totals: dict[str, int]) -> str:
        """What was done, with its totals."""
        return f"removed {self.totals(totals)}"

    @property
    def own_data(self) -> dict[str, Any]:
        """What only a result of this kind of job has."""
        return {}

    @property
    def dependents_listed(self) -> Listed[str]:
        """The first of these rows in words, and the count of all."""
        return Listed(0)
