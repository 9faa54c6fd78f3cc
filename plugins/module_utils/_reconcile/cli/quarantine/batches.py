# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The subcommand batches: what the quarantine of a site holds."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import nullcontext
from functools import partial
from typing import Sequence

from ...config.options import REPORT_BYTES, REPORT_THUMBNAILS
from ...config.purge import Purge
from ...config.site import Site
from ...errors import Exit
from ...quarantine import store as quarantine
from ...quarantine.place import place_of
from ...quarantine.store import BatchInfo
from ...report import quarantine as report
from ...report.page.batches import emit_batch
from ...report.page.document import Limits
from ...report.page.dry_runs import dry_runs
from ...report.page.file import PageFile
from .. import described
from ..terminal import complain, say
from .purge import orders_of
from .site_batches import below_root, kept


def list_batches(options: argparse.Namespace) -> Exit:
    """Print the batches of the site, or those batches of it that hold one of some paths."""
    for site in described.quarantined(options):
        for trouble in quarantine.survey(place_of(site))[1]:
            complain(trouble)
    fitting = [each for each in kept(options) if _holds_any(*each, below_root(each[0], options.paths))]
    found = [info for _site, info in fitting]
    if options.json:
        content = {"site": options.site, "batches": report.batches(found, len(found))["batches"]}
        say([json.dumps(content, indent=2)], sys.stdout)
    elif found or not options.quiet:
        say(report.batch_table(found), sys.stdout)
    if options.report:
        _write_page(options, fitting)
    return Exit.DONE


def _write_page(options: argparse.Namespace, batches: Sequence[tuple[Site, BatchInfo]]) -> None:
    limits = Limits(REPORT_BYTES // max(1, len(batches)), REPORT_THUMBNAILS // max(1, len(batches)))
    # The parent of a site's process writes it itself.
    with nullcontext() if options.emit_report else PageFile(options.report, "batch", options.site) as file:
        emit = file.emit if file else options.emit_report
        for site, info in batches:
            found = dry_runs(site, info.name, partial(_orders_of, options))
            emit_batch(site, info, found, limits, emit)
        emit(None)


def _orders_of(options: argparse.Namespace, name: str) -> Sequence[Purge]:
    """The purge of one batch."""
    about = {"batch": name, "paths": [], "older_than_days": None, "accept": None}
    return orders_of(argparse.Namespace(**{**vars(options), **about}))


def _holds_any(site: Site, info: BatchInfo, paths: Sequence[str]) -> bool:
    return not paths or bool(set(paths) & set(quarantine.paths_in(place_of(site), info.name)))
