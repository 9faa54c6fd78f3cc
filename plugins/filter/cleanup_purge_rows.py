# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cleanup_purge_rows
short_description: What became of each purge on a host, one by one
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Takes the results of purging the quarantines of a host, and returns a row for each one of which batches
    are due or deleted, or whose purge failed, for P(django_media.cleanup.cleanup_summary#filter).
positional: _input, host, quarantines, done
options:
  _input:
    description:
      - The results of M(django_media.cleanup.media_quarantine), each with the number of its quarantine as
        C(item).
    type: list
    elements: dict
    required: true
  host:
    description: The host, as the inventory calls it.
    type: str
    required: true
  quarantines:
    description: The quarantines, as P(django_media.cleanup.cleanup_quarantines#filter) returns them.
    type: list
    elements: dict
    required: true
  done:
    description: Whether the batches are deleted, and not only due.
    type: bool
    default: false
seealso:
  - plugin: django_media.cleanup.cleanup_rows
    plugin_type: filter
"""

EXAMPLES = r"""
- name: How did each purge end?
  ansible.builtin.debug:
    msg: >-
      {{ results | django_media.cleanup.cleanup_purge_rows(inventory_hostname, quarantines)
         | map(attribute='state') }}
"""

RETURN = r"""
_value:
  description: The rows, with the same keys as those of P(django_media.cleanup.cleanup_rows#filter).
  type: list
  elements: dict
"""

from typing import Any, Callable, Mapping, Sequence

from ansible.utils.unsafe_proxy import wrap_var

from ..module_utils._fleet.rows import CLEAN, purge_row


def cleanup_purge_rows(
    results: Sequence[Mapping[str, Any]],
    host: str,
    quarantines: Sequence[Mapping[str, Any]],
    done: bool = False,
) -> Any:
    """A row for each of these quarantines. What they quote is text of the hosts, and never a template."""
    rows = (purge_row(host, quarantines[result["item"]], result, done) for result in results)
    return wrap_var([row for row in rows if row["state"] != CLEAN])


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cleanup_purge_rows": cleanup_purge_rows}
