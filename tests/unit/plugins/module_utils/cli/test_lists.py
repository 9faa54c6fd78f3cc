# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The option --list: what all jobs of a subcommand found, as one whole list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import Exit


@pytest.fixture
def site(site_by_any_process: Any) -> Any:
    """A site with two orphans."""
    for name in ("a.jpg", "b c.jpg"):
        site_by_any_process.write(name)
    return site_by_any_process


def test_a_dry_run_and_a_run_write_what_they_found(site: Any, tmp_path: Path) -> None:
    file = tmp_path / "list"
    wanted = ("--list", str(file), "--list-format", "nul")
    assert site.run("orphans", "--dry-run", "--quiet", *wanted) == Exit.DONE
    assert file.read_bytes() == b"photos/a.jpg\0photos/b c.jpg\0"
    file.unlink()
    assert site.run("orphans", "--force", "--quiet", *wanted) == Exit.DONE
    assert file.read_bytes() == b"photos/a.jpg\0photos/b c.jpg\0"
    assert site.files == set()
    assert site.run("orphans", "--force", "--quiet", "--list", str(file)) == Exit.DONE
    assert file.read_bytes() == b""


@pytest.mark.promise(1)
def test_a_list_that_would_lack_a_job_is_not_written(site: Any, tmp_path: Path, capsys: Any) -> None:
    file = site.folder / "config" / "sites" / "kit.json"
    text = json.loads(file.read_text())
    broken = {**text["orphans"], "references": [{"table": "nowhere", "column": "image"}]}
    file.write_text(json.dumps({**text, "orphans": [{**text["orphans"], "directories": ["photos"]}, broken]}))
    assert site.run("orphans", "--dry-run", "--list", str(tmp_path / "list")) == Exit.UNUSABLE
    assert "was not written" in capsys.readouterr().err
    assert not (tmp_path / "list").exists()


@pytest.mark.promise(7)
def test_the_command_judges_only_what_a_list_has(site: Any, tmp_path: Path, capsys: Any) -> None:
    listed = tmp_path / "candidates.csv"
    listed.write_text("key\nphotos/b+c.jpg\nphotos/gone.jpg\n")
    assert site.run("orphans", "--force", "--candidates", str(listed)) == Exit.DONE
    assert site.files == {"a.jpg"}
    shown = capsys.readouterr().out
    assert f"1 candidate of the list {listed} in photos" in shown
    assert "absent" in shown or "not there any more" in shown


@pytest.mark.promise(7)
def test_a_list_on_the_command_line_is_looked_for_where_the_command_is_given(
    site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "candidates.csv").write_text("key\nphotos/b+c.jpg\n")
    monkeypatch.chdir(tmp_path)
    assert site.run("orphans", "--force", "--candidates", "candidates.csv") == Exit.DONE
    assert site.files == {"a.jpg"}


def test_a_list_in_a_description_is_named_from_the_root_on(site: Any, capsys: Any) -> None:
    """Nobody could say which folder it would be relative to: a schedule has none."""
    file = site.folder / "config" / "sites" / "kit.json"
    text = json.loads(file.read_text())
    file.write_text(json.dumps({**text, "orphans": {**text["orphans"], "candidates": "candidates.csv"}}))
    assert site.run("orphans", "--force") == Exit.UNUSABLE
    assert "candidates 'candidates.csv' is not an absolute path" in capsys.readouterr().err
