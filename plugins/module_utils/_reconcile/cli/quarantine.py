# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The subcommands batches, restore and purge: what the quarantine of a site keeps."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any, Mapping, Sequence

from ..apply.restore import restore
from ..config.site import Site
from ..errors import CleanupError, Exit, SiteError
from ..quarantine import store as quarantine
from ..quarantine.store import BatchInfo
from ..report import metrics as monitoring
from ..report import words as report
from ..text import escaped
from . import site as described
from .ending import outcome_of
from .terminal import complain, is_confirmed, require_somebody, say

# What may be said instead of the name of a batch.
LATEST = "latest"


def list_batches(options: argparse.Namespace) -> Exit:
    """Print what is kept of the site, or those batches of it that hold one of some paths."""
    for site in described.quarantined(options):
        for trouble in quarantine.survey(site.quarantine or b"")[1]:
            complain(trouble)
    found = [
        info for site, info in _kept(options) if _holds_any(site, info, _below_root(site, options.paths))
    ]
    if options.json:
        content = {"site": options.site, "batches": report.batches(found)["batches"]}
        say([json.dumps(content, indent=2)], sys.stdout)
    elif found or not options.quiet:
        say(report.batch_table(found), sys.stdout)
    return Exit.DONE


def _kept(options: argparse.Namespace) -> list[tuple[Site, BatchInfo]]:
    """Every batch that was taken from the site, the oldest first, with the site as it was then."""
    found = [
        (site, info)
        for site in described.quarantined(options)
        for info in quarantine.batches(site.quarantine or b"")
        if info.media_root == escaped(site.media_root)
    ]
    return sorted(found, key=lambda kept: kept[1].moment)


def _holds_any(site: Site, info: BatchInfo, paths: Sequence[str]) -> bool:
    return not paths or bool(set(paths) & set(quarantine.paths_in(site.quarantine or b"", info.name)))


def _below_root(site: Site, written: Sequence[str]) -> list[str]:
    """Paths as batches have them: a person may well copy a whole one."""
    root = escaped(site.media_root).rstrip("/") + "/"
    return [path[len(root) :] if path.startswith(root) else path for path in written]


# Restoring.


def restore_batch(options: argparse.Namespace) -> Exit:
    """Show what would come back, ask if need be, bring it back; tell what could not come."""
    began = time.time()
    site, name = _chosen(options)
    paths = _below_root(site, options.paths)

    def attempt(check: bool) -> dict[str, Any]:
        return report.restored(restore(site, name, paths, check), check)

    if _must_ask(options, "nothing was brought back", "restore"):
        planned = attempt(check=True)
        if planned["changed"] and not _is_confirmed(planned, "Bring this back?"):
            complain("nothing was brought back, because nobody typed yes.")
            return Exit.UNCONFIRMED
    result = attempt(check=options.dry_run)
    status = Exit.PARTIAL if result["left_alone_total"] else Exit.DONE
    _tell(options, result, _outcome(options, result, status, began))
    return status


def _chosen(options: argparse.Namespace) -> tuple[Site, str]:
    """The batch that is meant: by its name, by how its name begins, or as the latest."""
    kept = _kept(options)
    wanted = options.batch
    fitting = [(site, info.name) for site, info in kept if wanted and info.name.startswith(wanted)]
    if wanted == LATEST:
        fitting = [(site, info.name) for site, info in kept][-1:]
    exact = [(site, name) for site, name in fitting if name == wanted]
    if len(exact or fitting) == 1:
        return (exact or fitting)[0]
    trouble = f"no batch is called {wanted!r}"
    if fitting:
        trouble = f"the names of {len(fitting)} batches begin with {wanted!r}"
    table = report.batch_table([info for _site, info in kept])
    raise SiteError("\n".join([f"{trouble}. These are kept of site {options.site!r}:", *table]))


# Purging.


def purge_batches(options: argparse.Namespace) -> Exit:
    """Show which batches would go, ask if need be, delete them for good; tell and leave word."""
    began = time.time()
    try:
        found = _purge(options)
    except CleanupError as error:
        monitoring.leave(options, _outcome(options, {"message": str(error)}, error.exit_status, began))
        raise
    status = Exit.DONE if found is not None else Exit.UNCONFIRMED
    result = report.purged(found or [], options.dry_run)
    totals = {
        "records": sum(info.rows for info in found or ()),
        "files": sum(info.files for info in found or ()),
        "bytes": sum(info.bytes for info in found or ()),
    }
    result.update(found=totals, removed={} if options.dry_run else totals)
    outcome = _outcome(options, result, status, began)
    if found is None:
        complain("nothing was deleted, because nobody typed yes.")
    else:
        _tell(options, result, outcome)
    return status if monitoring.leave(options, outcome) else Exit.FAILED


def _purge(options: argparse.Namespace) -> list[BatchInfo] | None:
    """Delete what the command line means and return it; None if nobody said yes."""
    if not _must_ask(options, "nothing was deleted", "delete"):
        return [info for _site, info in _doomed(options, options.dry_run)]
    doomed = _doomed(options, check=True)
    question = "This cannot be undone. Delete them for good?"
    if doomed and not _is_confirmed(report.purged([info for _site, info in doomed], True), question):
        return None
    # What was shown and nothing else, by name.
    return [
        info
        for site, shown in doomed
        for info in quarantine.purge(site.quarantine or b"", shown.name, None, check=False)
    ]


def _doomed(options: argparse.Namespace, check: bool) -> list[tuple[Site, BatchInfo]]:
    """The batches that go, or in a check would; of a quarantine that sites share, this site's alone."""
    if options.batch is not None:
        sites, name = [_chosen(options)[0]], _chosen(options)[1]
    else:
        sites, name = described.quarantined(options), None
    return [
        (site, info)
        for site in sites
        for info in quarantine.purge(
            site.quarantine or b"", name, options.older_than_days, check, site.media_root
        )
    ]


# Asking and telling.


def _must_ask(options: argparse.Namespace, undone: str, verb: str) -> bool:
    """Whether there is a question to be asked; raises UnconfirmedError if nobody can be."""
    if options.dry_run or options.force:
        return False
    require_somebody(undone, f"Add --force to {verb} without asking, or --dry-run to look.")
    return True


def _is_confirmed(planned: Mapping[str, Any], question: str) -> bool:
    say([planned["summary"]], sys.stderr)
    return is_confirmed(question)


def _outcome(
    options: argparse.Namespace, result: Mapping[str, Any], status: Exit, began: float
) -> dict[str, Any]:
    told = {"heading": f"{options.site} · {options.command}", "status": status.name.lower(), "message": ""}
    run = {key: value for key, value in result.items() if key != "diff"}
    return outcome_of(options, [{**told, **run}], status, began)


def _tell(options: argparse.Namespace, result: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
    if options.quiet and not (result["changed"] or outcome["exit_status"]):
        return
    if options.json:
        say([json.dumps(outcome, indent=2)], sys.stdout)
    else:
        say([result["summary"]], sys.stderr if outcome["exit_status"] else sys.stdout)
