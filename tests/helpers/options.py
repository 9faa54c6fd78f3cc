# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What tests say of a site unless they mean something else."""

from __future__ import annotations

from typing import Any


def or_for_good(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a test, which deletes for good unless it asks for something else."""
    return options if {"quarantine", "permanent"} & set(options) else {**options, "permanent": True}
