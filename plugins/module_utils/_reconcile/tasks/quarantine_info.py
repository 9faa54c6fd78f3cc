# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The task that lists the batches of a quarantine."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ..answers import Answer, Emit, Files, Request
from ..config.django_jobs.from_options import quarantine_of_site
from ..config.jobs import site
from ..config.options import QUARANTINE_INFO
from ..config.purge import purge_of
from ..config.values import checked
from ..quarantine import store as batches
from ..quarantine.place import place_said
from ..quarantine.store import BatchInfo
from ..report import quarantine as report
from ..report.page.batches import emit_batch
from ..report.page.document import Limits
from ..report.page.dry_runs import dry_runs
from ..text import escaped


def answer(request: Request, files: Files) -> Answer:
    """List the batches of a quarantine."""
    known = quarantine_of_site(request["options"])
    options = checked(known, QUARANTINE_INFO)
    found, unreadable = batches.survey(place_said(options))
    if options["report"]:
        _report_batches({**known, "report": options["report"]}, found, files.reported)
    return {
        "result": {"changed": False, **report.batches(found, options["max_listed"])},
        "warnings": report.unreadable_words(unreadable, options["max_listed"]),
        "failure": "",
    }


def _report_batches(known: Mapping[str, Any], found: Sequence[BatchInfo], emit: Emit) -> None:
    """Emit what a page shows of the batches that were taken from the media root of a site."""
    of, report = site(known), known["report"]
    own = [info for info in found if info.media_root == escaped(of.media_root)]
    most = max(1, len(own))
    limits = Limits(report["most_bytes"] // most, report["most_thumbnails"] // most)
    for info in own:
        found_out = dry_runs(of, info.name, lambda name: [purge_of({**known, "batch": name})])
        emit_batch(of, info, found_out, limits, emit)
    emit(None)
