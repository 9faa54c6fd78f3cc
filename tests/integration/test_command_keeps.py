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

from helpers.commands import Command, at_a_terminal, drift
from helpers.support import Ansible, Site

INFO = "django_media.cleanup.media_quarantine_info"


class Keeping:
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


@pytest.fixture
def keeping(site: Site, command: Command) -> Keeping:
    return Keeping(site, command)


@pytest.fixture
def on_sqlite(sqlite_site: Site, command: Command) -> Keeping:
    return Keeping(sqlite_site, command)


def test_batches_are_listed_as_the_module_lists_them(on_sqlite: Keeping, ansible: Ansible) -> None:
    [by_module] = ansible.results({INFO: {"quarantine": str(on_sqlite.quarantine)}})
    assert on_sqlite.run_json("batches")["batches"] == by_module["batches"]
    head, *rows = on_sqlite.run("batches").stdout.splitlines()
    assert head.split() == ["BATCH", "REMOVED", "JOB", "FILES", "BYTES", "ROWS"]
    assert [row.split()[0] for row in rows] == on_sqlite.names
    assert [row.split()[2:] for row in rows] == [
        ["orphans", "2", "14", "0"],
        ["incomplete", "1", "7", "1"],
        ["missing", "0", "0", "1"],
    ]
    assert len({len(line) for line in (head, *rows)}) == 1


def test_a_path_finds_its_batch_however_it_is_copied(on_sqlite: Keeping) -> None:
    for path in ("photos/half.jpg", str(on_sqlite.site.media / "photos" / "half.jpg")):
        [batch] = on_sqlite.run_json("batches", path)["batches"]
        assert batch["job"] == "incomplete"
    # A row that lost its file names it all the same.
    [batch] = on_sqlite.run_json("batches", "photos/lost.jpg")["batches"]
    assert batch["job"] == "missing"
    assert on_sqlite.run("batches", "photos/kept1.jpg").stdout == "no batches\n"
    assert on_sqlite.run("batches", "photos/kept1.jpg", "--quiet").stdout == ""


@pytest.mark.promise(10)
def test_all_that_was_removed_comes_back(keeping: Keeping) -> None:
    after = keeping.content
    for name in keeping.names:
        told = keeping.run("restore", name, "--dry-run")
        assert (told.returncode, keeping.content) == (0, after)
        assert "would come back" in told.stdout
    for name in keeping.names:
        assert keeping.run("restore", name, "--force").returncode == 0
    assert keeping.content == keeping.before
    assert keeping.names == []


def test_a_batch_answers_to_the_beginning_of_its_name_and_to_latest(on_sqlite: Keeping) -> None:
    orphans = on_sqlite.name_of("orphans")
    [run] = on_sqlite.run_json("restore", orphans[:-3], "--dry-run")["runs"]
    assert run["batches"] == [orphans]
    [run] = on_sqlite.run_json("restore", "latest", "--dry-run")["runs"]
    assert run["batches"] == [on_sqlite.name_of("missing")]


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
    on_sqlite: Keeping, arguments: list[str], words: str
) -> None:
    after = on_sqlite.content
    done = on_sqlite.run("restore", *arguments, "--force")
    assert done.returncode == 2
    assert words in done.stderr
    assert "latest" in arguments or all(name in done.stderr for name in on_sqlite.names)
    assert on_sqlite.content == after


@pytest.mark.promise(10)
@pytest.mark.parametrize("force_at", [0, 1, 2])
def test_some_paths_come_back_alone(on_sqlite: Keeping, force_at: int) -> None:
    words = [on_sqlite.name_of("orphans"), str(on_sqlite.site.media / "avif" / "orphan.avif")]
    words.insert(force_at, "--force")
    done = on_sqlite.run("restore", *words)
    assert done.returncode == 0, done.stderr
    assert "avif/orphan.avif" in on_sqlite.site.files
    assert "photos/orphan.jpg" not in on_sqlite.site.files


@pytest.mark.promise(10)
def test_what_cannot_come_back_is_told_one_by_one_and_comes_later(on_sqlite: Keeping) -> None:
    on_sqlite.site.write("photos/orphan.jpg", "avif/orphan.avif", content=b"another")
    name = on_sqlite.name_of("orphans")
    before = on_sqlite.site.state()
    planned = on_sqlite.run("restore", name, "--dry-run")
    assert on_sqlite.site.state() == before
    done = on_sqlite.run("restore", name, "--force", "--quiet")
    for told in (planned, done):
        assert (told.returncode, told.stdout) == (4, "")
        for path in ("photos/orphan.jpg", "avif/orphan.avif"):
            assert f"{path}: another file has come into its place" in told.stderr
    assert (on_sqlite.site.media / "photos" / "orphan.jpg").read_bytes() == b"another"
    for path in ("photos/orphan.jpg", "avif/orphan.avif"):
        (on_sqlite.site.media / path).unlink()
    assert on_sqlite.run("restore", name, "--force").returncode == 0
    assert (on_sqlite.site.media / "photos" / "orphan.jpg").read_bytes() == b"picture"


def test_at_a_terminal_it_shows_what_would_come_back_and_asks(on_sqlite: Keeping) -> None:
    line = on_sqlite.command.line("restore", on_sqlite.site.name, on_sqlite.name_of("incomplete"))
    after = on_sqlite.content
    status, said = at_a_terminal(line, "no")
    assert (status, on_sqlite.content) == (6, after)
    assert "photos/half.jpg" in said
    assert "nothing was brought back" in said
    status, said = at_a_terminal(line, "yes")
    assert status == 0
    assert "1 file, 7 bytes and 1 row came back" in said
    assert "photos/half.jpg" in on_sqlite.site.files


def test_without_a_terminal_and_force_nothing_is_done(on_sqlite: Keeping) -> None:
    names = on_sqlite.names
    for arguments in (
        ["restore", "latest"],
        ["purge", "--batch", "latest"],
        ["purge", "--older-than-days", "0"],
    ):
        done = on_sqlite.run(*arguments)
        assert done.returncode == 6
        assert "--force" in done.stderr
    assert on_sqlite.names == names


@pytest.mark.promise(10)
def test_only_old_batches_are_purged(on_sqlite: Keeping) -> None:
    on_sqlite.aged("orphans", 31)
    on_sqlite.aged("incomplete", 29)
    old = on_sqlite.name_of("orphans")
    left = [name for name in on_sqlite.names if name != old]
    planned = on_sqlite.run("purge", "--older-than-days", "30", "--dry-run")
    assert old in planned.stdout
    assert len(on_sqlite.names) == 3
    done = on_sqlite.run("purge", "--older-than-days", "30", "--force", "--quiet")
    assert (done.returncode, on_sqlite.names) == (0, left)
    assert old in done.stdout
    again = on_sqlite.run("purge", "--older-than-days", "30", "--force", "--quiet")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert not (on_sqlite.quarantine / old).exists()


@pytest.mark.promise(10)
def test_one_batch_is_purged_by_its_name_after_a_yes(on_sqlite: Keeping) -> None:
    name = on_sqlite.name_of("orphans")
    line = on_sqlite.command.line("purge", on_sqlite.site.name, "--batch", name)
    status, said = at_a_terminal(line, "no")
    assert (status, len(on_sqlite.names)) == (6, 3)
    assert "cannot be undone" in said
    status, said = at_a_terminal(line, "yes")
    assert (status, name in on_sqlite.names, len(on_sqlite.names)) == (0, False, 2)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["purge"], "one of the arguments --older-than-days --batch is required"),
        (["purge", "--batch", "latest", "--older-than-days", "3"], "not allowed with"),
        (["restore"], "The command batches lists"),
        (["restore", "latest", "photos/half.jpg", "--drop"], "unrecognized arguments"),
        (["purge", "--batch", "latest", "photos/half.jpg"], "unrecognized arguments"),
    ],
)
def test_a_wrong_line_does_nothing(on_sqlite: Keeping, line: list[str], words: str) -> None:
    before = on_sqlite.site.state()
    done = on_sqlite.run(*line, "--force")
    assert done.returncode == 2
    assert words in done.stderr
    assert on_sqlite.site.state() == before


@pytest.mark.promise(10)
def test_of_a_shared_quarantine_only_this_sites_batches_are_seen_and_purged(
    on_sqlite: Keeping, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("other")
    database = type(on_sqlite.site.database)("sqlite", f"sqlite:///{folder / 'db.sqlite3'}")
    (folder / "db.sqlite3").touch()
    other = drift(Site(folder, database, "other"))
    on_sqlite.command.describe(other.described(quarantine=str(on_sqlite.quarantine)))
    assert on_sqlite.command.run("orphans", "other", "--force").returncode == 0
    assert len(on_sqlite.names) == 3
    assert on_sqlite.run("purge", "--older-than-days", "0", "--force").returncode == 0
    assert on_sqlite.names == []
    assert len(on_sqlite.command.json("batches", "other")["batches"]) == 1


@pytest.mark.promise("locks")
def test_while_another_run_works_they_are_busy(on_sqlite: Keeping) -> None:
    other = os.open(on_sqlite.quarantine, os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert on_sqlite.run("restore", "latest", "--force").returncode == 5
        assert on_sqlite.run("purge", "--batch", "latest", "--force").returncode == 5
    finally:
        os.close(other)
    assert len(on_sqlite.names) == 3


def test_a_site_without_quarantine_is_told(sqlite_site: Site, command: Command) -> None:
    command.describe(sqlite_site.described())
    for arguments in (
        ["batches"],
        ["restore", "latest", "--force"],
        ["purge", "--batch", "latest", "--force"],
    ):
        done = command.run(arguments[0], sqlite_site.name, *arguments[1:])
        assert done.returncode == 2
        assert "has no quarantine" in done.stderr


def test_a_purge_leaves_its_outcome_for_those_who_watch(on_sqlite: Keeping, tmp_path: Path) -> None:
    outcome, metrics, log = (tmp_path / name for name in ("o.json", "m.prom", "log"))
    leaving = ["--outcome", str(outcome), "--metrics", str(metrics), "--log", str(log)]
    assert on_sqlite.run("purge", "--older-than-days", "0", "--force", *leaving).returncode == 0
    told = json.loads(outcome.read_text())
    assert (told["job"], told["status"]) == ("purge", "done")
    assert told["runs"][0]["removed"] == {"records": 2, "files": 3, "bytes": 21}
    assert 'media_cleanup_removed_files{site="kit",job="purge"} 3' in metrics.read_text()
    assert "purge (done): 3 batches" in log.read_text()
