# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The subcommand purge: deletes batches for good."""

from __future__ import annotations

import argparse
import time
from typing import Any, Mapping, Sequence

from ...apply.purge import Purged
from ...apply.purge_items import carry_out
from ...config import site_file
from ...config.django_jobs.from_options import quarantine_of_site
from ...config.purge import Purge, purge_of
from ...config.site import Site
from ...errors import CleanupError, Exit
from ...report import quarantine as report
from .. import described
from ..outcome_files import write_files
from ..terminal import complain
from .site_batches import (
    below_root,
    chosen,
    is_plan_confirmed,
    kept,
    must_ask,
    outcome_of_run,
    report_outcome,
)


def purge_batches(options: argparse.Namespace) -> Exit:
    """Show which batches would go, ask if need be, delete them for good; report it, and write its outcome."""
    began = time.time()
    try:
        done = _purge(options)
    except CleanupError as error:
        write_files(options, outcome_of_run(options, {"message": str(error)}, error.exit_status, began))
        raise
    status = Exit.UNCONFIRMED if done is None else Exit.DONE
    result = report.purged(done or Purged(), options.dry_run)
    totals = {name: result["purged"][name] for name in ("records", "files", "bytes")}
    result.update(found=totals, removed={} if options.dry_run else totals)
    outcome = outcome_of_run(options, result, status, began)
    outcome["quarantine"] = report.stock(info for _site, info in kept(options))
    if done is None:
        complain("nothing was deleted, because nobody typed yes.")
    else:
        report_outcome(options, result, outcome)
    return status if write_files(options, outcome) else Exit.FAILED


def _purge(options: argparse.Namespace) -> Purged | None:
    """Delete what the command line means and return it; None if nobody said yes."""
    if not must_ask(options, "nothing was deleted", "delete"):
        return _all([carry_out(order, options.dry_run) for order in orders_of(options)])
    orders = orders_of(options)
    planned = [carry_out(order, check=True) for order in orders]
    shown = _all(planned)
    question = "This cannot be undone. Delete them for good?"
    if shown.batches and not is_plan_confirmed(report.purged(shown, True), question):
        return None
    # What was shown and nothing else, by name.
    named = [order.only(info.name for info in found.batches) for order, found in zip(orders, planned)]
    return _all([carry_out(order, check=False) for order in named])


def _all(some: list[Purged]) -> Purged:
    """What several purges have done, as one."""
    found = Purged()
    for done in some:
        found.batches += done.batches
        found.announced += done.announced
        found.notes += done.notes
        found.kept.add_all(done.kept)
    return found


def orders_of(options: argparse.Namespace) -> list[Purge]:
    """What the command line means, for each quarantine of the site."""
    # Every job has to be usable: what it knows to be referenced is kept.
    described.quarantined(options)
    wanted: dict[str, Any] = {"older_than_days": options.older_than_days}
    site = None
    if options.batch is not None:
        site, wanted["batch"] = chosen(options)
        wanted["paths"] = below_root(site, options.paths)
    places = site_file.list_quarantines([options.description], source=options.source)
    orders = [_order({**place["options"], **wanted}, options.accept or []) for place in places]
    return [order for order in orders if site is None or _is_at(order, site)]


def _order(wanted: Mapping[str, Any], accepted: Sequence[str]) -> Purge:
    known = quarantine_of_site(wanted)
    return purge_of({**known, "accept": [*known.get("accept", ()), *accepted]})


def _is_at(order: Purge, site: Site) -> bool:
    return (order.site.quarantine, order.site.media_root) == (site.quarantine, site.media_root)
