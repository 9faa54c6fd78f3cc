# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The files that SQLite makes beside a database in WAL mode: who only reads leaves none of them."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.config.site import Column
from engine.database.drivers import connect
from helpers.builders import Site, run
from helpers.users import as_nobody

IMAGES = [Column("photo", "image")]


def path_of(site: Site) -> Path:
    return Path(site.database.url.partition("///")[2])


def beside(site: Site) -> dict[str, tuple[int, int]]:
    """The database's files with their sizes and times."""
    path = path_of(site)
    found = [(file.name, file.stat()) for file in path.parent.glob(f"{path.name}*")]
    return {name: (status.st_size, status.st_mtime_ns) for name, status in found}


@pytest.fixture
def wal_site(sqlite_with_orphan: Site) -> Site:
    """A site whose database is in WAL mode, and which nobody has open."""
    sqlite_with_orphan.database.run("PRAGMA journal_mode = WAL")
    assert len(beside(sqlite_with_orphan)) == 1
    return sqlite_with_orphan


@pytest.mark.promise(6)
@pytest.mark.parametrize("job", ["orphans", "missing", "incomplete"])
def test_a_dry_run_leaves_the_files_of_the_database_as_they_were(wal_site: Site, job: str) -> None:
    before = beside(wal_site)
    plan, _outcome = run(getattr(wal_site, job)(), check=True)
    assert beside(wal_site) == before
    assert not any("-wal" in warning for warning in plan.warnings)


@pytest.mark.promise(2)
def test_rows_that_are_committed_in_the_wal_alone_are_seen_and_stay(wal_site: Site) -> None:
    with closing(sqlite3.connect(path_of(wal_site))) as other:
        other.execute("PRAGMA wal_autocheckpoint = 0")
        other.execute("INSERT INTO photo (id, image) VALUES (100, 'p/lost.jpg')")
        other.commit()
        before = beside(wal_site)
        plan, _outcome = run(wal_site.orphans(), check=True)
        assert len(plan.items) == 0
        # Readers note their marks in -shm.
        assert {name: was for name, was in before.items() if "-shm" not in name}.items() <= beside(
            wal_site
        ).items()
        with connect(wal_site.database.url, read_only=True) as reading:
            other.execute("UPDATE photo SET thumbnail = 'p/new.jpg' WHERE id = 100")
            other.commit()
            assert reading.count_references([Column("photo", "thumbnail")], [b"p/new.jpg"])


def test_a_writer_that_comes_meanwhile_keeps_its_files(wal_site: Site) -> None:
    with connect(wal_site.database.url, read_only=True) as reading:
        other = sqlite3.connect(path_of(wal_site))
        other.execute("INSERT INTO photo (id, image) VALUES (100, 'p/lost.jpg')")
        other.commit()
        assert reading.count_references(IMAGES, [b"p/lost.jpg"])
    assert len(beside(wal_site)) == 3
    other.execute("INSERT INTO photo (id, image) VALUES (101, 'p/lost.jpg')")
    other.commit()
    other.close()
    assert len(beside(wal_site)) == 1
    assert "p/lost.jpg" in wal_site.images


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user who may not write")
def test_what_this_user_cannot_take_away_is_told(public_site: Site) -> None:
    path = path_of(public_site)
    public_site.database.run("PRAGMA journal_mode = WAL")
    path.chmod(0o644)

    def notes() -> Any:
        with connect(public_site.database.url, read_only=True) as reading:
            return list(reading.notes)

    assert [note for note in as_nobody(notes) if "-wal' and the file -shm beside it" in note]
    assert len(beside(public_site)) == 3


@pytest.mark.promise(14)
def test_what_is_written_to_the_wal_changes_the_mark(wal_site: Site) -> None:
    before = beside(wal_site)
    with connect(wal_site.database.url, read_only=True) as database:
        mark = database.change_mark()
        assert mark == database.change_mark()
        wal_site.insert("p/new.jpg")
        assert database.change_mark() != mark
    assert set(beside(wal_site)) == set(before)


@pytest.mark.promise(14)
def test_another_file_in_the_place_of_the_database_changes_the_mark(wal_site: Site, tmp_path: Path) -> None:
    path = path_of(wal_site)
    with connect(wal_site.database.url, read_only=True) as database:
        mark = database.change_mark()
        (tmp_path / "copy").write_bytes(path.read_bytes())
        (tmp_path / "copy").replace(path)
        assert database.change_mark() != mark


@pytest.mark.promise(14)
def test_a_database_that_is_moved_away_proves_nothing(wal_site: Site, tmp_path: Path) -> None:
    """Who opens it by its name may write to another one by then."""
    path = path_of(wal_site)
    with connect(wal_site.database.url, read_only=True) as database:
        assert database.change_mark()
        path.rename(tmp_path / "aside")
        assert database.change_mark() is None
        (tmp_path / "aside").rename(path)
