# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The tasks that change a quarantine: a restore, a purge, a pin."""

from __future__ import annotations

from typing import Any, Mapping

from ..answers import Answer, Files, Request
from ..apply import purge_items, restore
from ..apply.restore_rows import Restored
from ..config.django_jobs.from_options import quarantine_of_site
from ..config.jobs import site
from ..config.options import QUARANTINE
from ..config.purge import purge_of
from ..config.values import checked
from ..quarantine import store as batches
from ..quarantine.place import place_of, place_said
from ..report import quarantine as report


def answer(request: Request, _files: Files) -> Answer:
    """Restore a batch, purge old ones, or keep one longer."""
    known = quarantine_of_site(request["options"])
    options, check = checked(known, QUARANTINE), request["check"]
    if options["state"] == "purged":
        result = report.purged(purge_items.carry_out(purge_of(known), check), check)
    elif options["state"] == "restored":
        result = report.restored(_restore(options, check), check)
    else:
        result = _pin(options, check)
    left = result["left_alone_total"]
    if not request["diff"]:
        del result["diff"]
    warnings = [f"left in quarantine: {left}; see left_alone."] if left and not check else []
    return {"result": result, "warnings": warnings, "failure": ""}


def _restore(options: Mapping[str, Any], check: bool) -> Restored:
    to = site(options)
    name = options["batch"]
    if name == batches.LATEST:
        name = batches.latest(place_of(to), to.media_root)
    return restore.restore(to, name, options["paths"], check)


def _pin(options: Mapping[str, Any], check: bool) -> dict[str, Any]:
    name, pinned = options["batch"], options["state"] == "pinned"
    changes = batches.pin(place_said(options), name, pinned, check)
    return report.pinned(name, pinned, changes, check)
