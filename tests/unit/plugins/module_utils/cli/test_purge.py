# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The subcommand purge: shows, asks, and deletes for good exactly what was shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import Exit
from helpers.purging import announce

ALL = ("--older-than-days", "0")


def test_a_dry_run_shows_what_would_go(site_with_batches: Any, capsys: Any) -> None:
    announce(site_with_batches.quarantine)
    before = site_with_batches.batches
    assert site_with_batches.run("purge", *ALL, "--dry-run") == Exit.DONE
    printed = capsys.readouterr().out
    assert all(name in printed for name in before)
    assert site_with_batches.batches == before


def test_young_batches_stay(site_with_batches: Any, capsys: Any) -> None:
    assert site_with_batches.run("purge", "--older-than-days", "1", "--force", "--quiet") == Exit.DONE
    assert capsys.readouterr() == ("", "")
    assert len(site_with_batches.batches) == 2


@pytest.mark.parametrize(
    ("answer", "status", "left"),
    [("yes\n", Exit.DONE, 0), ("no\n", Exit.UNCONFIRMED, 2), ("", Exit.UNCONFIRMED, 2)],
)
def test_only_a_yes_deletes(
    site_with_batches: Any, capsys: Any, typed: Any, answer: str, status: Exit, left: int
) -> None:
    typed(answer)
    announce(site_with_batches.quarantine)
    assert site_with_batches.run("purge", *ALL) == status
    said = capsys.readouterr().err
    assert "cannot be undone" in said
    assert ("nothing was deleted" in said) == (status == Exit.UNCONFIRMED)
    assert len(site_with_batches.batches) == left


def test_nothing_is_asked_where_nothing_would_go(site_with_batches: Any, capsys: Any, typed: Any) -> None:
    typed("no\n")
    assert site_with_batches.run("purge", "--older-than-days", "1") == Exit.DONE
    assert "Type yes" not in capsys.readouterr().err


def test_one_batch_goes_by_its_name(site_with_batches: Any, capsys: Any) -> None:
    first, second = site_with_batches.batches
    assert site_with_batches.run("purge", first, "--force", "--json") == Exit.DONE
    told = json.loads(capsys.readouterr().out)
    assert (told["job"], told["runs"][0]["batches"]) == ("purge", [first])
    assert told["runs"][0]["removed"] == {"records": 0, "files": 1, "bytes": 7}
    assert site_with_batches.batches == [second]


def test_an_error_is_left_for_those_who_watch(site_with_batches: Any, tmp_path: Path, capsys: Any) -> None:
    outcome = tmp_path / "outcome.json"
    done = site_with_batches.run("purge", "x", "--force", "--outcome", str(outcome))
    assert done == Exit.UNUSABLE
    told = json.loads(outcome.read_text())
    assert (told["status"], told["job"]) == ("unusable", "purge")
    assert "no batch is called 'x'" in told["runs"][0]["message"]


def test_a_batch_that_was_exchanged_for_a_link_takes_nothing_with_it(
    site_with_batches: Any, capsys: Any
) -> None:
    first, second = site_with_batches.batches
    announce(site_with_batches.quarantine)
    elsewhere = site_with_batches.folder / "elsewhere"
    (site_with_batches.quarantine / first).rename(elsewhere)
    (site_with_batches.quarantine / first).symlink_to(elsewhere)
    before = sorted(elsewhere.rglob("*"))
    assert site_with_batches.run("purge", *ALL, "--force") == Exit.DONE
    assert second not in capsys.readouterr().err
    assert sorted(elsewhere.rglob("*")) == before
    assert [entry.name for entry in site_with_batches.quarantine.glob("*Z-*")] == [first]


@pytest.mark.promise(10)
def test_what_is_due_is_announced_and_goes_a_day_later(site_with_batches: Any, capsys: Any) -> None:
    before = site_with_batches.batches
    state = site_with_batches.quarantine / ".state" / "kit.json"
    known = state.read_text()
    assert site_with_batches.run("purge", *ALL, "--dry-run") == Exit.DONE
    assert "a day after the next purge that is no dry run" in capsys.readouterr().out
    assert state.read_text() == known
    assert site_with_batches.run("purge", *ALL, "--force", "--json") == Exit.DONE
    [told] = json.loads(capsys.readouterr().out)["runs"]
    assert (told["announced"], told["batches"], told["changed"]) == (before, [], False)
    assert site_with_batches.run("purge", *ALL, "--force", "--quiet") == Exit.DONE
    assert capsys.readouterr() == ("", "")
    assert site_with_batches.batches == before
    announce(site_with_batches.quarantine, days=1)
    assert site_with_batches.run("purge", *ALL, "--force", "--quiet") == Exit.DONE
    assert site_with_batches.batches == []


def test_single_paths_are_asked_about_and_deleted(site_with_batches: Any, capsys: Any, typed: Any) -> None:
    first, second = site_with_batches.batches
    typed("yes\n")
    path = str(site_with_batches.photos / "first.jpg")
    assert site_with_batches.run("purge", "--force", "--dry-run", first, "photos/first.jpg") == Exit.DONE
    assert site_with_batches.run("purge", first, path) == Exit.DONE
    assert "not deleted: rows of the database, backups" in capsys.readouterr().err
    assert site_with_batches.batches == [second]


def test_a_batch_is_pinned_and_unpinned(site_with_batches: Any, capsys: Any) -> None:
    first, _second = site_with_batches.batches
    announce(site_with_batches.quarantine)
    assert site_with_batches.run("pin", first, "--dry-run") == Exit.DONE
    assert site_with_batches.run("pin", first) == Exit.DONE
    assert f"batch {first} is now pinned" in capsys.readouterr().out
    assert site_with_batches.run("batches") == Exit.DONE
    assert "orphans, pinned" in capsys.readouterr().out
    assert site_with_batches.run("purge", *ALL, "--force", "--quiet") == Exit.DONE
    assert site_with_batches.batches == [first]
    assert site_with_batches.run("purge", first, "--force") == Exit.UNUSABLE
    assert site_with_batches.run("unpin", first, "--quiet") == Exit.DONE
    assert site_with_batches.run("purge", first, "--force") == Exit.DONE
    assert site_with_batches.batches == []
