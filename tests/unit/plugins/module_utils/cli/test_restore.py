# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The subcommand restore: shows, asks, restores, and reports what could not be restored."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.errors import Exit


def test_a_dry_run_shows_what_would_come_back(site_with_batches: Any, capsys: Any) -> None:
    assert site_with_batches.run("restore", "latest", "--dry-run") == Exit.DONE
    assert "photos/second.jpg" in capsys.readouterr().out
    assert site_with_batches.files == set()


@pytest.mark.parametrize(
    ("answer", "status", "back"),
    [("yes\n", Exit.DONE, {"second.jpg"}), ("y\n", Exit.UNCONFIRMED, set()), ("", Exit.UNCONFIRMED, set())],
)
def test_only_a_yes_brings_back(
    site_with_batches: Any, capsys: Any, typed: Any, answer: str, status: Exit, back: set[str]
) -> None:
    typed(answer)
    assert site_with_batches.run("restore", "latest") == status
    said = capsys.readouterr().err
    assert "photos/second.jpg" in said
    assert "Restore this?" in said
    assert ("nothing was restored" in said) == (status == Exit.UNCONFIRMED)
    assert site_with_batches.files == back


def test_a_batch_answers_to_the_beginning_of_its_name(site_with_batches: Any, capsys: Any) -> None:
    first = site_with_batches.batches[0]
    assert site_with_batches.run("restore", first, "--force", "--json") == Exit.DONE
    told = json.loads(capsys.readouterr().out)
    assert (told["job"], told["status"], told["runs"][0]["batches"]) == ("restore", "done", [first])
    assert site_with_batches.files == {"first.jpg"}


@pytest.mark.parametrize(
    ("name", "words"), [("2", "the names of 2 batches begin with '2'"), ("x", "no batch is called 'x'")]
)
def test_what_is_no_batch_is_told_with_those_that_are(
    site_with_batches: Any, capsys: Any, name: str, words: str
) -> None:
    assert site_with_batches.run("restore", name, "--force") == Exit.UNUSABLE
    said = capsys.readouterr().err
    assert words in said
    assert all(batch in said for batch in site_with_batches.batches)


def test_an_empty_quarantine_is_said_to_be_empty(site_with_batches: Any, capsys: Any) -> None:
    for _batch in range(2):
        assert site_with_batches.run("restore", "latest", "--force", "--quiet") == Exit.DONE
    capsys.readouterr()
    assert site_with_batches.run("restore", "latest", "--force") == Exit.UNUSABLE
    assert capsys.readouterr().err == "media-cleanup: the quarantine of site 'kit' holds no batch.\n"


def test_what_cannot_come_back_makes_the_restore_partial(site_with_batches: Any, capsys: Any) -> None:
    site_with_batches.write("second.jpg")
    (site_with_batches.photos / "second.jpg").write_text("a new upload")
    for last in ("--dry-run", "--force"):
        assert site_with_batches.run("restore", "latest", last, "--quiet") == Exit.PARTIAL
        assert "another file is in its place now" in capsys.readouterr().err
    assert (site_with_batches.photos / "second.jpg").read_text() == "a new upload"
    assert len(site_with_batches.batches) == 2


def test_a_folder_of_the_batch_that_was_exchanged_for_a_link_leads_nowhere(
    site_with_batches: Any, capsys: Any
) -> None:
    """What lies behind the link must neither come to the media nor go from where it is."""
    private = site_with_batches.folder / "private"
    private.mkdir()
    (private / "000000000").write_text("secret")
    second = site_with_batches.batches[1]
    files = site_with_batches.quarantine / second / "files"
    (files / "00000").rename(site_with_batches.folder / "moved")
    (files / "00000").symlink_to(private)
    assert site_with_batches.run("restore", second, "--force") == Exit.UNUSABLE
    assert site_with_batches.run("batches") == Exit.DONE
    assert "files/00000' is a symbolic link, not a directory" in capsys.readouterr().err
    assert site_with_batches.run("restore", "latest", "--force") == Exit.DONE
    assert site_with_batches.files == {"first.jpg"}
    assert (private / "000000000").read_text() == "secret"


@pytest.mark.promise(5)
@pytest.mark.parametrize("path", ["../escaped.jpg", "photos/../../escaped.jpg", "/tmp/escaped.jpg"])
def test_a_path_of_a_manifest_that_leads_outside_is_reported_and_goes_nowhere(
    site_with_batches: Any, capsys: Any, path: str
) -> None:
    second = site_with_batches.batches[1]
    manifest = site_with_batches.quarantine / second / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace('"photos/second.jpg"', json.dumps(path)))
    before = sorted(site_with_batches.folder.rglob("*"))
    assert site_with_batches.run("restore", second, "--force", "--json") == Exit.PARTIAL
    [left] = json.loads(capsys.readouterr().out)["runs"][0]["left_alone"]
    assert left["code"] == "outside"
    assert sorted(site_with_batches.folder.rglob("*")) == before
    assert not Path("/tmp/escaped.jpg").exists()


def _unmount(site: Any) -> None:
    """Leave an empty folder in the place of the media, as where their disk is not mounted."""
    media = site.folder / "media"
    media.rename(site.folder / "disk")
    media.mkdir()


def _take_another_database(site: Any) -> None:
    """Describe the site with the database of another one, as that of staging."""
    shutil.copy(site.folder / "db.sqlite3", site.folder / "staging.sqlite3")
    described = site.folder / "config" / "sites" / "kit.json"
    described.write_text(described.read_text().replace("db.sqlite3", "staging.sqlite3"))


@pytest.mark.promise(10)
@pytest.mark.parametrize(
    ("mistake", "guard"), [(_unmount, "other_media"), (_take_another_database, "other_database")]
)
def test_nothing_leaves_the_quarantine_for_another_site_than_it_came_from(
    site_with_batches: Any, capsys: Any, mistake: Any, guard: str
) -> None:
    """What is restored below a mount point is hidden once the disk is mounted again."""
    mistake(site_with_batches)
    for last in ("--dry-run", "--force"):
        assert site_with_batches.run("restore", "latest", last) == Exit.REFUSED
        said = capsys.readouterr().err
        assert f"refused by the guard {guard}: " in said
        assert "Nothing was restored." in said
    assert list((site_with_batches.folder / "media").rglob("*.jpg")) == []
    assert len(site_with_batches.batches) == 2
    assert site_with_batches.run("restore", "latest", "--force", "--accept", guard) == Exit.DONE
    back = list(Path(site_with_batches.folder / "media").rglob("*.jpg"))
    assert [file.name for file in back] == ["second.jpg"]
