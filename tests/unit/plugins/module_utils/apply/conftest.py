# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What the tests of removing share: a quarantine beside the media root."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def kept_in(tmp_path: Path) -> str:
    """A quarantine that is not there yet."""
    return str(tmp_path / "quarantine")
