# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The anti-join of an inventory with the references, as the page has it."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Any, Callable

import pytest

from engine.cli import main as command
from engine.errors import Exit
from engine.media.s3.private.bucket import PrivateBucket
from helpers.databases import TestDatabase
from helpers.inventories import (
    FORMS,
    HOSTILE,
    Version,
    candidates_of,
    join_with_duckdb,
    write_hostile_site,
    write_inventory,
)
from helpers.s3_kit import S3Kit
from helpers.s3_servers import MINISTACK, S3Server, Service
from helpers.s3_sites import wait_until_old


@pytest.mark.promise(8)
@pytest.mark.parametrize("form", FORMS)
def test_the_join_of_the_page_leaves_what_is_not_referenced(form: str, tmp_path: Path) -> None:
    references = write_hostile_site(tmp_path, form)
    found = candidates_of(join_with_duckdb(tmp_path, form, references))
    assert found == sorted((f"lost/{name}" for name in HOSTILE), key=str.encode)


class SiteInBucket:
    """A site of which each tenth of 300 objects is an orphan, cleaned by the command."""

    def __init__(self, kit: S3Kit, database: TestDatabase, folder: Path) -> None:
        self.kit = kit
        self.database = database
        self.folder = folder
        self.referenced = [f"photos/{number:03}.jpg" for number in range(300) if number % 10]
        self.orphans = [f"photos/{number:03}.jpg" for number in range(300) if not number % 10]
        kit.write(*(path.encode() for path in [*self.referenced, *self.orphans]))
        database.run("CREATE TABLE photo (id integer PRIMARY KEY, image varchar(100))")
        self.insert(*self.referenced)
        self.candidates = folder / "candidates.csv"
        description = {
            "name": "album",
            "user": getpass.getuser(),
            "database_url": database.url,
            "media_root": kit.place.url,
            "storage_options": kit.server.options,
            "older_than_hours": 0,
            "max_removal_percent": 12,
            "orphans": {
                "directories": ["photos"],
                "references": [{"table": "photo", "column": "image"}],
                "candidates": str(self.candidates),
            },
        }
        (folder / "config" / "sites").mkdir(parents=True)
        (folder / "config" / "sites" / "album.json").write_text(json.dumps(description))

    def insert(self, *images: str) -> None:
        begin = len(self.database.rows("SELECT id FROM photo"))
        rows = (f"({begin + number}, '{image}')" for number, image in enumerate(images))
        self.database.run(f"INSERT INTO photo VALUES {', '.join(rows)}")

    def run(self, *arguments: str) -> int:
        subcommand, *more = arguments
        return command.main([subcommand, "album", *more, "--config", str(self.folder / "config")])

    def outcome(self, capsys: Any, *arguments: str) -> Any:
        """What a run of the job says as JSON."""
        capsys.readouterr()
        assert self.run("orphans", *arguments, "--json", "--verbose") == Exit.DONE
        (result,) = json.loads(capsys.readouterr().out)["runs"]
        return result

    @property
    def objects(self) -> set[str]:
        with self.kit.store() as store:
            return {(run.prefix + name).decode() for run in store.walk(b"", None) for name in run.names}


@pytest.mark.promise(2)
@pytest.mark.promise(10)
def test_a_bucket_is_cleaned_by_its_inventory_of_yesterday(
    s3_servers: Callable[[Service], S3Server],
    sqlite: TestDatabase,
    tmp_path: Path,
    capsys: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The throwaway servers let anybody read.
    monkeypatch.setattr(PrivateBucket, "require_private", lambda _bucket, _key: None)
    kit = S3Kit(s3_servers(MINISTACK))
    site = SiteInBucket(kit, sqlite, tmp_path)
    versions = [Version(f"{kit.prefix}{path}") for path in sorted(site.objects)]
    write_inventory(tmp_path, "Parquet", kit.bucket, versions)
    references = tmp_path / "references.csv"
    assert site.run("references", "--export", str(references)) == Exit.DONE
    assert join_with_duckdb(tmp_path, "Parquet", references, kit.prefix) == site.candidates

    # Since then one object has gone, one is referenced, and another one came.
    gone, claimed, overwritten, *lost = site.orphans
    kit.remove(gone.encode())
    site.insert(claimed)
    kit.write(b"photos/new.jpg")
    wait_until_old()

    checked = site.outcome(capsys, "--dry-run", "--save-plan", str(tmp_path / "plan.json"))
    assert checked["found"]["files"] == len(lost) + 1
    assert [(kept["name"], kept["code"]) for kept in checked["left_alone"]] == [(gone, "absent")]
    assert checked["examined"] == {"files": 29, "referenced": 1, "references": 271, "derived": 0}

    # Since the plan, another object is in the place of one.
    kit.exchange(overwritten.encode(), b"another picture")
    applied = site.outcome(capsys, "--approve", str(tmp_path / "plan.json"))
    assert applied["removed"]["files"] == len(lost)
    assert site.objects == {*site.referenced, claimed, overwritten, "photos/new.jpg"}
    assert kit.read(overwritten.encode()) == b"another picture"

    assert site.run("restore", "latest", "--force") == Exit.DONE
    assert site.objects == {*site.referenced, claimed, overwritten, "photos/new.jpg", *lost}
    assert kit.read(lost[0].encode()) == b"picture"
