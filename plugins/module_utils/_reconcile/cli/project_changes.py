# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What is new in the Django project of a site since the last run, for the subcommand check."""

from __future__ import annotations

from typing import Iterator

from ..config.site import Site
from ..errors import StateError
from ..quarantine.state import known_fields
from ..quarantine.state.site_state import State
from .rights import Finding


def findings(site: Site) -> Iterator[Finding]:
    """Yield what a person who knows the plans of the last run should know; nothing before the first run."""
    if site.project is None:
        return
    try:
        before = known_fields.earlier(State(site, writes=False))
    except StateError as error:
        yield Finding("what the project had at the last run is known", str(error))
        return
    if before is None:
        return
    for column in sorted(set(site.project.columns) - set(before.columns)):
        yield Finding(
            f"new since the last run: the file field with the column {column}, which protects files"
        )
    for receiver in sorted(set(site.project.delete_receivers) - set(before.delete_receivers)):
        yield Finding(f"new since the last run: the delete receiver {receiver}, which no cleanup runs")
