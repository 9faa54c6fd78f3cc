# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What the tests of the whole share: Ansible, and small and full sites on each kind of database."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Iterator

import pytest

from helpers import browser
from helpers.ansible_runs import Ansible
from helpers.browser import Browse, Step
from helpers.builders import Media
from helpers.builders import Site as EngineSite
from helpers.checkout import REPOSITORY
from helpers.commands import Command
from helpers.fetched import CannotBeHad
from helpers.full_sites import FullSite, settled
from helpers.sites import Site, drifted


@pytest.fixture
def ansible(tmp_path_factory: pytest.TempPathFactory) -> Ansible:
    """Ansible with a home of its own, outside of the folder that the test looks at."""
    return Ansible(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection's archive: of a release, where one is given, else built from the checkout."""
    given = os.environ.get("MEDIA_CLEANUP_TEST_ARCHIVE")
    if given:
        return Path(given)
    folder = tmp_path_factory.mktemp("archive")
    ansible = Ansible(tmp_path_factory.mktemp("home"))
    run = ansible.run("ansible-galaxy", "collection", "build", REPOSITORY, "--output-path", folder)
    assert run.status == 0, run.output
    (path,) = folder.iterdir()
    return path


@pytest.fixture
def site(tmp_path: Path, database: Any) -> Site:
    """A site without any photo yet, on PostgreSQL and on SQLite in turn."""
    return Site(tmp_path, database)


@pytest.fixture
def sqlite_site(tmp_path: Path, sqlite: Any) -> Site:
    """The same on SQLite alone, where the database does not matter."""
    return Site(tmp_path, sqlite)


@pytest.fixture
def kit(tmp_path: Path, postgresql: Any) -> Site:
    """The site kit, on PostgreSQL, with something for each job to find."""
    return drifted(Site(tmp_path / "kit", postgresql, "kit"))


@pytest.fixture
def album(tmp_path: Path, sqlite: Any) -> Site:
    """The site album, on SQLite, with something for each job to find."""
    return drifted(Site(tmp_path, sqlite, "album"))


@pytest.fixture
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command, installed, with no site described yet."""
    return Command(tmp_path_factory.mktemp("command"))


@pytest.fixture
def full_site(tmp_path: Path, database: Any) -> FullSite:
    """A full site on PostgreSQL and on SQLite in turn."""
    return settled(FullSite(tmp_path, database))


@pytest.fixture
def sqlite_full_site(tmp_path: Path, sqlite: Any) -> FullSite:
    """The same on SQLite alone, where the database does not matter."""
    return settled(FullSite(tmp_path, sqlite))


@pytest.fixture
def other_file_system(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    if os.stat("/dev/shm").st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def two_disk_site(tmp_path: Path, sqlite: Any, other_file_system: Path) -> FullSite:
    """A full site whose quarantine is on another file system."""
    return settled(FullSite(tmp_path, sqlite, other_file_system))


@pytest.fixture(scope="session")
def has_browser() -> None:
    """Skips where no browser can be had."""
    try:
        browser.installation()
    except CannotBeHad as error:
        pytest.skip(f"there is no browser for the tests: {error}")


@pytest.fixture
def engine_site(sqlite: Any, tmp_path: Path) -> EngineSite:
    """A site for the engine alone."""
    return EngineSite(sqlite, Media(tmp_path / "media"))


@pytest.fixture
def browse(has_browser: None, tmp_path: Path) -> Browse:
    """Opens a page, takes steps on it, and requires that it said and requested nothing."""

    def watch(html: Path, *steps: Step, **more: Any) -> dict[str, Any]:
        found = browser.watched(html, steps, tmp_path, **more)
        assert found["said"] == []
        assert [url for url in found["requests"] if not url.startswith("data:image/jpeg;")] == [
            f"file://{html}"
        ]
        found["values"] = [result["value"] for result in found["results"]]
        return found

    return watch
