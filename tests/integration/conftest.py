# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What the tests of the whole share: Ansible, and a small site on each kind of database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from commands import Command
from support import Ansible, Site


@pytest.fixture
def ansible(tmp_path_factory: pytest.TempPathFactory) -> Ansible:
    """Ansible with a home of its own, outside of the folder that the test looks at."""
    return Ansible(tmp_path_factory.mktemp("home"))


@pytest.fixture
def site(tmp_path: Path, database: Any) -> Site:
    """A site without any photo yet, on PostgreSQL and on SQLite in turn."""
    return Site(tmp_path, database)


@pytest.fixture
def sqlite_site(tmp_path: Path, sqlite: Any) -> Site:
    """The same on SQLite alone, where the database does not matter."""
    return Site(tmp_path, sqlite)


@pytest.fixture
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command, installed, with no site described yet."""
    return Command(tmp_path_factory.mktemp("command"))
