# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The subcommands batches, restore and purge: what was removed is found, comes back, or goes for good."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from helpers.ansible_runs import Ansible
from helpers.commands import Command, at_a_terminal, drift
from helpers.purging import announce
from helpers.sites import Site

INFO = "django_media.cleanup.media_quarantine_info"


class CleanedSite:
    """A site that drifted and was cleaned, with all that went in its quarantine."""

    def __init__(self, site: Site, command: Command) -> None:
        drift(site)
        self.site, self.command = site, command
        self.quarantine = site.folder / "quarantine"
        self.before = self.content
        command.describe(site.described(quarantine=str(self.quarantine)))
        for job in ("orphans", "incomplete", "missing"):
            assert command.run(job, site.name, "--force").returncode == 0
        assert self.content != self.before

    @property
    def content(self) -> tuple[list[str], list[str]]:
        return self.site.files, sorted(self.site.images)

    @property
    def names(self) -> list[str]:
        return [batch["name"] for batch in self.run_json("batches")["batches"]]

    def name_of(self, job: str) -> str:
        [name] = [name for name in self.names if f"-{job}-" in name]
        return name

    def run(self, command: str, *arguments: str) -> Any:
        return self.command.run(command, self.site.name, *arguments)

    def run_json(self, command: str, *arguments: str) -> dict[str, Any]:
        return self.command.json(command, self.site.name, *arguments)

    def aged(self, job: str, days: float) -> None:
        """Let a batch be that old."""
        manifest = self.quarantine / self.name_of(job) / "manifest.jsonl"
        header, *files = manifest.read_text().splitlines()
        older = {**json.loads(header), "moment": time.time() - days * 86400}
        manifest.write_text("".join(f"{line}\n" for line in [json.dumps(older), *files]))
        announce(self.quarantine)


@pytest.fixture
def cleaned_site(site: Site, command: Command) -> CleanedSite:
    """A site after a run of each job, on PostgreSQL and on SQLite in turn."""
    return CleanedSite(site, command)


@pytest.fixture
def cleaned_sqlite_site(sqlite_site: Site, command: Command) -> CleanedSite:
    """The same on SQLite alone."""
    return CleanedSite(sqlite_site, command)


def test_batches_are_listed_as_the_module_lists_them(
    cleaned_sqlite_site: CleanedSite, ansible: Ansible
) -> None:
    [by_module] = ansible.results({INFO: {"quarantine": str(cleaned_sqlite_site.quarantine)}})
    assert cleaned_sqlite_site.run_json("batches")["batches"] == by_module["batches"]
    head, *rows = cleaned_sqlite_site.run("batches").stdout.splitlines()
    assert head.split() == ["BATCH", "REMOVED", "JOB", "FILES", "BYTES", "ROWS"]
    assert [row.split()[0] for row in rows] == cleaned_sqlite_site.names
    assert [row.split()[2:] for row in rows] == [
        ["orphans", "2", "14", "0"],
        ["incomplete", "1", "7", "1"],
        ["missing", "0", "0", "1"],
    ]
    assert len({len(line) for line in (head, *rows)}) == 1


def test_a_path_finds_its_batch_however_it_is_copied(cleaned_sqlite_site: CleanedSite) -> None:
    for path in ("photos/half.jpg", str(cleaned_sqlite_site.site.media / "photos" / "half.jpg")):
        [batch] = cleaned_sqlite_site.run_json("batches", path)["batches"]
        assert batch["job"] == "incomplete"
    # A row that lost its file names it all the same.
    [batch] = cleaned_sqlite_site.run_json("batches", "photos/lost.jpg")["batches"]
    assert batch["job"] == "missing"
    assert cleaned_sqlite_site.run("batches", "photos/kept1.jpg").stdout == "no batches\n"
    assert cleaned_sqlite_site.run("batches", "photos/kept1.jpg", "--quiet").stdout == ""


@pytest.mark.promise(10)
def test_all_that_was_removed_comes_back(cleaned_site: CleanedSite) -> None:
    after = cleaned_site.content
    for name in cleaned_site.names:
        told = cleaned_site.run("restore", name, "--dry-run")
        assert (told.returncode, cleaned_site.content) == (0, after)
        assert "would be restored" in told.stdout
    for name in cleaned_site.names:
        assert cleaned_site.run("restore", name, "--force").returncode == 0
    assert cleaned_site.content == cleaned_site.before
    assert cleaned_site.names == []


def test_a_batch_answers_to_the_beginning_of_its_name_and_to_latest(cleaned_sqlite_site: CleanedSite) -> None:
    orphans = cleaned_sqlite_site.name_of("orphans")
    [run] = cleaned_sqlite_site.run_json("restore", orphans[:-3], "--dry-run")["runs"]
    assert run["batches"] == [orphans]
    [run] = cleaned_sqlite_site.run_json("restore", "latest", "--dry-run")["runs"]
    assert run["batches"] == [cleaned_sqlite_site.name_of("missing")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([""], "no batch is called ''"),
        (["20"], "the names of 3 batches begin with '20'"),
        (["photos/half.jpg"], "no batch is called 'photos/half.jpg'"),
        (["../quarantine"], "no batch is called '../quarantine'"),
        (["latest", "photos/kept1.jpg"], "the batch holds nothing of these paths: photos/kept1.jpg"),
    ],
)
def test_what_is_no_batch_is_told_with_those_that_are(
    cleaned_sqlite_site: CleanedSite, arguments: list[str], words: str
) -> None:
    after = cleaned_sqlite_site.content
    done = cleaned_sqlite_site.run("restore", *arguments, "--force")
    assert done.returncode == 2
    assert words in done.stderr
    assert "latest" in arguments or all(name in done.stderr for name in cleaned_sqlite_site.names)
    assert cleaned_sqlite_site.content == after


@pytest.mark.promise(10)
@pytest.mark.parametrize("force_at", [0, 1, 2])
def test_some_paths_come_back_alone(cleaned_sqlite_site: CleanedSite, force_at: int) -> None:
    words = [
        cleaned_sqlite_site.name_of("orphans"),
        str(cleaned_sqlite_site.site.media / "avif" / "orphan.avif"),
    ]
    words.insert(force_at, "--force")
    done = cleaned_sqlite_site.run("restore", *words)
    assert done.returncode == 0, done.stderr
    assert "avif/orphan.avif" in cleaned_sqlite_site.site.files
    assert "photos/orphan.jpg" not in cleaned_sqlite_site.site.files


@pytest.mark.promise(10)
def test_what_cannot_come_back_is_told_one_by_one_and_comes_later(cleaned_sqlite_site: CleanedSite) -> None:
    cleaned_sqlite_site.site.write("photos/orphan.jpg", "avif/orphan.avif", content=b"another")
    name = cleaned_sqlite_site.name_of("orphans")
    before = cleaned_sqlite_site.site.state()
    planned = cleaned_sqlite_site.run("restore", name, "--dry-run")
    assert cleaned_sqlite_site.site.state() == before
    done = cleaned_sqlite_site.run("restore", name, "--force", "--quiet")
    for told in (planned, done):
        assert (told.returncode, told.stdout) == (4, "")
        for path in ("photos/orphan.jpg", "avif/orphan.avif"):
            assert f"{path}: another file is in its place now" in told.stderr
    assert (cleaned_sqlite_site.site.media / "photos" / "orphan.jpg").read_bytes() == b"another"
    for path in ("photos/orphan.jpg", "avif/orphan.avif"):
        (cleaned_sqlite_site.site.media / path).unlink()
    assert cleaned_sqlite_site.run("restore", name, "--force").returncode == 0
    assert (cleaned_sqlite_site.site.media / "photos" / "orphan.jpg").read_bytes() == b"picture"


def test_at_a_terminal_it_shows_what_would_come_back_and_asks(cleaned_sqlite_site: CleanedSite) -> None:
    line = cleaned_sqlite_site.command.line(
        "restore", cleaned_sqlite_site.site.name, cleaned_sqlite_site.name_of("incomplete")
    )
    after = cleaned_sqlite_site.content
    status, said = at_a_terminal(line, "no")
    assert (status, cleaned_sqlite_site.content) == (6, after)
    assert "photos/half.jpg" in said
    assert "nothing was restored" in said
    status, said = at_a_terminal(line, "yes")
    assert status == 0
    assert "  restored: 1 row, 1 file, 7 bytes" in said
    assert "photos/half.jpg" in cleaned_sqlite_site.site.files


def test_without_a_terminal_and_force_nothing_is_done(cleaned_sqlite_site: CleanedSite) -> None:
    names = cleaned_sqlite_site.names
    for arguments in (
        ["restore", "latest"],
        ["purge", "latest"],
        ["purge", "--older-than-days", "0"],
    ):
        done = cleaned_sqlite_site.run(*arguments)
        assert done.returncode == 6
        assert "--force" in done.stderr
    assert cleaned_sqlite_site.names == names


@pytest.mark.promise(10)
def test_only_old_batches_are_purged(cleaned_sqlite_site: CleanedSite) -> None:
    cleaned_sqlite_site.aged("orphans", 31)
    cleaned_sqlite_site.aged("incomplete", 29)
    old = cleaned_sqlite_site.name_of("orphans")
    left = [name for name in cleaned_sqlite_site.names if name != old]
    planned = cleaned_sqlite_site.run("purge", "--older-than-days", "30", "--dry-run")
    assert old in planned.stdout
    assert len(cleaned_sqlite_site.names) == 3
    done = cleaned_sqlite_site.run("purge", "--older-than-days", "30", "--force", "--quiet")
    assert (done.returncode, cleaned_sqlite_site.names) == (0, left)
    assert old in done.stdout
    again = cleaned_sqlite_site.run("purge", "--older-than-days", "30", "--force", "--quiet")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert not (cleaned_sqlite_site.quarantine / old).exists()


@pytest.mark.promise(10)
def test_one_batch_is_purged_by_its_name_after_a_yes(cleaned_sqlite_site: CleanedSite) -> None:
    name = cleaned_sqlite_site.name_of("orphans")
    line = cleaned_sqlite_site.command.line("purge", cleaned_sqlite_site.site.name, name)
    status, said = at_a_terminal(line, "no")
    assert (status, len(cleaned_sqlite_site.names)) == (6, 3)
    assert "cannot be undone" in said
    status, said = at_a_terminal(line, "yes")
    assert (status, name in cleaned_sqlite_site.names, len(cleaned_sqlite_site.names)) == (0, False, 2)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["purge"], "needs either a BATCH or --older-than-days"),
        (["purge", "latest", "--older-than-days", "3"], "needs either a BATCH"),
        (["restore"], "The command batches lists"),
        (["restore", "latest", "photos/half.jpg", "--drop"], "unrecognized arguments"),
        (["purge", "latest", "photos/half.jpg"], "the batch holds nothing of these paths"),
    ],
)
def test_a_wrong_line_does_nothing(cleaned_sqlite_site: CleanedSite, line: list[str], words: str) -> None:
    before = cleaned_sqlite_site.site.state()
    done = cleaned_sqlite_site.run(*line, "--force")
    assert done.returncode == 2
    assert words in done.stderr
    assert cleaned_sqlite_site.site.state() == before


@pytest.mark.promise(10)
def test_of_a_shared_quarantine_only_this_sites_batches_are_seen_and_purged(
    cleaned_sqlite_site: CleanedSite, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("other")
    database = type(cleaned_sqlite_site.site.database)("sqlite", f"sqlite:///{folder / 'db.sqlite3'}")
    (folder / "db.sqlite3").touch()
    other = drift(Site(folder, database, "other"))
    cleaned_sqlite_site.command.describe(other.described(quarantine=str(cleaned_sqlite_site.quarantine)))
    assert cleaned_sqlite_site.command.run("orphans", "other", "--force").returncode == 0
    assert len(cleaned_sqlite_site.names) == 3
    announce(cleaned_sqlite_site.quarantine)
    assert cleaned_sqlite_site.run("purge", "--older-than-days", "0", "--force").returncode == 0
    assert cleaned_sqlite_site.names == []
    assert len(cleaned_sqlite_site.command.json("batches", "other")["batches"]) == 1


@pytest.mark.promise("locks")
def test_while_another_run_works_they_are_busy(cleaned_sqlite_site: CleanedSite) -> None:
    other = os.open(cleaned_sqlite_site.quarantine, os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert cleaned_sqlite_site.run("restore", "latest", "--force").returncode == 5
        assert cleaned_sqlite_site.run("purge", "latest", "--force").returncode == 5
    finally:
        os.close(other)
    assert len(cleaned_sqlite_site.names) == 3


def test_a_site_without_quarantine_is_told(sqlite_site: Site, command: Command) -> None:
    command.describe(sqlite_site.described())
    for arguments in (
        ["batches"],
        ["restore", "latest", "--force"],
        ["purge", "latest", "--force"],
    ):
        done = command.run(arguments[0], sqlite_site.name, *arguments[1:])
        assert done.returncode == 2
        assert "has permanent: true" in done.stderr


def test_a_purge_leaves_its_outcome_for_those_who_watch(
    cleaned_sqlite_site: CleanedSite, tmp_path: Path
) -> None:
    outcome, metrics, log = (tmp_path / name for name in ("o.json", "m.prom", "log"))
    leaving = ["--outcome", str(outcome), "--metrics", str(metrics), "--log", str(log)]
    announce(cleaned_sqlite_site.quarantine)
    assert cleaned_sqlite_site.run("purge", "--older-than-days", "0", "--force", *leaving).returncode == 0
    told = json.loads(outcome.read_text())
    assert (told["job"], told["status"]) == ("purge", "done")
    assert told["runs"][0]["removed"] == {"records": 2, "files": 3, "bytes": 21}
    assert 'media_cleanup_removed_files{site="kit",cleanup_job="purge"} 3' in metrics.read_text()
    assert 'media_cleanup_quarantine_batches{site="kit",cleanup_job="purge"} 0' in metrics.read_text()
    assert "purge (done): 3 batches" in log.read_text()
