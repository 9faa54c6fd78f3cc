# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Debian's own cron runs what the role installed, in a mount namespace that hides this machine's crontabs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

import pytest

from helpers.ansible_runs import Ansible
from helpers.debian_packages import unpacked
from helpers.fetched import CannotBeHad
from helpers.hosts import AS_ROOT, USER, Host, changes, drifted, schedule

# Cron wakes up at each full minute.
TIME_LIMIT = 90

# Whatever else this machine has for cron is out of sight; what cron writes stays in the private folder.
NAMESPACE = """
set -e
mount -t tmpfs none /run
mount --bind "$1/target/etc/cron.d" /etc/cron.d
mount --bind "$1/spool" /var/spool
mount --bind "$1/pam.d" /etc/pam.d
if [ -e /etc/crontab ]; then mount --bind /dev/null /etc/crontab; fi
exec "$2" -f -L 15
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody can enter, other than pytest's own."""
    with tempfile.TemporaryDirectory(prefix="media-cleanup-cron-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture
def cron(folder: Path) -> str:
    """The daemon: this machine's, or one out of Debian's package, which is not installed for that."""
    if not AS_ROOT:
        pytest.skip("only root can give cron a mount namespace of its own")
    if subprocess.run(["unshare", "--mount", "true"], check=False, stderr=subprocess.PIPE).returncode:
        pytest.skip("this machine lets nobody make a mount namespace")
    shutil.copytree("/etc/pam.d", folder / "pam.d")
    installed = Path("/usr/sbin/cron")
    if not installed.exists():
        try:
            package = unpacked("cron", ["cron"])
        except CannotBeHad as error:
            pytest.skip(f"there is no cron here, and Debian's cannot be had: {error}")
        installed = package / "usr/sbin/cron"
        shutil.copy(package / "etc/pam.d/cron", folder / "pam.d")
    return str(installed)


@contextmanager
def running(cron: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    (folder / "spool" / "cron" / "crontabs").mkdir(parents=True)
    line = ["unshare", "--mount", "--propagation", "private", "sh", "-c", NAMESPACE, "sh", str(folder), cron]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=10)


def test_cron_cleans_a_site_by_itself(folder: Path, cron: str, ansible: Ansible, sqlite: Any) -> None:
    database = type(sqlite)("sqlite", f"sqlite:///{folder}/kit/db.sqlite3")
    site = drifted(folder / "kit", database, "kit")
    host = Host(
        folder,
        media_cleanup_cron_orphans="* * * * *",
        media_cleanup_mailto="",
        media_cleanup_sites=[site.described(user=USER.pw_name, incomplete=None, missing=None)],
    )
    assert changes(schedule(ansible, {"target": host}))["target"] > 0
    outcome = host.root / "var" / "lib" / "media-cleanup" / "kit" / "orphans.json"
    deadline = time.monotonic() + TIME_LIMIT
    with running(cron, folder) as daemon:
        while not outcome.exists():
            assert daemon.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, "cron has not run the job"
            time.sleep(0.2)
    told = json.loads(outcome.read_text())
    assert (told["status"], told["runs"][0]["removed"]["files"]) == ("done", 1)
    assert outcome.stat().st_uid == USER.pw_uid
    assert "photos/orphan.jpg" not in site.files
    assert "removed 1 file" in (host.root / "var" / "log" / "media-cleanup" / "kit.log").read_text()
