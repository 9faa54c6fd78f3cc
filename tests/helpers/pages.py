# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Reads the page that shows plans, and exports from it what a reviewer keeps, as its script does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Iterable

from engine.config.review import VARIABLE, VERSION, checksum

_NAMES = ("host", "site", "job", "heading", "plan_id", "plan")


def data_of(page: Path) -> Any:
    """What a page shows, as data."""
    found = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL
    )
    assert found
    return json.loads(found[1])


def paths_of(part: Any) -> list[str]:
    """The paths of the items of a plan, as a page shows them."""
    folders = part["folders"]
    return [f"{folders[item[0]]}/{item[1]}".lstrip("/") for item in part["items"]]


def exported(page: Path, *unticked: str) -> dict[str, Any]:
    """What the page exports if the items of these paths are unticked."""
    jobs = []
    for part in data_of(page)["parts"]:
        if part["message"]:
            continue
        paths = paths_of(part)
        items = [at for at, path in enumerate(paths) if path in unticked]
        jobs.append(entry(part, [part["items"][at][4] or paths[at] for at in items]))
    return {VARIABLE: {"version": VERSION, "jobs": jobs}}


def entry(part: Any, keep: Iterable[str]) -> dict[str, Any]:
    found = {**{name: part[name] for name in _NAMES}, "keep": list(keep)}
    return {**found, "count": len(found["keep"]), "checksum": checksum(found)}
