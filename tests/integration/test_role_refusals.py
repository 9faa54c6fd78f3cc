# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What the role says of variables that cannot be meant, before it touches the host."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.ansible_runs import Ansible
from helpers.hosts import Host, described, python_for_all, schedule
from helpers.users import open_folder

SECRET = "s3cr3t-p4ss"


def refusal(folder: Path, ansible: Ansible, **variables: Any) -> str:
    """What the role says of bad variables; it must not have touched the host."""
    host = Host(folder, **{"media_cleanup_sites": [described()], **variables})
    run = schedule(ansible, {"target": host}, "-vvv")
    assert run.status != 0
    assert "Traceback" not in run.output
    assert SECRET not in run.output
    assert not host.root.exists()
    return run.words.replace('\\"', '"').replace("''", "'")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"media_cleanup_cron_orphans": "0 25 * * 0"}, '"0 25 * * 0" is no cron expression'),
        ({"media_cleanup_cron_incomplete": "every hour"}, '"every hour" is no cron expression'),
        ({"media_cleanup_sites": [described(schedule={"missing": "* * * *"})]}, "is no cron expression"),
        ({"media_cleanup_sites": [{**described(), "media_root": ""}]}, "has no media_root"),
        ({"media_cleanup_sites": [described(), described()]}, "two sites named 'kit'"),
        ({"media_cleanup_sites": [described("../kit")]}, "cannot be that of a file"),
        ({"media_cleanup_sites": [described(user="")]}, "has no user"),
        ({"media_cleanup_sites": [described(user="nobody-yet")]}, "no user nobody-yet"),
        ({"media_cleanup_sites": [described(unknown=1)]}, "unknown"),
        (
            {
                "media_cleanup_sites": [
                    described(database_url=f"postgresql://u:{SECRET}@h/d", max_removal_percent="many")
                ]
            },
            "max_removal_percent",
        ),
        ({"media_cleanup_scheduler": "at"}, "value of media_cleanup_scheduler must be one of"),
        ({"media_cleanup_mailto": 'x"\nSHELL=/bin/evil'}, "media_cleanup_mailto must be"),
        ({"media_cleanup_mailto": "root\n"}, "media_cleanup_mailto must be"),
        ({"media_cleanup_python": "/usr/bin/python3\n"}, "media_cleanup_python must be absolute paths"),
        ({"media_cleanup_metrics_directory": "/metrics\n"}, "media_cleanup_metrics_directory and"),
        ({"media_cleanup_cron_orphans": "0 2 * * 0\n"}, "is no cron expression"),
        ({"media_cleanup_cron_orphans": "@daily\n* * * * * root evil"}, "is no cron expression"),
        ({"media_cleanup_sites": [described("kit\n")]}, "cannot be that of a file"),
        ({"media_cleanup_sites": [described(user="root\n")]}, "has no user that could run its jobs"),
        (
            {
                "media_cleanup_scheduler": "systemd",
                "media_cleanup_sites": [described(calendar={"orphans": "daily\nUnit=evil.service"})],
            },
            "holds a line break",
        ),
        (
            {
                "media_cleanup_scheduler": "systemd",
                "media_cleanup_sites": [described(database_url=f"sqlite:////srv/{SECRET}%0AUser=root/db")],
            },
            "holds a line break",
        ),
        ({"media_cleanup_retention_days": -1}, "media_cleanup_retention_days cannot be negative"),
        ({"media_cleanup_python": "/no/such/python"}, "/no/such/python on this host is no Python 3.8"),
        (
            {
                "media_cleanup_scheduler": "systemd",
                "media_cleanup_sites": [described(calendar={"orphans": "on sundays"})],
            },
            'systemd does not take "on sundays" for a calendar expression',
        ),
    ],
)
def test_bad_variables_are_told_before_anything_is_touched(
    tmp_path: Path, ansible: Ansible, variables: dict[str, Any], words: str
) -> None:
    assert words in refusal(tmp_path, ansible, **variables)


def test_an_interpreter_without_a_driver_is_told_before_anything_is_installed(
    tmp_path: Path, ansible: Ansible
) -> None:
    with open_folder() as folder:
        subprocess.run([python_for_all(), "-m", "venv", "--without-pip", folder / "bare"], check=True)
        python = str(folder / "bare" / "bin" / "python")
        more = {"media_root": "s3://uploads/media", "quarantine": "s3://kept"}
        site = described(database_url=f"postgresql://u:{SECRET}@h/d", python=python, **more)
        said = refusal(tmp_path, ansible, media_cleanup_sites=[site])
    assert "cannot import psycopg2 or psycopg" in said
    assert "cannot import boto3" in said


def test_a_second_use_of_the_role_must_not_drop_the_sites_of_the_first(
    tmp_path: Path, ansible: Ansible
) -> None:
    """Each use describes all sites of a host: what it does not describe is not scheduled any more."""
    host = Host(tmp_path, media_cleanup_keep_log=False, media_cleanup_keep_outcome=False)
    uses = [[described("kit")], [described("kit"), described("shop")], [described("shop")]]
    roles = [
        {"role": "django_media.cleanup.media_cleanup", "vars": {"media_cleanup_sites": sites}}
        for sites in uses
    ]
    book = tmp_path / "deploy.yml"
    book.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "roles": roles}]))
    run = schedule(ansible, {"target": host}, playbook=book)
    assert run.status == 2, run.output
    assert "An earlier use of this role in this run has scheduled kit on this host" in run.words
    assert {site for site, _job in host.lines} == {"kit", "shop"}
