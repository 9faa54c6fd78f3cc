# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a reviewer decided on the page that shows plans: for each job its plan, and what of it is kept.

The page writes it as JSON, which is YAML too. Whatever it says, it removes nothing: its plan and its list
only take away from what a run would remove.
"""

from __future__ import annotations

import re
import time
import zlib
from typing import Any, Mapping, NamedTuple, Sequence

from ..errors import SiteError

# The variable of the playbook, which is the only key of the file.
VARIABLE = "media_cleanup_keep"
VERSION = 1
_AGAIN = "Export it again from the page, and do not change it."
# What plans and their names are made of; nothing of it is a template.
_TOKEN = re.compile(r"[A-Za-z0-9=_-]+")
_TEXTS = ("host", "site", "job", "heading", "plan_id", "plan")


class Review(NamedTuple):
    """What was decided about one job."""

    plan_id: str
    plan: str
    keep: Sequence[str]


def reviews(document: Any, host: str, headings: Sequence[str]) -> list[Review]:
    """What a keep list decides about each of these jobs of a host, in their order.

    Raises SiteError where it is no such list or was changed, and for a job that it has nothing about:
    nobody has reviewed that.
    """
    entries = [entry for entry in _entries(document) if entry["host"] == host]
    by_heading: dict[str, list[Review]] = {}
    for entry in entries:
        review = Review(entry["plan_id"], entry["plan"], entry["keep"])
        by_heading.setdefault(entry["heading"], []).append(review)
    found = []
    for heading in headings:
        # Several jobs may have one heading: they come in the order of the description.
        if not by_heading.get(heading):
            raise SiteError(
                f"the keep list has nothing about {heading!r} of the host {host!r}: nobody has reviewed it. "
                "Make the page again, or restrict the run to the hosts and jobs that were reviewed."
            )
        found.append(by_heading[heading].pop(0))
    return found


def approval(plans: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """A keep list that keeps nothing of these plans: they are approved as a whole.

    Raises SiteError for what is no plan. It comes from a host, and is going to be a variable.
    """
    jobs = []
    for plan in plans:
        for name in ("plan_id", "plan"):
            if not (isinstance(plan[name], str) and _TOKEN.fullmatch(plan[name])):
                raise SiteError(
                    f"what the host {plan['host']!r} answered for {plan['heading']!r} as its {name} is none. "
                    "Nothing was passed on. Find out what changed the engine or its answer on that host."
                )
        entry = {**{name: plan[name] for name in _TEXTS}, "keep": [], "count": 0}
        jobs.append({**entry, "checksum": checksum(entry)})
    return {
        "about": "Plans that were approved as a whole.",
        "version": VERSION,
        "made": time.time(),
        "jobs": jobs,
    }


def _entries(document: Any) -> Sequence[Mapping[str, Any]]:
    if isinstance(document, dict) and isinstance(document.get(VARIABLE), dict):
        document = document[VARIABLE]
    if not isinstance(document, dict) or not isinstance(document.get("jobs"), list):
        raise SiteError(f"the keep list is none that a page has exported. {_AGAIN}")
    if document.get("version") != VERSION:
        raise SiteError(
            f"the keep list has the version {document.get('version')!r}, this release reads {VERSION}. Make "
            "the page again with this release."
        )
    for entry in document["jobs"]:
        if not _is_entry(entry):
            raise SiteError(f"the keep list has an entry that is none. {_AGAIN}")
        if entry["count"] != len(entry["keep"]) or entry["checksum"] != checksum(entry):
            raise SiteError(
                f"the keep list was changed or cut off after its export: count or checksum of "
                f"{entry['heading']!r} of the host {entry['host']!r} do not fit. {_AGAIN}"
            )
    entries: Sequence[Mapping[str, Any]] = document["jobs"]
    return entries


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and all(isinstance(entry.get(name), str) for name in _TEXTS)
        and isinstance(entry.get("keep"), list)
        and all(isinstance(each, str) for each in entry["keep"])
    )


def checksum(entry: Mapping[str, Any]) -> str:
    """What tells whether an entry is whole, as the page computes it; no secret, so no signature."""
    lines = "\n".join([*(entry[name] for name in _TEXTS), *entry["keep"]])
    return f"{zlib.crc32(lines.encode('utf-8', 'surrogatepass')):08x}"
