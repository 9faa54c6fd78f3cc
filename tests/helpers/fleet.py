# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Plans of the hosts of a fleet, as their modules return them."""

from __future__ import annotations

from typing import Any

from ansible_collections.django_media.cleanup.plugins.filter.cleanup_rows import cleanup_rows

NOTHING = {"records": 0, "files": 0, "bytes": 0}


def job(index: int = 0, name: str = "kit", kind: str = "orphans", table: str = "") -> dict[str, Any]:
    """A job, as far as the comparison of hosts reads it."""
    heading = " · ".join(filter(None, (name, kind, table)))
    return {"index": index, "job": kind, "heading": heading, "options": {"name": name}}


def plan(found: int = 0, examined: int = 100, **more: Any) -> dict[str, Any]:
    """The result of planning a job ``orphans``."""
    return {
        "summary": "…",
        "refused": [],
        "examined": {"files": examined, "records": examined},
        "found": {"records": 0, "files": found, "bytes": 10 * found},
        "removed": NOTHING,
        "identity": {"database": "", "media": ""},
        **more,
    }


def at(database: str, media: str) -> dict[str, Any]:
    return {"identity": {"database": database, "media": media}}


def refused(guard: str, message: str = "…") -> dict[str, Any]:
    return {"refused": [{"guard": guard, "message": message, "lifted_by": ""}]}


def rows(*plans: dict[str, Any], **jobs: Any) -> list[dict[str, Any]]:
    """The rows of hosts called web1, web2, and so on, each with one plan of the same job."""
    return [row for number, each in enumerate(plans, 1) for row in host_rows(f"web{number}", each, **jobs)]


def host_rows(host: str, *plans: dict[str, Any], **jobs: Any) -> list[dict[str, Any]]:
    """The rows of one host: one plan of each job, or one of the job that is described."""
    described = [job(index, **jobs) for index in range(len(plans))]
    return cleanup_rows({str(index): each for index, each in enumerate(plans)}, host, described)
