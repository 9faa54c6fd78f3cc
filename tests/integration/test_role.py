# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The role: two hosts from bare to bare again, and what it installed at work.

A playbook takes seconds, so each step of the story is run once, and the tests look at what it left.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Iterator

import pytest
import yaml

from engine.version import VERSION
from helpers.ansible_runs import Ansible, Run
from helpers.checkout import REPOSITORY
from helpers.commands import Terminal
from helpers.hosts import (
    AS_ROOT,
    SHARING,
    USER,
    Host,
    changes,
    described,
    drifted,
    python_with,
    schedule,
    socket_for_all,
)
from helpers.purging import announce
from helpers.sites import snapshot

ROLE = REPOSITORY / "roles" / "media_cleanup"
STARTER = "root" if AS_ROOT else USER.pw_name
SECRET = "s3cr3t-p4ss"
KEPT = [f"photos/kept{number}.jpg" for number in range(5)]
EXPRESSIONS = ["*/5 0-6,22 1 * *", "@daily", "0 2 * * SUN", "59 23 31 12 7", "0-30/10 * * jan,feb 1-5"]
HAS_SYSTEMD = shutil.which("systemd-analyze") is not None
needs_systemd = pytest.mark.skipif(not HAS_SYSTEMD, reason="there is no systemd-analyze here")


def owner_and_mode(path: Path) -> tuple[int, int, str]:
    status = path.stat()
    return status.st_uid, status.st_gid, stat.filemode(status.st_mode)


class RoleRuns:
    """What happens to the host ``crond``, and to ``timed``, which has systemd and an older version."""

    def __init__(self, folder: Path, ansible: Ansible, postgresql: Any, server: str) -> None:
        self.folder, self.ansible, self.server = folder, ansible, server
        self.runs: dict[str, Run] = {}
        sqlite = type(postgresql)
        self.kit = drifted(folder / "kit", sqlite("sqlite", f"sqlite:///{folder}/kit/db.sqlite3"), "kit")
        self.late = drifted(folder / "late", sqlite("sqlite", f"sqlite:///{folder}/late/db.sqlite3"), "late")
        self.pg = drifted(folder / "pg", postgresql, "pg", SHARING)
        python = python_with("psycopg", folder)
        self.quarantine = folder / "kit" / "quarantine"
        kit = self.kit.described(user=USER.pw_name, quarantine=str(self.quarantine), missing=None)
        pg = self.pg.described(user=SHARING.pw_name, python=python, missing=None)
        other = described("other", schedule={"orphans": "", "incomplete": "15 4 1,15 jan-jun mon"})
        self.crond = Host(
            folder / "crond",
            media_cleanup_metrics_directory="/metrics",
            media_cleanup_sites=[kit, pg, other],
        )
        late = self.late.described(user=USER.pw_name, missing=None, incomplete=None)
        self.secret = described(
            "secret",
            database_url=f"postgresql://u:{SECRET}@h/d",
            python=python,
            calendar={"missing": "daily"},
        )
        del self.secret["orphans"], self.secret["incomplete"]
        self.timed = Host(
            folder / "timed",
            media_cleanup_scheduler="systemd" if HAS_SYSTEMD else "cron",
            media_cleanup_jitter_minutes=20,
            media_cleanup_sites=[self.secret, late],
        )
        # A dry run may come before the users are there.
        self.unborn = Host(
            folder / "unborn",
            media_cleanup_sites=[
                described(f"kit{number}", schedule={"orphans": at}, user="nobody-yet")
                for number, at in enumerate(EXPRESSIONS)
            ],
        )
        self.both = {"crond": self.crond, "timed": self.timed}

    def install_an_older_version(self) -> None:
        """The role as an older release of the collection had it, and a run that it began."""
        collection = self.folder / "older" / "ansible_collections" / "django_media" / "cleanup"
        for part in ("meta", "playbooks", "plugins", "roles"):
            shutil.copytree(REPOSITORY / part, collection / part)
        shutil.copy(REPOSITORY / "galaxy.yml", collection)
        engine = collection / "plugins" / "module_utils" / "_reconcile"
        text = (engine / "version.py").read_text()
        (engine / "version.py").write_text(text.replace(f'VERSION = "{VERSION}"', 'VERSION = "0.9.0"'))
        run = schedule(
            self.ansible,
            {"timed": self.timed},
            playbook=collection / "playbooks" / "schedule.yml",
            environment={"ANSIBLE_COLLECTIONS_PATH": str(self.folder / "older")},
        )
        changes(run)
        self.older = self.timed.releases
        # One that has seen its last run.
        (self.timed.library / "0.8.0-00").mkdir()
        self.outcome = self.folder / "outcome.json"
        options = ["--config", str(self.timed.config), "--outcome", str(self.outcome)]
        self.running = Terminal([str(self.timed.command), "orphans", "late", *options])
        assert self.running.read_until(b"continue: "), self.running.said

    def look_before(self) -> None:
        before = snapshot(self.timed.root)
        hosts = {**self.both, "unborn": self.unborn}
        self.runs["look before"] = schedule(self.ansible, hosts, "--check", "--diff", "-vvv")
        self.was_untouched = (
            not self.crond.root.exists()
            and not self.unborn.root.exists()
            and snapshot(self.timed.root) == before
        )

    def install(self) -> None:
        self.runs["install"] = schedule(self.ansible, self.both, "--diff", "-vvv")
        self.ended = self.running.answer("yes")
        self.installed = {name: snapshot(host.root) for name, host in self.both.items()}
        self.crontab, self.lines = self.crond.crontab, self.crond.lines
        self.units = {unit.name: unit.read_text() for unit in self.timed.units.glob("media-cleanup-*")}
        self.verified = self.verify_units() if HAS_SYSTEMD else (0, [])
        self.holders = [
            path
            for path in self.timed.root.rglob("*")
            if path.is_file() and SECRET.encode() in path.read_bytes()
        ]

    def verify_units(self) -> tuple[int, list[str]]:
        units = sorted(self.timed.units.glob("media-cleanup-*"))
        done = subprocess.run(
            ["systemd-analyze", "verify", *units],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        # It does not like nobody, whom only the tests let run a service.
        told = [line for line in done.stdout.splitlines() if "Special user nobody" not in line]
        return done.returncode, [line for line in told if "media-cleanup" in line]

    def let_cron_come(self) -> None:
        """Each line twice, as the second time there is nothing to do."""
        self.ran: dict[tuple[str, str], list[Any]] = {}
        with socket_for_all(self.server):
            for site in ("kit", "pg"):
                for job in ("orphans", "incomplete"):
                    self.ran[site, job] = [self.crond.as_cron(site, job) for _time in "ab"]
        kept = self.crond.root / "var"
        self.kept_outcome = json.loads((kept / "lib" / "media-cleanup" / "kit" / "orphans.json").read_text())
        self.kept_log = (kept / "log" / "media-cleanup" / "kit.log").read_text()
        self.metrics = (self.crond.root / "metrics" / "media_cleanup_kit_orphans.prom").read_text()
        self.owners = {
            name: owner_and_mode(self.crond.config / "sites" / f"{name}.json") for name in ("kit", "pg")
        }
        outcome = kept / "lib" / "media-cleanup" / (".root" if AS_ROOT else ".") / "pg" / "orphans.json"
        self.owners["pg outcome"] = owner_and_mode(outcome)
        self.age_batches(31)
        self.ran["kit", "purge"] = [self.crond.as_cron("kit", "purge")]
        self.batches_left = len(list(self.quarantine.glob("*Z-*")))
        before = snapshot(self.crond.root)
        self.runs["again"] = schedule(self.ansible, {"crond": self.crond})
        self.again_touched = snapshot(self.crond.root).items() ^ before.items()

    def age_batches(self, days: int) -> None:
        """Let the batch of orphans be that old."""
        [manifest] = self.quarantine.glob("*-orphans-*/manifest.jsonl")
        header, *files = manifest.read_text().splitlines()
        older = {**json.loads(header), "moment": json.loads(header)["moment"] - days * 86400}
        manifest.write_text("".join(f"{line}\n" for line in [json.dumps(older), *files]))
        announce(self.quarantine)

    def change_much(self) -> None:
        """Somebody broke a file by hand, sites go, and the timers give way to cron."""
        engine = (self.crond.library / "current" / "media_cleanup" / "plan" / "plan.py").resolve()
        engine.write_text("")
        self.crond.variables["media_cleanup_sites"] = self.crond.variables["media_cleanup_sites"][:1]
        self.timed.variables.update(
            media_cleanup_scheduler="cron",
            media_cleanup_jitter_minutes=30,
            media_cleanup_cron_missing="@daily",
        )
        self.runs["change"] = schedule(self.ansible, self.both)
        self.fixed = engine.read_text()
        self.later_crontabs = {name: host.crontab for name, host in self.both.items()}
        self.sites_left = [file.name for file in (self.crond.config / "sites").iterdir()]
        self.metrics_left = sorted(file.name for file in (self.crond.root / "metrics").iterdir())
        self.units_left = list(self.timed.units.rglob("media-cleanup-*"))

    def remove(self) -> None:
        held = snapshot(self.quarantine)
        before = {name: snapshot(host.root) for name, host in self.both.items()}
        absent = {"media_cleanup_state": "absent"}
        self.runs["look before removal"] = schedule(self.ansible, self.both, "--check", **absent)
        self.stayed = {name: snapshot(host.root) for name, host in self.both.items()} == before
        self.runs["remove"] = schedule(self.ansible, self.both, **absent)
        self.runs["remove again"] = schedule(self.ansible, self.both, **absent)
        self.quarantine_stayed = len(held) > 2 and snapshot(self.quarantine) == held


@pytest.fixture(scope="module")
def role_runs(
    tmp_path_factory: pytest.TempPathFactory, lasting_postgresql: Any, postgresql_server: str
) -> Iterator[RoleRuns]:
    """What the role did on each host, run by run; all tests read it, none changes it."""
    with tempfile.TemporaryDirectory(prefix="media-cleanup-hosts-") as name:
        # Everybody can enter it, other than pytest's own.
        os.chmod(name, 0o755)
        ansible = Ansible(tmp_path_factory.mktemp("home"))
        told = RoleRuns(Path(name), ansible, lasting_postgresql, postgresql_server)
        told.install_an_older_version()
        told.look_before()
        told.install()
        told.let_cron_come()
        told.change_much()
        told.remove()
        yield told


def test_a_dry_run_on_a_bare_host_is_clean(role_runs: RoleRuns) -> None:
    assert all(number > 0 for number in changes(role_runs.runs["look before"]).values())
    assert role_runs.was_untouched


def test_a_second_run_changes_nothing_not_even_what_the_jobs_have_left(role_runs: RoleRuns) -> None:
    assert all(number > 0 for number in changes(role_runs.runs["install"]).values())
    assert changes(role_runs.runs["again"]) == {"crond": 0}
    assert role_runs.again_touched == set()


def test_the_defaults_schedule_what_the_documentation_says(role_runs: RoleRuns) -> None:
    assert {key: line[:2] for key, line in role_runs.lines.items()} == {
        ("kit", "orphans"): ("0 2 * * 0", USER.pw_name),
        ("kit", "incomplete"): ("0 */6 * * *", USER.pw_name),
        # It alone has a quarantine.
        ("kit", "purge"): ("0 4 * * 0", USER.pw_name),
        # Its file is for root alone, since others are in the group of its user.
        ("pg", "orphans"): ("0 2 * * 0", STARTER),
        ("pg", "incomplete"): ("0 */6 * * *", STARTER),
        # It says otherwise; orphans it switches off, and nobody has switched on missing.
        ("other", "incomplete"): ("15 4 1,15 jan-jun mon", USER.pw_name),
    }
    assert {"SHELL=/bin/sh", 'MAILTO="root"'} <= set(role_runs.crontab.splitlines())
    assert re.search(r"^PATH=/\S+$", role_runs.crontab, re.MULTILINE)


@pytest.mark.parametrize("name", ["kit", "pg"])
def test_the_crons_own_line_cleans_a_site(role_runs: RoleRuns, name: str) -> None:
    """On SQLite and on PostgreSQL."""
    for job, path in (("orphans", "photos/orphan.jpg"), ("incomplete", "photos/half.jpg")):
        first, second = role_runs.ran[name, job]
        assert first.returncode == 0, first.stdout
        assert path in first.stdout
        # And cron has nothing to mail of a run that found nothing.
        assert (second.returncode, second.stdout) == (0, "")
    site = {"kit": role_runs.kit, "pg": role_runs.pg}[name]
    assert site.files == KEPT
    assert site.images == KEPT


def test_the_crons_own_line_lets_go_of_what_was_kept_long_enough(role_runs: RoleRuns) -> None:
    [purged] = role_runs.ran["kit", "purge"]
    assert purged.returncode == 0, purged.stdout
    assert "purge (done): 1 batch" in purged.stdout
    assert role_runs.batches_left == 1


def test_the_runs_leave_word_for_those_who_watch(role_runs: RoleRuns) -> None:
    assert role_runs.kept_outcome["status"] == "done"
    assert "removed 1 file" in role_runs.kept_log
    assert 'media_cleanup_last_exit_status{site="kit",cleanup_job="orphans"} 0' in role_runs.metrics
    # Those of a site that is gone are gone.
    jobs = ("incomplete", "orphans", "purge")
    assert role_runs.metrics_left == [f"media_cleanup_kit_{job}.prom" for job in jobs]


def test_an_older_version_is_replaced_and_stays_for_the_run_that_has_it(role_runs: RoleRuns) -> None:
    [older] = role_runs.older
    assert older.startswith("0.9.0-")
    status, said = role_runs.ended
    assert (status, "removed 1 file" in said) == (0, True)
    # It went on with its version after another had been installed, and there is no older one left.
    assert json.loads(role_runs.outcome.read_text())["version"] == "0.9.0"
    current = [path for path in role_runs.installed["timed"] if path.endswith(b"/media-cleanup/current")]
    [release] = {os.fsdecode(role_runs.installed["timed"][path][-1]) for path in current}
    assert release.startswith(f"{VERSION}-")
    library = os.fsencode(role_runs.timed.library)
    releases = {path for path in role_runs.installed["timed"] if os.path.dirname(path) == library}
    assert {os.fsdecode(os.path.basename(path)) for path in releases} == {older, release, "current"}


def test_what_was_changed_by_hand_is_corrected(role_runs: RoleRuns) -> None:
    changes(role_runs.runs["change"])
    assert role_runs.fixed == (REPOSITORY / "plugins/module_utils/_reconcile/plan/plan.py").read_text()


def test_what_is_not_described_any_more_goes_from_the_host(role_runs: RoleRuns) -> None:
    assert role_runs.sites_left == ["kit.json"]
    assert {
        line.split("--force")[0].split()[-1] for line in cron_lines(role_runs.later_crontabs["crond"])
    } == {"kit"}
    assert role_runs.units_left == []


def cron_lines(crontab: str) -> list[str]:
    return [line for line in crontab.splitlines() if " --force " in line]


def test_the_jitter_is_a_hosts_own(role_runs: RoleRuns) -> None:
    delays = [int(seconds) for seconds in re.findall(r" sleep (\d+); ", role_runs.later_crontabs["timed"])]
    assert len(set(delays)) == len(cron_lines(role_runs.later_crontabs["timed"])) == 2
    assert all(0 < seconds < 1800 for seconds in delays)


@pytest.mark.promise(12)
def test_no_secret_shows_anywhere_but_in_the_site_file(role_runs: RoleRuns) -> None:
    for run in role_runs.runs.values():
        assert SECRET not in run.output
    [file] = role_runs.holders
    assert file == role_runs.timed.config / "sites" / "secret.json"
    mode, *_rest, content = role_runs.installed["timed"][os.fsencode(file)]
    assert mode == "-r--r-----"
    assert {**json.loads(content), **role_runs.secret} == json.loads(content)


@pytest.mark.skipif(not AS_ROOT, reason="only root can give files to another user")
@pytest.mark.promise(15)
def test_what_root_reads_and_writes_is_roots(
    role_runs: RoleRuns,
) -> None:
    assert role_runs.owners == {
        "kit": (0, USER.pw_gid, "-r--r-----"),
        "pg": (0, 0, "-r--------"),
        "pg outcome": (0, 0, "-rw-r-----"),
    }


def test_absent_takes_everything_away_but_the_quarantine(role_runs: RoleRuns) -> None:
    assert all(number > 0 for number in changes(role_runs.runs["look before removal"]).values())
    assert role_runs.stayed
    assert all(number > 0 for number in changes(role_runs.runs["remove"]).values())
    for host in role_runs.both.values():
        left = [path for path in host.root.rglob("*") if not path.is_dir() or "cleanup" in path.name]
        assert left == []
    assert changes(role_runs.runs["remove again"]) == {"crond": 0, "timed": 0}
    assert role_runs.quarantine_stayed


# systemd.


@needs_systemd
def test_the_units_are_what_systemd_accepts(role_runs: RoleRuns) -> None:
    jobs = ("secret-missing", "late-orphans")
    units = {f"media-cleanup-{job}.{kind}" for job in jobs for kind in ("service", "timer")}
    assert set(role_runs.units) == units
    assert role_runs.verified == (0, [])
    service = role_runs.units["media-cleanup-late-orphans.service"]
    assert f"User={USER.pw_name}\n" in service
    for hardened in ("ProtectSystem=strict", "NoNewPrivileges=yes", "IOSchedulingClass=idle", "Nice=15"):
        assert f"\n{hardened}\n" in service
    assert f'ReadWritePaths="-{role_runs.late.media}"' in service
    timer = role_runs.units["media-cleanup-late-orphans.timer"]
    assert "Persistent=true" in timer
    assert "RandomizedDelaySec=20min" in timer


# The role's own papers.


def argument_spec() -> dict[str, Any]:
    text = (ROLE / "meta" / "argument_specs.yml").read_text()
    return yaml.safe_load(text)["argument_specs"]["main"]["options"]


def test_every_default_is_in_the_argument_spec_and_only_those() -> None:
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    spec = argument_spec()
    assert {name: option.get("default") for name, option in spec.items()} == defaults
    assert all(option["description"] for option in spec.values())


def test_a_site_may_say_in_the_role_what_it_may_say_in_the_playbooks() -> None:
    from engine.config.options import site_options

    described = {option.name for option in site_options()}
    assert set(argument_spec()["media_cleanup_sites"]["options"]) == described
