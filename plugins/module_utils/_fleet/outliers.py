# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Hosts whose plan stands out from those of their group.

The share of a plan is what it would remove of what it examined, in percent. In a group of at least
``LEAST_HOSTS`` hosts, the limit is the median of their shares, and above it ``TIMES`` times the spread or
``FLOOR`` percentage points, whichever is more. The spread is the median of the distances from the median,
times ``NORMAL``, by which it is the standard deviation where shares are distributed normally. Neither one bad
host nor a few of them move either median much. A plan above the limit that would remove at least
``LEAST_CHANGES`` stands out.
"""

from __future__ import annotations

from statistics import median
from typing import Callable, Hashable, Iterator, NamedTuple, Sequence

from .rows import BUSY, FAILED, PARTIAL, PLANNED, SHARED, Row

# Fewer hosts are no group.
LEAST_HOSTS = 5
# Fewer removals than this stand out nowhere: in a small site, two files are a large share.
LEAST_CHANGES = 10
FLOOR = 5.0
TIMES = 3.0
NORMAL = 1.4826

# The groups in which a plan is compared; the first one that has enough hosts counts.
_GROUPS: Sequence[Callable[[Row], Hashable]] = (
    lambda row: (row["site"], row["task"]),
    lambda row: row["job"],
)
# Their numbers are not whole, or are those of another host.
_NOT_COMPARED = (BUSY, FAILED, PARTIAL, SHARED)


class Group(NamedTuple):
    """The shares of one group: their median, and the limit above which one stands out."""

    hosts: int
    median: float
    limit: float


def share(row: Row) -> float:
    """What a plan would remove, in percent of what it examined."""
    return 100.0 * float(row["changes"]) / float(row["examined"]) if row["examined"] else 0.0


def group_of(shares: Sequence[float], hosts: int) -> Group:
    """The median of these shares and their limit."""
    middle = median(shares)
    spread = NORMAL * median([abs(each - middle) for each in shares])
    return Group(hosts, middle, middle + max(FLOOR, TIMES * spread))


def outliers(rows: Sequence[Row]) -> Iterator[tuple[Row, str]]:
    """Yield each plan that stands out from its group, and why it is held back."""
    compared = [row for row in rows if row["examined"] and row["state"] not in _NOT_COMPARED]
    groups = [_groups(compared, key) for key in _GROUPS]
    for row in compared:
        group = next((found[key(row)] for key, found in zip(_GROUPS, groups) if key(row) in found), None)
        if group and _stands_out(row, group):
            yield row, _words(row, group)


def _groups(rows: Sequence[Row], key: Callable[[Row], Hashable]) -> dict[Hashable, Group]:
    """The groups that have enough hosts."""
    members: dict[Hashable, list[Row]] = {}
    for row in rows:
        members.setdefault(key(row), []).append(row)
    counts = {name: len({row["host"] for row in found}) for name, found in members.items()}
    return {
        name: group_of([share(row) for row in found], counts[name])
        for name, found in members.items()
        if counts[name] >= LEAST_HOSTS
    }


def _stands_out(row: Row, group: Group) -> bool:
    return row["state"] == PLANNED and row["changes"] >= LEAST_CHANGES and share(row) > group.limit


def _words(row: Row, group: Group) -> str:
    what = "files" if row["job"] == "orphans" else "rows"
    return (
        f"{row['changes']:,} of {row['examined']:,} {what} would be removed, {share(row):.3g} %, while the "
        f"median of {group.hosts} comparable hosts is {group.median:.3g} % (limit {group.limit:.3g} %). "
        "Check this host's plan, its media_root and its database. If the plan is right, run it once more "
        f"with --limit {row['host']} -e media_cleanup_accept=outlier."
    )
