# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What the tests of the engine share: a media root, and a site on each kind of database."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Iterator

import pytest
from hypothesis import settings

from engine.media.local import LocalStore
from engine.plan.dependents import cascade
from helpers.builders import Media, Site
from helpers.mounts import tmpfs

# The same examples in every run, and as many as a save can wait for.
settings.register_profile("unit", deadline=None, database=None, derandomize=True, max_examples=60)
settings.load_profile("unit")


@pytest.fixture
def media(tmp_path: Path) -> Media:
    """An empty media root."""
    return Media(tmp_path / "media")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file beside the media root, which nothing may touch."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious.jpg").write_bytes(b"precious")
    os.utime(folder / "precious.jpg", (0, 0))
    return folder


@pytest.fixture
def public_media() -> Iterator[Media]:
    """An empty media root that any user may enter, unlike pytest's own folders."""
    folder = tempfile.mkdtemp(prefix="media-cleanup-")
    os.chmod(folder, 0o755)
    yield Media(os.path.join(folder, "media"))
    subprocess.run(["chmod", "-R", "u+rwx", folder], check=True)
    shutil.rmtree(folder)


@pytest.fixture
def media_with_mount(media: Media) -> Iterator[Media]:
    """A media root with another file system mounted at ``mounted``."""
    media.mkdir("mounted")
    with tmpfs(Path(os.fsdecode(media.path("mounted")))):
        yield media


@pytest.fixture
def site(database: Any, media: Media) -> Site:
    """A site without any photo yet, on PostgreSQL and on SQLite in turn."""
    return Site(database, media)


@pytest.fixture
def sqlite_site(sqlite: Any, media: Media) -> Site:
    """The same on SQLite alone, where the database does not matter."""
    return Site(sqlite, media)


@pytest.fixture
def public_site(public_media: Media, sqlite: Any) -> Site:
    """A site of which any user may use the database, and that of the media what the test allows."""
    folder = os.path.dirname(os.fsdecode(public_media.root))
    site = Site(replace(sqlite, url=f"sqlite:///{folder}/db"), public_media)
    os.chmod(f"{folder}/db", 0o666)
    os.chmod(folder, 0o777)
    return site


@pytest.fixture
def tree(media: Media) -> Iterator[LocalStore]:
    """The empty media root, opened."""
    with LocalStore(media.root, 100) as opened:
        yield opened


@pytest.fixture
def site_with_missing_file(site: Site) -> Site:
    """A site whose first row has its file, and whose second row has lost it."""
    site.media.write("p/there.jpg")
    site.insert("p/there.jpg", "p/gone.jpg")
    return site


@pytest.fixture
def sqlite_with_missing_file(sqlite_site: Site) -> Site:
    """The same on SQLite alone."""
    sqlite_site.media.write("p/there.jpg")
    sqlite_site.insert("p/there.jpg", "p/gone.jpg")
    return sqlite_site


@pytest.fixture
def site_with_orphan(site: Site) -> Site:
    """A site where a row names ``p/kept.jpg`` and none names ``p/lost.jpg``."""
    site.media.write("p/kept.jpg", "p/lost.jpg")
    site.insert("p/kept.jpg")
    return site


@pytest.fixture
def sqlite_with_orphan(sqlite_site: Site) -> Site:
    """The same on SQLite alone."""
    sqlite_site.media.write("p/kept.jpg", "p/lost.jpg")
    sqlite_site.insert("p/kept.jpg")
    return sqlite_site


@pytest.fixture(params=["by sets", "by keys"])
def site_with_missing_files(
    site: Site, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Site:
    """A site whose photo 1 has its file, and whose photos 2 and 3 have lost theirs.

    Where what depends on them can be handled in sets, it is also followed row by row.
    """
    if request.param == "by keys":
        monkeypatch.setattr(cascade, "SetCascade", cascade.KeyCascade)
    site.media.write("p/1.jpg")
    site.insert("p/1.jpg", "p/2.jpg", "p/3.jpg")
    return site


@pytest.fixture
def postgresql_with_missing_file(postgresql: Any, media: Media) -> Site:
    """A site whose photo 1 has its file, and whose photo 2 has lost its own."""
    site = Site(postgresql, media)
    media.write("p/1.jpg")
    site.insert("p/1.jpg", "p/2.jpg")
    return site
