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
    """Show which batches would go, ask if need be, delete them for good; tell and leave word."""
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
    """Delete what the command line means and return it; None if nobody said yes."""
    if not must_ask(options, "nothing was deleted", "delete"):
        return [info for _site, info in _doomed(options, options.dry_run)]
    doomed = _doomed(options, check=True)
    question = "This cannot be undone. Delete them for good?"
    if doomed and not is_plan_confirmed(report.purged([info for _site, info in doomed], True), question):
        return None
    # What was shown and nothing else, by name.
    shown: dict[bytes, list[str]] = {}
    for site, info in doomed:
        shown.setdefault(site.quarantine or b"", []).append(info.name)
    return [info for folder, names in shown.items() for info in quarantine.purge(folder, names, None, False)]


def _doomed(options: argparse.Namespace, check: bool) -> list[tuple[Site, BatchInfo]]:
    """The batches that go, or in a check would; of a quarantine that sites share, this site's alone."""
    if options.batch is None:
        sites, names = described.quarantined(options), None
    else:
        site, name = chosen(options)
        sites, names = [site], [name]
    return [
        (site, info)
        for site in sites
        for info in quarantine.purge(
            site.quarantine or b"", names, options.older_than_days, check, site.media_root
        )
    ]
