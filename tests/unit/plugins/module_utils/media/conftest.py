# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The conformance suite on several services: whole on one of them, and what may differ on the others."""

from __future__ import annotations

import os

import pytest

# Set, each test runs on each service, as in ``make test-full``.
EACH_SERVICE = "MEDIA_CLEANUP_TEST_EACH_SERVICE"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get(EACH_SERVICE):
        return
    left_out = [item for item in items if _is_left_out(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def _is_left_out(item: pytest.Item) -> bool:
    kit = item.callspec.params.get("kit") if hasattr(item, "callspec") else None
    if type(kit).__name__ != "BucketOf" or item.get_closest_marker("each_service"):
        return False
    return bool(kit.service.name != "ministack")
