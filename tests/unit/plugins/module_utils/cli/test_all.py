# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The subcommand all: every job of a site in one run, which lists the files and reads the references once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.database.sqlite.database import SQLite
from engine.errors import Exit
from engine.media.local import LocalStore
from helpers.pages import data_of, paths_of

MISSING = {"table": "photo", "file_column": "image", "confirm_scans": 1}


@pytest.fixture
def site(site_with_batches: Any) -> Any:
    """A site with an orphan, a row whose file is gone, and one whose file is there."""
    describe(site_with_batches, missing=[MISSING])
    site_with_batches.database.run("INSERT INTO photo (image) VALUES ('photos/a.jpg'), ('photos/gone.jpg')")
    for name in ("a.jpg", "orphan.jpg"):
        site_with_batches.write(name)
    return site_with_batches


def describe(site: Any, **more: Any) -> None:
    file = site.folder / "config" / "sites" / "kit.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **more}))


def images(site: Any) -> list[str]:
    return [image for (image,) in site.database.rows("SELECT image FROM photo ORDER BY image")]


def test_every_job_is_done_and_reported(site: Any, capsys: Any) -> None:
    assert site.run("all", "--force", "--json") == Exit.DONE
    outcome = json.loads(capsys.readouterr().out)
    assert (outcome["job"], [run["heading"] for run in outcome["runs"]]) == (
        "all",
        ["kit · orphans", "kit · missing · photo"],
    )
    assert [(run["removed"]["files"], run["removed"]["records"]) for run in outcome["runs"]] == [
        (1, 0),
        (0, 1),
    ]
    assert (site.files, images(site)) == ({"a.jpg"}, ["photos/a.jpg"])


def test_the_files_are_listed_and_the_references_read_once(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counted(of: type, name: str) -> None:
        original = getattr(of, name)

        def call(self: Any, *arguments: Any, **options: Any) -> Any:
            asked.append(name)
            return original(self, *arguments, **options)

        monkeypatch.setattr(of, name, call)

    describe(site, include_likely_moves=True)
    counted(LocalStore, "walk")
    counted(SQLite, "references")
    assert site.run("all", "--dry-run", "--quiet") == Exit.DONE
    assert asked == ["references", "walk"]


@pytest.mark.promise(7)
def test_a_saved_plan_of_all_jobs_is_approved_as_a_whole(site: Any, tmp_path: Path, capsys: Any) -> None:
    plan = str(tmp_path / "plan")
    assert site.run("all", "--save-plan", plan) == Exit.DONE
    site.write("late.jpg")
    assert site.run("orphans", "--approve", plan) == Exit.UNUSABLE
    assert "was made for kit all" in capsys.readouterr().err
    assert site.run("all", "--approve", plan) == Exit.DONE
    assert (site.files, images(site)) == ({"a.jpg", "late.jpg"}, ["photos/a.jpg"])


@pytest.mark.promise("guards")
def test_a_job_that_is_refused_does_not_stop_the_others(site: Any, capsys: Any) -> None:
    describe(site, missing=[{**MISSING, "max_removal_percent": 10}])
    assert site.run("all", "--force") == Exit.REFUSED
    assert "max_removal_percent" in capsys.readouterr().err
    assert (site.files, len(images(site))) == ({"a.jpg"}, 2)


def test_the_command_line_overrides_what_all_jobs_have(site: Any, capsys: Any) -> None:
    assert site.run("all", "--force", "--max-removal-percent", "10") == Exit.REFUSED
    assert "max_removal_percent" in capsys.readouterr().err
    assert site.files == {"a.jpg", "orphan.jpg"}


def test_a_page_shows_the_plans_of_all_jobs(site: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert site.run("all", "--quiet", "--report", str(page)) == Exit.DONE
    parts = [(part["job"], paths_of(part)) for part in data_of(page)["parts"]]
    assert parts == [("orphans", ["photos/orphan.jpg"]), ("missing", ["photos/gone.jpg"])]


def test_a_site_without_any_job_is_said_to_have_none(site: Any, capsys: Any) -> None:
    describe(site, orphans=[], missing=[])
    assert site.run("all", "--dry-run") == Exit.UNUSABLE
    assert "describes no job" in capsys.readouterr().err
