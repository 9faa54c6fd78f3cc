# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The role: installed into a private folder of this machine, and what it installed at work."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Iterator
from urllib.parse import quote

import pytest
import yaml
from support import REPOSITORY, Ansible, Run, Site, snapshot

SCHEDULE = REPOSITORY / "playbooks" / "schedule.yml"
ROLE = REPOSITORY / "roles" / "media_cleanup"
SECRET = "s3cr3t-p4ss"
AS_ROOT = os.geteuid() == 0
# Who the jobs run as: an unprivileged user, wherever the tests can choose.
USER = pwd.getpwnam("nobody") if AS_ROOT else pwd.getpwuid(os.geteuid())
PATIENCE = 60


class Host:
    """A private folder that stands for a host, and the role's variables for it."""

    def __init__(self, folder: Path, ansible: Ansible) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.ansible = ansible
        self.variables: dict[str, Any] = {
            "media_cleanup_root": str(self.root),
            "media_cleanup_become": False,
            "media_cleanup_manage_packages": False,
            "media_cleanup_manage_service": False,
            "media_cleanup_jitter_minutes": 0,
            "media_cleanup_python": python_for_all(),
            "media_cleanup_sites": [],
        }

    def schedule(self, *arguments: str, **variables: Any) -> Run:
        inventory = self.ansible.inventory({"target": {**self.variables, **variables}})
        faster = {"ANSIBLE_PIPELINING": "1"}
        return self.ansible.run("ansible-playbook", "-i", inventory, SCHEDULE, *arguments, variables=faster)

    def changed(self, *arguments: str, **variables: Any) -> int:
        """Run the role, which must end well, and say how many tasks changed something."""
        run = self.schedule(*arguments, **variables)
        assert run.status == 0, run.output
        return run.recap["target"]["changed"]

    def refusal(self, **variables: Any) -> str:
        """What the role says of bad variables; it must not have touched the host."""
        run = self.schedule(**variables)
        assert run.status != 0
        assert "Traceback" not in run.output
        assert not self.root.exists()
        return run.words

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
        _at, user, command = self.lines[site, job]
        assert user == USER.pw_name
        return subprocess.run(
            ["/bin/sh", "-c", command],
            env={"HOME": "/", "LOGNAME": user, "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
            **({"user": USER.pw_uid, "group": USER.pw_gid, "extra_groups": []} if AS_ROOT else {}),
        )

    @property
    def releases(self) -> list[str]:
        library = self.root / "usr" / "local" / "lib" / "media-cleanup"
        return sorted(entry.name for entry in library.iterdir() if not entry.is_symlink())


def python_for_all() -> str:
    """An interpreter that the jobs' user may run; this one may lie in a private home."""
    return "/usr/bin/python3" if AS_ROOT else sys.executable


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody can enter, other than pytest's own."""
    with tempfile.TemporaryDirectory(prefix="media-cleanup-host-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture
def host(folder: Path, ansible: Ansible) -> Host:
    return Host(folder, ansible)


def sqlite_site(folder: Path, sqlite: Any) -> Site:
    """A drifted site that belongs to the jobs' user."""
    place = folder / "kit"
    place.mkdir()
    database = type(sqlite)("sqlite", f"sqlite:///{quote(str(place / 'db.sqlite3'))}")
    (place / "db.sqlite3").touch()
    return given_away(drifted(Site(place, database)))


def drifted(site: Site) -> Site:
    site.keep(*(f"photos/kept{number}.jpg" for number in range(5)))
    site.write("photos/orphan.jpg")
    site.keep("photos/half.jpg", attached=False)
    time.sleep(0.02)
    return site


def given_away(site: Site) -> Site:
    if AS_ROOT:
        for parent, _directories, files in os.walk(site.folder):
            for path in (parent, *(os.path.join(parent, file) for file in files)):
                os.chown(path, USER.pw_uid, USER.pw_gid)
    time.sleep(0.02)
    return site


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
        **more,
    }


def test_a_dry_run_on_a_bare_host_is_clean_and_a_second_run_changes_nothing(host: Host) -> None:
    host.variables["media_cleanup_sites"] = [described()]
    assert host.changed("--check", "--diff") > 0
    assert not host.root.exists()
    assert host.changed(media_cleanup_metrics_directory="/var/lib/node") > 0
    before = snapshot(host.root)
    assert host.changed("--check", media_cleanup_metrics_directory="/var/lib/node") == 0
    assert host.changed(media_cleanup_metrics_directory="/var/lib/node") == 0
    assert snapshot(host.root) == before


def test_a_dry_run_may_come_before_the_sites_user(host: Host) -> None:
    sites = [described(user="nobody-yet")]
    assert host.changed("--check", media_cleanup_sites=sites) > 0
    assert "no user nobody-yet" in host.refusal(media_cleanup_sites=sites)


def test_the_defaults_schedule_what_the_documentation_says(host: Host) -> None:
    host.changed(media_cleanup_sites=[described()])
    assert {key: line[:2] for key, line in host.lines.items()} == {
        ("kit", "orphans"): ("0 2 * * 0", USER.pw_name),
        ("kit", "incomplete"): ("0 */6 * * *", USER.pw_name),
    }
    assert {"SHELL=/bin/sh", 'MAILTO="root"'} <= set(host.crontab.splitlines())
    assert re.search(r"^PATH=/\S+$", host.crontab, re.MULTILINE)


def test_a_site_says_otherwise_or_never(host: Host) -> None:
    schedule = {"orphans": "", "missing": "15 4 1,15 jan-jun mon"}
    host.changed(media_cleanup_sites=[described(schedule=schedule), described("other")])
    assert {key: line[0] for key, line in host.lines.items()} == {
        ("kit", "incomplete"): "0 */6 * * *",
        ("kit", "missing"): "15 4 1,15 jan-jun mon",
        ("other", "incomplete"): "0 */6 * * *",
        ("other", "orphans"): "0 2 * * 0",
    }
    # A site that is gone from the description goes from the host.
    host.changed(media_cleanup_sites=[described("other")])
    assert {site for site, _job in host.lines} == {"other"}
    sites = host.root / "etc" / "media-cleanup" / "sites"
    assert [file.name for file in sites.iterdir()] == ["other.json"]


def test_the_jitter_is_a_hosts_own_and_stays(host: Host) -> None:
    host.variables["media_cleanup_sites"] = [described(), described("other")]
    host.changed(media_cleanup_jitter_minutes=30)
    delays = [int(seconds) for seconds in re.findall(r" sleep (\d+); ", host.crontab)]
    assert len(set(delays)) == 4
    assert all(0 < seconds < 1800 for seconds in delays)
    assert host.changed(media_cleanup_jitter_minutes=30) == 0


def test_the_crons_own_line_cleans_a_sqlite_site(host: Host, sqlite: Any) -> None:
    site = sqlite_site(host.folder, sqlite)
    host.changed(
        media_cleanup_sites=[site.described(user=USER.pw_name)], media_cleanup_metrics_directory="/metrics"
    )
    clean_both(host, site)
    metrics = host.root / "metrics" / "media_cleanup_kit_orphans.prom"
    assert 'media_cleanup_last_exit_status{site="kit",job="orphans"} 0' in metrics.read_text()
    kept = host.root / "var" / "lib" / "media-cleanup" / "kit"
    assert json.loads((kept / "orphans.json").read_text())["status"] == "done"
    assert "removed 1 file" in (host.root / "var" / "log" / "media-cleanup" / "kit.log").read_text()
    # What the runs have left is no change to undo.
    assert (
        host.changed(
            media_cleanup_sites=[site.described(user=USER.pw_name)],
            media_cleanup_metrics_directory="/metrics",
        )
        == 0
    )


def clean_both(host: Host, site: Site) -> None:
    for job, path in (("orphans", "photos/orphan.jpg"), ("incomplete", "photos/half.jpg")):
        assert path in site.files
        done = host.as_cron(site.name, job)
        assert done.returncode == 0, done.stdout
        assert path in done.stdout
        assert path not in site.files
        # And cron has nothing to mail of a run that found nothing.
        again = host.as_cron(site.name, job)
        assert (again.returncode, again.stdout) == (0, "")
    kept = [f"photos/kept{number}.jpg" for number in range(5)]
    assert site.files == kept
    assert site.images == kept


def test_the_crons_own_line_cleans_a_postgresql_site(
    host: Host, postgresql: Any, postgresql_server: str
) -> None:
    place = host.folder / "kit"
    place.mkdir()
    site = given_away(drifted(Site(place, postgresql)))
    description = site.described(user=USER.pw_name, python=python_with_psycopg2(host.folder))
    host.changed(media_cleanup_sites=[description])
    with socket_for_all(postgresql_server):
        clean_both(host, site)


class socket_for_all:  # noqa: N801
    """Let every user of this machine reach the server's socket, for a while."""

    def __init__(self, url: str) -> None:
        found = re.search(r"host=([^&]+)", url)
        assert found, url
        self.folder = Path(found.group(1).replace("%2F", "/"))

    def __enter__(self) -> None:
        places = (self.folder, self.folder.parent)
        self.modes = [(place, stat.S_IMODE(place.stat().st_mode)) for place in places]
        for place, mode in self.modes:
            place.chmod(mode | 0o011)

    def __exit__(self, *_error: object) -> None:
        for place, mode in self.modes:
            place.chmod(mode)


def python_with_psycopg2(folder: Path) -> str:
    """An environment as an application has it, made of an interpreter that everybody may run."""
    if not AS_ROOT:
        return sys.executable
    environment = folder / "venv"
    subprocess.run([python_for_all(), "-m", "venv", "--without-pip", environment], check=True)
    [packages] = environment.glob("lib/python3.*/site-packages")
    import psycopg2

    ours = Path(psycopg2.__file__).parent.parent
    for found in ours.glob("psycopg2*"):
        shutil.copytree(found, packages / found.name)
    python = str(environment / "bin" / "python")
    if subprocess.run([python, "-c", "import psycopg2"], check=False, stderr=subprocess.PIPE).returncode:
        pytest.skip(f"{python_for_all()} is of another version than {sys.executable}, and has no psycopg2")
    return python


def test_an_interpreter_without_psycopg2_is_told_before_anything_is_installed(
    host: Host, folder: Path
) -> None:
    bare = folder / "bare"
    subprocess.run([python_for_all(), "-m", "venv", "--without-pip", bare], check=True)
    site = described(database_url=f"postgresql://u:{SECRET}@h/d", python=str(bare / "bin" / "python"))
    told = host.refusal(media_cleanup_sites=[site])
    assert "has no psycopg2" in told
    assert SECRET not in told


def test_no_secret_shows_anywhere_but_in_the_site_file(host: Host) -> None:
    site = described(database_url=f"postgresql://u:{SECRET}@h/d", python=python_with_psycopg2(host.folder))
    for arguments in (["--check", "--diff", "-vvv"], ["--diff", "-vvv"], ["-vvv"]):
        run = host.schedule(*arguments, media_cleanup_sites=[site])
        assert run.status == 0, run.output
        assert SECRET not in run.output
    bad = {**site, "max_removal_percent": "many", "unknown": 1}
    run = host.schedule("-vvv", media_cleanup_sites=[bad])
    assert run.status != 0
    assert SECRET not in run.output
    file = host.root / "etc" / "media-cleanup" / "sites" / "kit.json"
    status = file.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o400, USER.pw_uid)
    holders = [
        path for path in host.root.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()
    ]
    assert holders == [file]
    assert json.loads(file.read_text()) == site


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
        ({"media_cleanup_sites": [described(unknown=1)]}, "unknown"),
        ({"media_cleanup_scheduler": "at"}, "value of media_cleanup_scheduler must be one of"),
        ({"media_cleanup_mailto": 'x"\nSHELL=/bin/evil'}, "media_cleanup_mailto must be"),
        ({"media_cleanup_python": "/no/such/python"}, "/no/such/python on this host is no Python 3.8"),
    ],
)
def test_bad_variables_are_told_before_anything_is_touched(
    host: Host, variables: dict[str, Any], words: str
) -> None:
    told = host.refusal(**{"media_cleanup_sites": [described()], **variables})
    assert words in told.replace('\\"', '"').replace("''", "'")


def test_good_cron_expressions_pass(host: Host) -> None:
    expressions = ["*/5 0-6,22 1 * *", "@daily", "0 2 * * SUN", "59 23 31 12 7", "0-30/10 * * jan,feb 1-5"]
    sites = [described(f"kit{number}", schedule={"orphans": at}) for number, at in enumerate(expressions)]
    host.changed("--check", media_cleanup_sites=sites)


def test_an_older_version_is_replaced_in_one_step_and_the_one_before_stays(host: Host) -> None:
    host.variables["media_cleanup_sites"] = [described()]
    library = host.root / "usr" / "local" / "lib" / "media-cleanup"
    for old in ("0.8.0-00", "0.9.0-00"):
        (library / old / "media_cleanup").mkdir(parents=True)
    (library / "current").symlink_to("0.9.0-00")
    assert host.changed() > 0
    [new] = [release for release in host.releases if not release.startswith("0")]
    assert os.readlink(library / "current") == new
    # A run may still be at work with the one before; the one before that has seen its last.
    assert host.releases == ["0.9.0-00", new]
    assert host.changed() == 0
    assert host.releases == ["0.9.0-00", new]


def test_a_running_job_keeps_its_version(host: Host, sqlite: Any) -> None:
    site = sqlite_site(host.folder, sqlite)
    host.changed(media_cleanup_sites=[site.described(user=USER.pw_name)])
    library = host.root / "usr" / "local" / "lib" / "media-cleanup"
    launcher = (host.root / "usr" / "local" / "bin" / "media-cleanup").read_text()
    seen = re.sub(r"from media_cleanup.*", "print(sys.path[0])", launcher, flags=re.DOTALL)
    done = subprocess.run([sys.executable, "-c", seen], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.strip() == os.path.realpath(library / "current")


def test_what_was_changed_by_hand_is_mended(host: Host) -> None:
    host.variables["media_cleanup_sites"] = [described()]
    host.changed()
    before = host.crontab
    (host.root / "etc" / "cron.d" / "media-cleanup").write_text("")
    [engine] = host.root.glob("usr/local/lib/media-cleanup/1*/media_cleanup/plan.py")
    engine.write_text("")
    assert host.changed() == 2
    assert host.crontab == before
    assert engine.read_text() == (REPOSITORY / "plugins/module_utils/_reconcile/plan.py").read_text()


def test_absent_takes_everything_away_but_the_quarantine(host: Host, sqlite: Any) -> None:
    site = sqlite_site(host.folder, sqlite)
    kept = host.folder / "kit" / "quarantine"
    more = {
        "media_cleanup_sites": [site.described(user=USER.pw_name, quarantine=str(kept))],
        "media_cleanup_metrics_directory": "/metrics",
    }
    host.changed(**more)
    assert host.as_cron("kit", "orphans").returncode == 0
    held = snapshot(kept)
    assert len(held) > 2
    assert host.changed("--check", media_cleanup_state="absent", **more) > 0
    assert host.lines
    assert host.changed(media_cleanup_state="absent", **more) > 0
    assert [path for path in host.root.rglob("*") if not path.is_dir() or "cleanup" in path.name] == []
    assert snapshot(kept) == held
    assert host.changed(media_cleanup_state="absent", **more) == 0


# systemd.


def test_the_units_are_what_systemd_accepts(host: Host, sqlite: Any) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd-analyze here")
    site = sqlite_site(host.folder, sqlite)
    more = {
        "media_cleanup_sites": [site.described(user=USER.pw_name, calendar={"missing": "daily"})],
        "media_cleanup_scheduler": "systemd",
        "media_cleanup_jitter_minutes": 20,
    }
    host.changed("--check", **more)
    host.changed(**more)
    assert host.changed(**more) == 0
    units = sorted((host.root / "etc" / "systemd" / "system").glob("media-cleanup-*"))
    jobs = ("incomplete", "missing", "orphans")
    expected = [f"media-cleanup-kit-{job}.{kind}" for job in jobs for kind in ("service", "timer")]
    assert [unit.name for unit in units] == expected
    verified = subprocess.run(
        ["systemd-analyze", "verify", *units],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    # It does not like nobody, whom only the tests let run a service.
    told = [line for line in verified.stdout.splitlines() if "Special user nobody" not in line]
    ours = [line for line in told if "media-cleanup" in line]
    assert (verified.returncode, ours) == (0, [])
    assert host.crontab == ""
    service = units[0].read_text()
    assert f"User={USER.pw_name}\n" in service
    for hardened in ("ProtectSystem=strict", "NoNewPrivileges=yes", "IOSchedulingClass=idle", "Nice=15"):
        assert f"\n{hardened}\n" in service
    assert f'ReadWritePaths="-{site.media}"' in service
    assert "Persistent=true" in units[1].read_text()
    # Back to cron, the units go.
    host.changed(media_cleanup_sites=more["media_cleanup_sites"])
    assert list((host.root / "etc" / "systemd" / "system").rglob("media-cleanup-*")) == []
    assert host.crontab


def test_what_is_no_calendar_expression_is_told(host: Host) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd-analyze here")
    run = host.schedule(
        media_cleanup_sites=[described(calendar={"orphans": "on sundays"})], media_cleanup_scheduler="systemd"
    )
    assert run.status != 0
    assert "on sundays" in run.words
    assert "for a calendar expression" in run.words


# The role's own papers.


def test_every_default_is_in_the_argument_spec_and_only_those() -> None:
    spec = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    assert {name: option.get("default") for name, option in spec["options"].items()} == defaults
    assert all(option["description"] for option in spec["options"].values())


def test_a_site_may_say_in_the_role_what_it_may_say_in_the_playbooks() -> None:
    from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile import site_file

    spec = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]
    assert set(spec["options"]["media_cleanup_sites"]["options"]) == site_file.AT_SITE_LEVEL
