# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The role's variables, in whatever form they are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.ansible_runs import Ansible
from helpers.hosts import Host, changes, described, schedule


@pytest.mark.promise(6)
def test_what_is_given_as_text_on_the_command_line_means_the_same(tmp_path: Path, ansible: Ansible) -> None:
    host = Host(tmp_path, media_cleanup_sites=[described()], media_cleanup_jitter_minutes="5")
    texts = ("manage_packages=false", "manage_service=false", "keep_log=false", "keep_outcome=false")
    arguments = [word for text in (*texts, "mode=report") for word in ("-e", f"media_cleanup_{text}")]
    assert changes(schedule(ansible, {"target": host}, *arguments))["target"] > 0
    assert host.lines
    # None of them removes anything.
    assert all("--report-only" in command for _at, _user, command in host.lines.values())
    assert "--force" not in host.crontab
    assert "--log" not in host.crontab
    assert "--outcome" not in host.crontab
    assert not (host.root / "etc" / "logrotate.d" / "media-cleanup").exists()


def test_a_misspelled_variable_is_told(tmp_path: Path, ansible: Ansible) -> None:
    host = Host(tmp_path, media_cleanup_site=[described()])
    run = schedule(ansible, {"target": host})
    assert run.status == 2
    assert "media_cleanup_site (did you mean media_cleanup_sites?)" in run.words
    assert not host.root.exists()


def test_below_another_root_no_package_and_no_service_is_touched(tmp_path: Path, ansible: Ansible) -> None:
    host = Host(tmp_path, media_cleanup_sites=[described()])
    del host.variables["media_cleanup_manage_packages"], host.variables["media_cleanup_manage_service"]
    # Only a dry run: if the role did want to, it should not do so on the machine of the tests.
    run = schedule(ansible, {"target": host}, "--check")
    assert run.status == 0, run.output
    for task in ("Install the packages", "Let cron run", "Look which distribution"):
        assert task not in run.output
