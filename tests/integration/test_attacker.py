# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Root runs every way into the collection while the site's user exchanges whatever this user may exchange."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from helpers.ansible_runs import Ansible
from helpers.commands import Command
from helpers.databases import new_sqlite
from helpers.hosts import SHARING, USER, Host, schedule
from helpers.modules import RECORDS, run_module
from helpers.sites import RECORDS_OPTIONS, Site, snapshot
from helpers.users import give, needs_root, open_folder, python_for_everybody

pytestmark = [needs_root, pytest.mark.promise(15), pytest.mark.untraced]

SECRET = "what only root may read"
NAMES = ("photos/orphan.jpg", "photos/kept0.jpg", "avif/orphan.avif", "manifest.jsonl", "db.sqlite3")
# What an operator may have accepted, so that no guard hides what an attack would do.
LENIENT = {"max_removal_percent": 100, "accept": ["other_media", "other_file_system", "path_mismatch"]}
# Seconds for which each way in is tried.
TIME = 2.5

# Exchanges one path after the other for a link to a target, and back.
ATTACK = """
import os, random, sys, time
paths, targets = (argument.split(os.pathsep) for argument in sys.argv[1:])
print("ready", flush=True)
number = 0
while True:
    path = random.choice(paths)
    try:
        os.rename(path, path + ".aside")
    except OSError:
        continue
    try:
        os.symlink(random.choice(targets), path)
        # From a moment between two calls to the time of a whole run.
        time.sleep(10 ** random.uniform(-5, 0))
        os.unlink(path)
    except OSError:
        # A run has made something there meanwhile.
        number += 1
        os.rename(path, f"{path}.{number}")
    os.rename(path + ".aside", path)
    time.sleep(10 ** random.uniform(-5, -1))
"""


class Attacked:
    """A site of another user, what root keeps private beside it, and what a third user has."""

    def __init__(self, folder: Path, user: pwd.struct_passwd = USER) -> None:
        self.folder = folder
        self.as_user: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.user = user.pw_name
        home = folder / "site"
        home.mkdir()
        self.site = Site(home, new_sqlite(home))
        self.site.keep(*(f"photos/kept{number}.jpg" for number in range(6)))
        self.quarantine = home / "quarantine"
        self.python = home / "python"
        self.python.symlink_to(python_for_everybody())
        self.private, self.others = folder / "private", folder / "others"
        for place, owner, mode in ((self.private, 0, 0o700), (self.others, 1, 0o755)):
            for name in NAMES:
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).write_text(SECRET)
                os.utime(place / name, (1e9, 1e9))
            give(place, owner)
            place.chmod(mode)
        give(home, user.pw_uid)
        self.outside = snapshot(self.private), snapshot(self.others)

    def described(self, **more: Any) -> dict[str, Any]:
        options = {"user": self.user, "python": str(self.python), "quarantine": str(self.quarantine)}
        return self.site.described(**{**options, **LENIENT, **more})

    def write_orphan(self) -> None:
        """As the site's user does, who may have exchanged the folder."""
        script = f"touch -d 2020-01-01 {self.site.media}/photos/orphan.jpg"
        subprocess.run(["sh", "-c", script], stderr=subprocess.DEVNULL, check=False, **self.as_user)

    @contextmanager
    def attack(self) -> Iterator[None]:
        media = self.site.media
        database = self.folder / "site" / "db.sqlite3"
        paths = [media, media, media, media / "photos", self.quarantine, self.quarantine / ".state", database]
        paths.append(self.python)
        targets = [
            self.private,
            self.private,
            self.others,
            self.private / "photos",
            self.private / "db.sqlite3",
        ]
        words = [os.pathsep.join(map(str, them)) for them in (paths, targets)]
        line = [python_for_everybody(), "-c", ATTACK, *words]
        with subprocess.Popen(line, stdout=subprocess.PIPE, **self.as_user) as attacker:
            try:
                assert attacker.stdout
                attacker.stdout.readline()
                yield
                assert attacker.poll() is None, "the attacker gave up"
            finally:
                attacker.kill()

    @contextmanager
    def exchanged(self, path: Path, target: Path) -> Iterator[None]:
        """One exchange that lasts for a whole run."""
        aside = path.with_name(f"{path.name}.aside")
        if path.exists():
            path.rename(aside)
        path.symlink_to(target)
        yield
        path.unlink()
        if aside.exists():
            aside.rename(path)

    def run_with_each_exchanged(self, run: Callable[[], str]) -> None:
        media = self.site.media
        for path, target in ((media, self.private), (media, self.others), (self.quarantine, self.private)):
            with self.exchanged(path, target):
                self.check(run())

    def run_under_attack(self, run: Callable[[], str], seconds: float = TIME) -> None:
        """Run it again and again; nothing outside is changed or read, whatever it says."""
        said, rounds = "", 0
        deadline = time.monotonic() + seconds
        with self.attack():
            while time.monotonic() < deadline or not rounds:
                self.write_orphan()
                said += run()
                rounds += 1
        self.check(said)

    def check(self, said: str) -> None:
        assert SECRET not in said
        assert "Traceback" not in said
        assert (snapshot(self.private), snapshot(self.others)) == self.outside


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as found:
        yield found


@pytest.fixture
def attacked(folder: Path) -> Attacked:
    return Attacked(folder)


@pytest.mark.parametrize("named", [True, False])
def test_the_modules(attacked: Attacked, named: bool) -> None:
    options: dict[str, Any] = {"python": str(attacked.python), "quarantine": str(attacked.quarantine)}
    if named:
        options["user"] = attacked.user
    site = {**attacked.site.both, **options, "age_stamp": "mtime", **LENIENT}
    tasks = [
        attacked.site.orphans(**options, **LENIENT),
        {RECORDS: {**site, **RECORDS_OPTIONS, "select": "missing"}},
    ]

    def run() -> str:
        return "".join(str(run_module(task, check)) for task in tasks for check in (True, False))

    attacked.run_with_each_exchanged(run)
    attacked.run_under_attack(run)


@pytest.mark.parametrize("user", ["user", "nobody said"])
def test_the_command(attacked: Attacked, user: str) -> None:
    (attacked.folder / "installed").mkdir()
    command = Command(attacked.folder / "installed")
    description = attacked.described()
    if user != "user":
        del description["user"]
    command.describe(description)

    def run() -> str:
        lines = [("orphans", "--force"), ("check",), ("batches",), ("restore", "latest", "--force")]
        done = [command.run(line[0], "kit", *line[1:]) for line in lines]
        return "".join(each.stdout + each.stderr for each in done)

    attacked.run_with_each_exchanged(run)
    attacked.run_under_attack(run)


def test_the_playbook(attacked: Attacked, ansible: Ansible) -> None:
    sites = {"web": [attacked.described()]}

    def run() -> str:
        return ansible.clean(sites, "-e", "media_cleanup_force=true", "--diff", "-v").output

    attacked.run_under_attack(run, seconds=0)


@pytest.mark.parametrize("user", [USER, SHARING], ids=["by the user", "by root"])
def test_the_role_and_its_cron_line(folder: Path, ansible: Ansible, user: pwd.struct_passwd) -> None:
    """Started by the site's user, and by root where others are in the group of that user."""
    attacked = Attacked(folder, user)
    sites = [attacked.described()]
    host = Host(folder / "host", media_cleanup_sites=sites, media_cleanup_metrics_directory="/metrics")

    def run() -> str:
        said = schedule(ansible, {"target": host}, "--diff").output
        if ("kit", "orphans") in host.lines:
            said += str(host.as_cron("kit", "orphans").stdout)
        return said

    attacked.run_under_attack(run, seconds=0)
