# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The options --report and --keep: a page of all jobs of a subcommand, and what was unticked on it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from engine.errors import Exit
from helpers.pages import data_of, exported, paths_of


@pytest.fixture
def site(site_with_batches: Any) -> Any:
    """A site with three orphans."""
    for name in ("a.jpg", "b c.jpg", "d.jpg"):
        site_with_batches.write(name)
    return site_with_batches


@pytest.fixture
def any_site(site: Any, site_by_any_process: Any) -> Any:
    """The site, worked on by this process, or by one that this one starts."""
    assert site is site_by_any_process
    return site


@pytest.mark.promise(7)
def test_what_was_unticked_on_the_page_is_kept(
    any_site: Any, tmp_path: Path, capsys: Any, typed: Any
) -> None:
    page, keep = tmp_path / "page.html", tmp_path / "keep.yml"
    assert any_site.run("orphans", "--quiet", "--report", str(page)) == Exit.DONE
    assert len(any_site.files) == 3
    assert page.stat().st_mode & 0o777 == 0o600
    [part] = data_of(page)["parts"]
    assert paths_of(part) == ["photos/a.jpg", "photos/b c.jpg", "photos/d.jpg"]
    keep.write_text(json.dumps(exported(page, "photos/b c.jpg")))
    any_site.write("new.jpg")

    assert any_site.run("orphans", "--dry-run", "--keep", str(keep)) == Exit.DONE
    assert "photos/b c.jpg: a reviewer unticked it" in capsys.readouterr().out
    # A list stands for no yes.
    typed("no\n")
    assert any_site.run("orphans", "--keep", str(keep)) == Exit.UNCONFIRMED
    assert len(any_site.files) == 4
    typed("yes\n")
    assert any_site.run("orphans", "--keep", str(keep)) == Exit.DONE
    assert any_site.files == {"b c.jpg", "new.jpg"}


@pytest.mark.promise(7)
def test_a_forced_run_and_one_with_an_approved_plan_keep_it_too(site: Any, tmp_path: Path) -> None:
    page, keep, plan = tmp_path / "page.html", tmp_path / "keep.yml", tmp_path / "plan.json"
    assert site.run("orphans", "--quiet", "--report", str(page), "--save-plan", str(plan)) == Exit.DONE
    keep.write_text(json.dumps(exported(page, "photos/a.jpg", "photos/d.jpg")))
    assert site.run("orphans", "--quiet", "--approve", str(plan), "--keep", str(keep)) == Exit.DONE
    assert site.files == {"a.jpg", "d.jpg"}
    assert site.run("orphans", "--quiet", "--report", str(page)) == Exit.DONE
    keep.write_text(json.dumps(exported(page, "photos/d.jpg")))
    assert site.run("orphans", "--quiet", "--force", "--keep", str(keep)) == Exit.DONE
    assert site.files == {"d.jpg"}


@pytest.mark.promise(7)
def test_a_list_stands_for_no_confirmation(site: Any, tmp_path: Path) -> None:
    page, keep = tmp_path / "page.html", tmp_path / "keep.yml"
    file = site.folder / "config" / "sites" / "kit.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "confirm_scans": 2}))
    assert site.run("orphans", "--quiet", "--report", str(page)) == Exit.DONE
    keep.write_text(json.dumps(exported(page)))
    assert site.run("orphans", "--quiet", "--force", "--keep", str(keep)) == Exit.DONE
    assert len(site.files) == 3


@pytest.mark.promise(7)
def test_a_list_of_another_host_or_plan_refuses_the_run(site: Any, tmp_path: Path, capsys: Any) -> None:
    page, keep = tmp_path / "page.html", tmp_path / "keep.yml"
    assert site.run("orphans", "--quiet", "--report", str(page)) == Exit.DONE
    for change in ({"host": "elsewhere"}, {"plan_id": "20261126T000000Z-000000000000"}):
        changed = exported(page)
        changed["media_cleanup_keep"]["jobs"][0].update(change)
        keep.write_text(json.dumps(changed))
        assert site.run("orphans", "--force", "--keep", str(keep)) == Exit.UNUSABLE
    for text in ("", "no list", "[]"):
        keep.write_text(text)
        assert site.run("orphans", "--force", "--keep", str(keep)) == Exit.UNUSABLE
    assert "the keep list" in capsys.readouterr().err
    assert len(site.files) == 3


def test_a_page_that_would_lack_a_job_is_not_written(site: Any, tmp_path: Path, capsys: Any) -> None:
    file = site.folder / "config" / "sites" / "kit.json"
    text = json.loads(file.read_text())
    broken = {**text["orphans"], "references": [{"table": "nowhere", "column": "image"}]}
    file.write_text(json.dumps({**text, "orphans": [text["orphans"], broken]}))
    assert site.run("orphans", "--report", str(tmp_path / "page.html")) == Exit.UNUSABLE
    assert "was not written" in capsys.readouterr().err
    assert os.listdir(tmp_path).count("page.html") == 0


def test_a_page_is_of_what_is_only_planned(site: Any, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        site.run("orphans", "--report", str(tmp_path / "page.html"), "--approve", "plan.json")
    assert len(site.files) == 3


@pytest.mark.promise(10)
def test_a_page_shows_the_batches_and_what_would_come_back(
    any_site: Any, tmp_path: Path, capsys: Any
) -> None:
    page = tmp_path / "batches.html"
    any_site.write("first.jpg")
    capsys.readouterr()
    assert any_site.run("batches", "--report", str(page)) == Exit.DONE
    assert page.stat().st_mode & 0o777 == 0o600
    first, second = data_of(page)["parts"]
    assert [first["heading"], second["heading"]] == any_site.batches
    assert (paths_of(first), paths_of(second)) == (["photos/first.jpg"], ["photos/second.jpg"])
    assert [entry[:2] for entry in first["kept"]] == [["photos/first.jpg", "in_the_way"]]
    assert second["kept"] == []
    restoring, purging = second["notes"]
    assert "would be restored: 1 file" in restoring
    assert "purge (dry run): 1 batch" in purging
    assert len(any_site.batches) == 2


def test_a_page_of_batches_says_where_nothing_is_known_of_them(site: Any, tmp_path: Path) -> None:
    (site.folder / "db.sqlite3").write_bytes(b"damaged")
    page = tmp_path / "batches.html"
    assert site.run("batches", "--quiet", "--report", str(page)) == Exit.DONE
    for part in data_of(page)["parts"]:
        assert len(paths_of(part)) == 1
        assert "database" in part["refused"][0]["message"]
