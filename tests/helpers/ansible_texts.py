# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Texts as Ansible sees them: templates, which it may run, and others."""

from __future__ import annotations

from typing import Any

try:
    from ansible.template import is_trusted_as_template, trust_as_template
except ImportError:
    # ansible-core 2.18: every text is one, unless it is said to be none.
    from ansible.utils.unsafe_proxy import AnsibleUnsafe

    def a_template(text: str) -> Any:
        """A text that Ansible may run."""
        return text

    def is_template(value: Any) -> bool:
        """Whether Ansible may run a text."""
        return not isinstance(value, AnsibleUnsafe)
else:

    def a_template(text: str) -> Any:
        """A text that Ansible may run."""
        return trust_as_template(text)

    def is_template(value: Any) -> bool:
        """Whether Ansible may run a text."""
        return bool(is_trusted_as_template(value))
