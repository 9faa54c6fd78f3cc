# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The playbook cleanup.yml purges a quarantine after the days that the inventory says, and asks before."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helpers.ansible_runs import CLEANUP, FORCE, REFUSAL, Ansible, Run
from helpers.purging import announce
from helpers.sites import Site, quarantined


def batches(site: Site) -> list[str]:
    return sorted(path.name for path in (site.folder / f"{site.name}-kept").glob("2*"))


def played(ansible: Ansible, sites: list[dict[str, Any]], days: int, *arguments: str) -> Run:
    """A run on a host whose inventory says how long a quarantine keeps what was removed."""
    variables = {"media_cleanup_sites": sites, "media_cleanup_retention_days": days}
    return ansible.run("ansible-playbook", "-i", ansible.inventory({"web": variables}), CLEANUP, *arguments)


def aged(site: Site, days: int) -> None:
    """Let the batches of a site be that old."""
    for name in batches(site):
        manifest = site.folder / f"{site.name}-kept" / name / "manifest.jsonl"
        header, *files = manifest.read_text().splitlines(True)
        parsed = json.loads(header)
        parsed["moment"] -= days * 86400
        manifest.write_text("".join([json.dumps(parsed) + "\n", *files]))
    announce(site.folder / f"{site.name}-kept")


@pytest.fixture
def kept(album: Site, ansible: Ansible) -> Site:
    """The site album with an orphan in quarantine for 31 days, and nothing else to find by that job."""
    run = played(ansible, [quarantined(album, "orphans")], 30, *FORCE)
    assert run.status == 0, run.output
    assert len(batches(album)) == 1
    aged(album, 31)
    return album


@pytest.mark.promise(10)
def test_the_days_that_the_inventory_says_are_those_that_count(kept: Site, ansible: Ansible):
    run = played(ansible, [quarantined(kept, "orphans")], 365, *FORCE)
    assert run.status == 0, run.output
    assert run.recap["web"]["changed"] == 0
    assert len(batches(kept)) == 1


@pytest.mark.promise(6)
def test_a_purge_is_shown_and_asked_before_it_is_done(kept: Site, ansible: Ansible):
    described, [batch] = [quarantined(kept, "orphans")], batches(kept)

    checked = played(ansible, described, 30, "--check")
    refused = ansible.clean_and_answer({"web": described}, "no")
    assert batches(kept) == [batch]
    assert checked.status == 0, checked.output
    assert "album · purge (dry run): 1 batch" in checked.words
    assert batch in checked.words
    assert checked.recap["web"]["changed"] == 1
    assert refused.status == 2
    assert REFUSAL in refused.words
    assert "album · purge: 1 batch, 1 file, 7 bytes; deleted for good" in refused.words

    done = played(ansible, described, 30, *FORCE)
    assert done.status == 0, done.output
    assert "album · purge (done): 1 batch" in done.words
    assert batches(kept) == []


@pytest.mark.promise(10)
def test_nothing_is_purged_after_a_job_that_failed_or_was_refused_on_that_site(
    kept: Site, kit: Site, ansible: Ansible
):
    run = played(ansible, [quarantined(kit, "orphans")], 30, *FORCE)
    assert run.status == 0, run.output
    aged(kit, 31)
    refused = quarantined(kept, "missing", max_removal_percent=0)
    failing = {**refused, "marker": None, "database_url": "sqlite:////nowhere/db.sqlite3"}
    for described, word in ((refused, "refused"), (failing, "does not exist")):
        run = played(ansible, [described], 30, *FORCE)
        assert run.status == 2
        assert word in run.words
        assert "album · purge (left out)" in run.words
        assert len(batches(kept)) == 1
    run = played(ansible, [refused, quarantined(kit, "orphans")], 30, *FORCE)
    assert run.status == 2
    assert (len(batches(kept)), batches(kit)) == (1, [])
