# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The subcommand batches: what is kept is listed, as words and as data."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from engine.errors import Exit


def test_batches_are_listed_the_oldest_first(site_with_batches: Any, capsys: Any) -> None:
    assert site_with_batches.run("batches") == Exit.DONE
    printed = capsys.readouterr().out
    first, second = site_with_batches.batches
    assert 0 <= printed.index(first) < printed.index(second)
    assert site_with_batches.run("batches", "--json") == Exit.DONE
    told = json.loads(capsys.readouterr().out)
    assert told["site"] == "kit"
    assert [(batch["name"], batch["files"]) for batch in told["batches"]] == [(first, 1), (second, 1)]


@pytest.mark.parametrize("written", ["photos/second.jpg", "{root}/photos/second.jpg"])
def test_a_path_finds_the_batch_that_holds_it(site_with_batches: Any, capsys: Any, written: str) -> None:
    path = written.format(root=site_with_batches.folder / "media")
    assert site_with_batches.run("batches", path) == Exit.DONE
    printed = capsys.readouterr().out
    assert site_with_batches.batches[1] in printed
    assert site_with_batches.batches[0] not in printed


def test_quiet_says_nothing_where_nothing_is_found(site_with_batches: Any, capsys: Any) -> None:
    assert site_with_batches.run("batches", "photos/unknown.jpg", "--quiet") == Exit.DONE
    assert capsys.readouterr() == ("", "")


def test_a_batch_that_cannot_be_read_is_told_and_the_others_are_listed(
    site_with_batches: Any, capsys: Any
) -> None:
    first, second = site_with_batches.batches
    (site_with_batches.quarantine / first / "manifest.jsonl").write_text("broken\n")
    assert site_with_batches.run("batches") == Exit.DONE
    said = capsys.readouterr()
    assert second in said.out
    assert first not in said.out
    assert "no JSON object" in said.err


def test_a_batch_that_was_exchanged_for_a_link_is_told_and_not_followed(
    site_with_batches: Any, capsys: Any
) -> None:
    first, second = site_with_batches.batches
    elsewhere = site_with_batches.folder / "elsewhere"
    (site_with_batches.quarantine / first).rename(elsewhere)
    (site_with_batches.quarantine / first).symlink_to(elsewhere)
    assert site_with_batches.run("batches") == Exit.DONE
    said = capsys.readouterr()
    assert second in said.out
    assert first not in said.out
    assert f"batch {first} cannot be opened" in said.err
    assert "is a symbolic link, not a directory" in said.err


def test_no_quarantine_yet_is_an_empty_one(site_with_batches: Any, capsys: Any) -> None:
    shutil.rmtree(site_with_batches.quarantine)
    assert site_with_batches.run("batches", "--json") == Exit.DONE
    assert json.loads(capsys.readouterr().out)["batches"] == []


@pytest.mark.promise(8)
@pytest.mark.parametrize("field", ["site", "job"])
def test_what_a_manifest_says_reaches_no_terminal_as_it_is(
    site_with_batches: Any, capsys: Any, field: str
) -> None:
    first, _second = site_with_batches.batches
    manifest = site_with_batches.quarantine / first / "manifest.jsonl"
    header, *lines = manifest.read_text().splitlines()
    changed = {**json.loads(header), field: "a\x1b]0;x\x07"}
    manifest.write_text("\n".join([json.dumps(changed), *lines]) + "\n")
    assert site_with_batches.run("batches") == Exit.DONE
    assert site_with_batches.run("purge", first, "--dry-run") == Exit.DONE
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert r"a\x1b]0;x\x07" in said.out
