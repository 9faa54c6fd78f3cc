# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Which driver for PostgreSQL the engine in this process finds."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

import pytest

from engine.database import drivers


@contextmanager
def only_driver(name: str) -> Iterator[None]:
    """For a while, let the engine in this process find only this driver for PostgreSQL."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drivers, "POSTGRESQL_DRIVERS", [getattr(drivers, f"{name}_connection")])
        yield
