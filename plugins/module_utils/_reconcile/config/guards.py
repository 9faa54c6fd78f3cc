# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The guards by name: what lifts each, and whether a user may accept what it found."""

from __future__ import annotations

from typing import NamedTuple


class Guard(NamedTuple):
    """A check that refuses a whole plan, for a doubt about the whole."""

    name: str
    # The option that lifts it; empty if none does.
    lifted_by: str = ""

    @property
    def can_be_accepted(self) -> bool:
        """Whether the option ``accept`` may list it."""
        return self.lifted_by.startswith("accept:")


def _accepted(name: str) -> Guard:
    return Guard(name, f"accept: [{name}]")


_ALL = (
    Guard("partial"),
    Guard("replica"),
    Guard("marker", "marker"),
    Guard("quarantine", "quarantine"),
    Guard("approved_plan", "approved_plan"),
    Guard("sweep", "sweep_exclude"),
    Guard("max_removal_percent", "max_removal_percent"),
    Guard("max_dependents", "max_dependents"),
    _accepted("no_references"),
    _accepted("no_paths"),
    _accepted("empty_media_root"),
    _accepted("path_mismatch"),
    _accepted("older_database"),
    _accepted("other_database"),
    _accepted("other_media"),
    _accepted("other_file_system"),
    _accepted("emptied_dependents"),
    _accepted("not_durable"),
    _accepted("unconditional_delete"),
    _accepted("no_database"),
)
GUARDS = {guard.name: guard for guard in _ALL}
ACCEPTABLE = tuple(guard.name for guard in _ALL if guard.can_be_accepted)
