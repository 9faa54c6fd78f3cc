# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What the tests of removing share: a quarantine beside the media root, and purges of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.builders import Site
from helpers.purging import Purging


@pytest.fixture
def kept_in(tmp_path: Path) -> str:
    """A quarantine that is not there yet."""
    return str(tmp_path / "quarantine")


@pytest.fixture
def kept(site: Site, tmp_path: Path) -> Purging:
    """Purges of a site whose one row references ``p/other.jpg``."""
    site.insert("p/other.jpg")
    return Purging(site, tmp_path / "quarantine")


@pytest.fixture
def sqlite_kept(sqlite_site: Site, tmp_path: Path) -> Purging:
    """The same on SQLite alone."""
    sqlite_site.insert("p/other.jpg")
    return Purging(sqlite_site, tmp_path / "quarantine")
