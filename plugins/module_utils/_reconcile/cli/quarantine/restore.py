# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The subcommand restore: restores what a batch holds."""

from __future__ import annotations

import argparse
import time
from typing import Any

from ...apply.restore import restore
from ...errors import Exit
from ...report import quarantine as report
from ..terminal import complain
from .site_batches import below_root, chosen, is_plan_confirmed, must_ask, outcome_of_run, report_outcome


def restore_batch(options: argparse.Namespace) -> Exit:
    """Show what would be restored, ask if need be, restore it, and report what could not be restored."""
    began = time.time()
    site, name = chosen(options)
    paths = below_root(site, options.paths)

    def attempt(check: bool) -> dict[str, Any]:
        return report.restored(restore(site, name, paths, check), check)

    if must_ask(options, "nothing was restored", "restore"):
        planned = attempt(check=True)
        if planned["changed"] and not is_plan_confirmed(planned, "Restore this?"):
            complain("nothing was restored, because nobody typed yes.")
            return Exit.UNCONFIRMED
    result = attempt(check=options.dry_run)
    status = Exit.PARTIAL if result["left_alone_total"] else Exit.DONE
    report_outcome(options, result, outcome_of_run(options, result, status, began))
    return status
