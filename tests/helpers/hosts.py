# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Private folders of this machine that stand for hosts, for tests of the role and what it installs."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Mapping

import psycopg2
import pytest

from helpers.ansible_runs import Ansible, Run
from helpers.checkout import REPOSITORY
from helpers.clock import let_clock_tick
from helpers.options import or_for_good
from helpers.sites import Site

SCHEDULE = REPOSITORY / "playbooks" / "schedule.yml"
AS_ROOT = os.geteuid() == 0
# Who the jobs run as: an unprivileged user, wherever the tests can choose, with a group of its own.
USER = pwd.getpwnam("www-data") if AS_ROOT else pwd.getpwuid(os.geteuid())
# One whose group has other members.
SHARING = pwd.getpwnam("nobody") if AS_ROOT else USER
TIME_LIMIT = 300


class Host:
    """A folder that stands for a host, and the role's variables for it."""

    def __init__(self, folder: Path, **variables: Any) -> None:
        self.folder = folder
        self.root = folder / "target"
        self.variables: dict[str, Any] = {
            "media_cleanup_root": str(self.root),
            "media_cleanup_become": False,
            "media_cleanup_manage_packages": False,
            "media_cleanup_manage_service": False,
            "media_cleanup_jitter_minutes": 0,
            "media_cleanup_python": python_for_all(),
            "media_cleanup_sites": [],
            **variables,
        }

    @property
    def crontab(self) -> str:
        path = self.root / "etc" / "cron.d" / "media-cleanup"
        return path.read_text() if path.exists() else ""

    @property
    def lines(self) -> dict[tuple[str, str], tuple[str, str, str]]:
        """When, as whom and what cron would run, by site and job."""
        found = {}
        for line in self.crontab.splitlines():
            match = re.fullmatch(r"((?:\S+ ){4}\S+) (\S+) (.*media-cleanup (\w+) (\S+) .*)", line)
            if match:
                at, user, command, job, site = match.groups()
                found[site, job] = (at, user, command)
        return found

    def as_cron(self, site: str, job: str) -> Any:
        """Run the very line of the crontab as cron does: its user, its shell, its bare environment."""
        _at, name, command = self.lines[site, job]
        user = pwd.getpwnam(name)
        return subprocess.run(
            ["/bin/sh", "-c", command],
            env={"HOME": "/", "LOGNAME": name, "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
            **({"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if AS_ROOT else {}),
        )

    @property
    def library(self) -> Path:
        return self.root / "usr" / "local" / "lib" / "media-cleanup"

    @property
    def command(self) -> Path:
        return self.root / "usr" / "local" / "bin" / "media-cleanup"

    @property
    def config(self) -> Path:
        return self.root / "etc" / "media-cleanup"

    @property
    def units(self) -> Path:
        return self.root / "etc" / "systemd" / "system"

    @property
    def releases(self) -> list[str]:
        return sorted(entry.name for entry in self.library.iterdir() if not entry.is_symlink())


def schedule(
    ansible: Ansible,
    hosts: Mapping[str, Host],
    *arguments: str,
    playbook: Path = SCHEDULE,
    environment: Mapping[str, str] | None = None,
    **variables: Any,
) -> Run:
    """Run the playbook schedule.yml on hosts, whose variables may be said otherwise for this run."""
    inventory = ansible.inventory({name: {**host.variables, **variables} for name, host in hosts.items()})
    return ansible.run("ansible-playbook", "-i", inventory, playbook, *arguments, variables=environment)


def changes(run: Run) -> dict[str, int]:
    """How many tasks changed something on each host, all of which must have ended well."""
    assert run.status == 0, run.output
    return {host: counts["changed"] for host, counts in run.recap.items()}


def python_for_all() -> str:
    """An interpreter that the jobs' user may run; this one may lie in a private home."""
    return "/usr/bin/python3" if AS_ROOT else sys.executable


# The files of each driver in an environment, by what Python calls it; boto3 is the driver of a bucket.
DRIVERS = {
    "boto3": ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six.py"),
    "psycopg2": ("psycopg2*",),
    "psycopg": ("psycopg", "psycopg_binary*", "typing_extensions.py"),
    "pymysql": ("pymysql",),
}


def python_with(driver: str, folder: Path) -> str:
    """An environment as an application has it, made of an interpreter that everybody may run."""
    if not AS_ROOT:
        return sys.executable
    environment = folder / "venv"
    subprocess.run([python_for_all(), "-m", "venv", "--without-pip", environment], check=True)
    [packages] = environment.glob("lib/python3.*/site-packages")
    ours = Path(psycopg2.__file__).parent.parent
    for found in (found for pattern in DRIVERS[driver] for found in ours.glob(pattern)):
        copy = shutil.copytree if found.is_dir() else shutil.copy
        copy(found, packages / found.name)
    python = str(environment / "bin" / "python")
    if subprocess.run([python, "-c", f"import {driver}"], check=False, stderr=subprocess.PIPE).returncode:
        pytest.skip(f"{python_for_all()} is of another version than {sys.executable}, and has no {driver}")
    return python


def python_of_project(folder: Path, *modules: str) -> str:
    """An environment in a project, as an application has it, with all packages of ours."""
    if USER.pw_uid == os.geteuid():
        return sys.executable
    subprocess.run([python_for_all(), "-m", "venv", "--without-pip", folder / "venv"], check=True)
    [packages] = (folder / "venv").glob("lib/python3.*/site-packages")
    (packages / "ours.pth").write_text(f"{Path(psycopg2.__file__).parent.parent}\n")
    python = str(folder / "venv" / "bin" / "python")
    asked = [python, "-c", f"import {', '.join(modules)}"]
    can = subprocess.run(asked, check=False, stderr=subprocess.PIPE, cwd="/", user=USER.pw_uid)
    if can.returncode:
        pytest.skip(f"{USER.pw_name} cannot import {' and '.join(modules)} by {python_for_all()} here")
    return python


@contextmanager
def socket_for_all(url: str) -> Iterator[None]:
    """Let every user of this machine reach the server's socket, for a while, if it has one."""
    found = re.search(r"[?&]host=(?:%2F|/)([^&]+)", url)
    folder = Path("/", found.group(1).replace("%2F", "/")) if found else None
    places = (folder, folder.parent) if folder and AS_ROOT else ()
    modes = [(place, stat.S_IMODE(place.stat().st_mode)) for place in places]
    for place, mode in modes:
        place.chmod(mode | 0o011)
    try:
        yield
    finally:
        for place, mode in modes:
            place.chmod(mode)


def drifted(folder: Path, database: Any, name: str, user: pwd.struct_passwd = USER) -> Site:
    """A site of the jobs' user, with one thing for orphans and one for incomplete to find."""
    folder.mkdir(exist_ok=True)
    site = Site(folder, database, name)
    site.keep(*(f"photos/kept{number}.jpg" for number in range(5)))
    site.write("photos/orphan.jpg")
    site.keep("photos/half.jpg", attached=False)
    given_away(folder, user)
    return site


def given_away(folder: Path, user: pwd.struct_passwd = USER) -> None:
    """Let all in a folder belong to the jobs' user."""
    if AS_ROOT:
        for parent, _directories, files in os.walk(folder):
            for path in (parent, *(os.path.join(parent, file) for file in files)):
                # The interpreter that a project links to is the system's own.
                os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    let_clock_tick()


def described(name: str = "kit", **more: Any) -> dict[str, Any]:
    """A site of which nothing needs to be there."""
    return {
        "name": name,
        "user": USER.pw_name,
        "database_url": "sqlite:////srv/kit/db.sqlite3",
        "media_root": "/srv/kit/media",
        "orphans": {
            "directories": ["photos"],
            "references": [{"table": "collection_photo", "column": "image"}],
        },
        "incomplete": [{"table": "collection_photo", "file_column": "image"}],
        "missing": [{"table": "collection_photo", "file_column": "image"}],
        **or_for_good(more),
    }
