# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The subcommand batches: what the quarantine of a site holds."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Sequence

from ...config.site import Site
from ...errors import Exit
from ...quarantine import store as quarantine
from ...quarantine.store import BatchInfo
from ...report import quarantine as report
from .. import described
from ..terminal import complain, say
from .site_batches import below_root, kept


def list_batches(options: argparse.Namespace) -> Exit:
    """Print the batches of the site, or those batches of it that hold one of some paths."""
    for site in described.quarantined(options):
        for trouble in quarantine.survey(site.quarantine or b"")[1]:
            complain(trouble)
    found = [info for site, info in kept(options) if _holds_any(site, info, below_root(site, options.paths))]
    if options.json:
        content = {"site": options.site, "batches": report.batches(found)["batches"]}
        say([json.dumps(content, indent=2)], sys.stdout)
    elif found or not options.quiet:
        say(report.batch_table(found), sys.stdout)
    return Exit.DONE


def _holds_any(site: Site, info: BatchInfo, paths: Sequence[str]) -> bool:
    return not paths or bool(set(paths) & set(quarantine.paths_in(site.quarantine or b"", info.name)))
