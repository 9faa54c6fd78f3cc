# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The subcommand purge: deletes batches for good."""

from __future__ import annotations

import argparse
import time

from ..config.site import Site
from ..errors import CleanupError, Exit
from ..quarantine import store as quarantine
from ..quarantine.store import BatchInfo
from ..report import quarantine as report
from . import site as described
from .outcome_files import write_files
from .site_batches import chosen, is_plan_confirmed, must_ask, outcome_of_run, report_outcome
from .terminal import complain


def purge_batches(options: argparse.Namespace) -> Exit:
    """Show which batches would be deleted, ask if need be, delete them for good, and report it."""
    began = time.time()
    try:
        found = _purge(options)
    except CleanupError as error:
        write_files(options, outcome_of_run(options, {"message": str(error)}, error.exit_status, began))
        raise
    status = Exit.DONE if found is not None else Exit.UNCONFIRMED
    result = report.purged(found or [], options.dry_run)
    totals = {
        "records": sum(info.rows for info in found or ()),
        "files": sum(info.files for info in found or ()),
        "bytes": sum(info.bytes for info in found or ()),
    }
    result.update(found=totals, removed={} if options.dry_run else totals)
    outcome = outcome_of_run(options, result, status, began)
    if found is None:
        complain("nothing was deleted, because nobody typed yes.")
    else:
        report_outcome(options, result, outcome)
    return status if write_files(options, outcome) else Exit.FAILED


def _purge(options: argparse.Namespace) -> list[BatchInfo] | None:
    """Delete what the command line selects and return it; None if nobody typed yes."""
    if not must_ask(options, "nothing was deleted", "delete"):
        return [info for _site, info in _batches_to_delete(options, options.dry_run)]
    shown_batches = _batches_to_delete(options, check=True)
    question = "This cannot be undone. Delete them for good?"
    planned = report.purged([info for _site, info in shown_batches], True)
    if shown_batches and not is_plan_confirmed(planned, question):
        return None
    # What was shown and nothing else, by name.
    return [
        info
        for site, batch in shown_batches
        for info in quarantine.purge(site.quarantine or b"", batch.name, None, check=False)
    ]


def _batches_to_delete(options: argparse.Namespace, check: bool) -> list[tuple[Site, BatchInfo]]:
    """Delete batches, or in a check only list them; of a shared quarantine, this site's alone."""
    if options.batch is None:
        sites, name = described.quarantined(options), None
    else:
        site, name = chosen(options)
        sites = [site]
    return [
        (site, info)
        for site in sites
        for info in quarantine.purge(
            site.quarantine or b"", name, options.older_than_days, check, site.media_root
        )
    ]
