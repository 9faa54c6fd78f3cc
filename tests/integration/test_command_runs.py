# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The command as a process of its own: the same plans as the modules, on real sites."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

import pytest

from helpers.ansible_runs import Ansible
from helpers.builders import rules
from helpers.clock import let_clock_tick
from helpers.commands import TIME_LIMIT, Command, at_a_terminal, bare, drift
from helpers.sites import Site


@pytest.fixture
def site_with_work(site: Site) -> Site:
    """A site with something for each of the three jobs to find."""
    return drift(site)


@contextmanager
def of_mode(directory: Path, mode: int) -> Iterator[None]:
    """A directory in which only what this mode says may be done, for a while."""
    directory.chmod(mode)
    try:
        yield
    finally:
        directory.chmod(0o700)


def digest(plan_id: str) -> str:
    return plan_id.partition("-")[2]


def test_the_command_makes_the_plans_of_the_modules(
    site_with_work: Site, command: Command, ansible: Ansible
) -> None:
    command.describe(site_with_work.described())
    # What the job orphans compares with protects files from the other two.
    columns = site_with_work.described()["orphans"]["references"]
    tasks = [
        site_with_work.orphans(),
        site_with_work.records(select="incomplete", references=columns),
        site_with_work.records(select="missing", references=columns),
    ]
    by_modules = ansible.results(*tasks, check=True)
    for job, by_module in zip(("orphans", "incomplete", "missing"), by_modules):
        [by_command] = command.json(job, site_with_work.name, "--dry-run")["runs"]
        assert digest(by_command["plan_id"]) == digest(by_module["plan_id"])
        for same in ("found", "examined", "young", "dependents", "labels"):
            assert by_command[same] == by_module[same]
        assert by_command["found"] != {"records": 0, "files": 0, "bytes": 0}


@pytest.mark.promise(6)
def test_a_dry_run_changes_nothing_and_the_run_does_what_it_said(
    site_with_work: Site, command: Command
) -> None:
    command.describe(site_with_work.described())
    before = site_with_work.state()
    planned = {job: command.json(job, site_with_work.name, "--dry-run") for job in ("orphans", "incomplete")}
    assert site_with_work.state() == before
    for job, plan in planned.items():
        done = command.json(job, site_with_work.name, "--force")
        assert done["exit_status"] == 0
        assert done["runs"][0]["removed"] == plan["runs"][0]["found"]
    assert "photos/orphan.jpg" not in site_with_work.files
    assert "photos/half.jpg" not in site_with_work.images
    assert command.run("missing", site_with_work.name, "--force").returncode == 0
    assert site_with_work.images == [f"photos/kept{number}.jpg" for number in range(6)]
    assert site_with_work.files == [f"photos/kept{number}.jpg" for number in range(6)]


@pytest.mark.promise("locks")
def test_while_another_run_works_the_command_is_busy(site_with_work: Site, command: Command) -> None:
    kept_in = site_with_work.folder / "quarantine"
    kept_in.mkdir(mode=0o700)
    command.describe(site_with_work.described(quarantine=str(kept_in)))
    before = site_with_work.state()
    other = os.open(kept_in, os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        for job in ("orphans", "incomplete", "missing"):
            done = command.run(job, site_with_work.name, "--force", "--quiet")
            assert done.returncode == 5
            assert "another run" in done.stderr
    finally:
        os.close(other)
    assert site_with_work.state() == before
    assert command.run("orphans", site_with_work.name, "--force").returncode == 0


@pytest.mark.promise("locks")
def test_of_two_runs_at_once_each_thing_goes_once(sqlite_site: Site, command: Command) -> None:
    site = sqlite_site
    site.keep(*(f"photos/kept{number}.jpg" for number in range(300)))
    site.write(*(f"photos/orphan{number}.jpg" for number in range(200)))
    let_clock_tick()
    command.describe(site.described())
    line = command.line("orphans", site.name, "--force", "--json")
    both = [
        subprocess.Popen(line, env=bare(), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) for _run in "ab"
    ]
    told = [json.loads(process.communicate(timeout=TIME_LIMIT)[0]) for process in both]
    assert {entry["status"] for entry in told} <= {"done", "busy"}
    assert sum(entry["runs"][0]["removed"]["files"] for entry in told) == 200
    assert len(site.files) == 300


@pytest.mark.promise(1)
def test_what_cannot_be_seen_makes_the_run_partial(sqlite_site: Site, command: Command) -> None:
    site = sqlite_site
    site.keep("photos/a.jpg", "photos/b.jpg", "photos/closed/c.jpg")
    site.write("photos/orphan.jpg")
    let_clock_tick()
    command.describe(site.described())
    with of_mode(site.media / "photos" / "closed", 0):
        done = command.run("orphans", site.name, "--force", powerless=True)
    assert done.returncode == 4
    assert "photos/closed" in done.stderr
    assert "photos/orphan.jpg" in site.files


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


def test_at_a_terminal_it_shows_files_rate_and_share(site: Site, command: Command) -> None:
    site.keep(*(f"photos/kept{number:03}.jpg" for number in range(400)))
    if site.database.kind == "postgresql":
        site.database.run("ANALYZE collection_photo")
    let_clock_tick()
    command.describe(site.described())
    impatient = command.launcher.read_text().replace(
        "sys.exit", "import media_cleanup.cli.terminal\nmedia_cleanup.cli.terminal.PACE = 0\nsys.exit", 1
    )
    command.launcher.write_text(impatient)
    for job, what in (("orphans", "files"), ("missing", "rows")):
        status, said = at_a_terminal(command.line(job, site.name, "--dry-run"), "")
        assert status == 0
        told = rf"kit · {job}: (\d+) {what} examined, [\d,]+ a second, about (\d+) %"
        seen, share = map(int, re.findall(told, said)[-1])
        assert 0 < seen <= 400
        assert abs(share - seen / 4) < 3
        # The last line of it is wiped out before the summary.
        assert re.search(rf" %\r\x1b\[K{re.escape(site.name)} · {job} \(dry run\)", said)
    assert " seen" not in command.run("orphans", site.name, "--dry-run").stderr


def test_nobody_who_stops_reading_makes_it_stumble(sqlite_site: Site, command: Command) -> None:
    drift(sqlite_site)
    command.describe(sqlite_site.described())
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command.line("orphans", sqlite_site.name, "--dry-run"),
        env=bare(),
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert done.stderr == ""


@pytest.mark.promise(8)
def test_names_come_through_in_any_locale(sqlite_site: Site, command: Command) -> None:
    site = sqlite_site
    site.keep("photos/Ä1.jpg", "photos/b.jpg", "photos/c.jpg")
    site.write(b"photos/\xff.jpg", "photos/日本.jpg")
    let_clock_tick()
    command.describe(site.described())
    done = command.run("orphans", site.name, "--force")
    assert done.returncode == 0
    assert r"photos/\xff.jpg" in done.stdout
    assert site.files == ["photos/b.jpg", "photos/c.jpg", "photos/Ä1.jpg"]


# Checking a configuration.


@pytest.mark.promise(6)
def test_check_finds_a_good_site_good_and_changes_nothing(site_with_work: Site, command: Command) -> None:
    with role_of_its_own(site_with_work.database) as url:
        command.describe(site_with_work.described(database_url=url))
        before = site_with_work.state()
        done = command.run("check", site_with_work.name)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("ok ") == 9
        assert site_with_work.state() == before


@contextmanager
def role_of_its_own(database: Any) -> Iterator[str]:
    """The URL of a database user that may do what the jobs need, and no more."""
    if database.kind == "sqlite":
        yield database.url
        return
    database.run(
        "DROP ROLE IF EXISTS its_own; CREATE ROLE its_own LOGIN;"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO its_own"
    )
    yield re.sub(r"//[^@/]*@", "//its_own@", database.url)
    database.run("DROP OWNED BY its_own; DROP ROLE its_own")


def test_check_reports_a_superuser_and_the_rights_that_are_enough(
    postgresql: Any, tmp_path: Path, command: Command
) -> None:
    site = drift(Site(tmp_path, postgresql))
    postgresql.run(
        "CREATE TABLE note (id integer PRIMARY KEY,"
        " photo_id integer NOT NULL REFERENCES collection_photo (id));"
        "DROP ROLE IF EXISTS admin_of_all; CREATE ROLE admin_of_all SUPERUSER;"
        "DROP ROLE IF EXISTS member; CREATE ROLE member LOGIN NOINHERIT; GRANT admin_of_all TO member;"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO member"
    )
    member = re.sub(r"//[^@/]*@", "//member@", postgresql.url)
    for url, name in ((postgresql.url, "postgres"), (member, "member")):
        described = site.described(database_url=url)
        for kind in ("incomplete", "missing"):
            described[kind] = [{**described[kind][0], "dependents": rules("note.photo_id delete")}]
        command.describe(described)
        [trouble] = filter(None, (f["trouble"] for f in command.json("check", site.name)["findings"]))
        assert trouble.startswith(f"{name} is a superuser, or a member of one.")
        assert trouble.endswith(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON collection_photo, note TO ROLE; "
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO ROLE;"
        )
    postgresql.run("DROP OWNED BY member; DROP ROLE member; DROP ROLE admin_of_all")


def test_check_tells_where_files_cannot_be_removed(sqlite_site: Site, command: Command) -> None:
    drift(sqlite_site)
    command.describe(sqlite_site.described())
    with of_mode(sqlite_site.media / "photos", 0o500):
        done = command.run("check", sqlite_site.name, powerless=True)
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


def test_check_tells_of_a_privilege_that_only_dependents_need(
    postgresql: Any, tmp_path: Path, command: Command
) -> None:
    """As JSON, for whoever collects it."""
    site = drift(Site(tmp_path, postgresql))
    postgresql.run(
        "CREATE TABLE note (id integer PRIMARY KEY,"
        " photo_id integer NOT NULL REFERENCES collection_photo (id));"
        "CREATE TABLE album (id integer PRIMARY KEY, cover_id integer REFERENCES collection_photo (id));"
        "DROP ROLE IF EXISTS cleaner; CREATE ROLE cleaner LOGIN;"
        "GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO cleaner"
    )
    described = site.described(database_url=re.sub(r"//[^@/]*@", "//cleaner@", postgresql.url))
    dependents = rules("note.photo_id delete", "album.cover_id set_null")
    for kind in ("incomplete", "missing"):
        described[kind] = [{**job, "dependents": dependents} for job in described[kind]]
    command.describe(described)
    before = site.state()
    troubles = []
    for privilege in ("", "DELETE ON note", "UPDATE ON album"):
        if privilege:
            postgresql.run(f"REVOKE {privilege} FROM cleaner")
        findings = command.json("check", site.name)["findings"]
        troubles.append([finding["trouble"] for finding in findings if finding["trouble"]])
    postgresql.run("DROP OWNED BY cleaner; DROP ROLE cleaner")
    assert [len(told) for told in troubles] == [0, 2, 2]
    assert all("permission denied" in told for told in [*troubles[1], *troubles[2]])
    assert site.state() == before


def test_check_tells_of_a_quarantine_that_cannot_be_used(sqlite_site: Site, command: Command) -> None:
    drift(sqlite_site)
    place = sqlite_site.folder / "kept"
    command.describe(sqlite_site.described(quarantine=str(place / "quarantine")))
    assert command.run("check", sqlite_site.name).returncode == 0
    place.mkdir(mode=0o500)
    done = command.run("check", sqlite_site.name, powerless=True)
    assert done.returncode == 1
    assert "may not write in" in done.stderr
    place.chmod(0o770)
    command.describe(sqlite_site.described(quarantine=str(place)))
    done = command.run("check", sqlite_site.name)
    assert (done.returncode, "can be written by others" in done.stderr) == (1, True)
    place.rmdir()
    place.touch()
    done = command.run("check", sqlite_site.name)
    assert (done.returncode, "is not a directory" in done.stderr) == (1, True)


def test_check_tells_of_each_quarantine_on_another_file_system(sqlite_site: Site, command: Command) -> None:
    drift(sqlite_site)
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == sqlite_site.media.stat().st_dev:
        pytest.skip("there is no second file system here")
    described = sqlite_site.described(quarantine=str(sqlite_site.folder / "quarantine"))
    described["orphans"] = {**described["orphans"], "quarantine": str(elsewhere / "no-such-quarantine")}
    command.describe(described)
    done = command.run("check", sqlite_site.name)
    assert done.returncode == 1
    assert done.stderr.count("NOT OK") == 1
    assert "is on another file system than the media root" in done.stderr
    assert done.stdout.count("the quarantine is on the file system of the media") == 1


def test_check_tells_what_cannot_be_read(sqlite_site: Site, command: Command) -> None:
    drift(sqlite_site)
    command.describe(sqlite_site.described())
    with of_mode(sqlite_site.media / "photos", 0o300):
        done = command.run("check", sqlite_site.name, powerless=True)
    assert done.returncode == 1
    assert "photos" in done.stderr
    assert "Permission denied" in done.stderr


def test_check_tells_that_the_database_is_out_of_reach(sqlite_site: Site, command: Command) -> None:
    drift(sqlite_site)
    command.describe(sqlite_site.described(database_url="postgresql://kit@127.0.0.1:1/kit"))
    done = command.run("check", sqlite_site.name)
    assert done.returncode == 1
    assert done.stderr.count("connecting to the database failed") == 3


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
    python.write_text(f'#!/bin/sh\ntouch "$0.ran"\nexec {sys.executable} "$@"\n')
    python.chmod(0o700)
    command.describe(sqlite_site.described(python=str(python)))
    done = command.run("orphans", sqlite_site.name, "--force")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "python.ran").exists()
    assert "photos/orphan.jpg" not in sqlite_site.files
