# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cleanup_question
short_description: The question before anything is removed from the hosts of a run
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Takes what is wanted of each host, and returns a line for each job that removes something and for each
    quarantine of which something is deleted, a line with the totals, and the question.
positional: _input
options:
  _input:
    description:
      - For each host, in this order, its name, what M(django_media.cleanup.media_plans) returned, the
        numbers of the jobs that are carried out, the purges that delete something, by the number of their
        quarantine as text, and whether each job has a quarantine, in the order of their numbers.
    type: list
    elements: list
    required: true
seealso:
  - module: django_media.cleanup.media_plans
"""

EXAMPLES = r"""
- name: Ask
  ansible.builtin.pause:
    prompt: "{{ [[inventory_hostname, planned, [0], {}, [true]]] | django_media.cleanup.cleanup_question }}"
"""

RETURN = r"""
_value:
  description: The text of the question.
  type: str
"""

from typing import Any, Callable, Iterable, Sequence

from ansible.utils.unsafe_proxy import wrap_var

from ..module_utils._fleet.question import Asked, lines


def cleanup_question(hosts: Iterable[Sequence[Any]]) -> Any:
    """The text of the question. It quotes texts of the hosts, which are no templates."""
    return wrap_var("\n".join(lines([Asked(*of) for of in hosts])))


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cleanup_question": cleanup_question}
