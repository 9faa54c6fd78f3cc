# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the subcommands batches, restore and purge share: the batches of a site, the question, the outcome."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Mapping, Sequence

from ...config.site import Site
from ...errors import Exit, SiteError
from ...quarantine import store as quarantine
from ...quarantine.place import place_of
from ...quarantine.store import LATEST, BatchInfo
from ...report import data
from ...report import quarantine as report
from ...text import escaped
from .. import described
from ..terminal import is_confirmed, require_somebody, say


def kept(options: argparse.Namespace) -> list[tuple[Site, BatchInfo]]:
    """Every batch of the site, the oldest first, with the site as it was then."""
    found = [
        (site, info)
        for site in described.quarantined(options)
        for info in quarantine.batches(place_of(site))
        if info.media_root == escaped(site.media_root)
    ]
    return sorted(found, key=lambda entry: entry[1].moment)


def chosen(options: argparse.Namespace) -> tuple[Site, str]:
    """The batch of the command line: by its name, by the beginning of its name, or as the latest.

    Raises SiteError, which lists the batches, where that is not one of them.
    """
    found = kept(options)
    if not found:
        raise SiteError(f"the quarantine of site {options.site!r} holds no batch.")
    wanted = options.batch
    fitting = [(site, info.name) for site, info in found if wanted and info.name.startswith(wanted)]
    if wanted == LATEST:
        fitting = [(site, info.name) for site, info in found][-1:]
    exact = [(site, name) for site, name in fitting if name == wanted]
    if len(exact or fitting) == 1:
        return (exact or fitting)[0]
    trouble = f"no batch is called {wanted!r}"
    if fitting:
        trouble = f"the names of {len(fitting)} batches begin with {wanted!r}"
    table = report.batch_table([info for _site, info in found])
    raise SiteError("\n".join([f"{trouble}. These are kept of site {options.site!r}:", *table]))


def below_root(site: Site, written: Sequence[str]) -> list[str]:
    """Paths as batches have them: a person may well copy a whole one."""
    root = escaped(site.media_root).rstrip("/") + "/"
    return [path[len(root) :] if path.startswith(root) else path for path in written]


def must_ask(options: argparse.Namespace, undone: str, verb: str) -> bool:
    """Whether there is a question to be asked; raises UnconfirmedError if nobody can be."""
    if options.dry_run or options.force:
        return False
    require_somebody(undone, f"Add --force to {verb} without asking, or --dry-run to see what would be done.")
    return True


def is_plan_confirmed(planned: Mapping[str, Any], question: str) -> bool:
    """Show what would be done, and ask."""
    say([planned["summary"]], sys.stderr)
    return is_confirmed(question)


def outcome_of_run(
    options: argparse.Namespace, result: Mapping[str, Any], status: Exit, began: float
) -> dict[str, Any]:
    """What is known at the end of a subcommand, as data: ``result`` is its only run."""
    heading = f"{options.site} · {options.command}"
    about_run = {"heading": heading, "status": status.name.lower(), "message": ""}
    run = {key: value for key, value in result.items() if key != "diff"}
    about = {"site": options.site, "job": options.command, "dry_run": options.dry_run}
    return data.outcome_data(about, [{**about_run, **run}], status, began)


def report_outcome(
    options: argparse.Namespace, result: Mapping[str, Any], outcome: Mapping[str, Any]
) -> None:
    if options.quiet and not (result["changed"] or outcome["exit_status"] or result["left_alone_total"]):
        return
    if options.json:
        say([json.dumps(outcome, indent=2)], sys.stdout)
    else:
        say([result["summary"]], sys.stderr if outcome["exit_status"] else sys.stdout)
