# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Several hosts of one run: who shares a site, whose plan stands out, and what the run came to."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from helpers.ansible_runs import Ansible
from helpers.databases import TestDatabase
from helpers.sites import Site

FORCE = ("-e", "media_cleanup_force=true")
JOBS = ("orphans", "incomplete", "missing")


def sqlite_site(folder: Path, orphans: int) -> Site:
    folder.mkdir()
    site = Site(folder, TestDatabase("sqlite", f"sqlite:///{folder}/db.sqlite3"), folder.name)
    site.keep(*(f"photos/{number}.jpg" for number in range(20)))
    site.write(*(f"photos/orphan{number}.jpg" for number in range(orphans)))
    return site


def only(site: Site, job: str, **more: Any) -> list[dict[str, Any]]:
    described = site.described(**more)
    return [{key: value for key, value in described.items() if key == job or key not in JOBS}]


@pytest.mark.promise("guards")
@pytest.mark.promise(15)
def test_each_host_of_a_rollout_ends_as_it_must(ansible: Ansible, tmp_path: Path) -> None:
    fleet = {f"web{number}": sqlite_site(tmp_path / f"web{number}", 1) for number in (1, 2, 3, 4, 5, 7)}
    fleet["web6"] = sqlite_site(tmp_path / "web6", 15)
    hosts = {host: only(fleet[host], "orphans", max_removal_percent=100) for host in sorted(fleet)}
    hosts = {
        **{host: hosts[host] for host in ("web1", "web2", "web3", "web4")},
        "twin": hosts["web1"],
        **hosts,
    }
    # What a message quotes of a database must stay text on the controller.
    template = f"{{{{ lookup('pipe', 'touch {tmp_path}/touched') }}}}"
    fleet["web5"].insert(*(f"{template}/{number}.jpg" for number in range(10)))
    hosts["web5"] = only(fleet["web5"], "missing", max_removal_percent=90)
    file = tmp_path / "summary.json"
    # The last host is in a batch of its own.
    run = ansible.clean(
        hosts, *FORCE, "-e", f"media_cleanup_summary={file}", "-e", '{"media_cleanup_serial": [7, 1]}'
    )
    document = json.loads(file.read_text())
    assert {job["host"]: job["state"] for job in document["jobs"]} == {
        **dict.fromkeys(("web1", "web2", "web3", "web4"), "done"),
        "twin": "shared",
        "web5": "refused",
        "web6": "outlier",
    }, run.output
    assert run.status == 2
    assert {host for host, numbers in run.recap.items() if numbers["failed"]} == {"web5", "web6"}
    left = {host: sum("orphan" in path for path in site.files) for host, site in fleet.items()}
    assert left == {**dict.fromkeys(("web1", "web2", "web3", "web4"), 0), "web5": 1, "web6": 15, "web7": 1}
    assert "held back (outlier): 15 of 35 files would be removed" in run.words
    assert "held back (shared): the host web1 has the same database and the same media store" in run.words
    # It stopped before the last batch, of which it has only asked where the sites are.
    assert run.recap["web7"]["ok"] == 1
    assert "7 hosts, 2 need attention; 7 jobs: 4 done, 1 outlier, 1 refused, 1 shared" in run.words
    assert "1 host not started yet" in run.words
    assert "{{ lookup('pipe', 'touch" in run.words
    assert not (tmp_path / "touched").exists()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert document["totals"]["removed"] == {"records": 0, "files": 4, "bytes": 28}


@pytest.mark.promise("guards")
def test_no_site_takes_the_files_of_another_database(ansible: Ansible, tmp_path: Path) -> None:
    first, second = (sqlite_site(tmp_path / name, 1) for name in ("first", "second"))
    before = first.state(), second.state()
    hosts = {
        "web1": only(first, "orphans"),
        "web2": only(second, "orphans", media_root=str(first.media)),
    }
    run = ansible.clean(hosts, *FORCE, "-e", "media_cleanup_max_removal_percent=100")
    assert (first.state(), second.state()) == before
    assert run.status == 2
    assert {host: numbers["failed"] for host, numbers in run.recap.items()} == {"web1": 1, "web2": 1}
    assert "held back (refused): its media store is also that of web2, with another database" in run.words
    assert "2 hosts, 2 need attention; 2 jobs: 2 refused" in run.words


@pytest.mark.promise("guards")
def test_a_batch_knows_the_sites_of_the_hosts_that_come_after_it(ansible: Ansible, tmp_path: Path) -> None:
    alone, first, second = (sqlite_site(tmp_path / name, 1) for name in ("alone", "first", "second"))
    before = first.state(), second.state()
    hosts = {
        "web0": only(alone, "orphans"),
        "web1": only(first, "orphans"),
        "web2": only(second, "orphans", media_root=str(first.media)),
        "web3": only(first, "orphans"),
    }
    run = ansible.clean(
        hosts, *FORCE, "-e", "media_cleanup_max_removal_percent=100", "-e", "media_cleanup_serial=2"
    )
    assert (first.state(), second.state()) == before
    assert "photos/orphan0.jpg" not in alone.files
    assert run.words.count("held back (refused): its media store is also that of web2") == 1
    assert run.words.count("held back (refused): its media store is also that of web1") == 1
    assert run.words.count("held back (shared): the host web1 has the same") == 1


def test_a_run_that_only_reports_removes_nothing(ansible: Ansible, tmp_path: Path) -> None:
    site = sqlite_site(tmp_path / "web", 1)
    before = site.state()
    run = ansible.clean({"web": only(site, "orphans")}, *FORCE, "-e", "media_cleanup_mode=report")
    assert run.status == 0, run.output
    assert site.state() == before
    assert run.recap["web"]["changed"] == 0
    assert "web · orphans (dry run)" in run.output
    wrong = ansible.clean({"web": []}, "-e", "media_cleanup_mode=look")
    assert "can be clean or report" in wrong.words
