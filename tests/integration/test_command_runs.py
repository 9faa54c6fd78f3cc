# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The command as a process of its own: the same plans as the modules, on real sites."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Sequence

import pytest
from support import REPOSITORY, Ansible, Site

ENGINE = REPOSITORY / "plugins" / "module_utils" / "_reconcile"
LAUNCHER = """\
import os, sys
sys.path.insert(0, os.path.realpath({library!r}))
from media_cleanup.command import main
sys.exit(main(launcher=os.path.abspath(__file__)))
"""
# A command that runs this long hangs.
PATIENCE = 60


class Command:
    """The command, installed from the engine as the role does it, and one site file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ENGINE, folder / "library" / "media_cleanup", ignore=lambda *_: ["__pycache__"])
        (folder / "config" / "sites").mkdir(parents=True)
        self.launcher = folder / "media-cleanup"
        self.launcher.write_text(LAUNCHER.format(library=str(folder / "library")))

    def describe(self, description: dict[str, Any]) -> None:
        path = self.folder / "config" / "sites" / f"{description['name']}.json"
        path.write_text(json.dumps(description))

    def line(self, *arguments: str, python: str = sys.executable) -> list[str]:
        config = ["--config", str(self.folder / "config")]
        return [python, "-IBXutf8", str(self.launcher), *arguments, *config]

    def run(self, *arguments: str, python: str = sys.executable) -> Any:
        """Run it with nothing in its environment and no terminal."""
        done = subprocess.run(
            self.line(*arguments, python=python),
            env={},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def json(self, *arguments: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.run(*arguments, "--json").stdout)
        return told


@pytest.fixture
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    return Command(tmp_path_factory.mktemp("command"))


@pytest.fixture
def drifted(site: Site) -> Site:
    """A site with something for each of the three jobs to find."""
    return drift(site)


def drift(site: Site) -> Site:
    site.keep(*(f"photos/kept{number}.jpg" for number in range(6)))
    site.write("photos/orphan.jpg", "avif/orphan.avif")
    site.keep("photos/half.jpg", attached=False)
    site.insert("photos/lost.jpg")
    # What changes while a run begins is young.
    time.sleep(0.02)
    return site


def digest(plan_id: str) -> str:
    return plan_id.partition("-")[2]


def test_the_command_makes_the_plans_of_the_modules(
    drifted: Site, command: Command, ansible: Ansible
) -> None:
    command.describe(drifted.described())
    # What the job orphans compares with protects files from the other two.
    columns = drifted.described()["orphans"]["references"]
    tasks = [
        drifted.orphans(),
        drifted.records(select="incomplete", references=columns),
        drifted.records(select="missing", references=columns),
    ]
    by_modules = ansible.results(*tasks, check=True)
    for job, by_module in zip(("orphans", "incomplete", "missing"), by_modules):
        [by_command] = command.json(job, drifted.name, "--dry-run")["runs"]
        assert digest(by_command["plan_id"]) == digest(by_module["plan_id"])
        for same in ("found", "examined", "young", "dependents", "labels"):
            assert by_command[same] == by_module[same]
        assert by_command["found"] != {"records": 0, "files": 0, "bytes": 0}


def test_a_dry_run_changes_nothing_and_the_run_does_what_it_said(drifted: Site, command: Command) -> None:
    command.describe(drifted.described())
    before = drifted.state()
    planned = {job: command.json(job, drifted.name, "--dry-run") for job in ("orphans", "incomplete")}
    assert drifted.state() == before
    for job, plan in planned.items():
        done = command.json(job, drifted.name, "--force")
        assert done["exit_status"] == 0
        assert done["runs"][0]["removed"] == plan["runs"][0]["found"]
    assert "photos/orphan.jpg" not in drifted.files
    assert "photos/half.jpg" not in drifted.images
    assert command.run("missing", drifted.name, "--force").returncode == 0
    assert drifted.images == [f"photos/kept{number}.jpg" for number in range(6)]
    assert drifted.files == [f"photos/kept{number}.jpg" for number in range(6)]


def test_while_another_run_works_the_command_is_busy(drifted: Site, command: Command) -> None:
    command.describe(drifted.described())
    before = drifted.state()
    other = os.open(drifted.media, os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        for job in ("orphans", "incomplete", "missing"):
            done = command.run(job, drifted.name, "--force", "--quiet")
            assert done.returncode == 5
            assert "another run" in done.stderr
    finally:
        os.close(other)
    assert drifted.state() == before
    assert command.run("orphans", drifted.name, "--force").returncode == 0


def test_of_two_runs_at_once_each_thing_goes_once(sqlite_site: Site, command: Command) -> None:
    site = sqlite_site
    site.keep(*(f"photos/kept{number}.jpg" for number in range(300)))
    site.write(*(f"photos/orphan{number}.jpg" for number in range(200)))
    time.sleep(0.02)
    command.describe(site.described())
    line = command.line("orphans", site.name, "--force", "--json")
    both = [subprocess.Popen(line, env={}, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) for _run in "ab"]
    told = [json.loads(process.communicate(timeout=PATIENCE)[0]) for process in both]
    assert {entry["status"] for entry in told} <= {"done", "busy"}
    assert sum(entry["runs"][0]["removed"]["files"] for entry in told) == 200
    assert len(site.files) == 300


def test_what_cannot_be_seen_makes_the_run_partial(sqlite_site: Site, command: Command) -> None:
    site = sqlite_site
    site.keep("photos/a.jpg", "photos/b.jpg", "photos/closed/c.jpg")
    site.write("photos/orphan.jpg")
    time.sleep(0.02)
    command.describe(site.described())
    closed = site.media / "photos" / "closed"
    closed.chmod(0)
    try:
        done = subprocess.run(
            [*powerless(), *command.line("orphans", site.name, "--force")],
            env={},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        closed.chmod(0o700)
    assert done.returncode == 4
    assert "photos/closed" in done.stderr
    assert "photos/orphan.jpg" in site.files


def powerless() -> Sequence[str]:
    """What must stand before a command so that permissions hold for it, even for root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]


def test_at_a_terminal_it_shows_how_far_it_is_and_asks(sqlite_site: Site, command: Command) -> None:
    drift(sqlite_site)
    command.describe(sqlite_site.described())
    status, said = at_a_terminal(command.line("orphans", sqlite_site.name), "no")
    assert status == 6
    assert "photos/orphan.jpg" in said
    assert "photos/orphan.jpg" in sqlite_site.files
    status, said = at_a_terminal(command.line("orphans", sqlite_site.name), "yes")
    assert status == 0
    assert "removed 2 files" in said
    assert "photos/orphan.jpg" not in sqlite_site.files


def at_a_terminal(line: Sequence[str], answer: str) -> tuple[int, str]:
    """Run a command in a terminal of its own and answer its question."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(line[0], list(line), {})
    said = b""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            # Linux says so when the other side is closed.
            break
        if b"go on: " in said + piece and b"go on: " not in said:
            os.write(terminal, f"{answer}\n".encode())
        said += piece
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.decode()


def test_nobody_who_stops_reading_makes_it_stumble(sqlite_site: Site, command: Command) -> None:
    drift(sqlite_site)
    command.describe(sqlite_site.described())
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command.line("orphans", sqlite_site.name, "--dry-run"),
        env={},
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert done.stderr == ""


def test_names_come_through_in_any_locale(sqlite_site: Site, command: Command) -> None:
    site = sqlite_site
    site.keep("photos/Ä1.jpg", "photos/b.jpg", "photos/c.jpg")
    site.write(b"photos/\xff.jpg", "photos/日本.jpg")
    time.sleep(0.02)
    command.describe(site.described())
    done = command.run("orphans", site.name, "--force")
    assert done.returncode == 0
    assert r"photos/\xff.jpg" in done.stdout
    assert site.files == ["photos/b.jpg", "photos/c.jpg", "photos/Ä1.jpg"]


# Checking a configuration.


def test_check_finds_a_good_site_good_and_changes_nothing(drifted: Site, command: Command) -> None:
    command.describe(drifted.described())
    before = drifted.state()
    done = command.run("check", drifted.name)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ok ") == 8
    assert drifted.state() == before


def test_check_tells_where_files_cannot_be_removed(sqlite_site: Site, command: Command) -> None:
    drift(sqlite_site)
    command.describe(sqlite_site.described())
    photos = sqlite_site.media / "photos"
    photos.chmod(0o500)
    try:
        line = [*powerless(), *command.line("check", sqlite_site.name)]
        done = subprocess.run(line, env={}, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        photos.chmod(0o700)
    assert done.returncode == 1
    assert done.stderr.count("may not remove files in photos/. ") + done.stderr.count("in photos. ") == 3


def test_check_tells_which_privilege_is_missing(postgresql: Any, tmp_path: Path, command: Command) -> None:
    site = drift(Site(tmp_path, postgresql))
    postgresql.run(
        "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; "
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"
    )
    url = re.sub(r"//[^@/]*@", "//reader@", postgresql.url)
    assert "//reader@" in url
    command.describe(site.described(database_url=url))
    done = command.run("check", site.name)
    postgresql.run("DROP OWNED BY reader; DROP ROLE reader")
    assert done.returncode == 1
    assert done.stderr.count("permission denied") == 2
    assert done.stderr.count("Grant the privilege") == 2


def test_check_tells_of_a_quarantine_that_cannot_be_used(sqlite_site: Site, command: Command) -> None:
    drift(sqlite_site)
    place = sqlite_site.folder / "kept"
    command.describe(sqlite_site.described(quarantine=str(place / "quarantine")))
    assert command.run("check", sqlite_site.name).returncode == 0
    place.mkdir(mode=0o500)
    line = [*powerless(), *command.line("check", sqlite_site.name)]
    done = subprocess.run(line, env={}, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "may not write in" in done.stderr


@pytest.mark.parametrize("version", ["3.8", "3.13"])
def test_the_oldest_and_the_newest_python_run_it(sqlite_site: Site, command: Command, version: str) -> None:
    python = find_python(version)
    drift(sqlite_site)
    command.describe(sqlite_site.described())
    assert command.run("orphans", sqlite_site.name, "--force", python=python).returncode == 0
    assert "photos/orphan.jpg" not in sqlite_site.files


def find_python(version: str) -> str:
    places = [*Path.home().glob(f".pyenv/versions/{version}.*/bin/python"), Path(f"/usr/bin/python{version}")]
    found = [str(place) for place in places if place.exists()]
    if not found:
        pytest.skip(f"there is no Python {version} here")
    return found[0]


def test_a_site_is_cleaned_by_the_interpreter_that_it_names(
    sqlite_site: Site, command: Command, tmp_path: Path
) -> None:
    drift(sqlite_site)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho taken over >&2\nexec {sys.executable} "$@"\n')
    python.chmod(0o700)
    command.describe(sqlite_site.described(python=str(python)))
    done = command.run("orphans", sqlite_site.name, "--force")
    assert (done.returncode, done.stderr) == (0, "taken over\n")
    assert "photos/orphan.jpg" not in sqlite_site.files
