# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The playbook restore.yml: it lists what a site's quarantine keeps, and brings a batch back."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.ansible_runs import Ansible, Run
from helpers.checkout import REPOSITORY
from helpers.modules import run_module
from helpers.pages import data_of, paths_of
from helpers.sites import Site

RESTORE = REPOSITORY / "playbooks" / "restore.yml"


def kept_in(site: Site) -> str:
    return str(site.folder / "kept")


def restored(ansible: Ansible, site: Site, *arguments: str) -> Run:
    inventory = ansible.sites({"web": [site.described(quarantine=kept_in(site))]})
    chosen = ("-e", f"media_cleanup_site={site.name}")
    return ansible.run("ansible-playbook", "-i", inventory, RESTORE, *chosen, *arguments)


@pytest.fixture
def emptied(sqlite_site: Site) -> Site:
    """A site of which two runs moved orphans into quarantine, one and then two of them."""
    sqlite_site.keep(*(f"photos/{number}.jpg" for number in range(9)))
    for some in (["first"], ["second", "third"]):
        sqlite_site.write(*(f"photos/{name}.jpg" for name in some))
        result = run_module(sqlite_site.orphans(quarantine=kept_in(sqlite_site), name=sqlite_site.name))
        assert result["removed"]["files"] == len(some), result
    return sqlite_site


@pytest.mark.promise(10)
def test_the_latest_batch_comes_back_and_what_cannot_is_a_failure_with_its_reason(
    emptied: Site, ansible: Ansible
):
    emptied.write("photos/third.jpg", content=b"another")

    run = restored(ansible, emptied, "-e", "media_cleanup_batch=latest")

    assert run.status == 2, run.output
    assert run.recap["web"]["failed"] == 1
    assert "Not everything came back; 1 stays in batch" in run.words
    assert run.words.count("photos/third.jpg: ") >= 2
    assert "photos/second.jpg" in emptied.files
    assert "photos/first.jpg" not in emptied.files

    (emptied.media / "photos/third.jpg").unlink()
    again = restored(ansible, emptied, "-e", "media_cleanup_batch=latest")
    assert again.status == 0, again.output
    assert (emptied.media / "photos/third.jpg").read_bytes() == b"picture"


def test_the_module_takes_latest_for_the_newest_batch_of_its_media_root(emptied: Site):
    options: dict[str, Any] = {**emptied.both, "quarantine": kept_in(emptied), "state": "restored"}
    module = "django_media.cleanup.media_quarantine"
    result = run_module({module: {**options, "batch": "latest"}})
    assert result["paths"] == ["photos/second.jpg", "photos/third.jpg"]

    elsewhere = emptied.folder / "elsewhere"
    elsewhere.mkdir()
    refused = run_module({module: {**options, "media_root": str(elsewhere), "batch": "latest"}})
    assert "holds no batch that was taken from" in refused["msg"]


@pytest.mark.promise(6)
@pytest.mark.promise(10)
def test_a_page_shows_what_is_kept_and_the_playbook_restores_what_is_ticked_there(
    emptied: Site, ansible: Ansible, tmp_path_factory: pytest.TempPathFactory
):
    beside = tmp_path_factory.mktemp("beside")
    html, places = beside / "kept.html", beside / "temporary"
    places.mkdir()
    ansible.environment["TMPDIR"] = str(places)
    emptied.write("photos/third.jpg", content=b"another")
    before = emptied.state()

    run = restored(ansible, emptied, "-e", f"media_cleanup_report={html}", "--check")

    assert run.status == 0, run.output
    assert f"The page to review is {html}" in run.words
    assert (html.stat().st_mode & 0o777, list(places.glob("media-cleanup-*"))) == (0o600, [])
    assert emptied.state() == before
    data = data_of(html)
    assert data["is_of_batches"]
    assert data["run"]
    first, second = data["parts"]
    assert [paths_of(part) for part in (first, second)] == [
        ["photos/first.jpg"],
        ["photos/second.jpg", "photos/third.jpg"],
    ]
    assert [name for name, *_why in second["kept"]] == ["photos/third.jpg"]
    assert "would be restored: 1 file, 7 bytes" in second["notes"][0]
    assert "purge (dry run): 1 batch" in second["notes"][1]
    assert (second["host"], second["site"]) == ("web", emptied.name)


@pytest.mark.promise(10)
def test_media_that_have_moved_get_their_files_back_once_that_is_accepted(emptied: Site, ansible: Ansible):
    emptied.media.rename(emptied.folder / "disk")
    emptied.media.mkdir()

    refused = restored(ansible, emptied, "-e", "media_cleanup_batch=latest")
    assert refused.status == 2, refused.output
    assert "refused by the guard other_media" in refused.words
    assert emptied.files == []

    accepted = ("-e", "media_cleanup_batch=latest", "-e", "media_cleanup_accept=other_media")
    run = restored(ansible, emptied, *accepted)
    assert run.status == 0, run.output
    assert emptied.files == ["photos/second.jpg", "photos/third.jpg"]
