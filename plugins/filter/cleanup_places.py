# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cleanup_places
short_description: Where the sites of a host are, as its command says
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Takes what C(media-cleanup check SITE --identity) printed for each site of a host, and returns a row for
    each site, for P(django_media.cleanup.cleanup_verdicts#filter). A site that gave no answer has no row.
positional: _input, host
options:
  _input:
    description: The results of the command, each with the name of its site as C(item).
    type: list
    elements: dict
    required: true
  host:
    description: The host, as the inventory calls it.
    type: str
    required: true
seealso:
  - plugin: django_media.cleanup.cleanup_verdicts
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Which sites of this host could be asked?
  ansible.builtin.debug:
    msg: >-
      {{ asked.results | django_media.cleanup.cleanup_places(inventory_hostname) | map(attribute='site') }}
"""

RETURN = r"""
_value:
  description: The rows, with the same keys as those of P(django_media.cleanup.cleanup_rows#filter).
  type: list
  elements: dict
"""

import json
from typing import Any, Callable, Mapping, Sequence

from ansible.utils.unsafe_proxy import wrap_var

from ..module_utils._fleet.rows import place_row


def cleanup_places(results: Sequence[Mapping[str, Any]], host: str) -> Any:
    """A row for each site that answered. What they say is text of the host, and never a template."""
    answered = [(str(each["item"]), _answer(each["stdout"])) for each in results if each.get("rc") == 0]
    return wrap_var([place_row(host, index, *answer) for index, answer in enumerate(answered)])


def _answer(text: str) -> Mapping[str, Any]:
    """What the command printed; nothing where that is no answer of this version."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cleanup_places": cleanup_places}
