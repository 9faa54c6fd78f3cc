# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The dry runs of a restore and a purge of a batch, for the page that shows it."""

from __future__ import annotations

from typing import Callable, NamedTuple, Sequence

from ...apply.purge_items import carry_out
from ...apply.restore import restore
from ...config.purge import Purge
from ...config.site import Site
from ...errors import CleanupError
from ...kept import Kept
from .. import quarantine as report


class DryRuns(NamedTuple):
    """What a restore and a purge of a batch would do: in words, and what would not come back."""

    lines: Sequence[str]
    kept: Sequence[Kept]
    # Why that is not known.
    trouble: str = ""


def dry_runs(site: Site, name: str, orders: Callable[[str], Sequence[Purge]]) -> DryRuns:
    """What a restore of a batch would do, and these orders to purge it; where it cannot be known, why."""
    try:
        back = restore(site, name, [], check=True)
        purges = [report.purged(carry_out(order, check=True), check=True) for order in orders(name)]
    except CleanupError as error:
        return DryRuns([], [], str(error))
    summaries = [report.restored(back, check=True)["summary"], *(purge["summary"] for purge in purges)]
    return DryRuns(summaries, back.kept.items)
