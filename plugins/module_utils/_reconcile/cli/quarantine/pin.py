# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The subcommands pin and unpin: whether a purge may delete a batch."""

from __future__ import annotations

import argparse
import time

from ...errors import Exit
from ...quarantine.place import place_of
from ...quarantine.store import pin
from ...report import quarantine as report
from .site_batches import chosen, outcome_of_run, report_outcome


def pin_batch(options: argparse.Namespace) -> Exit:
    """Pin a batch, or unpin it, and report it."""
    began = time.time()
    site, name = chosen(options)
    pinned = options.command == "pin"
    changes = pin(place_of(site), name, pinned, options.dry_run)
    result = report.pinned(name, pinned, changes, options.dry_run)
    report_outcome(options, result, outcome_of_run(options, result, Exit.DONE, began))
    return Exit.DONE
