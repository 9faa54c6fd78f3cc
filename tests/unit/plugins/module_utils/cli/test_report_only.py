# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A schedule that only looks: nothing is removed, and those who watch see each run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import Exit


@pytest.fixture
def watched(tmp_path: Path) -> dict[str, Path]:
    return {option: tmp_path / f"written.{option}" for option in ("outcome", "metrics", "log", "report")}


def arguments(watched: dict[str, Path], *left_out: str) -> list[str]:
    return [
        word for name, path in watched.items() if name not in left_out for word in (f"--{name}", str(path))
    ]


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.promise(6)
def test_it_removes_nothing_and_is_watched_as_any_other_run(
    site_with_batches: Any, watched: dict[str, Path], capsys: Any
) -> None:
    site_with_batches.write("third.jpg")
    before = site_with_batches.batches
    assert site_with_batches.run("orphans", "--report-only", "--quiet", *arguments(watched)) == Exit.DONE
    assert site_with_batches.files == {"third.jpg"}
    assert site_with_batches.batches == before
    outcome = json.loads(watched["outcome"].read_text())
    assert outcome["dry_run"]
    assert (outcome["runs"][0]["found"]["files"], outcome["runs"][0]["removed"]["files"]) == (1, 0)
    assert 'media_cleanup_found_files{site="kit",cleanup_job="orphans"} 1\n' in watched["metrics"].read_text()
    assert "third.jpg" in watched["log"].read_text()
    assert "third.jpg" in watched["report"].read_text()


@pytest.mark.promise(6)
def test_what_is_due_in_the_quarantine_is_counted_and_stays(
    site_with_batches: Any, watched: dict[str, Path]
) -> None:
    before = content(site_with_batches.quarantine)
    words = ("purge", "--older-than-days", "0", "--report-only", "--quiet", *arguments(watched, "report"))
    assert site_with_batches.run(*words) == Exit.DONE
    # What is due is not even announced.
    assert content(site_with_batches.quarantine) == before
    assert (
        'media_cleanup_quarantine_batches{site="kit",cleanup_job="purge"} 2' in watched["metrics"].read_text()
    )


def test_a_page_that_cannot_be_written_hides_no_run(site_with_batches: Any, watched: dict[str, Path]) -> None:
    site_with_batches.write("third.jpg")
    watched["report"] = watched["report"].parent / "nowhere" / "page"
    assert site_with_batches.run("orphans", "--report-only", *arguments(watched)) != Exit.DONE
    assert watched["outcome"].exists()


def test_the_identity_of_a_site_is_that_of_its_results(site_with_batches: Any, capsys: Any) -> None:
    assert site_with_batches.run("orphans", "--dry-run", "--json") == Exit.DONE
    [planned] = json.loads(capsys.readouterr().out)["runs"]
    assert site_with_batches.run("check", "--identity") == Exit.DONE
    assert json.loads(capsys.readouterr().out) == planned["identity"]
